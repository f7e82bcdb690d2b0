/** A namespace that is deleted is emptied first; a new one gets its default service account. */
import { type Machine } from '../objects/context.ts';
import { create } from '../objects/create.ts';
import { remove } from '../objects/remove.ts';
import type { StoreEvent } from '../store/store.ts';

const NAMESPACES = 'core/namespaces';

/** Returns the function that ends it. */
export function keepNamespaces(machine: Machine): () => void {
  return machine.store.subscribeAll((event) => {
    if (event.resource === NAMESPACES) {
      setImmediate(() => seeNamespace(machine, event));
      return;
    }
    const namespace = event.version.object.metadata.namespace;
    if (event.type !== 'DELETED' || namespace === undefined) return;
    const owner = machine.store.get(NAMESPACES, namespace)?.object;
    if (owner?.metadata.deletionTimestamp !== undefined) setImmediate(() => empty(machine, namespace));
  });
}

function seeNamespace(machine: Machine, event: StoreEvent): void {
  const { name } = event.version.object.metadata;
  const current = machine.store.get(NAMESPACES, name)?.object;
  if (current === undefined) return;
  if (current.metadata.deletionTimestamp !== undefined) empty(machine, name);
  else if (event.type === 'ADDED') addServiceAccount(machine, name);
}

function addServiceAccount(machine: Machine, namespace: string): void {
  const resource = machine.registry.find('', 'v1', 'serviceaccounts');
  if (resource === undefined || machine.store.get(resource.storage, `${namespace}/default`) !== undefined) return;
  create(
    machine,
    resource,
    namespace,
    { metadata: { name: 'default' } },
    {
      fieldManager: 'kube-controller-manager',
      fieldValidation: 'Ignore',
      dryRun: false,
      force: false,
      subresource: '',
      warnings: [],
    },
  );
}

function empty(machine: Machine, namespace: string): void {
  let left = 0;
  for (const resource of machine.registry.stored()) {
    if (!resource.namespaced) continue;
    for (const { object } of machine.store.list(resource.storage, `${namespace}/`)) {
      left += 1;
      if (object.metadata.deletionTimestamp !== undefined) continue;
      const target = { resource, namespace, name: object.metadata.name };
      const options = { gracePeriodSeconds: undefined, propagation: undefined, uid: undefined };
      if (remove(machine, target, { ...options, resourceVersion: undefined, dryRun: false }).gone) left -= 1;
    }
  }
  const current = machine.store.get(NAMESPACES, namespace)?.object;
  if (left > 0 || current === undefined || (current.metadata.finalizers ?? []).length > 0) return;
  machine.store.remove(NAMESPACES, namespace, { ...current, spec: {} });
}
