/** Verdicts as data. Renderers (sentence, terminal, SVG, JSON) live beside; nothing here is text to be parsed. */

import type { Split } from './split.ts';

/** `Continue` while undecided; the other three end a step. */
export type Outcome = 'Pass' | 'Fail' | 'Inconclusive' | 'Continue';

/** A closed interval, `undefined` bounds where nothing is known. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A healthy canary is at most (`isLower`: at least) `fail`; a Pass needs surely less (more) than `pass`. */
export interface MarginLines {
  readonly isLower?: true;
  readonly fail: number;
  readonly pass: number;
}

export interface MetricVerdict {
  readonly name: string;
  readonly outcome: Outcome;
  /** CamelCase reason of `api/reasons.ts`, e.g. `ErrorsAboveStable`, `TooFewRequests`, `NoData`. */
  readonly reason: string;
  /** One sentence a person can act on. */
  readonly says: string;
  readonly critical: boolean;
  /** Odds against a healthy canary, E; alone it aborts at `abortAtOdds`, the run's line by its share of the evidence. */
  readonly odds: number;
  readonly abortAtOdds: number;
  readonly canary: { readonly bad: number; readonly total: number };
  readonly stable: { readonly bad: number; readonly total: number };
  /** Best estimate and anytime-valid interval of canary ÷ stable. */
  readonly ratio?: { readonly estimate: number; readonly interval: Interval };
  /** Same for canary − stable, as fractions (0.001 = 0.1 pp). */
  readonly difference?: { readonly estimate: number; readonly interval: Interval };
  /** ≥ 1: so many errors count as one ("errors come in bursts"). */
  readonly dispersion: number;
  readonly dispersionSource: 'stable pods' | 'residual' | 'forced';
  /** Intervals used and left out so far. */
  readonly usedIntervals: number;
  readonly skippedIntervals: Readonly<Record<string, number>>;
  /** Ends (ms since the epoch) of the intervals that moved the evidence most, newest last. */
  readonly tippedBy: readonly number[];
  /** Milliseconds of further data until a verdict, if the canary equals stable; absent when never. */
  readonly passEtaMs?: number;
  /** The boundary (ms) that decides, for latency metrics. */
  readonly boundaryMs?: number;
  /** Share of the run's evidence, 0–1. */
  readonly share: number;
  /** Odds against "worse than the pass margin"; passes at `passAtOdds`. */
  readonly passOdds: number;
  readonly passAtOdds: number;
  /** Canary requests ÷ dispersion: how many independent requests they are worth. */
  readonly effectiveRequests: number;
  /** The fail ratio in force: the spec's, or a wider one (`calibration`, placement of few pods). */
  readonly failRatio: number;
  /** Why the fail ratio or the dispersion was forced up; absent when the noise of stable pods is known. */
  readonly uncalibrated?: 'no per-pod series' | 'one stable pod' | 'short history';
  /** Crossed the abort line with its own share of the error probability alone. */
  readonly isConfirmedAlone: boolean;
  /** Absent: counts or a histogram; `bad` and `total` of a rate are events and what they are per. */
  readonly shape?: 'rate' | 'gauge';
  /** Rates and gauges: what is counted or measured, e.g. `bytes`; rates are per pod and second where so said, else per what is counted. */
  readonly unit?: string;
  readonly isPerSecond?: true;
  /** The numbers ask whether the canary is lower; absent: higher. */
  readonly isLower?: true;
  /** Both directions are bad; the numbers are those of the one that accuses most. */
  readonly isEither?: true;
  /**
   * Where the canary's value stops being healthy, and what it must stay within to pass, at the control's mean so far and in the
   * unit of the metric (fractions for proportions). The direction shown comes first; absent while the control is unknown.
   */
  readonly lines?: readonly MarginLines[];
  /** Compared with this constant; `ratio` and `difference` then are against it, `stable` is for information. */
  readonly bound?: number;
  /** `stable` is a baseline workload. */
  readonly isBaseline?: true;
  /** A step may pass without it. */
  readonly isOptional?: true;
  /** Gauges: means over all used intervals, and paired blocks. `difference` is in the gauge's unit. */
  readonly gauge?: {
    readonly canary: number;
    readonly control: number;
    readonly blocks: number;
    /** No block differs from another: the noise is unknown, so no interval is. */
    readonly isSteady?: true;
  };
  /** Since when this metric has no usable data, ms since the epoch; absent while data flows. */
  readonly blindSinceMs?: number;
}

/** The verdict of one step. `release/` accepts it only if all six identity fields match a fresh read (contracts 2). */
export interface StepVerdict {
  readonly outcome: Outcome;
  readonly revision: string;
  readonly attempt: number;
  readonly step: number;
  readonly weight: number;
  /** End of the newest interval in it, ms since the epoch. */
  readonly intervalEndMs: number;
  readonly reason: string;
  readonly says: string;
  /** The metric that decides or is furthest from deciding. */
  readonly metric?: string;
  /** Odds of the whole rollout against a healthy canary, and where it aborts. */
  readonly odds: number;
  readonly abortAtOdds: number;
  /** Since when no usable data came (ms since the epoch); absent while data flows. */
  readonly blindSinceMs?: number;
  /** There was data enough to judge, only no decision: `onInconclusive: advance` may count (contracts 4). */
  readonly hadEnoughData: boolean;
  readonly etaMs?: number;
  /** End of the interval at which the abort line was crossed, ms since the epoch. */
  readonly failedAtMs?: number;
  readonly metrics: readonly MetricVerdict[];
  /** Requests of both sides at this step lately, newer ones counting for more; absent where none were counted. */
  readonly split?: Split;
  /** Name of the AnalysisRun that says so; known to who reads it there. */
  readonly run?: string;
}
