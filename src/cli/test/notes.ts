/** What a person should look at in a test that runs: series that nothing reads, pods that were left out. Pure. */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { Series } from '../../metrics/port.ts';
import { selectorOf, wholeOf } from '../query/forms.ts';
import { type TestSides, unreadSeries } from './pods-of-series.ts';

export interface LeftOut {
  readonly unknown: readonly string[];
  readonly implausible: readonly string[];
}

export function leftOutNotes(all: readonly LeftOut[]): readonly string[] {
  const unknown = new Set(all.flatMap(({ unknown: pods }) => pods));
  const implausible = new Set(all.flatMap(({ implausible: pods }) => pods));
  return [
    ...[...unknown]
      .slice(0, 3)
      .map((pod) => `Pod ${pod} belongs to no side, so intervals with its events are left out.`),
    ...[...implausible]
      .slice(0, 3)
      .map(
        (pod) =>
          `Counters of ${pod} appear with a past, so those intervals are left out. Begin them at 0, or at the first sample.`,
      ),
  ];
}

/** One note for all series of a name: mostly one slip made it. */
export function unreadNotes(
  series: readonly Series[],
  { metrics, arms }: AnalysisRunSpec,
  sides: TestSides,
): readonly string[] {
  const byName = Map.groupBy(unreadSeries(metrics, series, sides), ({ labels }) => labels['__name__'] ?? '');
  return [...byName].map(([name, unread]) => {
    const places = unread.slice(0, 3).map((each) => `input_series[${series.indexOf(each)}]`);
    const more = unread.length > 3 ? ` and ${unread.length - 3} more` : '';
    const family = JSON.stringify(name.replace(/_bucket$/, ''));
    const near = metrics.find(({ query }) => JSON.stringify(query).includes(family));
    const wanted = { namespace: sides.namespace, workload: arms.stable.workload };
    const asks =
      near === undefined
        ? `The metrics read ${[...new Set(metrics.map(({ query }) => wholeOf(query).metric))].join(', ')}.`
        : `Metric ${near.name} reads ${selectorOf(near.query, wanted).replace(/_count(?=\{|$)/, near.query.histogram === undefined ? '_count' : '_bucket')}.`;
    return `${places.join(', ')}${more} (${name}): no metric reads this. ${asks}`;
  });
}
