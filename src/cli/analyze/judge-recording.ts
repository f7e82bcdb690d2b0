/** A recording → its verdict, and what was known after each interval. The same judge as in a release, asked at every interval. Pure. */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import { observe, openEvidence } from '../../judge/evidence.ts';
import { judgeStep } from '../../judge/judge-step.ts';
import type { Observation } from '../../judge/observation.ts';
import { type Preset, presetRule } from '../../judge/preset.ts';
import type { Picture, PicturePoint } from '../../judge/render-svg.ts';
import type { MetricVerdict, StepVerdict } from '../../judge/verdict.ts';
import type { Look } from '../replay/replay-run.ts';
import type { Recording } from './recording.ts';
import { resolveOneMetric } from './rule.ts';

export interface Rule {
  readonly metric: string;
  readonly preset: Preset;
  readonly isCritical: boolean;
  /** Probability of a Fail for a healthy canary, in the whole recording. */
  readonly falseAbort: number;
  readonly query?: MetricQuerySpec;
}

export interface Analysis {
  readonly verdict: StepVerdict;
  readonly metric: MetricVerdict;
  /** After each interval with a canary; thinned out to at most `MOST_POINTS`. */
  readonly points: readonly PicturePoint[];
  /** The same with all that was said. */
  readonly looks: readonly Look[];
  /** Intervals before the first canary request, from which stable's noise was learnt. */
  readonly historyIntervals: number;
  readonly firstMs: number;
  readonly lastMs: number;
  /** End of the first interval at which a release would have gone on (Pass) or gone back (Fail). */
  readonly decidedAtMs?: number;
  readonly picture: Picture;
}

/** The interval of canary ÷ stable takes a millisecond; more points than this no picture shows. */
const MOST_POINTS = 240;

/** `undefined` when the canary has no request in the whole recording. */
export function analyseRecording(recording: Recording, rule: Rule): Analysis | undefined {
  const first = recording.intervals.findIndex(({ observation }) => hasCanary(observation));
  const firstInterval = recording.intervals[first];
  const last = recording.intervals.at(-1);
  if (firstInterval === undefined || last === undefined) return undefined;
  const sinceMs = firstInterval.endMs - recording.intervalMs;
  const spec = specOf(recording, rule, sinceMs, last.endMs);
  const history = recording.intervals.slice(0, first).map(({ observation }) => observation);
  const judged = recording.intervals.slice(first);
  const every = Math.max(1, Math.ceil(judged.length / MOST_POINTS));
  let evidence = openEvidence(spec, new Map([[rule.metric, history]]));
  let verdict: StepVerdict | undefined;
  let decidedAtMs: number | undefined;
  const points: PicturePoint[] = [];
  const looks: Look[] = [];
  for (const [k, { endMs, weight, observation }] of judged.entries()) {
    const hadFailed = evidence.failed !== undefined;
    evidence = observe(evidence, { endMs, weight, step: 1, observations: new Map([[rule.metric, observation]]) });
    const isTurn = weight !== judged[k - 1]?.weight || (evidence.failed !== undefined && !hadFailed);
    if (k % every !== 0 && !isTurn && k < judged.length - 1) continue;
    verdict = judgeStep(evidence, spec, { revision: 'canary', attempt: 1, step: 1, weight, sinceMs, nowMs: endMs });
    if (verdict.outcome === 'Pass' || verdict.outcome === 'Fail') decidedAtMs ??= endMs;
    points.push(pointOf(verdict, endMs, weight));
    looks.push({ endMs, weight, verdict });
  }
  const metric = verdict?.metrics[0];
  if (verdict === undefined || metric === undefined) return undefined;
  return {
    verdict,
    metric,
    points,
    looks,
    historyIntervals: first,
    firstMs: sinceMs,
    lastMs: last.endMs,
    ...(decidedAtMs === undefined ? {} : { decidedAtMs }),
    picture: pictureOf(rule, spec, verdict, metric, points),
  };
}

function specOf(recording: Recording, rule: Rule, startMs: number, endMs: number): AnalysisRunSpec {
  const { metric, isCritical, preset, query } = rule;
  const spec = resolveOneMetric({
    metric,
    isCritical,
    analysis: { preset },
    ...(query === undefined ? {} : { query }),
  });
  const lengthMs = endMs - startMs;
  return {
    ...spec,
    rule: {
      ...spec.rule,
      // There are no retries to share it with.
      falseAbort: rule.falseAbort,
      intervalMs: recording.intervalMs,
      // A recording ends by itself: undecided at its end is the answer, whatever its length.
      atMostMs: Math.max(spec.rule.atMostMs, 2 * lengthMs),
      horizonMs: Math.max(spec.rule.horizonMs, lengthMs),
    },
    startedAt: new Date(startMs).toISOString(),
  };
}

function hasCanary(observation: Observation): boolean {
  if (observation.kind === 'skipped' || observation.kind === 'gauge') return observation.kind === 'gauge';
  const counts = observation.kind === 'proportion' ? observation.counts : observation.boundaries[0]?.counts;
  return (counts?.canary.total ?? 0) > 0;
}

/** The metric's own odds: those of the run stay at what they were when it failed. */
function pointOf({ metrics, ...run }: StepVerdict, endMs: number, weight: number): PicturePoint {
  const odds = metrics[0]?.odds ?? run.odds;
  const ratio = metrics[0]?.ratio;
  if (ratio === undefined) return { endMs, weight, odds };
  return {
    endMs,
    weight,
    odds,
    ratio: { low: ratio.interval.low, estimate: ratio.estimate, high: ratio.interval.high },
  };
}

/** Margins as ratios at stable's own rate: `ratio × stable + difference`. */
function pictureOf(
  rule: Rule,
  spec: AnalysisRunSpec,
  verdict: StepVerdict,
  metric: MetricVerdict,
  points: readonly PicturePoint[],
): Picture {
  const { pass, fail } = presetRule(rule.preset, rule.isCritical);
  const rate = metric.stable.total > 0 ? metric.stable.bad / metric.stable.total : 0;
  const atRate = (ratio: number, difference: number): number =>
    difference === 0 ? ratio : rate > 0 ? ratio + difference / rate : Infinity;
  const boundary = metric.boundaryMs === undefined ? '' : ` slower than ${metric.boundaryMs} ms`;
  return {
    title: `${rule.metric}${boundary}: ${verdict.outcome}`,
    says: verdict.says,
    points,
    failRatio: atRate(metric.failRatio, fail.difference),
    passRatio: atRate(pass.ratio, pass.difference),
    abortAtOdds: 1 / spec.rule.falseAbort,
    ...(verdict.failedAtMs === undefined ? {} : { failedAtMs: verdict.failedAtMs }),
  };
}
