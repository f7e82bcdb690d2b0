/** What a MetricQuery must look like before PromQL is made of it: names that PromQL can spell, and exactly one shape. */
import { labelMatchFinding } from '../api/label-match.ts';
import { type Finding, invalid } from '../api/meta.ts';
import type { MetricQuerySpec, Selector } from '../api/metric-query.ts';
import { quote } from '../api/units.ts';

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** Milliseconds of one unit of a histogram's boundaries. */
export function unitMs(query: MetricQuerySpec): number {
  return query.histogram?.unit === 's' ? 1000 : 1;
}

/** What of a MetricQuery says what is measured. */
export type Shape = 'counts' | 'histogram' | 'rate' | 'gauge';
const SHAPES = ['counts', 'histogram', 'rate', 'gauge'] as const satisfies readonly Shape[];

/** The shape of a query that has exactly one. */
export function shapeOf(query: MetricQuerySpec): Shape | undefined {
  const written = SHAPES.filter((shape) => query[shape] !== undefined);
  return written.length === 1 ? written[0] : undefined;
}

/**
 * What events are counted per: `all` they are part of, `something` else that is counted, or `time` that pods ran. Only of `all`
 * there are never more.
 */
export type Per = 'all' | 'something' | 'time';

export function perOf({ rate }: MetricQuerySpec): Per {
  if (rate === undefined) return 'all';
  return rate.per === undefined ? 'time' : 'something';
}

/** The two counters of counts and of a rate. A rate without `per` has only one: the pod ledger knows how long which pods ran. */
export function countersOf(query: MetricQuerySpec): { readonly total: Selector; readonly bad: Selector } | undefined {
  const { counts, rate } = query;
  if (rate !== undefined) return { total: rate.per ?? rate.events, bad: rate.events };
  return counts;
}

/** Every selector of a query, with the field it stands in. */
export function selectorsOf(
  query: MetricQuerySpec,
): readonly { readonly selector: Selector; readonly field: string }[] {
  const { counts, rate, histogram, gauge } = query;
  const found = [
    { selector: counts?.total, field: 'counts.total' },
    { selector: counts?.bad, field: 'counts.bad' },
    { selector: histogram, field: 'histogram' },
    { selector: rate?.events, field: 'rate.events' },
    { selector: rate?.per, field: 'rate.per' },
    { selector: gauge, field: 'gauge' },
  ];
  return found.flatMap(({ selector, field }) => (selector === undefined ? [] : [{ selector, field }]));
}

/** What keeps a query from being asked, naming the field; `undefined` when it can be. The schema says the same, for older servers. */
export function checkQuery(query: MetricQuerySpec, where: string): Finding | undefined {
  const { labels } = query;
  if (shapeOf(query) === undefined) return invalid(`${where} needs exactly one of ${SHAPES.join(', ')}.`);
  if (labels.workload === undefined) {
    return invalid(
      `${where}.labels.workload is missing. Name the label that holds the workload, or the two sides cannot be told apart.`,
    );
  }
  for (const [field, label] of Object.entries(labels)) {
    if (!LABEL_NAME.test(label) || label.startsWith('__') || label.startsWith('serin_')) {
      return invalid(
        `${where}.labels.${field} is ${quote(label)}, which is no label name. Use letters, digits and _, not starting with __ or serin_.`,
      );
    }
  }
  if (query.rate !== undefined && query.rate.per === undefined && labels.pod === undefined) {
    return invalid(
      `${where}.rate has no per and ${where}.labels no pod, so nobody knows how many pods the events come from. Add one of them.`,
    );
  }
  const used = Object.values(labels);
  if (new Set(used).size !== used.length || used.includes('le')) {
    return invalid(`${where}.labels use one label twice, or le. Give each field its own label.`);
  }
  for (const { selector, field } of selectorsOf(query)) {
    const finding = checkSelector(selector, `${where}.${field}`);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

function checkSelector(selector: Selector, where: string): Finding | undefined {
  if (!METRIC_NAME.test(selector.metric)) {
    return invalid(
      `${where}.metric is ${quote(selector.metric)}, which is no metric name. Use letters, digits, _ and :.`,
    );
  }
  for (const [label, match] of Object.entries(selector.match ?? {})) {
    const finding = labelMatchFinding(label, match, `${where}.match`);
    if (finding !== undefined) return finding;
  }
  return undefined;
}
