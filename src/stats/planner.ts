/**
 * What a plan of steps can see, before it starts: the fail and pass rules are played on expected counts instead of real ones, so
 * stakes, caps and restarts are those of the real rule. Forecasts are typical times (close to medians), not guarantees.
 */
import type { ArmCounts } from './counts.ts';
import { bisect } from './numeric.ts';
import { addToPassing, aimOf, openPassing, passLogOdds } from './passing.ts';
import { FEWEST_INTERVALS, capOf } from './rule.ts';
import { openWager, play } from './wager.ts';

export interface PlannedStep {
  /** Percent of requests for the canary, 1–99. */
  readonly weight: number;
  /** Longest time at this weight, ms. */
  readonly durationMs: number;
}

/** Today's traffic and the rule in force. */
export interface PlanInput {
  readonly requestsPerSecond: number;
  /** Stable's share of bad requests, 0–1. */
  readonly badShare: number;
  /** φ, ≥ 1. */
  readonly dispersion: number;
  readonly intervalMs: number;
  readonly horizonMs: number;
  readonly fail: { readonly ratio: number; readonly difference: number };
  readonly pass: { readonly ratio: number; readonly difference: number };
  /** Probabilities of a false abort of this attempt and of a false pass. */
  readonly falseAbort: number;
  readonly falsePass: number;
  /** Share of the run's evidence that the metric has, 0–1. */
  readonly share: number;
  readonly steps: readonly PlannedStep[];
}

export interface StepForecast {
  readonly weight: number;
  readonly durationMs: number;
  readonly canaryPerSecond: number;
  /** Typical time to abort at ×2, ×1.5, ×1.2 if this weight were kept; undefined: not within a week. */
  readonly seesMs: {
    readonly double: number | undefined;
    readonly half: number | undefined;
    readonly fifth: number | undefined;
  };
  /** Typical time to pass an equal canary at this weight from scratch; undefined: never at this traffic. */
  readonly passesMs: number | undefined;
  /** The step is over before it can usually pass: it will end inconclusive. */
  readonly isTooShort: boolean;
}

export interface PlanForecast {
  readonly steps: readonly StepForecast[];
  /** Smallest lasting ratio that the whole plan usually sees; undefined: not even ×100. */
  readonly smallestVisible: number | undefined;
  /** Other weights for the same steps and times that see more; absent when none was found. */
  readonly better?: { readonly weights: readonly number[]; readonly smallestVisible: number };
}

const WEEK_MS = 7 * 24 * 3_600_000;
const LARGEST_RATIO = 100;
/** Odds that wander reach their line before their mean does: the usual time to pass, as a part of the mean path's (measured). */
const EARLIER = 0.85;

export function forecastPlan(input: PlanInput): PlanForecast {
  const steps = input.steps.map((step) => forecastStep(input, step));
  const smallestVisible = smallestVisibleOf(input);
  const better = betterPlan(input, smallestVisible);
  return { steps, smallestVisible, ...(better === undefined ? {} : { better }) };
}

/** Typical time to abort a canary `ratio` times as bad at one weight; undefined when not within a week. */
export function timeToSee(input: PlanInput, weight: number, ratio: number): number | undefined {
  const most = Math.ceil(WEEK_MS / input.intervalMs);
  const intervals = abortedAfter(input, ratio, [{ weight, intervals: most }]);
  return intervals === undefined ? undefined : intervals * input.intervalMs;
}

/** Typical time to pass an equal canary at one weight, from scratch; undefined when never. */
export function timeToPass(input: PlanInput, weight: number): number | undefined {
  const counts = expectedCounts(input, weight, 1);
  if (!(counts.canaryTotal > 0) || !(counts.stableTotal > 0)) return undefined;
  const one = openPassing();
  addToPassing(one, counts, input.pass);
  const needed = Math.log(1 / input.falsePass);
  const logOdds = (intervals: number): number =>
    passLogOdds(
      one.map((nats) => nats * intervals),
      input.dispersion,
      aimOf(input.pass, input.badShare),
    );
  const most = WEEK_MS / input.intervalMs;
  if (logOdds(most) < needed) return undefined;
  return Math.max(1, Math.ceil(EARLIER * bisect((n) => logOdds(n) - needed, 0, most))) * input.intervalMs;
}

/** Smallest lasting ratio that the plan usually sees before it ends. */
export function smallestVisibleOf(input: PlanInput): number | undefined {
  const steps = input.steps.map(({ weight, durationMs }) => ({
    weight,
    intervals: Math.floor(durationMs / input.intervalMs),
  }));
  const sees = (ratio: number): boolean => abortedAfter(input, ratio, steps) !== undefined;
  if (!sees(LARGEST_RATIO)) return undefined;
  let [low, high] = [1, LARGEST_RATIO];
  for (let round = 0; round < 24 && high / low > 1.002; round++) {
    const middle = Math.sqrt(low * high);
    if (sees(middle)) high = middle;
    else low = middle;
  }
  return high;
}

function forecastStep(input: PlanInput, { weight, durationMs }: PlannedStep): StepForecast {
  const passesMs = timeToPass(input, weight);
  return {
    weight,
    durationMs,
    canaryPerSecond: (input.requestsPerSecond * weight) / 100,
    seesMs: {
      double: timeToSee(input, weight, 2),
      half: timeToSee(input, weight, 1.5),
      fifth: timeToSee(input, weight, 1.2),
    },
    passesMs,
    isTooShort: passesMs === undefined || passesMs > durationMs,
  };
}

/**
 * Weights rising geometrically from a larger first one to the same last one: the smallest first weight whose steps can all
 * pass in their time, or else the one that sees most.
 */
function betterPlan(input: PlanInput, now: number | undefined): PlanForecast['better'] {
  const last = input.steps.at(-1)?.weight ?? 0;
  const first = input.steps[0]?.weight ?? 0;
  const count = input.steps.length;
  if (count < 2 || first >= last) return undefined;
  const firsts = [2, 5, 10, 15, 20, 25, 30, 40, 50].filter((weight) => weight > first && weight < last);
  const plans = firsts.flatMap((from) => {
    const weights = input.steps.map((_, k) => roundWeight(from * (last / from) ** (k / (count - 1))));
    const steps = input.steps.map((step, k) => ({ ...step, weight: weights[k] ?? step.weight }));
    const smallestVisible = smallestVisibleOf({ ...input, steps });
    if (smallestVisible === undefined || smallestVisible > (now ?? Infinity) * 0.98) return [];
    const passes = steps.every(({ weight, durationMs }) => (timeToPass(input, weight) ?? Infinity) <= durationMs);
    return [{ weights, smallestVisible, passes }];
  });
  const best = plans.find(({ passes }) => passes) ?? plans.toSorted((a, b) => a.smallestVisible - b.smallestVisible)[0];
  return best === undefined ? undefined : { weights: best.weights, smallestVisible: best.smallestVisible };
}

function roundWeight(weight: number): number {
  return weight < 10 ? Math.max(1, Math.round(weight)) : Math.min(99, 5 * Math.round(weight / 5));
}

/** Intervals until the expected path aborts; undefined when it does not before the steps are over. */
function abortedAfter(
  input: PlanInput,
  ratio: number,
  steps: readonly { readonly weight: number; readonly intervals: number }[],
): number | undefined {
  if (!(ratio > input.fail.ratio) && input.fail.difference === 0) return undefined;
  const threshold = 1 / input.falseAbort / input.share;
  const wager = openWager();
  const horizon = Math.max(1, Math.round(input.horizonMs / input.intervalMs));
  let index = 0;
  let [bad, total] = [0, 0];
  for (const { weight, intervals } of steps) {
    const counts = expectedCounts(input, weight, ratio);
    if (!(counts.canaryTotal > 0) || !(counts.stableTotal > 0)) {
      index += intervals;
      continue;
    }
    for (let i = 0; i < intervals; i++) {
      const odds = play(wager, counts, {
        theta0: input.fail.ratio,
        delta: input.fail.difference,
        dispersion: input.dispersion,
        cap: capOf(threshold),
        index,
        horizon,
        weight,
        earlierBad: bad + counts.stableBad * 30,
        earlierTotal: total + counts.stableTotal * 30,
      });
      bad += counts.stableBad;
      total += counts.stableTotal;
      index++;
      // The other metrics' shares stay about where they began, or fall: they are not counted on.
      if (index >= FEWEST_INTERVALS && odds >= threshold) return index;
      // Nothing will come of bets that died while there is no cash left to renew them.
      if (index > 2 * horizon && odds < 1e-9) return undefined;
    }
  }
  return undefined;
}

function expectedCounts(input: PlanInput, weight: number, ratio: number): ArmCounts {
  const requests = (input.requestsPerSecond * input.intervalMs) / 1000;
  const canaryTotal = (requests * weight) / 100;
  const stableTotal = requests - canaryTotal;
  return {
    canaryTotal,
    stableTotal,
    canaryBad: canaryTotal * Math.min(1, input.badShare * ratio),
    stableBad: stableTotal * input.badShare,
  };
}
