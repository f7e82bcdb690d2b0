/** An AnalysisRun as the decision sees it. Its verdict was written by another process: it is parsed, not believed. */
import { at, numberAt, stringAt, timeAt } from '../api/fields.ts';
import type { KubeObject } from '../api/meta.ts';
import type { Release } from '../api/release.ts';
import type { Outcome, StepVerdict } from '../judge/verdict.ts';
import type { RunState } from '../release/observed.ts';

const OUTCOMES: ReadonlySet<string> = new Set<Outcome>(['Pass', 'Fail', 'Inconclusive', 'Continue']);

/** `undefined` for a run of another Release of the same name. */
export function runStateOf(run: KubeObject | undefined, release: Release): RunState | undefined {
  if (run === undefined || stringAt(run, 'spec', 'release', 'uid') !== release.metadata.uid) return undefined;
  const phase = stringAt(run, 'status', 'phase');
  const startedAtMs = timeAt(run, 'spec', 'startedAt') ?? 0;
  const isLeftOver = startedAtMs < Date.parse(release.status?.startedAt ?? '1970-01-01T00:00:00Z');
  const verdict = parseVerdict(at(run, 'status', 'verdict'));
  const share = numberAt(run, 'spec', 'rule', 'share');
  return {
    name: run.metadata.name,
    isFinished:
      isLeftOver || (phase !== undefined && phase !== 'Running') || run.metadata.deletionTimestamp !== undefined,
    ...(share === undefined ? {} : { share }),
    ...(verdict === undefined ? {} : { verdict }),
  };
}

/** `undefined` unless every field that decides is there and of its type: half a verdict decides nothing. */
export function parseVerdict(value: unknown): StepVerdict | undefined {
  const outcome = stringAt(value, 'outcome');
  const revision = stringAt(value, 'revision');
  const [attempt, step, weight] = [numberAt(value, 'attempt'), numberAt(value, 'step'), numberAt(value, 'weight')];
  const intervalEndMs = numberAt(value, 'intervalEndMs');
  if (outcome === undefined || !OUTCOMES.has(outcome) || revision === undefined || intervalEndMs === undefined)
    return undefined;
  if (attempt === undefined || step === undefined || weight === undefined) return undefined;
  const [metric, blindSinceMs, etaMs] = [
    stringAt(value, 'metric'),
    numberAt(value, 'blindSinceMs'),
    numberAt(value, 'etaMs'),
  ];
  const metrics = at(value, 'metrics');
  const split = splitIn(value);
  return {
    outcome: outcome as Outcome, // one of OUTCOMES
    revision,
    attempt,
    step,
    weight,
    intervalEndMs,
    reason: stringAt(value, 'reason') ?? outcome,
    says: stringAt(value, 'says') ?? '',
    odds: numberAt(value, 'odds') ?? 0,
    abortAtOdds: numberAt(value, 'abortAtOdds') ?? Number.POSITIVE_INFINITY,
    hadEnoughData: at(value, 'hadEnoughData') === true,
    ...(metric === undefined ? {} : { metric }),
    ...(blindSinceMs === undefined ? {} : { blindSinceMs }),
    ...(etaMs === undefined ? {} : { etaMs }),
    ...(split === undefined ? {} : { split }),
    metrics: Array.isArray(metrics) ? (metrics as StepVerdict['metrics']) : [], // only shown, never decided on
  };
}

function splitIn(verdict: unknown): StepVerdict['split'] {
  const [canary, stable] = [numberAt(verdict, 'split', 'canary'), numberAt(verdict, 'split', 'stable')];
  return canary === undefined || stable === undefined ? undefined : { canary, stable };
}
