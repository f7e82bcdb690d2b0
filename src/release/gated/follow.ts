/** The rollout moves by its own controller, by Serin's orders or by somebody else's: the status follows what is found. */
import { isFollowingSteps, isGoingBack, isUnderWay, type Rule, type Situation } from '../situation.ts';
import { promoted } from '../rules/promotion.ts';
import { supersede } from '../rules/superseding.ts';
import { aborting, draftOf, ROUTED, type StatusDraft, told, withWeight, write } from '../transitions.ts';
import type { ReleaseStatus } from '../../api/release.ts';
import type { GateState } from '../observed.ts';

/** It ended, or another revision took its place. */
export const followEnd: Rule = (s) => {
  const gate = s.workload?.gate;
  if (s.workload === undefined || gate === undefined || !isUnderWay(s.status)) return undefined;
  const { canary } = s.status.revision;
  const present = s.workload.canary?.revision;
  if (present === canary) return isGivenUpElsewhere(s, gate) ? abortedElsewhere(s, gate) : undefined;
  if (present === undefined && s.workload.stable.revision === canary) return reachedTheEnd(s);
  return supersede(s);
};

function isGivenUpElsewhere({ status }: Situation, { position }: GateState): boolean {
  if (status.phase === 'Aborting' || status.gate?.order === 'retry') return false;
  return position === 'givingUp' || position === 'givenUp';
}

function abortedElsewhere(s: Situation, { says }: GateState): ReturnType<Rule> {
  const message = `The rollout was given up, and not by Serin. ${says ?? ''}`.trim();
  return write(s, aborting(s, draftOf(s), { reason: 'AbortedElsewhere', message, isRejected: true }), 'given up');
}

function reachedTheEnd(s: Situation): ReturnType<Rule> {
  if (s.observed.run !== undefined && !s.observed.run.isFinished)
    return { kind: 'finishRun', name: s.observed.run.name };
  if (s.status.phase === 'Promoting') return write(s, withoutGate(promoted(s)), 'promoted', ROUTED);
  // Its own controller lets what was stable before through at once, within its rollback window.
  if (isGoingBack(s))
    return write(
      s,
      withoutGate(promoted({ ...s, status: { ...s.status, reason: 'RolledBackToPrevious' } })),
      'promoted',
      ROUTED,
    );
  const isOrdered = s.status.gate?.order !== undefined || isPastLastGate(s);
  // Reasons on the way say nothing about the end.
  const { reason: _reason, ...status } = s.status;
  const draft = withoutGate(promoted({ ...s, status }));
  if (isOrdered) return write(s, draft, 'promoted', ROUTED);
  const message = `${draft.revision.stable ?? ''} has all the traffic; somebody else, or its own controller, let it through.`;
  const history = (draft.history ?? []).map((entry, index, all) =>
    index === all.length - 1 ? { ...entry, reason: 'PromotedElsewhere' } : entry,
  );
  const elsewhere: StatusDraft = { ...draft, history, reason: 'PromotedElsewhere', message };
  return write(s, told(s, elsewhere, 'promoted', 'promoted'), 'promoted', ROUTED);
}

function withoutGate({ gate: _gate, ...draft }: StatusDraft): StatusDraft {
  return draft;
}

/** No pause that waits for somebody was left: its own controller goes to the end by itself. */
function isPastLastGate({ status, workload }: Situation): boolean {
  const rest = workload?.gate?.steps.slice(status.gate?.opened ?? 0) ?? [];
  return rest.every(({ pause }) => pause !== 'open');
}

/** Step, weight and pause as they are now; the weight is in force from this look on. */
export const followPosition: Rule = (s) => {
  const gate = s.workload?.gate;
  if (gate === undefined || !isFollowingSteps(s) || s.plan === undefined) return undefined;
  if (gate.position === 'givenUp' || gate.position === 'givingUp' || gate.step === 0 || !gate.isSeen) return undefined;
  if (isOnTheWayBack(s, gate)) return undefined;
  const isMoved = gate.step !== s.status.step?.index || gate.weight !== s.status.weight;
  const isElsewhere = gate.gate?.id !== s.status.gate?.at;
  const isEdited = s.plan.hash !== s.status.plan || s.plan.steps.length !== s.status.step?.of;
  if (!isMoved && !isElsewhere && !isEdited && !isDone(s, gate)) return undefined;
  const draft = isMoved || isEdited ? movedTo(s, gate) : draftOf(s);
  return write(s, { ...draft, plan: s.plan.hash, ...gateOf(s, gate) }, `step ${gate.step}`, ROUTED);
};

/** Its status says already where it goes; until it is there, it is not followed. */
const isOnTheWayBack = ({ status }: Situation, { gate }: GateState): boolean =>
  status.gate?.order === 'goBack' && (gate === undefined || gate.id === status.gate.at);

/** An order stands until its controller has left where it was given. */
function isDone({ status }: Situation, gate: GateState): boolean {
  if (status.gate?.order === 'retry') return true;
  return status.gate?.order === 'skip' && gate.step !== status.step?.index;
}

function gateOf({ status, plan }: Situation, { gate, step, steps }: GateState): Pick<StatusDraft, 'gate'> {
  const { at: before, order, isHeld } = status.gate ?? {};
  const opened = plan?.hash === status.plan ? openedOf(status, gate?.id) : undefined;
  const stands = order === 'open' && gate?.id === before ? { order } : {};
  // One that somebody else opened is remembered until the step is left, so that nobody says it passed.
  const isStillThere = gate === undefined && order === undefined && step === status.step?.index;
  const at = gate?.id ?? (isStillThere && steps[step - 1]?.pause === 'open' ? before : undefined);
  const next = {
    ...(at === undefined ? {} : { at }),
    ...stands,
    ...(opened === undefined ? {} : { opened }),
    ...(isHeld === undefined ? {} : { isHeld }),
  };
  return { gate: next };
}

/** The last pause that it left by Serin's order. */
function openedOf({ gate, step }: ReleaseStatus, at: string | undefined): number | undefined {
  const isLeft = gate?.order === 'skip' || (gate?.order === 'open' && gate.at !== at);
  return isLeft ? step?.index : gate?.opened;
}

function movedTo(s: Situation, gate: GateState): StatusDraft {
  const { status, plan } = s;
  const before = draftOf(s);
  const of = plan?.steps.length ?? 0;
  const at = `step ${gate.step} of ${of}`;
  const isEdited = status.plan !== undefined && plan?.hash !== status.plan;
  const isBack = gate.step < (status.step?.index ?? 0) || gate.weight < status.weight;
  const passed = isEdited || isBack ? { passedWeight: Math.min(status.passedWeight ?? 0, gate.weight) } : {};
  const draft = { ...withWeight(s, { ...before, ...passed }, gate.weight, gate.step, of), phase: s.status.phase };
  const why = reasonOf(s, gate, isEdited);
  const message =
    gate.weight === status.weight
      ? `The rollout is at ${at}, at ${gate.weight} %.`
      : `The canary’s weight went from ${status.weight} to ${gate.weight} % (${at}).`;
  const next: StatusDraft = {
    ...draft,
    phase: 'Progressing',
    ...(plan?.isJudged === true ? { verdict: { outcome: 'Continue', reason: 'Judging' } as const } : {}),
    reason: why,
    message: why === 'OpenedElsewhere' ? `${message} Serin had not let it go on.` : message,
  };
  return gate.weight > status.weight ? told(s, next, 'advanced', `advanced/${gate.step}/${gate.weight}`) : next;
}

function reasonOf({ status, plan }: Situation, gate: GateState, isEdited: boolean): string {
  if (isEdited) return 'PlanChanged';
  const left = plan?.steps[(status.step?.index ?? 0) - 1];
  const wasGate =
    status.gate?.at !== undefined &&
    (left?.kind === 'judge' || (left?.kind === 'pause' && left.durationMs === undefined));
  const isOrdered = status.gate?.order !== undefined;
  return wasGate && !isOrdered && gate.step > (status.step?.index ?? 0) ? 'OpenedElsewhere' : 'WaitingForRollout';
}
