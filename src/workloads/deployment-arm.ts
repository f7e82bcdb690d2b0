/** One Deployment as an arm: its newest template's revision, pods and readiness, from the Deployment, ReplicaSets and pods. */
import { at, fieldsAt, labelsAt, listAt, numberAt, sameJson, stringAt, timeAt } from '../api/fields.ts';
import { CHANGED_IN_PLACE, type KubeObject, TYPES } from '../api/meta.ts';
import type { ArmState, PodState } from '../release/observed.ts';
import { revisionOf } from '../release/revision.ts';
import type { ObjectSet } from './port.ts';
import { replicasOf } from './scale.ts';

/** The kubelet forgets crashes after a container ran for ten minutes; so do we. */
const CRASH_MEMORY_MS = 10 * 60_000;
const CRASHES_OF_A_LOOP = 3;

/**
 * The arm of a Deployment. Only pods of the newest template count: a pod of an older one that still crashes says nothing
 * about this revision. Until the Deployment controller has made the newest ReplicaSet there are no pods.
 */
export function armOf(deployment: KubeObject, objects: ObjectSet, nowMs: number): ArmState {
  const namespace = deployment.metadata.namespace ?? '';
  const replicaSet = newestReplicaSet(deployment, objects.all(TYPES.replicaSet, namespace));
  const pods = podsOfSet(replicaSet, objects, nowMs);
  const desiredReplicas = replicasOf(deployment);
  const readyReplicas = pods.filter((pod) => pod.readySinceMs !== undefined).length;
  return {
    workload: deployment.metadata.name,
    revision: revisionOf(at(deployment, 'spec', 'template')),
    podLabels: labelsAt(deployment, 'spec', 'template', 'metadata', 'labels'),
    desiredReplicas,
    readyReplicas,
    isSettled: isComplete(deployment, desiredReplicas) && readyReplicas >= desiredReplicas,
    pods,
  };
}

/** Pods of one ReplicaSet that are not on their way out. */
export function podsOfSet(replicaSet: KubeObject | undefined, objects: ObjectSet, nowMs: number): readonly PodState[] {
  if (replicaSet === undefined) return [];
  return objects
    .all(TYPES.pod, replicaSet.metadata.namespace ?? '')
    .filter((pod) => isOwnedBy(pod, replicaSet) && isAlive(pod))
    .map((pod) => podState(pod, nowMs));
}

/** What `kubectl rollout status` calls complete: seen by the controller, all new, all available, none old. */
export function isComplete(deployment: KubeObject, desired: number): boolean {
  const status = (field: string): number => numberAt(deployment, 'status', field) ?? 0;
  return (
    status('observedGeneration') >= (deployment.metadata.generation ?? 0) &&
    status('updatedReplicas') === desired &&
    status('replicas') === desired &&
    status('availableReplicas') === desired
  );
}

/** The ReplicaSet whose template equals the Deployment's but for `pod-template-hash`; the oldest if there are several, as the controller chooses. */
function newestReplicaSet(deployment: KubeObject, replicaSets: readonly KubeObject[]): KubeObject | undefined {
  const template = withoutHash(at(deployment, 'spec', 'template'));
  return replicaSets
    .filter((set) => isOwnedBy(set, deployment) && sameJson(withoutHash(at(set, 'spec', 'template')), template))
    .toSorted(
      (a, b) => (timeAt(a, 'metadata', 'creationTimestamp') ?? 0) - (timeAt(b, 'metadata', 'creationTimestamp') ?? 0),
    )[0];
}

/** A template without what the Deployment controller adds to it in a ReplicaSet. */
export function withoutHash(template: unknown): unknown {
  const { 'pod-template-hash': _hash, ...labels } = labelsAt(template, 'metadata', 'labels');
  const { creationTimestamp: _created, ...metadata } = fieldsAt(template, 'metadata');
  return { ...fieldsAt(template), metadata: { ...metadata, labels } };
}

export function isOwnedBy(child: KubeObject, owner: KubeObject): boolean {
  return (child.metadata.ownerReferences ?? []).some(
    (reference) => reference.controller === true && reference.uid === owner.metadata.uid,
  );
}

export function isAlive(pod: KubeObject): boolean {
  const phase = stringAt(pod, 'status', 'phase');
  return pod.metadata.deletionTimestamp === undefined && phase !== 'Failed' && phase !== 'Succeeded';
}

export function podState(pod: KubeObject, nowMs: number): PodState {
  const containers = [...listAt(pod, 'status', 'containerStatuses'), ...listAt(pod, 'status', 'initContainerStatuses')];
  const ready = listAt(pod, 'status', 'conditions').find((condition) => stringAt(condition, 'type') === 'Ready');
  const readySinceMs =
    stringAt(ready, 'status') === 'True' ? (timeAt(ready, 'lastTransitionTime') ?? nowMs) : undefined;
  const isChangedInPlace = pod.metadata.annotations?.[CHANGED_IN_PLACE] !== undefined;
  const ip = stringAt(pod, 'status', 'podIP');
  const startedAtMs = timeAt(pod, 'status', 'startTime');
  return {
    name: pod.metadata.name,
    uid: pod.metadata.uid ?? '',
    ...(ip === undefined ? {} : { ip }),
    ...(startedAtMs === undefined ? {} : { startedAtMs }),
    ...(readySinceMs === undefined ? {} : { readySinceMs }),
    restartCount: Math.max(0, ...containers.map((container) => numberAt(container, 'restartCount') ?? 0)),
    isCrashLooping: containers.some(
      (container) => isInBackOff(container) || (!isChangedInPlace && crashesAgainAndAgain(container, nowMs)),
    ),
  };
}

const isInBackOff = (container: unknown): boolean =>
  stringAt(container, 'state', 'waiting', 'reason') === 'CrashLoopBackOff';

/** Crashed three times, and last within ten minutes: between two crashes a looping container looks healthy. */
function crashesAgainAndAgain(container: unknown, nowMs: number): boolean {
  const lastExitCode = numberAt(container, 'lastState', 'terminated', 'exitCode') ?? 0;
  const lastEndMs = timeAt(container, 'lastState', 'terminated', 'finishedAt') ?? Number.NEGATIVE_INFINITY;
  return (
    (numberAt(container, 'restartCount') ?? 0) >= CRASHES_OF_A_LOOP &&
    lastExitCode !== 0 &&
    nowMs - lastEndMs < CRASH_MEMORY_MS
  );
}
