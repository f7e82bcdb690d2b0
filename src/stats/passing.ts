/**
 * The pass side: odds against "the canary is at the pass margin or beyond". The cumulative log-likelihood ratios are read out
 * divided by today's dispersion (an approximation, measured in the benchmark's false-pass table); no cap and no restarts,
 * because a Pass may rest on everything seen at this revision.
 */
import type { ArmCounts } from './counts.ts';
import { logIncrement } from './affine.ts';
import { logSumExp } from './numeric.ts';

/** Alternatives θ1/θ_pass, equally weighted. */
export const PASS_RATIOS = [0.05, 0.3, 0.55, 0.7, 0.87] as const;

/** Σ of ln e-values, one per alternative; changed in place. */
export type PassEvidence = Float64Array;

export function openPassing(): PassEvidence {
  return new Float64Array(PASS_RATIOS.length);
}

/** Adds one interval (both totals > 0) tested against p_c ≥ ratio·p_s + difference. */
export function addToPassing(evidence: PassEvidence, counts: ArmCounts, ratio: number, difference: number): void {
  for (let j = 0; j < PASS_RATIOS.length; j++) {
    evidence[j] = (evidence[j] as number) + logIncrement(counts, ratio, ratio * (PASS_RATIOS[j] as number), difference);
  }
}

/** ln of the odds against a canary beyond the margin. */
export function passLogOdds(evidence: PassEvidence, dispersion: number): number {
  return logSumExp(evidence.map((sum) => sum / dispersion)) - Math.log(PASS_RATIOS.length);
}
