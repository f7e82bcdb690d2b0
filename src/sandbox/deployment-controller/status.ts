/** Status of a Deployment from its ReplicaSets (`deployment/sync.go` calculateStatus, `progress.go`). Pure. */
import type { DeploymentCondition, DeploymentSpec, DeploymentStatus, ReplicaSetState } from './objects.ts';

export interface StatusInput {
  readonly name: string;
  readonly generation: number;
  readonly spec: DeploymentSpec;
  readonly before: DeploymentStatus;
  readonly newest: ReplicaSetState | undefined;
  readonly old: readonly ReplicaSetState[];
  readonly nowMs: number;
  readonly collisionCount: number;
  /** The new ReplicaSet was made in this very sync. */
  readonly isJustCreated: boolean;
}

export function nextStatus(input: StatusInput): DeploymentStatus {
  const { spec, before, newest, old, generation, collisionCount } = input;
  const all = newest === undefined ? old : [newest, ...old];
  const total = (of: (each: ReplicaSetState) => number | undefined): number =>
    all.reduce((sum, each) => sum + (of(each) ?? 0), 0);
  const availableReplicas = total(({ status }) => status.availableReplicas);
  const counts = {
    replicas: total(({ status }) => status.replicas),
    updatedReplicas: newest?.status.replicas ?? 0,
    readyReplicas: total(({ status }) => status.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, total(({ replicas }) => replicas) - availableReplicas),
    terminatingReplicas: total(({ status }) => status.terminatingReplicas),
  };
  const available = availableReplicas >= spec.replicas - spec.maxUnavailable;
  const conditions = merge(
    before.conditions ?? [],
    [
      {
        type: 'Available',
        status: available ? 'True' : 'False',
        reason: available ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
        message: available ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
      },
      ...progressing(input, counts),
    ],
    input.nowMs,
  );
  // Counts of 0 are left out on the wire, but for the one that is a pointer there.
  const shown = Object.fromEntries(
    Object.entries(counts).filter(([name, count]) => count !== 0 || name === 'terminatingReplicas'),
  );
  return {
    observedGeneration: generation,
    ...shown,
    ...(collisionCount === 0 ? {} : { collisionCount }),
    conditions,
  };
}

/** The condition `Progressing` as it should be; empty to leave it alone. */
function progressing(
  input: StatusInput,
  counts: Required<Pick<DeploymentStatus, 'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas'>>,
): readonly DeploymentCondition[] {
  const { spec, before, newest, nowMs } = input;
  const current = before.conditions?.find(({ type }) => type === 'Progressing');
  const say = (status: 'True' | 'False' | 'Unknown', reason: string, what: string): readonly DeploymentCondition[] => [
    { type: 'Progressing', status, reason, message: what },
  ];
  if (spec.paused) {
    if (current?.reason === 'ProgressDeadlineExceeded') return [];
    return say('Unknown', 'DeploymentPaused', 'Deployment is paused');
  }
  if (current?.reason === 'DeploymentPaused') return say('Unknown', 'DeploymentResumed', 'Deployment is resumed');
  const name = newest === undefined ? `Deployment "${input.name}"` : `ReplicaSet "${newest.name}"`;
  if (input.isJustCreated)
    return say('True', 'NewReplicaSetCreated', `Created new replica set "${newest?.name ?? ''}"`);
  if (current === undefined && newest !== undefined) {
    return say('True', 'FoundNewReplicaSet', `Found new replica set "${newest.name}"`);
  }
  const isRolledOut = counts.replicas === counts.updatedReplicas && current?.reason === 'NewReplicaSetAvailable';
  if (isRolledOut) return [];
  const isComplete =
    counts.updatedReplicas === spec.replicas &&
    counts.replicas === spec.replicas &&
    counts.availableReplicas === spec.replicas;
  if (isComplete) return say('True', 'NewReplicaSetAvailable', `${name} has successfully progressed.`);
  const oldOnes = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  const hasMoved =
    counts.updatedReplicas > (before.updatedReplicas ?? 0) ||
    oldOnes(counts) < oldOnes(before) ||
    counts.readyReplicas > (before.readyReplicas ?? 0) ||
    counts.availableReplicas > (before.availableReplicas ?? 0);
  if (hasMoved) return say('True', 'ReplicaSetUpdated', `${name} is progressing.`);
  const since = Date.parse(current?.lastUpdateTime ?? '');
  const isLate = Number.isFinite(since) && nowMs - since > spec.progressDeadlineSeconds * 1_000;
  if (isLate && current?.reason !== 'NewReplicaSetAvailable') {
    return say('False', 'ProgressDeadlineExceeded', `${name} has timed out progressing.`);
  }
  return [];
}

function merge(
  before: readonly DeploymentCondition[],
  next: readonly DeploymentCondition[],
  nowMs: number,
): readonly DeploymentCondition[] {
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const written = next.map((condition) => {
    const known = before.find(({ type }) => type === condition.type);
    const isEqual = known?.status === condition.status && known.reason === condition.reason;
    // A rollout that moves refreshes its time, which the progress deadline counts from.
    if (isEqual && condition.reason !== 'ReplicaSetUpdated') return known;
    const isSameStatus = known?.status === condition.status;
    return {
      ...condition,
      lastUpdateTime: now,
      lastTransitionTime: isSameStatus ? (known.lastTransitionTime ?? now) : now,
    };
  });
  const types = new Set(next.map(({ type }) => type));
  return [...before.filter(({ type }) => !types.has(type)), ...written];
}
