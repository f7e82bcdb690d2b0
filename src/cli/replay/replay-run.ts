/**
 * A run judged once more from what Prometheus kept: the same queries, readers, history and judge as the poll job, every interval
 * looked at. Pods, spec and interval come from the run itself.
 */
import type { AnalysisRun } from '../../api/analysis-run.ts';
import type { Release } from '../../api/release.ts';
import { dueRun, observeDue, questionsOf, readDue, troubleOf } from '../../controller/analysis/due.ts';
import { openRuns } from '../../controller/analysis/opening.ts';
import { verdictOf } from '../../controller/analysis/verdict.ts';
import { SerinError } from '../../errors.ts';
import { parseEvidence } from '../../judge/checkpoint.ts';
import { type RunEvidence, observe } from '../../judge/evidence.ts';
import type { StepVerdict } from '../../judge/verdict.ts';
import { askAll } from '../../metrics/asking.ts';
import { parseLedger } from '../../metrics/ledger.ts';
import { type Measured, weightAt } from '../../metrics/observing.ts';
import type { MetricSource } from '../../metrics/port.ts';

/** One interval, and what the judge said after it. */
export interface Look {
  readonly endMs: number;
  readonly weight: number;
  readonly verdict: StepVerdict;
}

export interface Replay {
  readonly run: AnalysisRun;
  readonly looks: readonly Look[];
  readonly measured: readonly Measured[];
  readonly evidence: RunEvidence;
  readonly notes: readonly string[];
}

type Weights = NonNullable<NonNullable<Release['status']>['weights']>;
const QUERIES_AT_ONCE = 2;

export async function replayRun(
  run: AnalysisRun,
  release: Release | undefined,
  source: MetricSource,
  signal: AbortSignal,
): Promise<Replay> {
  const endMs = Date.parse(run.status?.intervalEnd ?? '');
  if (Number.isNaN(endMs)) throw usage(`${run.metadata.name} has no status.intervalEnd: nothing was judged in it yet.`);
  if ((run.status?.pods ?? []).length === 0)
    throw usage(`${run.metadata.name} has no status.pods, so nobody knows which pods were on which side.`);
  const intervalMs = intervalOf(run);
  const known = { ...run, spec: { ...run.spec, rule: { ...run.spec.rule, intervalMs } } };
  const { weights, notes: weightNotes } = weightsOf(run, release);
  // What a web service or a Job said then cannot be asked again.
  const { measures = [], ...comparisons } = known.spec;
  const names = measures.map(({ name }) => name).join(', ');
  const notes =
    measures.length === 0 ? weightNotes : [...weightNotes, `Only comparisons are judged again, not ${names}.`];
  const steered = withWeights(run, release, weights);
  const { arms, rule, startedAt } = known.spec;
  const pods = {
    namespace: run.metadata.namespace,
    arms,
    ledger: parseLedger(run.status?.pods, Date.parse(startedAt)),
    warmUpMs: rule.warmUpMs,
  };
  const firstPollMs = Math.ceil(Date.parse(startedAt) / intervalMs + 1) * intervalMs;
  const openings = [{ run: known, pods, failures: 0 }];
  const opened = (await openRuns(source, openings, firstPollMs, QUERIES_AT_ONCE, signal)).get(run.metadata.uid);
  if (opened === undefined) throw new TypeError('a run that was opened is not there');
  const remembered = { storedEndMs: 0, receipts: {} };
  const due = dueRun({ run: known, release: steered, instantMs: endMs, remembered, pods }, opened, MOST_INTERVALS);
  if (due === undefined || opened.trouble !== undefined) {
    const why = opened.trouble?.unavailable ?? opened.trouble?.finding?.message ?? 'its interval has changed';
    throw new SerinError('SERIN_E_PROMETHEUS', `${run.metadata.name} cannot be read again: ${why}`);
  }
  const asked = await askAll(source, questionsOf(due), QUERIES_AT_ONCE, signal);
  const read = readDue(due, asked);
  const observed = observeDue(read, asked);
  const { unavailable, finding } = troubleOf(read, observed, observed?.evidence ?? due.evidence);
  if (observed === undefined || unavailable !== undefined || finding !== undefined) {
    throw new SerinError(
      'SERIN_E_PROMETHEUS',
      `${run.metadata.name} cannot be read again: ${unavailable ?? finding?.message ?? 'there is no interval in it.'}`,
    );
  }
  let evidence = due.evidence;
  const looks = observed.measured.map(({ endMs: atMs, weight, observations }): Look => {
    const { step } = weightAt(weights, atMs - intervalMs);
    evidence = observe(evidence, { endMs: atMs, weight, step, observations });
    const moment = { nowMs: atMs, instantMs: atMs };
    const verdict = verdictOf(evidence, comparisons, at(steered, weights, atMs), moment, { isBehind: false });
    return { endMs: atMs, weight, verdict };
  });
  return { run: known, looks, measured: observed.measured, evidence, notes };
}

/** Prometheus answers at most 11 000 points a series; no run is longer. */
const MOST_INTERVALS = 10_000;

/** As it was observed when the run was opened, which its checkpoint knows. */
function intervalOf({ status, spec }: AnalysisRun): number {
  if (status?.checkpoint === undefined) return spec.rule.intervalMs;
  try {
    return parseEvidence(status.checkpoint).intervalMs;
  } catch {
    return spec.rule.intervalMs;
  }
}

/** The Release knows since when which weight was in force; without it the newest intervals of the run do. */
function weightsOf(
  run: AnalysisRun,
  release: Release | undefined,
): { readonly weights: Weights; readonly notes: readonly string[] } {
  const kept = release?.status?.weights ?? [];
  if (kept.length > 0 && release?.status?.analysisRun === run.metadata.name) return { weights: kept, notes: [] };
  const measurements = (run.status?.measurements ?? []) as readonly {
    readonly end?: unknown;
    readonly weight?: unknown;
  }[];
  const weights: { since: string; weight: number; step: number }[] = [];
  for (const { weight } of measurements) {
    if (typeof weight !== 'number' || weight === weights.at(-1)?.weight) continue;
    weights.push({ since: run.spec.startedAt, weight, step: weights.length + 1 });
  }
  let seen = 0;
  for (const [k, { end, weight }] of measurements.entries()) {
    if (k === 0 || weight === measurements[k - 1]?.weight || typeof end !== 'string') continue;
    const intervalMs = intervalOf(run);
    const entry = weights[++seen];
    if (entry !== undefined) entry.since = new Date(Date.parse(end) - intervalMs).toISOString();
  }
  if (weights.length === 0)
    throw usage(`${run.metadata.name} keeps no weights. Give its Release too, in the same file.`);
  return {
    weights,
    notes: [
      'The weights come from the newest intervals that the run keeps; before them the oldest of these is taken. Its Release, in the same file, would know them all.',
    ],
  };
}

function withWeights(run: AnalysisRun, release: Release | undefined, weights: Weights): Release {
  const named: Release = release ?? {
    apiVersion: run.apiVersion,
    kind: 'Release',
    metadata: { ...run.metadata, name: run.spec.release.name, generation: 1 },
    spec: { workload: {}, strategy: {} } as Release['spec'], // only its steps' times are looked at, and it has none
  };
  return { ...named, status: { ...(named.status as NonNullable<Release['status']>), weights } };
}

/** The Release as it was at that moment, as far as the judge looks at it. */
function at(release: Release, weights: Weights, atMs: number): Release {
  const past = weights.filter(({ since }) => Date.parse(since) < atMs);
  const last = past.at(-1);
  const status = release.status as NonNullable<Release['status']>; // was just made
  const step = { index: last?.step ?? 0, of: 0, since: last?.since ?? '', waitingFor: 'judge' as const };
  return { ...release, status: { ...status, weights: past, weight: last?.weight ?? 0, step } };
}

function usage(message: string): SerinError {
  return new SerinError('SERIN_E_USAGE', `${message} Give a run that was under analysis.`);
}
