import { describe, expect, test } from 'vitest';
import { type PlanFlags, planInputOf, slowestPlan } from '../../../src/cli/plan/input.ts';
import { metricsOfRelease } from '../../../src/cli/plan/metrics.ts';
import { widthOf } from '../../../src/cli/screen/style.ts';
import { readSource } from '../../../src/cli/lint/source.ts';
import { specsOf } from '../../../src/cli/specs/specs.ts';
import { renderSwitchPlan, switchPlanOf } from '../../../src/cli/plan/switch.ts';
import { renderPlan } from '../../../src/cli/plan/table.ts';
import { addInterval, oddsOf, openComparison, passOddsOf } from '../../../src/judge/comparison.ts';
import { type BoundedPlan, forecastBound } from '../../../src/judge/forecast-bound.ts';
import { type SeededRandom, seeded } from '../../support/random.ts';
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

const specsIn = (text: string) => specsOf(readSource('web.yaml', text).objects);

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

  test('loses columns from the right on a narrow terminal', async () => {
    const input = planInputOf(flags());
    const told = (columns: number): string => renderPlan(input, forecastPlan(input), 'web', undefined, columns);
    await expect(told(60)).toMatchFileSnapshot('golden/plan-narrow.txt');
    for (const columns of [40, 60, 90, 120, 160])
      expect(Math.max(...told(columns).split('\n').map(widthOf))).toBeLessThanOrEqual(columns);
  });

  test.each([
    ['all is bad already', { baseline: '100%' }, 'Every request is bad now, so nothing can be worse.'],
    ['twice as bad would be more than all', { baseline: '60%' }, 'so ×2 would be more than all requests.'],
    ['steps of seconds', { step: '5s' }, 'none of its steps lasts an interval of 10 s, and a Fail needs 3.'],
    ['intervals of half an hour', { interval: '30m', step: '1h,10m,10m' }, 'its steps last 2 intervals of 30 min'],
  ])('says why it sees nothing: %s', (_, over, says) => {
    const input = planInputOf(flags(over));
    expect(renderPlan(input, forecastPlan(input))).toContain(says);
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
    expect(short.falseAbort).toBeCloseTo(0.05 * 0.63, 12);
    const long = planInputOf(
      { rps: '120', baseline: '0.5%', dispersion: '1', share: '1' },
      { where, spec: spec({ steps: [{ setWeight: 20 }, { judge: { atMost: '5m' } }, { pause: { duration: '2m' } }] }) },
    );
    expect(long.steps).toEqual([{ weight: 20, durationMs: 420_000 }]);
  });

  describe('of a release’s own metrics', () => {
    const numbers = { rps: '120', baseline: '0.5%', dispersion: '1' };
    const where = 'web.yaml: Release web';
    const withTemplate = (name: string, clusterScope: boolean): ReleaseSpec => ({
      ...spec({ stepWeights: [5, 25, 50] }),
      analysis: { templates: [{ name, clusterScope }] },
    });
    const template = (compare: string): string => `apiVersion: serin.dev/v1alpha1
kind: AnalysisTemplate
metadata: {name: own, namespace: shop}
spec:
  metrics:
    - {name: sharp, compare: {query: istio-requests, pass: {ratio: 3}}}
    - {name: other, weight: 10%, compare: {query: istio-requests, ${compare}}}`;

    test('is for the slowest of them, with its margins and its part of the evidence', () => {
      const release = { where, spec: withTemplate('success-and-latency', true) };
      const { metrics, notes } = metricsOfRelease('web', release.spec, specsOf([]));
      expect(notes).toEqual([]);
      const { input, metric } = slowestPlan(numbers, release, metrics);
      expect(metric).toMatchObject({ name: 'errors', critical: true });
      expect(input.share).toBe(0.625);
      expect(input.pass).toEqual(planInputOf({ ...numbers, critical: true }, release).pass);
      const planned = { name: 'errors', critical: true, of: metrics.length };
      expect(renderPlan(input, forecastPlan(input), 'web', planned)).toContain(
        'Metric errors (critical), with 62.5 % of the evidence: the slowest of 2 to pass.',
      );
    });

    test('finds templates in the same file, and names metrics that cannot be forecast', () => {
      const release = { where, spec: withTemplate('own', false) };
      const both = metricsOfRelease('web', release.spec, specsIn(template('pass: {ratio: 1.2}')));
      expect(slowestPlan(numbers, release, both.metrics).metric?.name).toBe('other');
      const one = metricsOfRelease('web', release.spec, specsIn(template('against: {constant: 1%}')));
      expect(one.metrics.map(({ name }) => name)).toEqual(['sharp']);
      expect(one.notes).toEqual([expect.stringContaining('Not forecast: other')]);
    });

    test('says so where they are unknown, and plans for one that has all of the evidence', () => {
      const release = { where, spec: withTemplate('elsewhere', false) };
      const { metrics, notes } = metricsOfRelease('web', release.spec, specsOf([]));
      expect(notes).toEqual([expect.stringContaining('elsewhere')]);
      expect(slowestPlan(numbers, release, metrics).input.share).toBe(1);
    });
  });

  test('plans for the part of the error probability that analysis steps leave', () => {
    const numbers = { rps: '120', baseline: '0.5%', dispersion: '1', share: '1' };
    const analysis = { templates: [{ name: 'smoke' }] };
    const release = { where: 'web.yaml: Release web', spec: spec({ steps: [{ setWeight: 20 }, { analysis }] }) };
    expect(planInputOf(numbers, release).falseAbort).toBeCloseTo(0.8 * 0.05 * 0.63, 12);
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

  describe('of a switch', () => {
    const where = 'web.yaml: Release web';
    const switched: ReleaseSpec = {
      workload: { pair: { members: ['web-a', 'web-b'] } },
      traffic: { service: { name: 'web' } },
      strategy: {
        blueGreen: {
          pause: {},
          analysis: {
            before: { templates: [{ name: 'self-test' }] },
            after: { templates: [{ name: 'few-errors' }], atMost: '10m' },
          },
        },
      },
    };
    const { weights: _weights, ...numbers } = flags({ baseline: '0.6%', dispersion: '1' });

    test('says what is judged when, and how long a bound takes', async () => {
      const steps = switchPlanOf({ ...numbers, bound: '1%' }, { where, spec: switched }) ?? [];
      await expect(`${renderSwitchPlan('web', steps)}\n`).toMatchFileSnapshot('golden/plan-switch.txt');
    });

    test('without numbers says what is judged when, and what to give', () => {
      const bare = { dispersion: '1', share: '1' };
      const text = renderSwitchPlan('web', switchPlanOf(bare, { where, spec: switched }) ?? []);
      expect(text).toContain('give --bound 1%, --rps and --baseline');
      expect(text).not.toContain('Typical times');
      const { blueGreen: _blueGreen, ...none } = switched.strategy ?? {};
      const unjudged = switchPlanOf(bare, { where, spec: { ...switched, strategy: { ...none, recreate: {} } } });
      expect(renderSwitchPlan('web', unjudged ?? [])).toContain('Nothing is judged: there is no analysis.');
    });

    test('is none for a canary, whose shares can be compared', () => {
      expect(switchPlanOf(numbers, { where, spec: spec({ stepWeights: [5] }) })).toBeUndefined();
    });

    test.each([
      { badShare: 0.004, kind: 'passes' },
      { badShare: 0.007, kind: 'passes' },
      { badShare: 0.015, kind: 'fails' },
      { badShare: 0.03, kind: 'fails' },
    ] as const)('$badShare bad against 1 % $kind when simulated runs typically do', ({ badShare, kind }) => {
      const forecast = forecastBound(bounded, badShare);
      expect(forecast.kind).toBe(kind);
      const random = seeded(17);
      const times = Array.from({ length: 61 }, () => simulated(random, badShare, kind)).toSorted((a, b) => a - b);
      const median = times[30] ?? 0;
      const forecastMs = forecast.kind === 'never' ? NaN : forecast.afterMs;
      expect(forecastMs / median).toBeGreaterThan(0.66);
      expect(forecastMs / median).toBeLessThan(1.5);
    });

    const margin = { ratio: 1, difference: 0 };
    const bounded: BoundedPlan = {
      requestsPerSecond: 40,
      dispersion: 1,
      bound: 0.01,
      fail: margin,
      pass: margin,
      falseAbort: 0.015,
      share: 1,
      falsePass: 0.05,
      intervalMs: 10_000,
      horizonMs: 21_600_000,
      minRequests: 200,
      atLeastMs: 30_000,
      atMostMs: 900_000,
    };

    /** The judge itself on random counts of pods that do not differ. */
    function simulated(random: SeededRandom, badShare: number, until: 'passes' | 'fails'): number {
      const pods = (total: number) =>
        Array.from({ length: 4 }, (_, k) => ({
          pod: `p${k}`,
          bad: random.poisson((total * badShare) / 4),
          total: total / 4,
        }));
      const none = { bad: 0, total: 0 };
      const past = Array.from({ length: 60 }, () => {
        const stablePods = pods(400);
        const bad = stablePods.reduce((sum, pod) => sum + pod.bad, 0);
        return { canary: none, stable: { bad, total: 400 }, stablePods };
      });
      const comparison = openComparison({ share: 1, mustPass: true }, past);
      const terms = { fail: margin, pass: margin, constant: 0.01, threshold: 1 / 0.015, horizon: 2160, weight: 100 };
      for (let index = 0; index < 1000; index++) {
        const counts = { canary: { bad: random.poisson(400 * badShare), total: 400 }, stable: none, stablePods: [] };
        addInterval(comparison, counts, 4, { ...terms, index });
        const isProven = passOddsOf(comparison, { pass: margin, constant: 0.01 }) >= Math.log(20);
        if (index < 2) continue;
        if (until === 'fails' ? oddsOf(comparison) >= 1 / 0.015 : isProven) return (index + 1) * 10_000;
      }
      return 1e9;
    }
  });

  describe('of a Release that follows a Rollout', () => {
    const { weights: _weights, step: _step, ...rest } = flags();
    const named = (field: 'argoRollout' | 'kruiseRollout', text: string) => ({
      where: 'web.yaml: Release web',
      spec: { workload: { [field]: { name: 'web' } }, analysis: { templates: [{ name: 'web' }] } } as ReleaseSpec,
      namespace: 'shop',
      beside: readSource('web.yaml', text).objects,
    });
    const argo = (canary: string, namespace = 'shop') =>
      named(
        'argoRollout',
        `apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web, namespace: ${namespace}}\nspec: {strategy: {canary: {steps: ${canary}}}}`,
      );
    const kruise = (steps: string, more = '') =>
      named(
        'kruiseRollout',
        `apiVersion: rollouts.kruise.io/v1beta1\nkind: Rollout\nmetadata: {name: web}\nspec:\n  workloadRef: {apiVersion: apps/v1, kind: Deployment, name: app}\n  strategy: {canary: {steps: ${steps}}}\n${more}`,
      );

    test.each([
      ['pauses that wait', argo('[{setWeight: 20}, {pause: {}}, {setWeight: 50}, {pause: {}}]'), ['20 15m', '50 15m']],
      ['a pause that ends by itself', argo('[{setWeight: 20}, {pause: {duration: 5m}}]'), ['20 5m']],
      [
        'an analysis of its own, and a weight that is left at once',
        argo('[{setWeight: 5}, {setWeight: 20}, {analysis: {}}, {pause: {}}, {setWeight: 100}]'),
        ['20 15m'],
      ],
      ['requests of OpenKruise', kruise('[{replicas: 20%, pause: {}}, {replicas: 50%}]'), ['20 15m', '50 15m']],
      [
        'numbers of pods beside their Deployment',
        kruise(
          '[{replicas: 1}, {replicas: 2}]',
          '---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec: {replicas: 4}',
        ),
        ['25 15m', '50 15m'],
      ],
    ])('reads %s', (_, release, expected) => {
      const { steps } = planInputOf(rest, release);
      expect(steps.map(({ weight, durationMs }) => `${weight} ${durationMs / 60_000}m`)).toEqual(expected);
    });

    test.each([
      ['no Rollout', named('argoRollout', ''), 'its steps are those of Rollout web, which is not in this file'],
      ['one of another namespace', argo('[{setWeight: 20}]', 'other'), 'its steps are those of Rollout web'],
      [
        'a number of pods of nobody knows how many',
        kruise('[{replicas: 1}]'),
        'Deployment app, which says of how many',
      ],
      ['nothing to compare', argo('[{setWeight: 100}, {pause: {}}]'), 'Add one to Rollout web.'],
    ])('says what is missing: %s', (_, release, says) => {
      expect(() => planInputOf(rest, release)).toThrow(says);
      expect(planInputOf({ ...rest, weights: '5,25' }, release).steps.map(({ weight }) => weight)).toEqual([5, 25]);
    });
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
    ['a false abort that means nothing', { falseAbort: '90%' }, '--false-abort is "90%". Write a percentage'],
    ['an interval of a millisecond', { interval: '1ms' }, '--interval is "1ms".'],
  ] as const)('is refused with %s', (_, over, says) => {
    const given = Object.fromEntries(
      Object.entries({ ...flags(), ...over }).filter(([, value]) => value !== undefined),
    );
    expect(() => planInputOf(given as unknown as PlanFlags)).toThrow(says);
  });
});
