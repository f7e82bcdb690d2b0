/**
 * Events that an interval could not count: scrapes that Prometheus stored after it was read, and what one side counted while the
 * other was not scraped. Both are carried into the next interval that is judged, so that they are not lost.
 * Late scrapes are noticed because the counters at an interval's end are asked twice: as its `level`, and as the next one's `base`.
 */
import type { Counts, Observation, ProportionCounts } from '../judge/observation.ts';
import type { Per } from '../judge/query-shape.ts';
import type { Reading } from './intervals.ts';
import type { Arm } from './ledger.ts';

/** What was taken from an interval. Kept beside the evidence until the next one. */
export interface Receipt {
  readonly endMs: number;
  readonly weight: number;
  readonly levels: Reading['levels'];
  /** What it counted: judged, or carried on. */
  readonly taken: Observation;
  /** Counted and not judged yet. */
  readonly carried?: Observation;
}

/** By metric. */
export type Receipts = Readonly<Record<string, Receipt>>;

export type Lateness = 'none' | 'late' | 'receded';

const ARMS: readonly Arm[] = ['stable', 'canary'];
const DUST = 1e-9;

/**
 * `late`: more was stored meanwhile. `receded`: less than was seen: a restart that came late, or another replica answers, or data
 * was lost, and events would be counted twice. Either way the interval is read again.
 */
export function latenessOf(receipt: Receipt | undefined, next: Reading, intervalMs: number): Lateness {
  if (receipt === undefined || receipt.endMs !== next.observation.endMs - intervalMs) return 'none';
  const gaps = ARMS.map((arm) => (next.bases[arm] ?? 0) - (receipt.levels[arm] ?? 0));
  const scale = Math.max(1, ...ARMS.map((arm) => Math.abs(next.bases[arm] ?? 0)));
  if (gaps.some((gap) => gap < -DUST * scale)) return 'receded';
  return gaps.some((gap) => gap > DUST * scale) ? 'late' : 'none';
}

/** What `reread` has beyond `taken`; all of it when nothing was taken, nothing when it has nothing. */
export function lateCounts(taken: Observation, reread: Observation, per: Per): Observation | undefined {
  if (reread.kind === 'proportion') {
    const before = taken.kind === 'proportion' ? taken.counts : NOTHING;
    return { ...reread, counts: minus(reread.counts, before, per) };
  }
  if (reread.kind !== 'histogram') return undefined;
  const before = new Map(
    taken.kind === 'histogram' ? taken.boundaries.map(({ boundaryMs, counts }) => [boundaryMs, counts]) : [],
  );
  const boundaries = reread.boundaries.map(({ boundaryMs, counts }) => ({
    boundaryMs,
    counts: minus(counts, before.get(boundaryMs) ?? NOTHING, per),
  }));
  return { ...reread, boundaries };
}

/** Both together, as the newer of the two; only boundaries that both have. Skipped ones add nothing. */
export function plus(newer: Observation | undefined, older: Observation | undefined): Observation | undefined {
  if (newer === undefined || newer.kind === 'skipped') return older;
  if (older === undefined || older.kind !== newer.kind) return newer;
  if (newer.kind === 'proportion' && older.kind === 'proportion') {
    return { ...newer, counts: sumOf(newer.counts, older.counts) };
  }
  if (newer.kind !== 'histogram' || older.kind !== 'histogram') return newer;
  const before = new Map(older.boundaries.map(({ boundaryMs, counts }) => [boundaryMs, counts]));
  const boundaries = newer.boundaries.flatMap(({ boundaryMs, counts }) => {
    const other = before.get(boundaryMs);
    return other === undefined ? [] : [{ boundaryMs, counts: sumOf(counts, other) }];
  });
  return { ...newer, boundaries };
}

/**
 * The observation without what was counted before: each arm is scaled to the part that is new. Bad events are taken to be spread
 * evenly. `undefined` when more was counted before than the interval has.
 */
export function withoutSeen(
  observation: Observation,
  receipt: Receipt,
  bases: Reading['bases'],
  per: Per,
): Observation | undefined {
  if (observation.kind === 'skipped' || observation.kind === 'gauge') return observation;
  const factor = (arm: Arm, total: number): number => {
    const seen = Math.max(0, (receipt.levels[arm] ?? 0) - (bases[arm] ?? 0));
    return seen === 0 ? 1 : (total - seen) / total;
  };
  const sample = observation.kind === 'proportion' ? observation.counts : observation.boundaries[0]?.counts;
  if (sample === undefined) return observation;
  // What is counted per time has only its events in a counter.
  const counted = (arm: Arm): number => (per === 'time' ? sample[arm].bad : sample[arm].total);
  const canary = factor('canary', counted('canary'));
  const stable = factor('stable', counted('stable'));
  if (!(canary >= 0 && stable >= 0)) return undefined;
  const scaled = (counts: ProportionCounts): ProportionCounts => ({
    canary: scale(counts.canary, canary, per),
    stable: scale(counts.stable, stable, per),
    stablePods: counts.stablePods.map((pod) => ({ pod: pod.pod, ...scale(pod, stable, per) })),
  });
  if (observation.kind === 'proportion') return { ...observation, counts: scaled(observation.counts) };
  return {
    ...observation,
    boundaries: observation.boundaries.map(({ boundaryMs, counts }) => ({ boundaryMs, counts: scaled(counts) })),
  };
}

const NOTHING: ProportionCounts = { canary: { bad: 0, total: 0 }, stable: { bad: 0, total: 0 }, stablePods: [] };

/** The noise of pods is learned from whole intervals only, so what is added brings no pods. */
function sumOf(newer: ProportionCounts, older: ProportionCounts): ProportionCounts {
  const both = (arm: Arm): Counts => ({
    bad: newer[arm].bad + older[arm].bad,
    total: newer[arm].total + older[arm].total,
  });
  return { canary: both('canary'), stable: both('stable'), stablePods: newer.stablePods };
}

function minus(counts: ProportionCounts, before: ProportionCounts, per: Per): ProportionCounts {
  const rest = (arm: Arm): Counts => {
    const total = Math.max(0, counts[arm].total - before[arm].total);
    const bad = Math.max(0, counts[arm].bad - before[arm].bad);
    return { bad: per === 'all' ? Math.min(total, bad) : bad, total };
  };
  return { canary: rest('canary'), stable: rest('stable'), stablePods: [] };
}

function scale(counts: Counts, factor: number, per: Per): Counts {
  return { bad: counts.bad * factor, total: per === 'time' ? counts.total : counts.total * factor };
}
