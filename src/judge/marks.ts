/**
 * How much had been seen when the current step began. Totals are noted when the weight or the step changes and, ever more thinly,
 * since then: so "since" is exact for real steps, otherwise at most half too small, and never too large.
 */
import type { MetricEvidence } from './metric-evidence.ts';

export interface Mark {
  readonly endMs: number;
  readonly index: number;
  /** Kept for good: the weight or the step changed here. */
  readonly isTurn: boolean;
  /** Per metric: answered intervals, missing intervals, canary requests (rounded up). */
  readonly seen: readonly (readonly [answered: number, missing: number, canaryRequests: number])[];
}

/** What one metric has seen in a step. */
export interface Since {
  readonly answered: number;
  readonly missing: number;
  readonly canaryRequests: number;
}

const NEWEST = 2;
const MOST_TURNS = 4;

export function markOf(endMs: number, index: number, isTurn: boolean, metrics: readonly MetricEvidence[]): Mark {
  return {
    endMs,
    index,
    isTurn,
    seen: metrics.map((m) => [m.answered, m.missing, Math.ceil(m.canaryRequests)] as const),
  };
}

/** Adds a mark and thins out: the last turns, and since the last one the newest two, then two per doubling of age. */
export function addMark(marks: readonly Mark[], mark: Mark): readonly Mark[] {
  const turns = marks.filter(({ isTurn }) => isTurn).slice(-MOST_TURNS);
  if (mark.isTurn) return [...turns, mark];
  const lastTurn = turns.at(-1)?.index ?? -1;
  const between = marks.filter(({ index, isTurn }) => {
    const age = mark.index - index;
    if (isTurn || index < lastTurn) return false;
    return age < NEWEST || index % 2 ** Math.floor(Math.log2(age / 2)) === 0;
  });
  return [...turns, ...between, mark];
}

/** What metric `k` has seen in intervals that began at or after `sinceMs`. */
export function seenSince(marks: readonly Mark[], sinceMs: number, metric: MetricEvidence, k: number): Since {
  const base = marks.find(({ endMs }) => endMs >= sinceMs)?.seen[k];
  if (base === undefined) return { answered: 0, missing: 0, canaryRequests: 0 };
  const [answered, missing, canaryRequests] = base;
  return {
    answered: metric.answered - answered,
    missing: metric.missing - missing,
    canaryRequests: Math.max(0, metric.canaryRequests - canaryRequests),
  };
}
