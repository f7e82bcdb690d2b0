/**
 * Argo Rollouts' own fields of a metric and of a template, word for word (analysis_types.go): what works there works here. Durations
 * and limits are plain strings and int-or-string in the schema, because `{{args.x}}` may stand in each; `validate-measure.ts` reads them.
 */
import Type, { type Static } from 'typebox';
import { listMap, opaque, text } from './schema.ts';

const intOrString = (description: string) =>
  Type.Unsafe<number | string>({ 'x-kubernetes-int-or-string': true, description });
const goDuration = (description: string) => text(description, 256);

/** Of a metric that is measured by a provider instead of compared. */
export const MEASURE_FIELDS = {
  interval: Type.Optional(goDuration('Pause between measurements, e.g. 1m. Left out: one measurement.')),
  initialDelay: Type.Optional(goDuration('How long after the start of the run the first measurement is taken.')),
  count: Type.Optional(
    intOrString(
      'How many measurements are taken, Errors not counted. Left out or 0: one, or without end when there is an interval.',
    ),
  ),
  successCondition: Type.Optional(text('Expression over `result`, e.g. result[0] >= 0.95.', 16_384)),
  failureCondition: Type.Optional(
    text('Expression over `result`. When both conditions are false, the measurement is Inconclusive.', 16_384),
  ),
  failureLimit: Type.Optional(intOrString('Most failed measurements that are tolerated; left out: 0; -1: any number.')),
  inconclusiveLimit: Type.Optional(intOrString('Most inconclusive measurements that are tolerated; left out: 0.')),
  consecutiveErrorLimit: Type.Optional(intOrString('Most Errors in a row that are tolerated; left out: 4.')),
  consecutiveSuccessLimit: Type.Optional(
    intOrString('So many successes in a row end the metric; left out or 0: never.'),
  ),
  provider: Type.Optional(opaque('Who measures: exactly one of prometheus, web and job, with Argo Rollouts’ fields.')),
};

export const SecretKeyRef = Type.Object(
  { name: text('Name of the Secret, in the namespace of the run.', 253), key: text('The key in it.', 253) },
  { description: 'A key of a Secret; read when it is used, never shown.' },
);

export const ArgumentSource = Type.Object(
  {
    secretKeyRef: Type.Optional(SecretKeyRef),
    fieldRef: Type.Optional(
      Type.Object(
        {
          fieldPath: text('Path into the Release, e.g. metadata.labels["app"] or spec.workload.deployment.name.', 512),
        },
        { description: 'A field of the Release.' },
      ),
    ),
    podTemplateHashValue: Type.Optional(text('Stable or Latest: the pod-template-hash of that side.', 16)),
  },
  { description: 'Where the value comes from.' },
);

/** Of a template, beside `args` and `metrics`. */
export const TEMPLATE_FIELDS = {
  dryRun: Type.Optional(
    listMap(
      Type.Object({
        metricName: text('A regular expression that some part of the metric’s name matches; .* for all.', 253),
      }),
      'metricName',
      { description: 'Metrics that are measured and shown, and never decide.', maxItems: 32 },
    ),
  ),
  measurementRetention: Type.Optional(
    listMap(
      Type.Object({
        metricName: text('A regular expression that some part of the metric’s name matches.', 253),
        limit: Type.Integer({
          description: 'How many measurements are kept in status; at most 100.',
          minimum: 0,
          maximum: 2_147_483_647,
        }),
      }),
      'metricName',
      { description: 'How many measurements are kept; left out: 10.', maxItems: 32 },
    ),
  ),
  templates: Type.Optional(
    Type.Array(
      Type.Object({
        templateName: text('Name of the template.', 253),
        clusterScope: Type.Optional(Type.Boolean({ description: 'A ClusterAnalysisTemplate; left out: false.' })),
      }),
      {
        description: 'Templates whose metrics and arguments are added to this one’s.',
        maxItems: 32,
        'x-kubernetes-list-type': 'atomic',
      },
    ),
  ),
};

const counter = (description: string) => Type.Integer({ description, minimum: 0 });
const phase = (description: string) => text(description, 32);
const metadata = Type.Optional(
  Type.Unsafe<Readonly<Record<string, string>>>({
    type: 'object',
    additionalProperties: { type: 'string', maxLength: 2048 },
    maxProperties: 16,
    description: 'What the provider adds.',
  }),
);

/** `runSummary` and `dryRunSummary`: metrics, not measurements. */
export const runSummary = (description: string) =>
  Type.Object(
    {
      count: counter('All of them, also those that have not ended.'),
      successful: counter('Ended without exceeding a limit.'),
      failed: counter('Exceeded the limit of failures.'),
      inconclusive: counter('Exceeded the limit of inconclusive measurements.'),
      error: counter('Exceeded the limit of Errors in a row.'),
    },
    { description },
  );

/** One entry of `status.metricResults`, in Argo's words. */
export const MetricResultSchema = Type.Object({
  name: text('Name of the metric.', 253),
  phase: phase('Pending, Running, Successful, Failed, Error or Inconclusive.'),
  measurements: Type.Array(
    Type.Object({
      phase: phase('Running, Successful, Failed, Error or Inconclusive.'),
      message: Type.Optional(text('Why.', 1024)),
      startedAt: text('When it began.', 64),
      finishedAt: Type.Optional(text('When it ended.', 64)),
      value: Type.Optional(text('What was measured.', 512)),
      metadata,
      resumeAt: Type.Optional(text('When it is looked at again.', 64)),
    }),
    { maxItems: 100, 'x-kubernetes-list-type': 'atomic', description: 'The newest measurements, oldest first.' },
  ),
  message: Type.Optional(text('Why it ended.', 2048)),
  count: counter('Measurements that were no Errors.'),
  successful: counter('Successful ones.'),
  failed: counter('Failed ones.'),
  inconclusive: counter('Inconclusive ones.'),
  error: counter('Errors.'),
  consecutiveError: counter('Errors in a row, up to the newest.'),
  consecutiveSuccess: counter('Successes in a row, up to the newest.'),
  failedOnRealValue: counter('Failed ones with a real value: not NaN, not an empty answer. Only these abort.'),
  onRealValue: Type.Optional(
    counter(
      'Measurements with a real value, whatever came of them. Without any, `onInconclusive: advance` does not count.',
    ),
  ),
  dryRun: Type.Optional(Type.Boolean({ description: 'Measured and shown, never decides.' })),
  metadata,
});

/** A resolved metric in the spec of a run: limits as numbers, durations in ms, arguments put in; secrets are still placeholders. */
export const ResolvedMeasure = Type.Object({
  name: text('Name of the metric.', 253),
  intervalMs: Type.Optional(
    Type.Integer({ description: 'Pause between measurements, ms.', minimum: 0, format: 'int64' }),
  ),
  initialDelayMs: Type.Optional(
    Type.Integer({ description: 'Wait before the first, ms.', minimum: 0, format: 'int64' }),
  ),
  count: Type.Optional(
    Type.Integer({ description: 'How many; absent: one, or without end when there is an interval.' }),
  ),
  successCondition: Type.Optional(text('Expression over `result`.', 16_384)),
  failureCondition: Type.Optional(text('Expression over `result`.', 16_384)),
  failureLimit: Type.Optional(Type.Integer({ description: 'Most failures that are tolerated.' })),
  inconclusiveLimit: Type.Optional(Type.Integer({ description: 'Most inconclusive ones that are tolerated.' })),
  consecutiveErrorLimit: Type.Optional(Type.Integer({ description: 'Most Errors in a row that are tolerated.' })),
  consecutiveSuccessLimit: Type.Optional(Type.Integer({ description: 'Successes in a row that end it.' })),
  isDryRun: Type.Optional(Type.Boolean({ description: 'Measured and shown, never decides.' })),
  retention: Type.Optional(Type.Integer({ description: 'Measurements that are kept.', minimum: 0 })),
  provider: opaque('Who measures, with every argument but secrets put in.'),
});
export type ResolvedMeasure = Static<typeof ResolvedMeasure>;

/** An argument whose value is a secret: its place is kept in the run, its value is read for each measurement. */
export const SecretArgument = Type.Object({ name: text('Name of the argument.', 253), secretKeyRef: SecretKeyRef });
export type SecretArgument = Static<typeof SecretArgument>;
