/** What the informers know, for reads that need not be fresh. Writes stay guarded by preconditions. */
import type { KubeObject, ObjectRef, ResourceType } from '../api/meta.ts';

export type CacheEvent = 'added' | 'modified' | 'deleted';

export interface ObjectCache {
  get(ref: ObjectRef): KubeObject | undefined;
  /** Namespaced types: all namespaces unless one is named. */
  list(type: ResourceType, namespace?: string): readonly KubeObject[];
  /** Called after the cache changed; `previous` is what it held before. Returns the function that ends it. */
  subscribe(listener: (event: CacheEvent, object: KubeObject, previous: KubeObject | undefined) => void): () => void;
}
