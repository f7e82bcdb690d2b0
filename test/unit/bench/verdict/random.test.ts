import { describe, expect, test } from 'vitest';
import { Random } from '../../../../src/bench/verdict/random.ts';
import { EQUAL } from '../../../../src/bench/verdict/scenarios.ts';
import { drawStream } from '../../../../src/bench/verdict/traffic.ts';

const N = 40_000;
const sample = (seed: number, draw: (random: Random) => number): { mean: number; variance: number } => {
  const random = new Random(seed);
  const values = Array.from({ length: N }, () => draw(random));
  const mean = values.reduce((sum, value) => sum + value, 0) / N;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (N - 1) };
};

describe('simulated randomness', () => {
  test.each([0.3, 5, 40, 400, 3000])('Poisson counts of mean %d have that mean and variance', (mean) => {
    const found = sample(1, (random) => random.poisson(mean));
    expect(Math.abs(found.mean / mean - 1)).toBeLessThan(0.02);
    expect(Math.abs(found.variance / mean - 1)).toBeLessThan(0.04);
  });

  test.each([
    [100, 0.001],
    [1000, 0.01],
    [1000, 0.4],
    [50, 0.9],
  ])('binomial counts of %d at %d have the right mean and variance', (n, p) => {
    const found = sample(2, (random) => random.binomial(n, p));
    expect(Math.abs(found.mean / (n * p) - 1)).toBeLessThan(0.03);
    expect(Math.abs(found.variance / (n * p * (1 - p)) - 1)).toBeLessThan(0.06);
  });

  test('bursts have the right mean', () => {
    expect(Math.abs(sample(3, (random) => random.geometric(5)).mean - 5)).toBeLessThan(0.1);
  });

  test('the same seed gives the same stream, another run another one', () => {
    const traffic = EQUAL.find(({ id }) => id === 'A14')?.traffic ?? { rps: 1, p: 0.1 };
    const [a, b, c] = [
      drawStream(traffic, new Random(1, 5)),
      drawStream(traffic, new Random(1, 5)),
      drawStream(traffic, new Random(1, 6)),
    ];
    expect(a).toEqual(b);
    expect(a.canaryTotal).not.toEqual(c.canaryTotal);
  });

  test('equal workloads have equal error rates in the long run, whatever disturbs them', () => {
    for (const { id, traffic, isOutside } of EQUAL) {
      if (isOutside || traffic.podEffect !== undefined || traffic.burst === 50 || traffic.warmUp !== undefined)
        continue;
      const sum = { canary: [0, 0], stable: [0, 0] };
      for (let run = 0; run < 12; run++) {
        const stream = drawStream({ ...traffic, historyIntervals: 1 }, new Random(9, run));
        for (let i = 1; i < stream.weight.length; i++) {
          sum.canary[0] = (sum.canary[0] ?? 0) + (stream.canaryBad[i] ?? 0);
          sum.canary[1] = (sum.canary[1] ?? 0) + (stream.canaryTotal[i] ?? 0);
        }
        sum.stable[0] = (sum.stable[0] ?? 0) + stream.podBad.reduce((all, bad) => all + bad, 0);
        sum.stable[1] = (sum.stable[1] ?? 0) + stream.podTotal.reduce((all, total) => all + total, 0);
      }
      const rate = ([bad = 0, total = 1]: number[]): number => bad / total;
      const allowed =
        5 / Math.sqrt((sum.canary[0] ?? 1) / ((traffic.burst ?? 1) * 2)) +
        (traffic.podNoise ? 0.3 : 0) +
        (traffic.shock ? 0.3 : 0);
      expect({ id, off: Math.abs(rate(sum.canary) / rate(sum.stable) - 1) < allowed }).toEqual({ id, off: true });
    }
  });
});
