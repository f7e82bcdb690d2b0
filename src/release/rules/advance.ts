/**
 * Going on, step by step. The only place, beside a person's request, where a weight rises: after a Pass of this very step, by a
 * stated policy, or along a timetable (contracts 4).
 */
import { sameJson } from '../../api/fields.ts';
import { besideAt, isRaised, type Plan, weightAt } from '../plan.ts';
import {
  isByReplicas,
  isFollowingSteps,
  isGoingBack,
  isReady,
  settingsOf,
  type Rule,
  type Situation,
  wasRouted,
} from '../situation.ts';
import { atStep, draftOf, NOT_ROUTED, promoting, type StatusDraft, verdictShown, write } from '../transitions.ts';
import { blindSince, holdCause } from './holds.ts';
import { toFullWeight } from './promotion.ts';
import { scaleFor } from './readiness.ts';

export const advance: Rule = (s) => {
  if (!isFollowingSteps(s) || s.plan === undefined || s.status.taken === undefined || holdCause(s) !== undefined)
    return undefined;
  if (!wasRouted(s.status)) return undefined;
  if (isGoingBack(s)) {
    const message = 'It was stable before, so it is not judged again.';
    return write(
      s,
      toFullWeight(s, promoting(s, draftOf(s), { reason: 'RolledBackToPrevious', message })),
      'going back',
      NOT_ROUTED,
    );
  }
  const draft = stepDone(s);
  return draft === undefined ? undefined : enter(s, draft, s.plan, (s.status.step?.index ?? 0) + 1);
};

/** The next step begins, once there are pods enough for its weight. */
function enter(s: Situation, draft: StatusDraft, plan: Plan, index: number): ReturnType<Rule> {
  if (index > plan.steps.length)
    return write(s, toFullWeight(s, atStep(s, draft, plan, index)), 'promoting', NOT_ROUTED);
  const next = atStep(s, draft, plan, index);
  if (isRaised(s.status, next) && !isByReplicas(s)) {
    const scaling = scaleFor(s, index, next.weight);
    if (scaling !== undefined) return scaling;
    if (!isReady(s.canary)) return undefined;
  }
  const isSame = next.weight === s.status.weight && sameJson(next.beside, s.status.beside);
  return write(s, next, `step ${index}`, isSame ? undefined : NOT_ROUTED);
}

/** What the status becomes by the end of the step in force; `undefined` while it is not done. */
function stepDone(s: Situation): StatusDraft | undefined {
  const draft = draftOf(s);
  const { step } = s;
  if (step === undefined) return (s.status.step?.index ?? 0) === 0 && isPrepared(s) ? draft : undefined;
  switch (step.kind) {
    case 'setWeight':
    case 'setReplicas':
      return step.kind === 'setWeight' || isByReplicas(s) || isReady(s.canary) ? draft : undefined;
    case 'pause':
      return step.durationMs !== undefined && sinceStepMs(s) >= step.durationMs ? draft : undefined;
    case 'notify':
    case 'match':
    case 'mirror':
      return draft;
    case 'analysis':
      return withoutPassedWeight(s, judged(s, draft, 0));
    case 'gate':
      return s.observed.gateAnswer?.isOpen === true ? draft : undefined;
    case 'judge':
      return judged(s, draft, step.atLeastMs ?? 0);
    default:
      return step satisfies never;
  }
}

function isPrepared(s: Situation): boolean {
  const hasRun = s.spec.analysis === undefined || (s.observed.run !== undefined && s.status.analysisRun !== undefined);
  return hasRun && (isByReplicas(s) || isReady(s.canary));
}

const sinceStepMs = ({ status, nowMs }: Situation): number =>
  Math.max(0, nowMs - Date.parse(status.step?.since ?? new Date(nowMs).toISOString()));

/** A Pass, not too early and not stale (that is blindness); or no decision in spite of enough data, where the spec says to go on then. */
export function judged(s: Situation, draft: StatusDraft, atLeastMs: number): StatusDraft | undefined {
  const { verdict } = s;
  if (verdict === undefined || sinceStepMs(s) < atLeastMs || blindSince(s) !== undefined) return undefined;
  const shown = { ...draft, verdict: verdictShown(verdict) };
  if (verdict.outcome === 'Pass') return { ...shown, passedWeight: s.status.weight };
  const isAllowed =
    verdict.outcome === 'Inconclusive' && settingsOf(s).onInconclusive === 'advance' && verdict.hadEnoughData;
  return isAllowed ? shown : undefined;
}

/** What a step's own templates say of a weight is less than what the release is judged by, where it is. */
function withoutPassedWeight(s: Situation, draft: StatusDraft | undefined): StatusDraft | undefined {
  if (draft === undefined || s.spec.analysis === undefined) return draft;
  const { passedWeight: _passed, ...rest } = draft;
  return s.status.passedWeight === undefined ? rest : { ...rest, passedWeight: s.status.passedWeight };
}

/** Edited steps never raise anything: the release is judged again at the highest new weight that is not above the present one. */
export const followEditedPlan: Rule = (s) => {
  const { plan, status } = s;
  if (!isFollowingSteps(s) || plan === undefined || status.step === undefined) return undefined;
  if (status.plan === plan.hash) return undefined;
  if (status.step.index === 0 && status.weight === 0) {
    return write(s, { ...draftOf(s), plan: plan.hash, step: { ...status.step, of: plan.steps.length } }, 'plan edited');
  }
  const target = anchor(plan, status);
  const weight = weightAt(plan, target) ?? 0;
  const draft = atStep(s, draftOf(s), plan, target);
  const passedWeight = Math.min(status.passedWeight ?? 0, weight);
  const message = `The steps were edited; it goes on at step ${target} of ${plan.steps.length}, at ${weight} %.`;
  return write(
    s,
    {
      ...draft,
      plan: plan.hash,
      phase: target === 0 ? 'Waiting' : 'Progressing',
      passedWeight,
      reason: 'PlanChanged',
      message,
    },
    'plan edited',
    NOT_ROUTED,
  );
};

/** The first judge step (else the weight itself) at the highest planned weight that gives the canary nothing more than it has. */
function anchor(plan: Plan, now: Pick<StatusDraft, 'weight' | 'beside'>): number {
  const indices = plan.steps
    .map((_, i) => i + 1)
    .filter((index) => !isRaised(now, { weight: weightAt(plan, index) ?? 101, beside: besideAt(plan, index) }));
  const highest = Math.max(0, ...indices.map((index) => weightAt(plan, index) ?? 0));
  if (highest === 0) return 0;
  const there = indices.filter((index) => weightAt(plan, index) === highest);
  return there.find((index) => plan.steps[index - 1]?.kind === 'judge') ?? there[0] ?? 0;
}
