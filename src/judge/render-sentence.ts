/** Verdicts as sentences a person can act on. Numbers come from the verdict; nothing is decided here. */
import { formatCount, formatOdds, formatPercent, formatPoints, formatRatio, formatWait } from './format.ts';
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

/** `canary 5.06 % against stable 0.50 % (10×)`, for latency `slower than 250 ms: …`. */
export function rates(verdict: Pick<MetricVerdict, 'canary' | 'stable' | 'boundaryMs' | 'ratio'>): string {
  const { canary, stable } = verdict;
  const what = verdict.boundaryMs === undefined ? '' : `slower than ${verdict.boundaryMs} ms: `;
  const rate = ({ bad, total }: { bad: number; total: number }): string =>
    total > 0 ? formatPercent(bad / total) : 'no requests';
  const times = verdict.ratio === undefined ? '' : ` (${formatRatio(verdict.ratio.estimate)})`;
  return `${what}canary ${rate(canary)} against stable ${rate(stable)}${times}`;
}

function atLeast(verdict: Omit<MetricVerdict, 'says'>): string {
  const low = verdict.ratio?.interval.low;
  return low === undefined || low <= 1 ? '' : `, at least ${formatRatio(low)}`;
}

function atMost(verdict: Omit<MetricVerdict, 'says'>, alpha: number): string {
  const { difference } = verdict;
  if (difference === undefined) return 'Nothing is known yet';
  const sure = `${Number(((1 - alpha) * 100).toFixed(1))} % sure`;
  const tail = verdict.boundaryMs === undefined ? 'its error rate' : `the part slower than ${verdict.boundaryMs} ms`;
  return `We are ${sure} that ${tail} is at most ${formatPoints(difference.interval.high)} above stable (best estimate ${formatPoints(difference.estimate)})`;
}

function ahead(verdict: Omit<MetricVerdict, 'says'>): string {
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
  return `; uncalibrated (${verdict.uncalibrated}), so up to ${formatRatio(verdict.failRatio)} counts as healthy`;
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
