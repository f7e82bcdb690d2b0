/** How the evidence of a rollout is shared among its metrics (statistics.md §4): critical .5, latency .3, the rest shared. */
import type { ResolvedMetric } from '../api/analysis-run.ts';

const CRITICAL = 0.5;
const LATENCY = 0.3;
const OTHERS = 0.2;

/**
 * One share per metric, in order; they add up to 1. Each class splits its part evenly; the part of an empty class goes to the
 * others in proportion, so that no evidence is left unused.
 */
export function shareEvidence(metrics: readonly Pick<ResolvedMetric, 'critical' | 'query'>[]): readonly number[] {
  const classes = metrics.map(classOf);
  const sizes = new Map<number, number>();
  for (const part of classes) sizes.set(part, (sizes.get(part) ?? 0) + 1);
  const present = [...sizes.keys()].reduce((sum, part) => sum + part, 0);
  return classes.map((part) => part / present / (sizes.get(part) ?? 1));
}

function classOf(metric: Pick<ResolvedMetric, 'critical' | 'query'>): number {
  if (metric.critical) return CRITICAL;
  return metric.query.histogram === undefined ? OTHERS : LATENCY;
}
