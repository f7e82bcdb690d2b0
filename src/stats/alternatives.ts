/** Other sequential tests, for cross-checks, gauges and the benchmark: none of them decides about success rate or latency. */
import { logBeta } from './special.ts';

/**
 * ln Bayes factor of a Dirichlet–multinomial against fixed assignment probabilities ρ (Lindon & Malek 2022):
 * lnB(Kρ + N) − lnB(Kρ) − ΣN ln ρ. Two-sided; only valid while ρ is constant. Good for "is the 5 % weight really 5 %".
 */
export function multinomialLogBayesFactor(
  counts: readonly number[],
  assignment: readonly number[],
  concentration: number,
): number {
  const prior = assignment.map((share) => concentration * share);
  const posterior = prior.map((value, k) => value + (counts[k] ?? 0));
  const expected = assignment.reduce((sum, share, k) => sum + (counts[k] ?? 0) * Math.log(share), 0);
  return logBeta(posterior) - logBeta(prior) - expected;
}

/** ρ² of the asymptotic confidence sequence that is tightest at n = `nBest`, for two-sided level α. */
export function asymptoticRho2(nBest: number, alpha: number): number {
  const needed = -2 * Math.log(alpha);
  return (needed + Math.log(needed + 1)) / nBest;
}

/** Half-width of the two-sided asymptotic confidence sequence (Waudby-Smith et al. 2024, arXiv 2103.06476). */
export function asymptoticRadius(n: number, sigma: number, alpha: number, rho2: number): number {
  const nr = n * rho2 + 1;
  return sigma * Math.sqrt(((2 * nr) / (n * n * rho2)) * Math.log(Math.sqrt(nr) / alpha));
}

/** Distance of the one-sided lower bound from the mean; tune with `asymptoticRho2(n, 2α)`. */
export function asymptoticRadiusOneSided(n: number, sigma: number, alpha: number, rho2: number): number {
  const nr = n * rho2 + 1;
  return sigma * Math.sqrt(((2 * nr) / (n * n * rho2)) * Math.log1p(Math.sqrt(nr) / (2 * alpha)));
}

/**
 * ln of the scale-invariant t e-value of n block means (Wang & Ramdas 2023, arXiv 2310.03722): exact for Gaussian blocks from
 * n = 2, prior N(0, g) on mean ÷ sd. `n` may be an effective, fractional number of blocks. Two-sided: act only when mean > 0.
 */
export function tLogEValue(n: number, mean: number, sd: number, g = 1): number {
  const freedom = n - 1;
  const t2 = (n * mean * mean) / (sd * sd);
  const widened = 1 + n * g;
  return (
    -0.5 * Math.log(widened) + ((freedom + 1) / 2) * (Math.log1p(t2 / freedom) - Math.log1p(t2 / (freedom * widened)))
  );
}

/** Wald's bound: no test with false-abort probability α needs fewer canary requests on average to see p0 → p1. */
export function fewestRequests(p0: number, p1: number, alpha: number): number {
  return Math.log(1 / alpha) / (p1 * Math.log(p1 / p0) + (1 - p1) * Math.log((1 - p1) / (1 - p0)));
}
