/**
 * Series of a test, read and judged as the service does it, interval by interval; what lies before the first weight is stable's history.
 * Pure.
 */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { ResolvedMeasure } from '../../api/measure.ts';
import { type MeasureVerdict, withMeasures } from '../../judge/argo/outcome.ts';
import { openEvidence, type RunEvidence } from '../../judge/evidence.ts';
import { judgeStep } from '../../judge/judge-step.ts';
import type { Observation } from '../../judge/observation.ts';
import type { StepVerdict } from '../../judge/verdict.ts';
import { endsBetween, lookbackMs } from '../../metrics/asking.ts';
import type { RunPods } from '../../metrics/intervals.ts';
import type { Receipts } from '../../metrics/late.ts';
import { observeRun, readRun } from '../../metrics/observing.ts';
import type { IntervalRows } from '../../metrics/rows.ts';
import type { ResultsAt } from './measured.ts';
import type { LeftOut } from './notes.ts';
import type { Weights } from './setting.ts';

/** Time of the first sample; a whole minute, as polls are. */
export const FIRST_MS = Date.UTC(2026, 0, 1);

/** The rows of a metric in the interval that ends then. */
export type RowsAt = (metric: string, endMs: number) => IntervalRows | undefined;

/** What is said at the end of an interval. */
export interface Judged {
  readonly atMs: number;
  readonly verdict: StepVerdict & { readonly measures?: readonly MeasureVerdict[] };
  readonly leftOut: LeftOut;
}

/** What a test gives the judge. */
export interface Given {
  readonly rowsOf: RowsAt;
  readonly podsAtMs: (atMs: number) => RunPods;
  readonly measures: readonly ResolvedMeasure[];
  readonly resultsAt: ResultsAt;
  readonly lastMs: number;
}

/** From the first weight to `lastMs`, one interval after the other. */
export function judgeSeries(
  run: AnalysisRunSpec,
  weights: Weights['list'],
  { rowsOf, podsAtMs, measures, resultsAt, lastMs }: Given,
): readonly Judged[] {
  const { intervalMs, historyMs } = run.rule;
  const span = { intervalMs, lookbackMs: lookbackMs(intervalMs) };
  const startMs = Math.ceil(Date.parse(run.startedAt) / intervalMs) * intervalMs;
  const plan = weights.map(({ fromMs, weight }, index) => ({
    since: new Date(FIRST_MS + fromMs).toISOString(),
    weight,
    step: index + 1,
  }));
  const historyEnds = endsBetween(Math.max(FIRST_MS, startMs - historyMs), startMs, intervalMs, 1800);
  let evidence: RunEvidence = openEvidence(
    run,
    historyOf(run, readRun(run, podsAtMs(startMs), historyEnds, span, rowsOf)),
  );
  let receipts: Receipts = {};
  const judged: Judged[] = [];
  for (let endMs = startMs + intervalMs; endMs <= lastMs; endMs += intervalMs) {
    const readings = readRun(run, podsAtMs(endMs), [endMs], span, rowsOf);
    const observed = observeRun(run, { evidence, receipts }, readings, plan, () => undefined);
    evidence = observed.evidence;
    receipts = observed.receipts;
    const step = plan.findLast(({ since }) => Date.parse(since) <= endMs - intervalMs) ?? plan[0];
    const question = {
      revision: run.revision,
      attempt: 1,
      step: step?.step ?? 1,
      weight: step?.weight ?? 0,
      sinceMs: Date.parse(step?.since ?? run.startedAt),
      nowMs: endMs,
    };
    const compared = run.metrics.length === 0 ? undefined : judgeStep(evidence, run, question);
    const moment = {
      ...question,
      startedAtMs: Date.parse(run.startedAt),
      instantMs: endMs,
      atLeastMs: run.rule.dwellMs,
      atMostMs: run.rule.atMostMs,
    };
    const verdict =
      measures.length === 0 && compared !== undefined
        ? compared
        : withMeasures(compared, moment, measures, resultsAt(endMs));
    judged.push({ atMs: endMs - FIRST_MS, verdict, leftOut: observed.leftOut });
  }
  return judged;
}

/** What stable did before, as the judge learns its noise from. */
function historyOf(
  run: AnalysisRunSpec,
  readings: ReturnType<typeof readRun>,
): ReadonlyMap<string, readonly Observation[]> {
  const nothing = { evidence: openEvidence(run, new Map()), receipts: {} };
  const weights = [{ since: new Date(0).toISOString(), weight: 50, step: 1 }];
  const { measured } = observeRun(run, nothing, readings, weights, () => undefined);
  return new Map(
    run.metrics.map(({ name }) => [name, measured.flatMap(({ observations }) => observations.get(name) ?? [])]),
  );
}
