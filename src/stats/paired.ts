/**
 * Paired block differences of gauges: canary against control in the same minute, so that what both share (load, time of day) falls
 * out. Their t-e-process is exact for independent Gaussian blocks whatever their variance; slow noise of pods is answered by
 * counting correlated blocks as fewer. That answer is an approximation, and two pods on a bad node look like a bad build at any
 * sample size: hence a margin of at least 10 % and no abort by a gauge alone (statistics.md §2.6).
 */
import { tLogEValue } from './alternatives.ts';

/** Running sums of differences D, kept relative to the first one so that large values with small noise lose no digits. */
export interface Differences {
  count: number;
  first: number;
  /** Σd, Σd², Σd_b·d_{b−1} with d = D − first. */
  sum: number;
  squares: number;
  lagged: number;
  last: number;
}

/** What the blocks so far say about the mean of D. */
export interface PairedMean {
  readonly mean: number;
  /** Sample standard deviation of one block. */
  readonly sd: number;
  /** Blocks, and how many independent ones they are worth: n(1 − ρ)/(1 + ρ), ρ the lag-1 autocorrelation + 1/n, at least 0. */
  readonly blocks: number;
  readonly effective: number;
}

export function openDifferences(): Differences {
  return { count: 0, first: 0, sum: 0, squares: 0, lagged: 0, last: 0 };
}

/** Adds one finite difference. */
export function addDifference(state: Differences, difference: number): void {
  if (state.count === 0) state.first = difference;
  const d = difference - state.first;
  state.lagged += d * state.last;
  state.sum += d;
  state.squares += d * d;
  state.last = d;
  state.count++;
}

export function pairedMean(state: Differences): PairedMean | undefined {
  const { count: n, sum, squares, lagged, last, first } = state;
  if (n < 2) return undefined;
  const m = sum / n;
  const spread = Math.max(0, squares - n * m * m);
  // The first d is 0, so the sums over all but the first and all but the last are Σd and Σd − last.
  const covariance = lagged - m * (2 * sum - last) + (n - 1) * m * m;
  const rho = spread > 0 ? Math.min(0.99, Math.max(0, covariance / spread + 1 / n)) : 0;
  return { mean: first + m, sd: Math.sqrt(spread / (n - 1)), blocks: n, effective: (n * (1 - rho)) / (1 + rho) };
}

/**
 * ln e-value against "the mean of D is at most 0": the two-sided t-e-value where the mean is above 0, and never more than it or 0
 * elsewhere. From four blocks; equal differences are the limit of small noise, n/2·ln(1 + n) at most.
 */
export function pairedLogOdds(found: PairedMean | undefined): number {
  if (found === undefined || found.blocks < FEWEST_BLOCKS || !(found.effective > 1)) return 0;
  const { mean, sd, effective } = found;
  if (mean === 0) return -0.5 * Math.log(1 + effective);
  const two = sd > 0 ? tLogEValue(effective, mean, sd) : ((effective - 1) / 2) * Math.log(1 + effective);
  return mean > 0 ? two : Math.min(0, two);
}

export const FEWEST_BLOCKS = 4;

/** All means that the t-e-process has not rejected at level `alpha`; unbounded while it cannot reject anything. */
export function pairedInterval(found: PairedMean, alpha: number): { readonly low: number; readonly high: number } {
  const { mean, sd, effective } = found;
  const freedom = effective - 1;
  const widened = 1 + effective;
  // (1 + t²/ν)/(1 + t²/(ν(1+n))) < K ⇔ t² < ν(K − 1)/(1 − K/(1+n)), K = (√(1+n)/α)^(2/(ν+1)).
  const bound = freedom > 0 ? ((Math.sqrt(widened) / alpha) ** 2) ** (1 / effective) : Infinity;
  if (!(bound < widened)) return { low: -Infinity, high: Infinity };
  const t = Math.sqrt((freedom * (bound - 1)) / (1 - bound / widened));
  const radius = (t * sd) / Math.sqrt(effective);
  return { low: mean - radius, high: mean + radius };
}
