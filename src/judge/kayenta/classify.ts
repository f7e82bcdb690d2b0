/**
 * Kayenta's NetflixACAJudge for one metric, for people who migrate: same cleaning, same interval, same tolerance, same effect sizes.
 * It is a fixed-horizon test: look once, at the end of the window. Written from the published algorithm, oddities included.
 */
import { mannWhitney, rank } from '../../stats/mann-whitney.ts';
import { probit } from '../../stats/special.ts';

export type KayentaLabel = 'Pass' | 'High' | 'Low' | 'Nodata' | 'NodataFailMetric' | 'Error';

/** `analysisConfigurations.canary` of a Kayenta config, with its defaults left out. */
export interface KayentaMetric {
  readonly direction?: 'increase' | 'decrease' | 'either';
  readonly nanStrategy?: 'remove' | 'replace';
  readonly critical?: boolean;
  readonly mustHaveData?: boolean;
  readonly outliers?: { readonly strategy?: 'keep' | 'remove'; readonly outlierFactor?: number };
  readonly effectSize?: {
    readonly measure?: 'meanRatio' | 'cles';
    readonly allowedIncrease?: number;
    readonly allowedDecrease?: number;
    readonly criticalIncrease?: number;
    readonly criticalDecrease?: number;
  };
}

export interface KayentaClassification {
  readonly label: KayentaLabel;
  /** Mean of the experiment ÷ mean of the control; 1 where nothing was compared, NaN where a mean is 0. */
  readonly ratio: number;
  /** A failure of this metric fails the whole canary. */
  readonly isCritical: boolean;
}

/** Hard-coded in Kayenta; the settings that claim to change them are read nowhere. */
const TOLERANCE = 0.25;
const CONFIDENCE = 0.98;

export function classifyKayenta(
  control: readonly number[],
  experiment: readonly number[],
  metric: KayentaMetric = {},
): KayentaClassification {
  const isCritical = metric.critical ?? false;
  const [ctl, exp] = [clean(control, metric), clean(experiment, metric)];
  if (ctl.length === 0 || exp.length === 0) {
    if (metric.nanStrategy === 'replace') return { label: 'Pass', ratio: 1, isCritical: false };
    if (metric.mustHaveData === true && !isCritical) return { label: 'NodataFailMetric', ratio: 1, isCritical: false };
    return { label: 'Nodata', ratio: 1, isCritical };
  }
  if (areEqual(ctl, exp) || new Set([...ctl, ...exp]).size === 1) return { label: 'Pass', ratio: 1, isCritical: false };
  return compare(ctl, exp, metric, isCritical);
}

function compare(
  control: readonly number[],
  experiment: readonly number[],
  metric: KayentaMetric,
  isCritical: boolean,
): KayentaClassification {
  const areConstant = new Set(control).size === 1 && new Set(experiment).size === 1;
  const [x, y] = areConstant ? [spread(experiment), spread(control)] : [experiment, control];
  const ratio = meanRatio(control, experiment);
  // One point a side has no interval; Kayenta ends in an exception there, which it labels Error.
  if (x.length < 2 && y.length < 2) return { label: 'Error', ratio, isCritical: false };
  const shift = mannWhitney(x, y, CONFIDENCE, { isEstimateCorrected: true });
  if (shift === undefined || !Number.isFinite(shift.estimate)) return { label: 'Error', ratio, isCritical: false };
  const { direction = 'either', effectSize = {} } = metric;
  const isCles = effectSize.measure === 'cles';
  const neutral = isCles ? 0.5 : 1;
  const effect = isCles ? cles(control, experiment) : ratio;
  const atLeast = (bound: number | undefined): boolean => Number.isNaN(effect) || effect >= (bound ?? neutral);
  const atMost = (bound: number | undefined): boolean => Number.isNaN(effect) || effect <= (bound ?? neutral);
  const bound = TOLERANCE * Math.abs(shift.estimate);
  if (direction !== 'decrease' && shift.low > bound && atLeast(effectSize.allowedIncrease)) {
    return { label: 'High', ratio, isCritical: isCritical && atLeast(effectSize.criticalIncrease) };
  }
  if (direction !== 'increase' && shift.high < -bound && atMost(effectSize.allowedDecrease)) {
    return { label: 'Low', ratio, isCritical: isCritical && atMost(effectSize.criticalDecrease) };
  }
  return { label: 'Pass', ratio, isCritical: false };
}

/** NaN removed or made 0, then outliers beyond the interquartile fences removed if asked; infinities stay. */
function clean(values: readonly number[], metric: KayentaMetric): readonly number[] {
  const numbers =
    metric.nanStrategy === 'replace'
      ? values.map((value) => (Number.isNaN(value) ? 0 : value))
      : values.filter((value) => !Number.isNaN(value));
  if (metric.outliers?.strategy !== 'remove' || numbers.length === 0) return numbers;
  const sorted = numbers.toSorted((a, b) => a - b);
  const [p01, p25, p75, p99] = [0.01, 0.25, 0.75, 0.99].map((p) => percentile(sorted, p)) as [
    number,
    number,
    number,
    number,
  ];
  const reach = (metric.outliers.outlierFactor ?? 3) * (p75 - p25);
  const [low, high] = [Math.min(p01, p25 - reach), Math.max(p99, p75 + reach)];
  return numbers.filter((value) => value >= low && value <= high);
}

/** Linear interpolation, type 7 of R. */
function percentile(sorted: readonly number[], p: number): number {
  const at = (sorted.length - 1) * p;
  const low = Math.floor(at);
  const [a, b] = [sorted[low] as number, sorted[Math.min(low + 1, sorted.length - 1)] as number];
  return a + (b - a) * (at - low);
}

/** Kayenta adds unseeded noise of 10⁻⁵ to constant series; normal quantiles of the same width give the same answer every time. */
function spread(values: readonly number[]): number[] {
  return values.map((value, i) => value * (1 + 1e-5 * probit((i + 0.5) / values.length)));
}

function areEqual(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false;
  const [left, right] = [a.toSorted((x, y) => x - y), b.toSorted((x, y) => x - y)];
  return left.every((value, i) => value === right[i]);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function meanRatio(control: readonly number[], experiment: readonly number[]): number {
  const [c, e] = [mean(control), mean(experiment)];
  return c === 0 || e === 0 ? NaN : e / c;
}

/** P(experiment > control), ties counting half. */
export function cles(control: readonly number[], experiment: readonly number[]): number {
  const [n, m] = [control.length, experiment.length];
  return (2 * rank(experiment, control, 0).rankSum - m * (m + 1)) / (2 * n * m);
}
