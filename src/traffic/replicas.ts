/**
 * No router: requests spread evenly over the pods of one Service, so the ratio of replica counts is the weight.
 *
 * With N = stable's replicas before the release and weight w:
 *   w = 0        stable N, canary 0
 *   0 < w ≤ 50   stable N, canary ⌊N·w/(100−w)⌋, at least 1       (capacity never drops)
 *   50 < w ≤ 100 canary N, stable ⌈N·(100−w)/w⌉, at least 1
 * The last stable pod goes only after the promotion, when the roles are swapped and it is the canary at weight 0.
 * Shares are rounded down, but one pod is the smallest step: with N pods no weight below 100/(N+1) % is possible.
 * Stable is only reduced while enough canary pods are ready to make up for it.
 */
import { labelsAt, listAt, numberAt, stringAt } from '../api/fields.ts';
import { ANEW, FIELD_MANAGERS, type Finding, type KubeObject, TYPES } from '../api/meta.ts';
import type { TakenState } from '../api/release.ts';
import { quote } from '../api/units.ts';
import { canaryNameOf } from '../release/in-place.ts';
import type { TrafficState } from '../release/observed.ts';
import { autoscalerOf, replicasOf, scalePatch } from '../workloads/scale.ts';
import { hasLabels } from '../workloads/selectors.ts';
import { plannedWeightsOf } from './istio/choose.ts';
import type { Router, TrafficInput } from './port.ts';
import { inTurn, isRecreated, isWaiting } from './recreate.ts';

type TakenTraffic = TakenState['traffic'];

interface ReplicaCounts {
  readonly stable: number;
  readonly canary: number;
}

/** Replica counts that come nearest to a weight (0–100) without exceeding it, for `total` ≥ 1 stable pods. */
export function replicaCounts(total: number, canaryWeight: number): ReplicaCounts {
  if (canaryWeight <= 0) return { stable: total, canary: 0 };
  if (canaryWeight <= 50) {
    return { stable: total, canary: Math.max(1, Math.floor((total * canaryWeight) / (100 - canaryWeight))) };
  }
  return { stable: Math.max(1, Math.ceil((total * (100 - canaryWeight)) / canaryWeight)), canary: total };
}

/** A Deployment released in place keeps its own replicas (they are the user's, or an autoscaler's): only its canary is scaled. */
const isInPlace = ({ spec }: Pick<TrafficInput, 'spec'>): boolean => spec.workload.deployment !== undefined;

function namesOf({ workload }: TrafficInput['spec']): readonly string[] {
  const { deployment } = workload;
  if (deployment !== undefined) return [deployment.name, canaryNameOf(deployment.name)];
  return workload.pair?.members ?? [];
}

/** More than four times the pods for a weight is a mistake rather than a wish. */
const MOST_IN_PLACE = 80;

export const replicas: Router = {
  name: 'replicas',
  needs: [
    {
      type: TYPES.deployment,
      subresource: 'scale',
      verbs: ['get', 'patch'],
      because: 'without a router, replica counts are the weights',
    },
    { type: TYPES.deployment, verbs: ['get', 'list', 'watch'], because: 'replica counts of the two versions' },
    {
      type: TYPES.horizontalPodAutoscaler,
      verbs: ['get', 'list', 'watch'],
      because: 'autoscaled members are not scaled',
    },
    { type: TYPES.service, verbs: ['get', 'list', 'watch'], because: 'one Service must select both versions' },
    {
      type: TYPES.pod,
      verbs: ['get', 'list', 'watch'],
      because: 'where one version is stopped before the other starts, its last pod must be gone',
    },
    { type: TYPES.replicaSet, verbs: ['get', 'list', 'watch'], because: 'whose pods are whose' },
  ],

  queries({ namespace, spec }) {
    return [
      ...namesOf(spec).map((name) => ({
        kind: 'object' as const,
        ref: { type: TYPES.deployment, namespace, name },
      })),
      { kind: 'all', type: TYPES.horizontalPodAutoscaler, namespace },
      { kind: 'all', type: TYPES.service, namespace },
      ...(isRecreated({ spec })
        ? [TYPES.replicaSet, TYPES.pod].map((type) => ({ kind: 'all' as const, type, namespace }))
        : []),
    ];
  },

  read(input) {
    return refuse(input) ?? stateOf(input);
  },

  snapshot(input) {
    const { stable } = deploymentsOf(input);
    return stable === undefined ? undefined : { router: 'replicas', total: replicasOf(stable) };
  },

  asTaken: () => undefined,

  isWaiting(input, intent) {
    const counts = wantedCounts(input, intent.kind === 'restore' ? 0 : intent.canaryWeight);
    return isRecreated(input) && isWaiting(input, turnOf(deploymentsOf(input), counts));
  },

  write(input, intent) {
    const isRefused = refuse(input) !== undefined;
    // Giving up must work whatever came in between: a canary without pods gets no requests, and no autoscaler wakes it.
    if (isRefused && intent.kind !== 'restore') return [];
    const deployments = isRefused ? canaryOf(deploymentsOf(input)) : deploymentsOf(input);
    const counts = wantedCounts(input, intent.kind === 'restore' ? 0 : intent.canaryWeight);
    if (isRecreated(input)) return inTurn(input, turnOf(deployments, counts));
    // The side that grows goes first, so that capacity is never short in between.
    const both = counts.canary > 0 ? (['canary', 'stable'] as const) : (['stable', 'canary'] as const);
    const order = isInPlace(input) ? (['canary'] as const) : both;
    return order.flatMap((arm) => {
      const deployment = deployments[arm];
      return deployment === undefined ? [] : (scalePatch(deployment, counts[arm], FIELD_MANAGERS.traffic) ?? []);
    });
  },
};

/** Whoever is to have no pods goes first. */
function turnOf({ stable, canary }: Deployments, counts: ReplicaCounts): Parameters<typeof inTurn>[1] {
  return counts.canary > 0
    ? { leaving: stable, coming: canary, replicas: counts.canary }
    : { leaving: canary, coming: stable, replicas: counts.stable };
}

/** Stable before the release; a taken count survives the swap of roles at promotion. */
function totalOf(input: TrafficInput): number {
  const taken = takenTotal(input.taken);
  return taken !== undefined && taken > 0 ? taken : Math.max(1, input.stable.desiredReplicas);
}

function takenTotal(taken: TakenTraffic): number | undefined {
  return stringAt(taken, 'router') === 'replicas' ? numberAt(taken, 'total') : undefined;
}

function wantedCounts(input: TrafficInput, canaryWeight: number): ReplicaCounts {
  if (isInPlace(input)) return besideStable(input, canaryWeight);
  const total = totalOf(input);
  if (input.isAborted === true) return { stable: stableAfterAbort(input, total), canary: 0 };
  if (isRecreated(input)) return canaryWeight > 0 ? { stable: 0, canary: total } : { stable: total, canary: 0 };
  const counts = replicaCounts(total, input.canary === undefined ? 0 : canaryWeight);
  const readyCanary = Math.min(counts.canary, input.canary?.readyReplicas ?? 0);
  // Canary pods that are not ready are made up for by stable ones.
  return { canary: counts.canary, stable: Math.max(counts.stable, total - readyCanary) };
}

/**
 * Its count is its owner's again, up and down to nothing. Only a step that was decided before the abort and arrives after it leaves
 * less than before, and that is made up for; none leaves nothing, unless one version is stopped for the other.
 */
function stableAfterAbort(input: TrafficInput, total: number): number {
  const { desiredReplicas } = input.stable;
  return desiredReplicas === 0 && !isRecreated(input) ? 0 : Math.max(total, desiredReplicas);
}

/** As many as make up the weight beside the stable pods there are now. */
function besideStable({ stable, canary }: TrafficInput, canaryWeight: number): ReplicaCounts {
  const { desiredReplicas } = stable;
  if (canary === undefined || canaryWeight <= 0) return { stable: desiredReplicas, canary: 0 };
  const weight = Math.min(canaryWeight, MOST_IN_PLACE);
  return { stable: desiredReplicas, canary: Math.max(1, Math.floor((desiredReplicas * weight) / (100 - weight))) };
}

type Deployments = Partial<Record<'stable' | 'canary', KubeObject>>;

const canaryOf = ({ canary }: Deployments): Deployments => (canary === undefined ? {} : { canary });

function deploymentsOf(input: TrafficInput): Deployments {
  const find = (name: string | undefined): KubeObject | undefined =>
    name === undefined ? undefined : input.objects.find(TYPES.deployment, input.namespace, name);
  const stable = find(input.stable.workload);
  const canary = find(input.canary?.workload);
  return { ...(stable === undefined ? {} : { stable }), ...(canary === undefined ? {} : { canary }) };
}

function refuse(input: TrafficInput): (Finding & { readonly kind?: undefined }) | undefined {
  if (isInPlace(input)) return refuseWeights(input) ?? refuseServices(input);
  const arms = [input.stable, ...(input.canary === undefined ? [] : [input.canary])];
  const autoscalers = input.objects.all(TYPES.horizontalPodAutoscaler, input.namespace);
  for (const { workload } of arms) {
    const autoscaler = autoscalerOf(workload, autoscalers);
    if (autoscaler === undefined) continue;
    return {
      reason: 'InvalidSpec',
      message: `Without spec.traffic, weights are replica counts, but HorizontalPodAutoscaler ${quote(autoscaler.metadata.name)} sets those of Deployment ${quote(workload)}. Remove the autoscaler for the pair; to name a router in spec.traffic, ${ANEW}.`,
    };
  }
  return refuseServices(input);
}

function refuseWeights({ spec, stable }: TrafficInput): (Finding & { readonly kind?: undefined }) | undefined {
  const tooMuch = plannedWeightsOf(spec.strategy).find((weight) => weight > MOST_IN_PLACE && weight < 100);
  if (tooMuch === undefined) return undefined;
  return {
    reason: 'InvalidSpec',
    message: `spec.strategy asks for a weight of ${tooMuch}. Without spec.traffic, weights are replica counts, and the replicas of Deployment ${quote(stable.workload)} are not Serin's to reduce. Write weights up to ${MOST_IN_PLACE}; to name a router in spec.traffic, ${ANEW}.`,
  };
}

/** A Service that selects one version only would send it everything or nothing, whatever the counts. No Service at all is fine (queue consumers). */
function refuseServices(input: TrafficInput): (Finding & { readonly kind?: undefined }) | undefined {
  const canary = input.canary;
  if (canary === undefined) return undefined;
  const selecting = input.objects
    .all(TYPES.service, input.namespace)
    .map((service) => ({ name: service.metadata.name, selector: labelsAt(service, 'spec', 'selector') }))
    .filter(({ selector }) => Object.keys(selector).length > 0)
    .map(({ name, selector }) => ({
      name,
      stable: hasLabels(input.stable.podLabels, selector),
      canary: hasLabels(canary.podLabels, selector),
    }));
  const oneSided = selecting.find((service) => service.stable !== service.canary);
  if (oneSided === undefined || selecting.some((service) => service.stable && service.canary)) return undefined;
  return {
    reason: 'RouteNotUnderstood',
    message: `Without spec.traffic, weights are replica counts, but Service ${quote(oneSided.name)} selects only the pods of ${quote(oneSided.stable ? input.stable.workload : canary.workload)}. Let its selector match both versions; to name a router in spec.traffic, ${ANEW}.`,
  };
}

function stateOf(input: TrafficInput): TrafficState {
  const { stable, canary } = deploymentsOf(input);
  const now: ReplicaCounts = {
    stable: stable === undefined ? 0 : replicasOf(stable),
    canary: canary === undefined ? 0 : replicasOf(canary),
  };
  const sum = now.stable + now.canary;
  const intended = input.intendedWeight;
  const wanted = intended === undefined ? undefined : wantedCounts(input, intended);
  const isWanted = wanted !== undefined && wanted.stable === now.stable && wanted.canary === now.canary;
  const drift =
    input.taken === undefined || wanted === undefined || isOnTheWay(input, now, intended ?? 0)
      ? []
      : [
          `Replicas are ${now.stable} of ${quote(input.stable.workload)} and ${now.canary} of ${quote(input.canary?.workload)} instead of ${wanted.stable} and ${wanted.canary}${changedBy(stable, canary)}.`,
        ];
  return {
    kind: 'traffic',
    canaryWeight: isWanted && intended !== undefined ? intended : sum === 0 ? undefined : (100 * now.canary) / sum,
    drift,
  };
}

/** Stable counts between the goal and the full count follow the canary's readiness: Serin's own next write, nobody's change. */
function isOnTheWay(input: TrafficInput, now: ReplicaCounts, canaryWeight: number): boolean {
  if (isInPlace(input)) return false;
  // On its way one is gone and the other not there yet.
  if (isRecreated(input)) return now.canary === 0 || now.stable === 0;
  const total = totalOf(input);
  const goal = replicaCounts(total, canaryWeight);
  return now.canary === goal.canary && now.stable >= goal.stable && now.stable <= total;
}

function changedBy(...deployments: readonly (KubeObject | undefined)[]): string {
  const managers = deployments
    .flatMap((deployment) => listAt(deployment, 'metadata', 'managedFields'))
    .filter((entry) => stringAt(entry, 'subresource') !== 'status')
    .toSorted((a, b) => (stringAt(a, 'time') ?? '').localeCompare(stringAt(b, 'time') ?? ''))
    .flatMap((entry) => stringAt(entry, 'manager') ?? [])
    .filter((manager) => manager !== FIELD_MANAGERS.traffic);
  const last = managers.at(-1);
  return last === undefined ? '' : ` (last changed by ${last})`;
}
