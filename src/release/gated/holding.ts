/** Pausing the whole rollout: for a person's pause on the way, and for pauses that would end by themselves before a Pass. */
import { isFollowingSteps, isObserving, type Rule, type Situation } from '../situation.ts';
import { blindSince, closed } from '../rules/holds.ts';
import { held } from '../rules/obstacles.ts';
import { draftOf, verdictShown, write } from '../transitions.ts';

/** A pause that waits for somebody holds by itself; everything else is held by pausing the whole rollout. */
function shouldHold(s: Situation): boolean {
  const gate = s.workload?.gate;
  if (gate === undefined || !isFollowingSteps(s) || isObserving(s)) return false;
  // Its own pause is not shown again before its controller has seen that it is held.
  if (!gate.isSeen && s.status.gate?.isHeld !== undefined) return s.status.gate.isHeld;
  const isOpenEnded = gate.gate !== undefined && gate.gate.endsAtMs === undefined;
  if (isOpenEnded && s.status.gate?.order === undefined) return false;
  if (s.spec.paused === true || s.status.paused === true) return true;
  return isTimedJudge(s) && !hasPassed(s);
}

/** At a pause that would end by itself, and is judged. */
const isTimedJudge = ({ workload, step }: Situation): boolean =>
  workload?.gate?.gate?.endsAtMs !== undefined && step?.kind === 'judge';

const hasPassed = (s: Situation): boolean =>
  s.verdict?.outcome === 'Pass' && blindSince(s) === undefined && closed(s) === undefined;

/** Nobody opens it, so its Pass is noted here: it is what the rollout goes back to where requests go unseen later. */
export const notePassed: Rule = (s) => {
  if (!isFollowingSteps(s) || isObserving(s) || !isTimedJudge(s) || !hasPassed(s)) return undefined;
  const { weight, passedWeight } = s.status;
  if (s.verdict === undefined || passedWeight === weight) return undefined;
  return write(s, { ...draftOf(s), passedWeight: weight, verdict: verdictShown(s.verdict) }, 'passed');
};

/** Recorded first; the order follows in the next pass, and so does its end. */
export const hold: Rule = (s) => {
  const gate = s.workload?.gate;
  if (gate === undefined || s.status.taken === undefined) return undefined;
  const { isHeld, ...rest } = s.status.gate ?? {};
  const wanted = shouldHold(s);
  // What somebody else paused is theirs to resume.
  if (wanted && isHeld !== true && !(gate.isHeld && isHeld === undefined))
    return write(s, { ...draftOf(s), gate: { ...rest, isHeld: true } }, 'hold');
  if (!wanted && isHeld === true) return write(s, { ...draftOf(s), gate: { ...rest, isHeld: false } }, 'hold over');
  if (!wanted && isHeld === false && !gate.isHeld) return write(s, { ...draftOf(s), gate: rest }, 'hold given back');
  return undefined;
};

/** Nothing goes on, whatever is judged, until whoever paused it resumes it. */
export const heldElsewhere: Rule = (s) => {
  const gate = s.workload?.gate;
  if (!isFollowingSteps(s) || gate?.isHeld !== true || s.status.gate?.isHeld !== undefined) return undefined;
  const message = 'The whole rollout is paused (not by Serin). Resume it there to go on.';
  return (
    write(s, held(s, { reason: 'HeldElsewhere', message }, 'person'), 'held elsewhere') ?? {
      kind: 'wait',
      requeueAfterMs: 30_000,
    }
  );
};
