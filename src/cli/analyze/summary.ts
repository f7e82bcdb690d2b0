/** Plain statistics of a recording: how much traffic, how many bad, and which intervals stand out. They decide nothing. Pure. */
import { median, medianAbsoluteDeviation, quantileSorted } from 'simple-statistics';
import type { Counts, Observation } from '../../judge/observation.ts';
import type { Recording } from './recording.ts';

export interface Spread {
  readonly median: number;
  readonly p5: number;
  readonly p95: number;
}

export interface SideSummary {
  readonly intervals: number;
  /** Requests per interval, and the bad part of them (0–1). */
  readonly requests: Spread;
  readonly badShare: Spread;
  /** Ends (ms) of intervals whose requests lie far from the median. */
  readonly outliers: readonly number[];
}

export type Summary = Readonly<Record<'stable' | 'canary', SideSummary | undefined>>;

/** So many scaled median absolute deviations from the median stand out (Iglewicz and Hoaglin 1993 use 3.5; traffic has a daily shape). */
const FAR = 5;
/** A MAD of normal numbers times this is their standard deviation. */
const NORMAL = 1.4826;

/** Of intervals with requests; `undefined` for a side that has none. */
export function summarise(recording: Recording): Summary {
  return { stable: summaryOf(recording, 'stable'), canary: summaryOf(recording, 'canary') };
}

function summaryOf({ intervals }: Recording, side: 'stable' | 'canary'): SideSummary | undefined {
  const seen = intervals.flatMap(({ endMs, weight, observation }) => {
    const both = countsOf(observation);
    const counts = both?.[side];
    const hasCanary = (both?.canary.total ?? 0) > 0;
    return counts !== undefined && counts.total > 0 ? [{ endMs, traffic: hasCanary ? weight : 0, ...counts }] : [];
  });
  if (seen.length === 0) return undefined;
  return {
    intervals: seen.length,
    requests: spreadOf(seen.map(({ total }) => total)),
    badShare: spreadOf(seen.map(({ bad, total }) => bad / total)),
    // Each weight has its own usual traffic, and so has the time without a canary.
    outliers: [...Map.groupBy(seen, ({ traffic }) => traffic).values()].flatMap(outliersOf).toSorted((a, b) => a - b),
  };
}

function outliersOf(seen: readonly { readonly endMs: number; readonly total: number }[]): readonly number[] {
  const totals = seen.map(({ total }) => total);
  const middle = median(totals);
  const width = FAR * NORMAL * medianAbsoluteDeviation(totals);
  if (!(width > 0)) return [];
  return seen.filter(({ total }) => Math.abs(total - middle) > width).map(({ endMs }) => endMs);
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => quantileSorted(sorted, part);
  return { median: at(0.5), p5: at(0.05), p95: at(0.95) };
}

/** The first boundary of a histogram: its totals are those of all. */
function countsOf(observation: Observation): Readonly<Record<'stable' | 'canary', Counts>> | undefined {
  if (observation.kind === 'skipped' || observation.kind === 'gauge') return undefined;
  return observation.kind === 'proportion' ? observation.counts : observation.boundaries[0]?.counts;
}
