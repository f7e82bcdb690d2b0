/** Which metrics of a Release can be forecast, by the numbers that the service would give them. Pure. */
import type { ResolvedMetric } from '../../api/analysis-run.ts';
import type { ReleaseSpec } from '../../api/release.ts';
import { isFinding } from '../../judge/resolve-metric.ts';
import { resolveOffline, writtenIn } from '../specs/resolve.ts';
import type { Specs } from '../specs/specs.ts';
import { isForecast } from './forecast.ts';

export interface ReleaseMetrics {
  /** Shares of requests that are compared with stable. */
  readonly metrics: readonly ResolvedMetric[];
  /** Why there are none, or not all. */
  readonly notes: readonly string[];
}

/** The metrics of `spec.analysis`; `analysis` is what flags say otherwise. */
export function metricsOfRelease(
  name: string,
  spec: ReleaseSpec,
  specs: Specs,
  analysis: Partial<NonNullable<ReleaseSpec['analysis']>> = {},
): ReleaseMetrics {
  if (spec.analysis === undefined) return { metrics: [], notes: [] };
  const compared: ReleaseSpec = { ...spec, strategy: { canary: {} }, analysis: { ...spec.analysis, ...analysis } };
  const run = resolveOffline({ name, namespace: 'default', spec: compared }, writtenIn(specs));
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
