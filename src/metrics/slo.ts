/** An SLO must be a boundary of the histogram: between two boundaries nobody knows how many requests were slower. */
import type { ResolvedMetric } from '../api/analysis-run.ts';
import type { Finding } from '../api/meta.ts';
import { formatDuration } from '../api/units.ts';

/** What is wrong with the metric's SLO, naming its neighbours; `undefined` when it is a boundary or there is none. */
export function checkSlo(metric: ResolvedMetric, boundariesMs: readonly number[]): Finding | undefined {
  const { sloMs } = metric;
  if (sloMs === undefined || boundariesMs.length === 0) return undefined;
  if (boundariesMs.some((boundary) => Math.abs(boundary - sloMs) <= 1e-9 * sloMs)) return undefined;
  const below = boundariesMs.filter((boundary) => boundary < sloMs).at(-1);
  const above = boundariesMs.find((boundary) => boundary > sloMs);
  const neighbours = [below, above].filter((boundary) => boundary !== undefined).map(duration);
  return {
    reason: 'InvalidSpec',
    message:
      `Metric ${metric.name}: compare.slo.le is ${duration(sloMs)}, which is no boundary of ${metric.query.histogram?.metric ?? 'the histogram'}, ` +
      `so nobody knows how many requests were slower. Use ${neighbours.join(' or ')}, the nearest boundaries, or add ${duration(sloMs)} to the histogram.`,
  };
}

function duration(ms: number): string {
  return Number.isInteger(ms) && ms >= 1 ? formatDuration(ms) : `${ms}ms`;
}
