/**
 * Why a release stays where it is, in order of precedence. Holding never touches traffic, but for the retreat after long
 * blindness, which only lowers it (contracts 17).
 */
import { sameJson } from '../../api/fields.ts';
import type { Finding } from '../../api/meta.ts';
import { describeMatch } from '../../api/request-match.ts';
import { readDurationMs } from '../../api/units.ts';
import { DEFAULT_GRID_MS } from '../../judge/resolve-run.ts';
import { besideAt, isRaised, weightAt } from '../plan.ts';
import {
  freshnessMs,
  isFollowingSteps,
  isGoingBack,
  isJudging,
  settingsOf,
  type Rule,
  type Situation,
} from '../situation.ts';
import { draftOf, elapsed, NOT_ROUTED, type StatusDraft, told, withBeside, withWeight, write } from '../transitions.ts';
import { closedCause } from '../windows.ts';
import { held } from './obstacles.ts';
import { driftSaid, MAX_DRIFT_REPAIRS } from './traffic.ts';
import { unintendedShare } from './unintended-share.ts';

export const isContested = ({ status }: Situation): boolean => (status.driftRepairs ?? 0) >= MAX_DRIFT_REPAIRS;

export function isPastDeadline({ plan, status, nowMs }: Situation): boolean {
  if (plan?.progressDeadlineMs === undefined || status.startedAt === undefined) return false;
  const closedMs =
    (status.closedSeconds ?? 0) * 1000 +
    (status.closedSince === undefined ? 0 : Math.max(0, nowMs - Date.parse(status.closedSince)));
  return nowMs - Date.parse(status.startedAt) - closedMs >= plan.progressDeadlineMs;
}

/** Keeps account of the time that windows and freezes take from a release: it must not count against its deadline. */
export const countClosed: Rule = (s) => {
  if (!isFollowingSteps(s)) return undefined;
  const isClosed = closed(s) !== undefined;
  const { closedSince, ...draft } = draftOf(s);
  if (isClosed) return closedSince === undefined ? write(s, { ...draft, closedSince: s.now }, 'closed') : undefined;
  if (closedSince === undefined) return undefined;
  const seconds = Math.max(0, Math.round((s.nowMs - Date.parse(closedSince)) / 1000));
  return write(s, { ...draft, closedSeconds: (draft.closedSeconds ?? 0) + seconds }, 'open again');
};

/** The first reason to stay, with what would end it. */
export function holdCause(s: Situation): (Finding & { readonly waitingFor: string }) | undefined {
  return (
    contested(s) ??
    paused(s) ??
    closed(s) ??
    pastDeadline(s) ??
    pauseStep(s) ??
    blind(s) ??
    unintendedShare(s) ??
    inconclusive(s)
  );
}

export const holdOrGoOn: Rule = (s) => {
  if (!isFollowingSteps(s)) return undefined;
  const cause = holdCause(s);
  if (cause === undefined) return s.status.phase === 'Held' ? goOn(s) : undefined;
  return write(s, held(s, cause, cause.waitingFor), cause.reason);
};

function goOn(s: Situation): ReturnType<Rule> {
  const { heldSince, ...draft } = draftOf(s);
  const index = draft.step?.index ?? 0;
  const message = `Goes on after ${elapsed(s, heldSince)}.`;
  const next: StatusDraft = { ...draft, phase: index === 0 ? 'Waiting' : 'Progressing', reason: 'Resumed', message };
  return write(s, told(s, next, 'resumed', `resumed/${s.now}`), 'goes on');
}

/** Blind for so long that requests should not go on unobserved: back to the last weight that passed. Not a Fail. */
export const retreat: Rule = (s) => {
  if (!isFollowingSteps(s) || s.plan === undefined) return undefined;
  const target = s.status.passedWeight ?? 0;
  const since = blindSince(s);
  if (since === undefined || s.nowMs - since < s.plan.retreatAfterMs) return undefined;
  const isUnseen = isUnpassedMatch(s);
  if (s.status.weight <= target && !isUnseen) return undefined;
  const weight = Math.min(target, s.status.weight);
  const index = judgedAt(s, weight, isUnseen);
  const back = `goes back from ${s.status.weight} to ${weight} %`;
  const less = isUnseen ? `the canary no longer gets ${describeMatch(s.status.beside?.match ?? {})}` : '';
  const said = [...(weight < s.status.weight ? [`traffic ${back}`] : []), ...(isUnseen ? [less] : [])].join(', and ');
  const message = `No usable data since ${new Date(since).toISOString()}: ${said}.`;
  const draft: StatusDraft = {
    ...withWeight(s, withBeside(draftOf(s), besideAt(s.plan, index)), weight, index, s.plan.steps.length),
    phase: 'Held',
    reason: 'Blind',
    message,
    heldSince: s.status.heldSince ?? s.now,
  };
  return write(s, told(s, draft, 'retreated', `retreated/${s.now}`), 'blind', NOT_ROUTED);
};

/** Users are told apart by a match that nothing has passed yet. */
function isUnpassedMatch({ plan, status }: Situation): boolean {
  if (plan === undefined || status.beside?.match === undefined) return false;
  const index = status.step?.index ?? 0;
  return !plan.steps.some(
    ({ kind }, i) =>
      kind === 'judge' &&
      i + 1 < index &&
      weightAt(plan, i + 1) === status.weight &&
      sameJson(besideAt(plan, i + 1).match, status.beside?.match),
  );
}

/** The newest judge step at `weight` up to now, with another match where this one is not passed; 0 where there is none, so that the release begins again. */
function judgedAt({ plan, status }: Situation, weight: number, isOtherMatch: boolean): number {
  if (plan === undefined || weight === 0) return 0;
  const last = Math.min(status.step?.index ?? 0, plan.steps.length);
  for (let index = last; index > 0; index--) {
    const beside = besideAt(plan, index);
    const isOther = !isOtherMatch || !sameJson(beside.match, status.beside?.match);
    if (
      plan.steps[index - 1]?.kind === 'judge' &&
      weightAt(plan, index) === weight &&
      isOther &&
      !isRaised(status, { weight, beside })
    )
      return index;
  }
  return 0;
}

/** Since when nothing usable was measured, ms since the epoch: the judge says so, or the judge itself is silent. */
export function blindSince(s: Situation): number | undefined {
  if (s.status.step === undefined || (s.status.analysisRun === undefined && s.step?.kind !== 'analysis'))
    return undefined;
  if (s.verdict?.blindSinceMs !== undefined) return s.verdict.blindSinceMs;
  const lastMs = s.verdict?.intervalEndMs ?? Date.parse(s.status.step.since);
  const isAhead = lastMs - s.nowMs > freshnessMs(s);
  const sinceMs = isAhead ? lastBefore(s) : lastMs;
  return s.nowMs - sinceMs > freshnessMs(s) ? sinceMs : undefined;
}

/** A clock that was ahead wrote times that are still to come: of what status knows, the newest that is not. */
function lastBefore({ status, nowMs, observed }: Situation): number {
  const { creationTimestamp } = observed.release.metadata;
  const known = [creationTimestamp, status.startedAt, ...(status.weights ?? []).map(({ since }) => since)];
  const past = known.map((time) => Date.parse(time ?? '')).filter((time) => time <= nowMs);
  return Math.max(...past, 0);
}

function contested(s: Situation): ReturnType<typeof holdCause> {
  if (!isContested(s)) return undefined;
  const what = driftSaid(s);
  return {
    reason: 'TrafficContested',
    message: `Routes were changed ${MAX_DRIFT_REPAIRS} times during this release${what === '' ? '' : ` (${what})`}. Make their owner leave the weights alone, then resume.`,
    waitingFor: 'person',
  };
}

function paused({ spec, status }: Situation): ReturnType<typeof holdCause> {
  if (spec.paused === true) return { reason: 'Paused', message: 'spec.paused is true.', waitingFor: 'person' };
  if (status.paused === true)
    return { reason: 'PausedByPerson', message: 'A person paused it; resume to go on.', waitingFor: 'person' };
  return undefined;
}

/** Going back to what was stable before is no release that could wait. */
export function closed(s: Situation): ReturnType<typeof holdCause> {
  const cause = isGoingBack(s) ? undefined : closedCause(s.spec, s.nowMs);
  return cause === undefined ? undefined : { ...cause, waitingFor: 'window' };
}

function pastDeadline(s: Situation): ReturnType<typeof holdCause> {
  if (!isPastDeadline(s)) return undefined;
  const message = `It takes longer than spec.progressDeadline (${s.spec.progressDeadline ?? ''}). Raise that, or promote, or abort.`;
  return { reason: 'DeadlineExceeded', message, waitingFor: 'person' };
}

function pauseStep({ step }: Situation): ReturnType<typeof holdCause> {
  if (step?.kind !== 'pause' || step.durationMs !== undefined) return undefined;
  return { reason: 'Paused', message: 'This step waits for a person; resume to go on.', waitingFor: 'person' };
}

function blind(s: Situation): ReturnType<typeof holdCause> {
  const hasRetreated = s.status.reason === 'Blind' && s.status.phase === 'Held';
  if (hasRetreated && (s.verdict === undefined || blindSince(s) !== undefined)) {
    return { reason: 'Blind', message: s.status.message ?? '', waitingFor: s.status.weight === 0 ? 'person' : 'judge' };
  }
  if (!isJudging(s)) return undefined;
  const since = blindSince(s);
  const graceMs = 3 * (readDurationMs(settingsOf(s).interval) ?? DEFAULT_GRID_MS);
  if (since === undefined || s.nowMs - since < graceMs) return undefined;
  const { reason = 'NoData' } = s.verdict ?? {};
  return {
    reason: SAYS_OF_DATA.has(reason) ? 'NoData' : reason,
    message: `No usable data since ${new Date(since).toISOString()}. ${s.verdict?.says ?? 'No verdict came.'}`,
    waitingFor: 'judge',
  };
}

/** Reasons of verdicts on data there was; a hold for want of data has another. */
const SAYS_OF_DATA: ReadonlySet<string> = new Set([
  'Judging',
  'TooFewRequests',
  'TooShort',
  'WithinMargin',
  'TimeIsUp',
]);

function inconclusive(s: Situation): ReturnType<typeof holdCause> {
  if (!isJudging(s) || s.verdict?.outcome !== 'Inconclusive') return undefined;
  if (settingsOf(s).onInconclusive === 'advance' && s.verdict.hadEnoughData) return undefined;
  return { reason: s.verdict.reason, message: s.verdict.says, waitingFor: 'judge' };
}
