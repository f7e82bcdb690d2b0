import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { logIncrement } from '../../../src/stats/affine.ts';
import { growthOfBound, logIncrementOfBound } from '../../../src/stats/bound.ts';
import { confidenceOf } from '../../../src/stats/confidence.ts';
import { addBoundToLikelihood, addToLikelihood, nodeRatios, openLikelihood } from '../../../src/stats/likelihood.ts';
import { addToPassing, openPassing, passLogOdds } from '../../../src/stats/passing.ts';
import { capOf } from '../../../src/stats/rule.ts';
import { type Table, type Wager, openWager, play, worth } from '../../../src/stats/wager.ts';
import { seeded } from '../../support/random.ts';

const near = (a: number, b: number, tol: number): boolean => Math.abs(a - b) <= tol * (1 + Math.abs(a) + Math.abs(b));

describe('the e-value of an interval against a bound', () => {
  // Computed with 50 digits (x ln ρ − n q (ρ − 1)).
  test.each([
    { bad: 0, total: 1000, bound: 0.01, rho: 2, expected: -10 },
    { bad: 20, total: 1000, bound: 0.01, rho: 2, expected: 3.862943611198906 },
    { bad: 3, total: 250.5, bound: 0.004, rho: 0.25, expected: -3.407383083359672 },
    { bad: 7.25, total: 1e9, bound: 1e-9, rho: 15, expected: 5.633363957991023 },
    { bad: 1e6, total: 1e9, bound: 0.001, rho: 1.25, expected: -26856.448685790245 },
    { bad: 0, total: 5991.464547107982, bound: 0.0005, rho: 1e-12, expected: 2.995732273550995 },
  ])('is $expected for $bad of $total against $bound at ρ = $rho', ({ bad, total, bound, rho, expected }) => {
    expect(near(logIncrementOfBound({ bad, total }, bound, rho), expected, 1e-12)).toBe(true);
  });

  test('is the affine e-value with a control of infinite size', () => {
    const canary = fc.record({
      total: fc.double({ min: 1, max: 1e5, noNaN: true }),
      part: fc.double({ min: 0, max: 0.3, noNaN: true }),
    });
    const rate = fc.double({ min: 1e-4, max: 0.3, noNaN: true });
    fc.assert(
      fc.property(canary, rate, fc.double({ min: 0.05, max: 15, noNaN: true }), ({ total, part }, constant, rho) => {
        const [theta0, delta] = [1.1, 0.002];
        const infinite = { stableTotal: total * 1e7, stableBad: total * 1e7 * constant };
        const arms = { canaryBad: total * part, canaryTotal: total, ...infinite };
        const limit = logIncrementOfBound({ bad: total * part, total }, theta0 * constant + delta, rho);
        return near(logIncrement(arms, theta0, theta0 * rho, delta), limit, 1e-4);
      }),
    );
  });

  test('has expectation at most 1 for every rate on the null’s side, tempered or not, by enumeration', () => {
    for (const n of [1, 7, 25]) {
      for (const bound of [0.02, 0.1, 0.4]) {
        for (const rho of [0.05, 0.5, 1.25, 4, 15]) {
          for (const part of [0.25, 0.9, 1]) {
            // Below the bound for ρ > 1, above it for ρ < 1.
            const p = rho > 1 ? bound * part : Math.min(1, bound / part);
            for (const phi of [1, 2.5]) {
              let sum = 0;
              for (let x = 0; x <= n; x++) {
                sum += binomial(n, x, p) * Math.exp(logIncrementOfBound({ bad: x, total: n }, bound, rho) / phi);
              }
              expect(sum).toBeLessThanOrEqual(1 + 1e-12);
            }
          }
        }
      }
    }
  });

  test('grows on average by what the planner of stakes expects', () => {
    const [n, bound, rho] = [40, 0.05, 3];
    let mean = 0;
    for (let x = 0; x <= n; x++) {
      mean += binomial(n, x, bound * rho) * logIncrementOfBound({ bad: x, total: n }, bound, rho);
    }
    expect(near(mean, n * growthOfBound(bound, rho), 1e-12)).toBe(true);
  });
});

/** Expected worth over all outcomes of three intervals, the canary exactly on the line. */
function expectedWorth(p: number, over: Partial<Table>, sizes: readonly number[]): number {
  const expand = (wager: Wager, at: number): number => {
    const n = sizes[at];
    if (n === undefined) return worth(wager);
    let sum = 0;
    for (let x = 0; x <= n; x++) {
      const next = { ...wager, bets: wager.bets.slice() };
      play(next, { canaryBad: x, canaryTotal: n, stableBad: 0, stableTotal: 0 }, table(at * 6, over));
      sum += binomial(n, x, p) * expand(next, at + 1);
    }
    return sum;
  };
  return expand(openWager(), 0);
}

describe('betting against a bound', () => {
  test.each([
    { name: 'not higher', over: { bound: 0.2 } },
    { name: 'not lower', over: { bound: 0.2, isLower: true } },
    { name: 'not higher, tempered', over: { bound: 0.2, dispersion: 2.2 } },
    { name: 'not lower, tempered, uncapped', over: { bound: 0.2, isLower: true, dispersion: 1.7, cap: Infinity } },
  ])('is worth at most 1 on average on the line: $name', ({ over }) => {
    expect(expectedWorth(0.2, over, [9, 12, 10])).toBeLessThanOrEqual(1 + 1e-12);
  });

  test('finds a canary at twice the bound, and not one at half of it', () => {
    const after = (rate: number, over: Partial<Table>): number => {
      const random = seeded(5);
      const wager = openWager();
      let most = 1;
      for (let i = 0; i < 60; i++) {
        const counts = { canaryBad: random.poisson(500 * rate), canaryTotal: 500, stableBad: 0, stableTotal: 0 };
        most = Math.max(most, play(wager, counts, table(i, over)));
      }
      return most;
    };
    expect(after(0.02, { bound: 0.01 })).toBeGreaterThan(36);
    expect(after(0.005, { bound: 0.01 })).toBeLessThan(2);
    expect(after(0.005, { bound: 0.01, isLower: true })).toBeGreaterThan(36);
    expect(after(0.02, { bound: 0.01, isLower: true })).toBeLessThan(2);
  });
});

describe('betting on a canary that is too low', () => {
  test('is worth at most 1 on average on the margin, over all outcomes of three intervals', () => {
    const [ps, theta0] = [0.3, 1 / 1.25];
    const pc = theta0 * ps - 0.01;
    const expand = (wager: Wager, at: number): number => {
      if (at === 3) return worth(wager);
      const [nc, ns] = [4 + at, 5];
      let sum = 0;
      for (let xc = 0; xc <= nc; xc++) {
        for (let xs = 0; xs <= ns; xs++) {
          const next = { ...wager, bets: wager.bets.slice() };
          const counts = { canaryBad: xc, canaryTotal: nc, stableBad: xs, stableTotal: ns };
          play(next, counts, table(at * 6, { theta0, delta: -0.01, isLower: true }));
          sum += binomial(nc, xc, pc) * binomial(ns, xs, ps) * expand(next, at + 1);
        }
      }
      return sum;
    };
    expect(expand(openWager(), 0)).toBeLessThanOrEqual(1 + 1e-12);
  });

  test('wins exactly what the mirrored question wins when the arms are swapped', () => {
    const [higher, lower] = [openWager(), openWager()];
    // No traffic-dependent prior in the way: stakes follow the prior while every bet is slow.
    for (let i = 0; i < 5; i++) {
      const counts = { canaryBad: 0.01, canaryTotal: 30, stableBad: 0.02, stableTotal: 20 };
      const swapped = { canaryBad: 0.02, canaryTotal: 20, stableBad: 0.01, stableTotal: 30 };
      const quiet = { earlierBad: 0, earlierTotal: 1e6 };
      const a = play(higher, swapped, table(i, { theta0: 1.1, ...quiet }));
      const b = play(lower, counts, table(i, { theta0: 1 / 1.1, isLower: true, ...quiet }));
      expect(near(a, b, 1e-12)).toBe(true);
    }
  });
});

describe('passing against a bound', () => {
  test('needs the rule of three where nothing ever fails', () => {
    const passing = openPassing();
    const counts = { canaryBad: 0, canaryTotal: 1000, stableBad: 0, stableTotal: 0 };
    let intervals = 0;
    while (passLogOdds(passing, 1, 0) < Math.log(20)) {
      addToPassing(passing, counts, { ratio: 1, difference: 0, bound: 0.001 });
      intervals++;
    }
    // ln 20 ÷ 0.001 = 3.0 thousand, a little more for the mixture.
    expect(intervals).toBeGreaterThanOrEqual(3);
    expect(intervals).toBeLessThanOrEqual(6);
  });

  test('has odds of at most 1 on average on the line, by enumeration', () => {
    const [n, bound] = [30, 0.1];
    for (const isLower of [false, true]) {
      let sum = 0;
      for (let x = 0; x <= n; x++) {
        const passing = openPassing();
        const counts = { canaryBad: x, canaryTotal: n, stableBad: 0, stableTotal: 0 };
        addToPassing(passing, counts, { ratio: 1, difference: 0, bound, ...(isLower ? { isLower } : {}) });
        sum += binomial(n, x, bound) * Math.exp(passLogOdds(passing, 1, 0));
      }
      expect(sum).toBeLessThanOrEqual(1 + 1e-12);
    }
  });
});

test('intervals against a bound are those against a very large stable with that rate', () => {
  const random = seeded(9);
  const [bound, large] = [openLikelihood(), openLikelihood()];
  for (let i = 0; i < 50; i++) {
    const bad = random.poisson(12);
    addBoundToLikelihood(bound, { bad, total: 1000 }, 0.01, nodeRatios(16));
    const stable = { stableTotal: 1e9, stableBad: 1e7 };
    addToLikelihood(large, { canaryBad: bad, canaryTotal: 1000, ...stable }, nodeRatios(16));
  }
  const [a, b] = [confidenceOf(bound, 1, 0.05), confidenceOf(large, 1, 0.05)];
  expect(near(a.ratio.low, b.ratio.low, 1e-2)).toBe(true);
  expect(near(a.ratio.high, b.ratio.high, 1e-2)).toBe(true);
  expect(near(a.difference.high, b.difference.high, 1e-3)).toBe(true);
  expect(a.ratio.low).toBeLessThan(a.estimate);
});

test('the difference of rates above one per unit is found, too', () => {
  const state = openLikelihood();
  const counts = { canaryBad: 9000, canaryTotal: 1000, stableBad: 54_000, stableTotal: 9000 };
  for (let i = 0; i < 10; i++) addToLikelihood(state, counts, nodeRatios(16));
  const { difference } = confidenceOf(state, 1, 0.05, 1800);
  expect(difference.low).toBeGreaterThan(2.8);
  expect(difference.high).toBeLessThan(3.2);
});

function table(index: number, over: Partial<Table>): Table {
  return {
    theta0: 1,
    delta: 0,
    dispersion: 1,
    cap: capOf(36),
    index,
    horizon: 360,
    weight: 10,
    earlierBad: 3,
    earlierTotal: 30,
    ...over,
  };
}

function binomial(n: number, k: number, p: number): number {
  let choose = 1;
  for (let i = 0; i < k; i++) choose = (choose * (n - i)) / (i + 1);
  return choose * p ** k * (1 - p) ** (n - k);
}
