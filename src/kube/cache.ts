/** What the informers know, for reads that need not be fresh. Writes stay guarded by preconditions. */
import type { KubeObject, ObjectRef, ResourceType } from '../api/meta.ts';

export type CacheEvent = 'added' | 'modified' | 'deleted';

export interface ObjectCache {
  get(ref: ObjectRef): KubeObject | undefined;
  /** Namespaced types: all namespaces unless one is named. */
  list(type: ResourceType, namespace?: string): readonly KubeObject[];
  /**
   * Whether it holds what there is of this type; without it `get` and `list` say nothing about it. A type that is watched on demand is
   * watched from the first question on. Absent: it holds every type.
   */
  covers?(type: ResourceType): boolean;
  /** Called after the cache changed; `previous` is what it held before. Returns the function that ends it. */
  subscribe(listener: (event: CacheEvent, object: KubeObject, previous: KubeObject | undefined) => void): () => void;
}
