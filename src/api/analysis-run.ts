/**
 * AnalysisRun: one execution for one (release, revision, attempt). `spec` is the resolved template: the run needs nothing else
 * to be judged or replayed. `status` has one writer, the analysis job (contracts 1).
 */
import Type, { type Static } from 'typebox';
import type { ObjectMeta } from './meta.ts';
import { MetricQuerySpec } from './metric-query.ts';
import { name, text, time, weight } from './schema.ts';

const ResolvedMargin = Type.Object({
  ratio: Type.Number({ description: 'Canary ÷ stable.' }),
  difference: Type.Number({ description: 'Canary − stable, as a fraction.' }),
});

export const ResolvedMetric = Type.Object({
  name: name('Name of the metric.'),
  critical: Type.Boolean(),
  /** Share of the rollout's evidence; all shares add up to 1. */
  share: Type.Number({ minimum: 0, maximum: 1, description: 'Share of the rollout’s evidence.' }),
  query: MetricQuerySpec,
  queryName: Type.Optional(text('The MetricQuery it came from.', 253)),
  fail: ResolvedMargin,
  pass: ResolvedMargin,
  sloMs: Type.Optional(Type.Number({ description: 'Boundary that gets half of this metric’s weight, ms.' })),
});
export type ResolvedMetric = Static<typeof ResolvedMetric>;

export const AnalysisRunSpec = Type.Object({
  release: Type.Object({ name: name('The Release.'), uid: text('Its uid.', 64) }),
  revision: text('The revision that is judged.', 64),
  attempt: Type.Integer({ minimum: 1, maximum: 100, description: 'Which try of this revision.' }),
  arms: Type.Object({
    stable: Type.Object({
      workload: text('Name of the stable workload.', 253),
      version: Type.Optional(text('Value of its version label.', 128)),
    }),
    canary: Type.Object({
      workload: text('Name of the canary workload.', 253),
      version: Type.Optional(text('Value of its version label.', 128)),
    }),
  }),
  metrics: Type.Array(ResolvedMetric, { minItems: 1, maxItems: 32, 'x-kubernetes-list-type': 'atomic' }),
  rule: Type.Object(
    {
      preset: text('sharp, recommended or tolerant.', 32),
      falseAbort: Type.Number({
        description: 'Probability of a false abort of this attempt, after the split over attempts.',
      }),
      falsePass: Type.Number({ description: 'Probability of a false pass.' }),
      intervalMs: Type.Integer({ minimum: 1 }),
      warmUpMs: Type.Integer({ minimum: 0 }),
      dwellMs: Type.Integer({ minimum: 0 }),
      atMostMs: Type.Integer({ minimum: 0 }),
      minRequests: Type.Integer({ minimum: 0 }),
      historyMs: Type.Integer({ minimum: 0 }),
      /** The horizon T of the restart weights. */
      horizonMs: Type.Integer({ minimum: 1 }),
    },
    { description: 'Every number that decides, resolved from preset, template and release.' },
  ),
  startedAt: time('Evidence counts from here.'),
});
export type AnalysisRunSpec = Static<typeof AnalysisRunSpec>;

export const AnalysisRunStatus = Type.Object({
  phase: Type.Unsafe<'Running' | 'Successful' | 'Failed' | 'Inconclusive' | 'Terminated'>({
    type: 'string',
    enum: ['Running', 'Successful', 'Failed', 'Inconclusive', 'Terminated'],
    description: 'Where the run is.',
  }),
  /** `StepVerdict` of judge/verdict.ts, as JSON fields. */
  verdict: Type.Optional(
    Type.Unsafe<Readonly<Record<string, unknown>>>({
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      description: 'The verdict with its reasons and numbers.',
    }),
  ),
  checkpoint: Type.Optional(Type.String({ maxLength: 262_144, description: 'Evidence to resume from; opaque.' })),
  intervalEnd: Type.Optional(time('End of the newest interval in the checkpoint.')),
  /** Pod ledger (contracts 22): JSON, bounded. */
  pods: Type.Optional(
    Type.Array(
      Type.Object({
        name: text('Name of the pod.', 253),
        uid: text('Its uid.', 64),
        arm: Type.Unsafe<'stable' | 'canary'>({ type: 'string', enum: ['stable', 'canary'] }),
        startedAt: Type.Optional(time('When it started.')),
        endedAt: Type.Optional(time('When it was last seen, if gone.')),
      }),
      { maxItems: 512, 'x-kubernetes-list-type': 'atomic', description: 'Which pod belonged to which arm, and when.' },
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
    Type.Array(
      Type.Unsafe<Readonly<Record<string, unknown>>>({ type: 'object', 'x-kubernetes-preserve-unknown-fields': true }),
      { maxItems: 120, 'x-kubernetes-list-type': 'atomic', description: 'The newest intervals.' },
    ),
  ),
});
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
