/** A Rollout of Argo Rollouts and its ReplicaSets as the common picture: two arms, and where its controller stands. */
import { at, fieldsAt, labelsAt, numberAt, stringAt } from '../../api/fields.ts';
import { ANEW, type Finding, type KubeObject, TYPES } from '../../api/meta.ts';
import { quote } from '../../api/units.ts';
import type { ArmState, GateState, WorkloadState } from '../../release/observed.ts';
import { isAlive, isOwnedBy, podState } from '../deployment-arm.ts';
import type { WorkloadInput } from '../port.ts';
import { heldTemplate } from './template.ts';
import { invalidSpecOf, type RolloutStatus, startOf, statusOf, stepsOf } from './status.ts';

/** What Argo Rollouts puts on ReplicaSets and pods. */
export const HASH_LABEL = 'rollouts-pod-template-hash';

export interface Found {
  readonly kind: 'found';
  readonly rollout: KubeObject;
  readonly status: RolloutStatus;
}

type Refusal = Finding & { readonly kind?: undefined };

/** The Rollout, if it can be followed at all. */
export function findRollout({
  namespace,
  spec,
  objects,
}: Pick<WorkloadInput, 'namespace' | 'spec' | 'objects'>): Found | Refusal {
  const name = spec.workload.argoRollout?.name ?? '';
  const rollout = objects.find(TYPES.argoRollout, namespace, name);
  if (rollout === undefined) {
    return {
      reason: 'WorkloadNotFound',
      message: `spec.workload.argoRollout names Rollout ${quote(name)}, which does not exist in namespace ${namespace}. Create it, or install Argo Rollouts; to name another, ${ANEW}.`,
    };
  }
  const status = statusOf(rollout);
  const invalid = status.isCurrent ? invalidSpecOf(rollout) : undefined;
  if (invalid !== undefined) {
    return {
      reason: 'InvalidSpec',
      message: `Argo Rollouts refuses Rollout ${quote(name)}: ${invalid.replace(/\.$/, '')}. Correct the Rollout.`,
    };
  }
  if (status.currentHash === '') {
    return {
      reason: 'WorkloadNotFound',
      message: `Rollout ${quote(name)} has no status yet, so no controller looks after it. Check that Argo Rollouts runs and watches namespace ${namespace}.`,
    };
  }
  if (!status.isBlueGreen && stepsOf(rollout).length === 0) {
    return {
      reason: 'InvalidSpec',
      message: `Rollout ${quote(name)} has no spec.strategy.canary.steps, so a new version gets all pods at once and nothing can be gated. Add steps with setWeight and pause: {}.`,
    };
  }
  return heldTemplate(rollout, objects) ?? { kind: 'found', rollout, status };
}

/** Argo Rollouts' own hashes are the revisions: only they say what its controller takes for new, restarted or gone back. */
export function stateOf(input: WorkloadInput, found: Found): WorkloadState {
  const { currentHash, stableHash } = found.status;
  const isOne = stableHash === '' || stableHash === currentHash;
  const stable = armOf(input, found, isOne ? currentHash : stableHash);
  const canary = isOne ? undefined : armOf(input, found, currentHash);
  const taken = input.status?.taken?.workload;
  return {
    kind: 'workload',
    gate: gateOf(found, stable, canary),
    stable,
    ...(canary === undefined ? {} : { canary }),
    isAutoscaled: false,
    ...(taken === undefined ? {} : { taken }),
  };
}

function armOf({ namespace, objects, nowMs }: WorkloadInput, { rollout }: Found, hash: string): ArmState {
  const set = objects
    .all(TYPES.replicaSet, namespace)
    .find((each) => isOwnedBy(each, rollout) && each.metadata.labels?.[HASH_LABEL] === hash);
  const pods =
    set === undefined
      ? []
      : objects
          .all(TYPES.pod, namespace)
          .filter((pod) => isOwnedBy(pod, set) && isAlive(pod))
          .map((pod) => podState(pod, nowMs));
  const desiredReplicas = numberAt(set, 'spec', 'replicas') ?? 0;
  const readyReplicas = pods.filter((pod) => pod.readySinceMs !== undefined).length;
  const available = numberAt(set, 'status', 'availableReplicas') ?? 0;
  return {
    workload: rollout.metadata.name,
    revision: hash,
    podLabels: labelsAt(set, 'spec', 'template', 'metadata', 'labels'),
    desiredReplicas,
    readyReplicas,
    isSettled: set !== undefined && available >= desiredReplicas && readyReplicas >= desiredReplicas,
    pods,
  };
}

function gateOf({ rollout, status }: Found, stable: ArmState, canary: ArmState | undefined): GateState {
  const steps = stepsOf(rollout);
  const isHeld = at(rollout, 'spec', 'paused') === true;
  const always = {
    steps,
    isHeld,
    isSeen: status.isCurrent,
    ...(status.says === undefined ? {} : { says: status.says }),
  };
  if (canary === undefined) return { ...always, position: 'settled', step: 0, weight: 0 };
  const weight = weightOf(rollout, status, stable, canary);
  const step = status.isBlueGreen ? 1 : Math.min(steps.length, (status.stepIndex ?? 0) + 1);
  const common = { ...always, step, weight };
  if (status.isAborted) {
    const isOver = weight === 0 && stringAt(rollout, 'status', 'abortedAt') !== undefined;
    return { ...common, position: isOver ? 'givenUp' : 'givingUp' };
  }
  const gate = status.isCurrent && !status.isPromotingFully ? pauseOf(rollout, status) : undefined;
  return gate === undefined ? { ...common, position: 'moving' } : { ...common, position: 'gate', gate };
}

/** Percent of requests for the canary: what the routes carry, or the share of pods where there are no routes. */
function weightOf(rollout: KubeObject, status: RolloutStatus, stable: ArmState, canary: ArmState): number {
  if (status.isBlueGreen)
    return stringAt(rollout, 'status', 'blueGreen', 'activeSelector') === status.currentHash ? 100 : 0;
  if (at(rollout, 'spec', 'strategy', 'canary', 'trafficRouting') !== undefined)
    return numberAt(rollout, 'status', 'canary', 'weights', 'canary', 'weight') ?? 0;
  const all = stable.desiredReplicas + canary.desiredReplicas;
  return all === 0 ? 0 : Math.round((100 * canary.desiredReplicas) / all);
}

/** What its controller waits at: a step or blue-green pause, or what its own analysis could not decide. */
function pauseOf(rollout: KubeObject, status: RolloutStatus): GateState['gate'] {
  if (at(fieldsAt(rollout, 'status'), 'controllerPause') !== true) return undefined;
  const theirs = status.pauses.find(({ reason }) => reason.startsWith('Inconclusive'));
  const pause =
    theirs ?? status.pauses.find(({ reason }) => reason === 'CanaryPauseStep' || reason === 'BlueGreenPause');
  if (pause === undefined) return undefined;
  const id = `${status.currentHash}/${status.stepIndex ?? 0}/${pause.reason}/${pause.startTime}`;
  if (theirs !== undefined) return { id, isTheirs: true };
  const step = stepsOf(rollout)[status.isBlueGreen ? 0 : (status.stepIndex ?? 0)];
  if (step?.pause === undefined) return undefined;
  return step.pause === 'open' ? { id } : { id, endsAtMs: startOf(pause) + step.pause };
}
