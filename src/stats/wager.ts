/**
 * The fail side as a gambler with one unit of money who bets against a healthy canary. Money moves from cash to bets before an
 * interval and each bet is multiplied by an e-value of the interval, so the total is a test supermartingale whatever the
 * staking plan, and P(total ever ≥ 1/α) ≤ α for a canary within the margin (Ville).
 */
import { growthOfBound } from './bound.ts';
import type { ArmCounts } from './counts.ts';
import {
  LOG_RATIOS,
  NATS_TO_DECIDE,
  PRIOR,
  RATIOS,
  RESTART_EVERY,
  SLOWEST_SURE_BET,
  START_STAKE,
  STEP_STAKE,
  TEMPERING,
  UNHURRIED,
} from './rule.ts';

const BETS = RATIOS.length;
const LOWER_RATIOS = RATIOS.map((rho) => 1 / rho);
const LOWER_LOG_RATIOS = LOG_RATIOS.map((log) => -log);
/** Far above any threshold and far from overflow. */
const LARGEST = 1e300;

/** Owned by one comparison; `play` changes it in place. */
export interface Wager {
  /** Money on each ratio. */
  readonly bets: Float64Array;
  cash: number;
  /** Weight in force at the last interval played; −1 before the first. */
  weight: number;
  /** Interval index of the last restart. */
  restartedAt: number;
}

export interface Table {
  /** Margin of the null hypothesis, already widened by the placement guard. */
  readonly theta0: number;
  readonly delta: number;
  /** φ from earlier intervals, ≥ 1. */
  readonly dispersion: number;
  /** Most that one interval may add to ln of a bet. */
  readonly cap: number;
  /** Index of the interval since the run's start, and how many the run may have. */
  readonly index: number;
  readonly horizon: number;
  readonly weight: number;
  /** All earlier stable events and requests, history included. */
  readonly earlierBad: number;
  readonly earlierTotal: number;
  /**
   * Alternatives are above θ0 (default), or with `lower` below: the null is then "p_c ≥ θ0·p_s + δ", the mirror image of the other
   * (swap the arms: θ → 1/θ), so stakes, tempering and cap carry over.
   */
  readonly isLower?: boolean | undefined;
  /** The null is "p_c ≤ bound" (or ≥), and stable is not looked at; `theta0` and `delta` are part of it (`bound.ts`). */
  readonly bound?: number | undefined;
}

export function openWager(): Wager {
  return { bets: new Float64Array(BETS), cash: 1, weight: -1, restartedAt: 0 };
}

/** Cash plus bets: the e-value, ≥ 0. */
export function worth(wager: Wager): number {
  let sum = wager.cash;
  for (let j = 0; j < BETS; j++) sum += wager.bets[j] as number;
  return sum;
}

/** Plays one interval (both totals > 0; against a bound only the canary's) and returns the worth after it. */
export function play(wager: Wager, counts: ArmCounts, table: Table): number {
  const stake = stakeOf(wager, table);
  if (stake > 0) place(wager, counts, table, stake);
  wager.weight = table.weight;

  const ratios = table.isLower === true ? LOWER_RATIOS : RATIOS;
  const logRatios = table.isLower === true ? LOWER_LOG_RATIOS : LOG_RATIOS;
  const r = counts.canaryTotal / counts.stableTotal;
  const base = Math.log1p(table.theta0 * r);
  const events = counts.canaryBad + counts.stableBad;
  let sum = wager.cash;
  for (let j = 0; j < BETS; j++) {
    const bet = wager.bets[j] as number;
    if (bet === 0) continue;
    const rho = ratios[j] as number;
    let gain = counts.canaryBad * (logRatios[j] as number);
    if (table.bound !== undefined) gain -= counts.canaryTotal * table.bound * (rho - 1);
    else {
      const theta1 = table.theta0 * rho;
      gain += events * (base - Math.log1p(theta1 * r));
      if (table.delta !== 0) gain -= (counts.canaryTotal * table.delta * (rho - 1)) / (1 + theta1 * r);
    }
    const phi = 1 + (table.dispersion - 1) * (TEMPERING[j] as number);
    const grown = Math.min(bet * Math.exp(Math.min(gain / phi, table.cap)), LARGEST);
    wager.bets[j] = grown;
    sum += grown;
  }
  return sum;
}

/** What may be staked now; says so by returning > 0, and notes the restart. */
function stakeOf(wager: Wager, table: Table): number {
  if (wager.weight < 0) {
    wager.restartedAt = table.index;
    return START_STAKE * wager.cash;
  }
  let stake = wager.weight === table.weight ? 0 : STEP_STAKE * wager.cash;
  if (table.index - wager.restartedAt >= RESTART_EVERY) {
    wager.restartedAt = table.index;
    const restartsLeft = (table.horizon - table.index) / RESTART_EVERY;
    const unhurried = UNHURRIED + table.index / RESTART_EVERY;
    stake += (wager.cash - stake) / Math.max(1, Math.min(restartsLeft, unhurried));
  }
  return stake;
}

/**
 * Splits a stake over the bets: by the prior, but a bet that today's traffic would decide in fewer than six intervals hands
 * money to smaller ratios. After the start only bets that have died (worth less than their new stake) are staked again.
 * Uses the interval's request counts and earlier events only, so it stays predictable given the requests.
 */
function place(wager: Wager, counts: ArmCounts, table: Table, stake: number): void {
  const isFirst = wager.weight < 0;
  const shares = new Float64Array(BETS);
  let sum = 0;
  for (let j = 0; j < BETS; j++) {
    const phi = 1 + (table.dispersion - 1) * (TEMPERING[j] as number);
    const growth = growthOf(counts, table, j) / phi;
    const intervals = growth > 0 ? NATS_TO_DECIDE / growth : Infinity;
    shares[j] = (PRIOR[j] as number) * Math.min(1, (intervals / SLOWEST_SURE_BET) ** 2);
    sum += shares[j] as number;
  }
  if (!(sum > 0)) return;
  for (let j = 0; j < BETS; j++) {
    const part = (stake * (shares[j] as number)) / sum;
    if (!isFirst && (wager.bets[j] as number) >= part) continue;
    wager.bets[j] = (wager.bets[j] as number) + part;
    wager.cash -= part;
  }
}

/** Nats an interval like this one adds to bet j if its ratio is true. */
function growthOf(counts: ArmCounts, table: Table, j: number): number {
  const rho = (table.isLower === true ? LOWER_RATIOS : RATIOS)[j] as number;
  if (table.bound !== undefined) return counts.canaryTotal * growthOfBound(Math.max(0, table.bound), rho);
  const r = counts.canaryTotal / counts.stableTotal;
  const theta1 = table.theta0 * rho;
  const shared = Math.log1p(table.theta0 * r) - Math.log1p(theta1 * r);
  const expected = (counts.canaryTotal * (table.earlierBad + 0.5)) / (table.earlierTotal + 1);
  return expected * (theta1 * (Math.log(rho) + shared) + shared / r);
}
