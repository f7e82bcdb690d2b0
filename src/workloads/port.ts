/**
 * A workload adapter is two pure functions and a declaration: it turns the Kubernetes objects it named into a common
 * picture, and a common intent into guarded patches. Equal state gives no patch. It never calls anything.
 */
import type { Finding, KubeObject, ObjectRef, ResourceNeed, ResourceType, Write } from '../api/meta.ts';
import type { ReleaseSpec, ReleaseStatus, TakenState } from '../api/release.ts';
import type { ConfigReference } from './config/references.ts';
import type { WorkloadIntent, WorkloadState } from '../release/observed.ts';

/** What to fetch: named objects and selections, all in the Release's namespace. */
export type ObjectQuery =
  | { readonly kind: 'object'; readonly ref: ObjectRef }
  | { readonly kind: 'all'; readonly type: ResourceType; readonly namespace: string }
  /** Not watched: asked for at the API server, so a glance at the cache does not know them. */
  | {
      readonly kind: 'onDemand';
      readonly type: ResourceType;
      readonly namespace: string;
      readonly labelSelector?: string;
    };

/** What was fetched; `find` by type, namespace and name, `all` by type. */
export interface ObjectSet {
  find(type: ResourceType, namespace: string, name: string): KubeObject | undefined;
  all(type: ResourceType, namespace: string): readonly KubeObject[];
  /** Absent, or true: what is not there does not exist. False: nobody asked for this type. */
  isKnown?(type: ResourceType): boolean;
}

export interface WorkloadInput {
  readonly namespace: string;
  readonly spec: ReleaseSpec;
  readonly status: ReleaseStatus | undefined;
  /** The Release itself, for adapters that make objects or mark the user's. */
  readonly release?: { readonly name: string; readonly uid: string };
  readonly objects: ObjectSet;
  /** To tell stuck pods by age. */
  readonly nowMs: number;
  /** Name of the workload that the routes give the traffic to; decides which member of a pair is live while `status` does not say. */
  readonly trafficHint?: string;
}

export interface WorkloadAdapter {
  readonly name: 'pair' | 'deployment' | 'argoRollout' | 'kruiseRollout';
  readonly needs: readonly ResourceNeed[];
  queries(input: Pick<WorkloadInput, 'namespace' | 'spec' | 'status'>): readonly ObjectQuery[];
  /**
   * Uids of the objects that own the ReplicaSets and pods it reads, so that they are found by owner and not among all of a namespace.
   * Absent: the objects that `queries` names.
   */
  owners?(input: Pick<WorkloadInput, 'namespace' | 'spec' | 'objects'>): readonly string[];
  /** What pods that start read of ConfigMaps and Secrets; `undefined` where nobody asked Serin to look at it. */
  configReferences?(input: WorkloadInput): readonly ConfigReference[] | undefined;
  read(input: WorkloadInput): WorkloadState | Finding;
  /** What must be remembered in `status.taken` before the first write, so that it can be given back exactly. */
  snapshot(input: WorkloadInput): TakenState['workload'];
  write(input: WorkloadInput, intent: WorkloadIntent): readonly Write[];
}
