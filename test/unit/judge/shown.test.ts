import { describe, expect, test } from 'vitest';
import { statusProblem } from '../../../src/cli/explain/verdict-shape.ts';
import { pictureOfLooks } from '../../../src/cli/replay/render.ts';
import type { ResolvedMetric } from '../../../src/api/analysis-run.ts';
import { parseEvidence, serialiseEvidence } from '../../../src/judge/checkpoint.ts';
import { observe, openEvidence } from '../../../src/judge/evidence.ts';
import { judgeStep } from '../../../src/judge/judge-step.ts';
import type { Observation } from '../../../src/judge/observation.ts';
import { sayDifference, sayDirection, sayLines, sayRatio, saySide } from '../../../src/judge/render-estimate.ts';
import { renderSvg } from '../../../src/judge/render-svg.ts';
import type { MetricVerdict, StepVerdict } from '../../../src/judge/verdict.ts';
import { type SeededRandom, seeded } from '../../support/random.ts';
import { errorsMetric, INTERVAL_MS, runSpec, START_MS } from './traffic.ts';

type At = (random: SeededRandom, i: number) => Pick<Extract<Observation, { kind: 'gauge' }>, 'kind' | 'means'> | Rate;
type Rate = Pick<Extract<Observation, { kind: 'proportion' }>, 'kind' | 'counts'>;

interface Look {
  readonly endMs: number;
  readonly weight: number;
  readonly verdict: StepVerdict;
}

/** A metric of every shape, 200 intervals of it, and what is known after each. */
function looksOf(metric: ResolvedMetric, at: At, intervals = 200): readonly Look[] {
  const spec = runSpec([metric]);
  const random = seeded(4);
  let evidence = openEvidence(spec, new Map());
  return Array.from({ length: intervals }, (_, i) => {
    const endMs = START_MS + (i + 1) * INTERVAL_MS;
    const observation = { endMs, canaryPods: 2, ...at(random, i) } as Observation;
    evidence = observe(evidence, { endMs, weight: 10, step: 1, observations: new Map([[metric.name, observation]]) });
    const question = { revision: 'r1', attempt: 1, step: 1, weight: 10, sinceMs: START_MS, nowMs: endMs };
    return { endMs, weight: 10, verdict: judgeStep(evidence, spec, question) };
  });
}

const gauge = (unit: string, over: Partial<ResolvedMetric> = {}): ResolvedMetric =>
  errorsMetric({
    name: 'g',
    critical: true,
    query: { summary: 's', labels: { workload: 'w' }, gauge: { metric: 'm' }, unit },
    fail: { ratio: 1.1, difference: 0 },
    pass: { ratio: 1.5, difference: 0 },
    ...over,
  });
const means = (canary: (random: SeededRandom) => number, stable: (random: SeededRandom) => number): At => {
  return (random) => ({ kind: 'gauge', means: { canary: canary(random), stable: stable(random) } });
};
const noisy = (middle: number, part: number) => (random: SeededRandom) => middle * Math.exp(part * random.normal());
const rate = (canary: number, stable: number): At => {
  return (random) => {
    const pods = Array.from({ length: 4 }, (_, k) => ({ pod: `p${k}`, bad: random.poisson(50 * stable), total: 50 }));
    return {
      kind: 'proportion',
      counts: {
        canary: { bad: random.poisson(20 * canary), total: 20 },
        stable: { bad: pods.reduce((sum, { bad }) => sum + bad, 0), total: 200 },
        stablePods: pods,
      },
    };
  };
};
const MIB = 2 ** 20;
const bound = { fail: { ratio: 1, difference: 0 }, pass: { ratio: 1, difference: 0 } };
const counted = { summary: 's', labels: { workload: 'w' }, rate: { events: { metric: 'm' } }, unit: 'orders' };

const CASES: readonly { readonly what: string; readonly metric: ResolvedMetric; readonly at: At }[] = [
  { what: 'memory, far above', metric: gauge('bytes'), at: means(noisy(560 * MIB, 0.03), noisy(400 * MIB, 0.03)) },
  { what: 'memory, equal', metric: gauge('bytes'), at: means(noisy(400 * MIB, 0.03), noisy(400 * MIB, 0.03)) },
  {
    what: 'memory against a bound',
    metric: gauge('bytes', { ...bound, against: { constant: 500 * MIB } }),
    at: means(noisy(400 * MIB, 0.03), () => NaN),
  },
  { what: 'a lag in seconds', metric: gauge('s'), at: means(noisy(0.012, 0.1), noisy(0.013, 0.1)) },
  {
    what: 'degrees around zero',
    metric: gauge('°C', { fail: { ratio: 1, difference: 2 }, pass: { ratio: 1, difference: 4 } }),
    at: means(
      (random) => -1 + random.normal(),
      (random) => -2 + random.normal(),
    ),
  },
  {
    what: 'a pool that should be neither fuller nor emptier',
    metric: gauge('threads', { direction: 'either' }),
    at: means(noisy(12, 0.1), noisy(12, 0.1)),
  },
  {
    what: 'a gauge that never moves',
    metric: gauge('threads'),
    at: means(
      () => 5,
      () => 5,
    ),
  },
  {
    what: 'orders that fall off',
    metric: errorsMetric({ name: 'g', query: counted, direction: 'lower', pass: { ratio: 1.5, difference: 0 } }),
    at: rate(10, 13),
  },
  {
    what: 'orders that rise',
    metric: errorsMetric({ name: 'g', query: counted, direction: 'lower', pass: { ratio: 1.5, difference: 0 } }),
    at: rate(15, 13),
  },
  {
    what: 'few restarts against a bound',
    metric: errorsMetric({ name: 'g', query: { ...counted, unit: 'restarts' }, ...bound, against: { constant: 0.01 } }),
    at: rate(0.001, 0.001),
  },
];

const lastOf = (looks: readonly Look[]): MetricVerdict => looks.at(-1)?.verdict.metrics[0] as MetricVerdict;

describe('what a verdict says of every shape', () => {
  test('value, ratio and difference with their intervals, direction and margins, in the unit of the metric', async () => {
    const text = CASES.map(({ what, metric, at }) => {
      const verdict = lastOf(looksOf(metric, at));
      return [
        `${what}: ${verdict.outcome}`,
        `  ${verdict.says}`,
        `  ${saySide(verdict, 'canary')} | ${saySide(verdict, 'stable')} | ${sayRatio(verdict)} | ${sayDifference(verdict)}`,
        `  ${sayDirection(verdict)}; ${sayLines(verdict)}`,
      ].join('\n');
    });
    await expect(`${text.join('\n\n')}\n`).toMatchFileSnapshot('golden/shown.txt');
  });

  test('what it is in JSON, at every look, is what explain can show', () => {
    for (const { what, metric, at } of CASES) {
      for (const { verdict } of looksOf(metric, at, 40)) {
        const status: unknown = JSON.parse(JSON.stringify({ phase: 'Running', verdict }));
        expect(statusProblem(status), what).toBeUndefined();
      }
    }
  });

  test('a share of hardly any requests claims no bound, not even that of all', () => {
    const few: At = () => ({
      kind: 'proportion',
      counts: { canary: { bad: 0, total: 1 }, stable: { bad: 0, total: 4 }, stablePods: [] },
    });
    const { says, difference } = lastOf(looksOf(errorsMetric({ name: 'g' }), few, 3));
    expect(difference?.interval.high).toBe(1);
    expect(says).toContain('Little is known yet: canary 0 % against stable 0 %');
  });

  test('the lines stand on the bad side of the control, the one to pass beyond the one to fail', () => {
    for (const { metric, at } of CASES.slice(0, -1)) {
      const { lines = [], bound: constant, gauge: found, stable } = lastOf(looksOf(metric, at, 60));
      const control = constant ?? found?.control ?? stable.bad / stable.total;
      expect(lines.length).toBe(metric.direction === 'either' ? 2 : 1);
      for (const { isLower, fail, pass } of lines) {
        const away = (value: number): number => (isLower === true ? control - value : value - control);
        expect(away(fail)).toBeGreaterThanOrEqual(0);
        expect(away(pass)).toBeGreaterThanOrEqual(away(fail));
      }
    }
  });

  test('a gauge restored from a checkpoint without both arms shows its difference from there on', () => {
    const metric = gauge('bytes');
    const spec = runSpec([metric]);
    const random = seeded(9);
    let evidence = openEvidence(spec, new Map());
    const add = (from: number, to: number): void => {
      for (let i = from; i < to; i++) {
        const endMs = START_MS + (i + 1) * INTERVAL_MS;
        const values = { canary: noisy(420, 0.05)(random), stable: noisy(400, 0.05)(random) };
        const observations = new Map([['g', { kind: 'gauge', endMs, canaryPods: 1, means: values } as const]]);
        evidence = observe(evidence, { endMs, weight: 10, step: 1, observations });
      }
    };
    add(0, 120);
    const saved = JSON.parse(serialiseEvidence(evidence)) as { metrics: { gauges: { arms?: unknown }[] }[] };
    delete saved.metrics[0]?.gauges[0]?.arms;
    evidence = parseEvidence(JSON.stringify(saved));
    const ask = (): MetricVerdict | undefined =>
      judgeStep(evidence, spec, {
        revision: 'r1',
        attempt: 1,
        step: 1,
        weight: 10,
        sinceMs: START_MS,
        nowMs: evidence.endMs,
      }).metrics[0];
    expect(ask()?.difference).toBeUndefined();
    expect(ask()?.ratio?.interval.low).toBeGreaterThan(0.9);
    add(120, 240);
    expect(ask()?.difference?.interval.high).toBeLessThan(60);
  });
});

describe('the picture of every shape', () => {
  const svgOf = (what: string): string => {
    const { metric, at } = CASES.find((each) => each.what === what) ?? (CASES[0] as (typeof CASES)[number]);
    const picture = pictureOfLooks(looksOf(metric, at), 'g');
    return picture === undefined ? '' : renderSvg(picture);
  };

  test.each([
    ['degrees around zero', 'difference'],
    ['a pool that should be neither fuller nor emptier', 'either'],
    ['orders that fall off', 'lower'],
  ])('%s', async (what, file) => {
    await expect(svgOf(what)).toMatchFileSnapshot(`golden/${file}.svg`);
  });

  test('names what it is compared with, and the margins in the direction that is judged', () => {
    expect(svgOf('memory against a bound')).toContain('canary ÷ the bound of 500 MiB,');
    expect(svgOf('degrees around zero')).toMatch(/canary − stable in °C,[\s\S]+healthy to \+2<[\s\S]*/);
    expect(svgOf('orders that fall off')).toMatch(/healthy from 0.91×[\s\S]+passes above 0.67×/);
    const both = svgOf('a pool that should be neither fuller nor emptier');
    for (const label of ['healthy from 0.91×', 'passes above 0.67×', 'healthy to 1.10×', 'passes below 1.50×'])
      expect(both).toContain(label);
  });
});
