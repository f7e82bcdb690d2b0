/** What keeps a release from being carried out at all, and how that is shown. Nothing here touches a user's object. */
import type { Finding } from '../../api/meta.ts';
import { isFollowingSteps, isSwitched, isUnderWay, type Rule, type Situation } from '../situation.ts';
import { OBSTACLES } from '../conditions.ts';
import { draftOf, shownVerdict, type StatusDraft, told, write } from '../transitions.ts';
import { configFinding } from './configuration.ts';
import { tell } from './telling.ts';

const RETRY_MS = 15_000;

/** What keeps Serin from seeing or writing the user's objects. */
function outOfReach(s: Situation): Finding | undefined {
  const { observed } = s;
  const workload = observed.workload.kind === undefined ? observed.workload : undefined;
  // What was taken is given back, whoever else claims it by now.
  const conflict = s.status.phase === 'Aborting' ? undefined : observed.conflict;
  return observed.obstacle ?? conflict ?? workload ?? trafficFinding(s) ?? startFinding(s) ?? unclearLive(s);
}

/** Giving back needs no understanding of the routes as they are now, but it needs to see them, and that nothing is left of the canary. */
function trafficFinding({ observed, status }: Situation): Finding | undefined {
  const { traffic } = observed;
  const unread = traffic.kind === undefined ? traffic : undefined;
  if (status.phase !== 'Aborting' || unread?.reason === 'PermissionMissing') return unread;
  return observed.notRestored;
}

/** What is wrong with the spec or its templates. Giving up and promoting need neither. */
export function specFinding(s: Situation): Finding | undefined {
  const isEnding = s.status.phase === 'Aborting' || s.status.phase === 'Promoting';
  return isEnding ? undefined : (s.planFinding ?? analysisFinding(s) ?? stepFinding(s) ?? configFinding(s));
}

/** What passed is not let through while its pods could not start. */
function startFinding(s: Situation): Finding | undefined {
  return s.status.phase === 'Promoting' && s.status.rolling !== true ? configFinding(s) : undefined;
}

/** A run carries its own resolved copy; templates only matter until it exists. */
function analysisFinding({ observed, spec }: Situation): Finding | undefined {
  if (spec.analysis === undefined || observed.analysis === undefined || observed.run !== undefined) return undefined;
  return observed.analysis.kind === undefined ? observed.analysis : undefined;
}

/** Known before the canary gets anything, and again where it would have to be made. */
function stepFinding(s: Situation): Finding | undefined {
  // What comes after a switch must be possible before it.
  return s.observed.stepRun === undefined || isSwitched(s) ? s.observed.stepAnalysis : undefined;
}

function unclearLive({ status, traffic }: Situation): Finding | undefined {
  if (status.revision.stable !== undefined || traffic === undefined || traffic.canaryWeight !== undefined)
    return undefined;
  return {
    reason: 'RouteNotUnderstood',
    message: `The routes do not agree on who is live (${traffic.drift.join(' ') || 'weights differ'}). Give one side more than half of the requests in all of them.`,
  };
}

/** Shows the obstacle and waits for it to go: nothing else can be done. */
export const waitForReach: Rule = (s) => waitFor(s, outOfReach(s));

/** The write that was just refused, where what comes before `waitForReach` asked for it. */
export const waitForWrite: Rule = (s) => waitFor(s, s.observed.obstacle);

/** Stays where it is until the spec can be followed; routes are kept, and an abort still works. */
export const waitForSpec: Rule = (s) => waitFor(s, specFinding(s));

function waitFor(s: Situation, obstacle: Finding | undefined): ReturnType<Rule> {
  if (obstacle === undefined) return undefined;
  return showObstacle(s, obstacle) ?? tell(s) ?? { kind: 'wait', requeueAfterMs: RETRY_MS };
}

/** On its way to an end that it cannot reach: its course stays, but people are told at once. */
function stuck(s: Situation, obstacle: Finding): StatusDraft {
  const isKnown = s.status.conditions.some(
    ({ type, reason }) => type === 'TrafficRouted' && reason === obstacle.reason,
  );
  const why = { reason: obstacle.reason, message: `${s.status.phase} is stuck: ${obstacle.message}` };
  return isKnown ? draftOf(s) : told(s, draftOf(s), 'invalid', `stuck/${obstacle.reason}/${s.now}`, why);
}

function showObstacle(s: Situation, obstacle: Finding): ReturnType<Rule> {
  // A refused write of something else says nothing about routes that are as they should be.
  const isRouted = outOfReach(s) === undefined || (s.observed.obstacle !== undefined && s.observed.isTrafficWritten);
  const routed = isRouted ? undefined : ({ status: 'Unknown', reason: obstacle.reason } as const);
  if (isFollowingSteps(s)) return write(s, held(s, obstacle), obstacle.reason, routed);
  if (isUnderWay(s.status)) return write(s, stuck(s, obstacle), obstacle.reason, { status: 'False', ...obstacle });
  const draft: StatusDraft = { ...draftOf(s), reason: obstacle.reason, message: obstacle.message };
  const isNew = s.status.reason !== obstacle.reason;
  const next = isNew
    ? told(s, draft, 'invalid', `invalid/${s.observed.release.metadata.generation}/${obstacle.reason}`)
    : draft;
  return write(s, next, obstacle.reason);
}

const WANT_OF_DATA: ReadonlySet<string> = new Set(['NoData', 'SourceUnavailable', 'ImplausibleCounter']);
const UNDECIDED: ReadonlySet<string> = new Set(['TimeIsUp', 'TooFewRequests', 'Inconclusive']);

/** Data that comes and goes while a release is held changes nothing for people; that a person is needed does. */
function isOldNews(told: string, now: string): boolean {
  if (told === now) return true;
  if (UNDECIDED.has(now)) return UNDECIDED.has(told);
  return WANT_OF_DATA.has(now) && (WANT_OF_DATA.has(told) || UNDECIDED.has(told));
}

/** Held where it is; people are told once for each kind of reason. */
export function held(s: Situation, why: Finding, waitingFor?: string): StatusDraft {
  const draft = draftOf(s);
  const isSame = s.status.phase === 'Held' && isOldNews(s.status.reason ?? '', why.reason);
  const heldSince = s.status.phase === 'Held' ? (s.status.heldSince ?? s.now) : s.now;
  const step = draft.step === undefined || waitingFor === undefined ? {} : { step: { ...draft.step, waitingFor } };
  const next: StatusDraft = {
    ...draft,
    ...step,
    ...shownVerdict(s),
    phase: 'Held',
    reason: why.reason,
    message: why.message,
    heldSince,
  };
  return isSame ? next : told(s, next, 'held', `held/${s.now}`);
}

/** A settled Release whose obstacle is gone says again how its last release ended. */
export const obstacleGone: Rule = (s) => {
  if (isUnderWay(s.status) || !OBSTACLES.has(s.status.reason ?? '')) return undefined;
  if (outOfReach(s) !== undefined || specFinding(s) !== undefined) return undefined;
  const last = s.status.history?.at(-1);
  const { message: _message, ...draft } = draftOf(s);
  const reason = s.status.phase === 'Idle' ? 'UpToDate' : (last?.reason ?? 'UpToDate');
  return write(s, { ...draft, reason }, 'obstacle gone');
};
