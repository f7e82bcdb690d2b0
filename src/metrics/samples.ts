/**
 * Raw samples of counters → the rows that `intervalExpression` would answer, computed here instead of in Prometheus (contracts 19,
 * deploy/adr/0005). The meaning of each part stands in `promql.ts`; both ways give equal rows on equal data, tests hold them to it.
 * A sample belongs to the interval (t − Δ, t] whatever the version of Prometheus: ranges that are closed on the left bring one more.
 */
import type { MetricQuerySpec } from '../api/metric-query.ts';
import { readBoundary } from './escape.ts';
import type { Sample, Series } from './port.ts';
import { type Column, createRows, hasSurprises, type IntervalRows, workloadKey } from './rows.ts';

export interface SampledSeries {
  /** All events, or all buckets of a histogram. */
  readonly whole: readonly Series[];
  /** Series of bad events, read after `whole`; of counts only. */
  readonly bad?: readonly Series[];
}

export interface SampleSpan {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly intervalMs: number;
  readonly lookbackMs: number;
}

/** Rows by interval end. Only of the workloads that are wanted, by `workloadKey`: a selector may match others beside them. */
export function rowsOfSamples(
  query: MetricQuerySpec,
  sampled: SampledSeries,
  wanted: ReadonlySet<string>,
  span: SampleSpan,
): ReadonlyMap<number, IntervalRows> {
  const tracks = tracksOf(query, sampled, wanted, span);
  const builder = createRows();
  const ends = Math.floor((span.lastMs - span.firstMs) / span.intervalMs) + 1;
  for (let k = 0; k < ends; k++) addInterval(tracks, k, span, builder);
  return builder.byEnd;
}

/** How far back samples are needed for the interval that ends at `firstMs` and all up to `lastMs`. */
export function windowMs({ firstMs, lastMs, intervalMs, lookbackMs }: SampleSpan): number {
  return lastMs - firstMs + intervalMs + lookbackMs;
}

/** One series, sorted into its pod, with its last sample at each end of an interval. */
interface Track {
  readonly key: string;
  readonly pod: string;
  readonly column: Column;
  /** Of all events: tells levels, silence and freshness. */
  readonly isWitness: boolean;
  /** A bucket below +Inf: only differences, unless +Inf shows a restart or a birth. */
  readonly isFine: boolean;
  /** What was scraped together: the pod, or the target where pods are unknown. */
  readonly source: Source;
  readonly hasPod: boolean;
  readonly samples: readonly Sample[];
  /** Index of the last sample at or before the start of the first interval, and each interval's end; −1: none. */
  readonly last: Int32Array;
}

interface Source {
  /** Newest sample of any witness, by interval. */
  readonly newestMs: number[];
  /** Whether a witness was there before, by interval. */
  readonly wasThere: boolean[];
}

function tracksOf(
  query: MetricQuerySpec,
  { whole, bad = [] }: SampledSeries,
  wanted: ReadonlySet<string>,
  span: SampleSpan,
): readonly Track[] {
  const { labels, counts } = query;
  const finest = labels.pod ?? labels.version;
  const sources = new Map<string, Source>();
  const columns = new Map<string, Column | undefined>();
  const tracks: Track[] = [];
  const add = (series: Series, samples: readonly Sample[], column: Column): void => {
    const at = (label: string | undefined): string => (label === undefined ? '' : (series.labels[label] ?? ''));
    const key = workloadKey(query, at(labels.namespace), at(labels.workload));
    if (!wanted.has(key) || samples.length === 0) return;
    const pod = at(finest);
    const name = labels.pod === undefined ? `${at('job')}\n${at('instance')}` : `${key}\n${pod}`;
    const source = sources.get(name) ?? { newestMs: [], wasThere: [] };
    sources.set(name, source);
    const isWitness = column === 'total' || column === Number.POSITIVE_INFINITY;
    const isFine = typeof column === 'number' && Number.isFinite(column);
    const last = lastIndexes(samples, span);
    const track = { key, pod, column, isWitness, isFine, source, hasPod: labels.pod !== undefined, samples, last };
    tracks.push(track);
    if (isWitness) bearWitness(track, span);
  };
  const boundaryOf = (le: string): Column | undefined => {
    if (!columns.has(le)) columns.set(le, readBoundary(le));
    return columns.get(le);
  };
  for (const series of whole) {
    const column = counts === undefined ? boundaryOf(series.labels['le'] ?? '') : 'total';
    if (column !== undefined) add(series, series.samples, column);
  }
  const isSameMetric = counts?.bad.metric === counts?.total.metric;
  const known =
    isSameMetric && bad.length > 0 ? new Map(whole.map((series) => [nameOf(series), series.samples])) : NONE;
  // The same series was read twice, and meanwhile it may have been scraped: what `whole` has of it goes with its other half.
  for (const series of bad) add(series, known.get(nameOf(series)) ?? series.samples, 'bad');
  return tracks;
}

const NONE: ReadonlyMap<string, readonly Sample[]> = new Map();

/** Prometheus answers with labels in the order of their names. */
const nameOf = ({ labels }: Series): string => JSON.stringify(labels);

function lastIndexes(samples: readonly Sample[], { firstMs, lastMs, intervalMs }: SampleSpan): Int32Array {
  const ends = Math.floor((lastMs - firstMs) / intervalMs) + 1;
  const last = new Int32Array(ends + 1);
  let index = -1;
  for (let k = 0; k <= ends; k++) {
    const atMs = firstMs + (k - 1) * intervalMs;
    while ((samples[index + 1]?.timeMs ?? Number.POSITIVE_INFINITY) <= atMs) index += 1;
    last[k] = index;
  }
  return last;
}

function bearWitness({ source, samples, last }: Track, { firstMs, intervalMs, lookbackMs }: SampleSpan): void {
  for (let k = 0; k + 1 < last.length; k++) {
    const newest = samples[last[k + 1] ?? -1];
    if (newest !== undefined) source.newestMs[k] = Math.max(source.newestMs[k] ?? 0, newest.timeMs);
    const before = samples[last[k] ?? -1];
    const startMs = firstMs + (k - 1) * intervalMs;
    if (before !== undefined && before.timeMs > startMs - lookbackMs) source.wasThere[k] = true;
  }
}

function addInterval(
  tracks: readonly Track[],
  k: number,
  { firstMs, intervalMs, lookbackMs }: SampleSpan,
  builder: ReturnType<typeof createRows>,
): void {
  const endMs = firstMs + k * intervalMs;
  const startMs = endMs - intervalMs;
  const fine: Track[] = [];
  for (const track of tracks) {
    const { key, pod, column, isWitness, source, samples, last } = track;
    const nowAt = last[k + 1] ?? -1;
    const beforeAt = last[k] ?? -1;
    const now = within(samples[nowAt], endMs - lookbackMs);
    const before = within(samples[beforeAt], startMs - lookbackMs);
    if (now !== undefined && before !== undefined) {
      const grown = now - before;
      builder.place(endMs, key, pod, 'plain', column, track.isFine ? grown : Math.max(grown, 0));
    }
    if (track.isFine) {
      if (now !== undefined && (before === undefined || now < before)) fine.push(track);
      continue;
    }
    addSurprise(track, { now, before, peak: () => peakOf(samples, beforeAt, nowAt), k, endMs }, builder);
    if (!isWitness) continue;
    if (nowAt > beforeAt) builder.place(endMs, key, pod, 'fresh', column, 1);
    if (now !== undefined) builder.place(endMs, key, pod, 'level', column, now);
    if (before === undefined) continue;
    builder.place(endMs, key, pod, 'base', column, before);
    const newestMs = samples[nowAt]?.timeMs ?? 0;
    if (newestMs < (source.newestMs[k] ?? 0)) builder.place(endMs, key, pod, 'silent', column, before);
  }
  addDetail(fine, k, endMs, { firstMs, intervalMs, lookbackMs }, builder);
}

/** Resets and births of buckets below +Inf, of workloads where +Inf shows either; elsewhere they would explain nothing. */
function addDetail(
  fine: readonly Track[],
  k: number,
  endMs: number,
  { intervalMs, lookbackMs }: Omit<SampleSpan, 'lastMs'>,
  builder: ReturnType<typeof createRows>,
): void {
  if (fine.length === 0) return;
  const rows = builder.byEnd.get(endMs);
  const surprised = new Set([...(rows ?? [])].flatMap(([key, workload]) => (hasSurprises(workload) ? [key] : [])));
  if (surprised.size === 0) return;
  for (const track of fine) {
    if (!surprised.has(track.key)) continue;
    const { key, pod, column, samples, last } = track;
    const nowAt = last[k + 1] ?? -1;
    const beforeAt = last[k] ?? -1;
    const now = within(samples[nowAt], endMs - lookbackMs);
    const before = within(samples[beforeAt], endMs - intervalMs - lookbackMs);
    if (now === undefined || before === undefined) {
      addSurprise(track, { now, before, peak: () => undefined, k, endMs }, builder);
      continue;
    }
    // Its drop is in `plain`: this gives it back, too.
    const peak = peakOf(samples, beforeAt, nowAt);
    if (peak !== undefined) builder.place(endMs, key, pod, 'reset', column, before + Math.max(peak - before, 0));
  }
}

interface Ends {
  readonly now: number | undefined;
  readonly before: number | undefined;
  readonly peak: () => number | undefined;
  readonly k: number;
  readonly endMs: number;
}

function addSurprise(
  { key, pod, column, source, hasPod }: Track,
  { now, before, peak, k, endMs }: Ends,
  builder: ReturnType<typeof createRows>,
): void {
  if (now === undefined) return;
  if (before === undefined) {
    const isKnown = hasPod || source.wasThere[k] === true;
    builder.place(endMs, key, pod, isKnown ? 'born' : 'strange', column, now);
    return;
  }
  if (!(now < before)) return;
  const highest = peak();
  if (highest !== undefined) builder.place(endMs, key, pod, 'reset', column, now + Math.max(highest - before, 0));
}

function within(sample: Sample | undefined, afterMs: number): number | undefined {
  return sample !== undefined && sample.timeMs > afterMs ? sample.value : undefined;
}

/** As `max_over_time`: NaN only where all are. */
function peakOf(samples: readonly Sample[], after: number, upTo: number): number | undefined {
  let peak: number | undefined;
  for (let at = after + 1; at <= upTo; at++) {
    const value = samples[at]?.value;
    if (value !== undefined && (peak === undefined || value > peak || Number.isNaN(peak))) peak = value;
  }
  return peak;
}
