/**
 * Drafts of the next status. Every change of course is one of these; each says in the same write what people are to be told
 * (`unannounced`), so that no crash loses an announcement. Long, because they are the whole of them.
 *
 *   Idle ─▶ Waiting ─▶ Progressing ⇄ Held ─▶ Promoting ─▶ Promoted
 *              └───────────┴──────────┴─────────┴──▶ Aborting ─▶ Aborted
 */
import type { Transition } from '../api/release.ts';
import { describeMatch } from '../api/request-match.ts';
import { formatDuration } from '../api/units.ts';
import { formatOdds } from '../judge/format.ts';
import type { StepVerdict } from '../judge/verdict.ts';
import type { Action, Announcement } from './action.ts';
import { type Routed, type StatusDraft, statusOf } from './conditions.ts';
import { besideAt, isComparable, isRaised, type Plan, weightAt } from './plan.ts';
import { canonicalJson, shortHash } from './revision.ts';
import { isByReplicas, isSwitched, type Situation } from './situation.ts';
import type { Beside, PlanStep } from './steps.ts';

export type { StatusDraft } from './conditions.ts';

const MAX_WEIGHTS = 64;
const MAX_HISTORY = 10;
const MAX_REJECTED = 20;
const MAX_UNANNOUNCED = 16;

export const NOT_ROUTED: Routed = { status: 'False', reason: 'WaitingForTraffic' };
export const ROUTED: Routed = { status: 'True', reason: 'Routed' };

/** The present status as a draft to change. Sinks that are named no longer get nothing, and nothing is said of them. */
export function draftOf({ status, spec }: Pick<Situation, 'status' | 'spec'>): StatusDraft {
  const { conditions: _conditions, observedGeneration: _generation, undelivered = [], ...draft } = status;
  const left = undelivered.filter(({ sink }) => sink < (spec.notify?.length ?? 0));
  return left.length === 0 ? draft : { ...draft, undelivered: left };
}

/** Writes the draft, unless nothing would change. */
export function write(s: Situation, draft: StatusDraft, because: string, routed?: Routed): Action | undefined {
  const { generation } = s.observed.release.metadata;
  const status = statusOf(clipped(draft), s.status, { generation, now: s.now, routed });
  const isSame = s.observed.release.status !== undefined && canonicalJson(status) === canonicalJson(s.status);
  return isSame ? undefined : { kind: 'writeStatus', status, because };
}

/** Within the lengths of the schema, whatever a verdict, an object name or an API server said. */
function clipped(draft: StatusDraft): StatusDraft {
  const { reason, message, ...rest } = draft;
  return {
    ...rest,
    ...(reason === undefined ? {} : { reason: reason.slice(0, 128) }),
    ...(message === undefined ? {} : { message: message.slice(0, 2048) }),
  };
}

/** A new release of `revision` begins, at weight 0. */
export function started(
  s: Situation,
  revision: string,
  what: { readonly reason: string; readonly message: string },
): StatusDraft {
  const {
    endedAt: _e,
    passedWeight: _p,
    heldSince: _h,
    paused: _pa,
    analysisRun: _r,
    unreadySince: _u,
    rolling: _ro,
    pastReturn: _past,
    beside: _be,
    closedSince: _cs,
    closedSeconds: _c,
    stepShares: _s,
    ...kept
  } = takenAnew(s);
  const attempt = nextAttempt(s, revision);
  const isFastTrack = revision === kept.revision.previousStable;
  const isJudged = s.spec.analysis !== undefined && !isFastTrack;
  const stable = s.workload?.stable.revision ?? kept.revision.stable;
  const { scaleDownAt: _down, ...pair } = kept.pair ?? { live: '' };
  const draft: StatusDraft = {
    ...kept,
    phase: 'Waiting',
    ...(kept.pair === undefined ? {} : { pair }),
    ...what,
    revision: {
      ...kept.revision,
      ...(stable === undefined ? {} : { stable }),
      canary: revision,
      rejected: kept.revision.rejected.filter((rejected) => rejected !== revision),
    },
    attempt,
    startedAt: s.now,
    weight: 0,
    step: { index: 0, of: s.plan?.steps.length ?? 0, since: s.now, waitingFor: 'pods' },
    weights: [{ since: s.now, weight: 0, step: 0 }],
    verdict: isJudged ? JUDGING : { outcome: 'Unjudged', reason: isFastTrack ? 'RolledBackToPrevious' : 'Unjudged' },
    driftRepairs: 0,
    ...(s.plan === undefined ? {} : { plan: s.plan.hash }),
  };
  return told(s, draft, 'started', 'started');
}

/** Replica counts are their owner's between two releases: the next one remembers what it finds. */
function takenAnew(s: Situation): StatusDraft {
  const { taken, ...draft } = draftOf(s);
  if (taken === undefined || !isByReplicas(s) || !s.observed.isTrafficRestored) return draftOf(s);
  const { traffic: _traffic, ...rest } = taken;
  return { ...draft, taken: rest };
}

/** The next attempt of a revision: one more than it had in any release that history still knows. */
export function nextAttempt({ status }: Situation, revision: string): number {
  const earlier = (status.history ?? []).filter((entry) => entry.revision === revision).map((entry) => entry.attempt);
  const current = status.revision.canary === revision ? (status.attempt ?? 0) : 0;
  return Math.min(100, Math.max(0, current, ...earlier) + 1);
}

/** `<release>-<revision>-<attempt>`, within Kubernetes' limit of 253 characters. */
export function runNameOf(release: string, revision: string, attempt: number): string {
  const suffix = `-${revision}-${attempt}`;
  return release.slice(0, 253 - suffix.length) + suffix;
}

export const runName = ({ observed }: Situation, revision: string, attempt: number): string =>
  runNameOf(observed.release.metadata.name, revision, attempt);

/** Step `index` begins; its weight counts from now. Beyond the last step, promotion begins. */
export function atStep(s: Situation, draft: StatusDraft, plan: Plan, index: number): StatusDraft {
  if (index > plan.steps.length) return promoting(s, draft, { reason: 'Promoted', message: 'All steps are done.' });
  const step = plan.steps[index - 1];
  const weight = weightAt(plan, index) ?? draft.weight;
  const { heldSince: _heldSince, ...rest } = draft;
  const beside = withBeside({ ...rest, phase: 'Progressing' }, besideAt(plan, index));
  const next = withWeight(s, beside, weight, index, plan.steps.length);
  const at = `step ${index} of ${plan.steps.length}`;
  if (step?.kind === 'judge')
    return {
      ...waitingFor(next, 'judge'),
      ...BEGUN.judge,
      message: `Evidence is being gathered at ${weight} % (${at}).`,
    };
  if (step?.kind === 'analysis') {
    const names = step.templates.map(({ name }) => name).join(', ');
    return {
      ...waitingFor(next, 'judge'),
      verdict: JUDGING,
      ...BEGUN.judge,
      message: `${names} ${step.templates.length === 1 ? 'is' : 'are'} run at ${weight} % (${at}).`,
    };
  }
  if (step?.kind === 'gate')
    return {
      ...waitingFor(next, 'gate'),
      reason: 'WaitingForGate',
      message: `A gate at ${weight} % is asked (${at}).`,
    };
  if (step?.kind === 'notify') {
    const noted: StatusDraft = { ...next, reason: 'Noted', message: step.message };
    return told(s, noted, 'noted', `noted/${index}`);
  }
  if (step?.kind === 'pause')
    return { ...waitingFor(next, 'pause'), ...BEGUN.pause, message: `A pause at ${weight} % (${at}).` };
  if (step?.kind === 'match' || step?.kind === 'mirror') {
    const message = `${besideSaid(step)} (${at}).`;
    const other: StatusDraft = { ...next, ...judgedAnew(plan, next), reason: 'Advanced', message };
    return isRaised(draft, next) ? told(s, other, 'advanced', `advanced/${index}/${weight}`) : other;
  }
  const message = isSwitched(s)
    ? `All requests go to ${draft.revision.canary ?? 'the new revision'} now (${at}).`
    : `The canary’s weight goes from ${draft.weight} to ${weight} % (${at}).`;
  const moved: StatusDraft = {
    ...next,
    // All there is to say until the next analysis is what the one before the switch said.
    ...(isSwitched(s) ? {} : judgedAnew(plan, next)),
    reason: 'Advanced',
    message,
  };
  return weight > draft.weight ? told(s, moved, 'advanced', `advanced/${index}/${weight}`) : moved;
}

const judgedAnew = (plan: Plan, draft: StatusDraft): Pick<StatusDraft, 'verdict'> => ({
  verdict: plan.isJudged ? JUDGING : unjudged(draft),
});

function besideSaid(step: Extract<PlanStep, { kind: 'match' | 'mirror' }>): string {
  if (step.kind === 'match') return `The canary gets ${describeMatch(step.match)}`;
  return step.percent === 0
    ? 'The canary gets no copies of requests any more'
    : `The canary gets a copy of ${step.percent} % of the requests; its answers are thrown away`;
}

/** What an analysis step said is not said of the steps after it. */
const unjudged = ({ verdict }: StatusDraft): NonNullable<StatusDraft['verdict']> =>
  verdict?.outcome === 'Unjudged' ? verdict : { outcome: 'Unjudged', reason: 'Unjudged' };

const JUDGING = { outcome: 'Continue', reason: 'Judging' } as const;
const BEGUN = { judge: { reason: 'Judging' }, pause: { reason: 'Paused' } } as const;

function waitingFor(draft: StatusDraft, what: string): StatusDraft {
  return draft.step === undefined ? draft : { ...draft, step: { ...draft.step, waitingFor: what } };
}

/** The routes carry a step's weight: where the next step only waits, it begins at once, and its time counts from here. */
export function arrived(s: Situation): StatusDraft {
  const index = (s.status.step?.index ?? 0) + 1;
  const next = s.plan?.steps[index - 1];
  const isMoving =
    s.status.phase === 'Progressing' && CHANGES.has(s.step?.kind ?? '') && s.status.plan === s.plan?.hash;
  const isWaiting = next?.kind === 'judge' || next?.kind === 'pause' || next?.kind === 'analysis';
  return isMoving && isWaiting && s.plan !== undefined ? atStep(s, draftOf(s), s.plan, index) : draftOf(s);
}

/** Steps that are over as soon as the routes carry them. */
const CHANGES: ReadonlySet<string> = new Set(['setWeight', 'match', 'mirror']);

/** What the canary gets beside its weight from now on. */
export function withBeside(draft: StatusDraft, beside: Beside): StatusDraft {
  const { beside: _before, ...rest } = draft;
  return Object.keys(beside).length === 0 ? rest : { ...rest, beside };
}

/** How a weight is recorded, for the analysis: requests before and after another match are not the same. */
function weightEntry(s: Situation, { beside }: StatusDraft, weight: number, step: number) {
  const entry = { since: s.now, weight, step };
  if (beside === undefined) return entry;
  const requests = isComparable(weight, beside) ? ('both' as const) : ('canary' as const);
  return { ...entry, beside: shortHash(canonicalJson(beside)), ...(weight > 0 ? {} : { requests }) };
}

/** The weight in force from now on, recorded for the analysis. */
export function withWeight(s: Situation, draft: StatusDraft, weight: number, index: number, of: number): StatusDraft {
  const weights = [...(draft.weights ?? []), weightEntry(s, draft, weight, index)].slice(-MAX_WEIGHTS);
  return { ...draft, weight, weights, step: { index, of, since: s.now, waitingFor: 'traffic' } };
}

/** On the way to 100 %: the weight follows as soon as the canary is ready for it. */
export function promoting(
  s: Situation,
  draft: StatusDraft,
  why: { readonly reason: string; readonly message: string },
): StatusDraft {
  const { heldSince: _heldSince, paused: _paused, ...rest } = draft;
  const of = s.plan?.steps.length ?? 0;
  return {
    ...rest,
    phase: 'Promoting',
    ...why,
    step: { index: of, of, since: s.now, waitingFor: 'pods' },
    weights: [...(rest.weights ?? []), weightEntry(s, rest, rest.weight, of)].slice(-MAX_WEIGHTS),
  };
}

/** Traffic goes to 0 from now on. Only a revision that was found bad is remembered as rejected. */
export function aborting(
  s: Situation,
  draft: StatusDraft,
  why: { readonly reason: string; readonly message: string; readonly isRejected: boolean },
): StatusDraft {
  const {
    heldSince: _heldSince,
    paused: _paused,
    unreadySince: _unready,
    rolling: _rolling,
    pastReturn: _past,
    beside: _beside,
    ...rest
  } = draft;
  const { canary, rejected } = rest.revision;
  const isNew = why.isRejected && canary !== undefined && !rejected.includes(canary);
  const index = rest.step?.index ?? 0;
  return {
    ...withWeight(s, rest, 0, index, rest.step?.of ?? 0),
    // Where its own controller has the routes, the canary keeps what it has until that takes it back.
    ...(s.workload?.gate === undefined ? {} : { weight: s.workload.gate.weight }),
    phase: 'Aborting',
    reason: why.reason,
    message: why.message,
    revision: { ...rest.revision, rejected: isNew ? [...rejected, canary].slice(-MAX_REJECTED) : rejected },
  };
}

/** The release is over; one line of it stays. */
export function ended(
  s: Situation,
  draft: StatusDraft,
  outcome: 'Promoted' | 'Aborted' | 'Superseded',
  reachedWeight: number,
): StatusDraft {
  const entry = {
    revision: draft.revision.canary ?? '',
    outcome,
    ...(draft.reason === undefined ? {} : { reason: draft.reason }),
    ...(draft.verdict?.metric === undefined ? {} : { metric: draft.verdict.metric }),
    startedAt: draft.startedAt ?? s.now,
    endedAt: s.now,
    attempt: draft.attempt ?? 0,
    weight: reachedWeight,
  };
  return { ...draft, endedAt: s.now, history: [...(draft.history ?? []), entry].slice(-MAX_HISTORY) };
}

/** The highest weight that this release had. */
export const reachedWeight = (draft: StatusDraft): number =>
  Math.max(0, ...(draft.weights ?? []).map(({ weight }) => weight));

/**
 * Adds what people are to be told; `suffix` makes the id unique within this attempt. Reason and message are the draft's own,
 * unless something beside the course of the release is told.
 */
export function told(
  s: Situation,
  draft: StatusDraft,
  what: Transition,
  suffix: string,
  why: Pick<StatusDraft, 'reason' | 'message'> = draft,
): StatusDraft {
  const { uid } = s.observed.release.metadata;
  const announcement: Announcement = {
    id: `${uid}/${draft.revision.canary ?? draft.revision.stable ?? 'none'}/${draft.attempt ?? 0}/${suffix}`.slice(
      0,
      512,
    ),
    what,
    severity: WARNINGS.has(what) ? 'Warning' : 'Normal',
    reason: (why.reason ?? draft.phase).slice(0, 128),
    message: (why.message ?? '').slice(0, 2048),
  };
  const earlier = (draft.unannounced ?? []).filter(({ id }) => id !== announcement.id);
  return { ...draft, unannounced: [...earlier, announcement].slice(-MAX_UNANNOUNCED) };
}

const WARNINGS: ReadonlySet<Transition> = new Set([
  'held',
  'aborted',
  'retreated',
  'invalid',
  'driftRepaired',
  'warned',
]);

/** How old the shown numbers may get while nothing else changes (contracts 10), with up to ten seconds of jitter. */
const REFRESH_MS = 60_000;

/** What the Release shows of its verdict: the newest where it matters, otherwise refreshed about once a minute. */
export function shownVerdict({ status, verdict, observed }: Situation): Pick<StatusDraft, 'verdict'> {
  if (verdict === undefined) return status.verdict === undefined ? {} : { verdict: status.verdict };
  const next = verdictShown(verdict);
  const shown = status.verdict;
  // A server with older definitions keeps no `run`; that must not make it write at every look.
  const isOfRun = shown?.run === undefined || shown.run === next.run;
  const isSame =
    isOfRun && shown?.outcome === next.outcome && shown.reason === next.reason && shown.metric === next.metric;
  const ageMs = verdict.intervalEndMs - Date.parse(shown?.intervalEnd ?? '1970-01-01T00:00:00Z');
  const jitterMs = Number.parseInt(observed.release.metadata.uid.slice(0, 4), 16) % 10_000 || 0;
  return { verdict: isSame && ageMs < REFRESH_MS + jitterMs ? shown : next };
}

/** The part of a verdict that the Release shows. */
export function verdictShown(verdict: StepVerdict): NonNullable<StatusDraft['verdict']> {
  return {
    outcome: verdict.outcome,
    ...(verdict.metric === undefined ? {} : { metric: verdict.metric }),
    odds: formatOdds(verdict.odds),
    reason: verdict.reason,
    says: verdict.says.slice(0, 2048),
    intervalEnd: new Date(verdict.intervalEndMs).toISOString(),
    ...(verdict.run === undefined ? {} : { run: verdict.run }),
  };
}

/** `1h5m`, `40s`: how long since an RFC 3339 time, in whole seconds. */
export function elapsed(s: Situation, since: string | undefined): string {
  const ms = since === undefined ? 0 : s.nowMs - Date.parse(since);
  return formatDuration(Math.max(0, Math.round(ms / 1000) * 1000));
}
