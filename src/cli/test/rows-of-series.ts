/**
 * Written series → the rows that the service reads, by the same code that reads raw samples from Prometheus: counters are differenced
 * per series, resets and births are told apart. Only the choice of series is done here, where Prometheus would do it. Pure.
 */
import type { LabelMatch, MetricQuerySpec, Selector } from '../../api/metric-query.ts';
import { countersOf } from '../../judge/query-shape.ts';
import type { Series } from '../../metrics/port.ts';
import type { WorkloadKey } from '../../metrics/promql.ts';
import { createRows, type IntervalRows, workloadKey } from '../../metrics/rows.ts';
import { rowsOfSamples, type SampleSpan } from '../../metrics/samples.ts';

/** Series of a query that belong to one of these workloads. */
export function seriesOf(
  query: MetricQuerySpec,
  series: readonly Series[],
  workloads: readonly WorkloadKey[],
): readonly Series[] {
  const wanted = new Set(workloads.map(({ namespace, workload }) => workloadKey(query, namespace, workload)));
  const selectors = selectorsRead(query);
  return series.filter(
    (each) => selectors.some((selector) => matches(each, selector)) && wanted.has(keyOf(query, each)),
  );
}

/** Rows by interval end; `undefined` for shapes that cannot be written as series here. */
export function rowsOfSeries(
  query: MetricQuerySpec,
  series: readonly Series[],
  workloads: readonly WorkloadKey[],
  span: SampleSpan,
): ReadonlyMap<number, IntervalRows> | undefined {
  const { histogram, gauge } = query;
  const mine = seriesOf(query, series, workloads);
  const wanted = new Set(workloads.map(({ namespace, workload }) => workloadKey(query, namespace, workload)));
  const counters = countersOf(query);
  if (counters !== undefined) {
    const sampled = {
      whole: mine.filter((each) => matches(each, counters.total)),
      bad: mine.filter((each) => matches(each, counters.bad)),
    };
    return rowsOfSamples({ ...query, counts: counters }, sampled, wanted, span);
  }
  if (histogram !== undefined) {
    return histogram.native === true ? undefined : rowsOfSamples(query, { whole: mine }, wanted, span);
  }
  return gauge === undefined ? undefined : gaugeRows(query, gauge.of ?? 'sum', mine, span);
}

export const matches = ({ labels }: Series, { metric, match }: Selector): boolean =>
  labels['__name__'] === metric &&
  Object.entries(match ?? {}).every(([label, wanted]) => isMatch(labels[label] ?? '', wanted));

/** The selectors that Prometheus would be asked for. */
function selectorsRead(query: MetricQuerySpec): readonly Selector[] {
  const { histogram, gauge } = query;
  const counters = countersOf(query);
  if (counters !== undefined) return [counters.total, counters.bad];
  if (histogram !== undefined) return [{ ...histogram, metric: `${histogram.metric}_bucket` }];
  return gauge === undefined ? [] : [gauge];
}

function keyOf({ labels }: MetricQuerySpec, series: Series): string {
  const at = (label: string | undefined): string => (label === undefined ? '' : (series.labels[label] ?? ''));
  return `${labels.namespace === undefined ? '' : at(labels.namespace)}/${at(labels.workload)}`;
}

function isMatch(value: string, wanted: LabelMatch): boolean {
  if (typeof wanted === 'string') return value === wanted;
  const { regex, not, notRegex } = wanted;
  return (
    (regex === undefined || anchored(regex).test(value)) &&
    (not === undefined || value !== not) &&
    (notRegex === undefined || !anchored(notRegex).test(value))
  );
}

/** RE2 and JavaScript agree on what templates use; flags stand in front in RE2. */
export function anchored(expression: string): RegExp {
  const flags = /^\(\?([ims]+)\)/.exec(expression);
  return new RegExp(`^(?:${expression.slice(flags?.[0].length ?? 0)})$`, `s${(flags?.[1] ?? '').replaceAll('s', '')}`);
}

/** Mean over the interval of each series, then per pod as the query says; `plain` and `fresh`, as Prometheus is asked for gauges. */
function gaugeRows(
  query: MetricQuerySpec,
  of: 'sum' | 'mean' | 'max',
  series: readonly Series[],
  { firstMs, lastMs, intervalMs }: SampleSpan,
): ReadonlyMap<number, IntervalRows> {
  const { labels } = query;
  const finest = labels.pod ?? labels.version;
  const builder = createRows();
  for (let endMs = firstMs; endMs <= lastMs; endMs += intervalMs) {
    const groups = new Map<string, { readonly key: string; readonly pod: string; readonly means: number[] }>();
    for (const each of series) {
      const inside = each.samples.filter(({ timeMs }) => timeMs > endMs - intervalMs && timeMs <= endMs);
      if (inside.length === 0) continue;
      const [key, pod] = [keyOf(query, each), finest === undefined ? '' : (each.labels[finest] ?? '')];
      const group = groups.get(`${key}\n${pod}`) ?? { key, pod, means: [] };
      groups.set(`${key}\n${pod}`, group);
      group.means.push(sum(inside.map(({ value }) => value)) / inside.length);
    }
    for (const { key, pod, means } of groups.values()) {
      const whole = of === 'max' ? Math.max(...means) : sum(means) / (of === 'mean' ? means.length : 1);
      builder.place(endMs, key, pod, 'plain', 'total', whole);
      builder.place(endMs, key, pod, 'fresh', 'total', means.length);
    }
  }
  return builder.byEnd;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
