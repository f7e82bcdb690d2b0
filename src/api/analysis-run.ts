/**
 * AnalysisRun: one execution for one (release, revision, attempt). `spec` is the resolved template: the run needs nothing else
 * to be judged or replayed. `status` has one writer, the analysis job (contracts 1).
 */
import Type, { type Static } from 'typebox';
import { AGE, type KindDefinition } from './kind.ts';
import { MetricResultSchema, ResolvedMeasure, runSummary, SecretArgument } from './measure.ts';
import { type ObjectMeta, TYPES } from './meta.ts';
import { MetricQuerySpec } from './metric-query.ts';
import { literals, name, opaque, rules, text, time, weight } from './schema.ts';

const resolvedMargin = (description: string) =>
  Type.Object(
    {
      ratio: Type.Number({ description: 'Canary ÷ stable.' }),
      difference: Type.Number({ description: 'Canary − stable, as a fraction.' }),
    },
    { description },
  );

export const ResolvedMetric = Type.Object({
  name: text('Name of the metric.', 253),
  critical: Type.Boolean({ description: 'Weighs half of the rollout’s evidence by itself.' }),
  /** Share of the rollout's evidence; all shares add up to 1. */
  share: Type.Number({ minimum: 0, maximum: 1, description: 'Share of the rollout’s evidence.' }),
  query: MetricQuerySpec,
  queryName: Type.Optional(text('The MetricQuery it came from.', 253)),
  fail: resolvedMargin('Up to here the canary is healthy.'),
  pass: resolvedMargin('Below this the canary is proven good.'),
  sloMs: Type.Optional(Type.Number({ description: 'Boundary that gets half of this metric’s weight, ms.' })),
  direction: Type.Optional(literals(['higher', 'lower', 'either'], 'Which difference is bad; absent: higher.')),
  against: Type.Optional(
    Type.Object(
      {
        constant: Type.Optional(
          Type.Number({ description: 'An absolute bound, as a fraction or in the metric’s unit.' }),
        ),
        workload: Type.Optional(text('A baseline workload.', 253)),
      },
      { description: 'What it is compared with; absent: stable at the same time.' },
    ),
  ),
  slower: Type.Optional(Type.Number({ description: 'Part by which the canary may be slower at every quantile.' })),
  required: Type.Optional(Type.Boolean({ description: 'Whether a step passes only if this does; absent: true.' })),
});
export type ResolvedMetric = Static<typeof ResolvedMetric>;

const armOf = (which: string) =>
  Type.Object(
    {
      workload: text(`Name of the ${which} workload.`, 253),
      version: Type.Optional(text('Value of its version label.', 128)),
    },
    { description: `The ${which} side of the comparison.` },
  );

const ms = (description: string, minimum: 0 | 1) => Type.Integer({ description, minimum, format: 'int64' });

export const AnalysisRunSpec = Type.Object(
  {
    release: Type.Object(
      { name: name('The Release.'), uid: text('Its uid.', 64) },
      { description: 'The Release that is judged.' },
    ),
    revision: text('The revision that is judged.', 64),
    attempt: Type.Integer({ minimum: 1, maximum: 100, description: 'Which try of this revision.' }),
    arms: Type.Object(
      { stable: armOf('stable'), canary: armOf('canary') },
      { description: 'What is compared with what.' },
    ),
    metrics: Type.Array(ResolvedMetric, {
      maxItems: 32,
      'x-kubernetes-list-type': 'atomic',
      description: 'What is compared, resolved.',
    }),
    measures: Type.Optional(
      Type.Array(ResolvedMeasure, {
        maxItems: 32,
        'x-kubernetes-list-type': 'atomic',
        description: 'What is measured by providers, resolved.',
      }),
    ),
    secrets: Type.Optional(
      Type.Array(SecretArgument, {
        maxItems: 64,
        'x-kubernetes-list-type': 'atomic',
        description: 'Arguments that are secrets: where they are read when something is measured.',
      }),
    ),
    control: Type.Optional(
      literals(
        ['none'],
        'Stable gets no requests at the same time: only bounds and measured metrics decide; absent: it does.',
      ),
    ),
    rule: Type.Object(
      {
        preset: text('sharp, recommended or tolerant.', 32),
        falseAbort: Type.Number({
          description: 'Probability of a false abort of this attempt, after the split over attempts.',
        }),
        share: Type.Optional(
          Type.Number({
            description: 'Part of the release’s error probability that this run has, 0–1; absent: all of it.',
          }),
        ),
        falsePass: Type.Number({ description: 'Probability of a false pass.' }),
        intervalMs: ms('Length of one poll interval, ms.', 1),
        warmUpMs: ms('Pods younger than this are not compared, ms.', 0),
        dwellMs: ms('Shortest time at a weight before it may pass, ms.', 0),
        atMostMs: ms('With this much data at a weight and no decision: inconclusive, ms.', 0),
        minRequests: Type.Integer({ minimum: 0, description: 'Canary requests a weight needs before it may pass.' }),
        historyMs: ms('How far back stable pods are read, ms.', 0),
        horizonMs: ms('The horizon T of the restart weights, ms.', 1),
      },
      { description: 'Every number that decides, resolved from preset, template and release.' },
    ),
    startedAt: time('Evidence counts from here.'),
  },
  {
    description: 'The resolved template; the run needs nothing else to be judged or replayed.',
    ...rules({
      rule: 'self == oldSelf',
      message: 'a run is one execution and its spec never changes: make another run',
      reason: 'FieldValueForbidden',
    }),
  },
);
export type AnalysisRunSpec = Static<typeof AnalysisRunSpec>;

export const AnalysisRunStatus = Type.Object(
  {
    phase: literals(['Running', 'Successful', 'Failed', 'Inconclusive', 'Terminated'], 'Where the run is.'),
    /** `StepVerdict` of judge/verdict.ts, as JSON fields. */
    verdict: Type.Optional(opaque('The verdict with its reasons and numbers.')),
    checkpoint: Type.Optional(Type.String({ maxLength: 262_144, description: 'Evidence to resume from; opaque.' })),
    intervalEnd: Type.Optional(time('End of the newest interval in the checkpoint.')),
    /** Pod ledger (contracts 22): JSON, bounded. */
    pods: Type.Optional(
      Type.Array(
        Type.Object({
          name: text('Name of the pod.', 253),
          uid: text('Its uid.', 64),
          arm: literals(['stable', 'canary'], 'Which side it was on.'),
          revision: Type.Optional(
            text('Of its template, where its controller changes pods in place; then each has its own entry.', 253),
          ),
          startedAt: Type.Optional(time('When it started.')),
          endedAt: Type.Optional(time('When it was last seen, if gone.')),
        }),
        {
          maxItems: 512,
          'x-kubernetes-list-type': 'atomic',
          description:
            'Which pod belonged to which arm, and when. Of more than 512, at least 256 of each side, if it has so many; the others count as long as they live.',
        },
      ),
    ),
    weight: Type.Optional(weight('Weight of the newest interval.')),
    message: Type.Optional(text('The verdict in a sentence.', 2048)),
    queries: Type.Optional(
      Type.Array(Type.String({ maxLength: 8192 }), {
        maxItems: 64,
        'x-kubernetes-list-type': 'atomic',
        description: 'The queries asked, word for word.',
      }),
    ),
    measurements: Type.Optional(
      Type.Array(opaque('One interval with its counts.'), {
        maxItems: 120,
        'x-kubernetes-list-type': 'atomic',
        description: 'The newest intervals.',
      }),
    ),
    metricResults: Type.Optional(
      Type.Array(MetricResultSchema, {
        maxItems: 32,
        'x-kubernetes-list-type': 'atomic',
        description: 'What providers measured, as in Argo Rollouts. Written by the measuring job only.',
      }),
    ),
    runSummary: Type.Optional(
      runSummary('Metrics with a provider that decide, by how they ended, as Argo Rollouts counts them.'),
    ),
    dryRunSummary: Type.Optional(
      runSummary('Metrics that run dry, by how they would have ended; absent where there are none.'),
    ),
  },
  { description: 'Written by the analysis job, what was measured by the measuring job.' },
);
export type AnalysisRunStatus = Static<typeof AnalysisRunStatus>;

export interface AnalysisRun {
  readonly apiVersion: string;
  readonly kind: 'AnalysisRun';
  readonly metadata: ObjectMeta & {
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
  };
  readonly spec: AnalysisRunSpec;
  readonly status?: AnalysisRunStatus;
}

export const analysisRunKind: KindDefinition = {
  type: TYPES.analysisRun,
  description:
    'One execution for one (release, revision, attempt): the resolved template, the evidence and the verdict.',
  shortNames: ['srun'],
  categories: ['serin'],
  spec: AnalysisRunSpec,
  status: AnalysisRunStatus,
  columns: [
    { name: 'Release', type: 'string', jsonPath: '.spec.release.name', description: 'What is judged.' },
    { name: 'Attempt', type: 'integer', jsonPath: '.spec.attempt', description: 'Which try of this revision.' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where the run is.' },
    { name: 'Revision', type: 'string', jsonPath: '.spec.revision', description: 'What is judged.', priority: 1 },
    {
      name: 'Message',
      type: 'string',
      jsonPath: '.status.message',
      description: 'The verdict in a sentence.',
      priority: 1,
    },
    AGE,
  ],
  example: `apiVersion: serin.dev/v1alpha1
kind: AnalysisRun
metadata:
  name: web-bf669489b2-1
  namespace: shop
spec:
  release: {name: web, uid: 6f4c1c1e-0f7e-4a51-9f57-1f6f0d3c7f10}
  revision: bf669489b2
  attempt: 1
  arms:
    stable: {workload: web-v1, version: v1}
    canary: {workload: web-v2, version: v2}
  metrics:
  - name: errors
    critical: true
    share: 1
    queryName: istio-requests
    query:
      summary: Requests and server errors, reported by the destination's sidecar
      labels: {namespace: destination_workload_namespace, workload: destination_workload, pod: pod}
      counts:
        total: {metric: istio_requests_total, match: {reporter: destination}}
        bad: {metric: istio_requests_total, match: {reporter: destination, response_code: {regex: "5.."}}}
    fail: {ratio: 1.1, difference: 0}
    pass: {ratio: 1.25, difference: 0.0002}
  rule:
    preset: recommended
    falseAbort: 0.03
    falsePass: 0.05
    intervalMs: 10000
    warmUpMs: 90000
    dwellMs: 180000
    atMostMs: 900000
    minRequests: 200
    historyMs: 1800000
    horizonMs: 21600000
  startedAt: "2026-11-21T09:00:00Z"
`,
};
