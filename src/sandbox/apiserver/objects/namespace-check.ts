/** Objects are created only in namespaces that exist and are not on their way out. */
import { forbidden, notFound } from '../failure.ts';
import { textAt } from '../json.ts';
import type { Resource } from '../kinds/resource.ts';
import { type Machine, resourceSubject } from './context.ts';

const NAMESPACES = 'core/namespaces';

export function requireNamespace(machine: Machine, resource: Resource, namespace: string, name: string): void {
  const found = machine.store.get(NAMESPACES, namespace)?.object;
  if (found === undefined) throw notFound({ group: '', kind: 'namespaces', name: namespace });
  if (textAt(found.status, 'phase') !== 'Terminating' && found.metadata.deletionTimestamp === undefined) return;
  throw forbidden(
    resourceSubject(resource, name),
    `unable to create new content in namespace ${namespace} because it is being terminated`,
    [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  );
}
