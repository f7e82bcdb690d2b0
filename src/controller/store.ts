/** The objects that informers hold, by type, namespace and name; tells listeners what changed. Memory only, no I/O. */
import type { KubeObject, ObjectRef, ResourceType } from '../api/meta.ts';
import type { CacheEvent, ObjectCache } from '../kube/cache.ts';

type Listener = (event: CacheEvent, object: KubeObject, previous: KubeObject | undefined) => void;
type Bucket = Map<string, Map<string, KubeObject>>;

const keyOf = (type: Pick<ResourceType, 'group' | 'kind'>): string => `${type.kind}.${type.group}`;
const CLUSTER = '';

export class ObjectStore implements ObjectCache {
  readonly #types = new Map<string, Bucket>();
  readonly #listeners = new Set<Listener>();
  readonly #onListenerError: (thrown: unknown) => void;

  constructor(onListenerError: (thrown: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  get(ref: ObjectRef): KubeObject | undefined {
    return this.#types
      .get(keyOf(ref.type))
      ?.get(ref.namespace ?? CLUSTER)
      ?.get(ref.name);
  }

  list(type: ResourceType, namespace?: string): readonly KubeObject[] {
    const bucket = this.#types.get(keyOf(type));
    if (bucket === undefined) return [];
    if (namespace !== undefined) return [...(bucket.get(namespace)?.values() ?? [])];
    return [...bucket.values()].flatMap((names) => [...names.values()]);
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Takes over one object. The same resourceVersion again changes nothing. */
  put(type: ResourceType, object: KubeObject): void {
    const names = this.#namesOf(type, object.metadata.namespace ?? CLUSTER);
    const previous = names.get(object.metadata.name);
    const version = object.metadata.resourceVersion;
    if (previous !== undefined && version !== undefined && previous.metadata.resourceVersion === version) return;
    names.set(object.metadata.name, object);
    this.#tell(previous === undefined ? 'added' : 'modified', object, previous);
  }

  remove(type: ResourceType, object: KubeObject): void {
    const namespace = object.metadata.namespace ?? CLUSTER;
    const bucket = this.#types.get(keyOf(type));
    const names = bucket?.get(namespace);
    const previous = names?.get(object.metadata.name);
    if (previous === undefined) return;
    names?.delete(object.metadata.name);
    if (names?.size === 0) bucket?.delete(namespace);
    this.#tell('deleted', object, previous);
  }

  /** What a fresh list says replaces everything of that type in that namespace (absent: in all). */
  replace(type: ResourceType, namespace: string | undefined, objects: readonly KubeObject[]): void {
    const alive = new Set(objects.map((object) => `${object.metadata.namespace ?? CLUSTER}/${object.metadata.name}`));
    for (const object of this.list(type, namespace)) {
      if (!alive.has(`${object.metadata.namespace ?? CLUSTER}/${object.metadata.name}`)) this.remove(type, object);
    }
    for (const object of objects) this.put(type, object);
  }

  #namesOf(type: ResourceType, namespace: string): Map<string, KubeObject> {
    const key = keyOf(type);
    const bucket: Bucket = this.#types.get(key) ?? new Map<string, Map<string, KubeObject>>();
    this.#types.set(key, bucket);
    const names = bucket.get(namespace) ?? new Map<string, KubeObject>();
    bucket.set(namespace, names);
    return names;
  }

  #tell(event: CacheEvent, object: KubeObject, previous: KubeObject | undefined): void {
    for (const listener of this.#listeners) {
      try {
        listener(event, object, previous);
      } catch (thrown) {
        // One listener's bug must neither stop the watch nor hide the change from the others.
        this.#onListenerError(thrown);
      }
    }
  }
}
