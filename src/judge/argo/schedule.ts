/** Which metrics are measured now, and when the next one is due (analysis.go: generateMetricTasks, calculateNextReconcileTime). */
import {
  effectiveCount,
  ERROR_RETRY_MS,
  isCompleted,
  type Measure,
  type Measurement,
  type MetricResult,
} from './measure.ts';

export interface MeasureTask {
  readonly measure: Measure;
  /** `resume` looks again at a measurement that is under way; `terminate` ends it. */
  readonly kind: 'run' | 'resume' | 'terminate';
  /** The measurement under way. */
  readonly measurement?: Measurement;
}

export interface ScheduleInput {
  readonly measures: readonly Measure[];
  readonly results: readonly MetricResult[];
  /** Start of the run, ms since the epoch. */
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly isTerminating: boolean;
}

export function dueMeasurements(input: ScheduleInput): readonly MeasureTask[] {
  return input.measures.flatMap((measure): readonly MeasureTask[] => {
    const result = input.results.find(({ name }) => name === measure.name);
    if (result !== undefined && isCompleted(result.phase)) return [];
    const last = result?.measurements.at(-1);
    if (last !== undefined && last.finishedAt === undefined) {
      if (input.isTerminating) return [{ measure, kind: 'terminate', measurement: last }];
      const isEarly = last.resumeAt !== undefined && Date.parse(last.resumeAt) > input.nowMs;
      return isEarly ? [] : [{ measure, kind: 'resume', measurement: last }];
    }
    if (input.isTerminating) return [];
    const dueMs = nextStartMs(measure, result, input.startedAtMs);
    if (dueMs === undefined) return [];
    // Argo: the delay has passed at its very end, an interval only after it.
    const isDue = last === undefined ? input.nowMs >= dueMs : input.nowMs > dueMs;
    return isDue ? [{ measure, kind: 'run' }] : [];
  });
}

/** When the next measurement may start, ms since the epoch; `undefined` when none follows. Not for one that is under way. */
export function nextStartMs(
  measure: Measure,
  result: MetricResult | undefined,
  startedAtMs: number,
): number | undefined {
  const last = result?.measurements.at(-1);
  if (result === undefined || last === undefined) return startedAtMs + (measure.initialDelayMs ?? 0);
  const count = effectiveCount(measure);
  if (isCompleted(result.phase) || (count !== undefined && result.count >= count)) return undefined;
  const waitMs = last.phase === 'Error' ? ERROR_RETRY_MS : (measure.intervalMs ?? ERROR_RETRY_MS);
  return Date.parse(last.finishedAt ?? last.startedAt) + waitMs;
}
