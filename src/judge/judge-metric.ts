/** What the evidence of one metric says in one step. Long: the outcome, its reason and what is shown of it are read off one state. */
import type { AnalysisRunSpec } from '../api/analysis-run.ts';
import { confidenceOf } from '../stats/confidence.ts';
import { calibrationOf } from './calibration.ts';
import { type Comparison, lineOf, marginOf, oddsOf, passOddsOf, phiOf, totalsOf } from './comparison.ts';
import type { RunEvidence } from './evidence.ts';
import { intervalsToPass } from './forecast.ts';
import { type Since, seenSince } from './marks.ts';
import { gaugeFacts, shownGauge, tightestGauge } from './judge-gauge.ts';
import { lineRatio, linesOf } from './margin-lines.ts';
import { type MetricEvidence, carriedOdds, metricOdds, recentlyMissing } from './metric-evidence.ts';
import type { StepQuestion } from './question.ts';
import { sayMetric } from './render-sentence.ts';
import type { MetricVerdict, Outcome } from './verdict.ts';

/** More of the last intervals (up to 30, of this step) missing: no verdict, whatever the rest says. */
const MOST_MISSING = 0.2;
const WINDOW = 30;
/** Fewer expected intervals than this: too early to call a step inconclusive for a hiccup, though it cannot pass meanwhile. */
const EARLY = 10;
/** Silence up to this long is the usual lag of scrapes and queries. */
const GRACE_INTERVALS = 3;
const GRACE_MS = 5_000;

/** A metric's verdict, and what the step needs to combine it. */
export interface JudgedMetric {
  readonly verdict: MetricVerdict;
  readonly since: Since;
  /** Too much is missing to pass … */
  readonly isPatchy: boolean;
  /** … and for long enough to say so. */
  readonly isMissing: boolean;
  readonly hasEnoughRequests: boolean;
  /** A step passes only if it does. */
  readonly isRequired: boolean;
  /** Every comparison that must pass does, all other conditions aside. */
  readonly isWithinMargin: boolean;
}

export function judgeMetric(
  evidence: RunEvidence,
  spec: AnalysisRunSpec,
  question: StepQuestion,
  k: number,
): JudgedMetric {
  const metric = evidence.metrics[k] as MetricEvidence;
  const { rule } = spec;
  const since = seenSince(evidence.marks, question.sinceMs, metric, k);
  const quietSinceMs = Math.max(metric.lastAnswerMs, question.sinceMs, evidence.startMs);
  const graceMs = Math.max(GRACE_INTERVALS * evidence.intervalMs, GRACE_MS);
  const isBlind = question.nowMs - quietSinceMs > graceMs;
  const { isPatchy, isMissing } = missingIn(evidence, metric, since, question);
  // Gauges and rates have no requests; what they know shows in their odds.
  const hasEnoughRequests = metric.rule.shape !== undefined || since.canaryRequests >= rule.minRequests;
  const isFailed =
    evidence.failed !== undefined && (evidence.failed.metric === metric.rule.name || isConfirmed(evidence, metric));
  const needed = Math.log(1 / rule.falsePass);
  const tight = tightest(metric);
  const passOdds = tight === undefined ? tightestGauge(metric) : passOddsOf(tight, metric.rule);
  const isWithinMargin = passOdds !== undefined && passOdds >= needed;
  const outcome = outcomeOf({ isFailed, isMissing, isWithinMargin, hasEnoughRequests });
  const facts = describe(evidence, spec, metric, tight, since);
  const verdict: Omit<MetricVerdict, 'says'> = {
    ...facts,
    outcome,
    reason: reasonOf(metric, facts.isLower === true, outcome, hasEnoughRequests),
    ...(isBlind ? { blindSinceMs: quietSinceMs } : {}),
  };
  return {
    verdict: { ...verdict, says: sayMetric(verdict, rule.falsePass) },
    since,
    isPatchy,
    isMissing,
    hasEnoughRequests,
    isRequired: metric.rule.isOptional !== true,
    isWithinMargin,
  };
}

/** Its own share of the error probability alone would abort. */
function isConfirmed(evidence: RunEvidence, metric: MetricEvidence): boolean {
  return carriedOdds(metric, evidence.abortAtOdds) >= evidence.abortAtOdds;
}

/** Where it aborts alone: its odds count for its share. One without a share is judged as if it were the only one. */
function ownLine({ abortAtOdds }: RunEvidence, { rule: { share } }: MetricEvidence): number {
  return share > 0 ? abortAtOdds / share : abortAtOdds;
}

function missingIn(
  evidence: RunEvidence,
  metric: MetricEvidence,
  since: Since,
  question: StepQuestion,
): { isPatchy: boolean; isMissing: boolean } {
  const graceMs = Math.max(GRACE_INTERVALS * evidence.intervalMs, GRACE_MS);
  const lastMs = Math.max(evidence.endMs, question.sinceMs);
  const silent = Math.max(0, Math.floor((question.nowMs - lastMs - graceMs) / evidence.intervalMs));
  const expected = silent + since.answered + since.missing;
  const window = Math.min(WINDOW, expected);
  const missing = Math.min(silent, window) + recentlyMissing(metric, Math.max(0, window - silent));
  const isPatchy = missing > MOST_MISSING * window;
  return { isPatchy, isMissing: isPatchy && expected >= EARLY };
}

function outcomeOf(known: {
  isFailed: boolean;
  isMissing: boolean;
  isWithinMargin: boolean;
  hasEnoughRequests: boolean;
}): Outcome {
  if (known.isFailed) return 'Fail';
  if (known.isMissing) return 'Inconclusive';
  return known.isWithinMargin && known.hasEnoughRequests ? 'Pass' : 'Continue';
}

function reasonOf(metric: MetricEvidence, isLower: boolean, outcome: Outcome, hasEnoughRequests: boolean): string {
  switch (outcome) {
    case 'Fail':
      return failReasonOf(metric, isLower);
    case 'Pass':
      return 'WithinMargin';
    case 'Inconclusive':
      return metric.lastSkip === 'SourceUnavailable' || metric.lastSkip === 'ImplausibleCounter'
        ? metric.lastSkip
        : 'NoData';
    case 'Continue':
      return hasEnoughRequests ? 'Judging' : 'TooFewRequests';
  }
}

function failReasonOf({ rule, kind }: MetricEvidence, isLower: boolean): string {
  if (rule.constant !== undefined) return isLower ? 'BelowBound' : 'AboveBound';
  if (isLower) return 'BelowStable';
  if (rule.shape !== undefined) return 'AboveStable';
  return kind === 'histogram' ? 'LatencyAboveStable' : 'ErrorsAboveStable';
}

/** The comparison that has furthest to go to a Pass, among those that must pass. */
function tightest(metric: MetricEvidence): Comparison | undefined {
  const must = metric.comparisons.filter(({ mustPass }) => mustPass);
  return must.reduce<Comparison | undefined>(
    (found, comparison) =>
      found === undefined || passOddsOf(comparison, metric.rule) < passOddsOf(found, metric.rule) ? comparison : found,
    undefined,
  );
}

function currentPhi(comparison: Comparison): ReturnType<typeof phiOf> {
  return phiOf(comparison, calibrationOf(comparison.dispersion, comparison.dispersion.podCount));
}

type Facts = Omit<MetricVerdict, 'outcome' | 'reason' | 'says' | 'blindSinceMs'>;

function describe(
  evidence: RunEvidence,
  spec: AnalysisRunSpec,
  metric: MetricEvidence,
  tight: Comparison | undefined,
  since: Since,
): Facts {
  const shown = shownComparison(metric, tight);
  const common = {
    name: metric.rule.name,
    critical: metric.rule.critical,
    share: metric.rule.share,
    odds: metricOdds(metric),
    abortAtOdds: ownLine(evidence, metric),
    passAtOdds: 1 / spec.rule.falsePass,
    usedIntervals: metric.used,
    skippedIntervals: metric.skipped,
    tippedBy: metric.tipped.map(({ endMs }) => endMs),
    isConfirmedAlone: isConfirmed(evidence, metric),
    ...comparedWith(metric, shown?.isLower ?? shownGauge(metric)?.isLower),
  };
  if (shown === undefined) {
    const gauge = shownGauge(metric);
    const found = gauge === undefined ? undefined : gaugeFacts(gauge, spec.rule.falsePass);
    const control = metric.rule.constant ?? found?.gauge?.control;
    return {
      ...common,
      ...linesOf(metric, gauge?.isLower, metric.rule.fail.ratio, control),
      passOdds: Math.exp(Math.min(690, tightestGauge(metric) ?? 0)),
      canary: { bad: 0, total: metric.canaryRequests },
      stable: { bad: 0, total: metric.stableRequests },
      dispersion: 1,
      dispersionSource: 'forced',
      effectiveRequests: metric.canaryRequests,
      failRatio: lineRatio(metric, metric.rule.fail.ratio, gauge?.isLower),
      ...found,
    };
  }
  const { phi, source } = currentPhi(shown);
  const calibration = calibrationOf(shown.dispersion, shown.dispersion.podCount);
  const totals = totalsOf(shown);
  const eta = passEtaMs(evidence, spec, metric, since);
  const healthy = marginOf(shown, metric.rule, calibration, metric.canaryPods, shown.dispersion.podCount);
  const control = totals.stableTotal > 0 ? totals.stableBad / totals.stableTotal : undefined;
  return {
    ...common,
    ...linesOf(metric, shown.isLower, healthy, metric.rule.constant ?? control),
    passOdds: tight === undefined ? 1 : Math.exp(Math.min(700, passOddsOf(tight, metric.rule))),
    canary: { bad: totals.canaryBad, total: totals.canaryTotal },
    stable: { bad: totals.stableBad, total: totals.stableTotal },
    ...estimates(shown, metric, phi, spec.rule.falsePass),
    dispersion: phi,
    dispersionSource: source,
    effectiveRequests: totals.canaryTotal / phi,
    failRatio: lineRatio(metric, healthy, shown.isLower),
    ...(calibration.uncalibrated === undefined ? {} : { uncalibrated: calibration.uncalibrated }),
    ...(eta === undefined ? {} : { passEtaMs: eta }),
    ...(shown.boundaryMs === undefined ? {} : { boundaryMs: shown.boundaryMs }),
  };
}

/** The comparison people are shown: the one that accuses most once it accuses at all, else the one that keeps the metric from passing. */
function shownComparison(metric: MetricEvidence, tight: Comparison | undefined): Comparison | undefined {
  const worst = metric.comparisons.reduce<Comparison | undefined>(
    (found, c) => (found === undefined || c.share * oddsOf(c) > found.share * oddsOf(found) ? c : found),
    undefined,
  );
  return worst !== undefined && metricOdds(metric) > 2 ? worst : (tight ?? worst);
}

/** What of the rule a reader needs to understand the numbers; nothing for errors and latency against stable. */
function comparedWith(
  { rule }: MetricEvidence,
  isLower: true | undefined,
): Pick<
  MetricVerdict,
  'shape' | 'unit' | 'isPerSecond' | 'isLower' | 'isEither' | 'bound' | 'isBaseline' | 'isOptional'
> {
  return {
    ...(rule.shape === undefined ? {} : { shape: rule.shape }),
    ...(rule.unit === undefined ? {} : { unit: rule.unit }),
    ...(rule.isPerSecond === undefined ? {} : { isPerSecond: true }),
    ...(isLower === undefined ? {} : { isLower }),
    ...(rule.direction === 'either' ? { isEither: true } : {}),
    ...(rule.constant === undefined ? {} : { bound: rule.constant }),
    ...(rule.isBaseline === undefined ? {} : { isBaseline: rule.isBaseline }),
    ...(rule.isOptional === undefined ? {} : { isOptional: rule.isOptional }),
  };
}

function estimates(
  shown: Comparison,
  { rule }: MetricEvidence,
  phi: number,
  alpha: number,
): Pick<MetricVerdict, 'ratio' | 'difference'> {
  const totals = totalsOf(shown);
  const { constant } = rule;
  if (!(totals.canaryTotal > 0) || !(constant !== undefined || totals.stableTotal > 0)) return {};
  const rate = totals.canaryBad / totals.canaryTotal;
  const control = constant ?? totals.stableBad / totals.stableTotal;
  const widest = rule.shape === 'rate' ? Math.max(1, 200 * rate, 200 * control) : 1;
  const found = confidenceOf(shown.likelihood, phi, alpha, widest);
  const estimate = Math.min(found.difference.high, Math.max(found.difference.low, rate - control));
  const isKnown = constant !== undefined || totals.canaryBad + totals.stableBad > 0;
  return {
    ...(isKnown ? { ratio: { estimate: found.estimate, interval: found.ratio } } : {}),
    difference: { estimate, interval: found.difference },
  };
}

function passEtaMs(
  evidence: RunEvidence,
  spec: AnalysisRunSpec,
  metric: MetricEvidence,
  since: Since,
): number | undefined {
  const intervals = Math.max(1, since.answered > 0 ? since.answered : metric.answered);
  const canaryPerInterval = (since.answered > 0 ? since.canaryRequests : metric.canaryRequests) / intervals;
  if (metric.gauges.length > 0) return undefined;
  let most = 0;
  for (const comparison of metric.comparisons) {
    if (!comparison.mustPass) continue;
    const totals = totalsOf(comparison);
    const stableBad = totals.stableBad + (comparison.history[0] as number);
    const stableTotal = totals.stableTotal + (comparison.history[1] as number);
    const wait = intervalsToPass({
      passing: comparison.passing,
      dispersion: currentPhi(comparison).phi,
      pass: lineOf(metric.rule.pass, comparison.isLower, metric.rule.constant),
      usual: comparison.usual,
      falsePass: spec.rule.falsePass,
      canaryPerInterval,
      stablePerInterval: metric.seenIntervals > 0 ? metric.seenRequests / metric.seenIntervals : 0,
      badShare:
        metric.rule.constant === undefined && stableTotal > 0
          ? stableBad / stableTotal
          : totals.canaryBad / Math.max(1, totals.canaryTotal),
    });
    if (wait === undefined) return undefined;
    most = Math.max(most, wait);
  }
  const requestsLeft = spec.rule.minRequests - since.canaryRequests;
  if (requestsLeft > 0 && metric.rule.shape === undefined) {
    if (!(canaryPerInterval > 0)) return undefined;
    most = Math.max(most, Math.ceil(requestsLeft / canaryPerInterval));
  }
  return most * evidence.intervalMs;
}
