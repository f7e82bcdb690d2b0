import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addArms,
  addDifference,
  type ArmSums,
  armsMean,
  copyArms,
  openArms,
  openDifferences,
  pairedInterval,
  pairedMean,
  ratioInterval,
} from '../../../src/stats/paired.ts';
import { seeded } from '../../support/random.ts';

const RANGE = { low: 0.02, high: 100 };
const value = fc.double({ min: -1e6, max: 1e6, noNaN: true });

describe('sums of both arms', () => {
  test('give the same mean of canary − θ·control as if the differences had been added one by one', () => {
    const blocks = fc.array(fc.tuple(value, value), { minLength: 2, maxLength: 20 });
    fc.assert(
      fc.property(blocks, fc.double({ min: 0.02, max: 20, noNaN: true }), (pairs, ratio) => {
        const [arms, direct] = [openArms(), openDifferences()];
        for (const [canary, control] of pairs) {
          addArms(arms, canary, control);
          addDifference(direct, canary - ratio * control);
        }
        const [one, other] = [armsMean(arms, ratio), pairedMean(direct)];
        const size = 1e6 * (1 + ratio);
        expect(Math.abs((one?.mean ?? NaN) - (other?.mean ?? NaN)) / size).toBeLessThan(1e-9);
        expect(Math.abs((one?.sd ?? NaN) - (other?.sd ?? NaN)) / size).toBeLessThan(1e-6);
      }),
      { numRuns: 300 },
    );
  });

  test('a copy shares nothing', () => {
    const arms = openArms();
    addArms(arms, 1, 2);
    const copy = copyArms(arms);
    addArms(copy, 5, 9);
    expect(arms).toMatchObject({ count: 1, squares: [0, 0, 0] });
  });

  test('no ratio is given where a mean is not above 0', () => {
    const arms = openArms();
    for (let k = 0; k < 30; k++) addArms(arms, 5 + (k % 3), -2 + (k % 2));
    expect(ratioInterval(arms, 0.05, RANGE)).toBeUndefined();
    expect(armsMean(arms)?.mean).toBeCloseTo(7.5, 1);
  });

  test('a control that is near zero leaves the ratio open above', () => {
    const random = seeded(3);
    const arms = openArms();
    for (let k = 0; k < 40; k++)
      addArms(arms, 5 + random.normal(), 0.3 + 3 * Math.abs(random.normal()) * (k % 2 ? 1 : -0.7));
    const found = ratioInterval(arms, 0.05, RANGE);
    expect(found?.high).toBe(RANGE.high);
    expect(found?.low).toBeGreaterThan(RANGE.low);
  });
});

/** Misses at any of 60 looks, in percent of `runs`. */
function missed(
  runs: number,
  seed: number,
  block: (random: ReturnType<typeof seeded>, noise: readonly [number, number], k: number) => readonly [number, number],
  correlation: number,
  truth: { readonly difference: number; readonly ratio: number },
): { difference: number; ratio: number } {
  const random = seeded(seed);
  let [difference, ratio] = [0, 0];
  for (let run = 0; run < runs; run++) {
    const arms: ArmSums = openArms();
    let noise: readonly [number, number] = [0, 0];
    let [isOut, isRatioOut] = [false, false];
    for (let k = 0; k < 60; k++) {
      const own = Math.sqrt(1 - correlation ** 2);
      noise = [correlation * noise[0] + own * random.normal(), correlation * noise[1] + own * random.normal()];
      addArms(arms, ...block(random, noise, k));
      const found = armsMean(arms);
      if (found === undefined) continue;
      const { low, high } = pairedInterval(found, 0.05);
      isOut ||= low > truth.difference || high < truth.difference;
      const times = ratioInterval(arms, 0.05, RANGE);
      isRatioOut ||= times !== undefined && (times.low > truth.ratio || times.high < truth.ratio);
    }
    difference += Number(isOut);
    ratio += Number(isRatioOut);
  }
  return { difference: (100 * difference) / runs, ratio: (100 * ratio) / runs };
}

describe('intervals of difference and ratio hold at every look', () => {
  const steady = (_: unknown, [c, s]: readonly [number, number]) => [115 + 8 * c, 100 + 8 * s] as const;
  const truth = { difference: 15, ratio: 1.15 };
  const skew = Math.exp(0.3 ** 2 / 2);
  test.each([
    { what: 'independent Gaussian blocks', block: steady, correlation: 0, truth },
    { what: 'correlated blocks (0.3)', block: steady, correlation: 0.3, truth },
    { what: 'correlated blocks (0.6)', block: steady, correlation: 0.6, truth },
    {
      what: 'skewed blocks (lognormal)',
      block: (_: unknown, [c, s]: readonly [number, number]) =>
        [115 * Math.exp(0.3 * c), 100 * Math.exp(0.3 * s)] as const,
      correlation: 0,
      truth: { difference: 15 * skew, ratio: 1.15 },
    },
    {
      what: 'a load that both share',
      block: (_: unknown, [c, s]: readonly [number, number], k: number) => {
        const load = 1 + 0.3 * Math.sin(k / 7);
        return [115 * load + 3 * c, 100 * load + 3 * s] as const;
      },
      correlation: 0,
      // The difference of means swings with the load; only the ratio is one number.
      truth: { difference: NaN, ratio: 1.15 },
    },
  ])('$what: missed in at most 5 % of runs at any of 60 looks', ({ block, correlation, truth: real }) => {
    const found = missed(300, 11, block, correlation, real);
    // Three standard errors of 300 runs above 5 %.
    expect(found.difference).toBeLessThan(8.8);
    expect(found.ratio).toBeLessThan(8.8);
  });
});
