/** `mode: observe`: somebody else moves the traffic; Serin follows the weights it finds, judges, reports, and writes nothing. */
import { isFollowingSteps, isObserving, isUnderWay, type Rule, type Situation } from '../situation.ts';
import {
  aborting,
  draftOf,
  NOT_ROUTED,
  shownVerdict,
  type StatusDraft,
  told,
  withWeight,
  write,
} from '../transitions.ts';
import { promoted } from './promotion.ts';

const OBSERVED = { status: 'Unknown', reason: 'Observing' } as const;

const HEARTBEAT_MS = 30_000;

/** A release that was under way when the mode changed gives back what it took, once. */
export const stopActing: Rule = (s) => {
  if (!isObserving(s) || !isUnderWay(s.status) || s.status.phase === 'Aborting') return undefined;
  if (s.status.taken === undefined && s.status.phase !== 'Promoting') return undefined;
  const message = 'spec.mode was set to observe, so what was taken is given back.';
  return write(s, aborting(s, draftOf(s), { reason: 'Observing', message, isRejected: false }), 'observe', NOT_ROUTED);
};

/** The only rule of a release that is observed; the others would act. */
export const observe: Rule = (s) => {
  if (!isObserving(s) || !isFollowingSteps(s) || s.traffic === undefined) return undefined;
  return follow(s, s.traffic.canaryWeight ?? s.status.weight) ?? { kind: 'wait', requeueAfterMs: HEARTBEAT_MS };
};

function follow(s: Situation, carried: number): ReturnType<Rule> {
  if (carried === 100 && s.status.weight > 0) return write(s, promoted(s), 'promoted by others', OBSERVED);
  // Without `plan`, acting again begins with a look at where the steps stand.
  const { plan: _plan, heldSince: _heldSince, ...rest } = draftOf(s);
  const draft: StatusDraft = { ...rest, ...shownVerdict(s) };
  if (carried !== s.status.weight || draft.step?.index !== 1) {
    const message = `Somebody gives the canary ${carried} %; mode: observe follows.`;
    return write(
      s,
      { ...withWeight(s, draft, carried, 1, 1), phase: 'Progressing', reason: 'Observing', message },
      'observed',
      OBSERVED,
    );
  }
  const outcome = s.verdict?.outcome;
  if (outcome !== 'Fail' && outcome !== 'Inconclusive') {
    const message =
      outcome === 'Pass'
        ? `It would go on: ${s.verdict?.says ?? ''}`
        : (draft.verdict?.says ?? 'Evidence is being gathered.');
    return write(s, { ...draft, phase: 'Progressing', reason: 'Observing', message }, 'observed', OBSERVED);
  }
  const isTold = s.status.reason === s.verdict?.reason;
  const would = outcome === 'Fail' ? 'It would be aborted' : 'It would be held';
  const next: StatusDraft = {
    ...draft,
    phase: 'Progressing',
    reason: s.verdict?.reason ?? outcome,
    message: `${would}: ${s.verdict?.says ?? ''}`,
  };
  return write(s, isTold ? next : told(s, next, 'held', `observed/${s.now}`), 'observed', OBSERVED);
}
