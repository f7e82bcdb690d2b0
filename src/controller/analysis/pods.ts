/** Which pods the arms of a run have now, from the informers' cache; indexed once per poll, because many runs share a namespace. */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import { listAt, numberAt, stringAt, timeAt } from '../../api/fields.ts';
import { type KubeObject, type ResourceType, TYPES } from '../../api/meta.ts';
import type { Release, ReleaseSpec } from '../../api/release.ts';
import type { Finding } from '../../api/meta.ts';
import type { ObjectCache } from '../../kube/cache.ts';
import type { Arm, LivePod } from '../../metrics/ledger.ts';
import type { ArmState } from '../../release/observed.ts';
import type { ObjectSet, WorkloadAdapter } from '../../workloads/port.ts';

export type WorkloadOf = (spec: ReleaseSpec) => WorkloadAdapter | Finding;
type LivePods = Readonly<Record<Arm, readonly LivePod[]>>;

/** Answers with the pods of both arms, or `undefined` while the workload cannot be read. */
export type PodReader = (release: Release, run: AnalysisRunSpec, nowMs: number) => LivePods | undefined;

export function createPodReader(cache: ObjectCache, workloadOf: WorkloadOf): PodReader {
  const owned = createOwnerIndex(cache);
  return (release, run, nowMs) => {
    const adapter = workloadOf(release.spec);
    if (!('read' in adapter)) return undefined;
    const { namespace, name, uid } = release.metadata;
    const common = { namespace, spec: release.spec, status: release.status, release: { name, uid } };
    const { objects, hasGaps } = objectsFor(cache, owned, adapter, common);
    const state = adapter.read({ ...common, objects, nowMs });
    if (hasGaps() || !('stable' in state)) return undefined;
    const live = (arm: ArmState | undefined): readonly LivePod[] =>
      (arm?.pods ?? []).map((pod) => ({
        name: pod.name,
        uid: pod.uid,
        ...(pod.revision === undefined ? {} : { revision: pod.revision }),
        ...timesOf(cache.get({ type: TYPES.pod, namespace, name: pod.name }), pod.startedAtMs),
      }));
    const arms = [state.stable, state.canary].filter((arm) => arm !== undefined);
    // Where both arms are pods of one workload, its name tells nothing.
    const areApart = run.arms.stable.workload !== run.arms.canary.workload;
    const named = (arm: Arm): ArmState | undefined =>
      (areApart ? arms.find(({ workload }) => workload === run.arms[arm].workload) : undefined) ??
      (arm === 'stable' ? state.stable : state.canary);
    const canary = named('canary');
    // A baseline's pods stand where stable's would, for the metrics that compare with it.
    const baseline = baselinesOf(run).flatMap((name) => livePodsOf(cache, owned, namespace, name));
    // Pods of another revision are not what this run judges.
    return {
      stable: [...live(named('stable')), ...baseline],
      canary: canary?.revision === run.revision ? live(canary) : [],
    };
  };
}

function baselinesOf({ metrics }: AnalysisRunSpec): readonly string[] {
  return [...new Set(metrics.flatMap(({ against }) => against?.workload ?? []))];
}

/** Pods of a Deployment that no Release steers. */
function livePodsOf(cache: ObjectCache, owned: OwnerIndex, namespace: string, name: string): readonly LivePod[] {
  const uid = cache.get({ type: TYPES.deployment, namespace, name })?.metadata.uid;
  const sets = uid === undefined ? [] : owned('replicaSet', namespace, uid);
  return sets
    .flatMap(({ metadata }) => (metadata.uid === undefined ? [] : owned('pod', namespace, metadata.uid)))
    .map((pod) => ({ name: pod.metadata.name, uid: pod.metadata.uid ?? '', ...timesOf(pod, undefined) }));
}

/** When a pod's containers started, and when one last started again. */
function timesOf(
  pod: KubeObject | undefined,
  fallbackMs: number | undefined,
): Pick<LivePod, 'startedAtMs' | 'restartedAtMs'> {
  const starts: number[] = [];
  const restarts: number[] = [];
  for (const container of listAt(pod, 'status', 'containerStatuses')) {
    const runningMs = timeAt(container, 'state', 'running', 'startedAt');
    const endedMs = timeAt(container, 'lastState', 'terminated', 'finishedAt');
    if ((numberAt(container, 'restartCount') ?? 0) === 0) {
      if (runningMs !== undefined) starts.push(runningMs);
    } else restarts.push(runningMs ?? endedMs ?? 0);
  }
  const startedAtMs = starts.length > 0 ? Math.max(...starts) : (fallbackMs ?? timeAt(pod, 'status', 'startTime'));
  return {
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    ...(restarts.length === 0 ? {} : { restartedAtMs: Math.max(...restarts) }),
  };
}

type OwnerIndex = (kind: 'replicaSet' | 'pod', namespace: string, ownerUid: string) => readonly KubeObject[];

function createOwnerIndex(cache: ObjectCache): OwnerIndex {
  const indexes = new Map<string, Map<string, KubeObject[]>>();
  return (kind, namespace, ownerUid) => {
    const key = `${kind}/${namespace}`;
    let index = indexes.get(key);
    if (index === undefined) {
      index = new Map();
      for (const object of cache.list(TYPES[kind], namespace)) {
        const owner = object.metadata.ownerReferences?.find((reference) => reference.controller === true)?.uid;
        if (owner === undefined) continue;
        const siblings = index.get(owner);
        if (siblings === undefined) index.set(owner, [object]);
        else siblings.push(object);
      }
      indexes.set(key, index);
    }
    return index.get(ownerUid) ?? [];
  };
}

/**
 * The cache as an adapter sees it: of ReplicaSets and pods only those that hang on the objects it named. It has gaps until all kinds are
 * held that are watched on demand.
 */
function objectsFor(
  cache: ObjectCache,
  owned: OwnerIndex,
  adapter: WorkloadAdapter,
  input: Parameters<WorkloadAdapter['queries']>[0],
): { readonly objects: ObjectSet; readonly hasGaps: () => boolean } {
  const gaps = new Set<string>();
  const ask = (type: ResourceType): void => {
    if (cache.covers?.(type) === false) gaps.add(type.kind);
  };
  const find: ObjectSet['find'] = (type, namespace, name) => {
    ask(type);
    return cache.get({ type, namespace, name });
  };
  const named = (): readonly string[] =>
    adapter.queries(input).flatMap((query) => {
      if (query.kind !== 'object') return [];
      const uid = stringAt(cache.get(query.ref), 'metadata', 'uid');
      return uid === undefined ? [] : [uid];
    });
  const all: ObjectSet['all'] = (type, namespace) => {
    ask(type);
    return cache.list(type, namespace);
  };
  const uids = adapter.owners?.({ ...input, objects: { find, all } }) ?? named();
  const ofOwners: ObjectSet['all'] = (type, namespace) => {
    if (type.kind !== TYPES.replicaSet.kind && type.kind !== TYPES.pod.kind) return all(type, namespace);
    const sets = uids.flatMap((uid) => owned('replicaSet', namespace, uid));
    if (type.kind === TYPES.replicaSet.kind) return sets;
    const holders = [...uids, ...sets.flatMap((set) => set.metadata.uid ?? [])];
    return holders.flatMap((uid) => owned('pod', namespace, uid));
  };
  return { objects: { find, all: ofOwners }, hasGaps: () => gaps.size > 0 };
}
