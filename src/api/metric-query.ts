/** MetricQuery: one entry of the query library. Structure instead of text lets Serin escape every value and ask one query for all releases. */
import Type, { type Static } from 'typebox';
import { text } from './schema.ts';

const LabelMatch = Type.Union([
  Type.String({ description: 'Equal to this value.', maxLength: 1024 }),
  Type.Object({
    regex: Type.Optional(
      Type.String({ description: 'Matches this RE2 expression (anchored at both ends).', maxLength: 1024 }),
    ),
    not: Type.Optional(Type.String({ description: 'Different from this value.', maxLength: 1024 })),
    notRegex: Type.Optional(
      Type.String({ description: 'Does not match this RE2 expression (anchored at both ends).', maxLength: 1024 }),
    ),
  }),
]);

const Selector = Type.Object(
  {
    metric: Type.String({ description: 'Name of the metric.', maxLength: 256, pattern: '^[a-zA-Z_:][a-zA-Z0-9_:]*$' }),
    match: Type.Optional(
      Type.Record(Type.String({ maxLength: 128 }), LabelMatch, {
        description: 'Label matchers, all of which must hold.',
        maxProperties: 16,
      }),
    ),
  },
  { description: 'Which series to read.' },
);

export const MetricQuerySpec = Type.Object({
  summary: text('What this measures, in one sentence.'),
  source: Type.Optional(text('Who exports the metric: istio, nginx, an application.', 64)),
  unit: Type.Optional(text('Unit of what is counted or measured, e.g. requests, ms.', 32)),
  labels: Type.Object(
    {
      namespace: Type.Optional(text('Label that holds the namespace of the workload.', 128)),
      workload: Type.Optional(text('Label that holds the name of the workload (Deployment).', 128)),
      version: Type.Optional(text('Label that holds the version of the pods.', 128)),
      pod: Type.Optional(text('Label that holds the name of the pod. Without it verdicts are uncalibrated.', 128)),
    },
    { description: 'Serin’s words for identity → the labels of the metric.' },
  ),
  counts: Type.Optional(
    Type.Object(
      { total: Selector, bad: Selector },
      { description: 'Counters of all events and of bad ones; bad is a subset of total.' },
    ),
  ),
  histogram: Type.Optional(
    Type.Object(
      {
        metric: Type.String({
          description: 'Name of the histogram without `_bucket`.',
          maxLength: 256,
          pattern: '^[a-zA-Z_:][a-zA-Z0-9_:]*$',
        }),
        unit: Type.Optional(
          Type.Union([Type.Literal('ms'), Type.Literal('s')], { description: 'Unit of the bucket boundaries.' }),
        ),
        match: Type.Optional(
          Type.Record(Type.String({ maxLength: 128 }), LabelMatch, {
            description: 'Label matchers, all of which must hold.',
            maxProperties: 16,
          }),
        ),
      },
      { description: 'A classic Prometheus histogram of durations.' },
    ),
  ),
});
export type MetricQuerySpec = Static<typeof MetricQuerySpec>;
export type LabelMatch = Static<typeof LabelMatch>;
export type Selector = Static<typeof Selector>;
