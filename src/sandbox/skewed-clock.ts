/** A clock that can be set wrong while it runs, as on a machine whose time service failed. */
import type { Clock } from '../clock.ts';

export interface SkewedClock extends Clock {
  /** From now on this many ms ahead of the true time; negative: behind. Waits last as long as before. */
  setSkew(ms: number): void;
}

export function createSkewedClock(truth: Clock): SkewedClock {
  let skewMs = 0;
  return {
    nowMs: () => truth.nowMs() + skewMs,
    sleep: (ms, signal) => truth.sleep(ms, signal),
    setSkew: (ms) => {
      skewMs = ms;
    },
  };
}
