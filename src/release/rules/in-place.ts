/**
 * A Deployment that is released in place (contracts 13–15): its hold follows status, like the routes. Between releases it is free
 * where an admission policy holds new templates by itself, and held where none does.
 *
 *   new template ─▶ held ─▶ canary beside it, judged ─▶ routes open ─▶ let through ─▶ rolled out ─▶ canary removed ─▶ routes as before
 */
import { FINALIZER } from '../../api/meta.ts';
import type { Action } from '../action.ts';
import { readDurationMs } from '../../api/units.ts';
import { type InPlaceOrder, type InPlaceState, isBehindCanary, isRoomy, roomBeside, routesOf } from '../in-place.ts';
import {
  isByReplicas,
  isGoingBack,
  isReady,
  isSwitched,
  isUnderWay,
  type Rule,
  type Situation,
  wasRouted,
} from '../situation.ts';
import { draftOf, NOT_ROUTED, type StatusDraft, told, withBeside, withWeight, write } from '../transitions.ts';
import { settledConfig } from './configuration.ts';
import { specFinding } from './obstacles.ts';
import { untilArrived } from './traffic.ts';

const order = (what: InPlaceOrder, because: string): Action => ({
  kind: 'writeWorkload',
  intent: { kind: 'inPlace', order: what },
  because,
});

/** The finalizer is there before the first mark on the Deployment; nothing is marked for a spec that cannot work. */
export const keepHold: Rule = (s) => {
  const inPlace = s.workload?.inPlace;
  if (inPlace === undefined || s.status.revision.stable === undefined) return undefined;
  if (!inPlace.isClaimed && specFinding(s) !== undefined) return undefined;
  if (!s.observed.release.metadata.finalizers?.includes(FINALIZER)) return { kind: 'addFinalizer' };
  if (!inPlace.isClaimed) return order('claim', 'adoption');
  const isFree = shouldBeFree(s, inPlace);
  if (isFree && (inPlace.isHeld || !inPlace.isMarked)) return order('letThrough', 'RollingOut');
  // A person's pause holds as well; it stays theirs.
  if (!isFree && !inPlace.isHeld && !inPlace.isPausedByPerson) return order('hold', 'NewRevision');
  return undefined;
};

function shouldBeFree(s: Situation, inPlace: InPlaceState): boolean {
  const { revision, rolling } = s.status;
  if (rolling === true && inPlace.revision === revision.canary) {
    // The routes admit its new pods first. Once it rolls it is not stopped for a route that somebody changed.
    return (!inPlace.isHeld && inPlace.isMarked) || (wasRouted(s.status) && s.observed.isTrafficWritten && isOpen(s));
  }
  if (inPlace.revision !== revision.stable) return false;
  // What users get anyway may always roll: a restart, or the old image that came back.
  return !inPlace.isUniform || !inPlace.isMarked || inPlace.isHeldByPolicy;
}

/** The routes tell no pods of the Deployment apart, or lead to none of them; where there are no routes, they never did. */
const isOpen = ({ spec, status, workload }: Situation): boolean =>
  spec.traffic === undefined || isBehindCanary(spec, status) || routesOf(spec, status, workload).isOpen === true;

/** Adopted once it stands still: exactly one revision has pods, and all of them are available. */
export function isAdoptable({ workload }: Situation): boolean {
  const inPlace = workload?.inPlace;
  return inPlace === undefined || (workload?.stable.isSettled === true && inPlace.strayPods === 0);
}

export function waitUntilSettled(s: Situation): Action | undefined {
  const { workload: name = '' } = s.workload?.stable ?? {};
  const message = `${name} has not all its pods available, of one revision. It is taken over once it has; until then it rolls as ever.`;
  return write(s, { ...draftOf(s), phase: 'Idle', reason: 'NotSettled', message }, 'not settled') ?? { kind: 'wait' };
}

/** Without pods nobody gets anything, so there is nothing to compare with. */
export const letEmptyThrough: Rule = (s) => {
  const inPlace = s.workload?.inPlace;
  if (inPlace === undefined || isUnderWay(s.status) || s.workload?.stable.desiredReplicas !== 0) return undefined;
  if (s.status.revision.stable === undefined || inPlace.revision === s.status.revision.stable) return undefined;
  const { workload: name } = s.workload.stable;
  const { judgedStable: _judged, ...revision } = s.status.revision;
  const message = `${name} is scaled to 0; its revision ${inPlace.revision} is let through, there is nothing to compare it with.`;
  const draft = draftOf(s);
  return write(
    s,
    {
      ...draft,
      ...settledConfig(draft),
      reason: 'Initial',
      message,
      revision: { ...revision, stable: inPlace.revision },
    },
    'let through',
  );
};

/** A template that came while a person's pause was on waits for them, not for Serin. */
export const tellOfPause: Rule = (s) => {
  const inPlace = s.workload?.inPlace;
  if (inPlace === undefined || isUnderWay(s.status) || s.status.revision.stable === undefined) return undefined;
  const isWaiting = inPlace.isPausedByPerson && inPlace.revision !== s.status.revision.stable;
  if (!isWaiting) {
    if (s.status.reason !== 'WorkloadPaused') return undefined;
    return write(s, { ...draftOf(s), reason: 'UpToDate', message: 'The pause is over.' }, 'pause over');
  }
  const name = s.workload?.stable.workload ?? '';
  const message = `Deployment ${name} was paused by a person before its new template came. Resume it (kubectl rollout resume deployment/${name}), and the release begins.`;
  return write(s, { ...draftOf(s), reason: 'WorkloadPaused', message }, 'paused by a person');
};

/**
 * Judging is over: all requests go to the pinned old pods, then the routes are opened, the hold ends (`keepHold`), and the release
 * is done when the rollout is. Before the hold ends no more canary pods stay than may get the weight that was judged.
 */
export function promoteInPlace(s: Situation, inPlace: InPlaceState): Action | 'waits' | 'done' {
  const { run } = s.observed;
  if (run !== undefined && !run.isFinished) return { kind: 'finishRun', name: run.name };
  if (isSwitched(s) && !isGoingBack(s)) {
    const first = switchInPlace(s);
    if (first !== undefined) return first;
  }
  const name = s.workload?.stable.workload ?? '';
  if (s.status.rolling !== true) {
    const message = replacing(name, s.status.revision.canary ?? '');
    const { unreadySince: _unready, ...draft } = draftOf(s);
    return write(s, { ...draft, rolling: true, message }, 'rolling out', NOT_ROUTED) ?? 'waits';
  }
  if (!wasRouted(s.status) || !s.observed.isTrafficWritten) return 'waits';
  if (inPlace.isHeld) return isBehindCanary(s.spec, s.status) ? 'waits' : (makeRoom(s) ?? 'waits');
  if (inPlace.isRolledOut) return 'done';
  return tellOfReturn(s, name) ?? tellOfStuckRollout(s, name, inPlace.stuck) ?? 'waits';
}

/**
 * blueGreen: users are on a canary of full size before the Deployment replaces its own pods, and stay there until all are replaced. The
 * old pods stand for `scaleDownAfter`, so that an abort puts users back at once.
 */
function switchInPlace(s: Situation): Action | 'waits' | undefined {
  const { status, workload, canary, observed } = s;
  const wanted = Math.max(1, workload?.stable.desiredReplicas ?? 1);
  if (canary !== undefined && canary.desiredReplicas < wanted && observed.canScale && workload?.isAutoscaled !== true) {
    return { kind: 'writeWorkload', intent: { kind: 'scaleCanary', replicas: wanted }, because: 'switch' };
  }
  if (status.weight < 100) {
    if (!isReady(canary)) return 'waits';
    const of = status.step?.of ?? 0;
    return write(s, withWeight(s, withBeside(draftOf(s), {}), 100, of, of), 'promoting', NOT_ROUTED) ?? 'waits';
  }
  if (!wasRouted(status) || !observed.isTrafficWritten) return 'waits';
  const dueMs = rollingDueMs(s);
  if (dueMs === undefined || s.nowMs >= dueMs) return undefined;
  const until = new Date(dueMs).toISOString();
  const message = `All requests go to ${status.revision.canary ?? ''}. The old pods stay until ${until}; until then an abort puts users back at once.`;
  return write(s, { ...draftOf(s), message }, 'old pods stay') ?? 'waits';
}

/** blueGreen: when the old pods have stood long enough after the last Pass. */
export function rollingDueMs({ spec, status, workload }: Situation): number | undefined {
  const afterMs = readDurationMs(spec.strategy?.blueGreen?.scaleDownAfter);
  if (afterMs === undefined || workload?.inPlace === undefined || status.phase !== 'Promoting') return undefined;
  if (status.rolling === true || status.step === undefined) return undefined;
  return Date.parse(status.step.since) + afterMs;
}

/** The canary gets no requests at this moment, so taking pods from it harms nobody. */
function makeRoom(s: Situation): Action | undefined {
  const { workload, status, canary } = s;
  if (isByReplicas(s) || workload === undefined || isRoomy(status, workload)) return undefined;
  const room = roomBeside(workload.stable.readyReplicas, status.weight);
  const because = 'RollingOut';
  if (room === 0 || workload.isAutoscaled || canary === undefined) {
    if (s.observed.isWorkloadRestored) return undefined;
    return { kind: 'writeWorkload', intent: { kind: 'restore', taken: status.taken?.workload }, because };
  }
  if (!s.observed.canScale || canary.desiredReplicas <= room) return undefined;
  return { kind: 'writeWorkload', intent: { kind: 'scaleCanary', replicas: room }, because };
}

/** Not given up: what passed is not judged again by a full node or a quota. A person sees to it, aborts, or writes another template. */
function tellOfStuckRollout(s: Situation, name: string, stuck: string | undefined): Action | undefined {
  if (stuck === undefined) {
    if (s.status.reason !== 'RolloutStuck') return undefined;
    return write(s, { ...draftOf(s), reason: 'RollingOut', message: `${name} goes on replacing its pods.` }, 'goes on');
  }
  const message = `The rollout of ${name} that passed does not get on: ${stuck} See kubectl describe deployment/${name}; it goes on by itself once its pods can run, or abort it.`;
  const draft: StatusDraft = { ...draftOf(s), reason: 'RolloutStuck', message };
  const isNew = s.status.reason !== 'RolloutStuck';
  return write(s, isNew ? told(s, draft, 'held', `stuck/${s.now}`) : draft, 'rollout stuck');
}

/** So much is rolled out that what is left of the old version could not take the requests back. */
export const isPastReturn = ({ status, workload }: Situation): boolean =>
  status.rolling === true && workload !== undefined && workload.stable.revision !== status.revision.stable;

/** Whoever wants to give it up is told at once, before an abort that nobody would follow. */
function tellOfReturn(s: Situation, name: string): Action | undefined {
  const isPast = isPastReturn(s);
  if (isPast === (s.status.pastReturn === true)) return undefined;
  const { pastReturn: _past, ...draft } = draftOf(s);
  const { canary = '' } = s.status.revision;
  if (!isPast) return write(s, { ...draft, message: replacing(name, canary) }, 'may return');
  const message = `${name} has replaced most of its own pods by ${canary}, so an abort comes too late. Write the former template to go back: it is not judged again.`;
  return write(s, { ...draft, pastReturn: true, message }, 'past return');
}

const replacing = (name: string, revision: string): string => `${name} replaces its own pods by ${revision}.`;

/** Requests back to stable and the canary gone, in this order; the routes get their own form back once no other pods are left. */
export function leaveInPlace(s: Situation, because: string): Action | undefined {
  if (s.status.taken !== undefined && s.traffic !== undefined && !s.observed.isTrafficWritten) {
    return { kind: 'writeTraffic', intent: { kind: 'weight', canaryWeight: 0 }, because };
  }
  // Users may be on the canary, and the routes cannot be led to stable as they are now: then to what was taken, before its pods go.
  if (s.status.taken !== undefined && s.traffic === undefined && !s.observed.isTrafficRestored) {
    return { kind: 'writeTraffic', intent: { kind: 'restore' }, because };
  }
  if (s.observed.isWorkloadRestored) return undefined;
  return (
    untilArrived(s) ?? { kind: 'writeWorkload', intent: { kind: 'restore', taken: s.status.taken?.workload }, because }
  );
}

/** Everything of Serin off the Deployment and its routes. A rollout that is under way is not stopped for it. */
export function handBack(s: Situation, inPlace: InPlaceState): Action | undefined {
  const isRolling = !inPlace.isHeld && !inPlace.isPausedByPerson && !inPlace.isUniform;
  const isLeft = s.observed.isTrafficRestored && s.observed.isWorkloadRestored;
  if (!isRolling && !isLeft) {
    const leaving = leaveInPlace(s, 'deletion');
    if (leaving !== undefined) return leaving;
    if (inPlace.canaryPods > 0 && !s.observed.isTrafficRestored) return { kind: 'wait', requeueAfterMs: 2_000 };
  }
  if (!s.observed.isTrafficRestored) return { kind: 'writeTraffic', intent: { kind: 'restore' }, because: 'deletion' };
  if (!s.observed.isWorkloadRestored)
    return { kind: 'writeWorkload', intent: { kind: 'restore', taken: s.status.taken?.workload }, because: 'deletion' };
  if (inPlace.isHandedBack) return undefined;
  return tellOfWaitingTemplate(s, inPlace) ?? order('handBack', 'deletion');
}

/** Nothing rolls because a Release was deleted: what nobody let through stays paused. */
function tellOfWaitingTemplate(s: Situation, inPlace: InPlaceState): Action | undefined {
  const isThrough = inPlace.isUniform || inPlace.revision === s.workload?.stable.revision;
  if (!inPlace.isHeld || isThrough || s.status.reason === 'LeftPaused') return undefined;
  const name = s.workload?.stable.workload ?? '';
  const message = `Deployment ${name} stays paused: its template ${inPlace.revision} did not pass. Put the old one back, or let it roll (kubectl rollout resume deployment/${name}).`;
  const draft: StatusDraft = { ...draftOf(s), reason: 'LeftPaused', message };
  return write(s, told(s, draft, 'invalid', 'left-paused'), 'left paused');
}
