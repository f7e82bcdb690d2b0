/**
 * What is assumed while the noise of this workload is not known. Between-pod variance needs at least two stable pods and 30
 * intervals (5 min at 10 s; a demo at 1 s scales with it). Until then "up to 25 % worse" counts as healthy, and without
 * comparable pods three errors count as one.
 */
import type { Dispersion } from '../stats/dispersion.ts';

/** Intervals with at least two stable pods (history and run) after which their noise counts as known. */
const ENOUGH_INTERVALS = 30;
const FORCED_RATIO = 1.25;
const FORCED_DISPERSION = 3;

export interface Calibration {
  readonly uncalibrated?: 'no per-pod series' | 'one stable pod' | 'short history';
  readonly leastRatio: number;
  readonly leastDispersion: number;
}

const CALIBRATED: Calibration = { leastRatio: 0, leastDispersion: 1 };
const SHORT: Calibration = { uncalibrated: 'short history', leastRatio: FORCED_RATIO, leastDispersion: 1 };
const ONE_POD: Calibration = {
  uncalibrated: 'one stable pod',
  leastRatio: FORCED_RATIO,
  leastDispersion: FORCED_DISPERSION,
};
const NO_PODS: Calibration = { ...ONE_POD, uncalibrated: 'no per-pod series' };

/** Depends on intervals before the current one and on how many pods it has, never on its events: so it may set its stakes. */
export function calibrationOf(known: Dispersion, podsNow: number): Calibration {
  if (known.podIntervals >= ENOUGH_INTERVALS) return CALIBRATED;
  if (podsNow === 0) return NO_PODS;
  return podsNow === 1 ? ONE_POD : SHORT;
}
