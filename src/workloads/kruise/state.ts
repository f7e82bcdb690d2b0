/** A Rollout of OpenKruise and its workload as the common picture: two arms, and where its controller stands. */
import { labelsAt, listAt, stringAt, timeAt } from '../../api/fields.ts';
import { ANEW, type Finding, type KubeObject, TYPES } from '../../api/meta.ts';
import { quote } from '../../api/units.ts';
import type { ArmState, GateState, GateStep, WorkloadState } from '../../release/observed.ts';
import { isAlive, isOwnedBy, podState } from '../deployment-arm.ts';
import type { WorkloadInput } from '../port.ts';
import { type RolloutStatus, statusOf, strategyOf } from './status.ts';
import { stepsOf, trafficRoutingOf } from './steps.ts';
import { type Version, type Versions, versionsOf } from './workload.ts';

export interface Found {
  readonly kind: 'found';
  readonly rollout: KubeObject;
  readonly status: RolloutStatus;
  readonly versions: Versions;
  readonly steps: readonly GateStep[];
  /** Its status speaks of the newest spec and of the newest template. */
  readonly isSeen: boolean;
}

type Refusal = Finding & { readonly kind?: undefined };

/** The Rollout and its workload, if they can be followed at all. */
export function findRollout({
  namespace,
  spec,
  status: release,
  objects,
}: Pick<WorkloadInput, 'namespace' | 'spec' | 'status' | 'objects'>): Found | Refusal {
  const name = spec.workload.kruiseRollout?.name ?? '';
  const rollout = objects.find(TYPES.kruiseRollout, namespace, name);
  if (rollout === undefined) {
    return {
      reason: 'WorkloadNotFound',
      message: `spec.workload.kruiseRollout names Rollout ${quote(name)}, which does not exist in namespace ${namespace}. Create it, or install Kruise Rollouts; to name another, ${ANEW}.`,
    };
  }
  const status = statusOf(rollout);
  if (status.phase === '') {
    return {
      reason: 'WorkloadNotFound',
      message: `Rollout ${quote(name)} has no status yet, so no controller looks after it. Check that Kruise Rollouts runs and watches namespace ${namespace}.`,
    };
  }
  const versions = versionsOf(rollout, status, objects, release?.revision.stable);
  if (versions.kind === undefined) return versions;
  const routing = trafficRoutingOf(rollout);
  const trafficRouting =
    routing === undefined ? undefined : objects.find(TYPES.kruiseTrafficRouting, namespace, routing);
  const steps = stepsOf(rollout, versions.replicas, trafficRouting);
  if (steps.length === 0) {
    return {
      reason: 'InvalidSpec',
      message: `Rollout ${quote(name)} has no steps, so nothing can be gated. Add spec.strategy.canary.steps.`,
    };
  }
  const isSeen = status.isCurrent && (!versions.isInProgress || isOfNewest(status, versions));
  return { kind: 'found', rollout, status, versions, steps, isSeen };
}

/** Its controller keeps the workload's generation in its status for as long as the template is the one that it releases. */
function isOfNewest({ phase, sub }: RolloutStatus, { workload }: Versions): boolean {
  return phase === 'Progressing' && sub['observedWorkloadGeneration'] === workload.metadata.generation;
}

export function stateOf(input: WorkloadInput, found: Found): WorkloadState {
  const { stable, canary } = found.versions;
  const taken = input.status?.taken?.workload;
  return {
    kind: 'workload',
    gate: gateOf(input, found),
    stable: armOf(input, stable),
    ...(canary === undefined ? {} : { canary: armOf(input, canary) }),
    isAutoscaled: false,
    ...(taken === undefined ? {} : { taken }),
  };
}

function armOf({ namespace, objects, nowMs }: WorkloadInput, version: Version): ArmState {
  const { owner, label, revision, workload } = version;
  const pods =
    owner === undefined
      ? []
      : objects
          .all(TYPES.pod, namespace)
          .filter((pod) => isOwnedBy(pod, owner) && isAlive(pod) && hasLabel(pod, label))
          .map((pod) => ({ ...podState(pod, nowMs), ...(label === undefined ? {} : { revision: label.value }) }));
  const isSet = owner?.kind === 'ReplicaSet';
  const desiredReplicas = isSet ? desiredOf(owner) : pods.length;
  // In blue-green style pods never count as available, on purpose.
  const readyReplicas = pods.filter((pod) => pod.readySinceMs !== undefined).length;
  return {
    workload: workload ?? '',
    ...(workload === undefined ? { isUnnamed: true } : {}),
    revision,
    podLabels: {
      ...labelsAt(isSet ? owner : version, ...(isSet ? ['spec'] : []), 'template', 'metadata', 'labels'),
      ...(label === undefined ? {} : { [label.key]: label.value }),
    },
    desiredReplicas,
    readyReplicas,
    isSettled: owner !== undefined && desiredReplicas > 0 && readyReplicas >= desiredReplicas,
    pods,
  };
}

function desiredOf(set: KubeObject): number {
  const { replicas } = set['spec'] as { readonly replicas?: number };
  return replicas ?? 0;
}

/** With its gate `CloneSetShortHash` OpenKruise labels pods by the hash that ends the name of their revision. */
function hasLabel({ metadata }: KubeObject, label: Version['label']): boolean {
  if (label === undefined) return true;
  const value = metadata.labels?.[label.key];
  return value === label.value || (value !== undefined && value !== '' && label.value.endsWith(`-${value}`));
}

function gateOf(input: WorkloadInput, found: Found): GateState {
  const { status, versions, steps, isSeen } = found;
  const always = {
    steps,
    isHeld: status.isPaused,
    isSeen,
    ...(status.says === undefined ? {} : { says: status.says }),
  };
  if (versions.canary === undefined) {
    if (!versions.isInProgress) return { ...always, position: 'settled', step: 0, weight: 0 };
    return { ...always, position: 'givingUp', step: 0, weight: weightOnTheWayBack(found) };
  }
  const step = isSeen ? Math.min(steps.length, status.step) : 0;
  const common = { ...always, step, weight: weightOf(found) };
  if (isLeftPaused(input, found)) return { ...common, position: 'givenUp' };
  const gate = pauseOf(found, versions.canary);
  return gate === undefined ? { ...common, position: 'moving' } : { ...common, position: 'gate', gate };
}

/** With `onAbort: pause` a revision that was given up stays where it is. */
function isLeftPaused({ spec, status: release }: WorkloadInput, { status, versions }: Found): boolean {
  if (spec.workload.kruiseRollout?.onAbort !== 'pause' || !status.isPaused) return false;
  if (release?.revision.canary !== versions.canary?.revision) return false;
  return (
    release?.phase === 'Aborted' || (release?.phase === 'Aborting' && status.isCurrent && status.progress === 'Paused')
  );
}

/** States from which on a step's own share of the requests is in force. */
const ARRIVED: ReadonlySet<string> = new Set(['StepMetricsAnalysis', 'StepPaused', 'StepReady', 'Completed']);

/** Percent of requests for the canary: of the step, or of the one before until its pods and routes are there. */
function weightOf({ status, steps, isSeen }: Found): number {
  if (!isSeen) return 0;
  const index = ARRIVED.has(status.state) ? status.step : status.step - 1;
  return steps[index - 1]?.weight ?? 0;
}

/** Where a release stands that has had requests. */
const ON_THE_WAY: ReadonlySet<string> = new Set(['InRolling', 'Paused', 'Cancelling']);
/** What is done while the canary still has its requests: by routes, and where its pods are its share. */
const NOT_BACK_BY_ROUTES: ReadonlySet<string> = new Set(['', 'FinalisingStepRouteTrafficToStable']);
const NOT_BACK_BY_PODS: ReadonlySet<string> = new Set([...NOT_BACK_BY_ROUTES, 'ResumeWorkload']);

/** The template went back; the canary keeps the share of its step until the controller says that it took it. */
function weightOnTheWayBack(found: Found): number {
  const { rollout, status } = found;
  if (status.phase !== 'Progressing' || !ON_THE_WAY.has(status.progress)) return 0;
  const isRouted = listAt(strategyOf(rollout), 'trafficRoutings').length > 0;
  const notBack = isRouted ? NOT_BACK_BY_ROUTES : NOT_BACK_BY_PODS;
  return notBack.has(stringAt(status.sub, 'finalisingStep') ?? '') ? weightOf({ ...found, isSeen: true }) : 0;
}

/** Where it waits, or would wait if it were not paused as a whole. */
function pauseOf({ status, steps, isSeen }: Found, canary: Version): GateState['gate'] {
  const isRolling = status.progress === 'InRolling' || status.progress === 'Paused';
  if (!isSeen || !isRolling || status.state !== 'StepPaused') return undefined;
  const step = steps[status.step - 1];
  if (step?.pause === undefined) return undefined;
  const since = stringAt(status.sub, 'lastUpdateTime') ?? '';
  const id = `${canary.revision}/${status.step}/${since}`;
  if (step.pause === 'open') return { id };
  return { id, endsAtMs: (timeAt(status.sub, 'lastUpdateTime') ?? 0) + step.pause };
}
