/** What a step asks of the evidence, and what one poll adds to it. */
import type { Observation } from './observation.ts';

/** One interval of all metrics. A metric that is absent counts as `NoData`. */
export interface Batch {
  /** End of the interval, ms since the epoch; at or before the last one: the batch is ignored. */
  readonly endMs: number;
  /** Canary weight in force during the interval, percent. */
  readonly weight: number;
  /** Step in force; only needed to tell two steps of equal weight apart exactly. */
  readonly step?: number;
  readonly observations: ReadonlyMap<string, Observation>;
}

export interface StepQuestion {
  readonly revision: string;
  readonly attempt: number;
  readonly step: number;
  readonly weight: number;
  /** Since when the step's weight has been in force, ms since the epoch. */
  readonly sinceMs: number;
  readonly nowMs: number;
  /** Shortest time with data before a Pass; the run's `dwellMs` where absent or smaller. */
  readonly atLeastMs?: number;
  /** Longest time with data without a decision; the run's `atMostMs` where absent. */
  readonly atMostMs?: number;
}
