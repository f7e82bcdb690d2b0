/** Verdicts as sentences a person can act on. Numbers come from the verdict; nothing is decided here. */
import { formatCount, formatOdds, formatRatio, formatWait } from './format.ts';
import type { Quantity } from './format-quantity.ts';
import { canaryValue, controlValue, quantityFor, sayControl, sayDirection, sayRatio } from './render-estimate.ts';
import type { Interval, MetricVerdict } from './verdict.ts';

/** One sentence (or two) about one metric in one step. `alpha` is the probability that its interval misses the truth. */
export function sayMetric(verdict: Omit<MetricVerdict, 'says'>, alpha: number): string {
  switch (verdict.outcome) {
    case 'Fail':
      return `${rates(verdict)}${surely(verdict)}${wayOf(verdict)}; odds against a healthy canary ${formatOdds(verdict.odds)} (${abortLine(verdict)}).`;
    case 'Pass':
      return `${atMost(verdict, alpha)}${burst(verdict)}.`;
    case 'Inconclusive':
      return `${missing(verdict)} Nothing advances and nothing is aborted on missing data.`;
    case 'Continue':
      return `${atMost(verdict, alpha)}; ${ahead(verdict)}${burst(verdict)}${caution(verdict)}.`;
  }
}

type Compared = Omit<MetricVerdict, 'says'>;

/** Where the odds abort; beside other metrics, where they do alone. A gauge that is not critical never does. */
function abortLine({ share, shape, critical, abortAtOdds }: Compared): string {
  if (shape === 'gauge' && !critical) return 'it never aborts alone';
  return `${share > 0 && share < 1 ? 'alone it aborts' : 'abort'} at ${formatOdds(abortAtOdds)}`;
}

/** `canary 5.06 % against stable 0.50 % (10×)`, for latency `slower than 250 ms: …`, for a bound `against the bound of 1 %`. */
export function rates(verdict: Compared): string {
  const { boundaryMs, shape, bound, ratio } = verdict;
  const what = boundaryMs === undefined ? '' : `slower than ${boundaryMs} ms: `;
  const { value } = quantityFor(verdict);
  const times = ratio === undefined ? '' : ` (${formatRatio(ratio.estimate)})`;
  const written = (found: number | undefined): string =>
    found === undefined ? (shape === undefined ? 'no requests' : 'nothing') : value(found);
  const here = written(canaryValue(verdict));
  if (bound !== undefined) return `${what}canary ${here} against the bound of ${value(bound)}${times}`;
  return `${what}canary ${here} against ${sayControl(verdict)} ${written(controlValue(verdict))}${times}`;
}

/** How far beyond the line it surely is: `, at least 1.31× and +150 MiB`; rates and gauges say their unit, too. */
export function surely(verdict: Compared): string {
  const { ratio, difference, isLower, shape } = verdict;
  const side = isLower === true ? 'at most' : 'at least';
  const near = (interval: Interval): number => (isLower === true ? interval.high : interval.low);
  const isBeyond = (edge: number, even: number): boolean => (isLower === true ? edge < even : edge > even);
  const times = ratio === undefined ? 1 : near(ratio.interval);
  const change = shape === undefined || difference === undefined ? 0 : near(difference.interval);
  const parts = [
    ...(isBeyond(times, 1) ? [formatRatio(times)] : []),
    ...(isBeyond(change, 0) ? [quantityFor(verdict).change(change)] : []),
  ];
  return parts.length === 0 ? '' : `, ${side} ${parts.join(' and ')}`;
}

function atMost(verdict: Compared, alpha: number): string {
  const { difference, ratio, shape, isLower, gauge } = verdict;
  const against = sayControl(verdict);
  if (gauge?.isSteady === true) return `${capital(rates(verdict))}, and no block differs from another`;
  if (difference === undefined) return 'Nothing is known yet';
  const quantity = quantityFor(verdict);
  const edge = isLower === true ? difference.interval.low : difference.interval.high;
  if (isOpen(verdict, difference.interval)) {
    return verdict.outcome === 'Pass'
      ? `${capital(rates(verdict))}, within the pass margin by odds of ${formatOdds(verdict.passOdds)}`
      : `Little is known yet: ${rates(verdict)}`;
  }
  const best = quantity.change(difference.estimate);
  const sure = `We are ${Number(((1 - alpha) * 100).toFixed(1))} % sure that ${subject(verdict)}`;
  if (verdict.isEither === true) {
    const { low, high } = difference.interval;
    const times = ratio === undefined ? '' : `; ${sayRatio({ ratio })}`;
    return `${sure} differs from ${against} by ${quantity.change(low)} to ${quantity.change(high)} (best estimate ${best}${times})`;
  }
  const change = `is ${sayEdge(edge, isLower, quantity)} ${against} (best estimate ${best}${inTimes(ratio, isLower, shape)})`;
  return `${sure} ${change}`;
}

/** Nothing is excluded towards the bad side; of a share not even that both are the same. */
function isOpen({ shape, isLower }: Omit<MetricVerdict, 'says'>, { low, high }: Interval): boolean {
  const [bad, good] = isLower === true ? [-low, -high] : [high, low];
  return shape === undefined ? bad >= 1 && good <= 0 : bad === Number.MAX_VALUE;
}

/** The edge towards the bad side in words: `at most +0.13 pp above`, or, where even that is on the good side, `at least 12 MiB below`. */
function sayEdge(edge: number, isLower: true | undefined, { change }: Quantity): string {
  if (isLower !== true && edge >= 0) return `at most ${change(edge)} above`;
  const size = change(Math.abs(edge)).replace(/^\+/, '');
  if (isLower === true) return edge > 0 ? `at least ${size} above` : `at most ${size} below`;
  return `at least ${size} below`;
}

/** Rates and gauges as a ratio, too: `; 1.03×, at most 1.12×`. */
function inTimes(ratio: MetricVerdict['ratio'], isLower: true | undefined, shape: MetricVerdict['shape']): string {
  if (ratio === undefined || shape === undefined) return '';
  const edge = isLower === true ? ratio.interval.low : ratio.interval.high;
  if (edge >= 99.9 || edge <= 0.0201) return `; ${formatRatio(ratio.estimate)}`;
  return `; ${formatRatio(ratio.estimate)}, ${isLower === true ? 'at least' : 'at most'} ${formatRatio(edge)}`;
}

/** What is judged, and which way is good where that does not go without saying. */
function subject(verdict: Compared): string {
  const { boundaryMs, shape, isLower, isEither } = verdict;
  const isUsual = isLower === undefined && isEither === undefined;
  const way = isUsual && shape === undefined ? '' : ` (${sayDirection(verdict)})`;
  if (boundaryMs !== undefined) return `the part slower than ${boundaryMs} ms${way}`;
  if (shape === undefined) return isUsual ? 'its error rate' : `its share${way}`;
  return `${shape === 'gauge' ? 'its mean' : 'its rate'}${way}`;
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Which way is good, where that does not go without saying. */
function wayOf(verdict: Compared): string {
  const isUsual = verdict.isLower === undefined && verdict.isEither === undefined;
  return isUsual ? '' : ` (${sayDirection(verdict)})`;
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
