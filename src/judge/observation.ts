/** What a metric source hands to the judge: one metric over one non-overlapping interval, already differenced. */

/** Real numbers ≥ 0 with bad ≤ total; for rates `bad` events over an exposure of `total`, which may be less. */
export interface Counts {
  readonly bad: number;
  readonly total: number;
}

export interface PodCounts extends Counts {
  readonly pod: string;
}

/** One proportion (errors, or requests slower than a boundary) over one interval. */
export interface ProportionCounts {
  readonly canary: Counts;
  readonly stable: Counts;
  /** Per stable pod, for the dispersion; empty where the source has no per-pod series. */
  readonly stablePods: readonly PodCounts[];
}

export type SkipReason =
  | 'NoData'
  | 'NoCanaryRequests'
  | 'NoStableRequests'
  | 'ImplausibleCounter'
  | 'UnknownPod'
  | 'SourceUnavailable'
  | 'NotPositive'
  | 'WarmingUp'
  | 'Paused';

/** Mean of a gauge over the pods of each side and over the interval. */
export interface GaugeMeans {
  readonly canary: number;
  /** NaN where only a bound is compared with and stable has none. */
  readonly stable: number;
}

/** Keyed by its end: the judge ignores an interval that ends at or before the last one it used. */
export type Observation =
  | {
      readonly kind: 'proportion';
      readonly endMs: number;
      readonly canaryPods: number;
      readonly counts: ProportionCounts;
    }
  | {
      readonly kind: 'histogram';
      readonly endMs: number;
      readonly canaryPods: number;
      /** One per boundary, ascending; `bad` = slower than the boundary. */
      readonly boundaries: readonly { readonly boundaryMs: number; readonly counts: ProportionCounts }[];
    }
  | { readonly kind: 'gauge'; readonly endMs: number; readonly canaryPods: number; readonly means: GaugeMeans }
  | { readonly kind: 'skipped'; readonly endMs: number; readonly reason: SkipReason };
