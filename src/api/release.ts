/** Release: one workload to deliver. Exactly one workload, at most one router, exactly one strategy (see `combinations.ts`). */
import Type, { type Static } from 'typebox';
import type { ObjectMeta } from './meta.ts';
import { Argument } from './analysis-template.ts';
import { Condition, duration, listMap, name, percent, text, time, weight } from './schema.ts';

export const PHASES = [
  'Idle',
  'Waiting',
  'Progressing',
  'Held',
  'Promoting',
  'Promoted',
  'Aborting',
  'Aborted',
] as const;
export type Phase = (typeof PHASES)[number];

/** What people are told of. */
export const TRANSITIONS = [
  'started',
  'advanced',
  'held',
  'resumed',
  'aborted',
  'promoted',
  'retreated',
  'superseded',
  'invalid',
  'driftRepaired',
] as const;
export type Transition = (typeof TRANSITIONS)[number];

const literals = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: values, description });

export const Workload = Type.Object({
  pair: Type.Optional(
    Type.Object(
      {
        members: Type.Array(name('Name of a Deployment.'), {
          description:
            'Two Deployments that the user made; whichever has the traffic is live, and they swap at promotion.',
          minItems: 2,
          maxItems: 2,
          'x-kubernetes-list-type': 'atomic',
        }),
      },
      { description: 'Two Deployments side by side.' },
    ),
  ),
});

export const Traffic = Type.Object({
  istio: Type.Optional(
    Type.Object(
      {
        virtualService: Type.Object({
          name: name('Name of the VirtualService.'),
          routes: Type.Optional(
            Type.Array(Type.String({ maxLength: 253, minLength: 1 }), {
              description: 'Names of the http routes to steer; absent: all that lead to the workload.',
              minItems: 1,
              maxItems: 64,
              'x-kubernetes-list-type': 'set',
            }),
          ),
        }),
        destinationRule: Type.Optional(
          Type.Object({ name: name('Name of the DestinationRule that defines the subsets.') }),
        ),
      },
      { description: 'Weights of an Istio VirtualService, between subsets or hosts.' },
    ),
  ),
});

export const Step = Type.Object({
  setWeight: Type.Optional(weight('Percent of requests for the canary.')),
  judge: Type.Optional(
    Type.Object(
      {
        atLeast: Type.Optional(duration('Do not go on before this long.')),
        atMost: Type.Optional(duration('With this much data and still no decision: inconclusive.')),
      },
      { description: 'Wait for the verdict.' },
    ),
  ),
  pause: Type.Optional(
    Type.Object(
      { duration: Type.Optional(duration('How long; absent: until a person resumes.')) },
      { description: 'Wait for time or a person.' },
    ),
  ),
  setReplicas: Type.Optional(
    Type.Union(
      [Type.Integer({ minimum: 0, maximum: 100_000 }), Type.String({ maxLength: 8, pattern: '^[0-9]{1,3}%$' })],
      {
        description: 'Pods of the canary: a number, or a percentage of stable.',
        'x-kubernetes-int-or-string': true,
      },
    ),
  ),
});

export const Strategy = Type.Object({
  canary: Type.Optional(
    Type.Object(
      {
        stepWeights: Type.Optional(
          Type.Array(weight('Percent of requests for the canary.'), {
            description: 'Short form: after each weight, go on as soon as the verdict is Pass.',
            minItems: 1,
            maxItems: 32,
            'x-kubernetes-list-type': 'atomic',
          }),
        ),
        steps: Type.Optional(
          Type.Array(Step, {
            description: 'Long form.',
            minItems: 1,
            maxItems: 64,
            'x-kubernetes-list-type': 'atomic',
          }),
        ),
      },
      { description: 'Traffic moves in steps, each judged.' },
    ),
  ),
});

export const Analysis = Type.Object({
  templates: Type.Array(
    Type.Object({
      name: name('Name of the template.'),
      clusterScope: Type.Optional(Type.Boolean({ description: 'It is a ClusterAnalysisTemplate.' })),
    }),
    {
      description: 'Templates whose metrics are judged together.',
      minItems: 1,
      maxItems: 8,
      'x-kubernetes-list-type': 'atomic',
    },
  ),
  args: Type.Optional(listMap(Argument, 'name', { description: 'Values for the templates’ arguments.', maxItems: 64 })),
  preset: Type.Optional(
    literals(['sharp', 'recommended', 'tolerant'], 'How much worse than stable still counts as healthy.'),
  ),
  falseAbort: Type.Optional(percent('Probability of aborting a healthy canary, for the whole release.')),
  onInconclusive: Type.Optional(
    literals(['hold', 'abort', 'advance'], 'What to do when `atMost` is over without a decision.'),
  ),
  retreatAfter: Type.Optional(duration('Without usable data this long, traffic goes back to the last passed weight.')),
  interval: Type.Optional(duration('Length of one poll interval; a multiple of the service’s grid.')),
  warmUp: Type.Optional(duration('Pods younger than this are not compared.')),
  dwell: Type.Optional(duration('Shortest time at a weight before it may pass.')),
  atMost: Type.Optional(duration('With this much data at a weight and still no decision: inconclusive.')),
  minRequests: Type.Optional(
    Type.Integer({
      description: 'Canary requests a weight needs before it may pass.',
      minimum: 0,
      maximum: 1_000_000_000,
    }),
  ),
  history: Type.Optional(duration('How far back stable pods are read to learn how noisy they are.')),
  retryLimit: Type.Optional(
    Type.Integer({ description: 'How often one revision may be retried.', minimum: 0, maximum: 10 }),
  ),
});

export const SecretKey = Type.Object({
  name: name('Name of the Secret, in the same namespace.'),
  key: Type.String({ maxLength: 253, minLength: 1, description: 'Key in it.' }),
});

export const NotifySink = Type.Object({
  slack: Type.Optional(
    Type.Object({
      channel: Type.Optional(text('Channel, where the webhook allows choosing one.', 80)),
      secretRef: SecretKey,
    }),
  ),
  webhook: Type.Optional(
    Type.Object({
      secretRef: SecretKey,
      signingSecretRef: Type.Optional(SecretKey),
    }),
  ),
});

export const ReleaseSpec = Type.Object({
  workload: Workload,
  traffic: Type.Optional(Traffic),
  strategy: Strategy,
  analysis: Type.Optional(Analysis),
  mode: Type.Optional(literals(['act', 'observe'], 'observe: judge and report, write no traffic.')),
  progressDeadline: Type.Optional(duration('Longest time for the whole release; after it: held.')),
  paused: Type.Optional(Type.Boolean({ description: 'Stay where it is.' })),
  notify: Type.Optional(
    Type.Array(NotifySink, { description: 'Who is told.', maxItems: 16, 'x-kubernetes-list-type': 'atomic' }),
  ),
});
export type ReleaseSpec = Static<typeof ReleaseSpec>;
export type Step = Static<typeof Step>;
export type AnalysisSpec = Static<typeof Analysis>;
export type NotifySink = Static<typeof NotifySink>;

const Taken = Type.Object(
  {
    traffic: Type.Optional(
      Type.Unsafe<Readonly<Record<string, unknown>>>({
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        description: 'What the routes held before; read by the router that wrote it.',
      }),
    ),
    workload: Type.Optional(
      Type.Unsafe<Readonly<Record<string, unknown>>>({
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        description: 'What the workload held before; read by its adapter.',
      }),
    ),
  },
  { description: 'What was taken from the user’s objects, to be given back exactly.' },
);
export type TakenState = Static<typeof Taken>;

export const ReleaseStatus = Type.Object({
  observedGeneration: Type.Optional(
    Type.Integer({
      minimum: 0,
      format: 'int64',
      description: 'The generation of the spec that this status speaks of.',
    }),
  ),
  phase: literals(PHASES, 'Where the release is, for people; derived from the conditions.'),
  reason: Type.Optional(text('Why, in CamelCase.', 128)),
  message: Type.Optional(text('Why, in a sentence.', 2048)),
  revision: Type.Object(
    {
      stable: Type.Optional(text('What users get.', 64)),
      canary: Type.Optional(text('What is being judged.', 64)),
      previousStable: Type.Optional(text('What was stable before; going back to it is not judged.', 64)),
      rejected: Type.Array(Type.String({ maxLength: 64 }), {
        description: 'Revisions that were aborted, newest last.',
        maxItems: 20,
        'x-kubernetes-list-type': 'atomic',
      }),
    },
    { description: 'Serin’s own hashes of the pod template.' },
  ),
  pair: Type.Optional(
    Type.Object({
      live: text('The member that has the traffic.', 253),
      idleRevision: Type.Optional(
        text('The other member’s revision when it was last settled; a change from it starts a release.', 64),
      ),
    }),
  ),
  attempt: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 100,
      description: 'Which try of this revision; each has its share of the error probability.',
    }),
  ),
  startedAt: Type.Optional(time('When this release began.')),
  endedAt: Type.Optional(time('When it was promoted, aborted or superseded.')),
  weight: weight('Percent of requests that the canary is meant to get.'),
  passedWeight: Type.Optional(weight('The last weight that a verdict passed.')),
  step: Type.Optional(
    Type.Object({
      index: Type.Integer({ minimum: 0, maximum: 128, description: 'Which step, from 1.' }),
      of: Type.Integer({ minimum: 0, maximum: 128, description: 'How many steps.' }),
      since: time('Since when.'),
      waitingFor: text('What ends it: pods, traffic, judge, pause, person.', 64),
    }),
  ),
  weights: Type.Optional(
    Type.Array(
      Type.Object({
        since: time('From when.'),
        weight: weight('Percent of requests for the canary.'),
        step: Type.Integer({ minimum: 0, maximum: 128, description: 'At which step.' }),
      }),
      {
        description: 'Weights of this attempt, oldest first; the analysis reads intervals against it.',
        maxItems: 64,
        'x-kubernetes-list-type': 'atomic',
      },
    ),
  ),
  plan: Type.Optional(text('Hash of the steps that are followed; edited steps show by it.', 64)),
  heldSince: Type.Optional(time('Since when it is held.')),
  paused: Type.Optional(Type.Boolean({ description: 'A person paused it.' })),
  verdict: Type.Optional(
    Type.Object({
      outcome: literals(['Pass', 'Fail', 'Inconclusive', 'Continue', 'Unjudged', 'Initial'], 'What the evidence says.'),
      metric: Type.Optional(text('The metric that decides.', 253)),
      odds: Type.Optional(text('Odds against a healthy canary, e.g. `37 : 1`.', 64)),
      reason: Type.Optional(text('Why, in CamelCase.', 128)),
      says: Type.Optional(text('Why, in a sentence.', 2048)),
      intervalEnd: Type.Optional(time('End of the newest interval in it.')),
    }),
  ),
  analysisRun: Type.Optional(text('Name of the AnalysisRun.', 253)),
  taken: Type.Optional(Taken),
  handledRequest: Type.Optional(
    Type.Object({
      id: text('Unique id of the request.', 128),
      action: text('What was asked.', 64),
      actor: Type.Optional(text('By whom.', 253)),
      result: literals(['done', 'refused'], 'What came of it.'),
      message: Type.Optional(text('Why it was refused.', 1024)),
    }),
  ),
  announced: Type.Optional(text('The last transition that people were told of.', 512)),
  unannounced: Type.Optional(
    Type.Array(
      Type.Object({
        id: text('Unique per transition; telling it twice is harmless.', 512),
        what: literals(TRANSITIONS, 'What happened.'),
        severity: literals(['Normal', 'Warning'], 'How it is shown.'),
        reason: text('Why, in CamelCase.', 128),
        message: text('Why, in a sentence.', 2048),
      }),
      {
        description: 'Transitions that people are still to be told of, oldest first; empty within a moment.',
        maxItems: 16,
        'x-kubernetes-list-type': 'atomic',
      },
    ),
  ),
  unreadySince: Type.Optional(time('Since when the canary has no ready pods, or not all before its first traffic.')),
  driftRepairs: Type.Optional(
    Type.Integer({ minimum: 0, description: 'How often changed routes were put back in this release.' }),
  ),
  lastDriftRepair: Type.Optional(time('When a changed route was last put back.')),
  conditions: listMap(Condition, 'type', {
    description: 'Ready, Completed, Progressing, Stalled, TrafficRouted, AnalysisSucceeded.',
    maxItems: 16,
  }),
  history: Type.Optional(
    Type.Array(
      Type.Object({
        revision: text('What was released.', 64),
        outcome: text('Promoted, Aborted or Superseded.', 32),
        reason: Type.Optional(text('Why.', 128)),
        metric: Type.Optional(text('The metric that decided.', 253)),
        startedAt: time('When it began.'),
        endedAt: time('When it ended.'),
        attempt: Type.Integer({ minimum: 0, maximum: 100 }),
        weight: weight('The weight it reached.'),
      }),
      { description: 'The last 10 releases, newest last.', maxItems: 10, 'x-kubernetes-list-type': 'atomic' },
    ),
  ),
});
export type ReleaseStatus = Static<typeof ReleaseStatus>;

export interface Release {
  readonly apiVersion: string;
  readonly kind: 'Release';
  readonly metadata: ObjectMeta & {
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation: number;
  };
  readonly spec: ReleaseSpec;
  readonly status?: ReleaseStatus;
}
