/** How the evidence of a rollout is shared among its metrics (statistics.md §4): critical .5, latency .3, the rest shared. */
import type { ResolvedMetric } from '../api/analysis-run.ts';

const CRITICAL = 0.5;
const LATENCY = 0.3;
const OTHERS = 0.2;

type Sharing = Pick<ResolvedMetric, 'critical' | 'query'> & { readonly weight?: number | undefined };

/**
 * One share per metric, in order; they add up to 1. A written weight (0–1) is a metric's share; the others divide the rest: each
 * class splits its part evenly, and the part of an empty class goes to the others in proportion, so that no evidence is left
 * unused. Where every metric has a weight they are scaled to 1; where all are 0 nothing decides.
 */
export function shareEvidence(metrics: readonly Sharing[]): readonly number[] {
  const written = metrics.reduce((sum, { weight = 0 }) => sum + weight, 0);
  const free = metrics.filter(({ weight }) => weight === undefined);
  if (free.length === 0) return metrics.map(({ weight = 0 }) => (written > 0 ? weight / written : 0));
  const rest = Math.max(0, 1 - written);
  const sizes = new Map<number, number>();
  for (const part of free.map(classOf)) sizes.set(part, (sizes.get(part) ?? 0) + 1);
  const present = [...sizes.keys()].reduce((sum, part) => sum + part, 0);
  return metrics.map((metric) => {
    const part = classOf(metric);
    return metric.weight ?? (rest * part) / present / (sizes.get(part) ?? 1);
  });
}

function classOf(metric: Sharing): number {
  if (metric.critical) return CRITICAL;
  return metric.query.histogram === undefined ? OTHERS : LATENCY;
}
