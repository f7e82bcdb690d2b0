/**
 * deployment: one Deployment, released in place. A new template is held (`spec.paused`), its canary runs beside it as a Deployment
 * of Serin's own, and after the last Pass the hold ends and the Deployment replaces its own pods. Nothing of the user's spec but
 * `paused` is ever written, and one annotation of the template where a new configuration passed.
 */
import { at, labelsAt, listAt, stringAt } from '../api/fields.ts';
import {
  ANEW,
  FIELD_MANAGERS,
  type KubeObject,
  type Patch,
  type ResourceNeed,
  TYPES,
  type Write,
} from '../api/meta.ts';
import type { ArmState, WorkloadIntent, WorkloadState } from '../release/observed.ts';
import { canaryNameOf } from '../release/in-place.ts';
import { revisionOf } from '../release/revision.ts';
import { configReferencesOf } from './config/references.ts';
import { armOf, isAlive, isComplete, isOwnedBy, podsOfSet } from './deployment-arm.ts';
import { canaryOf, hasSelectorOf, revisionOfCanary, whoseCanary } from './deployment/canary.ts';
import {
  CANARY_ROLE,
  hasMarks,
  isClaimed,
  isHeld,
  isHeldByPolicy,
  isPaused,
  orderPatch,
  ROLE_LABEL,
} from './deployment/marks.ts';
import { asWanted, markOperations } from './deployment/config-mark.ts';
import { refusalOf, type Refusal } from './deployment/refuse.ts';
import { hashOf, HASH_LABEL, isUniform, replicaSetsOf, revisionOfSet, stableSetOf } from './deployment/replica-sets.ts';
import type { WorkloadAdapter, WorkloadInput } from './port.ts';
import { autoscalerOf, replicasOf, scalePatch } from './scale.ts';
import { selects } from './selectors.ts';

/** What the adapter looks at, each found once. */
interface Picture {
  readonly kind: 'picture';
  readonly deployment: KubeObject;
  /** As it would be if it were let through now: its template says which configuration its pods start with. */
  readonly wanted: KubeObject;
  readonly canary: KubeObject | undefined;
  readonly sets: readonly KubeObject[];
  readonly stable: KubeObject | undefined;
  /** Revision of the template that is wanted. */
  readonly target: string;
}

const NEEDS: readonly ResourceNeed[] = [
  {
    type: TYPES.deployment,
    verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'],
    because: 'a Deployment released in place: its label and its pause; its canary is made and removed',
  },
  {
    type: TYPES.deployment,
    subresource: 'scale',
    verbs: ['get', 'patch'],
    because: 'the canary of a Deployment follows its weight',
  },
  { type: TYPES.replicaSet, verbs: ['get', 'list', 'watch'], because: 'which pods run which template' },
  { type: TYPES.pod, verbs: ['get', 'list', 'watch'], because: 'readiness, crashes, and whose numbers are whose' },
  {
    type: TYPES.horizontalPodAutoscaler,
    verbs: ['get', 'list', 'watch'],
    because: 'an autoscaled canary is not scaled',
  },
  { type: TYPES.argoRollout, verbs: ['list'], because: 'whether a Rollout moves pods of its template (workloadRef)' },
  { type: TYPES.configMap, verbs: ['get'], because: 'configDigest: what pods read when they start', isOptIn: true },
  { type: TYPES.secret, verbs: ['get'], because: 'configDigest: what pods read when they start', isOptIn: true },
];

export const deployment: WorkloadAdapter = {
  name: 'deployment',
  needs: NEEDS,

  queries({ namespace, spec, status }) {
    const name = spec.workload.deployment?.name;
    const named = name === undefined ? [] : [name, canaryNameOf(name)];
    return [
      ...named.map((each) => ({ kind: 'object' as const, ref: { type: TYPES.deployment, namespace, name: each } })),
      { kind: 'all', type: TYPES.deployment, namespace },
      { kind: 'all', type: TYPES.replicaSet, namespace },
      { kind: 'all', type: TYPES.pod, namespace },
      { kind: 'all', type: TYPES.horizontalPodAutoscaler, namespace },
      // Before it is taken over; afterwards the Deployment's label tells a Rollout's Release.
      ...(status?.revision.stable === undefined
        ? [{ kind: 'onDemand' as const, type: TYPES.argoRollout, namespace }]
        : []),
    ];
  },

  configReferences({ namespace, spec, objects }) {
    const { name = '', configDigest } = spec.workload.deployment ?? {};
    if (configDigest !== true) return undefined;
    return configReferencesOf(at(objects.find(TYPES.deployment, namespace, name), 'spec', 'template'));
  },

  read(input) {
    const picture = pictureOf(input);
    return picture.kind === 'picture' ? stateOf(input, picture) : picture;
  },

  snapshot(input) {
    const picture = pictureOf(input);
    if (picture.kind !== 'picture') return undefined;
    const { name, uid = '' } = picture.deployment.metadata;
    return { deployment: name, uid };
  },

  write(input, intent) {
    const picture = pictureOf(input);
    if (picture.kind !== 'picture') return [];
    const write = writeOf(input, picture, intent);
    return write === undefined ? [] : [write];
  },
};

function pictureOf(input: WorkloadInput): Picture | Refusal {
  const { namespace, objects, spec, status } = input;
  const refusal = refusalOf(input);
  if (refusal !== undefined) return refusal;
  const name = spec.workload.deployment?.name ?? '';
  const found = objects.find(TYPES.deployment, namespace, name);
  if (found === undefined) {
    return {
      reason: 'WorkloadNotFound',
      message: `Deployment ${name} does not exist. Create it; to name another, ${ANEW}.`,
    };
  }
  const sets = replicaSetsOf(found, objects);
  const wanted = asWanted(found, spec, status);
  const target = revisionOf(at(wanted, 'spec', 'template'));
  return {
    kind: 'picture',
    deployment: found,
    wanted,
    canary: objects.find(TYPES.deployment, namespace, canaryNameOf(name)),
    sets,
    stable: stableSetOf(sets, status?.revision, target),
    target,
  };
}

function stateOf(input: WorkloadInput, picture: Picture): WorkloadState {
  const { deployment: held, wanted, sets } = picture;
  const autoscalers = input.objects.all(TYPES.horizontalPodAutoscaler, input.namespace);
  const taken = input.status?.taken?.workload;
  const stable = stableArm(input, picture);
  const isWaiting = isRolling(input, picture) || picture.target !== stable.revision;
  const uniform = isUniform(held, sets);
  const stuck = stuckOf(held);
  return {
    kind: 'workload',
    stable,
    ...(isWaiting ? { canary: canaryArm(input, picture) } : {}),
    isAutoscaled: autoscalerOf(canaryNameOf(held.metadata.name), autoscalers) !== undefined,
    ...(taken === undefined ? {} : { taken }),
    inPlace: {
      idleCanary: canaryArm(input, picture),
      revision: picture.target,
      isClaimed: isClaimed(held, input.release?.name),
      isHeldByPolicy: isHeldByPolicy(held),
      isHeld: isHeld(held),
      isPausedByPerson: isPaused(held) && !isHeld(held),
      isUniform: uniform,
      isMarked: wanted === held,
      isRolledOut: uniform && wanted === held && isComplete(held, replicasOf(held)),
      ...countOthers(input, picture),
      ...(stuck === undefined ? {} : { stuck }),
      isHandedBack: !hasMarks(held, input.release?.name),
    },
  };
}

/** What the Deployment's controller says once a rollout missed its `progressDeadlineSeconds`. */
function stuckOf(deployment: KubeObject): string | undefined {
  const progressing = listAt(deployment, 'status', 'conditions').find(
    (each) => stringAt(each, 'type') === 'Progressing',
  );
  if (stringAt(progressing, 'reason') !== 'ProgressDeadlineExceeded') return undefined;
  return stringAt(progressing, 'message') ?? 'ProgressDeadlineExceeded';
}

const stableRevisionOf = ({ stable, target }: Picture): string =>
  stable === undefined ? target : revisionOfSet(stable);

/** What users get. Without a ReplicaSet (none made yet, or all deleted) there is nothing but the template. */
function stableArm({ objects, nowMs }: WorkloadInput, picture: Picture): ArmState {
  const { deployment: held, stable } = picture;
  const pods = podsOfSet(stable, objects, nowMs);
  const desiredReplicas = replicasOf(held);
  const readyReplicas = pods.filter(({ readySinceMs }) => readySinceMs !== undefined).length;
  const hash = hashOf(stable);
  return {
    workload: held.metadata.name,
    revision: stableRevisionOf(picture),
    podLabels: labelsAt(stable ?? held, 'spec', 'template', 'metadata', 'labels'),
    desiredReplicas,
    readyReplicas,
    isSettled: readyReplicas >= desiredReplicas && pods.length === desiredReplicas,
    pods,
    // A pin to a hash that no pod has would leave users without endpoints.
    ...(hash === undefined || pods.length === 0 ? {} : { ownLabel: { key: HASH_LABEL, value: hash } }),
  };
}

const isRolling = ({ status }: WorkloadInput, { target }: Picture): boolean =>
  status?.rolling === true && status.revision.canary === target;

/**
 * The template that waits; its pods are those of the canary's Deployment if that runs this very template. While the Deployment
 * replaces its own pods (`status.rolling`), the new ones count as canary too: if they crash, the rollout is stopped.
 */
function canaryArm(input: WorkloadInput, picture: Picture): ArmState {
  const { deployment: held, canary, sets, target } = picture;
  const labels = { ...labelsAt(held, 'spec', 'template', 'metadata', 'labels'), [ROLE_LABEL]: CANARY_ROLE };
  const arm: ArmState = {
    workload: canaryNameOf(held.metadata.name),
    revision: target,
    podLabels: labels,
    desiredReplicas: 0,
    readyReplicas: 0,
    isSettled: false,
    pods: [],
    ownLabel: { key: ROLE_LABEL, value: CANARY_ROLE },
  };
  const isRunning = canary !== undefined && isUsable(input, picture, canary);
  const own = isRunning ? { ...armOf(canary, input.objects, input.nowMs), revision: target, podLabels: labels } : arm;
  const rolled = isRolling(input, picture)
    ? sets
        .filter((set) => set !== picture.stable && revisionOfSet(set) === target)
        .flatMap((set) => podsOfSet(set, input.objects, input.nowMs))
    : [];
  return { ...own, ownLabel: { key: ROLE_LABEL, value: CANARY_ROLE }, pods: [...own.pods, ...rolled] };
}

/** Ours, of this template and this selector, and not on its way out. */
function isUsable({ release }: WorkloadInput, { deployment: held, target }: Picture, canary: KubeObject): boolean {
  return (
    release !== undefined &&
    whoseCanary(canary, release) === 'ours' &&
    canary.metadata.deletionTimestamp === undefined &&
    revisionOfCanary(canary) === target &&
    hasSelectorOf(canary, held)
  );
}

/** Pods that a subset of the user's labels finds beside the stable ones. */
function countOthers(
  { objects, namespace }: WorkloadInput,
  { deployment: held, stable, sets }: Picture,
): { readonly canaryPods: number; readonly strayPods: number } {
  const selector = at(held, 'spec', 'selector');
  const others = sets.filter((set) => set !== stable);
  const found = objects
    .all(TYPES.pod, namespace)
    .filter((pod) => isAlive(pod) && selects(selector, pod.metadata.labels ?? {}));
  return {
    canaryPods: found.filter((pod) => pod.metadata.labels?.[ROLE_LABEL] === CANARY_ROLE).length,
    strayPods: found.filter((pod) => others.some((set) => isOwnedBy(pod, set))).length,
  };
}

function writeOf(input: WorkloadInput, picture: Picture, intent: WorkloadIntent): Write | undefined {
  const { deployment: held, wanted, canary, sets } = picture;
  const release = input.release;
  if (release === undefined) return undefined;
  if (intent.kind === 'inPlace') {
    const isThrough = isUniform(held, sets) || stableRevisionOf(picture) === picture.target;
    return orderPatch(held, intent.order, { release: release.name, isThrough, mark: markOperations(held, wanted) });
  }
  if (intent.kind === 'restore') return canary === undefined ? undefined : removalOf(canary);
  if (intent.kind !== 'scaleCanary') return undefined;
  if (isAutoscaled(input, picture)) return undefined;
  if (canary === undefined) {
    const object = canaryOf(wanted, release, input.spec.traffic === undefined ? 0 : intent.replicas);
    return { kind: 'create', target: refOf(object), object, fieldManager: FIELD_MANAGERS.workload };
  }
  if (!isUsable(input, picture, canary)) return removalOf(canary);
  // Without a router the replica counts are the weights, and the `replicas` router writes them.
  return input.spec.traffic === undefined ? undefined : scalePatch(canary, intent.replicas, FIELD_MANAGERS.workload);
}

const isAutoscaled = ({ objects, namespace }: WorkloadInput, { deployment: held }: Picture): boolean =>
  autoscalerOf(canaryNameOf(held.metadata.name), objects.all(TYPES.horizontalPodAutoscaler, namespace)) !== undefined;

/** By uid: one that was made anew under the same name is looked at first. */
function removalOf(canary: KubeObject): Write | undefined {
  if (canary.metadata.deletionTimestamp !== undefined) return undefined;
  return { kind: 'delete', target: refOf(canary), uid: canary.metadata.uid ?? '' };
}

function refOf({ metadata: { name, namespace } }: KubeObject): Patch['target'] {
  return { type: TYPES.deployment, name, ...(namespace === undefined ? {} : { namespace }) };
}
