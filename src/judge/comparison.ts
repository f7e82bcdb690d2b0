/**
 * One proportion, canary against stable: the errors of a metric, or the requests slower than one boundary. Everything that is
 * known about it since the run began, O(1) in time.
 */
import type { ArmCounts } from '../stats/counts.ts';
import {
  type Dispersion,
  dispersionOf,
  learnOwnResidual,
  learnPods,
  learnResidual,
  openDispersion,
  rawRatio,
} from '../stats/dispersion.ts';
import {
  type Likelihood,
  addBoundToLikelihood,
  addToLikelihood,
  nodeRatios,
  openLikelihood,
} from '../stats/likelihood.ts';
import { addToPassing, aimOf, openPassing, passLogOdds, type PassEvidence, type PassMargin } from '../stats/passing.ts';
import { guardedMargin, placementSpread } from '../stats/placement.ts';
import { capOf } from '../stats/rule.ts';
import { type Wager, openWager, play, worth } from '../stats/wager.ts';
import { type Calibration, calibrationOf } from './calibration.ts';
import type { PodCounts, ProportionCounts } from './observation.ts';
import type { MarginNumbers } from './preset.ts';

/** Owned by one metric; `addInterval` changes it in place. */
export interface Comparison {
  /** Latency only: requests slower than this count, ms. */
  readonly boundaryMs?: number;
  /** Share of the run's evidence, 0–1. */
  readonly share: number;
  /** The metric passes only if this comparison does. */
  readonly mustPass: boolean;
  /** A canary that is lower is bad; absent: one that is higher. */
  readonly isLower?: true;
  readonly wager: Wager;
  readonly dispersion: Dispersion;
  readonly passing: PassEvidence;
  readonly likelihood: Likelihood;
  /** Since the start: canary bad, canary total, stable bad, stable total. */
  readonly totals: Float64Array;
  /** Of the history: stable bad, stable total. */
  readonly history: Float64Array;
  /** Placement guard, frozen at the start. */
  readonly spread: number;
  /** Stable's rate before the run, frozen at the start; 0: not known. */
  readonly usual: number;
}

/** What of the run and the metric an interval is judged by. */
export interface Terms {
  readonly fail: MarginNumbers;
  readonly pass: MarginNumbers;
  /** The canary is compared with this rate; stable only tells how noisy pods are. */
  readonly constant?: number;
  /** Odds at which the run aborts. */
  readonly threshold: number;
  /** Index of the interval since the run's start, and how many the run may have. */
  readonly index: number;
  readonly horizon: number;
  readonly weight: number;
}

export const LIKELIHOOD_NODES = 16;
const RATIOS = nodeRatios(LIKELIHOOD_NODES);

/** Starts a comparison, having learnt from stable's history how noisy its pods are. */
export function openComparison(
  given: Pick<Comparison, 'boundaryMs' | 'share' | 'mustPass' | 'isLower'>,
  history: readonly ProportionCounts[],
): Comparison {
  const dispersion = openDispersion();
  const totals = new Float64Array(2);
  const pods = new Map<string, PodCounts>();
  for (const { stable, stablePods } of history) {
    totals[0] = (totals[0] as number) + stable.bad;
    totals[1] = (totals[1] as number) + stable.total;
    learnPods(dispersion, stablePods);
    for (const pod of stablePods) {
      const sum = pods.get(pod.pod);
      pods.set(pod.pod, { pod: pod.pod, bad: pod.bad + (sum?.bad ?? 0), total: pod.total + (sum?.total ?? 0) });
    }
  }
  return {
    ...given,
    wager: openWager(),
    dispersion,
    passing: openPassing(),
    likelihood: openLikelihood(LIKELIHOOD_NODES),
    totals: new Float64Array(4),
    history: totals,
    // In single precision, as they are stored.
    spread: Math.fround(placementSpread([...pods.values()], rawRatio(dispersion, 1))),
    usual: (totals[1] as number) > 0 ? Math.fround(((totals[0] as number) + 0.5) / ((totals[1] as number) + 1)) : 0,
  };
}

/** Shares nothing that `addInterval` or `learnStable` change. `structuredClone` takes fifty times as long. */
export function copyComparison(comparison: Comparison): Comparison {
  const { wager, dispersion, likelihood } = comparison;
  return {
    ...comparison,
    wager: { ...wager, bets: wager.bets.slice() },
    dispersion: {
      ...dispersion,
      sums: dispersion.sums.slice(),
      pods: dispersion.pods.slice(),
      blocks: dispersion.blocks.slice(),
    },
    passing: comparison.passing.slice(),
    likelihood: { ...likelihood, events: likelihood.events.slice(), requests: likelihood.requests.slice() },
    totals: comparison.totals.slice(),
    history: comparison.history.slice(),
  };
}

/** Learns from an interval that has no canary in it how noisy stable is; no evidence moves. */
export function learnStable(comparison: Comparison, { stable, stablePods }: ProportionCounts): void {
  const { history, dispersion } = comparison;
  history[0] = (history[0] as number) + stable.bad;
  history[1] = (history[1] as number) + stable.total;
  learnPods(dispersion, stablePods);
}

/** Adds one usable interval: all finite, totals > 0 (stable's only where it is compared with). Decides with what was known before it, then learns from it. */
export function addInterval(comparison: Comparison, counts: ProportionCounts, canaryPods: number, terms: Terms): void {
  const arms: ArmCounts = {
    canaryBad: counts.canary.bad,
    canaryTotal: counts.canary.total,
    stableBad: counts.stable.bad,
    stableTotal: counts.stable.total,
  };
  const { dispersion, totals, history, isLower } = comparison;
  const { constant } = terms;
  const stablePods = counts.stablePods.length;
  const calibration = calibrationOf(dispersion, stablePods);
  const healthy = marginOf(comparison, terms, calibration, canaryPods, stablePods);
  const fail = lineOf({ ratio: healthy, difference: terms.fail.difference }, isLower, constant);
  play(comparison.wager, arms, {
    theta0: fail.ratio,
    delta: fail.difference,
    isLower: fail.isLower,
    bound: fail.bound,
    dispersion: phiOf(comparison, calibration).phi,
    cap: capOf(terms.threshold / comparison.share),
    index: terms.index,
    horizon: terms.horizon,
    weight: terms.weight,
    earlierBad: (totals[2] as number) + (history[0] as number),
    earlierTotal: (totals[3] as number) + (history[1] as number),
  });
  addToPassing(comparison.passing, arms, lineOf(terms.pass, isLower, constant));
  if (constant === undefined) addToLikelihood(comparison.likelihood, arms, RATIOS);
  else addBoundToLikelihood(comparison.likelihood, counts.canary, constant, RATIOS);
  totals[0] = (totals[0] as number) + arms.canaryBad;
  totals[1] = (totals[1] as number) + arms.canaryTotal;
  totals[2] = (totals[2] as number) + arms.stableBad;
  totals[3] = (totals[3] as number) + arms.stableTotal;
  learnPods(dispersion, counts.stablePods);
  const learn = constant === undefined ? learnResidual : learnOwnResidual;
  learn(dispersion, arms, totalsOf(comparison), stablePods >= 2);
}

/**
 * A margin as the line that divides, in the canary's direction: canary ≤ ratio·stable + difference, or canary ≥ stable/ratio −
 * difference; against a constant one number.
 */
export function lineOf(margin: MarginNumbers, isLower: true | undefined, constant: number | undefined): PassMargin {
  const ratio = isLower ? 1 / margin.ratio : margin.ratio;
  const difference = isLower ? -margin.difference : margin.difference;
  return { ratio, difference, isLower, bound: constant === undefined ? undefined : ratio * constant + difference };
}

/**
 * How many times worse is healthy: the spec's ratio, raised where the noise is unknown, widened for few pods. A bound is a promise
 * and stays what it is.
 */
export function marginOf(
  comparison: Comparison,
  { fail, constant }: Pick<Terms, 'fail' | 'constant'>,
  calibration: Calibration,
  canaryPods: number,
  stablePods: number,
): number {
  if (constant !== undefined) return fail.ratio;
  return guardedMargin(Math.max(fail.ratio, calibration.leastRatio), comparison.spread, canaryPods, stablePods);
}

/** ln odds against a canary beyond the pass margin. */
export function passOddsOf(
  comparison: Comparison,
  { pass, constant }: { readonly pass: MarginNumbers; readonly constant?: number },
): number {
  const { dispersion, passing, isLower, usual } = comparison;
  const { phi } = phiOf(comparison, calibrationOf(dispersion, dispersion.podCount));
  return passLogOdds(passing, phi, aimOf(lineOf(pass, isLower, constant), usual));
}

/** φ̂ in force and where it comes from. */
export function phiOf(
  comparison: Comparison,
  calibration: Calibration,
): { phi: number; source: 'stable pods' | 'residual' | 'forced' } {
  const measured = dispersionOf(comparison.dispersion, calibration.leastDispersion === 1);
  if (measured.phi >= calibration.leastDispersion) return measured;
  return { phi: calibration.leastDispersion, source: 'forced' };
}

export function totalsOf({ totals }: Comparison): ArmCounts {
  return {
    canaryBad: totals[0] as number,
    canaryTotal: totals[1] as number,
    stableBad: totals[2] as number,
    stableTotal: totals[3] as number,
  };
}

/** E-value of this comparison: odds against a healthy canary. */
export function oddsOf(comparison: Comparison): number {
  return worth(comparison.wager);
}
