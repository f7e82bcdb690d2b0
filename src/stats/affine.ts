/**
 * The affine e-value of one interval (F1): the likelihood ratio of canary ÷ stable = θ1 against the boundary θ0·p + δ of a
 * null with margins. Its product over intervals is a test supermartingale for any, even adversarial, p of the stable arm.
 */
import type { ArmCounts } from './counts.ts';

/**
 * ln of the e-value, with r = n_c/n_s:
 *
 *     x_c·ln(θ1/θ0) + (x_c + x_s)·ln[(1 + θ0 r)/(1 + θ1 r)] − n_c·δ·(θ1/θ0 − 1)/(1 + θ1 r)
 *
 * θ1 > θ0 tests "p_c ≤ θ0·p_s + δ" (fail side), θ1 < θ0 tests "p_c ≥ θ0·p_s + δ" (pass side). Valid for Bernoulli and
 * Poisson counts because E[e^{ax}] ≤ exp(n p (e^a − 1)) and θ0·n_c·(e^a − 1) + n_s·(e^b − 1) = 0 by construction.
 * δ = 0 is the conditional binomial test of Lindon & Malek (2022, arXiv 2011.03567).
 * Both totals must be > 0; n up to 1e9 is fine.
 */
export function logIncrement(counts: ArmCounts, theta0: number, theta1: number, delta: number): number {
  const r = counts.canaryTotal / counts.stableTotal;
  const rho = theta1 / theta0;
  const shared = Math.log1p(theta0 * r) - Math.log1p(theta1 * r);
  const margin = delta === 0 ? 0 : (counts.canaryTotal * delta * (rho - 1)) / (1 + theta1 * r);
  return counts.canaryBad * Math.log(rho) + (counts.canaryBad + counts.stableBad) * shared - margin;
}
