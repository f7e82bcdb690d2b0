/**
 * The expressions of shapes whose series are no plain counters: native histograms and gauges. Their answers have the rows of
 * `intervalExpression`, so that everything behind it (ledger, late scrapes, restarts) is the same.
 */
import type { MetricQuerySpec } from '../api/metric-query.ts';
import {
  assertSound,
  type ExpressionOptions,
  groupLabels,
  intervalExpression,
  row,
  rowLabels,
  scrapesExpression,
  selectorOf,
  type WorkloadKey,
} from './promql.ts';

/**
 * Boundaries of native histograms that are asked where none are named: powers of two of the unit from about 4 ms to 16 s, 250 ms
 * among them. They are bucket edges at every resolution that tells factors of two apart, so counts beyond them are exact. Between
 * edges Prometheus interpolates: the same way for both sides.
 */
export function nativeBoundaries({ histogram }: MetricQuerySpec): readonly number[] {
  const lowest = histogram?.unit === 's' ? -8 : 2;
  return Array.from({ length: 13 }, (_, k) => 2 ** (lowest + k));
}

/** The expression of one interval, for every shape. */
export function sumsExpression(query: MetricQuerySpec, options: ExpressionOptions): string {
  assertSound(query);
  if (query.gauge !== undefined) return gaugeExpression(query, query.gauge, options);
  return query.histogram?.native === true ? nativeExpression(query, options) : intervalExpression(query, options);
}

/** Raw samples whose times tell how often a workload is scraped, for every shape. */
export function scrapesOf(query: MetricQuerySpec, workloads: readonly WorkloadKey[], windowMs: number): string {
  assertSound(query);
  const { histogram, gauge } = query;
  const single = gauge ?? (histogram?.native === true ? histogram : undefined);
  if (single === undefined) return scrapesExpression(query, workloads, windowMs);
  return `${selectorOf(query, single, { workloads })}[${windowMs}ms]`;
}

/** Mean over the interval of what the series of a pod come to. */
function gaugeExpression(
  query: MetricQuerySpec,
  gauge: NonNullable<MetricQuerySpec['gauge']>,
  options: ExpressionOptions,
): string {
  const by = rowLabels(query).join(', ');
  const inside = `${selectorOf(query, gauge, options)}[${options.intervalMs - 1}ms]`;
  const of = { sum: 'sum', mean: 'avg', max: 'max' }[gauge.of ?? 'sum'];
  return [
    row('plain', 'total', `${of} by (${by}) (avg_over_time(${inside}))`),
    row('fresh', 'total', `count by (${by}) (count_over_time(${inside}))`),
  ].join('\nor\n');
}

/**
 * A native histogram as the counters that a classic one would have: observations up to each boundary are its count times its
 * fraction below. What a restart or a new pod explains comes apart, as there.
 * Prometheus before 2.43 has no `last_over_time` of histograms, so their numbers are taken first and then the last of these, twice
 * an interval: a failed scrape is bridged, but what a pod counts in its last half interval may be lost with it.
 */
function nativeExpression(query: MetricQuerySpec, options: ExpressionOptions): string {
  const selector = selectorOf(query, query.histogram ?? { metric: '' }, options);
  const { intervalMs, lookbackMs } = options;
  const window = `[${lookbackMs}ms:${Math.max(1, Math.floor(intervalMs / 2))}ms]`;
  const last = (of: string): readonly [now: string, before: string] => [
    `last_over_time((${of})${window})`,
    `last_over_time((${of})${window} offset ${intervalMs}ms)`,
  ];
  const count = `histogram_count(${selector})`;
  const [countNow, countBefore] = last(count);
  const by = rowLabels(query).join(', ');
  const group = groupLabels(query).join(', ');
  const parts = ([now, before]: readonly [string, string], le: string): readonly string[] => {
    const at = (expression: string): string => `label_replace(sum by (${by}) (${expression}), "le", "${le}", "", "")`;
    return [
      row('plain', 'bucket', at(`(${now} - ${before}) and (${countNow} >= ${countBefore})`)),
      row('reset', 'bucket', at(`${now} and (${countNow} < ${countBefore})`)),
      row('born', 'bucket', at(`${now} unless ${countBefore}`)),
    ];
  };
  // The fraction of an empty histogram is NaN, and 0 of its observations are below anything. Rounded, or equal counts of two moments
  // differ by a bit and look like a drop.
  const upTo = (boundary: number): string =>
    `round(${count} * histogram_fraction(-Inf, ${boundary}, ${selector}) >= 0 or ${count} * 0, 0.001)`;
  const boundaries = (options.boundaries ?? nativeBoundaries(query)).filter(Number.isFinite);
  return [
    ...parts([countNow, countBefore], '+Inf'),
    ...boundaries.flatMap((boundary) => parts(last(upTo(boundary)), String(boundary))),
    row('fresh', 'bucket', `count by (${by}) (count_over_time(${selector}[${intervalMs - 1}ms]))`),
    row('level', 'bucket', `sum by (${group}) (${countNow})`),
    row('base', 'bucket', `sum by (${group}) (${countBefore})`),
  ].join('\nor\n');
}
