/**
 * Wilcoxon–Mann–Whitney with the confidence interval of the shift, normal approximation with tie and continuity correction:
 * R's `wilcox.test(exact = FALSE, correct = TRUE, conf.int = TRUE)`, which Kayenta's judge copies.
 * R leaves the continuity correction out of the estimate, Kayenta does not. `rootTolerance` 1e-4 gives the same numbers as both; it
 * is absolute, so results depend on the unit of the values.
 */
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

/** Brent's root finder as in R's `zeroin2` (same steps, so the same side of a plateau of a step function). */
export function brent(f: (x: number) => number, low: number, high: number, tolerance: number): number {
  let [a, b] = [low, high];
  let [fa, fb] = [f(a), f(b)];
  let [c, fc] = [a, fa];
  if (fa === 0) return a;
  if (fb === 0) return b;
  for (let round = 0; round < 1001; round++) {
    const previous = b - a;
    if (Math.abs(fc) < Math.abs(fb)) {
      [a, b, c] = [b, c, b];
      [fa, fb, fc] = [fb, fc, fb];
    }
    const actual = 2 * Number.EPSILON * Math.abs(b) + tolerance / 2;
    let step = (c - b) / 2;
    if (Math.abs(step) <= actual || fb === 0) return b;
    if (Math.abs(previous) >= actual && Math.abs(fa) > Math.abs(fb)) {
      const half = c - b;
      const ratio = fb / fa;
      let p: number;
      let q: number;
      if (a === c) {
        p = half * ratio;
        q = 1 - ratio;
      } else {
        const s = fa / fc;
        const t = fb / fc;
        p = ratio * (half * s * (s - t) - (b - a) * (t - 1));
        q = (s - 1) * (t - 1) * (ratio - 1);
      }
      if (p > 0) q = -q;
      else p = -p;
      if (p < 0.75 * half * q - Math.abs(actual * q) / 2 && p < Math.abs((previous * q) / 2)) step = p / q;
    }
    if (Math.abs(step) < actual) step = step > 0 ? actual : -actual;
    [a, fa] = [b, fb];
    b += step;
    fb = f(b);
    if ((fb > 0 && fc > 0) || (fb < 0 && fc < 0)) [c, fc] = [a, fa];
  }
  return b;
}
