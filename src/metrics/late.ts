/**
 * Scrapes that Prometheus stored after an interval was read. They are noticed because the counters at the interval's end are asked
 * twice: as its `level`, and as the `base` of the next one. What came late is counted in the next interval, so it is not lost.
 */
import type { Counts, Observation, ProportionCounts } from '../judge/observation.ts';
import type { Arm } from './ledger.ts';
import type { Reading } from './intervals.ts';

/** What was taken from an interval. Kept beside the evidence until the next one. */
export interface Receipt {
  readonly endMs: number;
  readonly weight: number;
  readonly levels: Reading['levels'];
  readonly taken: Observation;
}

export type Lateness = 'none' | 'late' | 'receded';

const ARMS: readonly Arm[] = ['stable', 'canary'];
const DUST = 1e-9;

/**
 * `late`: more was stored meanwhile, read the interval again. `receded`: less than was seen; another replica answers, or data was
 * lost, and the events between would be counted twice.
 */
export function latenessOf(receipt: Receipt | undefined, next: Reading, intervalMs: number): Lateness {
  if (receipt === undefined || receipt.endMs !== next.observation.endMs - intervalMs) return 'none';
  const gaps = ARMS.map((arm) => (next.bases[arm] ?? 0) - (receipt.levels[arm] ?? 0));
  const scale = Math.max(1, ...ARMS.map((arm) => Math.abs(next.bases[arm] ?? 0)));
  if (gaps.some((gap) => gap < -DUST * scale)) return 'receded';
  return gaps.some((gap) => gap > DUST * scale) ? 'late' : 'none';
}

/** The observation with what `reread` has beyond `taken` added; unchanged when either says nothing that can be compared. */
export function withLate(observation: Observation, taken: Observation, reread: Observation): Observation {
  if (observation.kind === 'skipped' || reread.kind !== observation.kind) return observation;
  if (observation.kind === 'proportion' && reread.kind === 'proportion') {
    const before = taken.kind === 'proportion' ? taken.counts : undefined;
    return { ...observation, counts: add(observation.counts, reread.counts, before) };
  }
  if (observation.kind !== 'histogram' || reread.kind !== 'histogram') return observation;
  const boundaries = observation.boundaries.map(({ boundaryMs, counts }) => {
    const at = (other: Observation): ProportionCounts | undefined =>
      other.kind === 'histogram' ? other.boundaries.find((b) => b.boundaryMs === boundaryMs)?.counts : undefined;
    const again = at(reread);
    return { boundaryMs, counts: again === undefined ? counts : add(counts, again, at(taken)) };
  });
  return { ...observation, boundaries };
}

/**
 * The observation without what was counted before: each arm is scaled to the part that is new. Bad events are taken to be spread
 * evenly. `undefined` when more was counted before than the interval has.
 */
export function withoutSeen(
  observation: Observation,
  receipt: Receipt,
  bases: Reading['bases'],
): Observation | undefined {
  if (observation.kind === 'skipped') return observation;
  const factor = (arm: Arm, total: number): number => {
    const seen = Math.max(0, (receipt.levels[arm] ?? 0) - (bases[arm] ?? 0));
    return seen === 0 ? 1 : (total - seen) / total;
  };
  const sample = observation.kind === 'proportion' ? observation.counts : observation.boundaries[0]?.counts;
  if (sample === undefined) return observation;
  const canary = factor('canary', sample.canary.total);
  const stable = factor('stable', sample.stable.total);
  if (!(canary >= 0 && stable >= 0)) return undefined;
  const scaled = (counts: ProportionCounts): ProportionCounts => ({
    canary: scale(counts.canary, canary),
    stable: scale(counts.stable, stable),
    stablePods: counts.stablePods.map((pod) => ({ pod: pod.pod, ...scale(pod, stable) })),
  });
  if (observation.kind === 'proportion') return { ...observation, counts: scaled(observation.counts) };
  return {
    ...observation,
    boundaries: observation.boundaries.map(({ boundaryMs, counts }) => ({ boundaryMs, counts: scaled(counts) })),
  };
}

function add(
  counts: ProportionCounts,
  again: ProportionCounts,
  before: ProportionCounts | undefined,
): ProportionCounts {
  return {
    canary: plus(counts.canary, again.canary, before?.canary),
    stable: plus(counts.stable, again.stable, before?.stable),
    // The noise of pods is learned from whole intervals only.
    stablePods: counts.stablePods,
  };
}

function plus(counts: Counts, again: Counts, before: Counts | undefined): Counts {
  const total = counts.total + Math.max(0, again.total - (before?.total ?? 0));
  return { bad: Math.min(total, counts.bad + Math.max(0, again.bad - (before?.bad ?? 0))), total };
}

function scale(counts: Counts, factor: number): Counts {
  return { bad: counts.bad * factor, total: counts.total * factor };
}
