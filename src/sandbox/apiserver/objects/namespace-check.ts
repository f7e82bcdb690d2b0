/** Objects are created only in namespaces, and of kinds, that exist and are not on their way out. */
import { Failure, forbidden, notFound } from '../failure.ts';
import { textAt } from '../json.ts';
import type { Resource } from '../kinds/resource.ts';
import { type Machine, resourceSubject } from './context.ts';

const NAMESPACES = 'core/namespaces';
const DEFINITIONS = 'apiextensions.k8s.io/customresourcedefinitions';

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

export function requireLivingDefinition(machine: Machine, resource: Resource): void {
  const definition = machine.store.get(DEFINITIONS, `${resource.plural}.${resource.group}`)?.object;
  if (definition?.metadata.deletionTimestamp === undefined) return;
  throw new Failure(405, 'MethodNotAllowed', `create not allowed while custom resource definition is terminating`, {
    group: resource.group,
    kind: resource.plural,
  });
}
