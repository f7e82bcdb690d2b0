/** The canary's pods: since when they are not ready, and how many there must be before more requests reach them. */
import type { Action } from '../action.ts';
import { besideAt, replicasAt } from '../plan.ts';
import {
  isByReplicas,
  isFollowingSteps,
  isGoingBack,
  isObserving,
  isReady,
  isSwitched,
  type Rule,
  type Situation,
} from '../situation.ts';
import { draftOf, write } from '../transitions.ts';

/** Keeps `status.unreadySince`. Before the first requests all pods count, afterwards only having none at all. */
export const watchReadiness: Rule = (s) => {
  if (!isFollowingSteps(s) && s.status.phase !== 'Promoting') return undefined;
  // While the Deployment replaces its own pods, its own controller watches them.
  if (s.canary === undefined || s.status.rolling === true) return undefined;
  const isIdleByDesign = isByReplicas(s) && s.status.weight === 0;
  const isServing = isServingUsers(s.status) ? s.canary.readyReplicas > 0 : isReady(s.canary);
  const { unreadySince, ...draft } = draftOf(s);
  if (isServing || isIdleByDesign) return write(s, draft, 'pods ready');
  return unreadySince === undefined ? write(s, { ...draft, unreadySince: s.now }, 'pods not ready') : undefined;
};

/** Users get answers of the canary; of copies they get none. */
export const isServingUsers = ({ weight, beside }: Situation['status']): boolean =>
  weight > 0 || beside?.match !== undefined;

/** The pods that step `index` at `weight` needs: what the plan asks for, at 100 % as many as stable, else at least one. */
function neededReplicas(s: Situation, index: number, weight: number): number {
  const stable = Math.max(1, s.workload?.stable.desiredReplicas ?? 1);
  const asked = s.plan === undefined ? undefined : replicasAt(s.plan, index, stable);
  // What is switched takes all requests at once, and is judged in that size before.
  if (weight === 100 || isSwitched(s)) return Math.max(stable, asked ?? 0);
  const present = s.canary?.desiredReplicas ?? 0;
  // Beside its Deployment the canary has as many pods as its share of the requests asks for, so that they are loaded alike.
  const share = Math.max(weight, s.plan === undefined ? 0 : (besideAt(s.plan, index).mirror ?? 0));
  if (s.workload?.inPlace !== undefined) return asked ?? Math.max(1, present, Math.ceil((stable * share) / 100));
  return asked ?? (present > 0 ? present : stable);
}

/** Scales the canary if it needs it and Serin may; `undefined` when nothing is to be done. Without a router, weights are replicas. */
export function scaleFor(s: Situation, index: number, weight: number): Action | undefined {
  if (s.workload === undefined || s.canary === undefined || !s.observed.canScale) return undefined;
  if (s.workload.isAutoscaled || isByReplicas(s) || isObserving(s)) return undefined;
  const replicas = neededReplicas(s, index, weight);
  const isExact = s.canary.desiredReplicas === replicas;
  const isFullSize = weight === 100 || isSwitched(s);
  if (isExact || (isFullSize && s.canary.desiredReplicas > replicas)) return undefined;
  return { kind: 'writeWorkload', intent: { kind: 'scaleCanary', replicas }, because: `step ${index}` };
}

/** The pods that the step in force asks for. */
export const scaleForStep: Rule = (s) => {
  if (!isFollowingSteps(s) || s.status.taken === undefined) return undefined;
  if (s.workload?.inPlace !== undefined) {
    // What was stable before goes straight back, without a canary. Where weights are replicas, it is only made here.
    if (isGoingBack(s)) return undefined;
    if (isByReplicas(s) && s.observed.canScale)
      return { kind: 'writeWorkload', intent: { kind: 'scaleCanary', replicas: 0 }, because: 'canary' };
  }
  return scaleFor(s, s.status.step?.index ?? 0, s.status.weight);
};
