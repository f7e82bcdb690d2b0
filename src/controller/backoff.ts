/** Exponential backoff with full jitter: a random wait between 0 and the doubled limit, so that clients don't march in step. */

export interface Backoff {
  /** The next wait, ms. */
  nextMs(): number;
  /** Trouble is over: start small again. */
  reset(): void;
}

export function createBackoff(random: () => number, options: { baseMs: number; capMs: number }): Backoff {
  let limitMs = options.baseMs;
  return {
    nextMs: () => {
      const waitMs = random() * limitMs;
      limitMs = Math.min(limitMs * 2, options.capMs);
      return waitMs;
    },
    reset: () => {
      limitMs = options.baseMs;
    },
  };
}
