/**
 * How long a metric with a bound typically takes to a Fail or a Pass when one version has all requests: the judge's own comparison, fed with
 * exactly the expected counts at every interval. A forecast, never a decision; a test holds it against simulated medians.
 */
import { FEWEST_INTERVALS } from '../stats/rule.ts';
import { addInterval, openComparison, oddsOf, passOddsOf, type Terms } from './comparison.ts';
import type { MarginNumbers } from './preset.ts';

export interface BoundedPlan {
  readonly requestsPerSecond: number;
  /** So many bad requests come together: evidence counts as that much less. */
  readonly dispersion: number;
  readonly bound: number;
  readonly fail: MarginNumbers;
  readonly pass: MarginNumbers;
  /** Error probability of the run of this step, and part of its evidence that this metric has. */
  readonly falseAbort: number;
  readonly share: number;
  readonly falsePass: number;
  readonly intervalMs: number;
  readonly horizonMs: number;
  readonly minRequests: number;
  /** Shortest and longest time with data. */
  readonly atLeastMs: number;
  readonly atMostMs: number;
}

/** What happens typically at this share of bad requests; `never`: neither within ten times the longest time. */
export type BoundForecast =
  | { readonly kind: 'fails' | 'passes'; readonly afterMs: number; readonly isInTime: boolean }
  | { readonly kind: 'never' };

/** Stable served the same requests before, from pods that do not differ: noise is known. */
const HISTORY_INTERVALS = 60;
const PODS = 4;
const PATIENCE = 10;

export function forecastBound(plan: BoundedPlan, badShare: number): BoundForecast {
  const requests = (plan.requestsPerSecond * plan.intervalMs) / 1000 / plan.dispersion;
  const counts = { bad: requests * Math.min(1, badShare), total: requests };
  const stablePods = Array.from({ length: PODS }, (_, k) => ({
    pod: `p${k}`,
    bad: counts.bad / PODS,
    total: counts.total / PODS,
  }));
  const nothing = { bad: 0, total: 0 };
  const before = Array.from({ length: HISTORY_INTERVALS }, () => ({ canary: nothing, stable: counts, stablePods }));
  const comparison = openComparison({ share: plan.share, mustPass: true }, before);
  const abortAt = 1 / plan.falseAbort;
  const terms: Omit<Terms, 'index'> = {
    fail: plan.fail,
    pass: plan.pass,
    constant: plan.bound,
    threshold: abortAt,
    horizon: Math.max(1, Math.round(plan.horizonMs / plan.intervalMs)),
    weight: 100,
  };
  const most = Math.ceil((PATIENCE * Math.max(plan.atMostMs, plan.intervalMs)) / plan.intervalMs);
  for (let index = 0; index < most; index++) {
    addInterval(comparison, { canary: counts, stable: nothing, stablePods: [] }, PODS, { ...terms, index });
    const afterMs = (index + 1) * plan.intervalMs;
    const isInTime = afterMs <= plan.atMostMs;
    const odds = plan.share * oddsOf(comparison) + (1 - plan.share);
    if (index + 1 >= FEWEST_INTERVALS && odds >= abortAt) return { kind: 'fails', afterMs, isInTime };
    const isEnough = (index + 1) * requests * plan.dispersion >= plan.minRequests && afterMs >= plan.atLeastMs;
    const isProven = passOddsOf(comparison, { pass: plan.pass, constant: plan.bound }) >= Math.log(1 / plan.falsePass);
    if (isEnough && isProven) return { kind: 'passes', afterMs, isInTime };
  }
  return { kind: 'never' };
}
