/** A recording → its verdict, and what was known after each interval. The same judge as in a release, asked at every interval. Pure. */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import { observe, openEvidence } from '../../judge/evidence.ts';
import { judgeStep } from '../../judge/judge-step.ts';
import type { Observation } from '../../judge/observation.ts';
import type { Preset } from '../../judge/preset.ts';
import type { Picture } from '../../judge/render-svg.ts';
import type { MetricVerdict, StepVerdict } from '../../judge/verdict.ts';
import type { Look } from '../replay/replay-run.ts';
import type { Recording } from './recording.ts';
import { pictureOfLooks } from '../replay/render.ts';
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
  const looks: Look[] = [];
  for (const [k, { endMs, weight, observation }] of judged.entries()) {
    const hadFailed = evidence.failed !== undefined;
    evidence = observe(evidence, { endMs, weight, step: 1, observations: new Map([[rule.metric, observation]]) });
    const isTurn = weight !== judged[k - 1]?.weight || (evidence.failed !== undefined && !hadFailed);
    if (k % every !== 0 && !isTurn && k < judged.length - 1) continue;
    verdict = judgeStep(evidence, spec, { revision: 'canary', attempt: 1, step: 1, weight, sinceMs, nowMs: endMs });
    if (verdict.outcome === 'Pass' || verdict.outcome === 'Fail') decidedAtMs ??= endMs;
    looks.push({ endMs, weight, verdict });
  }
  const metric = verdict?.metrics[0];
  const picture = pictureOfLooks(looks, rule.metric);
  if (verdict === undefined || metric === undefined || picture === undefined) return undefined;
  return {
    verdict,
    metric,
    looks,
    historyIntervals: first,
    firstMs: sinceMs,
    lastMs: last.endMs,
    ...(decidedAtMs === undefined ? {} : { decidedAtMs }),
    picture,
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
      // A recording ends by itself, and has no steps: undecided at its end is the answer, and nothing that is left is too short.
      atMostMs: Number.MAX_SAFE_INTEGER,
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
