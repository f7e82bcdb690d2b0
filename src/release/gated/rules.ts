/**
 * The chain for rollouts whose own controller moves pods and traffic (contracts 11): Serin follows, judges, opens pauses that
 * passed, and gives up. It writes nothing else, and undoes nothing that it did not do.
 */
import { adopt } from '../rules/adoption.ts';
import { aborted, startAborting, SUPERSEDED, superseded } from '../rules/aborting.ts';
import { judged } from '../rules/advance.ts';
import { giveUp, isDeletionOverdue, wasGivenUp } from '../rules/deletion.ts';
import { countClosed, holdCause, holdOrGoOn } from '../rules/holds.ts';
import { held, obstacleGone, waitForReach, waitForSpec, waitForWrite } from '../rules/obstacles.ts';
import { prepareRun, take } from '../rules/preparation.ts';
import { watchReadiness } from '../rules/readiness.ts';
import { retryByItself } from '../rules/retrying.ts';
import { retriesOf } from '../retries.ts';
import { followStable } from '../rules/superseding.ts';
import { tell } from '../rules/telling.ts';
import {
  isFollowingSteps,
  isGoingBack,
  isObserving,
  isReady,
  isUnderWay,
  type Rule,
  type Situation,
} from '../situation.ts';
import {
  aborting,
  draftOf,
  ended,
  NOT_ROUTED,
  promoting,
  reachedWeight,
  ROUTED,
  shownVerdict,
  started,
  type StatusDraft,
  told,
  write,
} from '../transitions.ts';
import { type Finding, FINALIZER } from '../../api/meta.ts';
import { followEnd, followPosition } from './follow.ts';
import { heldElsewhere, hold, notePassed } from './holding.ts';
import { LEFT_PAUSED, wasLeftPaused } from './orders.ts';
import { answerGatedRequest } from './requests.ts';
import { retreat } from './retreat.ts';

/** A Release that goes leaves the rollout where it is: at its own pause it waits for a person, as without Serin. */
const letGo: Rule = (s) => {
  const { deletionTimestamp, finalizers } = s.observed.release.metadata;
  if (deletionTimestamp === undefined) return undefined;
  if (!finalizers?.includes(FINALIZER)) return { kind: 'wait' };
  const { gate } = s.status;
  const { order, obstacle } = s.observed;
  const isHeld = gate?.isHeld === true || order?.kind === 'hold';
  if (isHeld && obstacle !== undefined && isDeletionOverdue(s.observed)) return giveUp(s);
  if (gate?.isHeld === true) return write(s, { ...draftOf(s), gate: { ...gate, isHeld: false } }, 'deletion');
  const stuck = wasGivenUp(s) ? undefined : waitForWrite(s);
  if (stuck !== undefined) return stuck;
  if (order?.kind === 'hold' && !wasGivenUp(s)) return { kind: 'writeWorkload', intent: order, because: 'deletion' };
  return tell(s) ?? { kind: 'removeFinalizer' };
};

/** What the status asks for and its controller has not been asked yet. */
const order: Rule = (s) => {
  if (s.observed.order === undefined || isObserving(s)) return undefined;
  return { kind: 'writeWorkload', intent: s.observed.order, because: s.status.reason ?? s.observed.order.kind };
};

/** Users' requests are back at stable as its own controller says, then it is over. */
const finishGivingUp: Rule = (s) => {
  if (s.status.phase !== 'Aborting') return undefined;
  const isSuperseded = SUPERSEDED.has(s.status.reason ?? '');
  // What is paused is remembered first.
  if (leavesPaused(s) && s.status.taken === undefined && !isSuperseded) return undefined;
  const position = s.workload?.gate?.position;
  if (!isSuperseded && position !== 'givenUp' && position !== 'settled')
    return stillGivingUp(s) ?? { kind: 'wait', requeueAfterMs: 5_000 };
  if (s.observed.run !== undefined && !s.observed.run.isFinished)
    return { kind: 'finishRun', name: s.observed.run.name };
  const done = asGivenUp(s);
  if (isSuperseded) return superseded(done);
  return leavesPaused(s) && position === 'givenUp' ? leftPaused(done) : aborted(done);
};

/** After this long somebody should know that requests are not back. */
const GIVING_UP_MS = 60_000;
const NOT_DONE =
  ' The rollout’s own controller is not done with that after a minute, so the canary may keep its requests; check that it runs.';

/** Only its controller moves requests and pods: the status says what the canary has until that has taken it back. */
function stillGivingUp(s: Situation): ReturnType<Rule> {
  const { status, workload, nowMs } = s;
  const gate = workload?.gate;
  if (gate === undefined) return undefined;
  const isLate = nowMs - Date.parse(status.step?.since ?? '') >= GIVING_UP_MS && (gate.weight > 0 || !gate.isSeen);
  const reason = isLate ? 'RolloutNotTakenBack' : 'WaitingForRollout';
  const said = (status.message ?? '').replace(NOT_DONE, '');
  const draft = { ...draftOf(s), weight: gate.weight, message: isLate ? `${said}${NOT_DONE}` : said };
  const awaited = `The canary has ${gate.weight} % of the requests until the rollout’s own controller takes it back.`;
  const message = `${awaited}${isLate ? ' It has not after a minute; check that it runs.' : ''}`;
  return write(s, draft, 'not given up yet', { status: 'False', reason, message });
}

/** What was said meanwhile is over. */
function asGivenUp(s: Situation): Situation {
  const { message } = s.status;
  const said = message === undefined ? {} : { message: message.replace(NOT_DONE, '') };
  return { ...s, status: { ...s.status, ...said, weight: 0 } };
}

const leavesPaused = ({ spec }: Situation): boolean => spec.workload.kruiseRollout?.onAbort === 'pause';

/** With `onAbort: pause` its pods and routes stay where they were. */
function leftPaused(s: Situation): ReturnType<Rule> {
  const weight = s.workload?.gate?.weight ?? 0;
  const { gate: _gate, ...draft } = draftOf(s);
  const message = `Aborted: ${draft.message ?? ''} The rollout is paused where it is, and the canary keeps its share of the requests (${weight} %). Take the new template back where it comes from, e.g. in Git.`;
  // What somebody else paused before is theirs to resume.
  const gate = draft.taken?.workload?.['paused'] === true ? {} : { gate: { isHeld: true } };
  const left: StatusDraft = { ...draft, ...gate, phase: 'Aborted', weight, message };
  const done = ended(s, left, 'Aborted', reachedWeight(draft));
  return write(s, told(s, done, 'aborted', 'aborted'), 'aborted', { status: 'False', reason: LEFT_PAUSED });
}

const resumeLeft: Rule = (s) => {
  const { status, workload } = s;
  if (!wasLeftPaused(status) || workload?.gate === undefined) return undefined;
  const isThere = workload.canary?.revision === status.revision.canary;
  if (isThere && (workload.gate.isHeld || !workload.gate.isSeen)) return { kind: 'wait' };
  const message = isThere
    ? 'Aborted; somebody else resumed the rollout that was left paused.'
    : `Aborted; ${status.revision.canary ?? ''} is gone from the workload, so the rollout that was left paused goes on.`;
  return write(s, { ...draftOf(s), weight: 0, message, gate: { isHeld: false } }, 'left paused, resumed', ROUTED);
};

/** A revision of which its controller makes a canary. What was given up stays so until somebody tries it again. */
const start: Rule = (s) => {
  const gate = s.workload?.gate;
  const { status, workload } = s;
  if (isUnderWay(status) || gate === undefined || workload?.canary === undefined) return undefined;
  if (status.revision.stable === undefined || (gate.position !== 'moving' && gate.position !== 'gate'))
    return undefined;
  const { revision } = workload.canary;
  if (revision === workload.stable.revision) return undefined;
  if (isObserving(s) && status.taken !== undefined) return undefined;
  const isRejected = status.revision.rejected.includes(revision);
  if (isRejected && retriesOf(s, revision).isUsedUp)
    return takesBack(s) ? takeBack(s, revision) : leaveAlone(s, revision);
  const isBack = revision === status.revision.previousStable;
  const message = isBack
    ? `${revision} was stable before; it is not judged again.`
    : isRejected
      ? `Somebody tries ${revision} again.`
      : `Revision ${revision} was found.`;
  const { gate: _gate, ...draft } = started(s, revision, {
    reason: isBack ? 'RolledBackToPrevious' : 'NewRevision',
    message,
  });
  return write(s, draft, 'new revision', ROUTED);
};

/** Left alone it would wait at its first pause, with requests. */
const takesBack = ({ spec }: Situation): boolean =>
  spec.workload.kruiseRollout !== undefined && spec.workload.kruiseRollout.onAbort !== 'pause';

function takeBack(s: Situation, revision: string): ReturnType<Rule> {
  const why = { reason: 'RetriesUsedUp', message: tooOften(s, revision) };
  return write(s, aborting(s, started(s, revision, why), { ...why, isRejected: true }), 'retries used up', NOT_ROUTED);
}

const tooOften = (s: Situation, revision: string): string =>
  `${revision} was rejected and came back ${retriesOf(s, revision).attempts} times, more often than spec.analysis.retryLimit allows. Take it back where it comes from, e.g. in Git.`;

function leaveAlone(s: Situation, revision: string): ReturnType<Rule> {
  const message = tooOften(s, revision);
  return write(s, { ...draftOf(s), reason: 'RetriesUsedUp', message }, 'retries used up');
}

/** A run asks for its arms by name, so it waits until both have one. */
const prepareNamedRun: Rule = (s) => (s.canary?.isUnnamed === true ? undefined : prepareRun(s));

/** What was taken is needed no longer once nothing is held. */
const forget: Rule = (s) => {
  if (isUnderWay(s.status)) return undefined;
  if (s.status.taken === undefined && s.status.gate === undefined) {
    const hasFinalizer = s.observed.release.metadata.finalizers?.includes(FINALIZER) === true;
    return hasFinalizer ? { kind: 'removeFinalizer' } : undefined;
  }
  const { taken: _taken, gate: _gate, ...draft } = draftOf(s);
  return write(s, draft, 'given back');
};

/** Where nothing can be compared, a person decides, and the status says why. */
const waitForPerson: Rule = (s) => {
  const gate = s.workload?.gate;
  if (!isFollowingSteps(s) || gate?.gate === undefined || isGoingBack(s) || s.status.gate?.order !== undefined)
    return undefined;
  if (gate.gate.isTheirs === true) {
    const message = `The rollout’s own analysis could not decide. ${gate.says ?? ''} Promote to go on, or abort.`;
    return heldForPerson(s, { reason: 'Paused', message });
  }
  if (s.spec.analysis === undefined || s.step?.kind !== 'pause' || s.step.durationMs !== undefined) return undefined;
  const message = `At this pause the canary has ${gate.weight} % of the users’ requests, so there is nothing to compare. Promote to go on.`;
  return heldForPerson(s, { reason: 'NothingToCompare', message });
};

/** Nothing else is decided meanwhile. */
function heldForPerson(s: Situation, why: Finding): ReturnType<Rule> {
  return write(s, held(s, why, 'person'), why.reason) ?? { kind: 'wait', requeueAfterMs: 30_000 };
}

/** The only place, beside a person's request, where Serin opens a pause. */
const openGate: Rule = (s) => {
  const gate = s.workload?.gate;
  if (!isFollowingSteps(s) || isObserving(s) || s.status.taken === undefined || holdCause(s) !== undefined)
    return undefined;
  if (isGoingBack(s)) {
    // Within its rollback window its own controller goes to the end by itself.
    if (gate?.gate === undefined || gate.gate.isTheirs === true) return undefined;
    const message = 'It was stable before, so it is not judged again.';
    return write(s, promoting(s, draftOf(s), { reason: 'RolledBackToPrevious', message }), 'going back');
  }
  if (gate?.gate === undefined || gate.isHeld || gate.gate.isTheirs === true) return undefined;
  if (s.step?.kind !== 'judge' || s.status.gate?.order !== undefined || s.status.gate?.at !== gate.gate.id)
    return undefined;
  // One that ends by itself was only held back; `hold` lets go of it.
  if (gate.gate.endsAtMs !== undefined) return undefined;
  const draft = isReady(s.canary) ? judged(s, draftOf(s), s.step.atLeastMs ?? 0) : undefined;
  if (draft === undefined) return undefined;
  const message = `The pause at ${gate.weight} % passed (step ${gate.step} of ${gate.steps.length}); the rollout may go on.`;
  return write(s, { ...draft, gate: { ...s.status.gate, order: 'open' }, reason: 'Advanced', message }, 'passed');
};

const present: Rule = (s) => {
  const draft: StatusDraft = { ...draftOf(s), ...(isFollowingSteps(s) ? shownVerdict(s) : {}) };
  if ((s.status.phase !== 'Waiting' && s.status.phase !== 'Progressing') || draft.step === undefined)
    return write(s, draft, 'verdict');
  const isJudging = s.step?.kind === 'judge' && s.status.gate?.order === undefined;
  const says = s.workload?.gate?.says;
  const at = `step ${draft.step.index} of ${draft.step.of}`;
  const waiting = isJudging
    ? {
        waitingFor: 'judge',
        reason: draft.verdict?.reason ?? 'Judging',
        message: draft.verdict?.says ?? `Evidence is being gathered at ${draft.weight} % (${at}).`,
      }
    : s.step?.kind === 'pause'
      ? { waitingFor: 'pause', reason: 'Paused', message: `A pause at ${draft.weight} % (${at}).` }
      : {
          waitingFor: 'rollout',
          reason: 'WaitingForRollout',
          message: `The rollout is at ${at}.${says === undefined ? '' : ` ${says}`}`,
        };
  const { waitingFor, reason, message } = waiting;
  return write(s, { ...draft, step: { ...draft.step, waitingFor }, reason, message }, `waits for ${waitingFor}`);
};

/** Order is precedence, as in `decide.ts`. */
export const GATED_RULES: readonly Rule[] = [
  letGo,
  startAborting,
  answerGatedRequest,
  waitForReach,
  obstacleGone,
  adopt,
  followEnd,
  followStable,
  order,
  finishGivingUp,
  take,
  tell,
  resumeLeft,
  start,
  retryByItself,
  forget,
  waitForSpec,
  prepareNamedRun,
  followPosition,
  retreat,
  watchReadiness,
  notePassed,
  hold,
  heldElsewhere,
  waitForPerson,
  countClosed,
  holdOrGoOn,
  openGate,
  present,
];
