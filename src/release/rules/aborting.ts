/** Giving up: what starts it (whatever else is wrong, contracts 8 and 16), and how it ends with everything given back. */
import { formatDuration } from '../../api/units.ts';
import type { Action } from '../action.ts';
import { changedConfig, verb } from './configuration.ts';
import { isPastReturn, leaveInPlace } from './in-place.ts';
import {
  isByReplicas,
  isFollowingSteps,
  isJudging,
  isObserving,
  isUnderWay,
  settingsOf,
  type Rule,
  type Situation,
} from '../situation.ts';
import { isServingUsers } from './readiness.ts';
import { isOverdue, overdueMs, untilArrived } from './traffic.ts';
import {
  aborting,
  draftOf,
  ended,
  NOT_ROUTED,
  reachedWeight,
  ROUTED,
  told,
  verdictShown,
  write,
} from '../transitions.ts';

/** No ready pod before its first requests, for this long: Kubernetes' own progressDeadlineSeconds. */
export const NOT_READY_MS = 10 * 60_000;
/** No ready pod while it has requests: they fail. */
export const NOT_SERVING_MS = 60_000;

interface Cause {
  readonly reason: string;
  readonly message: string;
}

/** Why the release must be given up now, if it must. The order is the order of precedence. */
function abortCause(s: Situation): Cause | undefined {
  return (
    abortedByPerson(s) ?? crashLooping(s) ?? judgedFail(s) ?? notReady(s) ?? notReached(s) ?? inconclusivePolicy(s)
  );
}

export const startAborting: Rule = (s) => {
  if (!isUnderWay(s.status) || isPastReturn(s)) return undefined;
  const isAlready = s.status.phase === 'Aborting';
  // Whoever only observes gives up when told to, not by itself.
  const cause = isAlready || isObserving(s) ? abortedByPerson(s) : abortCause(s);
  const { canary, rejected } = s.status.revision;
  if (cause === undefined || (isAlready && canary !== undefined && rejected.includes(canary))) return undefined;
  const verdict = s.verdict === undefined ? {} : { verdict: verdictShown(s.verdict) };
  return write(s, aborting(s, { ...draftOf(s), ...verdict }, { ...cause, isRejected: true }), cause.reason, NOT_ROUTED);
};

/** Traffic to stable, replicas given back, the run finished, then Aborted: one action at a time. */
export const finishAborting: Rule = (s) => {
  if (s.status.phase !== 'Aborting') return undefined;
  const isSuperseded = SUPERSEDED.has(s.status.reason ?? '');
  if (s.status.taken !== undefined) {
    const giveBack = isSuperseded && s.traffic !== undefined ? trafficToZero(s) : restoreAll(s);
    if (giveBack !== undefined) return giveBack;
  }
  if (s.observed.run !== undefined && !s.observed.run.isFinished)
    return { kind: 'finishRun', name: s.observed.run.name };
  return isSuperseded ? superseded(s) : aborted(s);
};

/** Reasons of an end that is no fault of the revision. */
export const SUPERSEDED: ReadonlySet<string> = new Set(['Superseded', 'StableChanged', 'Observing']);

/** What it waits for is usually a pod that stops, and its events come sooner. */
export const UNTIL_PODS_ARE_GONE: Action = { kind: 'wait', requeueAfterMs: 5_000 };

function trafficToZero(s: Situation): Action | undefined {
  if (s.observed.isTrafficWritten) return untilArrived(s);
  if (s.observed.isTrafficWaiting === true) return UNTIL_PODS_ARE_GONE;
  return { kind: 'writeTraffic', intent: { kind: 'weight', canaryWeight: 0 }, because: s.status.reason ?? 'Aborted' };
}

function restoreAll(s: Situation): Action | undefined {
  const because = s.status.reason ?? 'Aborted';
  if (s.workload?.inPlace !== undefined) return leaveInPlace(s, because);
  if (!s.observed.isTrafficRestored) {
    if (s.observed.isTrafficWaiting === true) return UNTIL_PODS_ARE_GONE;
    return { kind: 'writeTraffic', intent: { kind: 'restore' }, because };
  }
  if (s.observed.isWorkloadRestored) return undefined;
  return (
    untilArrived(s) ?? { kind: 'writeWorkload', intent: { kind: 'restore', taken: s.status.taken?.workload }, because }
  );
}

export function aborted(s: Situation): Action | undefined {
  const { taken, ...draft } = draftOf(s);
  const reached = reachedWeight(draft);
  const inPlace = s.workload?.inPlace;
  const isWaiting = inPlace !== undefined && inPlace.revision === draft.revision.canary;
  const stays = isWaiting ? ` ${keepsOldPods(s)}` : '';
  const message = `Aborted at ${reached} %: ${s.status.message ?? ''} Traffic is at 100 % stable.${stays}`;
  // What was taken before an earlier promotion is still to be given back when the Release goes; routes are kept for a while in any case.
  const isKept = draft.revision.previousStable !== undefined || inPlace !== undefined;
  const keep = isKept ? taken : taken?.traffic === undefined ? undefined : { traffic: taken.traffic };
  const done = ended(
    s,
    { ...draft, ...(keep === undefined ? {} : { taken: keep }), phase: 'Aborted', message },
    'Aborted',
    reached,
  );
  return write(s, told(s, done, 'aborted', 'aborted'), 'aborted', ROUTED);
}

function keepsOldPods(s: Situation): string {
  const changed = changedConfig(s);
  if (changed.length === 0) return 'The Deployment keeps its old pods until its template changes again.';
  const still = `${changed.join(' and ')} still ${verb(changed, 'has', 'have')} the new content`;
  return `The Deployment keeps its old pods, but ${still}, which any pod that starts again reads. Put the former content back, or write another.`;
}

export function superseded(s: Situation): Action | undefined {
  const draft = draftOf(s);
  const done = ended(s, { ...draft, phase: 'Aborted' }, 'Superseded', reachedWeight(draft));
  return write(s, told(s, done, 'superseded', 'superseded'), 'superseded', ROUTED);
}

function abortedByPerson({ status, observed }: Situation): Cause | undefined {
  if (observed.abortRevision === undefined || observed.abortRevision !== status.revision.canary) return undefined;
  return {
    reason: 'AbortedByPerson',
    message: `The annotation serin.dev/abort asks to give up ${observed.abortRevision}.`,
  };
}

function crashLooping(s: Situation): Cause | undefined {
  if (s.canary?.revision !== s.status.revision.canary) return undefined;
  const pod = s.canary?.pods.find(({ isCrashLooping }) => isCrashLooping);
  if (pod === undefined) return undefined;
  const message = `Pod ${pod.name} of the canary crashes again and again (${pod.restartCount} restarts).`;
  return { reason: 'CanaryCrashLooping', message };
}

function judgedFail(s: Situation): Cause | undefined {
  if (s.verdict?.outcome !== 'Fail' || isPromotedPastAnalysis(s) || s.status.rolling === true) return undefined;
  return { reason: s.verdict.reason, message: s.verdict.says };
}

/** A person or a stated rule sent it to 100 %; only pods that do not run, or an abort, call that back. */
function isPromotedPastAnalysis({ status }: Situation): boolean {
  return (
    status.phase === 'Promoting' && (status.reason === 'PromotedByPerson' || status.reason === 'RolledBackToPrevious')
  );
}

function notReady(s: Situation): Cause | undefined {
  const { unreadySince } = s.status;
  if (unreadySince === undefined || s.canary === undefined || (isByReplicas(s) && s.status.weight === 0))
    return undefined;
  const failsRequests = isServingUsers(s.status) && s.canary.readyReplicas === 0 && !isByReplicas(s);
  const limitMs = failsRequests ? NOT_SERVING_MS : NOT_READY_MS;
  if (s.nowMs - Date.parse(unreadySince) < limitMs) return undefined;
  const { readyReplicas, desiredReplicas, workload } = s.canary;
  return {
    reason: 'CanaryNotReady',
    message: `${workload} has ${readyReplicas} of ${desiredReplicas} pods ready, for ${formatDuration(s.nowMs - Date.parse(unreadySince))} now.`,
  };
}

/** Users may get neither version, or both: stable is what they had. */
function notReached(s: Situation): Cause | undefined {
  if (s.status.weight === 0 || s.status.phase === 'Aborting' || !isOverdue(s)) return undefined;
  const message = `${s.observed.awaited ?? ''} That is so for ${formatDuration(overdueMs(s))} now. See to its endpoints (kubectl get endpointslices), then retry.`;
  return { reason: 'EndpointsBehind', message };
}

function inconclusivePolicy(s: Situation): Cause | undefined {
  if (settingsOf(s).onInconclusive !== 'abort' || !isJudging(s) || !isFollowingSteps(s)) return undefined;
  if (s.verdict?.outcome !== 'Inconclusive' || s.verdict.blindSinceMs !== undefined) return undefined;
  // Too little traffic or time is the canary's own; missing data never aborts.
  if (!s.verdict.hadEnoughData && !UNDECIDED.has(s.verdict.reason)) return undefined;
  return { reason: s.verdict.reason, message: `${s.verdict.says} onInconclusive: abort.` };
}

const UNDECIDED: ReadonlySet<string> = new Set(['TooFewRequests', 'TimeIsUp', 'Inconclusive']);
