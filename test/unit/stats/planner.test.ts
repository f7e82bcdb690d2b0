import { describe, expect, test } from 'vitest';
import { type PlanInput, forecastPlan, smallestVisibleOf, timeToPass, timeToSee } from '../../../src/stats/planner.ts';
import { drawStream } from '../../../src/bench/verdict/traffic.ts';
import { Random } from '../../../src/bench/verdict/random.ts';
import { serin, serinPass } from '../../../src/bench/verdict/rules.ts';

const input: PlanInput = {
  requestsPerSecond: 100,
  badShare: 0.01,
  dispersion: 1,
  intervalMs: 10_000,
  horizonMs: 3_600_000,
  fail: { ratio: 1.1, difference: 0 },
  pass: { ratio: 1.5, difference: 0.0005 },
  falseAbort: 0.05 * 0.6,
  falsePass: 0.05,
  share: 1,
  steps: [5, 25, 50].map((weight) => ({ weight, durationMs: 900_000 })),
};

/** Median over 60 simulated runs, ms. */
function simulated(
  rule: ReturnType<typeof serin>,
  over: { rps: number; p: number; effect?: number; weight: number },
): number {
  const delays = Array.from({ length: 60 }, (_, run) => {
    const at = rule(drawStream({ ...over, weightAt: () => over.weight }, new Random(77, run)));
    return at < 0 ? Infinity : (at + 1) * 10_000;
  }).toSorted((a, b) => a - b);
  return delays[30] as number;
}

describe('the plan’s forecast', () => {
  test.each([
    { rps: 100, p: 0.01, weight: 10, ratio: 2 },
    { rps: 100, p: 0.001, weight: 20, ratio: 5 },
    { rps: 1000, p: 0.001, weight: 10, ratio: 2 },
    { rps: 10, p: 0.01, weight: 50, ratio: 2 },
  ])('of detection agrees with simulation: $ratio× at $weight % of $rps rps', ({ rps, p, weight, ratio }) => {
    const forecast = timeToSee({ ...input, requestsPerSecond: rps, badShare: p }, weight, ratio) ?? Infinity;
    const quotient = forecast / simulated(serin(), { rps, p, weight, effect: ratio });
    expect(quotient).toBeGreaterThan(0.75);
    expect(quotient).toBeLessThan(1.34);
  });

  test.each([
    { rps: 100, p: 0.01, weight: 10 },
    { rps: 1000, p: 0.001, weight: 10 },
  ])('of passing agrees with simulation at $weight % of $rps rps', ({ rps, p, weight }) => {
    const forecast = timeToPass({ ...input, requestsPerSecond: rps, badShare: p }, weight) ?? Infinity;
    const quotient = forecast / simulated(serinPass(), { rps, p, weight });
    expect(quotient).toBeGreaterThan(0.75);
    expect(quotient).toBeLessThan(1.34);
  });

  test('sees more with more traffic, more weight, more time and less noise', () => {
    const visible = (over: Partial<PlanInput>): number => smallestVisibleOf({ ...input, ...over }) ?? Infinity;
    const now = visible({});
    expect(visible({ requestsPerSecond: 1000 })).toBeLessThan(now);
    expect(visible({ dispersion: 4 })).toBeGreaterThan(now);
    expect(visible({ steps: input.steps.map((step) => ({ ...step, durationMs: 3 * step.durationMs })) })).toBeLessThan(
      now,
    );
    expect(visible({ steps: input.steps.slice(0, 1) })).toBeGreaterThan(now);
  });

  test('warns about a step that is too short and proposes weights that see more', () => {
    const plan = forecastPlan({ ...input, requestsPerSecond: 60, badShare: 0.005 });
    expect(plan.steps.map(({ isTooShort }) => isTooShort)).toEqual([true, false, false]);
    expect(plan.better?.smallestVisible).toBeLessThan(plan.smallestVisible as number);
    expect(plan.better?.weights.at(-1)).toBe(50);
  });

  test('says "never" rather than a number without traffic, without a canary, and within the margin', () => {
    expect(forecastPlan({ ...input, requestsPerSecond: 0 })).toMatchObject({ smallestVisible: undefined });
    expect(timeToPass({ ...input, requestsPerSecond: 0 }, 10)).toBeUndefined();
    expect(timeToSee(input, 0, 2)).toBeUndefined();
    expect(timeToSee(input, 50, 1.05)).toBeUndefined();
  });

  test('passes after the rule of three where nobody ever fails', () => {
    const quiet = { ...input, badShare: 0, requestsPerSecond: 1000 };
    const requests = ((timeToPass(quiet, 10) as number) / 1000) * 100;
    // ln 20 ÷ 0.0005 requests without an error, a little more for the mixture.
    expect(requests).toBeGreaterThan(Math.log(20) / 0.0005);
    expect(requests).toBeLessThan(2 * (Math.log(20) / 0.0005));
  });
});
