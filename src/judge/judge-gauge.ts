/** What the blocks of a gauge say: values, ratio and difference with their intervals, and the odds both ways. */
import { type PairedMean, armMeans, armsMean, pairedInterval, pairedMean, ratioInterval } from '../stats/paired.ts';
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

/**
 * Both intervals hold at every look, each at level `alpha`: the difference is that of the means in the gauge's unit; the ratio is of geometric
 * means where margins are ratios (as it is judged), else of arithmetic ones (Fieller). A gauge that never moves has neither.
 */
export function gaugeFacts(gauge: GaugeComparison, alpha: number): GaugeFacts {
  const n = Math.max(1, gauge.intervals);
  const found = pairedMean(gauge.plain);
  const isSteady = found !== undefined && found.sd <= STEADY * (gauge.isLog ? 1 : sizeOf(gauge));
  const values = {
    canary: gauge.canaryTotal / n,
    control: gauge.controlTotal / n,
    blocks: gauge.plain.count,
    ...(isSteady ? { isSteady: true as const } : {}),
  };
  const effectiveRequests = found?.effective ?? 0;
  if (found === undefined || isSteady) return { gauge: values, effectiveRequests };
  const [ratio, difference] = [ratioOf(gauge, found, alpha), armsMean(gauge.arms)];
  return {
    gauge: values,
    effectiveRequests,
    ...(ratio === undefined ? {} : { ratio }),
    ...(difference === undefined ? {} : { difference: differenceOf(difference, alpha) }),
  };
}

function ratioOf(gauge: GaugeComparison, found: PairedMean, alpha: number): GaugeFacts['ratio'] {
  if (!gauge.isLog) {
    const ratio = ratioInterval(gauge.arms, alpha, { low: LEAST, high: MOST });
    return ratio === undefined
      ? undefined
      : { estimate: ratio.estimate, interval: { low: ratio.low, high: ratio.high } };
  }
  const { low, high } = pairedInterval(found, alpha);
  const interval = { low: Math.max(LEAST, Math.exp(low)), high: Math.min(MOST, Math.exp(high)) };
  return { estimate: Math.min(MOST, Math.max(LEAST, Math.exp(found.mean))), interval };
}

function differenceOf(found: PairedMean, alpha: number): NonNullable<GaugeFacts['difference']> {
  const { low, high } = pairedInterval(found, alpha);
  return { estimate: found.mean, interval: { low: bounded(low), high: bounded(high) } };
}

/** Rounding leaves this part of a value as noise. */
const STEADY = 1e-9;

function sizeOf({ arms }: GaugeComparison): number {
  const { canary, control } = armMeans(arms);
  return Math.max(Math.abs(canary), Math.abs(control));
}

/** The range of ratios that intervals show, as for proportions. */
const LEAST = 0.02;
const MOST = 100;

function bounded(value: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value));
}
