import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classifyKayenta, cles } from '../../../../src/judge/kayenta/classify.ts';
import { type ScoredMetric, scoreKayenta } from '../../../../src/judge/kayenta/score.ts';
import { seeded } from '../../../support/random.ts';

const around = (seed: number, n: number, mean: number, sd: number): number[] => {
  const random = seeded(seed);
  return Array.from({ length: n }, () => mean + sd * random.normal());
};

describe('Kayenta’s classification', () => {
  const base = around(1, 30, 100, 10);
  const higher = around(2, 30, 130, 10);
  test.each([
    { name: 'a clear rise is High', control: base, experiment: higher, metric: {}, label: 'High' },
    { name: 'a clear fall is Low', control: higher, experiment: base, metric: {}, label: 'Low' },
    {
      name: 'a fall passes when only rises count',
      control: higher,
      experiment: base,
      metric: { direction: 'increase' as const },
      label: 'Pass',
    },
    {
      name: 'identical values pass in any order',
      control: base,
      experiment: base.toReversed(),
      metric: {},
      label: 'Pass',
    },
    { name: 'one constant on both sides passes', control: [5, 5, 5], experiment: [5, 5], metric: {}, label: 'Pass' },
    {
      name: 'two constants differ',
      control: Array(10).fill(5),
      experiment: Array(10).fill(6),
      metric: {},
      label: 'High',
    },
    {
      name: 'a rise below the allowed increase passes',
      control: base,
      experiment: higher,
      metric: { effectSize: { allowedIncrease: 1.5 } },
      label: 'Pass',
    },
    { name: 'no data is Nodata', control: base, experiment: [NaN], metric: {}, label: 'Nodata' },
    {
      name: 'no data fails a metric that must have some',
      control: base,
      experiment: [],
      metric: { mustHaveData: true },
      label: 'NodataFailMetric',
    },
    {
      name: 'no data on a critical metric is critical',
      control: base,
      experiment: [],
      metric: { mustHaveData: true, critical: true },
      label: 'Nodata',
    },
    {
      name: 'an empty side passes when NaN is replaced',
      control: base,
      experiment: [],
      metric: { nanStrategy: 'replace' as const },
      label: 'Pass',
    },
    { name: 'one point a side is an Error', control: [1], experiment: [2], metric: {}, label: 'Error' },
    {
      name: 'a tenth of a percent is High when noise is smaller still',
      control: around(3, 60, 1000, 0.5),
      experiment: around(4, 60, 1001, 0.5),
      metric: {},
      label: 'High',
    },
  ])('$name', ({ control, experiment, metric, label }) => {
    expect(classifyKayenta(control, experiment, metric).label).toBe(label);
  });

  /** What was measured of the original's rules on simulated data: part of runs that are flagged, in percent. */
  test.each([
    { what: 'equal, 2 points a side', n: 2, shift: 0, runs: 4000, percent: 22.7, within: 2.5 },
    { what: 'equal, 3 points a side', n: 3, shift: 0, runs: 4000, percent: 5, within: 1.5 },
    { what: 'equal, 5 points a side', n: 5, shift: 0, runs: 2000, percent: 0.1, within: 0.5 },
    { what: 'equal, 60 points a side', n: 60, shift: 0, runs: 400, percent: 0.17, within: 1 },
    { what: 'half a standard deviation, 60 points', n: 60, shift: 5, runs: 600, percent: 30, within: 6 },
    { what: 'a standard deviation, 10 points', n: 10, shift: 10, runs: 1000, percent: 11, within: 4 },
    { what: 'a standard deviation, 20 points', n: 20, shift: 10, runs: 800, percent: 42, within: 6 },
    { what: 'a standard deviation, 30 points', n: 30, shift: 10, runs: 600, percent: 69, within: 6 },
    { what: 'a standard deviation, 60 points', n: 60, shift: 10, runs: 300, percent: 99, within: 3 },
  ])('is as often wrong and as often right as the original: $what', ({ n, shift, runs, percent, within }) => {
    const random = seeded(100 + n + shift);
    const draw = (mean: number): number[] => Array.from({ length: n }, () => mean + 10 * random.normal());
    let flagged = 0;
    for (let run = 0; run < runs; run++) {
      if (classifyKayenta(draw(100), draw(100 + shift)).label !== 'Pass') flagged++;
    }
    expect(Math.abs((100 * flagged) / runs - percent)).toBeLessThan(within);
  });

  test('outliers beyond the fences are dropped only when asked', () => {
    const spiky = [...around(5, 60, 100, 10), 1e6];
    const kept = classifyKayenta(around(6, 60, 100, 10), spiky);
    const dropped = classifyKayenta(around(6, 60, 100, 10), spiky, {
      outliers: { strategy: 'remove', outlierFactor: 1 },
    });
    expect(kept.ratio).toBeGreaterThan(10);
    expect(kept.ratio).toBeGreaterThan(dropped.ratio);
  });

  test('a rise from zero is critical whatever the thresholds, because its ratio is not a number', () => {
    const found = classifyKayenta(Array(20).fill(0), around(7, 20, 10, 1), {
      critical: true,
      effectSize: { allowedIncrease: 5, criticalIncrease: 10 },
    });
    expect(found).toMatchObject({ label: 'High', isCritical: true });
  });

  test('swapping the sides swaps High and Low', () => {
    const values = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 3, maxLength: 12 });
    const mirrored = { High: 'Low', Low: 'High' } as Record<string, string>;
    fc.assert(
      fc.property(values, values, (a, b) => {
        const [there, back] = [classifyKayenta(a, b).label, classifyKayenta(b, a).label];
        // The root of a plateau may fall on either side of the tolerance; a contradiction may not happen.
        return there === back
          ? there === 'Pass' || there === 'Error'
          : [mirrored[there] ?? there, 'Pass'].includes(back) || there === 'Pass';
      }),
    );
  });

  test('the common-language effect size is a probability', () => {
    expect(cles([1, 2, 3], [4, 5, 6])).toBe(1);
    expect(cles([1, 2], [1, 2])).toBe(0.5);
  });
});

const metric = (name: string, label: ScoredMetric['label'], groups = ['g'], isCritical = false): ScoredMetric => ({
  name,
  label,
  groups,
  isCritical,
});
const score = (metrics: ScoredMetric[], weights: Record<string, number> = {}): ReturnType<typeof scoreKayenta> =>
  scoreKayenta(metrics, weights, { pass: 95, marginal: 75 });

describe('Kayenta’s score', () => {
  test.each([
    {
      name: 'half of a group failing is 50',
      metrics: [metric('a', 'Pass'), metric('b', 'High')],
      score: 50,
      says: 'Fail',
    },
    {
      name: 'a critical failure is 0',
      metrics: [metric('a', 'Pass'), metric('b', 'High', ['g'], true)],
      score: 0,
      says: 'Fail',
    },
    { name: 'half without data is 0', metrics: [metric('a', 'Pass'), metric('b', 'Nodata')], score: 0, says: 'Fail' },
    {
      name: '4 of 9 without data is still 100',
      metrics: [
        ...Array.from({ length: 5 }, (_, i) => metric(`p${i}`, 'Pass')),
        ...Array.from({ length: 4 }, (_, i) => metric(`n${i}`, 'Nodata')),
      ],
      score: 100,
      says: 'Pass',
    },
    { name: 'only errors is 100', metrics: [metric('a', 'Error'), metric('b', 'Error')], score: 100, says: 'Pass' },
  ])('$name, as in Kayenta', ({ metrics, score: expected, says }) => {
    expect(score(metrics)).toMatchObject({ score: expected, classification: says });
  });

  test('splits what is left of the weights over groups without one', () => {
    expect(
      score([metric('a', 'Pass', ['a']), metric('b', 'High', ['b']), metric('c', 'Pass', ['c'])], { a: 40 }).score,
    ).toBe(70);
  });

  test('a failing group without weight changes nothing, and the warning says so', () => {
    const found = score([metric('a', 'Pass', ['a']), metric('b', 'High', ['b'])], { a: 100 });
    expect(found.score).toBe(100);
    expect(found.warnings).toEqual(['b have no weight left and cannot fail the canary.']);
  });

  test('a weighted group that is absent counts as nothing', () => {
    expect(score([metric('a', 'Pass', ['a'])], { a: 50, b: 50 }).score).toBe(50);
  });
});
