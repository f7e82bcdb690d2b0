/**
 * Routes follow `status.weight`, never the other way round. What somebody else changed is put back: at most ten times in a
 * release, and after that only towards stable.
 */
import { routesOf } from '../in-place.ts';
import type { Action } from '../action.ts';
import type { TrafficIntent } from '../observed.ts';
import {
  isFollowingSteps,
  isByReplicas,
  isObserving,
  isReady,
  isUnderWay,
  type Rule,
  type Situation,
  wasRouted,
} from '../situation.ts';
import { arrived, draftOf, ROUTED, told, write } from '../transitions.ts';

/** So often changed routes are put back; then somebody has to end the contest. */
export const MAX_DRIFT_REPAIRS = 10;
/** In a contest, one repair towards stable is made in each such period. */
export const CONTEST_PERIOD_MS = 10_000;
/** Between releases, repairs this long ago do not count. */
const FORGET_MS = 3_600_000;
/** Time for the one repair, from its record on. */
const REPAIR_WINDOW_MS = 2_000;

export const steerTraffic: Rule = (s) => {
  if (isObserving(s) || s.traffic === undefined || s.status.taken === undefined) return undefined;
  if (!isFollowingSteps(s) && s.status.phase !== 'Promoting') return undefined;
  if (s.observed.isTrafficWritten) {
    if (wasRouted(s.status) || !isInForce(s) || s.observed.awaited !== undefined) return undefined;
    return write(s, arrived(s), 'routed', ROUTED);
  }
  if (s.observed.isTrafficWaiting === true) return undefined;
  if ((s.status.driftRepairs ?? 0) >= MAX_DRIFT_REPAIRS) return contest(s);
  // Replica counts also follow readiness: only what somebody changed is drift.
  if (wasRouted(s.status) && s.traffic.drift.length > 0) return noteDrift(s);
  return { kind: 'writeTraffic', intent: intended(s), because: s.status.reason ?? 'weight' };
};

/** Endpoints follow within seconds. After this long they are not waited for: towards the canary it is given up, towards stable it goes on. */
const ARRIVAL_MS = 120_000;
export const ARRIVAL_CHECK_MS = 1_000;

/** Since when requests should go elsewhere than they do, in ms; 0 where they do. */
export function overdueMs({ observed, status, nowMs }: Situation): number {
  if (observed.awaited === undefined) return 0;
  const routed = status.conditions.find(({ type }) => type === 'TrafficRouted')?.lastTransitionTime;
  const since = [routed, status.step?.since].map((time) => Date.parse(time ?? '')).filter(Number.isFinite);
  return Math.max(0, nowMs - Math.max(...since, 0));
}

export const isOverdue = (s: Situation): boolean => overdueMs(s) >= ARRIVAL_MS;

/** On the way to stable nothing is taken from the canary before requests have left it. */
export function untilArrived(s: Situation): Action | undefined {
  return s.observed.awaited === undefined || isOverdue(s)
    ? undefined
    : { kind: 'wait', requeueAfterMs: ARRIVAL_CHECK_MS };
}

/** What status says. */
const intended = ({ spec, status, workload }: Situation): TrafficIntent => routesOf(spec, status, workload);

/** Where weights are replicas, a weight is in force when its pods are ready. */
const isInForce = (s: Situation): boolean => !isByReplicas(s) || s.status.weight === 0 || isReady(s.canary);

/** What was changed, to stand within a sentence. */
export const driftSaid = ({ traffic }: Situation): string => (traffic?.drift.join(' ') ?? '').replace(/\.$/, '');

/** Counted before it is put back: the next pass sees that the routes are not as they should be and writes them. */
export function noteDrift(s: Situation): ReturnType<Rule> {
  const lastMs = Date.parse(s.status.lastDriftRepair ?? '1970-01-01T00:00:00Z');
  const isForgotten = !isUnderWay(s.status) && s.nowMs - lastMs > FORGET_MS;
  const count = (isForgotten ? 0 : (s.status.driftRepairs ?? 0)) + 1;
  const what = driftSaid(s);
  const message = `Routes were changed${what === '' ? '' : `: ${what}`}; they are put back (${count} of ${MAX_DRIFT_REPAIRS} times).`;
  const draft = { ...draftOf(s), driftRepairs: count, lastDriftRepair: s.now };
  const why = { reason: 'TrafficDrift', message };
  const next = told(s, draft, 'driftRepaired', `driftRepaired/${count}/${s.now}`, why);
  return write(s, next, 'drift', { status: 'False', reason: 'TrafficDrift' });
}

/** Too much for the canary is still put back, now and then; too little is left for a person. */
export function contest(s: Situation): ReturnType<Rule> {
  const carried = s.traffic?.canaryWeight;
  const routed = { status: 'Unknown', reason: 'TrafficContested' } as const;
  if (carried !== undefined && carried <= s.status.weight) return write(s, draftOf(s), 'contested', routed);
  const sinceMs = s.nowMs - Date.parse(s.status.lastDriftRepair ?? '1970-01-01T00:00:00Z');
  if (sinceMs < REPAIR_WINDOW_MS) {
    return { kind: 'writeTraffic', intent: intended(s), because: 'TrafficContested' };
  }
  if (sinceMs < CONTEST_PERIOD_MS) return undefined;
  return write(s, { ...draftOf(s), lastDriftRepair: s.now }, 'contested', routed);
}
