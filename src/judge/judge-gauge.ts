/** What the blocks of a gauge say: values, ratio or difference with its interval, and the odds both ways. */
import { pairedInterval, pairedMean } from '../stats/paired.ts';
import { type GaugeComparison, gaugeOdds, gaugePassLogOdds } from './gauge-comparison.ts';
import type { MetricEvidence } from './metric-evidence.ts';
import type { MetricVerdict } from './verdict.ts';

type GaugeFacts = Pick<MetricVerdict, 'gauge' | 'ratio' | 'difference' | 'effectiveRequests'>;

/** The side people are shown: the one that accuses most. */
export function shownGauge(metric: MetricEvidence): GaugeComparison | undefined {
  return metric.gauges.reduce<GaugeComparison | undefined>(
    (found, gauge) => (found === undefined || gaugeOdds(gauge) > gaugeOdds(found) ? gauge : found),
    undefined,
  );
}

/** ln odds of the side that has furthest to go to a Pass; undefined without blocks. */
export function tightestGauge(metric: MetricEvidence): number | undefined {
  if (metric.gauges.length === 0) return undefined;
  return Math.min(...metric.gauges.map(gaugePassLogOdds));
}

export function gaugeFacts(gauge: GaugeComparison, alpha: number): GaugeFacts {
  const n = Math.max(1, gauge.intervals);
  const found = pairedMean(gauge.plain);
  const values = {
    canary: gauge.canaryTotal / n,
    control: gauge.controlTotal / n,
    blocks: gauge.plain.count,
  };
  const effectiveRequests = found?.effective ?? 0;
  if (found === undefined) return { gauge: values, effectiveRequests };
  const { low, high } = pairedInterval(found, alpha);
  if (!gauge.isLog) {
    const interval = { low: bounded(low), high: bounded(high) };
    return { gauge: values, effectiveRequests, difference: { estimate: found.mean, interval } };
  }
  const interval = { low: Math.max(LEAST, Math.exp(low)), high: Math.min(MOST, Math.exp(high)) };
  const estimate = Math.min(MOST, Math.max(LEAST, Math.exp(found.mean)));
  return { gauge: values, effectiveRequests, ratio: { estimate, interval } };
}

/** The range of ratios that intervals show, as for proportions. */
const LEAST = 0.02;
const MOST = 100;

function bounded(value: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value));
}
