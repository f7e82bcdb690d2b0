/** What the steps of a plan are; every strategy is written in these. */
import type { AnalysisSpec, AnalysisStep } from '../api/release.ts';
import type { RequestMatch } from '../api/request-match.ts';
import { quote, readDurationMs, units } from '../api/units.ts';

export type PlanStep =
  | { readonly kind: 'setWeight'; readonly weight: number }
  | { readonly kind: 'judge'; readonly atLeastMs?: number; readonly atMostMs?: number; readonly isImplied: boolean }
  /** Absent duration: until a person resumes. */
  | { readonly kind: 'pause'; readonly durationMs?: number }
  | { readonly kind: 'setReplicas'; readonly replicas: Replicas }
  /** Until somebody outside says yes. */
  | { readonly kind: 'gate'; readonly url: string }
  | { readonly kind: 'notify'; readonly message: string }
  /** These templates have to pass, beside the run of the whole release; `field` is where they are named. */
  | ({ readonly kind: 'analysis'; readonly field: string; readonly settings?: StepSettings } & AnalysisStep)
  /** From here on these requests go to the canary, until another match. */
  | { readonly kind: 'match'; readonly match: RequestMatch }
  /** From here on the canary gets copies of so many requests, until another mirror. */
  | { readonly kind: 'mirror'; readonly percent: number };

/** How an analysis step decides where it says more than the release. */
export type StepSettings = Omit<AnalysisSpec, 'templates' | 'args'>;

/** What the canary gets beside its weight. */
export interface Beside {
  readonly match?: RequestMatch;
  /** Percent of requests, above 0. */
  readonly mirror?: number;
}

/** Pods of the canary: a number, or a fraction of stable's. */
export type Replicas = { readonly count: number } | { readonly fraction: number };

/** A duration in ms, or a sentence among the problems. */
export function duration(text: string | undefined, field: string, problems: string[]): number | undefined {
  if (text === undefined) return undefined;
  const ms = readDurationMs(text);
  if (ms === undefined) problems.push(`${field} is ${quote(text)}. Write ${units.duration.written}.`);
  return ms;
}
