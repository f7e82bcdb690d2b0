/**
 * Blind for so long that requests should not go on unobserved (contracts 17): back to the newest pause that waits at no more than what
 * passed last. Where there is none, the rollout is given up, which its revision does not answer for.
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
  const back = pauseAt(gate, target);
  if (back === 'none' || (back === undefined && target === 0)) return giveUp(s, why);
  if (back === undefined) return undefined;
  const { step, weight } = back;
  const message = `${why} the rollout goes back from ${gate.weight} to ${weight} % (step ${step} of ${gate.steps.length}).`;
  const draft = {
    ...withWeight(s, draftOf(s), weight, step, gate.steps.length),
    phase: 'Held' as const,
    reason: 'Blind',
    message,
    heldSince: s.status.heldSince ?? s.now,
    gate: { ...s.status.gate, order: 'goBack' as const, opened: step - 1 },
  };
  return write(s, told(s, draft, 'retreated', `retreated/${s.now}`), 'blind');
};

function giveUp(s: Situation, why: string): ReturnType<Rule> {
  const passed = s.status.passedWeight ?? 0;
  const because =
    passed === 0
      ? 'no pause passed yet, and a rollout cannot wait at 0 %'
      : `no earlier pause waits at ${passed} % or less (what passed there ends by itself)`;
  const message = `${why} ${because}, so it is given up. Try it again when there is data.`;
  return write(s, aborting(s, draftOf(s), { reason: 'Blind', message, isRejected: false }), 'blind');
}

/**
 * The newest earlier pause that waits at `most` percent or less, from 1. One that ends by itself would raise the weight again.
 * `undefined` where something else than weights and pauses lies between: only those can be taken back.
 */
function pauseAt(
  { steps, step }: GateState,
  most: number,
): { readonly step: number; readonly weight: number } | 'none' | undefined {
  for (let index = step - 1; index >= 1; index--) {
    const earlier = steps[index - 1];
    if (earlier === undefined || earlier.isMore === true) return undefined;
    if (earlier.pause === 'open' && earlier.weight <= most) return { step: index, weight: earlier.weight };
  }
  return 'none';
}
