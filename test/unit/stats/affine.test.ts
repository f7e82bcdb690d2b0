import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logIncrement } from '../../../src/stats/affine.ts';
import type { ArmCounts } from '../../../src/stats/counts.ts';
import {
  addToLikelihood,
  logLikelihoodOf,
  mergeLikelihoods,
  nodeRatios,
  openLikelihood,
} from '../../../src/stats/likelihood.ts';
import { openRestartMixture, playRestartMixture } from '../../../src/stats/restart-mixture.ts';

const total = fc.double({ min: 1, max: 1e6, noNaN: true });
const arms: fc.Arbitrary<ArmCounts> = fc
  .tuple(total, total, fc.double({ min: 0, max: 0.2, noNaN: true }), fc.double({ min: 0, max: 0.2, noNaN: true }))
  .map(([canaryTotal, stableTotal, p, q]) => ({
    canaryTotal,
    stableTotal,
    canaryBad: canaryTotal * p,
    stableBad: stableTotal * q,
  }));
const theta = fc.double({ min: 0.05, max: 20, noNaN: true });
const near = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-9 * (1 + Math.abs(a) + Math.abs(b));

describe('the affine e-value of an interval', () => {
  test('has expectation at most 1 for every margin, allocation and probability on the null, by enumeration', () => {
    for (const [nc, ns] of [
      [4, 6],
      [3, 17],
      [10, 10],
    ] as const) {
      for (const ps of [0.02, 0.1, 0.4]) {
        for (const theta0 of [1, 1.1, 1.25]) {
          for (const rho of [0.1, 0.7, 1.25, 4, 15]) {
            for (const delta of [0, 0.01]) {
              const pc = theta0 * ps + delta;
              for (const phi of [1, 2.5]) {
                expect(expectation(nc, ns, pc, ps, theta0, theta0 * rho, delta, phi)).toBeLessThanOrEqual(1 + 1e-12);
              }
            }
          }
        }
      }
    }
  });

  test('does not change when requests are counted in another unit and the margin is relative', () => {
    fc.assert(
      fc.property(arms, theta, theta, fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (counts, t0, t1, unit) => {
        const scaled = { ...counts, canaryTotal: counts.canaryTotal * unit, stableTotal: counts.stableTotal * unit };
        return near(logIncrement(counts, t0, t1, 0), logIncrement(scaled, t0, t1, 0));
      }),
    );
  });

  test('adds up when an interval is split in two with the same allocation', () => {
    fc.assert(
      fc.property(arms, theta, theta, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (counts, t0, t1, part) => {
        const split = (share: number): ArmCounts => ({
          canaryBad: counts.canaryBad * share,
          canaryTotal: counts.canaryTotal * share,
          stableBad: counts.stableBad * share,
          stableTotal: counts.stableTotal * share,
        });
        const sum = logIncrement(split(part), t0, t1, 0.001) + logIncrement(split(1 - part), t0, t1, 0.001);
        return near(sum, logIncrement(counts, t0, t1, 0.001));
      }),
    );
  });

  test('asks the mirrored question when the arms are swapped', () => {
    fc.assert(
      fc.property(arms, theta, theta, (counts, t0, t1) => {
        const swapped = {
          canaryBad: counts.stableBad,
          canaryTotal: counts.stableTotal,
          stableBad: counts.canaryBad,
          stableTotal: counts.canaryTotal,
        };
        return near(logIncrement(counts, t0, t1, 0), logIncrement(swapped, 1 / t0, 1 / t1, 0));
      }),
    );
  });

  test('moves little when a count moves little (whole numbers are nothing special)', () => {
    fc.assert(
      fc.property(arms, theta, theta, (counts, t0, t1) => {
        const moved = { ...counts, canaryBad: counts.canaryBad + 1e-9 };
        return Math.abs(logIncrement(counts, t0, t1, 0) - logIncrement(moved, t0, t1, 0)) < 1e-6;
      }),
    );
  });

  test('stays finite at 10⁹ requests an interval', () => {
    const counts = { canaryBad: 1e6, canaryTotal: 1e9, stableBad: 1e6, stableTotal: 1e9 };
    expect(Number.isFinite(logIncrement(counts, 1.1, 16.5, 0.001))).toBe(true);
  });
});

describe('a mixture without cap and restarts', () => {
  test('does not depend on the order of intervals', () => {
    fc.assert(
      fc.property(fc.array(arms, { minLength: 2, maxLength: 8 }), (list) =>
        near(worthOf(list, 1), worthOf(list.toReversed(), 1)),
      ),
    );
  });

  test('says nothing when a very large dispersion is measured', () => {
    fc.assert(fc.property(fc.array(arms, { maxLength: 8 }), (list) => Math.abs(worthOf(list, 1e12)) < 1e-3));
  });
});

describe('the likelihood on Chebyshev nodes', () => {
  test('may be merged in any order and grouping', () => {
    fc.assert(
      fc.property(fc.array(arms, { maxLength: 5 }), fc.array(arms, { maxLength: 5 }), (left, right) => {
        const [a, b] = [likelihoodOf(left), likelihoodOf(right)];
        const [together, ab, ba] = [likelihoodOf([...left, ...right]), mergeLikelihoods(a, b), mergeLikelihoods(b, a)];
        return [-2, 0.3, 1.7].every((x) => {
          const at = logLikelihoodOf(together)(x);
          return (
            logLikelihoodOf(ab)(x) === logLikelihoodOf(ba)(x) &&
            Math.abs(logLikelihoodOf(ab)(x) - at) <= 1e-4 * (1 + Math.abs(at) + together.canaryBad)
          );
        });
      }),
    );
  });
});

function worthOf(list: readonly ArmCounts[], dispersion: number): number {
  const mixture = openRestartMixture([1.25, 4, 15], [0.4, 0.4, 0.2]);
  let logWorth = 0;
  list.forEach((counts, i) => {
    const share = i === 0 ? 1 : 0;
    logWorth = playRestartMixture(mixture, counts, { theta0: 1.1, delta: 0, dispersion, cap: Infinity, share });
  });
  return logWorth;
}

function likelihoodOf(list: readonly ArmCounts[]): ReturnType<typeof openLikelihood> {
  const state = openLikelihood(16);
  for (const counts of list) addToLikelihood(state, counts, nodeRatios(16));
  return state;
}

function expectation(
  nc: number,
  ns: number,
  pc: number,
  ps: number,
  theta0: number,
  theta1: number,
  delta: number,
  phi: number,
): number {
  let sum = 0;
  for (let xc = 0; xc <= nc; xc++) {
    for (let xs = 0; xs <= ns; xs++) {
      const p = binomial(nc, xc, pc) * binomial(ns, xs, ps);
      const counts = { canaryBad: xc, canaryTotal: nc, stableBad: xs, stableTotal: ns };
      sum += p * Math.exp(logIncrement(counts, theta0, theta1, delta) / phi);
    }
  }
  return sum;
}

function binomial(n: number, k: number, p: number): number {
  let choose = 1;
  for (let i = 0; i < k; i++) choose = (choose * (n - i)) / (i + 1);
  return choose * p ** k * (1 - p) ** (n - k);
}
