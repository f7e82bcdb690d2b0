/** The global time grid: instants are whole multiples of it, the same for every run and every process (architecture.md). */

export interface Tick {
  /** The grid instant, ms since the epoch. */
  readonly instantMs: number;
  /** When its poll starts. */
  readonly fireAtMs: number;
  /** Grid instants between the last one and this that nobody polls: the evidence is re-read by range. */
  readonly dropped: number;
}

/**
 * The next instant to poll. One that is due or at most half a grid late is still taken; older ones are dropped rather
 * than piled up. A clock that was put back waits for the first instant it has not passed yet.
 */
export function nextTick(nowMs: number, lastInstantMs: number | undefined, gridMs: number, lagMs: number): Tick {
  const latestDueMs = Math.floor((nowMs - lagMs) / gridMs) * gridMs;
  const isFresh = nowMs - (latestDueMs + lagMs) <= gridMs / 2;
  let instantMs = isFresh ? latestDueMs : latestDueMs + gridMs;
  if (lastInstantMs !== undefined && instantMs === lastInstantMs) instantMs += gridMs;
  // More than one grid ahead of the clock means that the clock was put back.
  const isAhead = lastInstantMs !== undefined && lastInstantMs > instantMs;
  const dropped =
    lastInstantMs === undefined || isAhead ? 0 : Math.max(0, Math.round((instantMs - lastInstantMs) / gridMs) - 1);
  return { instantMs, fireAtMs: instantMs + lagMs, dropped };
}
