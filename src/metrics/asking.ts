/**
 * The queries of one poll: equal ones are asked once for all runs that need them (contracts 26). Runs that are up to date share an
 * instant query; runs that missed intervals share a range query whose step is the interval, so nothing is ever merged.
 */
import type { MetricQuerySpec } from '../api/metric-query.ts';
import { SerinError, messageOf } from '../errors.ts';
import type { MetricSource, QueryAnswer } from './port.ts';
import { bucketDetailExpression, intervalExpression, scrapesExpression, type WorkloadKey } from './promql.ts';
import { hasSurprises, type IntervalRows, readRows, workloadKey } from './rows.ts';
import { allLimited } from './limited.ts';

const SCRAPES_WINDOW_MS = 300_000;

export interface Question {
  readonly query: MetricQuerySpec;
  readonly intervalMs: number;
  /** First and last interval end; equal for a single interval. */
  readonly firstMs: number;
  readonly lastMs: number;
  readonly workloads: readonly WorkloadKey[];
  /** Boundaries in the metric's unit that suffice; absent: all. */
  readonly boundaries?: readonly number[];
}

type Answer =
  | { readonly kind: 'rows'; readonly byEnd: ReadonlyMap<number, IntervalRows>; readonly warnings: readonly string[] }
  /** Outside trouble; ask again later. */
  | { readonly kind: 'unavailable'; readonly message: string }
  /** The query itself is wrong. */
  | { readonly kind: 'refused'; readonly message: string };

export interface Asked {
  answer(question: Question): Answer;
  /** The expression that was asked for it. */
  expression(question: Question): string;
  readonly queries: number;
  readonly failed: number;
  readonly series: number;
}

/** Two intervals at least, a minute, and never more than five: how long a counter without a scrape is remembered. */
export function lookbackMs(intervalMs: number): number {
  return Math.max(2 * intervalMs, Math.min(300_000, Math.max(60_000, 6 * intervalMs)));
}

/** Asks all questions, equal ones once. Never rejects but when the signal aborts. */
export async function askAll(
  source: MetricSource,
  questions: readonly Question[],
  limit: number,
  signal: AbortSignal,
): Promise<Asked> {
  const groups = new Map<string, Group>();
  for (const question of questions) join(groups, question);
  let failed = 0;
  let queries = 0;
  let series = 0;
  await allLimited([...groups.values()], limit, async (group) => {
    try {
      const asked = await ask(source, group, signal);
      series += asked.series;
      queries += asked.queries;
      group.answer = asked.answer;
    } catch (thrown) {
      signal.throwIfAborted();
      failed += 1;
      queries += 1;
      const isRefused = thrown instanceof SerinError && !thrown.retryable;
      group.answer = { kind: isRefused ? 'refused' : 'unavailable', message: messageOf(thrown) };
    }
  });
  const groupOf = (question: Question): Group | undefined => groups.get(keyOf(question));
  return {
    answer: (question) => groupOf(question)?.answer ?? { kind: 'unavailable', message: 'It was not asked.' },
    expression: (question) => groupOf(question)?.expression ?? '',
    queries,
    failed,
    series,
  };
}

interface Group {
  readonly query: MetricQuerySpec;
  readonly intervalMs: number;
  firstMs: number;
  readonly lastMs: number;
  readonly workloads: Map<string, WorkloadKey>;
  /** `undefined`: all. */
  boundaries: Set<number> | undefined;
  expression: string;
  answer: Answer | undefined;
}

function join(groups: Map<string, Group>, question: Question): void {
  const key = keyOf(question);
  let group = groups.get(key);
  if (group === undefined) {
    const { query, intervalMs, firstMs, lastMs } = question;
    const boundaries = question.boundaries === undefined ? undefined : new Set<number>();
    group = { query, intervalMs, firstMs, lastMs, workloads: new Map(), boundaries, expression: '', answer: undefined };
    groups.set(key, group);
  }
  group.firstMs = Math.min(group.firstMs, question.firstMs);
  for (const workload of question.workloads) {
    group.workloads.set(workloadKey(question.query, workload.namespace, workload.workload), workload);
  }
  if (question.boundaries === undefined) group.boundaries = undefined;
  else for (const boundary of question.boundaries) group.boundaries?.add(boundary);
}

/**
 * Single intervals are kept apart from spans, and chosen boundaries from all of them, so that one run that lags or is new does not
 * make the answers for all others longer.
 */
function keyOf({ query, intervalMs, firstMs, lastMs, boundaries }: Question): string {
  return JSON.stringify([query, intervalMs, lastMs, firstMs === lastMs, boundaries === undefined]);
}

interface Asking {
  readonly answer: Answer;
  readonly series: number;
  readonly queries: number;
}

async function ask(source: MetricSource, group: Group, signal: AbortSignal): Promise<Asking> {
  const { query, intervalMs, firstMs, lastMs } = group;
  const options = {
    intervalMs,
    lookbackMs: lookbackMs(intervalMs),
    workloads: [...group.workloads.values()],
    ...(group.boundaries === undefined ? {} : { boundaries: [...group.boundaries] }),
  };
  const put = (expression: string): Promise<QueryAnswer> =>
    firstMs === lastMs
      ? source.instant(expression, lastMs, signal)
      : source.range(expression, firstMs, lastMs, intervalMs, signal);
  group.expression = intervalExpression(query, options);
  const first = await put(group.expression);
  const byEnd = readRows(query, first);
  const whole: Asking = {
    answer: { kind: 'rows', byEnd, warnings: first.warnings },
    series: first.series.length,
    queries: 1,
  };
  const workloads = surprising(group, byEnd);
  const detail = workloads.length === 0 ? undefined : bucketDetailExpression(query, { ...options, workloads });
  if (detail === undefined) return whole;
  const second = await put(detail);
  const series = [...first.series, ...second.series];
  const warnings = [...first.warnings, ...second.warnings];
  const both = readRows(query, { series, warnings });
  return { answer: { kind: 'rows', byEnd: both, warnings }, series: series.length, queries: 2 };
}

/** Workloads of the group in which counters began again or anew. */
function surprising({ workloads }: Group, byEnd: ReadonlyMap<number, IntervalRows>): readonly WorkloadKey[] {
  const intervals = [...byEnd.values()];
  return [...workloads].flatMap(([key, workload]) =>
    intervals.some((rows) => {
      const found = rows.get(key);
      return found !== undefined && hasSurprises(found);
    })
      ? [workload]
      : [],
  );
}

/** Interval ends after `fromMs` up to `toMs`, the newest `most` of them, oldest first. */
export function endsBetween(fromMs: number, toMs: number, intervalMs: number, most: number): readonly number[] {
  const count = Math.max(0, Math.min(most, Math.floor((toMs - fromMs) / intervalMs)));
  const lastMs = fromMs + Math.floor((toMs - fromMs) / intervalMs) * intervalMs;
  return Array.from({ length: count }, (_, k) => lastMs - (count - 1 - k) * intervalMs);
}

/** Answers how often a workload is scraped, ms: the median gap of its samples; `undefined` when none was scraped twice lately. */
export async function scrapeIntervals(
  source: MetricSource,
  questions: readonly { readonly query: MetricQuerySpec; readonly workload: WorkloadKey }[],
  atMs: number,
  limit: number,
  signal: AbortSignal,
): Promise<(query: MetricQuerySpec, workload: WorkloadKey) => number | undefined> {
  const groups = new Map<string, { readonly query: MetricQuerySpec; readonly workloads: WorkloadKey[] }>();
  for (const { query, workload } of questions) {
    const key = JSON.stringify(query);
    const group = groups.get(key) ?? { query, workloads: [] };
    groups.set(key, group);
    group.workloads.push(workload);
  }
  const gaps = new Map<string, number[]>();
  await allLimited([...groups], limit, async ([key, { query, workloads }]) => {
    const { series } = await source.instant(scrapesExpression(query, workloads, SCRAPES_WINDOW_MS), atMs, signal);
    for (const { labels, samples } of series) {
      const namespace = labels[query.labels.namespace ?? ''] ?? '';
      const name = `${key} ${workloadKey(query, namespace, labels[query.labels.workload ?? ''] ?? '')}`;
      const found = gaps.get(name) ?? [];
      gaps.set(name, found);
      for (const [index, sample] of samples.entries()) {
        const before = samples[index - 1];
        if (before !== undefined) found.push(sample.timeMs - before.timeMs);
      }
    }
  });
  return (query, { namespace, workload }) => {
    const found = gaps.get(`${JSON.stringify(query)} ${workloadKey(query, namespace, workload)}`) ?? [];
    return found.toSorted((a, b) => a - b)[Math.floor(found.length / 2)];
  };
}
