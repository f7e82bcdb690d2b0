/**
 * The canary against a constant instead of another workload: "at most 1 % of its requests fail". No second arm, no allocation; the
 * bound is known exactly, so a given number of canary requests says more than beside a small stable.
 */

/** Events and requests (or pod seconds, whatever the bound is per) of the canary in one interval. Real numbers ≥ 0. */
export interface BoundCounts {
  readonly bad: number;
  readonly total: number;
}

/**
 * ln of the e-value of one interval for the alternative p = ρ·q against the bound q:
 *
 *     ℓ = x·ln ρ − n·q·(ρ − 1)
 *
 * ρ > 1 tests "p ≤ q" (fail side of "not higher", pass side of "not lower"), ρ < 1 tests "p ≥ q".
 *
 * Derivation. For Bernoulli or Poisson events with mean n·p, E e^{ax} ≤ exp(n·p·(e^a − 1)) (equality for Poisson). With a = ln ρ,
 * E e^ℓ ≤ exp(n·(p − q)·(ρ − 1)), which is ≤ 1 whenever p and q are on the null's side: (p − q)·(ρ − 1) ≤ 0. So the product over
 * intervals is a test supermartingale, whatever p does from interval to interval within the null. It is F1 (`affine.ts`) in the
 * limit of an infinite control with known rate: with n_s → ∞, x_s = c·n_s, r = n_c/n_s → 0 and q = θ0·c + δ,
 * (x_c + x_s)·ln[(1 + θ0 r)/(1 + θ1 r)] → −(θ1 − θ0)·c·n_c and the margin term → −n_c·δ·(ρ − 1), together −n_c·q·(ρ − 1).
 * Tempering by φ ≥ 1: valid by Jensen for independent events; exact for clusters of size B ≤ φ, because
 * e^{aB/φ} − 1 ≤ (B/φ)(e^a − 1) leaves E e^{ℓ/φ} ≤ exp(n·(p − q)·(ρ − 1)/φ). Events need not be part of n (rates).
 */
export function logIncrementOfBound({ bad, total }: BoundCounts, bound: number, rho: number): number {
  return bad * Math.log(rho) - total * bound * (rho - 1);
}

/** Mean of `logIncrementOfBound` a request when ρ is true: q·(ρ ln ρ − ρ + 1), the Kullback–Leibler rate of Poisson events. */
export function growthOfBound(bound: number, rho: number): number {
  return bound * (rho * Math.log(rho) - rho + 1);
}
