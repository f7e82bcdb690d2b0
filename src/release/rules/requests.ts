/**
 * What people ask for by annotation: each request is answered once, in the same write that carries it out, and refused
 * when it speaks of another revision or does not fit the phase (contracts 8).
 */
import type { Action } from '../action.ts';
import type { PersonRequest } from '../observed.ts';
import { besideAt, isRaised, weightAt } from '../plan.ts';
import { whyNoRetry } from '../retries.ts';
import { type Routed } from '../conditions.ts';
import { isObserving, isReady, isUnderWay, type Rule, type Situation } from '../situation.ts';
import {
  atStep,
  draftOf,
  NOT_ROUTED,
  promoting,
  type StatusDraft,
  started,
  told,
  withWeight,
  write,
} from '../transitions.ts';
import { closed, isContested, isPastDeadline } from './holds.ts';

/** What a request comes to: the status it leads to, or the sentence why not. */
export type Answer = { readonly draft: StatusDraft; readonly routed?: Routed } | { readonly refused: string };

export const refused = (why: string): Answer => ({ refused: why });

/** A rule that answers each request once, in the words of `answerTo`. */
export const answering =
  (answerTo: (s: Situation, request: PersonRequest) => Answer): Rule =>
  (s) => {
    const { request } = s.observed;
    if (request === undefined || request.id.slice(0, 128) === s.status.handledRequest?.id) return undefined;
    if (request.verb === undefined) return refuse(s, { id: request.id, action: 'unknown' }, request.message);
    const answer = answerTo(s, request);
    const asked = {
      id: request.id,
      action: request.verb,
      ...(request.actor === undefined ? {} : { actor: request.actor }),
    };
    if ('refused' in answer) return refuse(s, asked, answer.refused);
    return write(s, { ...answer.draft, handledRequest: clipped(asked, 'done') }, request.verb, answer.routed);
  };

interface Asked {
  readonly id: string;
  readonly action: string;
  readonly actor?: string;
}

function refuse(s: Situation, asked: Asked, why: string): Action | undefined {
  return write(
    s,
    { ...draftOf(s), handledRequest: { ...clipped(asked, 'refused'), message: why.slice(0, 1024) } },
    'request refused',
  );
}

function clipped(asked: Asked, result: 'done' | 'refused'): NonNullable<StatusDraft['handledRequest']> {
  const actor = asked.actor === undefined ? {} : { actor: asked.actor.slice(0, 253) };
  return { id: asked.id.slice(0, 128), action: asked.action.slice(0, 64), ...actor, result };
}

function answerTo(s: Situation, request: PersonRequest): Answer {
  const { status } = s;
  if (isObserving(s)) return refused('spec.mode is observe, so there is nothing to move. Set it to act first.');
  if (request.verb === 'retry') return retry(s, request);
  const isPromotion = request.verb === 'promote' || request.verb === 'promote-full';
  if (isPromotion && !isUnderWay(status)) return goBack(s, request);
  if (!isUnderWay(status)) return refused(`No release is under way, so there is nothing to ${request.verb}.`);
  if (request.revision !== status.revision.canary) {
    return refused(
      `The revision under way is ${status.revision.canary ?? 'unknown'}, not ${request.revision}. Ask for that one.`,
    );
  }
  if (status.phase === 'Aborting') return refused('The release is being aborted. Use retry once it is.');
  if (request.verb === 'promote-full') return promoteFully(s, request);
  const isStuck = request.verb === 'resume' && isContested(s);
  if (status.phase === 'Promoting' && isStuck) return { draft: { ...draftOf(s), driftRepairs: 0 }, routed: NOT_ROUTED };
  if (status.phase === 'Promoting') return refused('The release is already being promoted.');
  return ON_THE_WAY[request.verb](s, request);
}

export const answerRequest: Rule = answering(answerTo);

const ON_THE_WAY = {
  promote: nextStep,
  'skip-step': nextStep,
  resume,
  pause: (s: Situation): Answer => ({ draft: { ...draftOf(s), paused: true } }),
} as const satisfies Record<string, (s: Situation, request: PersonRequest) => Answer>;

export function byWhom(request: PersonRequest): string {
  return request.actor === undefined ? 'a person' : request.actor;
}

function nextStep(s: Situation, request: PersonRequest): Answer {
  const { plan, status } = s;
  const index = status.step?.index ?? 0;
  if (plan === undefined) return refused('The strategy is not valid; correct it first.');
  if (s.spec.paused === true) return refused('spec.paused is true. Set it to false first.');
  if (isContested(s)) return refused('Its routes are contested; resume it once nobody else changes them.');
  if (index === 0)
    return refused(
      'The release still waits for its pods; there is no step to leave yet. promote-full goes on without judging.',
    );
  const planned = { weight: weightAt(plan, index + 1) ?? 0, beside: besideAt(plan, index + 1) };
  const isRaise = index + 1 > plan.steps.length || isRaised(status, planned);
  if (isRaise && !isReady(s.canary)) return refused('The canary’s pods are not all ready. Ask again when they are.');
  const { paused: _paused, ...draft } = draftOf(s);
  const message = `Step ${index} was left by ${byWhom(request)}.`;
  if (index + 1 > plan.steps.length)
    return { draft: promoting(s, draft, { reason: 'PromotedByPerson', message }), routed: NOT_ROUTED };
  const next = atStep(s, draft, plan, index + 1);
  return { draft: { ...next, reason: 'PromotedByPerson', message }, routed: NOT_ROUTED };
}

function promoteFully(s: Situation, request: PersonRequest): Answer {
  if (s.spec.paused === true) return refused('spec.paused is true. Set it to false first.');
  if (s.status.phase === 'Promoting') return { draft: draftOf(s) };
  const message = `${byWhom(request)} sends ${request.revision} to 100 % past its analysis.`;
  return { draft: promoting(s, draftOf(s), { reason: 'PromotedByPerson', message }), routed: NOT_ROUTED };
}

/** Ends what holds it: a person's pause, a pause step, a contested route, a step without a decision, a retreat. */
function resume(s: Situation, request: PersonRequest): Answer {
  const { status, plan, step } = s;
  if (s.spec.paused === true) return refused('spec.paused is true. Set it to false instead.');
  if (isPastDeadline(s))
    return refused('The release took longer than spec.progressDeadline. Raise that, or promote, or abort.');
  const { paused, heldSince: _heldSince, ...rest } = draftOf(s);
  const message = `Resumed by ${byWhom(request)}.`;
  const going: StatusDraft = {
    ...rest,
    phase: (status.step?.index ?? 0) === 0 ? 'Waiting' : 'Progressing',
    reason: 'Resumed',
    message,
  };
  const resumed = told(s, going, 'resumed', `resumed/${request.id}`);
  if (isContested(s)) return { draft: { ...resumed, driftRepairs: 0 }, routed: NOT_ROUTED };
  if (paused === true) return { draft: resumed };
  if (step?.kind === 'pause') return nextStep(s, request);
  if (status.phase !== 'Held') return refused('It is neither paused nor held.');
  if (s.verdict?.outcome === 'Inconclusive' && s.verdict.blindSinceMs === undefined) return nextStep(s, request);
  if (closed(s) !== undefined)
    return refused('Release windows or a freeze hold it; promote leaves this step all the same.');
  if (status.reason === 'UnintendedShare')
    return refused(
      'It goes on by itself once the canary gets its share of the requests; promote leaves this step all the same.',
    );
  if (status.reason !== 'Blind') {
    return refused(
      'It is held for want of data and goes on by itself when there is some; promote leaves this step unjudged.',
    );
  }
  const index = status.step?.index ?? 0;
  return { draft: withWeight(s, resumed, status.weight, index, plan?.steps.length ?? 0), routed: NOT_ROUTED };
}

/** A rejected revision again, with fresh evidence at its share of the error probability (contracts 6). */
function retry(s: Situation, request: PersonRequest): Answer {
  const why = whyNoRetry(
    s,
    request,
    (present) => `The workload’s new revision is ${present}, not ${request.revision}. Ask for that one.`,
  );
  if (why !== undefined) return refused(why);
  return {
    draft: started(s, request.revision, {
      reason: 'NewRevision',
      message: `${byWhom(request)} tries ${request.revision} again.`,
    }),
    routed: NOT_ROUTED,
  };
}

/** Back to what was stable before: no judging, straight to 100 % (contracts 7). */
function goBack(s: Situation, request: PersonRequest): Answer {
  const { status } = s;
  if (request.revision !== status.revision.previousStable || s.workload?.canary?.revision !== request.revision) {
    return refused(`No release of ${request.revision} is under way.`);
  }
  const message = `${byWhom(request)} goes back to ${request.revision}, which was stable before.`;
  return { draft: started(s, request.revision, { reason: 'RolledBackToPrevious', message }), routed: NOT_ROUTED };
}
