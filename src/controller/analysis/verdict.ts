/** The verdict of a run for the step that its Release is at now. Pure. What is broken around the evidence can only hold, never pass. */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { Finding } from '../../api/meta.ts';
import type { Release } from '../../api/release.ts';
import type { MetricResult } from '../../judge/argo/measure.ts';
import { withMeasures } from '../../judge/argo/outcome.ts';
import type { RunEvidence } from '../../judge/evidence.ts';
import { judgeStep } from '../../judge/judge-step.ts';
import type { StepQuestion } from '../../judge/question.ts';
import type { StepVerdict } from '../../judge/verdict.ts';
import { planOf } from '../../release/plan.ts';

/** What kept this poll from adding the newest interval, or makes what it added doubtful. */
export interface Trouble {
  /** Prometheus did not answer some query. */
  readonly unavailable?: string;
  /** Prometheus refuses a query, or a metric cannot be judged as written. */
  readonly finding?: Finding;
  /** The newest interval is not in the evidence. */
  readonly isBehind: boolean;
}

/** When it is asked, ms since the epoch, and the grid instant that it is about. */
export interface Moment {
  readonly nowMs: number;
  readonly instantMs: number;
}

/** `results`: what providers measured, for runs that have such metrics. `isOfStep`: the run is an analysis step's own. */
export function verdictOf(
  evidence: RunEvidence,
  spec: AnalysisRunSpec,
  release: Release,
  { nowMs, instantMs }: Moment,
  trouble: Trouble,
  results: readonly MetricResult[] = [],
  isOfStep = false,
): StepVerdict {
  const question = questionOf(spec, release, nowMs, isOfStep);
  const { measures = [] } = spec;
  if (measures.length === 0) return comparedVerdict(evidence, spec, question, trouble);
  const compared = spec.metrics.length === 0 ? undefined : comparedVerdict(evidence, spec, question, trouble);
  const atLeastMs = Math.max(spec.rule.dwellMs, question.atLeastMs ?? 0);
  const atMostMs = question.atMostMs ?? spec.rule.atMostMs;
  const startedAtMs = Date.parse(spec.startedAt);
  return withMeasures(compared, { ...question, instantMs, startedAtMs, atLeastMs, atMostMs }, measures, results);
}

function comparedVerdict(
  evidence: RunEvidence,
  spec: AnalysisRunSpec,
  question: StepQuestion,
  trouble: Trouble,
): StepVerdict {
  const verdict = judgeStep(evidence, spec, question);
  // Evidence of a bad canary stays evidence, whatever broke since.
  if (verdict.outcome === 'Fail') return verdict;
  const { finding, unavailable, isBehind } = trouble;
  if (finding !== undefined)
    return { ...verdict, outcome: 'Inconclusive', reason: finding.reason, says: finding.message, hadEnoughData: false };
  if (unavailable !== undefined) {
    const blindSinceMs = verdict.blindSinceMs ?? (evidence.endMs > 0 ? evidence.endMs : Date.parse(spec.startedAt));
    const outcome = verdict.outcome === 'Pass' ? 'Continue' : verdict.outcome;
    const says = `${unavailable} Nothing advances or aborts until it answers.`;
    return { ...verdict, outcome, reason: 'SourceUnavailable', says, blindSinceMs, hadEnoughData: false };
  }
  if (isBehind && verdict.outcome === 'Pass') return { ...verdict, outcome: 'Continue', reason: 'Judging' };
  return verdict;
}

/** The run of an analysis step is asked of that step alone; what its weight had before it began is none of its evidence. */
function questionOf(
  spec: AnalysisRunSpec,
  { spec: { ...releaseSpec }, status }: Release,
  nowMs: number,
  isOfStep: boolean,
): StepQuestion {
  const index = status?.step?.index ?? 0;
  const plan = planOf(releaseSpec);
  const step = plan.kind === 'plan' ? plan.steps[index - 1] : undefined;
  return {
    revision: spec.revision,
    attempt: spec.attempt,
    step: index,
    weight: status?.weight ?? 0,
    sinceMs: isOfStep ? Date.parse(status?.step?.since ?? spec.startedAt) : weightSinceMs(status, spec),
    nowMs,
    ...(step?.kind === 'judge' && step.atLeastMs !== undefined ? { atLeastMs: step.atLeastMs } : {}),
    ...(step?.kind === 'judge' && step.atMostMs !== undefined ? { atMostMs: step.atMostMs } : {}),
  };
}

/** Since when the present weight has been in force without a break, with the same match and mirror beside it. */
function weightSinceMs(status: Release['status'], spec: AnalysisRunSpec): number {
  const weights = status?.weights ?? [];
  const last = weights.at(-1);
  let sinceMs = Date.parse(status?.step?.since ?? spec.startedAt);
  for (const entry of weights.toReversed()) {
    if (entry.weight !== status?.weight || entry.beside !== last?.beside) break;
    sinceMs = Date.parse(entry.since);
  }
  return sinceMs;
}
