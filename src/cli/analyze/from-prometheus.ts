/**
 * A recording read from Prometheus: the same expression, readers and carry-over of late counts as in a release. Without a cluster the
 * metrics themselves say which pods there were: those of a workload belong to its side, and one that appears in between is new.
 */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import { formatDuration } from '../../api/units.ts';
import { askAll, endsBetween, lookbackMs, scrapeIntervals } from '../../metrics/asking.ts';
import { observeRun, readRun } from '../../metrics/observing.ts';
import { SerinError } from '../../errors.ts';
import { openEvidence } from '../../judge/evidence.ts';
import type { Observation } from '../../judge/observation.ts';
import type { RunPods } from '../../metrics/intervals.ts';
import type { LedgerPod } from '../../metrics/ledger.ts';
import type { MetricSource } from '../../metrics/port.ts';
import { type IntervalRows, workloadKey } from '../../metrics/rows.ts';
import type { RecordedInterval, Recording } from './recording.ts';
import { wrongInput } from './table-file.ts';

export interface Range {
  readonly query: MetricQuerySpec;
  readonly namespace: string;
  readonly stable: string;
  readonly canary: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** A multiple of it is used where the metrics are scraped more rarely. */
  readonly intervalMs: number;
  /** Pods that appear in between count from here on, ms. */
  readonly warmUpMs: number;
}

/** Prometheus answers at most 11 000 points a series. */
const MOST_INTERVALS = 10_000;
const METRIC = 'recorded';

export async function recordFromPrometheus(
  source: MetricSource,
  range: Range,
  signal: AbortSignal,
): Promise<Recording> {
  const { query, namespace, stable, canary } = range;
  const workloads = [stable, canary].map((workload) => ({ namespace, workload }));
  const { intervalMs, notes } = await intervalOf(source, range, signal);
  const firstMs = Math.ceil(range.fromMs / intervalMs) * intervalMs;
  if ((range.toMs - firstMs) / intervalMs > MOST_INTERVALS) {
    throw wrongInput(
      `--from to --to is more than ${MOST_INTERVALS} intervals of ${formatDuration(intervalMs)}, which Prometheus does not answer. Choose a shorter time or a longer --interval.`,
    );
  }
  const ends = endsBetween(firstMs, range.toMs, intervalMs, MOST_INTERVALS);
  const [first, last] = [ends[0], ends.at(-1)];
  if (first === undefined || last === undefined) {
    throw wrongInput(
      `--from to --to is shorter than one interval of ${formatDuration(intervalMs)}. Choose a longer time.`,
    );
  }
  const question = { query, intervalMs, firstMs: first, lastMs: last, workloads };
  const answer = (await askAll(source, [question], 1, signal)).answer(question);
  if (answer.kind !== 'rows') {
    throw new SerinError(answer.kind === 'refused' ? 'SERIN_E_QUERY' : 'SERIN_E_PROMETHEUS', answer.message);
  }
  const pods = podsOf(range, answer.byEnd, ends, intervalMs);
  const run = specOf(range, intervalMs, first - intervalMs);
  const readings = readRun(run, pods, ends, { intervalMs, lookbackMs: lookbackMs(intervalMs) }, (_, endMs) =>
    answer.byEnd.get(endMs),
  );
  const weight = 50; // only whether the canary has any traffic matters here
  const weights = [{ since: new Date(first - intervalMs).toISOString(), weight, step: 1 }];
  const before = { evidence: openEvidence(run, new Map()), receipts: {} };
  const { measured } = observeRun(run, before, readings, weights, () => undefined);
  const observations = measured.map(
    ({ endMs, observations: of }): Observation => of.get(METRIC) ?? { kind: 'skipped', endMs, reason: 'NoData' },
  );
  const share = canaryShare(observations);
  const begins = observations.findIndex((observation) => canaryShare([observation]) > 0);
  const implausible = new Set(readings.intervals.flatMap(({ readings: of }) => of.get(METRIC)?.implausiblePods ?? []));
  return {
    intervalMs,
    intervals: observations.map(
      (observation, k): RecordedInterval => ({
        endMs: observation.endMs,
        weight: k < begins ? 0 : share,
        observation,
      }),
    ),
    notes: [
      ...notes,
      ...answer.warnings.map((warning) => `Prometheus says: ${warning}`),
      ...(implausible.size === 0
        ? []
        : [
            `Counters of ${[...implausible].slice(0, 3).join(', ')} began again; without the cluster no restart explains it, so those intervals are left out.`,
          ]),
      `Weights are not recorded in Prometheus; the canary is taken to have ${share.toFixed(0)} % of the requests from its first one on.`,
    ],
  };
}

/** The interval asked for, or the next multiple of the scrapes: else every few intervals hold one more than the others. */
async function intervalOf(
  source: MetricSource,
  range: Range,
  signal: AbortSignal,
): Promise<{ intervalMs: number; notes: readonly string[] }> {
  const workload = { namespace: range.namespace, workload: range.stable };
  const scrapes = await scrapeIntervals(source, [{ query: range.query, workload }], range.toMs, 1, signal);
  const scrapeMs = scrapes(range.query, workload) ?? 0;
  const intervalMs = wholeScrapes(range.intervalMs, scrapeMs);
  if (intervalMs === range.intervalMs) return { intervalMs, notes: [] };
  return {
    intervalMs,
    notes: [
      `The metrics are scraped every ${formatDuration(scrapeMs)}, so intervals are ${formatDuration(intervalMs)} long.`,
    ],
  };
}

/** Scrapes jitter by some milliseconds, so their time is rounded to seconds where it has some. */
export function wholeScrapes(intervalMs: number, scrapeMs: number): number {
  const everyMs = scrapeMs < 1000 ? scrapeMs : Math.round(scrapeMs / 1000) * 1000;
  return everyMs > 0 ? everyMs * Math.ceil((0.98 * intervalMs) / everyMs) : intervalMs;
}

function podsOf(
  range: Range,
  byEnd: ReadonlyMap<number, IntervalRows>,
  ends: readonly number[],
  intervalMs: number,
): RunPods {
  const ledger = new Map<string, LedgerPod>();
  for (const arm of ['stable', 'canary'] as const) {
    const key = workloadKey(range.query, range.namespace, range[arm]);
    for (const endMs of ends) {
      for (const [name, rows] of byEnd.get(endMs)?.get(key)?.pods ?? []) {
        if (ledger.has(name)) continue;
        // Seen with a value from before the interval: it is older. Otherwise its first value may hold its whole past, which only a
        // warm-up leaves out; without one the interval is skipped as implausible.
        const isOld = rows.increments.plain.size > 0 || range.warmUpMs === 0;
        const startedAtMs = isOld ? 0 : endMs - intervalMs;
        ledger.set(name, { name, uid: name, arm, startedAtMs });
      }
    }
  }
  const arms = { stable: { workload: range.stable }, canary: { workload: range.canary } };
  return { namespace: range.namespace, arms, ledger: [...ledger.values()], warmUpMs: range.warmUpMs };
}

function specOf(range: Range, intervalMs: number, startMs: number): AnalysisRunSpec {
  const margin = { ratio: 1, difference: 0 };
  return {
    release: { name: METRIC, uid: METRIC },
    revision: METRIC,
    attempt: 1,
    arms: { stable: { workload: range.stable }, canary: { workload: range.canary } },
    metrics: [
      { name: METRIC, critical: false, share: 1, query: range.query, fail: margin, pass: { ratio: 2, difference: 0 } },
    ],
    rule: {
      preset: 'recommended',
      falseAbort: 0.05,
      falsePass: 0.05,
      intervalMs,
      warmUpMs: range.warmUpMs,
      dwellMs: 0,
      atMostMs: range.toMs - range.fromMs,
      minRequests: 0,
      historyMs: 0,
      horizonMs: Math.max(1, range.toMs - range.fromMs),
    },
    startedAt: new Date(startMs).toISOString(),
  };
}

function canaryShare(observations: readonly Observation[]): number {
  let [canary, all] = [0, 0];
  for (const observation of observations) {
    const counts =
      observation.kind === 'proportion'
        ? observation.counts
        : observation.kind === 'histogram'
          ? observation.boundaries[0]?.counts
          : undefined;
    if (counts === undefined || counts.canary.total === 0) continue;
    canary += counts.canary.total;
    all += counts.canary.total + counts.stable.total;
  }
  return all > 0 ? (100 * canary) / all : 0;
}
