/** The phase of one metric from its counters (analysis.go: assessMetricStatus, assessMetricFailureInconclusiveOrError). */
import { type ArgoPhase, effectiveCount, isCompleted, limitsOf, type Measure, type MetricResult } from './measure.ts';

export interface Exceeded {
  readonly phase: 'Failed' | 'Inconclusive' | 'Error';
  /** In Argo's words: `failed (2) > failureLimit (1)`. */
  readonly message: string;
}

/** The limit that is exceeded; of several, Error beats Inconclusive beats Failed. */
export function exceededLimit(measure: Measure, result: MetricResult): Exceeded | undefined {
  const limits = limitsOf(measure);
  const { failed, inconclusive, consecutiveError } = result;
  if (consecutiveError > limits.consecutiveError) {
    const message = `consecutiveErrors (${consecutiveError}) > consecutiveErrorLimit (${limits.consecutiveError})`;
    return { phase: 'Error', message };
  }
  if (inconclusive > limits.inconclusive) {
    return {
      phase: 'Inconclusive',
      message: `inconclusive (${inconclusive}) > inconclusiveLimit (${limits.inconclusive})`,
    };
  }
  if (limits.failure >= 0 && failed > limits.failure) {
    return { phase: 'Failed', message: `failed (${failed}) > failureLimit (${limits.failure})` };
  }
  return undefined;
}

/**
 * A completed phase stays. `undefined` as result: never measured. Terminating: somebody or another metric ended the run, so no new
 * measurement begins.
 */
export function metricPhase(measure: Measure, result: MetricResult | undefined, isTerminating: boolean): ArgoPhase {
  if (result !== undefined && isCompleted(result.phase)) return result.phase;
  const last = result?.measurements.at(-1);
  if (result === undefined || last === undefined) return isTerminating ? 'Successful' : 'Pending';
  if (!isCompleted(last.phase)) return 'Running';
  const exceeded = exceededLimit(measure, result);
  if (exceeded !== undefined) return exceeded.phase;
  const { consecutiveSuccess, failure } = limitsOf(measure);
  if (consecutiveSuccess > 0 && result.consecutiveSuccess >= consecutiveSuccess) return 'Successful';
  const count = effectiveCount(measure);
  if (count !== undefined && result.count >= count) return phaseAtCount(failure >= 0, consecutiveSuccess > 0);
  return isTerminating ? 'Successful' : 'Running';
}

/** All measurements are taken, and no limit of either kind was reached. */
function phaseAtCount(hasFailureLimit: boolean, hasSuccessLimit: boolean): ArgoPhase {
  if (!hasSuccessLimit) return 'Successful';
  return hasFailureLimit ? 'Inconclusive' : 'Failed';
}
