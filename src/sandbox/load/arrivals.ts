/** Poisson arrivals at a rate that may change in between: times between requests are exponential. Pure. */

/** Requests per second from `fromMs` on, on its way from `from` to `to` during `rampMs`. */
export interface Rate {
  readonly from: number;
  readonly to: number;
  readonly fromMs: number;
  readonly rampMs: number;
}

export function rateAt(rate: Rate, nowMs: number): number {
  if (rate.rampMs <= 0 || nowMs >= rate.fromMs + rate.rampMs) return rate.to;
  const share = Math.max(0, (nowMs - rate.fromMs) / rate.rampMs);
  return rate.from + (rate.to - rate.from) * share;
}

/**
 * Time of the next arrival after `afterMs`; Infinity when the rate stays at 0. Thinning against the highest rate ahead
 * keeps a ramp exact.
 */
export function nextArrivalMs(rate: Rate, afterMs: number, random: () => number): number {
  for (let timeMs = afterMs; ; ) {
    const most = Math.max(rateAt(rate, timeMs), rate.to);
    if (most <= 0) return Number.POSITIVE_INFINITY;
    timeMs += (-1_000 * Math.log(1 - random())) / most;
    if (random() * most <= rateAt(rate, timeMs)) return timeMs;
  }
}
