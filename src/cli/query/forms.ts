/**
 * A MetricQuery as PromQL that people can paste into Prometheus or Grafana. What Serin asks reads the same selectors, but counts
 * raw increments per pod instead of extrapolating rates; these forms are for looking. None divides by zero: without traffic they
 * answer nothing, never NaN.
 */
import type { LabelMatch, MetricQuerySpec, Selector } from '../../api/metric-query.ts';
import { quoted } from '../../metrics/escape.ts';

/** One side of a comparison; what is `undefined` is not matched. */
export interface Side {
  readonly namespace?: string | undefined;
  readonly workload?: string | undefined;
}

export interface Forms {
  /** What the value means, e.g. `share of bad requests`. */
  readonly value: string;
  readonly whole: string;
  /** By pod, where the source knows pods. */
  readonly perPod?: string;
}

const WINDOW = '5m';
const QUANTILE = 0.99;

export function formsOf(query: MetricQuerySpec, side: Side): Forms {
  const { pod } = query.labels;
  const { value, of } = readable(query, side);
  return { value, whole: of([]), ...(pod === undefined ? {} : { perPod: of([pod]) }) };
}

/** A selector of every series of the query that carries its labels; what is counted, or the whole histogram. */
export function selectorOf(query: MetricQuerySpec, side: Side, extra: readonly string[] = []): string {
  return selector(wholeOf(query), query, side, extra);
}

/** The selector that all events of a query come from. */
export function wholeOf(query: MetricQuerySpec): Selector {
  const { counts, histogram, rate, gauge } = query;
  if (counts !== undefined) return counts.total;
  if (rate !== undefined) return rate.per ?? rate.events;
  if (gauge !== undefined) return gauge;
  const { metric = '', native, match } = histogram ?? {};
  return { metric: native === true ? metric : `${metric}_count`, ...(match === undefined ? {} : { match }) };
}

interface Readable {
  readonly value: string;
  readonly of: (by: readonly string[]) => string;
}

function readable(query: MetricQuerySpec, side: Side): Readable {
  const { counts, histogram, rate, gauge, unit } = query;
  const sum = (given: Selector, by: readonly string[]): string =>
    `sum${grouping(by)} (rate(${selector(given, query, side)}[${WINDOW}]))`;
  if (counts !== undefined) {
    return {
      value: `share of bad ${unit ?? 'events'}`,
      // A side without a single bad event may have no bad series at all: that is zero.
      of: (by) => {
        const total = sum(counts.total, by);
        return `(${sum(counts.bad, by)} or 0 * ${total}) / (${total} > 0)`;
      },
    };
  }
  if (histogram !== undefined) {
    const isNative = histogram.native === true;
    const metric = isNative ? histogram.metric : `${histogram.metric}_bucket`;
    const given = { metric, ...(histogram.match === undefined ? {} : { match: histogram.match }) };
    return {
      value: `the slowest of 100 takes longer, ${histogram.unit ?? 'ms'}`,
      // The comparison drops NaN, the answer of a histogram without events.
      of: (by) => `histogram_quantile(${QUANTILE}, ${sum(given, isNative ? by : [...by, 'le'])}) >= 0`,
    };
  }
  if (rate !== undefined) {
    const { events, per } = rate;
    if (per === undefined) {
      const { pod } = query.labels;
      if (pod === undefined) return { value: `${unit ?? 'events'} per second`, of: (by) => sum(events, by) };
      // As it is judged: sides with different numbers of pods are comparable.
      const value = `${unit ?? 'events'} per pod and second`;
      return { value, of: (by) => (by.length === 0 ? `avg(${sum(events, [pod])})` : sum(events, by)) };
    }
    return {
      value: `${unit ?? 'events'} per ${per.metric}`,
      of: (by) => `(${sum(events, by)} or 0 * ${sum(per, by)}) / (${sum(per, by)} > 0)`,
    };
  }
  const { metric = '', match, of = 'sum' } = gauge ?? {};
  const aggregation = of === 'mean' ? 'avg' : of;
  const { pod } = query.labels;
  const perPod = `${aggregation}${grouping(pod === undefined ? [] : [pod])} (${selector({ metric, ...(match === undefined ? {} : { match }) }, query, side)})`;
  return { value: unit ?? 'value', of: (by) => (by.length === 0 && pod !== undefined ? `avg(${perPod})` : perPod) };
}

const grouping = (by: readonly string[]): string => (by.length === 0 ? '' : ` by (${by.join(', ')})`);

function selector(given: Selector, query: MetricQuerySpec, side: Side, extra: readonly string[] = []): string {
  const { namespace, workload } = query.labels;
  const matchers = [
    ...Object.entries(given.match ?? {}).flatMap(([label, match]) => matchersOf(label, match)),
    ...(namespace === undefined || side.namespace === undefined ? [] : [`${namespace}=${quoted(side.namespace)}`]),
    ...(workload === undefined || side.workload === undefined ? [] : [`${workload}=${quoted(side.workload)}`]),
    ...extra,
  ];
  return matchers.length === 0 ? given.metric : `${given.metric}{${matchers.join(', ')}}`;
}

function matchersOf(label: string, match: LabelMatch): readonly string[] {
  if (typeof match === 'string') return [`${label}=${quoted(match)}`];
  const { regex, not, notRegex } = match;
  return [
    ...(regex === undefined ? [] : [`${label}=~${quoted(regex)}`]),
    ...(not === undefined ? [] : [`${label}!=${quoted(not)}`]),
    ...(notRegex === undefined ? [] : [`${label}!~${quoted(notRegex)}`]),
  ];
}
