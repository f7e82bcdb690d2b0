/** What people ask for where another controller has the steps; each answer becomes an order to it. */
import type { PersonRequest } from '../observed.ts';
import { whyNoRetry } from '../retries.ts';
import { isContested, isPastDeadline } from '../rules/holds.ts';
import { type Answer, answering, byWhom, refused } from '../rules/requests.ts';
import { isUnderWay, type Situation } from '../situation.ts';
import { draftOf, promoting, type StatusDraft, started, told } from '../transitions.ts';

export const answerGatedRequest = answering(answerTo);

function answerTo(s: Situation, request: PersonRequest): Answer {
  const { status } = s;
  if (s.spec.mode === 'observe')
    return refused('spec.mode is observe, so there is nothing to move. Set it to act first.');
  if (request.verb === 'retry') return retry(s, request);
  if (!isUnderWay(status)) return refused(`No release is under way, so there is nothing to ${request.verb}.`);
  if (request.revision !== status.revision.canary) {
    return refused(
      `The revision under way is ${status.revision.canary ?? 'unknown'}, not ${request.revision}. Ask for that one.`,
    );
  }
  if (status.phase === 'Aborting') return refused('The release is being aborted. Use retry once it is.');
  if (request.verb === 'promote-full') return promoteFully(s, request);
  if (status.phase === 'Promoting') return refused('The release is already being promoted.');
  return ON_THE_WAY[request.verb](s, request);
}

const ON_THE_WAY = {
  promote: (s: Situation, request: PersonRequest): Answer => open(s, request, 'open'),
  'skip-step': (s: Situation, request: PersonRequest): Answer => open(s, request, 'skip'),
  pause: (s: Situation): Answer => ({ draft: { ...draftOf(s), paused: true } }),
  resume,
} as const satisfies Record<string, (s: Situation, request: PersonRequest) => Answer>;

function open(s: Situation, request: PersonRequest, order: 'open' | 'skip'): Answer {
  const gate = s.workload?.gate;
  if (s.spec.paused === true) return refused('spec.paused is true. Set it to false first.');
  if (gate === undefined || gate.step === 0)
    return refused('The rollout has not begun its steps yet. Ask again when it has.');
  if (gate.isHeld && s.status.gate?.isHeld === undefined)
    return refused('The whole rollout is paused, and not by Serin. Resume it there first.');
  const isAtGate = gate.gate !== undefined && gate.gate.id === s.status.gate?.at;
  if (order === 'open' && !isAtGate)
    return refused('The rollout waits at no pause, so there is nothing to open. skip-step leaves the step it is at.');
  const { paused: _paused, heldSince: _heldSince, ...draft } = draftOf(s);
  const message = `Step ${gate.step} was left by ${byWhom(request)}.`;
  const isOpening = isAtGate && gate.gate?.isTheirs !== true;
  return {
    draft: {
      ...draft,
      phase: 'Progressing',
      gate: { ...s.status.gate, order: isOpening ? 'open' : 'skip' },
      reason: 'PromotedByPerson',
      message,
    },
  };
}

function promoteFully(s: Situation, request: PersonRequest): Answer {
  if (s.spec.paused === true) return refused('spec.paused is true. Set it to false first.');
  if (s.status.phase === 'Promoting') return { draft: draftOf(s) };
  const message = `${byWhom(request)} sends ${request.revision} to 100 % past its analysis.`;
  return { draft: promoting(s, draftOf(s), { reason: 'PromotedByPerson', message }) };
}

function resume(s: Situation, request: PersonRequest): Answer {
  const { status } = s;
  if (s.spec.paused === true) return refused('spec.paused is true. Set it to false instead.');
  if (isPastDeadline(s))
    return refused('The release took longer than spec.progressDeadline. Raise that, or promote, or abort.');
  if (isContested(s)) return refused('Its routes are contested.');
  if (status.paused !== true)
    return status.phase === 'Held' ? open(s, request, 'open') : refused('It is neither paused nor held.');
  const { paused: _paused, heldSince: _heldSince, ...rest } = draftOf(s);
  const going: StatusDraft = {
    ...rest,
    phase: (status.step?.index ?? 0) === 0 ? 'Waiting' : 'Progressing',
    reason: 'Resumed',
    message: `Resumed by ${byWhom(request)}.`,
  };
  return { draft: told(s, going, 'resumed', `resumed/${request.id}`) };
}

/** Once more from the first step, with fresh evidence at its share of the error probability (contracts 6). */
function retry(s: Situation, request: PersonRequest): Answer {
  const why = whyNoRetry(
    s,
    request,
    (present) => `The rollout’s new revision is ${present}, not ${request.revision}. Deploy it again.`,
  );
  if (why !== undefined) return refused(why);
  const message = `${byWhom(request)} tries ${request.revision} again.`;
  return { draft: { ...started(s, request.revision, { reason: 'NewRevision', message }), gate: { order: 'retry' } } };
}
