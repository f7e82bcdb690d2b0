/** What the API and the judge know but the poll cannot read from Prometheus yet: refused before a run starts, so that nothing is judged on half of it. */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { Finding } from '../../api/meta.ts';

type Metric = AnalysisRunSpec['metrics'][number];

const UNREAD: readonly { readonly what: string; readonly is: (metric: Metric) => boolean; readonly instead: string }[] =
  [
    { what: 'a gauge', is: ({ query }) => query.gauge !== undefined, instead: 'counts or a histogram' },
    { what: 'a rate', is: ({ query }) => query.rate !== undefined, instead: 'counts of bad and all requests' },
    {
      what: 'a native histogram',
      is: ({ query }) => query.histogram?.native === true,
      instead: 'the classic histogram beside it',
    },
    {
      what: 'a comparison with another workload',
      is: ({ against }) => against !== undefined && 'workload' in against,
      instead: 'the comparison with stable',
    },
  ];

/** The first metric of the run that cannot be read, with what to write in its place. */
export function unreadFinding({ metrics }: AnalysisRunSpec): Finding | undefined {
  for (const metric of metrics) {
    const found = UNREAD.find(({ is }) => is(metric));
    if (found === undefined) continue;
    return {
      reason: 'InvalidSpec',
      message: `Metric ${metric.name} is ${found.what}, which is not measured yet. Use ${found.instead}.`,
    };
  }
  return undefined;
}
