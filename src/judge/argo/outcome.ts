/** What measured metrics say of the step that a Release is at, and one verdict from both kinds of metrics (contracts 3). */
import { type ArgoMetric, combine, outcomeOfArgoMetric, type Part } from '../combine.ts';
import type { StepQuestion } from '../question.ts';
import type { Outcome, StepVerdict } from '../verdict.ts';
import { effectiveCount, isCompleted, type Measure, type MetricResult } from './measure.ts';
import { assessRun, isTerminating } from './run-phase.ts';
import { nextStartMs } from './schedule.ts';

/** More than the queue's delays and the time that a provider usually takes. */
const OVERDUE_MS = 3 * 60_000;
/** As for comparisons: after so many times the longest time a step is over. */
const PATIENCE = 3;

/** One measured metric, as verdicts show it. */
export interface MeasureVerdict {
  readonly name: string;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly says: string;
  readonly isDryRun: boolean;
  /** Since when it gave only Errors, ms since the epoch. */
  readonly blindSinceMs?: number;
}

/** The metric's own word for this step: one that runs without end needs a success that began in it. */
function judgeMeasure(
  measure: Measure,
  result: MetricResult | undefined,
  step: MeasuredStep,
  isTerminated: boolean,
): MeasureVerdict {
  const judged = outcomeOfArgoMetric(stateOf(measure, result, step.sinceMs));
  const overdueMs = isTerminated ? undefined : overdueSince(measure, result, step);
  // Nobody measures: what was measured before says nothing of now.
  const outcome = overdueMs !== undefined && judged === 'Pass' ? 'Continue' : judged;
  const isOverdue = overdueMs !== undefined && outcome === 'Continue';
  const blindSinceMs = outcome === 'Fail' ? undefined : (blindSince(result) ?? overdueMs);
  return {
    name: measure.name,
    outcome,
    reason: isOverdue ? 'MeasurementOverdue' : reasonOf(outcome, result),
    says: isOverdue ? `${measure.name} should have been measured by now.` : sayMeasure(measure, result, outcome),
    isDryRun: measure.isDryRun === true,
    ...(blindSinceMs === undefined ? {} : { blindSinceMs }),
  };
}

function stateOf(measure: Measure, result: MetricResult | undefined, sinceMs: number): ArgoMetric {
  const measurements = result?.measurements ?? [];
  const inStep = measurements.filter(
    ({ phase, startedAt }) => phase === 'Successful' && Date.parse(startedAt) >= sinceMs,
  );
  return {
    phase: result?.phase ?? 'Pending',
    successful: inStep.length,
    failedOnRealValue: (result?.failedOnRealValue ?? 0) > 0,
    isIntervalOnly: effectiveCount(measure) === undefined,
  };
}

/** Since the first of the Errors in a row that the newest measurement belongs to; its own start where older ones are forgotten. */
function blindSince(result: MetricResult | undefined): number | undefined {
  const { consecutiveError = 0, measurements = [] } = result ?? {};
  if (consecutiveError === 0) return undefined;
  const first = measurements.slice(-consecutiveError)[0];
  return first === undefined ? undefined : Date.parse(first.startedAt);
}

/** Since when a measurement is overdue; short delays are those of the queue. */
function overdueSince(
  measure: Measure,
  result: MetricResult | undefined,
  { nowMs, startedAtMs }: MeasuredStep,
): number | undefined {
  if (result !== undefined && isCompleted(result.phase)) return undefined;
  const last = result?.measurements.at(-1);
  const isUnderWay = last !== undefined && last.finishedAt === undefined;
  const dueMs = isUnderWay ? Date.parse(last.resumeAt ?? last.startedAt) : nextStartMs(measure, result, startedAtMs);
  return dueMs !== undefined && nowMs - dueMs > OVERDUE_MS ? dueMs : undefined;
}

function reasonOf(outcome: Outcome, result: MetricResult | undefined): string {
  if (outcome === 'Fail') return 'MeasurementFailed';
  if (outcome === 'Pass') return 'MeasurementSucceeded';
  if ((result?.consecutiveError ?? 0) > 0) return 'MeasurementError';
  return outcome === 'Continue' ? 'Judging' : 'MeasurementInconclusive';
}

function sayMeasure(measure: Measure, result: MetricResult | undefined, outcome: Outcome): string {
  const { name } = measure;
  if (result === undefined) return `${name} was not measured yet.`;
  const last = result.measurements.at(-1);
  const shown = last?.value === undefined || last.value === '' ? '' : `; the last value is ${last.value}`;
  const said = last?.message === undefined || last.message === '' ? '' : `: ${last.message}`;
  const total = result.count + result.error;
  switch (outcome) {
    case 'Fail':
      return `${name} failed ${result.failed} of ${total} measurements${shown}${said}.`;
    case 'Pass':
      return `${name} succeeded in ${result.successful} of ${total} measurements${shown}.`;
    case 'Inconclusive':
      return `${name} is ${result.phase} after ${total} measurements${shown}${said}.`;
    case 'Continue':
      return `${name} is being measured, ${result.successful} of ${total} succeeded so far${shown}${said}.`;
  }
}

/** Where the Release is, and since when. */
export interface MeasuredStep extends Required<StepQuestion> {
  /** Start of the run, ms since the epoch. */
  readonly startedAtMs: number;
  /** The instant that is judged at, ms since the epoch. */
  readonly instantMs: number;
}

export type CombinedVerdict = StepVerdict & { readonly measures: readonly MeasureVerdict[] };

/**
 * One verdict from the comparisons (`undefined` when there are none) and the measured metrics. The parts keep their own words; what
 * decides is said. A metric in dry run is shown and never decides. Nothing passes before the weight was in force for `atLeastMs`.
 */
export function withMeasures(
  compared: StepVerdict | undefined,
  step: MeasuredStep,
  measures: readonly Measure[],
  results: readonly MetricResult[],
): CombinedVerdict {
  const isTerminated = isTerminating(results, false);
  const verdicts = measures.map((measure) => {
    const result = results.find(({ name }) => name === measure.name);
    return judgeMeasure(measure, result, step, isTerminated);
  });
  const deciding = verdicts.filter(({ isDryRun }) => !isDryRun);
  const isRequired = compared?.metrics.some(({ isOptional }) => isOptional !== true) ?? false;
  const parts: readonly Part[] = [
    ...(compared === undefined ? [] : [{ outcome: compared.outcome, isRequired }]),
    ...deciding.map(({ outcome }) => ({ outcome, isRequired: true })),
  ];
  // Argo: a run of which everything is in dry run succeeds.
  const isAllDry = !parts.some((part) => part.isRequired) && deciding.length === 0;
  const together = isAllDry && compared?.outcome !== 'Fail' ? allDry(measures, results) : combine(parts);
  const outcome = inTime(together, step);
  const decider = deciding.find((verdict) => verdict.outcome === together);
  const isCompared = compared !== undefined && (compared.outcome === together || decider === undefined);
  const isByMeasure = together === 'Fail' && !isCompared;
  const blind = [compared?.blindSinceMs, ...deciding.map(({ blindSinceMs }) => blindSinceMs)].filter(
    (ms) => ms !== undefined,
  );
  const { metric: _metric, blindSinceMs: _blind, etaMs, ...rest } = compared ?? nothingCompared(step);
  return {
    ...rest,
    ...saidOf(isCompared ? compared : undefined, decider, together, outcome),
    outcome,
    // What a provider saw counts although the comparisons may be behind.
    intervalEndMs: compared === undefined || isByMeasure ? step.instantMs : compared.intervalEndMs,
    ...(outcome === 'Fail' || blind.length === 0 ? {} : { blindSinceMs: Math.min(...blind) }),
    ...(etaMs === undefined || outcome !== 'Continue' || !isCompared ? {} : { etaMs }),
    hadEnoughData:
      (compared === undefined || compared.hadEnoughData) && deciding.every((verdict) => hadData(verdict, results)),
    measures: verdicts,
  };
}

/** Too early for a Pass, or so late that nothing is going to come any more. */
function inTime(outcome: Outcome, { sinceMs, nowMs, atLeastMs, atMostMs }: MeasuredStep): Outcome {
  if (outcome === 'Pass') return nowMs - sinceMs < atLeastMs ? 'Continue' : 'Pass';
  return outcome === 'Continue' && nowMs - sinceMs >= PATIENCE * Math.max(atLeastMs, atMostMs)
    ? 'Inconclusive'
    : outcome;
}

function nothingCompared({ revision, attempt, step, weight, instantMs }: MeasuredStep): StepVerdict {
  return {
    outcome: 'Continue',
    revision,
    attempt,
    step,
    weight,
    intervalEndMs: instantMs,
    reason: 'Judging',
    says: '',
    odds: 1,
    abortAtOdds: Number.POSITIVE_INFINITY,
    hadEnoughData: false,
    metrics: [],
  };
}

function saidOf(
  compared: StepVerdict | undefined,
  decider: MeasureVerdict | undefined,
  together: Outcome,
  outcome: Outcome,
): Pick<StepVerdict, 'reason' | 'says' | 'metric'> {
  const { reason, says } = compared ??
    decider ?? { reason: 'MeasurementSucceeded', says: 'All metrics are in dry run.' };
  const metric = compared?.metric ?? decider?.name;
  const named = metric === undefined ? {} : { metric };
  if (outcome === together) return { reason, says, ...named };
  const why = outcome === 'Inconclusive' ? 'Its time is up.' : 'The weight has not been in force for long enough.';
  return { reason: outcome === 'Inconclusive' ? 'TimeIsUp' : 'Judging', says: `${says} ${why}`, ...named };
}

function allDry(measures: readonly Measure[], results: readonly MetricResult[]): Outcome {
  return assessRun(measures, results, false).phase === 'Successful' ? 'Pass' : 'Continue';
}

/** Real values were there, whatever they said: Errors, NaN, empty answers and silence are no data (contracts 4). */
function hadData({ name, outcome, blindSinceMs }: MeasureVerdict, results: readonly MetricResult[]): boolean {
  const result = results.find((each) => each.name === name);
  return blindSinceMs === undefined && outcome !== 'Continue' && (result?.onRealValue ?? 0) > 0;
}
