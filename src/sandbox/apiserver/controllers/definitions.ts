/** Custom resources come and go with their definitions: served once established, emptied before the definition is deleted. */
import { equalJson, isObject, type Json, listAt, textAt } from '../json.ts';
import { customResources } from '../kinds/custom.ts';
import type { Resource } from '../kinds/resource.ts';
import { type Machine, secondsOf } from '../objects/context.ts';
import { recordUpdate } from '../objects/ownership.ts';
import { CLEANUP, remove } from '../objects/remove.ts';
import { copyObject, type StoredObject } from '../object.ts';

const DEFINITIONS = 'apiextensions.k8s.io/customresourcedefinitions';

/** Returns the function that ends it. */
export function serveDefinitions(machine: Machine): () => void {
  const served = new Map<string, readonly Resource[]>();
  const unserve = (name: string): void => {
    for (const resource of served.get(name) ?? []) machine.registry.remove(resource);
    served.delete(name);
  };
  const follow = (definition: StoredObject): void => {
    const { name } = definition.metadata;
    unserve(name);
    const resources = customResources(definition).map(({ resource }) => resource);
    served.set(name, resources);
    for (const resource of resources) machine.registry.add(resource);
    const [first] = resources;
    if (first !== undefined && machine.store.oldestRevision(first.storage) === 0) machine.store.begin(first.storage);
  };
  return machine.store.subscribe(DEFINITIONS, (event) => {
    const { object } = event.version;
    const { name } = object.metadata;
    if (event.type === 'DELETED') {
      const storage = served.get(name)?.[0]?.storage;
      unserve(name);
      if (storage !== undefined) machine.store.drop(storage);
      return;
    }
    if (
      event.type === 'ADDED' ||
      event.version.object.metadata.generation !== event.previous?.object.metadata.generation
    ) {
      follow(object);
    }
    queueMicrotask(() => settle(machine, name, served.get(name)));
  });
}

/** Writes the status, and empties and releases a definition that is being deleted. */
function settle(machine: Machine, name: string, resources: readonly Resource[] | undefined): void {
  const current = machine.store.get(DEFINITIONS, name)?.object;
  if (current === undefined) return;
  const next = copyObject(current);
  next.status = statusOf(machine, current);
  if (!equalJson(next.status, current.status)) {
    own(machine, current, next);
    machine.store.put(DEFINITIONS, name, next);
  }
  if (current.metadata.deletionTimestamp !== undefined) empty(machine, name, resources?.[0]);
}

/** The server itself is the manager of this status. */
function own(machine: Machine, before: StoredObject, next: StoredObject): void {
  const resource = machine.registry.find('apiextensions.k8s.io', 'v1', 'customresourcedefinitions');
  if (resource === undefined) return;
  recordUpdate(machine, resource, before, next, {
    fieldManager: 'kube-apiserver',
    fieldValidation: 'Ignore',
    dryRun: false,
    force: false,
    subresource: 'status',
    warnings: [],
  });
}

function statusOf(machine: Machine, definition: StoredObject): Json {
  const spec = isObject(definition.spec) ? definition.spec : {};
  const before = isObject(definition.status) ? definition.status : {};
  const stored = listAt(spec, 'versions')
    .filter((version) => isObject(version) && version['storage'] === true)
    .map((version) => textAt(version, 'name') ?? '');
  const condition = (type: string, reason: string, message: string): Json => {
    const existing = listAt(before, 'conditions').find((item) => isObject(item) && item['type'] === type);
    if (isObject(existing) && existing['status'] === 'True') return existing;
    return { type, status: 'True', lastTransitionTime: secondsOf(machine.nowMs()), reason, message };
  };
  return {
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ...(definition.metadata.deletionTimestamp === undefined
        ? []
        : [condition('Terminating', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress')]),
    ],
    acceptedNames: structuredClone(spec['names'] ?? {}),
    storedVersions: [...new Set([...listAt(before, 'storedVersions').map(String), ...stored])],
  };
}

function empty(machine: Machine, name: string, resource: Resource | undefined): void {
  const instances = resource === undefined ? [] : machine.store.list(resource.storage);
  for (const { object } of instances) {
    if (resource === undefined || object.metadata.deletionTimestamp !== undefined) continue;
    remove(
      machine,
      { resource, namespace: object.metadata.namespace, name: object.metadata.name },
      {
        gracePeriodSeconds: undefined,
        propagation: undefined,
        uid: undefined,
        resourceVersion: undefined,
        dryRun: false,
      },
    );
  }
  if (resource !== undefined && machine.store.count(resource.storage) > 0) {
    const off = machine.store.subscribe(resource.storage, () => {
      off();
      queueMicrotask(() => settle(machine, name, [resource]));
    });
    return;
  }
  const current = machine.store.get(DEFINITIONS, name)?.object;
  if (current === undefined) return;
  const others = (current.metadata.finalizers ?? []).filter((finalizer) => finalizer !== CLEANUP);
  if (others.length === 0) machine.store.remove(DEFINITIONS, name);
  else if (others.length !== (current.metadata.finalizers ?? []).length) {
    machine.store.put(DEFINITIONS, name, { ...current, metadata: { ...current.metadata, finalizers: others } });
  }
}
