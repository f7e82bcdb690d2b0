/**
 * Release: one workload to deliver. Exactly one workload, at most one router, exactly one strategy (see `combinations.ts`).
 * Long, because the whole kind stands here in the order in which `kubectl explain` shows it.
 */
import Type, { type Static } from 'typebox';
import { AbTest } from './ab-test.ts';
import { Argument } from './analysis-template.ts';
import { BlueGreen, Recreate } from './blue-green.ts';
import { OWN_STEPS_WORKLOADS, TODAY } from './combinations.ts';
import { AGE, type KindDefinition } from './kind.ts';
import { type ObjectMeta, TYPES } from './meta.ts';
import { RequestMatch } from './request-match.ts';
import { RollingUpdate } from './rolling-update.ts';
import { TemplateRefs } from './template-refs.ts';
import {
  Condition,
  duration,
  exactlyOne,
  listMap,
  literals,
  name,
  opaque,
  percent,
  rules,
  text,
  time,
  weight,
} from './schema.ts';

const PHASES = ['Idle', 'Waiting', 'Progressing', 'Held', 'Promoting', 'Promoted', 'Aborting', 'Aborted'] as const;
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
  'noted',
  'warned',
] as const;
export type Transition = (typeof TRANSITIONS)[number];

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'] as const;

const wallClock = (description: string) =>
  Type.String({ description, maxLength: 5, pattern: '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$' });

const HoldTimedPauses = Type.Boolean({
  description:
    'A pause with a duration also waits for a Pass: meanwhile the whole rollout is paused. Left out, such a pause ends by itself, and Serin can only veto.',
});

/** What an existing Release may have taken is given back under the name that it was taken by, so names never change. */
const kept = (rule: string, what: string) => ({
  rule,
  message: `${what} cannot be exchanged: delete this Release, which gives it back, and make another`,
});

/** Names, in any order, that are the same as before. */
const sameNames = (field: string): string =>
  `size(self.${field}) == size(oldSelf.${field}) && self.${field}.all(name, name in oldSelf.${field})`;

/** An object that is either absent as before, or has the same name. */
const sameName = (field: string): string =>
  `has(self.${field}) == has(oldSelf.${field}) && (!has(self.${field}) || self.${field}.name == oldSelf.${field}.name)`;

export const Workload = Type.Object(
  {
    pair: Type.Optional(
      Type.Object(
        {
          members: Type.Array(name('Name of a Deployment.'), {
            description:
              'Two Deployments that the user made; whichever has the traffic is live, and they swap at promotion.',
            minItems: 2,
            maxItems: 2,
            'x-kubernetes-list-type': 'atomic',
            ...rules({ rule: 'self[0] != self[1]', message: 'the two members are the same: name two Deployments' }),
          }),
          scaleDownAfter: Type.Optional(
            duration(
              'How long after a promotion the member without requests is scaled to 0. Left out, it keeps its pods for a quick way back.',
            ),
          ),
        },
        { description: 'Two Deployments side by side.' },
      ),
    ),
    deployment: Type.Optional(
      Type.Object(
        {
          name: name('Name of the Deployment.'),
          configDigest: Type.Optional(
            Type.Boolean({
              description:
                'A change of what its pods read of ConfigMaps and Secrets when they start (env, envFrom, volumes) is released like a change of its template. Serin then reads those that the template names, every 15 s and by name; only a digest is kept. Left out, it reads none.',
            }),
          ),
        },
        {
          description:
            'One Deployment, released in place: change its image as always. Serin holds it, runs the canary beside it, and lets its own rollout finish after the last Pass.',
        },
      ),
    ),
    argoRollout: Type.Optional(
      Type.Object(
        {
          name: name('Name of the Rollout of Argo Rollouts, in the namespace of the Release.'),
          holdTimedPauses: Type.Optional(HoldTimedPauses),
        },
        { description: 'A Rollout of Argo Rollouts. Its own steps are followed; Serin opens its pauses, or gives up.' },
      ),
    ),
    kruiseRollout: Type.Optional(
      Type.Object(
        {
          name: name('Name of the Rollout of OpenKruise Rollouts, in the namespace of the Release.'),
          holdTimedPauses: Type.Optional(HoldTimedPauses),
          onAbort: Type.Optional(
            literals(
              ['restore', 'pause'],
              'restore: the workload gets its previous pod template back, exactly. pause: the whole rollout is paused where it is, for those whose Git would bring the new template back; requests stay as they are until the template goes back there.',
              { default: 'restore' },
            ),
          ),
        },
        {
          description:
            'A Rollout of OpenKruise Rollouts. Its own steps are followed; Serin approves its pauses, or takes the new version back.',
        },
      ),
    ),
  },
  {
    description: 'What is delivered: exactly one of these.',
    ...rules(
      exactlyOne(...TODAY.workloads),
      kept(
        `has(self.pair) == has(oldSelf.pair) && (!has(self.pair) || (${sameNames('pair.members')}))`,
        'the members of the pair',
      ),
      kept(sameName('deployment'), 'the Deployment that is held'),
      kept(sameName('argoRollout'), 'the Rollout of Argo Rollouts'),
      kept(sameName('kruiseRollout'), 'the Rollout of OpenKruise'),
    ),
  },
);

export const Traffic = Type.Object(
  {
    istio: Type.Optional(
      Type.Object(
        {
          virtualService: Type.Object(
            {
              name: name('Name of the VirtualService, in the namespace of the Release.'),
              routes: Type.Optional(
                Type.Array(Type.String({ maxLength: 253, minLength: 1, description: 'Name of an http route.' }), {
                  description:
                    'Names of the http routes to steer; absent: all that lead to the workload, also those with a match.',
                  minItems: 1,
                  maxItems: 64,
                  'x-kubernetes-list-type': 'set',
                }),
              ),
            },
            {
              description: 'Whose weights are steered.',
              ...rules(
                kept('self.name == oldSelf.name', 'the VirtualService whose routes are steered'),
                kept(
                  `has(self.routes) == has(oldSelf.routes) && (!has(self.routes) || (${sameNames('routes')}))`,
                  'the http routes that are steered',
                ),
              ),
            },
          ),
          destinationRule: Type.Optional(
            Type.Object(
              { name: name('Name of the DestinationRule, in the namespace of the Release.') },
              { description: 'Where the subsets are defined; absent: every DestinationRule for the host.' },
            ),
          ),
        },
        {
          description: 'Weights of an Istio VirtualService, between subsets or hosts.',
          ...rules(kept(sameName('destinationRule'), 'the DestinationRule of the subsets')),
        },
      ),
    ),
    service: Type.Optional(
      Type.Object(
        { name: name('Name of the Service that users reach, in the namespace of the Release.') },
        {
          description:
            'The selector of a Service: all requests go to one version, or all to the other. For strategy blueGreen.',
        },
      ),
    ),
  },
  {
    description: 'Who splits the traffic: exactly one router. Absent: by replica counts.',
    ...rules(exactlyOne(...TODAY.routers), kept(sameName('service'), 'the Service that is switched')),
  },
);

/** What a step can do; exactly one each. */
export const STEPS = [
  'setWeight',
  'judge',
  'pause',
  'setReplicas',
  'gate',
  'notify',
  'analysis',
  'match',
  'mirror',
] as const;

const AnalysisStep = Type.Object(
  {
    templates: TemplateRefs,
    args: Type.Optional(
      listMap(Argument, 'name', {
        description: 'Values for the templates’ arguments; those of spec.analysis.args where left out.',
        maxItems: 64,
      }),
    ),
  },
  { description: 'Run these templates now, beside spec.analysis, and go on once they pass.' },
);
export type AnalysisStep = Static<typeof AnalysisStep>;

export const Step = Type.Object(
  {
    setWeight: Type.Optional(weight('Percent of requests for the canary.')),
    judge: Type.Optional(
      Type.Object(
        {
          atLeast: Type.Optional(duration('Do not go on before this long.')),
          atMost: Type.Optional(duration('With this much data and still no decision: inconclusive.')),
        },
        {
          description: 'Wait for the verdict.',
          ...rules({
            rule: '!has(self.atLeast) || !has(self.atMost) || duration(self.atLeast) <= duration(self.atMost)',
            message: 'atLeast is longer than atMost: make atMost the longer one',
          }),
        },
      ),
    ),
    pause: Type.Optional(
      Type.Object(
        { duration: Type.Optional(duration('How long; absent: until a person resumes.')) },
        { description: 'Wait for time or a person.' },
      ),
    ),
    gate: Type.Optional(
      Type.Object(
        {
          url: Type.String({
            description:
              'Asked by POST until it answers 2xx; no secrets belong in it. Hosts that may be asked are those of the setting for messages.',
            minLength: 1,
            maxLength: 1024,
            pattern: '^https?://[^ ]+$',
          }),
        },
        { description: 'Wait until somebody outside says yes; promote leaves it.' },
      ),
    ),
    notify: Type.Optional(
      Type.Object(
        { message: Type.String({ description: 'What they are told.', minLength: 1, maxLength: 1024 }) },
        { description: 'Tell everybody in spec.notify, and go on.' },
      ),
    ),
    setReplicas: Type.Optional(
      Type.Unsafe<number | string>({
        description: 'Pods of the canary: a number, or a percentage of stable such as 50%.',
        'x-kubernetes-int-or-string': true,
      }),
    ),
    analysis: Type.Optional(AnalysisStep),
    match: Type.Optional(RequestMatch),
    mirror: Type.Optional(
      weight('Percent of requests that the canary gets a copy of, whose answer is thrown away; 0 ends it.'),
    ),
  },
  {
    description: 'Exactly one of these.',
    ...rules(exactlyOne(...STEPS)),
  },
);

/** Indices 0…30: CEL has no loop over indices, and `isSorted` is not in every server. */
const INDICES = Array.from({ length: 31 }, (_, index) => index).join(', ');

export const Strategy = Type.Object(
  {
    canary: Type.Optional(
      Type.Object(
        {
          stepWeights: Type.Optional(
            Type.Array(Type.Integer({ description: 'Percent of requests for the canary.', minimum: 1, maximum: 100 }), {
              description: 'Short form: after each weight, go on as soon as the verdict is Pass.',
              minItems: 1,
              maxItems: 32,
              'x-kubernetes-list-type': 'atomic',
              ...rules({
                rule: `[${INDICES}].all(i, i + 1 >= size(self) || self[i] < self[i + 1])`,
                message: 'the weights do not rise from step to step: sort them, each once',
              }),
            }),
          ),
          steps: Type.Optional(
            Type.Array(Step, {
              description: 'Long form.',
              minItems: 1,
              maxItems: 64,
              'x-kubernetes-list-type': 'atomic',
              ...rules({
                rule: 'self.exists(step, has(step.setWeight) && step.setWeight > 0)',
                message: 'no step gives the canary any requests: add a setWeight between 1 and 99',
              }),
            }),
          ),
        },
        { description: 'Traffic moves in steps, each judged.', ...rules(exactlyOne('stepWeights', 'steps')) },
      ),
    ),
    blueGreen: Type.Optional(BlueGreen),
    abTest: Type.Optional(AbTest),
    rollingUpdate: Type.Optional(RollingUpdate),
    recreate: Type.Optional(Recreate),
  },
  { description: 'How it is delivered: exactly one of these.', ...rules(exactlyOne(...TODAY.strategies)) },
);

const Analysis = Type.Object(
  {
    templates: TemplateRefs,
    args: Type.Optional(
      listMap(Argument, 'name', { description: 'Values for the templates’ arguments.', maxItems: 64 }),
    ),
    preset: Type.Optional(
      literals(['sharp', 'recommended', 'tolerant'], 'How much worse than stable still counts as healthy.', {
        default: 'recommended',
      }),
    ),
    falseAbort: Type.Optional(
      percent('Probability of aborting a healthy canary, for the whole release; 5% where left out.'),
    ),
    onInconclusive: Type.Optional(
      literals(['hold', 'abort', 'advance'], 'What to do when `atMost` is over without a decision.', {
        default: 'hold',
      }),
    ),
    retreatAfter: Type.Optional(
      duration('Without usable data this long, traffic goes back to the last passed weight.', { default: '30m' }),
    ),
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
    retryAfter: Type.Optional(
      duration(
        'So long after it failed, a revision is tried again by itself, each time after twice as long; absent: when a person asks.',
      ),
    ),
  },
  {
    description: 'What is judged; absent: the steps are a timetable and the release says so.',
    ...rules({
      rule: '!has(self.dwell) || !has(self.atMost) || duration(self.dwell) <= duration(self.atMost)',
      message: 'dwell is longer than atMost, so no weight could ever pass: make atMost the longer one',
    }),
  },
);

const secretKey = (description: string) =>
  Type.Object(
    {
      name: name('Name of the Secret, in the same namespace.'),
      key: Type.String({ maxLength: 253, minLength: 1, description: 'Key in it.' }),
    },
    { description },
  );

export const NotifySink = Type.Object(
  {
    slack: Type.Optional(
      Type.Object(
        {
          channel: Type.Optional(text('Channel, where the webhook allows choosing one.', 80)),
          secretRef: secretKey('Where the URL of the incoming webhook is.'),
        },
        { description: 'An incoming webhook of Slack.' },
      ),
    ),
    webhook: Type.Optional(
      Type.Object(
        {
          secretRef: secretKey('Where the URL is.'),
          signingSecretRef: Type.Optional(secretKey('Where the key is that signs each message.')),
        },
        { description: 'A POST of JSON to any URL.' },
      ),
    ),
  },
  { description: 'Exactly one of these.', ...rules(exactlyOne('slack', 'webhook')) },
);

const Window = Type.Object(
  {
    days: Type.Optional(
      Type.Array(literals(WEEKDAYS, 'A day on which it opens.'), {
        description: 'Days on which it opens; absent: every day.',
        minItems: 1,
        maxItems: 7,
        'x-kubernetes-list-type': 'set',
      }),
    ),
    from: wallClock('When it opens, e.g. 09:00.'),
    to: wallClock('When it closes; earlier than `from`: on the next day.'),
    timeZone: Type.Optional(
      Type.String({
        description: 'IANA name of the zone whose clocks these are.',
        default: 'UTC',
        minLength: 1,
        maxLength: 64,
        pattern: '^[A-Za-z0-9_+/-]+$',
      }),
    ),
  },
  {
    description: 'A time of day, on some days.',
    ...rules({
      rule: 'self.from != self.to',
      message: 'the window opens and closes at the same time: write two times, 00:00 and 24:00 for a whole day',
    }),
  },
);

const Freeze = Type.Object(
  {
    from: time('When it begins.'),
    to: time('When it is over.'),
    because: Type.Optional(text('Why, for people.', 256)),
  },
  {
    description: 'A span without releases.',
    ...rules({
      rule: 'self.from < self.to',
      message: 'the freeze ends before it begins: exchange the two times',
    }),
  },
);

const OWN_STEPS = OWN_STEPS_WORKLOADS.filter((workload) => TODAY.workloads.some((name) => name === workload))
  .map((workload) => `has(self.workload.${workload})`)
  .join(' || ');

export const ReleaseSpec = Type.Object(
  {
    workload: Workload,
    traffic: Type.Optional(Traffic),
    strategy: Type.Optional(Strategy),
    analysis: Type.Optional(Analysis),
    mode: Type.Optional(
      literals(['act', 'observe'], 'observe: judge and report, write no traffic.', { default: 'act' }),
    ),
    progressDeadline: Type.Optional(
      duration('Longest time for the whole release, closed windows and freezes left out; after it: held.'),
    ),
    windows: Type.Optional(
      Type.Array(Window, {
        description:
          'When weights may rise by themselves; absent: always. Outside, a release stays where it is; abort, rollback and what a person asks for work always.',
        minItems: 1,
        maxItems: 16,
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    freezes: Type.Optional(
      Type.Array(Freeze, {
        description: 'When they may not, whatever the windows say.',
        maxItems: 32,
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    paused: Type.Optional(Type.Boolean({ description: 'Stay where it is.' })),
    notify: Type.Optional(
      Type.Array(NotifySink, { description: 'Who is told.', maxItems: 16, 'x-kubernetes-list-type': 'atomic' }),
    ),
  },
  {
    description: 'One workload to deliver, how, and on what evidence.',
    ...rules(
      {
        rule: `has(self.strategy) || ${OWN_STEPS}`,
        message: 'strategy is missing: write it',
        reason: 'FieldValueRequired',
      },
      {
        rule: `!(${OWN_STEPS}) || (!has(self.strategy) && !has(self.traffic))`,
        message: 'the rollout object owns its steps and its traffic: leave strategy and traffic out',
      },
      {
        rule: '!has(self.traffic) || !has(self.traffic.service) || (has(self.strategy) && has(self.strategy.blueGreen))',
        message: 'a Service sends all requests to one version: write strategy blueGreen, or name another router',
      },
      {
        rule: '!has(self.strategy) || !has(self.strategy.blueGreen) || has(self.traffic)',
        message: 'blueGreen switches a Service: name it in traffic.service',
      },
      {
        rule: '!has(self.strategy) || !(has(self.strategy.blueGreen) || has(self.strategy.recreate)) || !has(self.analysis)',
        message: 'there is no control at the same time: move the templates to the analysis of the strategy',
      },
      {
        rule: "!has(self.workload.deployment) || !has(self.mode) || self.mode == 'act'",
        message: 'mode observe needs a canary that somebody else runs: leave mode out, or observe a pair',
      },
      kept('has(self.traffic) == has(oldSelf.traffic)', 'who splits the traffic'),
    ),
  },
);
export type ReleaseSpec = Static<typeof ReleaseSpec>;
export type Step = Static<typeof Step>;
export type AnalysisSpec = Static<typeof Analysis>;
export type NotifySink = Static<typeof NotifySink>;

const Undelivered = Type.Object({
  sink: Type.Integer({ minimum: 0, maximum: 15, description: 'Its place in spec.notify, from 0.' }),
  reason: text('SecretForbidden or NotDelivered.', 128),
  message: text('What is lacking, in a sentence.', 1024),
  since: time('Since when its messages do not go out.'),
});
export type Undelivered = Static<typeof Undelivered>;

const Taken = Type.Object(
  {
    traffic: Type.Optional(opaque('What the routes held before; read by the router that wrote it.')),
    workload: Type.Optional(opaque('What the workload held before; read by its adapter.')),
  },
  { description: 'What was taken from the user’s objects, to be given back exactly.' },
);
export type TakenState = Static<typeof Taken>;

export const ReleaseStatus = Type.Object(
  {
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
        judgedStable: Type.Optional(
          text('What users got before somebody changed the stable version directly; absent while that is judged.', 64),
        ),
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
      Type.Object(
        {
          live: text('The member that has the traffic.', 253),
          idleRevision: Type.Optional(
            text('The other member’s revision when it was last settled; a change from it starts a release.', 64),
          ),
          scaleDownAt: Type.Optional(time('When the member without requests is scaled to 0.')),
        },
        { description: 'Which of the two Deployments is live.' },
      ),
    ),
    config: Type.Optional(
      Type.Object(
        {
          baseline: text(
            'Digest when Serin first looked: what pods without the annotation `serin.dev/config` started with.',
            64,
          ),
          digest: text('Digest of all that pods read which start now.', 64),
          objects: listMap(
            Type.Object({
              object: text('Kind and name, e.g. `ConfigMap web-config`.', 300),
              digest: text('Digest of what is read of it now.', 64),
              stable: Type.Optional(text('The same when the stable version was let through.', 64)),
            }),
            'object',
            { description: 'The ConfigMaps and Secrets that the pod template names.', maxItems: 64 },
          ),
        },
        {
          description:
            'What pods read of ConfigMaps and Secrets when they start (`configDigest`), as digests; never a value.',
        },
      ),
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
      Type.Object(
        {
          index: Type.Integer({ minimum: 0, maximum: 128, description: 'Which step, from 1.' }),
          of: Type.Integer({ minimum: 0, maximum: 128, description: 'How many steps.' }),
          since: time('Since when.'),
          waitingFor: text('What ends it: pods, traffic, judge, pause, gate, window, person.', 64),
        },
        { description: 'The step in force.' },
      ),
    ),
    stepText: Type.Optional(text('The step in force and how many there are, e.g. `3/6`.', 16)),
    weights: Type.Optional(
      Type.Array(
        Type.Object({
          since: time('From when.'),
          weight: weight('Percent of requests for the canary.'),
          step: Type.Integer({ minimum: 0, maximum: 128, description: 'At which step.' }),
          beside: Type.Optional(text('Hash of what the canary got beside it; absent: nothing.', 64)),
          requests: Type.Optional(
            literals(
              ['canary', 'both'],
              'At weight 0: the canary alone has requests of their kind, or stable has them too; absent: neither.',
            ),
          ),
        }),
        {
          description: 'Weights of this attempt, oldest first; the analysis reads intervals against it.',
          maxItems: 64,
          'x-kubernetes-list-type': 'atomic',
        },
      ),
    ),
    beside: Type.Optional(
      Type.Object(
        {
          match: Type.Optional(RequestMatch),
          mirror: Type.Optional(weight('Percent of requests that the canary gets a copy of.')),
        },
        { description: 'What the canary is meant to get beside its weight.' },
      ),
    ),
    plan: Type.Optional(text('Hash of the steps that are followed; edited steps show by it.', 64)),
    gate: Type.Optional(
      Type.Object(
        {
          at: Type.Optional(text('The pause that the rollout waits at; another pause has another name.', 253)),
          order: Type.Optional(
            literals(
              ['open', 'skip', 'retry', 'goBack'],
              'What the rollout’s own controller is asked for, until it has done it.',
            ),
          ),
          opened: Type.Optional(
            Type.Integer({ minimum: 0, maximum: 128, description: 'The step of the last pause that Serin opened.' }),
          ),
          isHeld: Type.Optional(Type.Boolean({ description: 'Serin paused the whole rollout.' })),
        },
        { description: 'Where a rollout stands whose own controller moves its pods and traffic.' },
      ),
    ),
    heldSince: Type.Optional(time('Since when it is held.')),
    closedSince: Type.Optional(time('Since when release windows or a freeze hold it.')),
    closedSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        format: 'int64',
        description: 'How long they held it before, in this release; not counted against progressDeadline.',
      }),
    ),
    paused: Type.Optional(Type.Boolean({ description: 'A person paused it.' })),
    rolling: Type.Optional(
      Type.Boolean({
        description: 'The hold on the Deployment is ended: it replaces its own pods by the new revision.',
      }),
    ),
    pastReturn: Type.Optional(
      Type.Boolean({
        description: 'The Deployment has replaced so many of its own pods that an abort comes too late.',
      }),
    ),
    verdict: Type.Optional(
      Type.Object(
        {
          outcome: literals(
            ['Pass', 'Fail', 'Inconclusive', 'Continue', 'Unjudged', 'Initial'],
            'What the evidence says.',
          ),
          metric: Type.Optional(text('The metric that decides.', 253)),
          odds: Type.Optional(text('Odds against a healthy canary, e.g. `37 : 1`.', 64)),
          reason: Type.Optional(text('Why, in CamelCase.', 128)),
          says: Type.Optional(text('Why, in a sentence.', 2048)),
          intervalEnd: Type.Optional(time('End of the newest interval in it.')),
          run: Type.Optional(text('Name of the AnalysisRun that says so: the release’s own, or that of a step.', 253)),
        },
        { description: 'What the evidence says of this revision at this step.' },
      ),
    ),
    analysisRun: Type.Optional(text('Name of the AnalysisRun.', 253)),
    stepRuns: Type.Optional(
      Type.Array(text('Name of an AnalysisRun.', 253), {
        description: 'Runs of steps with an analysis of their own that are not ended yet, newest last.',
        maxItems: 8,
        'x-kubernetes-list-type': 'atomic',
      }),
    ),
    stepShares: Type.Optional(
      Type.Object(
        {
          revision: text('Revision that the numbers are of.', 253),
          attempt: Type.Integer({ minimum: 1, description: 'Attempt that they are of.' }),
          given: Type.Number({
            description: 'Part of its error probability that analysis steps have had so far, 0–1.',
          }),
          present: Type.Number({ description: 'Part of it that the newest of them has.' }),
        },
        { description: 'So that steps that are added, or begin again, never spend more than was promised.' },
      ),
    ),
    taken: Type.Optional(Taken),
    handledRequest: Type.Optional(
      Type.Object(
        {
          id: text('Unique id of the request.', 128),
          action: text('What was asked.', 64),
          actor: Type.Optional(text('By whom.', 253)),
          result: literals(['done', 'refused'], 'What came of it.'),
          message: Type.Optional(text('Why it was refused.', 1024)),
        },
        { description: 'The last request of a person, answered.' },
      ),
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
    undelivered: Type.Optional(
      listMap(Undelivered, 'sink', {
        description:
          'Sinks of spec.notify whose last message did not go out; gone with the next one that does. It holds up no decision.',
        maxItems: 16,
      }),
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
          attempt: Type.Integer({ minimum: 0, maximum: 100, description: 'Which try it was.' }),
          weight: weight('The weight it reached.'),
        }),
        { description: 'The last 10 releases, newest last.', maxItems: 10, 'x-kubernetes-list-type': 'atomic' },
      ),
    ),
  },
  { description: 'Written by Serin only.' },
);
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

/** `3/6`: what `kubectl get releases` shows as STEP. */
export function stepTextOf(step: ReleaseStatus['step']): string | undefined {
  return step === undefined ? undefined : `${step.index}/${step.of}`;
}

export const releaseKind: KindDefinition = {
  type: TYPES.release,
  description:
    'One workload to deliver: the new version gets traffic step by step, each step is judged against the stable version, and the release is promoted or aborted.',
  shortNames: ['rel'],
  categories: ['serin', 'all'],
  spec: ReleaseSpec,
  status: ReleaseStatus,
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where the release is.' },
    { name: 'Weight', type: 'integer', jsonPath: '.status.weight', description: 'Percent of requests for the canary.' },
    { name: 'Step', type: 'string', jsonPath: '.status.stepText', description: 'Which step of how many.' },
    { name: 'Verdict', type: 'string', jsonPath: '.status.verdict.outcome', description: 'What the evidence says.' },
    { name: 'Reason', type: 'string', jsonPath: '.status.reason', description: 'Why.' },
    {
      name: 'Workload',
      type: 'string',
      jsonPath: '.spec.workload.pair.members',
      description: 'What is delivered.',
      priority: 1,
    },
    {
      name: 'Router',
      type: 'string',
      jsonPath: '.spec.traffic.istio.virtualService.name',
      description: 'Whose weights are steered; empty: replica counts, or a Service that is switched.',
      priority: 1,
    },
    {
      name: 'Since',
      type: 'date',
      jsonPath: '.status.step.since',
      description: 'Since when at this step.',
      priority: 1,
    },
    AGE,
  ],
  example: `apiVersion: serin.dev/v1alpha1
kind: Release
metadata:
  name: web
  namespace: shop
spec:
  workload:
    pair: {members: [web-v1, web-v2]}
  traffic:
    istio:
      virtualService: {name: web, routes: [main]}
  strategy:
    canary:
      stepWeights: [5, 25, 50]
  analysis:
    templates:
    - {name: success-and-latency, clusterScope: true}
    args:
    - {name: slo-ms, value: "300"}
    preset: recommended
    falseAbort: 5%
  progressDeadline: 2h
  notify:
  - slack:
      channel: "#releases"
      secretRef: {name: slack, key: url}
`,
};
