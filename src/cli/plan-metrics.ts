/** Which metrics of a Release can be forecast, by the numbers that the service would give them. Pure. */
import type { AnalysisRunSpec, ResolvedMetric } from '../api/analysis-run.ts';
import type { ReleaseSpec } from '../api/release.ts';
import { isFinding } from '../judge/resolve-metric.ts';
import { resolve, type Specs } from './test/setting.ts';

export interface ReleaseMetrics {
  /** Shares of requests that are compared with stable. */
  readonly metrics: readonly ResolvedMetric[];
  /** Why there are none, or not all. */
  readonly notes: readonly string[];
}

/** Shares of requests beside stable's, slow ones included. Rates, gauges, `slower` and bounds need numbers that neither a file nor a flag tells. */
export function isForecast({ query, against, slower, share }: ResolvedMetric): boolean {
  const isShare = query.counts !== undefined || query.histogram !== undefined;
  return isShare && share > 0 && against?.constant === undefined && slower === undefined;
}

const ARMS: AnalysisRunSpec['arms'] = { stable: { workload: 'stable' }, canary: { workload: 'canary' } };

/** The metrics of `spec.analysis`; `analysis` is what flags say otherwise. */
export function metricsOfRelease(
  name: string,
  spec: ReleaseSpec,
  specs: Specs,
  analysis: Partial<NonNullable<ReleaseSpec['analysis']>> = {},
): ReleaseMetrics {
  if (spec.analysis === undefined) return { metrics: [], notes: [] };
  const run = resolve(name, 'default', { ...spec.analysis, ...analysis }, ARMS, specs, 0);
  if (isFinding(run)) {
    return {
      metrics: [],
      notes: [`Its own metrics are not known, so one with all of the evidence is planned for. ${run.message}`],
    };
  }
  const metrics = run.metrics.filter(isForecast);
  const others = [...run.metrics.filter((metric) => !isForecast(metric)), ...(run.measures ?? [])];
  if (others.length === 0) return { metrics, notes: [] };
  const instead = metrics.length === 0 ? ' One with all of the evidence is planned for.' : '';
  return {
    metrics,
    notes: [`Not forecast: ${others.map((one) => one.name).join(', ')} (no share compared with stable’s).${instead}`],
  };
}
