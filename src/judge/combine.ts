/**
 * One verdict from two kinds of metrics (contracts 3): sequential comparisons against stable, and Argo-style metrics that keep
 * Argo's phases. Any Fail beats any required Inconclusive, which beats Continue, which beats Pass.
 */
import type { Outcome } from './verdict.ts';

/** Phases of an Argo-style metric, word for word Argo's. */
type ArgoPhase = 'Pending' | 'Running' | 'Successful' | 'Failed' | 'Error' | 'Inconclusive';

export interface ArgoMetric {
  readonly phase: ArgoPhase;
  /** Measurements in this step, by result. */
  readonly successful: number;
  /** At least one failed measurement had a real value: not NaN, not missing. */
  readonly failedOnRealValue: boolean;
  /** Without `count` it never ends by itself: one success in this step satisfies it. */
  readonly isIntervalOnly: boolean;
}

/** What an Argo-style metric says about the step. */
export function outcomeOfArgoMetric(metric: ArgoMetric): Outcome {
  switch (metric.phase) {
    case 'Failed':
      return metric.failedOnRealValue ? 'Fail' : 'Inconclusive';
    case 'Successful':
      return 'Pass';
    case 'Error':
    case 'Inconclusive':
      return 'Inconclusive';
    case 'Pending':
      return 'Continue';
    case 'Running':
      return metric.isIntervalOnly && metric.successful >= 1 ? 'Pass' : 'Continue';
  }
}

export interface Part {
  readonly outcome: Outcome;
  /** Not required: an Inconclusive or Continue of it holds nobody up. A Fail always counts. */
  readonly isRequired: boolean;
}

/** The step's outcome. No parts at all: `Inconclusive`, because nothing was measured. */
export function combine(parts: readonly Part[]): Outcome {
  if (parts.some(({ outcome }) => outcome === 'Fail')) return 'Fail';
  const required = parts.filter(({ isRequired }) => isRequired);
  if (required.some(({ outcome }) => outcome === 'Inconclusive')) return 'Inconclusive';
  if (required.some(({ outcome }) => outcome === 'Continue')) return 'Continue';
  return required.some(({ outcome }) => outcome === 'Pass') ? 'Pass' : 'Inconclusive';
}
