/**
 * What Serin asks of a Kubernetes API server, and nothing more. One adapter (`client.ts`) speaks to a real server;
 * tests wrap this port to inject faults. All methods throw `SerinError` (`CONFLICT`, `GONE`, `FORBIDDEN`, `KUBERNETES`).
 */
import type { KubeObject, ObjectRef, Patch, ResourceType } from '../api/meta.ts';

export interface ListOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface ObjectList {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

export interface KubeReader {
  /** `undefined` when the object does not exist. */
  get(ref: ObjectRef, signal?: AbortSignal): Promise<KubeObject | undefined>;
  list(type: ResourceType, options?: ListOptions, signal?: AbortSignal): Promise<ObjectList>;
  /** Ends when the server closes the stream; throws `SERIN_E_GONE` on 410. The caller restarts it. */
  watch(
    type: ResourceType,
    options: ListOptions & { readonly resourceVersion: string },
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent>;
}

export interface KubeWriter {
  /** Throws `SERIN_E_CONFLICT` when the name is taken. */
  create(object: KubeObject, fieldManager: string, signal?: AbortSignal): Promise<KubeObject>;
  /** Throws `SERIN_E_CONFLICT` when a `test` fails, another manager owns a field, or the resourceVersion is old. */
  patch(patch: Patch, signal?: AbortSignal): Promise<KubeObject>;
  /** Deleting what does not exist is fine. */
  delete(ref: ObjectRef, preconditions?: { readonly uid?: string }, signal?: AbortSignal): Promise<void>;
}

export type KubeClient = KubeReader & KubeWriter;
