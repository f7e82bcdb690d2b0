/** The phase of a whole run from the phases of its metrics (analysis.go: assessRunStatus; utils/analysis/helpers.go). */
import { type ArgoPhase, isCompleted, type Measure, type MetricResult } from './measure.ts';
import { exceededLimit, metricPhase } from './metric-phase.ts';

/** From best to worst. A run with a Failed and an Error metric is Failed; within one metric Error wins. */
const ORDER: readonly ArgoPhase[] = ['Successful', 'Running', 'Pending', 'Inconclusive', 'Error', 'Failed'];

const isWorse = (one: ArgoPhase, other: ArgoPhase): boolean => ORDER.indexOf(one) > ORDER.indexOf(other);

export interface RunSummary {
  /** Metrics, not measurements. */
  readonly count: number;
  readonly successful: number;
  readonly failed: number;
  readonly inconclusive: number;
  readonly error: number;
}

export interface AssessedRun {
  readonly phase: ArgoPhase;
  readonly message: string;
  /** With the phases and messages of this assessment. */
  readonly results: readonly MetricResult[];
  readonly runSummary: RunSummary;
  readonly dryRunSummary: RunSummary;
}

/** Fail-fast: a metric that counts and did not succeed ends the run for its siblings too (helpers.go:84). */
export function isTerminating(results: readonly MetricResult[], isTerminated: boolean): boolean {
  return (
    isTerminated || results.some(({ dryRun, phase }) => dryRun !== true && isCompleted(phase) && phase !== 'Successful')
  );
}

/** One assessment. The metric that fails first makes the run terminate at the next one only, as in Argo. */
export function assessRun(
  measures: readonly Measure[],
  before: readonly MetricResult[],
  isTerminated: boolean,
): AssessedRun {
  const terminating = isTerminating(before, isTerminated);
  const tally = { run: [] as ArgoPhase[], dry: [] as ArgoPhase[] };
  let worst: ArgoPhase | undefined;
  let message = isTerminated ? 'Run Terminated' : '';
  let isEverythingCompleted = true;
  const results: MetricResult[] = [];
  for (const measure of measures) {
    const known = before.find(({ name }) => name === measure.name);
    if (known === undefined) {
      isEverythingCompleted = false;
      continue;
    }
    const result = assessed(measure, known, terminating);
    const phase = result.phase;
    if (!isCompleted(phase)) {
      isEverythingCompleted = false;
      results.push(result);
      continue;
    }
    const exceeded = exceededLimit(measure, result);
    // Argo's tally looks at the limits and not at the phase.
    const tallied = exceeded?.phase ?? 'Successful';
    if (measure.isDryRun === true) {
      worst ??= 'Successful';
      tally.dry.push(tallied);
      results.push(
        exceeded === undefined ? result : { ...result, message: `Metric assessed ${phase} due to ${exceeded.message}` },
      );
      continue;
    }
    tally.run.push(tallied);
    results.push(result);
    if (worst === undefined || isWorse(phase, worst)) {
      worst = phase;
      if (exceeded !== undefined) message = explain(measure.name, phase, exceeded.message, result.message);
    }
  }
  const summaries = {
    runSummary: summaryOf(tally.run, measures.filter(({ isDryRun }) => isDryRun !== true).length),
    dryRunSummary: summaryOf(tally.dry, measures.filter(({ isDryRun }) => isDryRun === true).length),
  };
  if (terminating) return { phase: worst ?? 'Successful', message, results, ...summaries };
  if (!isEverythingCompleted || worst === undefined) return { phase: 'Running', message: '', results, ...summaries };
  return { phase: worst, message, results, ...summaries };
}

function assessed(measure: Measure, result: MetricResult, terminating: boolean): MetricResult {
  const phase = metricPhase(measure, result, terminating);
  if (phase === result.phase) return result;
  const { message: _, ...rest } = result;
  const message = result.measurements.at(-1)?.message;
  return { ...rest, phase, ...(message === undefined ? {} : { message }) };
}

function explain(name: string, phase: ArgoPhase, reason: string, last: string | undefined): string {
  const said = last === undefined || last === '' ? '' : `: "Error Message: ${last}"`;
  return `Metric "${name}" assessed ${phase} due to ${reason}${said}`;
}

function summaryOf(phases: readonly ArgoPhase[], count: number): RunSummary {
  const number = (phase: ArgoPhase): number => phases.filter((each) => each === phase).length;
  return {
    count,
    successful: number('Successful'),
    failed: number('Failed'),
    inconclusive: number('Inconclusive'),
    error: number('Error'),
  };
}
