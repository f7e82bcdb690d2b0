import { describe, expect, test } from 'vitest';
import { nextArrivalMs, type Rate, rateAt } from '../../../src/sandbox/load/arrivals.ts';
import { createRandom } from '../../../src/sandbox/random.ts';

function arrivals(rate: Rate, untilMs: number, seed: string): readonly number[] {
  const random = createRandom(seed);
  const times: number[] = [];
  for (let time = nextArrivalMs(rate, 0, random); time < untilMs; time = nextArrivalMs(rate, time, random))
    times.push(time);
  return times;
}

const steady = (rps: number): Rate => ({ from: rps, to: rps, fromMs: 0, rampMs: 0 });

describe('arrivals', () => {
  test('come at the rate asked for, with the spread of a Poisson process', () => {
    const times = arrivals(steady(100), 200_000, 'steady');
    expect(Math.abs(times.length - 20_000)).toBeLessThan(4 * Math.sqrt(20_000));
    const perSecond = Array.from(
      { length: 200 },
      (_, second) => times.filter((time) => Math.floor(time / 1_000) === second).length,
    );
    const mean = perSecond.reduce((sum, count) => sum + count, 0) / 200;
    const variance = perSecond.reduce((sum, count) => sum + (count - mean) ** 2, 0) / 199;
    // Variance equals the mean; 4 standard errors of a variance from 200 values.
    expect(Math.abs(variance / mean - 1)).toBeLessThan(4 * Math.sqrt(2 / 199));
  });

  test('are the same for the same seed, and others for another', () => {
    expect(arrivals(steady(50), 5_000, 'a')).toEqual(arrivals(steady(50), 5_000, 'a'));
    expect(arrivals(steady(50), 5_000, 'a')).not.toEqual(arrivals(steady(50), 5_000, 'b'));
  });

  test('a ramp sends half of what its end rate would', () => {
    const rate: Rate = { from: 0, to: 200, fromMs: 0, rampMs: 60_000 };
    const count = arrivals(rate, 60_000, 'ramp').length;
    expect(Math.abs(count - 6_000)).toBeLessThan(4 * Math.sqrt(6_000));
  });

  test('a ramp down sends less and less, then nothing', () => {
    const rate: Rate = { from: 200, to: 0, fromMs: 0, rampMs: 60_000 };
    const times = arrivals(rate, 120_000, 'down');
    expect(Math.abs(times.length - 6_000)).toBeLessThan(4 * Math.sqrt(6_000));
    expect(Math.max(...times)).toBeLessThan(60_000);
  });

  test('a rate of 0 sends nothing, ever', () => {
    expect(nextArrivalMs(steady(0), 0, createRandom('x'))).toBe(Number.POSITIVE_INFINITY);
  });

  test.each([
    { atMs: 0, rps: 10 },
    { atMs: 500, rps: 20 },
    { atMs: 1_000, rps: 30 },
    { atMs: 9_000, rps: 30 },
  ])('the rate of a ramp from 10 to 30 is $rps at $atMs ms', ({ atMs, rps }) => {
    expect(rateAt({ from: 10, to: 30, fromMs: 0, rampMs: 1_000 }, atMs)).toBe(rps);
  });
});
