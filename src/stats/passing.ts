/**
 * The pass side: odds against "the canary is at the pass margin or beyond". The cumulative log-likelihood ratios are read out
 * divided by today's dispersion (an approximation, measured in the benchmark's false-pass table); no cap and no restarts,
 * because a Pass may rest on everything seen at this revision.
 *
 * The alternatives are weighted by how far below the margin an equal canary would be, which stable's rate before the run tells.
 * Weights that are fixed before the first interval leave the average of e-processes an e-process, however wrong the guess is.
 */
import type { ArmCounts } from './counts.ts';
import { logIncrement } from './affine.ts';
import { logIncrementOfBound } from './bound.ts';
import { logSumExp } from './numeric.ts';

/** Alternatives θ1/θ_pass. */
export const PASS_RATIOS = [0.05, 0.15, 0.3, 0.55, 0.7, 0.87] as const;
/** Weight of an alternative: e^(−d²/2) with d its distance from an equal canary in units of WIDTH (of ln ratio), at least LEAST. */
const WIDTH = 0.3;
const LEAST = 0.05;

/** Σ of ln e-values, one per alternative; changed in place. */
export type PassEvidence = Float64Array;

const LOG_PASS_RATIOS: readonly number[] = PASS_RATIOS.map((ratio) => Math.log(ratio));

export function openPassing(): PassEvidence {
  return new Float64Array(PASS_RATIOS.length);
}

/** What is tested: the canary is beyond this margin. */
export interface PassMargin {
  /** θ and δ: p_c ≥ ratio·p_s + difference; with `isLower` p_c ≤ ratio·p_s + difference, `ratio` then being at most 1. */
  readonly ratio: number;
  readonly difference: number;
  readonly isLower?: boolean | undefined;
  /** The margin as one number instead, stable not being looked at (`bound.ts`). */
  readonly bound?: number | undefined;
}

/** ln e-value of one interval for alternative j (both totals > 0; against a bound only the canary's). */
export function passIncrement(counts: ArmCounts, margin: PassMargin, j: number): number {
  const ratio = PASS_RATIOS[j] as number;
  const rho = margin.isLower === true ? 1 / ratio : ratio;
  if (margin.bound !== undefined) {
    return logIncrementOfBound({ bad: counts.canaryBad, total: counts.canaryTotal }, margin.bound, rho);
  }
  return logIncrement(counts, margin.ratio, margin.ratio * rho, margin.difference);
}

/** Adds one interval: `passIncrement` of every alternative, with what they share computed once. */
export function addToPassing(evidence: PassEvidence, counts: ArmCounts, margin: PassMargin): void {
  const { canaryBad, canaryTotal } = counts;
  const { ratio: theta0, difference, bound } = margin;
  const isLower = margin.isLower === true;
  const r = canaryTotal / counts.stableTotal;
  const events = canaryBad + counts.stableBad;
  const base = 1 + theta0 * r;
  for (let j = 0; j < PASS_RATIOS.length; j++) {
    const rho = isLower ? 1 / (PASS_RATIOS[j] as number) : (PASS_RATIOS[j] as number);
    let gain = canaryBad * (isLower ? -(LOG_PASS_RATIOS[j] as number) : (LOG_PASS_RATIOS[j] as number));
    if (bound !== undefined) gain -= canaryTotal * bound * (rho - 1);
    else {
      const shifted = 1 + theta0 * rho * r;
      if (events > 0) gain += events * Math.log(base / shifted);
      if (difference !== 0) gain -= (canaryTotal * difference * (rho - 1)) / shifted;
    }
    evidence[j] = (evidence[j] as number) + gain;
  }
}

/**
 * How far below the margin a canary is that equals stable, as one of `PASS_RATIOS` would say it (below 1); 0 where stable's `usual`
 * rate is not known (0).
 */
export function aimOf({ ratio, difference, isLower, bound }: PassMargin, usual: number): number {
  const line = bound ?? ratio * usual + difference;
  const aim = isLower === true ? line / usual : usual / line;
  return usual > 0 && aim > 0 ? Math.min(1, aim) : 0;
}

/** ln of the odds against a canary beyond the margin. `aim` must not have changed since the first interval. */
export function passLogOdds(evidence: ArrayLike<number>, dispersion: number, aim: number): number {
  const logWeights = logWeightsOf(aim);
  return logSumExp(logWeights.map((weight, j) => weight + (evidence[j] as number) / dispersion));
}

/** Equal where nothing is known. */
function logWeightsOf(aim: number): readonly number[] {
  if (aim === 0) return PASS_RATIOS.map(() => -Math.log(PASS_RATIOS.length));
  const nearest = Math.max(PASS_RATIOS[0], aim);
  const weights = PASS_RATIOS.map((ratio) => LEAST + Math.exp(-((Math.log(ratio / nearest) / WIDTH) ** 2) / 2));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => Math.log(weight / sum));
}
