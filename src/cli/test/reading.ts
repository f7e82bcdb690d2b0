/** Rows of the comparisons of a test: from its series alone, or asked of a Prometheus that holds them, as the service asks. */
import type { AnalysisRunSpec, ResolvedMetric } from '../../api/analysis-run.ts';
import { askAll, lookbackMs, type Question } from '../../metrics/asking.ts';
import type { MetricSource, Series } from '../../metrics/port.ts';
import type { WorkloadKey } from '../../metrics/promql.ts';
import type { IntervalRows } from '../../metrics/rows.ts';
import { FIRST_MS, type RowsAt } from './judge-series.ts';
import { rowsOfSeries } from './rows-of-series.ts';

type Run = Pick<AnalysisRunSpec, 'metrics' | 'arms' | 'rule'>;
type Rows = ReadonlyMap<number, IntervalRows>;

/** A sentence where a metric cannot be read. */
export function readRows(run: Run, series: readonly Series[], namespace: string, lastMs: number): RowsAt | string {
  const { intervalMs } = run.rule;
  const span = { firstMs: FIRST_MS, lastMs, intervalMs, lookbackMs: lookbackMs(intervalMs) };
  const rows = new Map<string, Rows>();
  for (const metric of run.metrics) {
    const byEnd = rowsOfSeries(metric.query, series, workloadsOf(run, metric, namespace), span);
    if (byEnd === undefined)
      return `Metric ${metric.name} reads a native histogram, which cannot be written as series. Test it with classic buckets.`;
    rows.set(metric.name, byEnd);
  }
  return rowsAt(rows);
}

/** The same of `source`, which may refuse. */
export async function askedRows(
  source: MetricSource,
  run: Run,
  namespace: string,
  lastMs: number,
  signal: AbortSignal = new AbortController().signal,
): Promise<RowsAt | string> {
  const { intervalMs } = run.rule;
  const questions = run.metrics.map(
    (metric): Question => ({
      query: metric.query,
      intervalMs,
      firstMs: FIRST_MS,
      lastMs: FIRST_MS + Math.floor((lastMs - FIRST_MS) / intervalMs) * intervalMs,
      workloads: workloadsOf(run, metric, namespace),
    }),
  );
  const asked = await askAll(source, questions, 1, signal);
  const rows = new Map<string, Rows>();
  for (const [index, question] of questions.entries()) {
    const answer = asked.answer(question);
    const name = run.metrics[index]?.name ?? '';
    if (answer.kind !== 'rows') return `Metric ${name}: ${answer.message}`;
    rows.set(name, answer.byEnd);
  }
  return rowsAt(rows);
}

const rowsAt =
  (rows: ReadonlyMap<string, Rows>): RowsAt =>
  (metric, endMs) =>
    rows.get(metric)?.get(endMs);

function workloadsOf({ arms }: Run, { against }: ResolvedMetric, namespace: string): readonly WorkloadKey[] {
  return [arms.stable.workload, arms.canary.workload, against?.workload].flatMap((workload) =>
    workload === undefined ? [] : [{ namespace, workload }],
  );
}
