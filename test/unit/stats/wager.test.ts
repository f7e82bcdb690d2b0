import { describe, expect, test } from 'vitest';
import { capOf } from '../../../src/stats/rule.ts';
import { type Table, type Wager, openWager, play, worth } from '../../../src/stats/wager.ts';

const table = (index: number, weight: number, over: Partial<Table> = {}): Table => ({
  theta0: 1.1,
  delta: 0,
  dispersion: 1,
  cap: capOf(36),
  index,
  horizon: 360,
  weight,
  earlierBad: 20,
  earlierTotal: 200,
  ...over,
});

const copy = (wager: Wager): Wager => ({ ...wager, bets: wager.bets.slice() });

function binomial(n: number, k: number, p: number): number {
  let choose = 1;
  for (let i = 0; i < k; i++) choose = (choose * (n - i)) / (i + 1);
  return choose * p ** k * (1 - p) ** (n - k);
}

/** Expected worth over all outcomes of three intervals with the allocations given, canary exactly on the margin. */
function expectedWorth(
  intervals: readonly (readonly [nc: number, ns: number, weight: number])[],
  over: Partial<Table>,
): number {
  const ps = 0.15;
  const theta0 = over.theta0 ?? 1.1;
  const pc = theta0 * ps + (over.delta ?? 0);
  const expand = (wager: Wager, at: number, bad: number, total: number): number => {
    const interval = intervals[at];
    if (interval === undefined) return worth(wager);
    const [nc, ns, weight] = interval;
    let sum = 0;
    for (let xc = 0; xc <= nc; xc++) {
      for (let xs = 0; xs <= ns; xs++) {
        const next = copy(wager);
        // Every sixth index is a restart; jumping there makes all kinds of stakes happen within three intervals.
        play(
          next,
          { canaryBad: xc, canaryTotal: nc, stableBad: xs, stableTotal: ns },
          table(at * 6, weight, { ...over, earlierBad: bad, earlierTotal: total }),
        );
        sum += binomial(nc, xc, pc) * binomial(ns, xs, ps) * expand(next, at + 1, bad + xs, total + ns);
      }
    }
    return sum;
  };
  return expand(openWager(), 0, 3, 20);
}

describe('betting against a healthy canary', () => {
  test.each([
    { name: 'as recommended', over: {} },
    { name: 'without a margin', over: { theta0: 1 } },
    { name: 'with an absolute margin', over: { delta: 0.02 } },
    { name: 'with a measured dispersion', over: { dispersion: 2.3 } },
    { name: 'without a cap', over: { cap: Infinity } },
    { name: 'at the end of the horizon', over: { horizon: 2 } },
  ])('is worth at most 1 on average on the margin, over all outcomes of three intervals, $name', ({ over }) => {
    expect(
      expectedWorth(
        [
          [3, 5, 5],
          [4, 6, 10],
          [5, 4, 10],
        ],
        over,
      ),
    ).toBeLessThanOrEqual(1 + 1e-12);
  });

  test('never has more money staked than there is', () => {
    const wager = openWager();
    for (let i = 0; i < 2000; i++) {
      play(wager, { canaryBad: 0, canaryTotal: 10, stableBad: 1, stableTotal: 90 }, table(i, i % 7));
      expect(wager.cash).toBeGreaterThanOrEqual(0);
      expect(worth(wager)).toBeLessThanOrEqual(1);
    }
  });

  test('needs three intervals to reach the abort line, whatever they hold, and three suffice', () => {
    const wager = openWager();
    const disaster = { canaryBad: 900, canaryTotal: 1000, stableBad: 1, stableTotal: 9000 };
    const worths = [0, 1, 2].map((i) => play(wager, disaster, table(i, 5)));
    expect(worths[1]).toBeLessThan(36);
    expect(worths[2]).toBeGreaterThan(36);
  });

  test('sees a regression that begins after half an hour of health within 30 intervals', () => {
    const wager = openWager();
    const healthy = { canaryBad: 0.3, canaryTotal: 300, stableBad: 2.7, stableTotal: 2700 };
    const worse = { ...healthy, canaryBad: 1.5 };
    const known = { earlierBad: 30, earlierTotal: 30_000 };
    for (let i = 0; i < 180; i++) play(wager, healthy, table(i, 10, known));
    const worths = Array.from({ length: 30 }, (_, i) => play(wager, worse, table(180 + i, 10, known)));
    expect(Math.max(...worths)).toBeGreaterThan(36);
  });

  test('never overflows, even after a day of certainty', () => {
    const wager = openWager();
    const disaster = { canaryBad: 1e6, canaryTotal: 1e9, stableBad: 10, stableTotal: 1e9 };
    for (let i = 0; i < 8640; i++) play(wager, disaster, table(i, 10));
    expect(Number.isFinite(worth(wager))).toBe(true);
  });
});
