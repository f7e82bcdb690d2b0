import { describe, expect, test } from 'vitest';
import { type PlanFlags, planInputOf } from '../../../src/cli/plan-input.ts';
import { renderPlan } from '../../../src/cli/plan-table.ts';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import { forecastPlan } from '../../../src/stats/planner.ts';

const flags = (over: Partial<PlanFlags> = {}): PlanFlags => ({
  rps: '120',
  baseline: '0.5%',
  weights: '5,25,50',
  step: '15m',
  dispersion: '1.4',
  share: '1',
  ...over,
});

const spec = (steps: NonNullable<NonNullable<ReleaseSpec['strategy']>['canary']>): ReleaseSpec => ({
  workload: { pair: { members: ['web-a', 'web-b'] } },
  strategy: { canary: steps },
  analysis: { templates: [{ name: 'web' }], preset: 'tolerant', atMost: '20m' },
});

describe('a plan', () => {
  test('is shown with what each step sees, warnings, and a better one', async () => {
    const input = planInputOf(flags());
    await expect(renderPlan(input, forecastPlan(input), 'web')).toMatchFileSnapshot('golden/plan.txt');
  });

  test('says where a workload has too little traffic to see anything', () => {
    const input = planInputOf(flags({ rps: '0.01', weights: '5', step: '1m' }));
    const text = renderPlan(input, forecastPlan(input));
    expect(text).toContain('Step 1 usually ends inconclusive');
    expect(text).toContain('sees no lasting regression at all');
  });

  test('uses the numbers of a release: the level of its first attempt, preset and times', () => {
    const where = 'web.yaml: Release web';
    const short = planInputOf(
      { rps: '120', baseline: '0.5%', dispersion: '1', share: '1' },
      { where, spec: spec({ stepWeights: [10, 50, 100] }) },
    );
    expect(short.steps).toEqual([
      { weight: 10, durationMs: 1_200_000 },
      { weight: 50, durationMs: 1_200_000 },
    ]);
    expect(short.fail.ratio).toBe(1.25);
    expect(short.falseAbort).toBeCloseTo(0.05 * 0.6, 12);
    const long = planInputOf(
      { rps: '120', baseline: '0.5%', dispersion: '1', share: '1' },
      { where, spec: spec({ steps: [{ setWeight: 20 }, { judge: { atMost: '5m' } }, { pause: { duration: '2m' } }] }) },
    );
    expect(long.steps).toEqual([{ weight: 20, durationMs: 420_000 }]);
  });

  test('plans for the part of the error probability that analysis steps leave', () => {
    const numbers = { rps: '120', baseline: '0.5%', dispersion: '1', share: '1' };
    const analysis = { templates: [{ name: 'smoke' }] };
    const release = { where: 'web.yaml: Release web', spec: spec({ steps: [{ setWeight: 20 }, { analysis }] }) };
    expect(planInputOf(numbers, release).falseAbort).toBeCloseTo(0.8 * 0.05 * 0.6, 12);
  });

  test('an A/B test is planned by its share of the requests that match, and not without one', () => {
    const numbers = { rps: '40', baseline: '0.5%', dispersion: '1', share: '1' };
    const tested = (share?: number) => ({
      where: 'web.yaml: Release web',
      spec: {
        ...spec({ stepWeights: [5] }),
        strategy: {
          abTest: {
            match: { headers: { group: { exact: 'b' } }, ...(share === undefined ? {} : { share }) },
            duration: '2h',
          },
        },
      },
    });
    expect(planInputOf(numbers, tested(50)).steps).toEqual([{ weight: 50, durationMs: 7_200_000 }]);
    expect(() => planInputOf(numbers, tested())).toThrow('nothing can be compared with stable');
  });

  test('a Release of a Rollout has no steps of its own: they are to be given', () => {
    const release = { where: 'web.yaml: Release web', spec: { workload: { argoRollout: { name: 'web' } } } };
    const { weights: _weights, ...rest } = flags();
    expect(() => planInputOf(rest, release)).toThrow('follows the steps of its Rollout');
    expect(planInputOf({ ...rest, weights: '5,25' }, release).steps.map(({ weight }) => weight)).toEqual([5, 25]);
  });

  test.each([
    ['no traffic', { rps: undefined }, '--rps is missing. Give requests per second'],
    ['no baseline', { baseline: undefined }, '--baseline is missing.'],
    ['no weights', { weights: undefined }, '--weights is missing.'],
    ['a baseline without percent', { baseline: '0.005' }, '--baseline is "0.005". Write a percentage'],
    ['words', { rps: 'much' }, '--rps is "much". Write a number from'],
    ['weights that fall', { weights: '50,5' }, '--weights 50,5 do not rise.'],
    ['a weight of 100', { weights: '50,100' }, '--weights is "100". Write a number from 0.1 to 99.'],
    ['durations that do not fit', { step: '5m,10m' }, '--step 5m,10m has 2 durations for 3 weights.'],
    ['no unit', { step: '15' }, '--step is "15". Write a duration'],
    ['another preset', { preset: 'strict' }, '--preset strict is not known. Use one of: sharp, recommended, tolerant.'],
    ['less than independent', { dispersion: '0.5' }, '--dispersion is "0.5". Write a number from 1'],
    ['a false abort that means nothing', { falseAbort: '90%' }, 'falseAbort is "90%"'],
  ] as const)('is refused with %s', (_, over, says) => {
    const given = Object.fromEntries(
      Object.entries({ ...flags(), ...over }).filter(([, value]) => value !== undefined),
    );
    expect(() => planInputOf(given as unknown as PlanFlags)).toThrow(says);
  });
});
