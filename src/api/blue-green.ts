/**
 * Strategies that give all requests to one version at a time: blueGreen switches between two that stand, recreate stops one and starts
 * the other. There is no control, so bounds and providers decide.
 */
import Type, { type Static } from 'typebox';
import { Argument } from './analysis-template.ts';
import { duration, listMap, literals, name, percent, rules } from './schema.ts';
import { TemplateRefs } from './template-refs.ts';

const phase = (description: string) =>
  Type.Object(
    {
      templates: TemplateRefs,
      args: Type.Optional(
        listMap(Argument, 'name', { description: 'Values for the templates’ arguments.', maxItems: 64 }),
      ),
      preset: Type.Optional(
        literals(['sharp', 'recommended', 'tolerant'], 'How far beyond a bound still counts as healthy.'),
      ),
      onInconclusive: Type.Optional(
        literals(['hold', 'abort', 'advance'], 'What to do when `atMost` is over without a decision; absent: hold.'),
      ),
      interval: Type.Optional(duration('Length of one poll interval; a multiple of the service’s grid.')),
      warmUp: Type.Optional(duration('Pods younger than this are not looked at.')),
      dwell: Type.Optional(duration('Shortest time before it may pass.')),
      atMost: Type.Optional(duration('With this much data and still no decision: inconclusive.')),
      minRequests: Type.Optional(
        Type.Integer({
          description: 'Requests that a metric with a bound needs before it may pass.',
          minimum: 0,
          maximum: 1_000_000_000,
        }),
      ),
    },
    {
      description,
      ...rules({
        rule: '!has(self.dwell) || !has(self.atMost) || duration(self.dwell) <= duration(self.atMost)',
        message: 'dwell is longer than atMost, so it could never pass: make atMost the longer one',
      }),
    },
  );

const NO_CONTROL =
  'There is no control at the same time: metrics with a bound and measured ones decide, comparisons with stable are only shown.';

/** What all analyses of a strategy share. */
const shared = {
  falseAbort: Type.Optional(
    percent('Probability of aborting a healthy version, for all analyses together; 5% where left out.'),
  ),
  retreatAfter: Type.Optional(
    duration('Without usable data this long, users get the old version back; 30m where left out.'),
  ),
  retryLimit: Type.Optional(
    Type.Integer({ description: 'How often one revision may be retried.', minimum: 0, maximum: 10 }),
  ),
  retryAfter: Type.Optional(
    duration(
      'So long after it failed, a revision is tried again by itself, each time after twice as long; absent: when a person asks.',
    ),
  ),
};

const BlueGreenAnalysis = Type.Object(
  {
    before: Type.Optional(phase('Judged once the new pods are ready, before users get them.')),
    after: Type.Optional(
      phase('Judged once users get them; a Fail switches back at once. The old pods stay until it is over.'),
    ),
    ...shared,
  },
  {
    description: `What is judged; absent: it is switched as soon as the new pods are ready, and the release says so. ${NO_CONTROL}`,
    ...rules({
      rule: 'has(self.before) || has(self.after)',
      message: 'nothing is judged: write before, after or both',
      reason: 'FieldValueRequired',
    }),
  },
);

const pause = (description: string) =>
  Type.Optional(
    Type.Object({ duration: Type.Optional(duration('How long; absent: until a person resumes.')) }, { description }),
  );

export const BlueGreen = Type.Object(
  {
    preview: Type.Optional(
      name(
        'Name of a Service for testers: Serin lets it select the version that is not live, which is where the next one appears; of one Deployment, the canary while a release is under way.',
      ),
    ),
    analysis: Type.Optional(BlueGreenAnalysis),
    pause: pause('Wait before the switch, after the analysis before it.'),
    scaleDownAfter: Type.Optional(
      duration(
        'How long after the promotion the old version is scaled to 0. Left out, it keeps its pods for a quick way back. Of one Deployment: how long its old pods stand after the last Pass; left out, they are replaced at once.',
      ),
    ),
  },
  {
    description: 'All requests go from the old version to the new one at once.',
    ...rules({
      rule: 'has(oldSelf.preview) == has(self.preview) && (!has(self.preview) || self.preview == oldSelf.preview)',
      message:
        'the preview Service that is switched cannot be exchanged: delete the Release, which gives it back, and write another',
    }),
  },
);
export type BlueGreen = Static<typeof BlueGreen>;

export const Recreate = Type.Object(
  {
    analysis: Type.Optional(
      Type.Object(
        { after: phase('Judged once the new version runs; a Fail stops it and starts the old one again.'), ...shared },
        { description: `What is judged; absent: nothing is, and the release says so. ${NO_CONTROL}` },
      ),
    ),
    pause: pause('Wait before the old version is stopped.'),
  },
  { description: 'The old version is stopped, then the new one is started: never both, and nothing in between.' },
);
