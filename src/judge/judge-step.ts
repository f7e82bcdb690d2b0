/**
 * The verdict of one step, asked as often as wanted (the evidence is valid at every look):
 *
 *     odds reach the abort line                              → Fail, for good
 *     more than 20 % of the last 30 intervals missing        → Inconclusive
 *     long enough, enough requests, every required metric within its
 *       pass margin, and no smoke (odds below a fifth)       → Pass
 *     atMost of data without a decision, or three times as
 *       long by the clock (pods that never warm up)          → Inconclusive
 *     otherwise                                              → Continue
 */
import type { AnalysisRunSpec } from '../api/analysis-run.ts';
import { type RunEvidence, leadingMetric, runOdds } from './evidence.ts';
import { type JudgedMetric, judgeMetric } from './judge-metric.ts';
import type { StepQuestion } from './question.ts';
import { splitOf } from './split.ts';
import { sayStep, type StepTimes } from './render-step.ts';
import type { MetricVerdict, Outcome, StepVerdict } from './verdict.ts';

/** A Pass needs odds below this part of the abort line. */
const NO_SMOKE = 0.2;
/** Without `atMost` of data, a step is over after this times as long. */
const PATIENCE = 3;

export function judgeStep(evidence: RunEvidence, spec: AnalysisRunSpec, question: StepQuestion): StepVerdict {
  const metrics = evidence.metrics.map((_, k) => judgeMetric(evidence, spec, question, k));
  const odds = evidence.failed?.odds ?? runOdds(evidence);
  const required = metrics.filter(({ isRequired }) => isRequired);
  const answered = required.length === 0 ? 0 : Math.min(...required.map(({ since }) => since.answered));
  const dataMs = answered * evidence.intervalMs;
  const atLeastMs = Math.max(spec.rule.dwellMs, question.atLeastMs ?? 0);
  const atMostMs = Math.max(question.atMostMs ?? spec.rule.atMostMs, atLeastMs);
  const hasEnoughRequests = required.every((metric) => metric.hasEnoughRequests);
  const isMissing = required.some((metric) => metric.isMissing);
  const isClear = odds < NO_SMOKE * evidence.abortAtOdds;
  const isWithinMargin = required.every((metric) => metric.isWithinMargin && !metric.isPatchy);

  const decide = (): { outcome: Outcome; reason: string; metric: string | undefined } => {
    if (evidence.failed !== undefined) {
      const { metric } = evidence.failed;
      const accused = metrics.find(({ verdict }) => verdict.name === metric);
      return { outcome: 'Fail', reason: accused?.verdict.reason ?? 'ErrorsAboveStable', metric };
    }
    if (isMissing) {
      const blind = required.find((metric) => metric.isMissing);
      return { outcome: 'Inconclusive', reason: blind?.verdict.reason ?? 'NoData', metric: blind?.verdict.name };
    }
    if (isWithinMargin && hasEnoughRequests && isClear && dataMs >= atLeastMs && required.length > 0) {
      return { outcome: 'Pass', reason: 'WithinMargin', metric: slowest(required)?.name };
    }
    const metric = isClear ? slowest(required)?.name : leadingMetric(evidence)?.rule.name;
    if (required.length > 0 && dataMs >= atMostMs) {
      return { outcome: 'Inconclusive', reason: hasEnoughRequests ? 'TimeIsUp' : 'TooFewRequests', metric };
    }
    if (question.nowMs - question.sinceMs >= PATIENCE * atMostMs)
      return { outcome: 'Inconclusive', reason: 'NoData', metric };
    const times = { dataMs, atLeastMs, atMostMs };
    if (isClear && isTooShort(required, times, waitMs(required, atLeastMs - dataMs)))
      return { outcome: 'Continue', reason: 'TooShort', metric };
    return { outcome: 'Continue', reason: hasEnoughRequests ? 'Judging' : 'TooFewRequests', metric };
  };

  const { outcome, reason, metric } = decide();
  const blind = required.flatMap(({ verdict }) => verdict.blindSinceMs ?? []);
  const isOfStep = evidence.weight === question.weight && evidence.step === question.step;
  const split = isOfStep ? splitOf(evidence.split) : undefined;
  const etaMs = outcome === 'Continue' ? waitMs(required, atLeastMs - dataMs) : undefined;
  const verdict: Omit<StepVerdict, 'says'> = {
    outcome,
    revision: question.revision,
    attempt: question.attempt,
    step: question.step,
    weight: question.weight,
    intervalEndMs: evidence.endMs,
    reason,
    ...(metric === undefined ? {} : { metric }),
    odds,
    abortAtOdds: evidence.abortAtOdds,
    ...(blind.length === 0 ? {} : { blindSinceMs: Math.min(...blind) }),
    hadEnoughData: !isMissing && hasEnoughRequests && dataMs >= atLeastMs,
    ...(etaMs === undefined ? {} : { etaMs }),
    ...(evidence.failed === undefined ? {} : { failedAtMs: evidence.failed.endMs }),
    ...(split === undefined ? {} : { split }),
    metrics: metrics.map((judged) => judged.verdict),
  };
  return { ...verdict, says: sayStep(verdict, { dataMs, atLeastMs, atMostMs }) };
}

/** Part of the step's time after which a forecast is worth a warning, and by how much it must miss. */
const WORTH_SAYING = 0.2;
const SURELY = 1.25;

/** Even a canary that equals stable would not pass in the time that is left. Nobody forecasts gauges. */
function isTooShort(required: readonly JudgedMetric[], times: StepTimes, etaMs: number | undefined): boolean {
  const { dataMs, atLeastMs, atMostMs } = times;
  if (dataMs < Math.max(atLeastMs, WORTH_SAYING * atMostMs)) return false;
  if (etaMs !== undefined) return etaMs > SURELY * (atMostMs - dataMs);
  return required.some(({ verdict }) => verdict.passEtaMs === undefined && verdict.shape !== 'gauge');
}

/** The metric that has longest to go to a Pass; one that never will comes first. */
function slowest(metrics: readonly JudgedMetric[]): MetricVerdict | undefined {
  const wait = ({ verdict }: JudgedMetric): number => verdict.passEtaMs ?? Infinity;
  return metrics.toSorted((a, b) => wait(b) - wait(a))[0]?.verdict;
}

function waitMs(metrics: readonly JudgedMetric[], dwellLeftMs: number): number | undefined {
  let most = Math.max(0, dwellLeftMs);
  for (const { verdict } of metrics) {
    if (verdict.passEtaMs === undefined) return undefined;
    most = Math.max(most, verdict.passEtaMs);
  }
  return most;
}
