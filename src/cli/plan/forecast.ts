/** What the planner needs to know of one metric of a resolved run, for `plan` and `lint` alike. Pure. */
import type { AnalysisRunSpec, ResolvedMetric } from '../../api/analysis-run.ts';
import type { PlanInput } from '../../stats/planner.ts';

/** Shares of requests beside stable's, slow ones included. Rates, gauges, `slower` and bounds need numbers that neither a file nor a flag tells. */
export function isForecast({ query, against, slower, share }: ResolvedMetric): boolean {
  const isShare = query.counts !== undefined || query.histogram !== undefined;
  return isShare && share > 0 && against?.constant === undefined && slower === undefined;
}

export type ForecastTraffic = Pick<PlanInput, 'requestsPerSecond' | 'badShare' | 'dispersion'>;

/** Without steps, which may be asked for one by one. */
export function forecastInput(
  { intervalMs, horizonMs, falseAbort, falsePass }: AnalysisRunSpec['rule'],
  { fail, pass, share }: Pick<ResolvedMetric, 'fail' | 'pass' | 'share'>,
  traffic: ForecastTraffic,
): PlanInput {
  return { ...traffic, intervalMs, horizonMs, fail, pass, falseAbort, falsePass, share, steps: [] };
}
