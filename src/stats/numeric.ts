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
