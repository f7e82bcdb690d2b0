/** How long until a Pass if the canary equals stable from here on, at today's traffic. A forecast, never a decision. */
import type { ArmCounts } from '../stats/counts.ts';
import { bisect } from '../stats/numeric.ts';
import {
  aimOf,
  PASS_RATIOS,
  type PassEvidence,
  passIncrement,
  passLogOdds,
  type PassMargin,
} from '../stats/passing.ts';

export interface PassForecast {
  readonly passing: PassEvidence;
  readonly dispersion: number;
  readonly pass: PassMargin;
  readonly falsePass: number;
  /** Mean requests per interval, and stable's share of bad ones. */
  readonly canaryPerInterval: number;
  readonly stablePerInterval: number;
  readonly badShare: number;
  /** Stable's rate before the run; 0: not known. */
  readonly usual: number;
}

/** Intervals of further data; 0 when it would pass now, undefined when it never will (or would take more than 10⁶ intervals). */
export function intervalsToPass(given: PassForecast): number | undefined {
  const { canaryPerInterval, stablePerInterval, badShare, pass, passing, dispersion } = given;
  const needed = Math.log(1 / given.falsePass);
  const aim = aimOf(pass, given.usual);
  if (passLogOdds(passing, dispersion, aim) >= needed) return 0;
  if (!(canaryPerInterval > 0) || !(stablePerInterval > 0 || pass.bound !== undefined)) return undefined;
  const typical: ArmCounts = {
    canaryBad: canaryPerInterval * badShare,
    canaryTotal: canaryPerInterval,
    stableBad: stablePerInterval * badShare,
    stableTotal: stablePerInterval,
  };
  const growth = PASS_RATIOS.map((_, j) => passIncrement(typical, pass, j));
  const most = 1e6;
  if (!(logOddsAfter(most) >= needed)) return undefined;
  return Math.ceil(bisect((intervals) => logOddsAfter(intervals) - needed, 0, most));

  function logOddsAfter(intervals: number): number {
    const sums = growth.map((nats, j) => (passing[j] as number) + (intervals === 0 ? 0 : intervals * nats));
    return passLogOdds(sums, dispersion, aim);
  }
}
