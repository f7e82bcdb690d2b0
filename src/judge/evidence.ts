/**
 * Evidence of one analysis run. `openEvidence` starts it from stable's history, `observe` adds one interval of every metric. Both
 * are pure: the same intervals give the same evidence bit for bit, however often they are replayed or restored in between.
 */
import type { AnalysisRunSpec, ResolvedMetric } from '../api/analysis-run.ts';
import { FEWEST_INTERVALS } from '../stats/rule.ts';
import { type Mark, addMark, markOf } from './marks.ts';
import {
  type MetricEvidence,
  type MetricRule,
  addGap,
  addObservation,
  carriedOdds,
  copyMetric,
  openMetric,
} from './metric-evidence.ts';
import type { Observation } from './observation.ts';
import { perOf } from './query-shape.ts';
import type { Batch } from './question.ts';
import { addSplit, NO_SPLIT, type RunningSplit } from './split.ts';

/** Never changed once returned. */
export interface RunEvidence {
  readonly intervalMs: number;
  /** Aborts at these odds: 1 ÷ the run's false-abort probability. */
  readonly abortAtOdds: number;
  /** Longest run, in intervals. */
  readonly horizon: number;
  /** Start of the first interval, ms since the epoch; 0 before the first. */
  readonly startMs: number;
  /** End of the newest interval, ms since the epoch; 0 before the first. */
  readonly endMs: number;
  readonly weight: number;
  readonly step: number;
  /** Absent in checkpoints of before it was kept. */
  readonly split?: RunningSplit;
  readonly metrics: readonly MetricEvidence[];
  readonly marks: readonly Mark[];
  /** Set once, when the odds first reach `abortAtOdds`; a Fail is final. */
  readonly failed?: { readonly endMs: number; readonly odds: number; readonly metric: string };
}

/** Starts a run. `history`: per metric, intervals before the start with stable only (canary counts are ignored). */
export function openEvidence(spec: AnalysisRunSpec, history: ReadonlyMap<string, readonly Observation[]>): RunEvidence {
  const { rule } = spec;
  const shares = spec.metrics.reduce((sum, { share }) => sum + share, 0);
  return {
    intervalMs: rule.intervalMs,
    abortAtOdds: 1 / rule.falseAbort,
    horizon: Math.max(1, Math.round(rule.horizonMs / rule.intervalMs)),
    startMs: 0,
    endMs: 0,
    weight: -1,
    step: -1,
    split: NO_SPLIT,
    metrics: spec.metrics.map((metric) =>
      openMetric(ruleOf(metric, metric.share / Math.max(1, shares)), history.get(metric.name) ?? []),
    ),
    marks: [],
  };
}

/**
 * Adds one interval. Ignored when it ends at or before the newest one (duplicates, late data). Intervals that no batch brought
 * count as missing; a metric without an observation counts as `NoData`.
 */
export function observe(evidence: RunEvidence, batch: Batch): RunEvidence {
  if (!Number.isSafeInteger(batch.endMs) || batch.endMs <= evidence.endMs) return evidence;
  const isFirst = evidence.endMs === 0;
  const startMs = isFirst ? batch.endMs - evidence.intervalMs : evidence.startMs;
  const elapsed = Math.max(1, Math.round((batch.endMs - evidence.endMs) / evidence.intervalMs));
  const gap = isFirst ? 0 : elapsed - 1;
  const index = Math.max(0, Math.round((batch.endMs - startMs) / evidence.intervalMs) - 1);
  const weight = Number.isFinite(batch.weight) ? Math.min(100, Math.max(0, batch.weight)) : evidence.weight;
  const step = batch.step ?? evidence.step;

  const metrics = evidence.metrics.map(copyMetric);
  const isTurn = weight !== evidence.weight || step !== evidence.step;
  let marks = evidence.marks;
  if (isFirst) marks = addMark(marks, markOf(startMs, -1, true, metrics));
  else if (isTurn) marks = addMark(marks, markOf(evidence.endMs, index - gap - 1, true, metrics));

  const terms = { threshold: evidence.abortAtOdds, index, horizon: evidence.horizon, weight };
  for (const metric of metrics) {
    if (gap > 0) addGap(metric, gap);
    addObservation(metric, batch.observations.get(metric.rule.name), batch.endMs, terms);
  }
  // What came after the decision did not tip it.
  if (evidence.failed !== undefined)
    for (const [k, metric] of metrics.entries()) metric.tipped = evidence.metrics[k]?.tipped ?? [];
  const next: RunEvidence = {
    ...evidence,
    startMs,
    endMs: batch.endMs,
    weight,
    step,
    metrics,
    marks: addMark(marks, markOf(batch.endMs, index, isTurn, metrics)),
    split: addSplit(
      isTurn ? undefined : evidence.split,
      metrics.map(({ rule }) => rule),
      batch.observations,
      gap,
    ),
  };
  return evidence.failed === undefined ? withFailure(next) : next;
}

function ruleOf(metric: ResolvedMetric, share: number): MetricRule {
  const { name, critical, fail, pass, sloMs, direction, against, slower, required, query } = metric;
  const shape = query.rate === undefined ? (query.gauge === undefined ? undefined : 'gauge') : 'rate';
  return {
    name,
    critical,
    share,
    fail,
    pass,
    ...(sloMs === undefined ? {} : { sloMs }),
    ...(shape === undefined ? {} : { shape }),
    ...(direction === undefined || direction === 'higher' ? {} : { direction }),
    ...(against?.constant === undefined ? {} : { constant: against.constant }),
    ...(against?.workload === undefined ? {} : { isBaseline: true }),
    ...(slower === undefined ? {} : { slower }),
    ...(required === false ? { isOptional: true } : {}),
    ...(shape === undefined || query.unit === undefined ? {} : { unit: query.unit }),
    ...(perOf(query) === 'time' ? { isPerSecond: true } : {}),
  };
}

/** Odds of the whole run against a healthy canary: the average of its metrics' odds by share. */
export function runOdds({ metrics, abortAtOdds }: Pick<RunEvidence, 'metrics' | 'abortAtOdds'>): number {
  let staked = 0;
  let sum = 0;
  for (const metric of metrics) {
    staked += metric.rule.share;
    sum += carriedOdds(metric, abortAtOdds);
  }
  return sum + Math.max(0, 1 - staked);
}

/** The metric that carries most of the odds. */
export function leadingMetric({
  metrics,
  abortAtOdds,
}: Pick<RunEvidence, 'metrics' | 'abortAtOdds'>): MetricEvidence | undefined {
  const carried = (metric: MetricEvidence): number => carriedOdds(metric, abortAtOdds);
  return metrics.reduce<MetricEvidence | undefined>(
    (best, metric) => (best === undefined || carried(metric) > carried(best) ? metric : best),
    undefined,
  );
}

function withFailure(evidence: RunEvidence): RunEvidence {
  const odds = runOdds(evidence);
  const leader = leadingMetric(evidence);
  if (leader === undefined || odds < evidence.abortAtOdds || leader.used < FEWEST_INTERVALS) return evidence;
  return { ...evidence, failed: { endMs: evidence.endMs, odds, metric: leader.rule.name } };
}
