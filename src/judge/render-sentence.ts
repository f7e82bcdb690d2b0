/** Verdicts as sentences a person can act on. Numbers come from the verdict; nothing is decided here. */
import {
  formatAmount,
  formatChange,
  formatCount,
  formatOdds,
  formatPercent,
  formatPoints,
  formatRatio,
  formatRelative,
  formatWait,
} from './format.ts';
import type { MetricVerdict } from './verdict.ts';

/** One sentence (or two) about one metric in one step. `alpha` is the probability that its interval misses the truth. */
export function sayMetric(verdict: Omit<MetricVerdict, 'says'>, alpha: number): string {
  switch (verdict.outcome) {
    case 'Fail':
      return `${rates(verdict)}${atLeast(verdict)}; odds against a healthy canary ${formatOdds(verdict.odds)} (abort at ${formatOdds(verdict.abortAtOdds)}).`;
    case 'Pass':
      return `${atMost(verdict, alpha)}${burst(verdict)}`;
    case 'Inconclusive':
      return `${missing(verdict)} Nothing advances and nothing is aborted on missing data.`;
    case 'Continue':
      return `${atMost(verdict, alpha)}; ${ahead(verdict)}${burst(verdict)}${caution(verdict)}`;
  }
}

/** Whom it is compared with, as people call it. */
function control({ bound, isBaseline }: Pick<MetricVerdict, 'bound' | 'isBaseline'>): string {
  if (bound !== undefined) return 'the bound';
  return isBaseline === true ? 'the baseline' : 'stable';
}

type Compared = Pick<
  MetricVerdict,
  'canary' | 'stable' | 'boundaryMs' | 'ratio' | 'shape' | 'bound' | 'isBaseline' | 'gauge'
>;

/** `canary 5.06 % against stable 0.50 % (10×)`, for latency `slower than 250 ms: …`, for a bound `against the bound of 1 %`. */
export function rates(verdict: Compared): string {
  const { canary, stable, shape, bound, gauge } = verdict;
  const what = verdict.boundaryMs === undefined ? '' : `slower than ${verdict.boundaryMs} ms: `;
  const write = shape === undefined ? formatPercent : formatAmount;
  const rate = ({ bad, total }: { bad: number; total: number }): string =>
    total > 0 ? write(bad / total) : shape === undefined ? 'no requests' : 'nothing';
  const times = verdict.ratio === undefined ? '' : ` (${formatRatio(verdict.ratio.estimate)})`;
  const here = shape === 'gauge' ? (gauge === undefined ? 'nothing' : formatAmount(gauge.canary)) : rate(canary);
  if (bound !== undefined) return `${what}canary ${here} against the bound of ${write(bound)}${times}`;
  const there = shape === 'gauge' ? (gauge === undefined ? 'nothing' : formatAmount(gauge.control)) : rate(stable);
  return `${what}canary ${here} against ${control(verdict)} ${there}${times}`;
}

/** How far beyond the line it surely is. */
function atLeast({ ratio, isLower }: Omit<MetricVerdict, 'says'>): string {
  if (ratio === undefined) return '';
  const { low, high } = ratio.interval;
  if (isLower === true) return high >= 1 ? '' : `, at most ${formatRatio(high)}`;
  return low <= 1 ? '' : `, at least ${formatRatio(low)}`;
}

function atMost(verdict: Omit<MetricVerdict, 'says'>, alpha: number): string {
  const { difference, ratio, shape, isLower } = verdict;
  const sure = `${Number(((1 - alpha) * 100).toFixed(1))} % sure`;
  const against = control(verdict);
  if (shape === 'gauge' && ratio !== undefined) {
    const edge = isLower === true ? ratio.interval.low : ratio.interval.high;
    if (edge >= 99.9 || edge <= 0.0201) return `Little is known yet: ${rates(verdict)}`;
    const side = isLower === true ? 'at least' : 'at most';
    return `We are ${sure} that its mean is ${side} ${formatRelative(edge)} ${against} (best estimate ${formatRelative(ratio.estimate)})`;
  }
  if (difference === undefined) return 'Nothing is known yet';
  const edge = isLower === true ? difference.interval.low : difference.interval.high;
  if (Math.abs(edge) === Number.MAX_VALUE) return `Little is known yet: ${rates(verdict)}`;
  const change = shape === undefined ? formatPoints : formatChange;
  const side = isLower === true ? 'at least' : 'at most';
  return `We are ${sure} that ${subject(verdict)} is ${side} ${change(edge)} above ${against} (best estimate ${change(difference.estimate)})`;
}

function subject({ boundaryMs, shape }: Omit<MetricVerdict, 'says'>): string {
  if (boundaryMs !== undefined) return `the part slower than ${boundaryMs} ms`;
  if (shape === 'gauge') return 'its mean';
  return shape === 'rate' ? 'its rate' : 'its error rate';
}

function ahead(verdict: Omit<MetricVerdict, 'says'>): string {
  if (verdict.shape === 'gauge') return `from ${formatCount(verdict.gauge?.blocks ?? 0)} blocks so far`;
  if (verdict.reason === 'TooFewRequests') return `only ${formatCount(verdict.canary.total)} canary requests so far`;
  if (verdict.passEtaMs === undefined)
    return 'it cannot pass at this traffic; raise the weight or widen the pass margin';
  return verdict.passEtaMs === 0
    ? 'this metric would pass'
    : `about ${formatWait(verdict.passEtaMs)} more if it equals stable`;
}

function burst(verdict: Omit<MetricVerdict, 'says'>): string {
  if (verdict.dispersion < 1.5) return '';
  return verdict.dispersionSource === 'forced'
    ? ''
    : `; errors come in bursts: ${verdict.dispersion.toFixed(1)} count as one`;
}

function caution(verdict: Omit<MetricVerdict, 'says'>): string {
  if (verdict.uncalibrated === undefined) return '';
  // A bound is not widened; only the noise is assumed to be larger.
  if (verdict.bound !== undefined) return `; uncalibrated (${verdict.uncalibrated})`;
  const edge = verdict.isLower === true ? 'down' : 'up';
  return `; uncalibrated (${verdict.uncalibrated}), so ${edge} to ${formatRatio(verdict.failRatio)} counts as healthy`;
}

function missing(verdict: Omit<MetricVerdict, 'says'>): string {
  const worst = Object.entries(verdict.skippedIntervals).toSorted(([, a], [, b]) => b - a)[0];
  const count = worst === undefined ? '' : ` (${worst[1]} intervals: ${worst[0]})`;
  switch (verdict.reason) {
    case 'SourceUnavailable':
      return `Prometheus does not answer${count}.`;
    case 'ImplausibleCounter':
      return `Counters jump in ways that no restart explains${count}.`;
    default:
      return `More than 20 % of the recent intervals have no usable data${count}.`;
  }
}
