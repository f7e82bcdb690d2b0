/**
 * Wilcoxon–Mann–Whitney with the confidence interval of the shift, normal approximation with tie and continuity correction:
 * R's `wilcox.test(exact = FALSE, correct = TRUE, conf.int = TRUE)`, which Kayenta's judge copies.
 * R leaves the continuity correction out of the estimate, Kayenta does not. `rootTolerance` 1e-4 gives the same numbers as both; it
 * is absolute, so results depend on the unit of the values.
 */
import { brent } from './numeric.ts';
import { probit } from './special.ts';

export interface ShiftEstimate {
  /** Hodges–Lehmann shift of `x` over `y`. */
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/** Shift of `experiment` over `control`. Undefined where all values are equal: no interval exists. */
export function mannWhitney(
  experiment: readonly number[],
  control: readonly number[],
  confidence: number,
  options: { readonly rootTolerance?: number; readonly isEstimateCorrected?: boolean } = {},
): ShiftEstimate | undefined {
  const [minX, maxX] = [Math.min(...experiment), Math.max(...experiment)];
  const [minY, maxY] = [Math.min(...control), Math.max(...control)];
  if (minX === maxX && minY === maxY && minX === minY) return undefined;
  const [from, to] = [minX - maxY, maxX - minY];
  const rootTolerance = options.rootTolerance ?? 1e-4;
  const quantile = -probit((1 - confidence) / 2);
  const z = (shift: number, correct: boolean): number => shiftScore(experiment, control, shift, correct);
  const end = (target: number): number => {
    const f = (shift: number): number => z(shift, true) - target;
    if (f(from) <= 0) return from;
    if (f(to) >= 0) return to;
    return brent(f, from, to, rootTolerance);
  };
  return {
    low: end(quantile),
    high: end(-quantile),
    estimate: brent((shift) => z(shift, options.isEstimateCorrected ?? false), from, to, rootTolerance),
  };
}

/** Standardised rank sum of x − shift against y. With `isCorrected`, 0.5 is taken off towards 0. */
export function shiftScore(x: readonly number[], y: readonly number[], shift: number, isCorrected: boolean): number {
  const { rankSum, ties } = rank(x, y, shift);
  const [n, m] = [x.length, y.length];
  const deviation = rankSum - (n * (n + 1)) / 2 - (n * m) / 2;
  const correction = isCorrected ? 0.5 * Math.sign(deviation) : 0;
  const variance = ((n * m) / 12) * (n + m + 1 - ties / ((n + m) * (n + m - 1)));
  return variance === 0 ? 0 : (deviation - correction) / Math.sqrt(variance);
}

/** Sum of mid-ranks of x − shift in both samples together, and Σ(t³ − t) over ties. */
export function rank(x: readonly number[], y: readonly number[], shift: number): { rankSum: number; ties: number } {
  const all = [
    ...x.map((value) => ({ value: value - shift, isX: true })),
    ...y.map((value) => ({ value, isX: false })),
  ];
  all.sort((a, b) => a.value - b.value);
  let rankSum = 0;
  let ties = 0;
  for (let start = 0; start < all.length; ) {
    let end = start;
    let ofX = 0;
    while (end < all.length && all[end]?.value === all[start]?.value) {
      if (all[end]?.isX) ofX++;
      end++;
    }
    const size = end - start;
    rankSum += ofX * ((start + 1 + end) / 2);
    ties += size ** 3 - size;
    start = end;
  }
  return { rankSum, ties };
}
