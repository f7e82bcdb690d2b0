/** Sums in log space and a root finder that needs nothing but a sign change. */

/** ln Σ exp(v). −Infinity for an empty list or when every term is −Infinity; never NaN for inputs that are not NaN. */
export function logSumExp(values: ArrayLike<number>): number {
  let max = -Infinity;
  for (let i = 0; i < values.length; i++) max = Math.max(max, values[i] as number);
  if (max === -Infinity || max === Infinity) return max;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp((values[i] as number) - max);
  return max + Math.log(sum);
}

/** ln(e^a + e^b). */
export function logAdd(a: number, b: number): number {
  const max = Math.max(a, b);
  if (max === -Infinity || max === Infinity) return max;
  return max + Math.log1p(Math.exp(-Math.abs(a - b)));
}

/**
 * Where a monotone function changes sign between `low` and `high`, to 60 halvings. Returns the end whose sign never
 * changes when there is no sign change, so callers get the edge of their range rather than an exception.
 */
export function bisect(f: (x: number) => number, low: number, high: number): number {
  const isNegativeAtLow = f(low) < 0;
  if (f(high) < 0 === isNegativeAtLow) return high;
  let [a, b] = [low, high];
  for (let i = 0; i < 60; i++) {
    const middle = (a + b) / 2;
    if (f(middle) < 0 === isNegativeAtLow) a = middle;
    else b = middle;
  }
  return (a + b) / 2;
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
