import { describe, expect, test } from 'vitest';
import type { Observation } from '../../../src/judge/observation.ts';
import type { Reading } from '../../../src/metrics/intervals.ts';
import { lateCounts, latenessOf, plus, type Receipt, withoutSeen } from '../../../src/metrics/late.ts';

const proportion = (
  canary: readonly [number, number],
  stable: readonly [number, number],
  endMs = 20_000,
): Observation => ({
  kind: 'proportion',
  endMs,
  canaryPods: 1,
  counts: {
    canary: { bad: canary[0], total: canary[1] },
    stable: { bad: stable[0], total: stable[1] },
    stablePods: [{ pod: 's1', bad: stable[0], total: stable[1] }],
  },
});
const reading = (bases: Reading['bases'], observation = proportion([1, 10], [2, 20])): Reading => ({
  observation,
  levels: {},
  bases,
  hasRestarts: false,
  unknownPods: [],
  implausiblePods: [],
});
const receipt: Receipt = {
  endMs: 10_000,
  weight: 50,
  levels: { canary: 100, stable: 200 },
  taken: proportion([0, 5], [0, 10]),
};

describe('scrapes that come after their interval was read', () => {
  test.each([
    { bases: { canary: 100, stable: 200 }, lateness: 'none' },
    { bases: { canary: 107, stable: 200 }, lateness: 'late' },
    { bases: { canary: 100, stable: 190 }, lateness: 'receded' },
    { bases: { stable: 200 }, lateness: 'receded' },
    { bases: { canary: 100.000_000_000_01, stable: 200 }, lateness: 'none' },
  ])('are noticed by the counters at the boundary: $bases → $lateness', ({ bases, lateness }) => {
    expect(latenessOf(receipt, reading(bases), 10_000)).toBe(lateness);
  });

  test('are not looked for across a gap', () => {
    expect(latenessOf({ ...receipt, endMs: 0 }, reading({ canary: 107 }), 10_000)).toBe('none');
    expect(latenessOf(undefined, reading({ canary: 107 }), 10_000)).toBe('none');
  });

  test('are what a second reading has more than the first', () => {
    expect(lateCounts(proportion([1, 10], [2, 20]), proportion([3, 14], [2, 20]), 'all')).toMatchObject({
      counts: { canary: { bad: 2, total: 4 }, stable: { bad: 0, total: 0 } },
    });
    const nothing: Observation = { kind: 'skipped', endMs: 1, reason: 'NoData' };
    expect(lateCounts(nothing, proportion([3, 14], [2, 20]), 'all')).toMatchObject({
      counts: { canary: { bad: 3, total: 14 } },
    });
    expect(lateCounts(proportion([3, 14], [2, 20]), nothing, 'all')).toBeUndefined();
  });

  test('of a rate may be more than what they are counted per', () => {
    const late = (per: 'all' | 'something' | 'time') =>
      lateCounts(proportion([1, 10], [2, 20]), proportion([9, 12], [2, 20]), per);
    expect(late('something')).toMatchObject({ counts: { canary: { bad: 8, total: 2 } } });
    expect(late('time')).toMatchObject({ counts: { canary: { bad: 8, total: 2 } } });
    expect(late('all')).toMatchObject({ counts: { canary: { bad: 2, total: 2 } } });
  });

  test('are added to the next interval, but not to the noise of its pods', () => {
    const sum = plus(proportion([1, 10], [2, 20]), proportion([1, 1], [1, 5]));
    expect(sum).toMatchObject({
      counts: {
        canary: { bad: 2, total: 11 },
        stable: { bad: 3, total: 25 },
        stablePods: [{ pod: 's1', bad: 2, total: 20 }],
      },
    });
  });
});

describe('counters that went back', () => {
  test('do not count twice: each arm is scaled to what is new', () => {
    const observation = proportion([2, 10], [4, 20]);
    expect(withoutSeen(observation, receipt, { canary: 95, stable: 200 }, 'all')).toMatchObject({
      counts: { canary: { bad: 1, total: 5 }, stable: { bad: 4, total: 20 } },
    });
  });

  test('of what is counted per time shorten no time', () => {
    const observation = proportion([10, 30], [20, 60]);
    expect(withoutSeen(observation, receipt, { canary: 95, stable: 200 }, 'time')).toMatchObject({
      counts: { canary: { bad: 5, total: 30 }, stable: { bad: 20, total: 60 } },
    });
    expect(withoutSeen(observation, receipt, { canary: 85, stable: 200 }, 'time')).toBeUndefined();
  });

  test('make an interval implausible when it has less than was seen before', () => {
    expect(withoutSeen(proportion([2, 10], [4, 20]), receipt, { canary: 80, stable: 200 }, 'all')).toBeUndefined();
    expect(withoutSeen(proportion([0, 0], [4, 20]), receipt, { canary: 80, stable: 200 }, 'all')).toBeUndefined();
  });
});
