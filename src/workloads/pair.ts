/**
 * pair: two Deployments that the user made. Which one is live is `status.pair.live`; at adoption it is the one that has
 * the traffic, told by the caller (`trafficHint`), else the one with more available pods. They swap at promotion.
 */
import { at, isFields, labelsAt, numberAt, sameJson, stringAt } from '../api/fields.ts';
import { ANEW, FIELD_MANAGERS, type Finding, type KubeObject, type Patch, TYPES } from '../api/meta.ts';
import type { TakenState } from '../api/release.ts';
import { quote } from '../api/units.ts';
import type { WorkloadIntent, WorkloadState } from '../release/observed.ts';
import { armOf } from './deployment-arm.ts';
import { movedElsewhere } from './movers.ts';
import type { WorkloadAdapter, WorkloadInput } from './port.ts';
import { autoscalerOf, replicasOf, scalePatch } from './scale.ts';
import { selects } from './selectors.ts';

type TakenWorkload = TakenState['workload'];

interface Members {
  readonly kind: 'members';
  readonly live: KubeObject;
  readonly idle: KubeObject;
}

export const pair: WorkloadAdapter = {
  name: 'pair',
  needs: [
    { type: TYPES.deployment, verbs: ['get', 'list', 'watch'], because: 'the two members of a pair' },
    {
      type: TYPES.deployment,
      subresource: 'scale',
      verbs: ['get', 'patch'],
      because:
        'an idle member without pods is scaled up for its release, back on abort, and down after a promotion where asked',
    },
    { type: TYPES.argoRollout, verbs: ['list'], because: 'whether a Rollout moves pods of a member (workloadRef)' },
    { type: TYPES.replicaSet, verbs: ['get', 'list', 'watch'], because: 'which pods run the newest template' },
    { type: TYPES.pod, verbs: ['get', 'list', 'watch'], because: 'readiness, crashes, and whose numbers are whose' },
    {
      type: TYPES.horizontalPodAutoscaler,
      verbs: ['get', 'list', 'watch'],
      because: 'autoscaled members are not scaled',
    },
  ],

  queries({ namespace, spec, status }) {
    return [
      ...(spec.workload.pair?.members ?? []).map((name) => ({
        kind: 'object' as const,
        ref: { type: TYPES.deployment, namespace, name },
      })),
      { kind: 'all', type: TYPES.replicaSet, namespace },
      { kind: 'all', type: TYPES.pod, namespace },
      { kind: 'all', type: TYPES.horizontalPodAutoscaler, namespace },
      ...(isFree(status) ? [{ kind: 'onDemand' as const, type: TYPES.argoRollout, namespace }] : []),
    ];
  },

  read(input) {
    const members = findMembers(input);
    if (members.kind !== 'members') return members;
    return movedBesides(input, members) ?? stateOf(input, members);
  },

  snapshot(input) {
    const members = findMembers(input);
    if (members.kind !== 'members' || replicasOf(members.idle) > 0) return undefined;
    return { member: members.idle.metadata.name, uid: members.idle.metadata.uid ?? '', replicas: 0 };
  },

  write(input, intent) {
    const members = findMembers(input);
    if (members.kind !== 'members') return [];
    const patch =
      intent.kind === 'scaleCanary'
        ? scaleUp(input, members.idle, intent)
        : intent.kind === 'restore'
          ? giveBack(members, intent.taken)
          : intent.kind === 'scaleDown'
            ? scalePatch(members.idle, 0, FIELD_MANAGERS.workload)
            : undefined;
    return patch === undefined ? [] : [patch];
  },
};

/** Nothing of it is Serin's to give back. */
const isFree = (status: WorkloadInput['status']): boolean => status?.taken === undefined;

/** What is under way goes to its end, also back: a Rollout that came later is told of before the next begins. */
function movedBesides({ status, objects }: WorkloadInput, { live, idle }: Members): Finding | undefined {
  if (!isFree(status)) return undefined;
  return movedElsewhere(live, objects) ?? movedElsewhere(idle, objects);
}

function stateOf(input: WorkloadInput, members: Members): WorkloadState {
  const taken = input.status?.taken?.workload;
  return {
    kind: 'workload',
    stable: armOf(members.live, input.objects, input.nowMs),
    canary: armOf(members.idle, input.objects, input.nowMs),
    isAutoscaled: isAutoscaled(input, members.idle),
    ...(taken === undefined ? {} : { taken }),
  };
}

/** Without a router the replica counts are the weights, and the `replicas` router writes them; an autoscaler's are its own. */
function scaleUp(
  input: WorkloadInput,
  idle: KubeObject,
  intent: Extract<WorkloadIntent, { kind: 'scaleCanary' }>,
): Patch | undefined {
  if (input.spec.traffic === undefined) return undefined;
  if (isAutoscaled(input, idle)) return undefined;
  const isOurs = replicasOf(idle) === 0 || isTaken(input.status?.taken?.workload, idle);
  return isOurs ? scalePatch(idle, intent.replicas, FIELD_MANAGERS.workload) : undefined;
}

/** An autoscaler leaves a Deployment without pods alone (ScalingDisabled), so waking it up is Serin's part; from then on it is not. */
const isAutoscaled = ({ objects, namespace }: WorkloadInput, idle: KubeObject): boolean =>
  replicasOf(idle) > 0 &&
  autoscalerOf(idle.metadata.name, objects.all(TYPES.horizontalPodAutoscaler, namespace)) !== undefined;

/** Never scales the live member: what was idle when it was taken may be live by now. */
function giveBack(members: Members, taken: TakenWorkload): Patch | undefined {
  const replicas = numberAt(taken, 'replicas');
  if (replicas === undefined || !isTaken(taken, members.idle)) return undefined;
  return scalePatch(members.idle, replicas, FIELD_MANAGERS.workload);
}

function isTaken(taken: TakenWorkload, member: KubeObject): boolean {
  return (
    isFields(taken) &&
    stringAt(taken, 'member') === member.metadata.name &&
    stringAt(taken, 'uid') === (member.metadata.uid ?? '')
  );
}

function findMembers(input: WorkloadInput): Members | (Finding & { readonly kind?: undefined }) {
  const [first, second] = input.spec.workload.pair?.members ?? [];
  if (first === undefined || second === undefined || first === second) {
    return {
      reason: 'InvalidSpec',
      message: `spec.workload.pair.members is ${quote(input.spec.workload.pair?.members)}. Name two different Deployments.`,
    };
  }
  const one = input.objects.find(TYPES.deployment, input.namespace, first);
  const two = input.objects.find(TYPES.deployment, input.namespace, second);
  if (one === undefined || two === undefined) return notFound(input.namespace, one === undefined ? first : second);
  const twins = findTwins(one, two);
  if (twins !== undefined) return twins;
  const isFirstLive = liveName(input, one, two) === first;
  return { kind: 'members', live: isFirstLive ? one : two, idle: isFirstLive ? two : one };
}

function notFound(namespace: string, member: string): Finding & { readonly kind?: undefined } {
  return {
    reason: 'WorkloadNotFound',
    message: `spec.workload.pair.members names Deployment ${quote(member)}, which does not exist in namespace ${namespace}. Create it; to name another, ${ANEW}.`,
  };
}

/**
 * Selectors may overlap: owner references keep the two Deployments from taking each other's pods, and many pairs select by
 * `app` alone. But pods with the very same labels cannot be told apart by any subset, Service or metric.
 */
function findTwins(one: KubeObject, two: KubeObject): (Finding & { readonly kind?: undefined }) | undefined {
  const labels = labelsAt(two, 'spec', 'template', 'metadata', 'labels');
  if (!sameJson(labelsAt(one, 'spec', 'template', 'metadata', 'labels'), labels)) return undefined;
  if (!selects(at(one, 'spec', 'selector'), labels)) return undefined;
  return {
    reason: 'InvalidSpec',
    message: `The pods of Deployments ${quote(one.metadata.name)} and ${quote(two.metadata.name)} have the same labels, so each selects the other's pods. Give the pod templates of the two members of spec.workload.pair a label that differs, e.g. version.`,
  };
}

function liveName(input: WorkloadInput, one: KubeObject, two: KubeObject): string {
  const names = [one.metadata.name, two.metadata.name];
  const known = [input.status?.pair?.live, input.trafficHint].find(
    (name) => name !== undefined && names.includes(name),
  );
  if (known !== undefined) return known;
  const available = (member: KubeObject): number => numberAt(member, 'status', 'availableReplicas') ?? 0;
  return available(two) > available(one) ? two.metadata.name : one.metadata.name;
}
