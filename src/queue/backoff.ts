/** How long a failed job waits: doubling from half a second to a minute, the upper half of it at random so that many do not come back together. */

const FIRST_MS = 500;
const LONGEST_MS = 60_000;

/** Wait before the next try. `attempt` counts failures so far, from 1; `random` is in [0, 1). */
export function backoffMs(attempt: number, random: number): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(Math.max(attempt, 1) - 1, 20));
  return Math.round(ceiling * (0.5 + random / 2));
}
