/** MetricQuery: one entry of the query library. Structure instead of text lets Serin escape every value and ask one query for all releases. */
import Type, { type Static } from 'typebox';
import { AGE, type KindDefinition } from './kind.ts';
import { TYPES } from './meta.ts';
import { exactlyOne, LABEL_NAME, literals, mapOf, METRIC_NAME, rules, text } from './schema.ts';

/** Equal to a value, or one or more of the operators. All that are given must hold; regexes are RE2, anchored at both ends. */
export type LabelMatch = string | { readonly regex?: string; readonly not?: string; readonly notRegex?: string };

/** A string or an object: no CRD schema can say so, so the server keeps what is written and `validate-query.ts` checks it. */
const LabelMatch = Type.Unsafe<LabelMatch>({
  'x-kubernetes-preserve-unknown-fields': true,
  description: 'The value, or `{regex: …}`, `{not: …}`, `{notRegex: …}`; regexes are RE2, anchored at both ends.',
});

const match = Type.Optional(
  mapOf(LabelMatch, { description: 'Label matchers by label name, all of which must hold.', maxProperties: 16 }),
);

const metricName = (description: string) =>
  Type.String({ description, minLength: 1, maxLength: 256, pattern: METRIC_NAME });
const labelName = (description: string) =>
  Type.String({ description, minLength: 1, maxLength: 128, pattern: LABEL_NAME });

const selector = (description: string) =>
  Type.Object({ metric: metricName('Name of the metric.'), match }, { description });
const Selector = selector('Which series to read.');

export const MetricQuerySpec = Type.Object(
  {
    summary: text('What this measures, in one sentence.'),
    source: Type.Optional(text('Who exports the metric: istio, nginx, an application.', 64)),
    unit: Type.Optional(text('Unit of what is counted or measured, e.g. requests, ms.', 32)),
    labels: Type.Object(
      {
        namespace: Type.Optional(labelName('Label that holds the namespace of the workload.')),
        workload: Type.Optional(labelName('Label that holds the name of the workload (Deployment).')),
        version: Type.Optional(labelName('Label that holds the version of the pods.')),
        pod: Type.Optional(labelName('Label that holds the name of the pod. Without it verdicts are uncalibrated.')),
      },
      {
        description: 'Serin’s words for identity → the labels of the metric.',
        ...rules({
          rule: 'has(self.workload)',
          message: 'workload is missing: name the label that holds the workload, or the two sides cannot be told apart',
          reason: 'FieldValueRequired',
        }),
      },
    ),
    counts: Type.Optional(
      Type.Object(
        { total: selector('All events.'), bad: selector('The bad ones; a subset of all.') },
        { description: 'Counters of all events and of bad ones; bad is a subset of total.' },
      ),
    ),
    histogram: Type.Optional(
      Type.Object(
        {
          metric: metricName('Name of the histogram without `_bucket`.'),
          unit: Type.Optional(literals(['ms', 's'], 'Unit of the bucket boundaries.', { default: 'ms' })),
          native: Type.Optional(
            Type.Boolean({
              description: 'A native histogram (one series, no `_bucket`, no `le`). Classic where left out.',
            }),
          ),
          match,
        },
        { description: 'A Prometheus histogram of durations.' },
      ),
    ),
    rate: Type.Optional(
      Type.Object(
        {
          events: selector('A counter of what happens.'),
          per: Type.Optional(
            selector('A counter of what it is counted per, e.g. requests. Left out: per pod and second.'),
          ),
        },
        {
          description:
            'Events per something that they are no part of: exceptions per request, evictions per pod and second.',
        },
      ),
    ),
    gauge: Type.Optional(
      Type.Object(
        {
          metric: metricName('Name of the gauge.'),
          match,
          of: Type.Optional(
            literals(['sum', 'mean', 'max'], 'What the series of one pod come to, e.g. its containers.', {
              default: 'sum',
            }),
          ),
        },
        { description: 'A value that goes up and down, e.g. memory in use; the mean over the pods is compared.' },
      ),
    ),
  },
  {
    description: 'What is measured, as structure instead of PromQL.',
    ...rules(exactlyOne('counts', 'histogram', 'rate', 'gauge')),
  },
);
export type MetricQuerySpec = Static<typeof MetricQuerySpec>;
export type Selector = Static<typeof Selector>;

export const metricQueryKind: KindDefinition = {
  type: TYPES.metricQuery,
  description:
    'One entry of the query library: which series to read, and which labels tell namespace, workload, version and pod.',
  shortNames: ['mq'],
  categories: ['serin'],
  spec: MetricQuerySpec,
  columns: [
    { name: 'Source', type: 'string', jsonPath: '.spec.source', description: 'Who exports the metric.' },
    { name: 'Unit', type: 'string', jsonPath: '.spec.unit', description: 'What is counted or measured.' },
    { name: 'Summary', type: 'string', jsonPath: '.spec.summary', description: 'What this measures.', priority: 1 },
    AGE,
  ],
  example: `apiVersion: serin.dev/v1alpha1
kind: MetricQuery
metadata:
  name: istio-requests
spec:
  summary: Requests and server errors, reported by the destination's sidecar
  source: istio
  unit: requests
  labels:
    namespace: destination_workload_namespace
    workload: destination_workload
    version: destination_version
    pod: pod
  counts:
    total:
      metric: istio_requests_total
      match: {reporter: destination}
    bad:
      metric: istio_requests_total
      match: {reporter: destination, response_code: {regex: "5.."}}
`,
};
