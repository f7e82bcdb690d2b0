/** Strategies become plans: every raise judged where there is an analysis, a timetable where there is none, and bad ones refused by field. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReleaseSpec, Step } from '../../../src/api/release.ts';
import { describeMatch } from '../../../src/api/request-match.ts';
import { type Plan, planOf, replicasAt, weightAt } from '../../../src/release/plan.ts';
import type { PlanStep } from '../../../src/release/steps.ts';
import { anAnalysis, aSpec } from './world.ts';

const short = (step: PlanStep): string => {
  if (step.kind === 'setWeight') return `${step.weight}`;
  if (step.kind === 'judge') return step.isImplied ? 'judge*' : 'judge';
  if (step.kind === 'gate') return `gate ${step.url}`;
  if (step.kind === 'notify') return `notify ${step.message}`;
  if (step.kind === 'analysis') return `analysis ${step.templates.map(({ name }) => name).join('+')}`;
  if (step.kind === 'match') return `match ${describeMatch(step.match)}`;
  if (step.kind === 'mirror') return `mirror ${step.percent}`;
  return step.kind === 'pause' ? `pause ${step.durationMs ?? 'forever'}` : `replicas ${JSON.stringify(step.replicas)}`;
};
const planned = (canary: NonNullable<NonNullable<ReleaseSpec['strategy']>['canary']>, isJudged = true): string => {
  const { analysis: _analysis, ...spec } = aSpec({ strategy: { canary } });
  const plan = planOf(isJudged ? { ...spec, analysis: anAnalysis } : spec);
  return plan.kind === 'plan' ? plan.steps.map(short).join(', ') : plan.message;
};

test.each([
  ['short form', { stepWeights: [5, 25, 50] }, '5, judge, 25, judge, 50, judge'],
  ['a last weight of 100 has nothing to be compared with', { stepWeights: [50, 100] }, '50, judge, 100'],
  [
    'written judges stay',
    { steps: [{ setWeight: 5 }, { judge: { atLeast: '3m' } }, { setWeight: 50 }, { judge: {} }] },
    '5, judge, 50, judge',
  ],
  [
    'gates and notes are no raises, and a judge still comes before the next one',
    {
      steps: [
        { setWeight: 5 },
        { gate: { url: 'https://gate/x' } },
        { notify: { message: 'half' } },
        { setWeight: 50 },
      ],
    },
    '5, gate https://gate/x, notify half, judge*, 50, judge*',
  ],
  [
    'unwritten judges come before the next raise',
    { steps: [{ setWeight: 5 }, { pause: { duration: '1m' } }, { setWeight: 50 }] },
    '5, pause 60000, judge*, 50, judge*',
  ],
  [
    'lowering needs no judge, rising again does',
    { steps: [{ setWeight: 50 }, { judge: {} }, { setWeight: 10 }, { setWeight: 60 }] },
    '50, judge, 10, judge*, 60, judge*',
  ],
  [
    'replicas and endless pauses',
    { steps: [{ setReplicas: '50%' }, { setWeight: 5 }, { judge: {} }, { pause: {} }] },
    'replicas {"fraction":0.5}, 5, judge, pause forever',
  ],
] as const)('with analysis: %s', (_name, canary, expected) => {
  expect(planned(structuredClone(canary) as never)).toBe(expected);
});

test.each([
  [
    'each weight of the short form lasts the shortest dwell',
    { stepWeights: [5, 50] },
    '5, pause 180000, 50, pause 180000',
  ],
  [
    'a judge is the time it asks for',
    { steps: [{ setWeight: 5 }, { judge: { atLeast: '10m' } }, { setWeight: 100 }] },
    '5, pause 600000, 100',
  ],
] as const)('without analysis it is a timetable: %s', (_name, canary, expected) => {
  expect(planned(structuredClone(canary) as never, false)).toBe(expected);
});

describe('refused, with field and fix', () => {
  test.each([
    [
      { stepWeights: [10, 10] },
      'spec.strategy.canary.stepWeights[1] is 10, which is not above 10. Let the weights rise from step to step.',
    ],
    [{ stepWeights: [150] }, 'spec.strategy.canary.stepWeights[0] is 150. Write a whole number from 0 to 100.'],
    [
      { stepWeights: [5], steps: [{ setWeight: 5 }] },
      'spec.strategy.canary needs exactly one of stepWeights and steps. Keep one of them.',
    ],
    [{}, 'spec.strategy.canary needs exactly one of stepWeights and steps. Keep one of them.'],
    [
      { steps: [{ setWeight: 5, pause: {} }] },
      'spec.strategy.canary.steps[0] needs exactly one of setWeight, judge, pause, setReplicas, gate, notify, analysis, match, mirror, and has 2. Write one step for each.',
    ],
    [
      { steps: [{ tint: {} }] },
      'spec.strategy.canary.steps[0] has the unknown step "tint". Write one of setWeight, judge, pause, setReplicas, gate, notify, analysis, match, mirror.',
    ],
    [
      { steps: [{ setWeight: 5 }, { pause: { duration: '5x' } }] },
      'spec.strategy.canary.steps[1].pause.duration is "5x". Write a Go-style duration such as 90s, 1h30m, 1.5h or 250ms.',
    ],
    [
      { steps: [{ setWeight: 5 }, { judge: { atLeast: '5m', atMost: '1m' } }] },
      'spec.strategy.canary.steps[1].judge.atLeast is longer than atMost. Make atMost the longer one.',
    ],
    [
      { steps: [{ judge: {} }, { setWeight: 5 }] },
      'spec.strategy.canary.steps has a judge at weight 0, where the canary has no requests to compare. Put it after a setWeight between 1 and 99.',
    ],
    [
      { steps: [{ setWeight: 5 }, { setWeight: 100 }, { judge: {} }] },
      'spec.strategy.canary.steps has a judge at weight 100, where stable has no requests to compare. Put it after a setWeight between 1 and 99.',
    ],
    [
      { steps: [{ pause: {} }] },
      'spec.strategy.canary.steps never gives the canary any requests. Add a setWeight between 1 and 99.',
    ],
    [
      { steps: [{ setWeight: 100 }] },
      'spec.strategy.canary goes from 0 to 100 % at once, so nothing could be judged. Put a weight between 1 and 99 before, or leave spec.analysis out.',
    ],
    [
      { steps: [{ setWeight: 5 }, { setWeight: 0 }] },
      'spec.strategy.canary.steps ends at weight 0, and the promotion after it could not be judged. End with a setWeight between 1 and 100.',
    ],
    [
      { steps: [{ setReplicas: 'many' }, { setWeight: 5 }] },
      'spec.strategy.canary.steps[0].setReplicas is "many". Write a number of pods, or a percentage of stable such as 50%.',
    ],
  ])('%j', (canary, message) => {
    expect(planned(canary as never)).toBe(message);
  });

  test.each([
    [{ progressDeadline: 'soon' }, 'spec.progressDeadline is "soon"'],
    [{ analysis: { ...anAnalysis, retreatAfter: '-1m' } }, 'spec.analysis.retreatAfter is "-1m"'],
    [{ strategy: {} }, 'spec.strategy names no strategy'],
    [{ workload: { deployment: { name: 'web' } }, mode: 'observe' }, 'spec.mode is observe'],
  ])('%j', (change, message) => {
    const plan = planOf(aSpec(change as never));
    expect(plan.kind === 'plan' ? '' : plan.message).toContain(message);
  });
});

test('weights and replicas in force at each step', () => {
  const plan = planOf(
    aSpec({
      strategy: {
        canary: {
          steps: [{ setReplicas: 3 }, { setWeight: 5 }, { judge: {} }, { setReplicas: '50%' }, { setWeight: 40 }],
        },
      },
    }),
  ) as Plan;
  expect([-1, 0, 1, 2, 3, 4, 5, 6, 7].map((index) => weightAt(plan, index))).toEqual([
    undefined,
    0,
    0,
    5,
    5,
    5,
    40,
    40,
    undefined,
  ]);
  expect([0, 1, 3, 4, 6].map((index) => replicasAt(plan, index, 5))).toEqual([undefined, 3, 3, 3, 3]);
  expect(replicasAt(plan, 4, 9)).toBe(5);
});

const steps = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 100 }).map((setWeight): Step => ({ setWeight })),
    fc.constant<Step>({ judge: {} }),
    fc.constant<Step>({ pause: { duration: '1m' } }),
    fc.constant<Step>({ setReplicas: 2 }),
  ),
  { minLength: 1, maxLength: 12 },
);

test('a plan with analysis has a judge between any weight from 1 to 99 and a later rise, and before the end', () => {
  fc.assert(
    fc.property(steps, (written) => {
      const plan = planOf(aSpec({ strategy: { canary: { steps: written } } }));
      fc.pre(plan.kind === 'plan');
      let weight = 0;
      let isJudged = true;
      for (const step of plan.steps) {
        if (step.kind === 'judge') isJudged = true;
        if (step.kind !== 'setWeight') continue;
        if (step.weight > weight) expect(isJudged).toBe(true);
        if (step.weight !== weight) isJudged = step.weight === 0 || step.weight === 100;
        weight = step.weight;
      }
      expect(isJudged && weight > 0).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test.each<readonly [string, string[], boolean, string]>([
  ['each pause is judged', ['25%', '50%'], true, '25, judge, 50, judge'],
  ['without an analysis each pause has its time', ['25%'], false, '25, pause 180000'],
  [
    'pauses that do not rise',
    ['50%', '25%'],
    true,
    'spec.strategy.rollingUpdate.pauses[1] is 25, which is not above 50. Let the weights rise from step to step.',
  ],
  [
    'a pause that is no share',
    ['some'],
    true,
    'spec.strategy.rollingUpdate.pauses[0] is "some". Write a share of the pods such as 25%.',
  ],
])('a rolling update: %s', (_name, pauses, isJudged, expected) => {
  const spec: ReleaseSpec = {
    workload: { deployment: { name: 'web' } },
    strategy: { rollingUpdate: { pauses } },
    ...(isJudged ? { analysis: anAnalysis } : {}),
  };
  const plan = planOf(spec);
  expect(plan.kind === 'plan' ? plan.steps.map(short).join(', ') : plan.message).toBe(expected);
});
