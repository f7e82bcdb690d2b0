import { describe, expect, test } from 'vitest';
import { dispersionOf, learnPods, openDispersion } from '../../../src/stats/dispersion.ts';
import { guardedMargin, placementSpread } from '../../../src/stats/placement.ts';
import { seeded } from '../../support/random.ts';

/** 180 intervals of `pods` stable pods with 2 events each per interval, `burst` at a time. */
function learn(pods: number, burst: number, seed: number): number {
  const random = seeded(seed);
  const state = openDispersion();
  for (let i = 0; i < 180; i++) {
    learnPods(
      state,
      Array.from({ length: pods }, (_, k) => ({ pod: `web-${k}`, total: 200, bad: burst * random.poisson(2 / burst) })),
    );
  }
  return dispersionOf(state, true).phi;
}

describe('dispersion from stable pods', () => {
  test('is exactly 1 for independent requests', () => {
    expect(learn(5, 1, 1)).toBe(1);
    expect(learn(40, 1, 2)).toBe(1);
  });

  test.each([{ pods: 5 }, { pods: 40 }])('finds the size of bursts with $pods pods', ({ pods }) => {
    const phi = learn(pods, 5, 3);
    expect(phi).toBeGreaterThan(4);
    expect(phi).toBeLessThan(8);
  });

  test('does not mistake an outage that hits all pods for noise', () => {
    const random = seeded(4);
    const state = openDispersion();
    for (let i = 0; i < 180; i++) {
      const mean = i % 30 < 3 ? 60 : 2;
      learnPods(
        state,
        Array.from({ length: 5 }, (_, k) => ({ pod: `p${k}`, total: 200, bad: random.poisson(mean) })),
      );
    }
    expect(dispersionOf(state, true).phi).toBe(1);
  });

  test('keeps a bounded state while pods come and go', () => {
    const state = openDispersion();
    for (let i = 0; i < 500; i++) {
      learnPods(
        state,
        Array.from({ length: 10 }, (_, k) => ({ pod: `web-${i}-${k}`, total: 10, bad: 1 })),
      );
    }
    expect(state.pods.length).toBeLessThanOrEqual(48);
    expect(state.blocks.length).toBe(4 * state.pods.length);
  });

  test('ignores pods without requests and intervals without events', () => {
    const state = openDispersion();
    learnPods(state, [
      { pod: 'a', total: 0, bad: 0 },
      { pod: 'b', total: 10, bad: 3 },
    ]);
    learnPods(state, [
      { pod: 'a', total: 10, bad: 0 },
      { pod: 'b', total: 10, bad: 0 },
    ]);
    learnPods(state, []);
    expect(dispersionOf(state, false).phi).toBe(1);
  });
});

describe('placement guard', () => {
  test('is absent when stable pods differ by no more than chance', () => {
    const pods = [98, 103, 100, 99].map((bad, k) => ({ pod: `p${k}`, bad, total: 10_000 }));
    expect(placementSpread(pods, 1)).toBe(0);
    expect(guardedMargin(1.1, 0, 1, 4)).toBe(1.1);
  });

  test('takes all of what pods differ beyond chance, once that is significant', () => {
    const pods = Array.from({ length: 20 }, (_, k) => ({ pod: `p${k}`, bad: k % 2 === 0 ? 85 : 115, total: 10_000 }));
    // Standard deviation of the rate: 15 %, of which chance makes 10 %.
    expect(placementSpread(pods, 1)).toBeCloseTo(Math.sqrt(0.15 ** 2 - 0.1 ** 2 * 0.95) / Math.sqrt(0.95), 2);
  });

  test.each([
    { bad: [10, 12, 10, 11, 13, 9, 11, 10, 12, 12], found: 0 },
    { bad: [3, 22, 10, 11, 13, 9, 11, 4, 15, 12], found: 0.1 },
    { bad: [1, 31, 10, 11, 13, 9, 11, 2, 22, 6], found: 0.72 },
  ])(
    'of pods with eleven errors each takes what is surely not chance, and little of what may be: $found',
    ({ bad, found }) => {
      expect(
        placementSpread(
          bad.map((errors, k) => ({ pod: `p${k}`, bad: errors, total: 10_000 })),
          1,
        ),
      ).toBeCloseTo(found, 2);
    },
  );

  test('widens the margin when they do, more so for fewer canary pods', () => {
    const pods = [60, 150, 100, 190].map((bad, k) => ({ pod: `p${k}`, bad, total: 10_000 }));
    const spread = placementSpread(pods, 1);
    expect(spread).toBeGreaterThan(0.2);
    expect(guardedMargin(1.1, spread, 1, 4)).toBeGreaterThan(guardedMargin(1.1, spread, 4, 4));
  });
});
