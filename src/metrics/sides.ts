/** What a metric is read by beside its own counters: the workloads it compares, and the boundaries of a histogram to ask for. */
import type { ResolvedMetric } from '../api/analysis-run.ts';
import { unitMs } from '../judge/query-shape.ts';
import type { RunPods } from './intervals.ts';
import { nativeBoundaries } from './shapes.ts';

/** The two sides of a metric: a baseline's pods stand where stable's would, as they do in the ledger; beside a bound none have to. */
export function sidesOf({ against }: Pick<ResolvedMetric, 'against'>, pods: RunPods): RunPods {
  if (against?.constant !== undefined) return { ...pods, isAlone: true };
  if (against?.workload === undefined) return pods;
  return { ...pods, arms: { ...pods.arms, stable: { workload: against.workload } }, isBaseline: true };
}

/**
 * Boundaries to ask for, in the metric's unit: those that the judge has chosen, or for native histograms, which have thousands, a
 * usual set with the SLO; with `slower` their shifted twins too. `undefined`: all.
 */
export function boundariesToAsk(metric: ResolvedMetric, chosenMs: readonly number[]): readonly number[] | undefined {
  const { query, slower, sloMs } = metric;
  const isNative = query.histogram?.native === true;
  if (chosenMs.length === 0 && !isNative) return undefined;
  const unit = unitMs(query);
  const usual = [...nativeBoundaries(query), ...(sloMs === undefined ? [] : [sloMs / unit])];
  const base = chosenMs.length === 0 ? usual : chosenMs.map((ms) => ms / unit);
  const all = slower === undefined ? base : base.flatMap((boundary) => [boundary, boundary * (1 + slower)]);
  return [...new Set(all.map((boundary) => Number(boundary.toPrecision(12))))].toSorted((a, b) => a - b);
}
