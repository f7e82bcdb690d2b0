/**
 * How many pods each ReplicaSet of a Deployment should have next. Pure; follows kube-controller-manager's
 * `deployment/rolling.go`, `sync.go` and `util/deployment_util.go`, compared with the real one in
 * test/conformance/workload-controller.test.ts.
 */
import { byCreation, type DeploymentSpec, type ReplicaSetState } from './objects.ts';

/** New size of one ReplicaSet. */
export interface Scaling {
  readonly replicaSet: ReplicaSetState;
  readonly replicas: number;
}

const sum = (all: readonly ReplicaSetState[], of: (each: ReplicaSetState) => number): number =>
  all.reduce((total, each) => total + of(each), 0);

const available = ({ status }: ReplicaSetState): number => status.availableReplicas ?? 0;

/** Replicas the new ReplicaSet may have now (`NewRSNewReplicas`); `current` is 0 for one that is yet to be made. */
export function newReplicas(spec: DeploymentSpec, all: readonly ReplicaSetState[], current: number): number {
  if (spec.isRecreate) return spec.replicas;
  const total = sum(all, ({ replicas }) => replicas);
  const most = spec.replicas + spec.maxSurge;
  if (total >= most) return current;
  return current + Math.min(most - total, spec.replicas - current);
}

/** One step of a rolling update: first grow the new ReplicaSet, then shrink old ones; empty when nothing may move. */
export function rollingStep(
  spec: DeploymentSpec,
  newest: ReplicaSetState,
  old: readonly ReplicaSetState[],
): readonly Scaling[] {
  if (newest.replicas > spec.replicas) return [{ replicaSet: newest, replicas: spec.replicas }];
  const wanted = newReplicas(spec, [newest, ...old], newest.replicas);
  if (newest.replicas < spec.replicas && wanted !== newest.replicas) return [{ replicaSet: newest, replicas: wanted }];
  return shrinkOld(spec, newest, old);
}

function shrinkOld(spec: DeploymentSpec, newest: ReplicaSetState, old: readonly ReplicaSetState[]): readonly Scaling[] {
  const all = [newest, ...old];
  const minAvailable = spec.replicas - spec.maxUnavailable;
  const newUnavailable = newest.replicas - available(newest);
  const most = sum(all, ({ replicas }) => replicas) - minAvailable - newUnavailable;
  if (sum(old, ({ replicas }) => replicas) === 0 || most <= 0) return [];
  const sizes = new Map(old.map((each) => [each, each.replicas]));
  // Unhealthy old pods go first: they cost no availability.
  let cleaned = 0;
  for (const each of old.toSorted(byCreation)) {
    const sick = Math.max(0, each.replicas - available(each));
    const less = Math.min(most - cleaned, sick);
    if (less <= 0) continue;
    cleaned += less;
    sizes.set(each, each.replicas - less);
  }
  let left = sum(all, available) - minAvailable;
  for (const each of old.toSorted(byCreation)) {
    const size = sizes.get(each) ?? 0;
    const less = Math.min(size, left);
    if (less <= 0) continue;
    left -= less;
    sizes.set(each, size - less);
  }
  return [...sizes]
    .filter(([each, replicas]) => replicas !== each.replicas)
    .map(([replicaSet, replicas]) => ({ replicaSet, replicas }));
}

/** Recreate: everything old goes first. */
export function recreateStep(
  spec: DeploymentSpec,
  newest: ReplicaSetState | undefined,
  old: readonly ReplicaSetState[],
  oldPodsRun: boolean,
): readonly Scaling[] {
  const active = old.filter(({ replicas }) => replicas > 0);
  if (active.length > 0) return active.map((replicaSet) => ({ replicaSet, replicas: 0 }));
  if (oldPodsRun || newest === undefined || newest.replicas === spec.replicas) return [];
  return [{ replicaSet: newest, replicas: spec.replicas }];
}

/** True when `spec.replicas` changed since the ReplicaSets were last sized. */
export function isScalingEvent(spec: DeploymentSpec, all: readonly ReplicaSetState[]): boolean {
  return all.some(
    ({ replicas, desiredAnnotation }) =>
      replicas > 0 && desiredAnnotation !== undefined && desiredAnnotation !== spec.replicas,
  );
}

/** New sizes after `spec.replicas` changed, in proportion while two ReplicaSets are active (`scale`). */
export function scaleStep(
  spec: DeploymentSpec,
  newest: ReplicaSetState | undefined,
  old: readonly ReplicaSetState[],
): readonly Scaling[] {
  const all = newest === undefined ? old : [newest, ...old];
  const active = all.filter(({ replicas }) => replicas > 0);
  const only =
    active.length === 0 ? (newest ?? old.toSorted(byCreation).at(-1)) : active.length === 1 ? active[0] : undefined;
  if (only !== undefined) {
    const isDone = only.replicas === spec.replicas && only.desiredAnnotation === spec.replicas;
    return isDone ? [] : [{ replicaSet: only, replicas: spec.replicas }];
  }
  const isSaturated =
    newest !== undefined &&
    newest.replicas === spec.replicas &&
    newest.desiredAnnotation === spec.replicas &&
    available(newest) === spec.replicas;
  if (isSaturated) return old.filter(({ replicas }) => replicas > 0).map((replicaSet) => ({ replicaSet, replicas: 0 }));
  return spec.isRecreate ? [] : proportional(spec, active);
}

function proportional(spec: DeploymentSpec, active: readonly ReplicaSetState[]): readonly Scaling[] {
  const allowed = spec.replicas > 0 ? spec.replicas + spec.maxSurge : 0;
  const toAdd = allowed - sum(active, ({ replicas }) => replicas);
  const direction = toAdd > 0 ? -1 : 1;
  // The larger first; of equal ones the newer when growing, the older when shrinking.
  const ordered = active.toSorted((a, b) => b.replicas - a.replicas || direction * byCreation(a, b));
  let added = 0;
  const shares = ordered.map((each) => {
    const share = toAdd === 0 || added === toAdd ? 0 : shareOf(spec, each, toAdd, added);
    added += share;
    return share;
  });
  const leftover = toAdd - added;
  return ordered
    .map((replicaSet, index) => {
      const extra = index === 0 ? leftover : 0;
      return { replicaSet, replicas: Math.max(0, replicaSet.replicas + (shares[index] ?? 0) + extra) };
    })
    .filter(
      ({ replicaSet, replicas }) => replicas !== replicaSet.replicas || replicaSet.desiredAnnotation !== spec.replicas,
    );
}

function shareOf(
  spec: DeploymentSpec,
  { replicas, maxAnnotation }: ReplicaSetState,
  toAdd: number,
  added: number,
): number {
  const before = maxAnnotation ?? replicas;
  const grown =
    spec.replicas === 0 || before === 0 ? 0 : Math.round((replicas * (spec.replicas + spec.maxSurge)) / before);
  const fraction = grown - replicas;
  return toAdd > 0 ? Math.min(fraction, toAdd - added) : Math.max(fraction, toAdd - added);
}

/** Old, empty ReplicaSets beyond `revisionHistoryLimit`, lowest revision first. */
export function outdated(spec: DeploymentSpec, old: readonly ReplicaSetState[]): readonly ReplicaSetState[] {
  const empty = old.filter(
    ({ replicas, status, object }) =>
      replicas === 0 && (status.replicas ?? 0) === 0 && object.metadata.deletionTimestamp === undefined,
  );
  return empty
    .toSorted((a, b) => a.revision - b.revision || byCreation(a, b))
    .slice(0, Math.max(0, empty.length - spec.revisionHistoryLimit));
}
