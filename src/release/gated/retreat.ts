/**
 * Blind for so long that requests should not go on unobserved (contracts 17): back to the pause that passed last. Where none did,
 * or none is left to go back to at 0 %, the rollout is given up, which its revision does not answer for.
 */
import { blindSince } from '../rules/holds.ts';
import { isFollowingSteps, isObserving, type Rule, type Situation } from '../situation.ts';
import { aborting, draftOf, told, withWeight, write } from '../transitions.ts';
import type { GateState } from '../observed.ts';

export const retreat: Rule = (s) => {
  const gate = s.workload?.gate;
  const since = blindSince(s);
  if (!isFollowingSteps(s) || isObserving(s) || s.status.taken === undefined) return undefined;
  if (gate?.gate === undefined || since === undefined || s.plan === undefined) return undefined;
  const target = s.status.passedWeight ?? 0;
  const isOpenEnded = gate.gate.endsAtMs === undefined && gate.gate.isTheirs !== true;
  if (!isOpenEnded || s.status.gate?.order !== undefined || s.status.gate?.at !== gate.gate.id) return undefined;
  if (gate.weight <= target || s.nowMs - since < s.plan.retreatAfterMs) return undefined;
  const why = `No usable data since ${new Date(since).toISOString()}:`;
  const step = pauseAt(gate, target);
  if (step === undefined) return target === 0 ? giveUp(s, why) : undefined;
  const message = `${why} the rollout goes back from ${gate.weight} to ${target} % (step ${step} of ${gate.steps.length}).`;
  const back = withWeight(s, draftOf(s), target, step, gate.steps.length);
  const draft = {
    ...back,
    phase: 'Held' as const,
    reason: 'Blind',
    message,
    heldSince: s.status.heldSince ?? s.now,
    gate: { ...s.status.gate, order: 'goBack' as const, opened: step - 1 },
  };
  return write(s, told(s, draft, 'retreated', `retreated/${s.now}`), 'blind');
};

function giveUp(s: Situation, why: string): ReturnType<Rule> {
  const message = `${why} no pause passed yet, and a rollout cannot wait at 0 %, so it is given up. Try it again when there is data.`;
  return write(s, aborting(s, draftOf(s), { reason: 'Blind', message, isRejected: false }), 'blind');
}

/** The newest earlier pause with this weight, from 1, if nothing but weights and pauses lies between: only those can be taken back. */
function pauseAt({ steps, step }: GateState, weight: number): number | undefined {
  for (let index = step - 1; index >= 1; index--) {
    const earlier = steps[index - 1];
    if (earlier === undefined || earlier.isMore === true) return undefined;
    if (earlier.pause === 'open' && earlier.weight === weight) return index;
  }
  return undefined;
}
