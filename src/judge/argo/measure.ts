/**
 * Metrics that are measured as Argo Rollouts measures them: a provider's value, conditions over it, and counters with limits.
 * Results keep the shape and words of its `status.metricResults` (pkg/apis/rollouts/v1alpha1/analysis_types.go).
 */

export type ArgoPhase = 'Pending' | 'Running' | 'Successful' | 'Failed' | 'Error' | 'Inconclusive';

/** A resolved metric: arguments put in, durations and limits as numbers. */
export interface Measure {
  readonly name: string;
  /** Pause between the end of a measurement and the start of the next, ms; absent: once. */
  readonly intervalMs?: number;
  /** Counted from the start of the run, ms. */
  readonly initialDelayMs?: number;
  /** Measurements that are taken, Errors not counted; 0 and absent: one, or without end when there is an interval. */
  readonly count?: number;
  readonly successCondition?: string;
  readonly failureCondition?: string;
  /** Most failures that are tolerated; −1: any number. */
  readonly failureLimit?: number;
  readonly inconclusiveLimit?: number;
  readonly consecutiveErrorLimit?: number;
  /** So many successes in a row end the metric; 0: never. */
  readonly consecutiveSuccessLimit?: number;
  /** Measured and shown, never decides. */
  readonly isDryRun?: boolean;
  /** Measurements that are kept in status. */
  readonly retention?: number;
}

export interface Measurement {
  readonly phase: ArgoPhase;
  readonly message?: string;
  readonly startedAt: string;
  /** Absent while it is under way. */
  readonly finishedAt?: string;
  readonly value?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** When to look again at one that is under way. */
  readonly resumeAt?: string;
}

export interface MetricResult {
  readonly name: string;
  readonly phase: ArgoPhase;
  /** Oldest first; the newest ones only. */
  readonly measurements: readonly Measurement[];
  readonly message?: string;
  /** Measurements that were no Errors. */
  readonly count: number;
  readonly successful: number;
  readonly failed: number;
  readonly inconclusive: number;
  readonly error: number;
  readonly consecutiveError: number;
  readonly consecutiveSuccess: number;
  /** Failures on a real value: not NaN, not an empty answer. Only these can abort a release. */
  readonly failedOnRealValue: number;
  /** Measurements with a real value, whatever came of them; absent: none. */
  readonly onRealValue?: number;
  readonly dryRun?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Wait after an Error, whatever the interval (analysis.go:233). */
export const ERROR_RETRY_MS = 10_000;
export const DEFAULT_RETENTION = 10;
const DEFAULT_CONSECUTIVE_ERROR_LIMIT = 4;

const COMPLETED: ReadonlySet<ArgoPhase> = new Set(['Successful', 'Failed', 'Error', 'Inconclusive']);

export const isCompleted = (phase: ArgoPhase): boolean => COMPLETED.has(phase);

/** How many measurements are taken; `undefined`: without end (Metric.EffectiveCount). */
export function effectiveCount({ count = 0, intervalMs }: Measure): number | undefined {
  if (count !== 0) return count;
  return intervalMs === undefined ? 1 : undefined;
}

/** The limits with Argo's defaults. */
export function limitsOf(measure: Measure): {
  readonly failure: number;
  readonly inconclusive: number;
  readonly consecutiveError: number;
  readonly consecutiveSuccess: number;
} {
  return {
    failure: measure.failureLimit ?? 0,
    inconclusive: measure.inconclusiveLimit ?? 0,
    consecutiveError: measure.consecutiveErrorLimit ?? DEFAULT_CONSECUTIVE_ERROR_LIMIT,
    consecutiveSuccess: measure.consecutiveSuccessLimit ?? 0,
  };
}
