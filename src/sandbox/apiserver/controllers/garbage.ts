/** Garbage collection: dependents go when their last owner has gone; `Foreground` waits for them, `Orphan` releases them. */
import type { Resource } from '../kinds/resource.ts';
import { type StoredObject } from '../object.ts';
import type { Machine } from '../objects/context.ts';
import { deletionComplete } from '../objects/commit.ts';
import { type DeleteOptions, remove } from '../objects/remove.ts';
import type { StoreEvent } from '../store/store.ts';

const BACKGROUND: DeleteOptions = {
  gracePeriodSeconds: undefined,
  propagation: 'Background',
  uid: undefined,
  resourceVersion: undefined,
  dryRun: false,
};

interface Dependent {
  readonly storage: string;
  readonly key: string;
}

/** Returns the function that ends it. */
export function collectGarbage(machine: Machine): () => void {
  const collector = new Collector(machine);
  return machine.store.subscribeAll((event) => collector.see(event));
}

class Collector {
  readonly #machine: Machine;
  /** Dependents by the uid of their owner. */
  readonly #dependents = new Map<string, Map<string, Dependent>>();
  readonly #alive = new Set<string>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  see(event: StoreEvent): void {
    const { object, key } = event.version;
    const uid = object.metadata.uid ?? '';
    const id = `${event.resource} ${key}`;
    for (const owner of event.previous?.object.metadata.ownerReferences ?? []) {
      this.#dependents.get(owner.uid)?.delete(id);
    }
    if (event.type === 'DELETED') {
      this.#alive.delete(uid);
      const left = [...(this.#dependents.get(uid)?.values() ?? [])];
      this.#dependents.delete(uid);
      setImmediate(() => {
        for (const dependent of left) this.#reconsider(dependent);
        this.#tellOwners(object);
      });
      return;
    }
    this.#alive.add(uid);
    for (const owner of object.metadata.ownerReferences ?? []) {
      const known = this.#dependents.get(owner.uid) ?? new Map<string, Dependent>();
      known.set(id, { storage: event.resource, key });
      this.#dependents.set(owner.uid, known);
      if (!this.#alive.has(owner.uid)) setImmediate(() => this.#reconsider({ storage: event.resource, key }));
    }
    if (object.metadata.deletionTimestamp !== undefined) setImmediate(() => this.#finish(event.resource, key));
  }

  /** Deletes a dependent whose owners are all gone. */
  #reconsider({ storage, key }: Dependent): void {
    const object = this.#machine.store.get(storage, key)?.object;
    const owners = object?.metadata.ownerReferences ?? [];
    if (object === undefined || owners.length === 0) return;
    const left = owners.filter((owner) => this.#alive.has(owner.uid));
    if (left.length === 0) this.#delete(storage, object);
    else if (left.length < owners.length) {
      this.#machine.store.put(storage, key, { ...object, metadata: { ...object.metadata, ownerReferences: left } });
    }
  }

  #delete(storage: string, object: StoredObject): void {
    const resource = this.#resource(storage);
    const { name, namespace, deletionTimestamp } = object.metadata;
    if (resource === undefined || deletionTimestamp !== undefined) return;
    remove(this.#machine, { resource, namespace, name }, BACKGROUND);
  }

  #resource(storage: string): Resource | undefined {
    return this.#machine.registry.stored().find((resource) => resource.storage === storage);
  }

  /** An owner that waits for its dependents may be done now. */
  #tellOwners(object: StoredObject): void {
    for (const owner of object.metadata.ownerReferences ?? []) {
      const resource = this.#machine.registry.findKind(owner.apiVersion, owner.kind);
      if (resource === undefined) continue;
      const key = resource.namespaced ? `${object.metadata.namespace ?? ''}/${owner.name}` : owner.name;
      this.#finish(resource.storage, key);
    }
  }

  /** Acts on the two finalizers that are the collector's. */
  #finish(storage: string, key: string): void {
    const object = this.#machine.store.get(storage, key)?.object;
    const { finalizers = [], deletionTimestamp, uid = '' } = object?.metadata ?? {};
    if (object === undefined || deletionTimestamp === undefined) return;
    const dependents = [...(this.#dependents.get(uid)?.values() ?? [])];
    if (finalizers.includes('orphan')) {
      for (const dependent of dependents) this.#release(dependent, uid);
      this.#dropFinalizer(storage, key, object, 'orphan');
    } else if (finalizers.includes('foregroundDeletion')) {
      for (const dependent of dependents) {
        const found = this.#machine.store.get(dependent.storage, dependent.key)?.object;
        if (found !== undefined) this.#delete(dependent.storage, found);
      }
      const blocking = dependents.filter(({ storage: place, key: id }) => {
        const owners = this.#machine.store.get(place, id)?.object.metadata.ownerReferences ?? [];
        return owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true);
      });
      if (blocking.length === 0) this.#dropFinalizer(storage, key, object, 'foregroundDeletion');
    }
  }

  #release({ storage, key }: Dependent, ownerUid: string): void {
    const object = this.#machine.store.get(storage, key)?.object;
    if (object === undefined) return;
    const { ownerReferences = [], ...metadata } = object.metadata;
    const left = ownerReferences.filter((owner) => owner.uid !== ownerUid);
    const kept = left.length === 0 ? {} : { ownerReferences: left };
    this.#machine.store.put(storage, key, { ...object, metadata: { ...metadata, ...kept } });
  }

  #dropFinalizer(storage: string, key: string, object: StoredObject, name: string): void {
    const { finalizers = [], ...metadata } = object.metadata;
    const left = finalizers.filter((finalizer) => finalizer !== name);
    const next = { ...object, metadata: { ...metadata, ...(left.length === 0 ? {} : { finalizers: left }) } };
    if (deletionComplete(next)) this.#machine.store.remove(storage, key, next);
    else this.#machine.store.put(storage, key, next);
  }
}
