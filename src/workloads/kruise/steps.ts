/** The steps of a Rollout of OpenKruise with the share of the requests that each gives the canary. */
import { type Fields, listAt, numberAt, stringAt } from '../../api/fields.ts';
import type { KubeObject } from '../../api/meta.ts';
import type { GateStep } from '../../release/observed.ts';
import { hasExtraDeployment, isBlueGreen, strategyOf } from './status.ts';

/** By this annotation a TrafficRouting gives the requests; the field `trafficRoutingRef` is read by nobody. */
export const TRAFFIC_ROUTING = 'rollouts.kruise.io/trafficrouting';

/** The name of the TrafficRouting that its requests follow. */
export const trafficRoutingOf = (rollout: KubeObject): string | undefined => {
  const name = rollout.metadata.annotations?.[TRAFFIC_ROUTING] ?? '';
  return name === '' ? undefined : name;
};

/**
 * A step waits for somebody unless it has `pause.duration`, also where `pause` is left out. The last step of a canary or partition
 * rollout goes on by itself if it says `replicas: 100%`, literally.
 */
export function stepsOf(
  rollout: KubeObject,
  replicas: number,
  trafficRouting: KubeObject | undefined,
): readonly GateStep[] {
  const strategy = strategyOf(rollout);
  const steps = listAt(strategy, 'steps');
  const weigh = weigher(rollout, strategy, replicas, trafficRouting);
  return steps.map((step, index) => {
    const { weight, isRouted } = weigh(step);
    // Pods are never taken away again by an earlier step; only routes follow it back.
    const isMore = isRouted ? {} : { isMore: true };
    const goesOn = index === steps.length - 1 && !isBlueGreen(rollout) && stringAt(step, 'replicas') === '100%';
    if (goesOn) return { weight, ...isMore };
    const seconds = numberAt(step, 'pause', 'duration');
    return { weight, ...isMore, pause: seconds === undefined ? 'open' : seconds * 1000 };
  });
}

type Weigh = (step: unknown) => { readonly weight: number; readonly isRouted: boolean };

/** By routes where it has any, else by the TrafficRouting, else by pods. Who is chosen by a match is no share of the requests. */
function weigher(
  rollout: KubeObject,
  strategy: Fields,
  replicas: number,
  trafficRouting: KubeObject | undefined,
): Weigh {
  const hasRoutes = listAt(strategy, 'trafficRoutings').length > 0;
  const byPods: Weigh = (step) => ({ weight: shareOfPods(rollout, step, replicas), isRouted: false });
  if (hasRoutes) {
    return (step) => {
      if (listAt(step, 'matches').length > 0) return { weight: 0, isRouted: true };
      const percent = percentOf(stringAt(step, 'traffic'));
      // Without either the routes are taken away, and any Service selects all pods.
      return percent === undefined ? byPods(step) : { weight: percent, isRouted: true };
    };
  }
  if (trafficRoutingOf(rollout) === undefined) return byPods;
  const isByMatch = listAt(trafficRouting, 'spec', 'strategy', 'matches').length > 0;
  const weight = isByMatch ? 0 : (numberAt(trafficRouting, 'spec', 'strategy', 'weight') ?? 0);
  return () => ({ weight, isRouted: false });
}

/** The share of pods that the step asks for; independent of scaling where it asks for a percentage. */
function shareOfPods(rollout: KubeObject, step: unknown, replicas: number): number {
  const percent = percentOf(stringAt(step, 'replicas'));
  const count = percent === undefined ? (numberAt(step, 'replicas') ?? 0) : percent;
  const all = percent === undefined ? replicas : 100;
  const isBeside = hasExtraDeployment(rollout) || isBlueGreen(rollout);
  const total = isBeside ? all + count : Math.max(all, count);
  if (count <= 0 || total <= 0) return 0;
  if (count >= total) return 100;
  return Math.min(99, Math.max(1, Math.round((100 * count) / total)));
}

function percentOf(text: string | undefined): number | undefined {
  const [, digits] = /^([0-9]{1,3})%$/.exec(text ?? '') ?? [];
  return digits === undefined ? undefined : Math.min(100, Number(digits));
}
