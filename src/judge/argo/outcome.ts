/** What measured metrics say of the step that a Release is at, and one verdict from both kinds of metrics (contracts 3). */
import { type ArgoMetric, combine, outcomeOfArgoMetric, type Part } from '../combine.ts';
import type { Outcome, StepVerdict } from '../verdict.ts';
import { effectiveCount, type Measure, type MetricResult } from './measure.ts';
import { assessRun } from './run-phase.ts';

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
export function judgeMeasure(measure: Measure, result: MetricResult | undefined, sinceMs: number): MeasureVerdict {
  const outcome = outcomeOfArgoMetric(stateOf(measure, result, sinceMs));
  const blindSinceMs = result === undefined || outcome === 'Fail' ? undefined : blindSince(result);
  return {
    name: measure.name,
    outcome,
    reason: reasonOf(outcome, result),
    says: sayMeasure(measure, result, outcome),
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
function blindSince({ consecutiveError, measurements }: MetricResult): number | undefined {
  if (consecutiveError === 0) return undefined;
  const first = measurements.slice(-consecutiveError)[0];
  return first === undefined ? undefined : Date.parse(first.startedAt);
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

/**
 * One verdict from the comparisons (`undefined` when there are none) and the measured metrics. The parts keep their own words; what
 * decides is said. A metric in dry run is shown and never decides.
 */
export function withMeasures(
  compared: StepVerdict | undefined,
  identity: Pick<StepVerdict, 'revision' | 'attempt' | 'step' | 'weight' | 'intervalEndMs'>,
  measures: readonly Measure[],
  results: readonly MetricResult[],
  sinceMs: number,
): StepVerdict & { readonly measures: readonly MeasureVerdict[] } {
  const verdicts = measures.map((measure) =>
    judgeMeasure(
      measure,
      results.find(({ name }) => name === measure.name),
      sinceMs,
    ),
  );
  const deciding = verdicts.filter(({ isDryRun }) => !isDryRun);
  const parts: readonly Part[] = [
    ...(compared === undefined ? [] : [{ outcome: compared.outcome, isRequired: true }]),
    ...deciding.map(({ outcome }) => ({ outcome, isRequired: true })),
  ];
  // Argo: a run of which everything is in dry run succeeds.
  const outcome = parts.length === 0 && verdicts.length > 0 ? allDry(measures, results) : combine(parts);
  const base = compared ?? {
    ...identity,
    odds: 1,
    abortAtOdds: Number.POSITIVE_INFINITY,
    hadEnoughData: false,
    metrics: [],
  };
  const decider = deciding.find((verdict) => verdict.outcome === outcome);
  const isCompared = compared?.outcome === outcome || decider === undefined;
  const said =
    isCompared && compared !== undefined
      ? {
          reason: compared.reason,
          says: compared.says,
          ...(compared.metric === undefined ? {} : { metric: compared.metric }),
        }
      : {
          reason: decider?.reason ?? 'Judging',
          says: decider?.says ?? 'All metrics are in dry run.',
          ...(decider === undefined ? {} : { metric: decider.name }),
        };
  const blind = [compared?.blindSinceMs, ...deciding.map(({ blindSinceMs }) => blindSinceMs)].filter(
    (ms) => ms !== undefined,
  );
  const { metric: _metric, blindSinceMs: _blind, etaMs, ...rest } = base as StepVerdict;
  return {
    ...rest,
    ...said,
    outcome,
    ...(outcome === 'Fail' || blind.length === 0 ? {} : { blindSinceMs: Math.min(...blind) }),
    ...(etaMs === undefined || outcome !== 'Continue' || !isCompared ? {} : { etaMs }),
    hadEnoughData:
      (compared === undefined || compared.hadEnoughData) && deciding.every((verdict) => hadData(verdict, results)),
    measures: verdicts,
  };
}

function allDry(measures: readonly Measure[], results: readonly MetricResult[]): Outcome {
  return assessRun(measures, results, false).phase === 'Successful' ? 'Pass' : 'Continue';
}

/** Values were there, whatever they said: Errors and silence are no data (contracts 4). */
function hadData({ name, outcome, blindSinceMs }: MeasureVerdict, results: readonly MetricResult[]): boolean {
  const result = results.find((each) => each.name === name);
  return blindSinceMs === undefined && outcome !== 'Continue' && (result?.count ?? 0) > 0;
}
