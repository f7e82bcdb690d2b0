/** The end of a run's poll: evidence is stored, the verdict taken, the status written, and the Release told of news. */
import type { AnalysisRun } from '../../api/analysis-run.ts';
import { numberAt, sameJson } from '../../api/fields.ts';
import { TYPES } from '../../api/meta.ts';
import type { Clock } from '../../clock.ts';
import { SerinError } from '../../errors.ts';
import type { KubeClient } from '../../kube/port.ts';
import { type ReadRun, specOf, troubleOf } from './due.ts';
import type { StepVerdict } from '../../judge/verdict.ts';
import type { EvidenceMemory } from './memory.ts';
import type { RunObserved } from '../../metrics/observing.ts';
import { resultsOf } from '../measure/measuring.ts';
import { isDue, isNews, isUnderAnalysis, type RunReport, statusPatch } from './status.ts';
import { verdictOf } from './verdict.ts';

/** Whoever measures writes the same status, and a verdict must not wait for the next poll, and the one after that. */
const MOST_TRIES = 3;

export interface ConcludeDeps {
  readonly kube: Pick<KubeClient, 'get' | 'patch'>;
  readonly memory: EvidenceMemory;
  readonly enqueue: (releaseKey: string, isUrgent: boolean) => Promise<void>;
  readonly clock: Clock;
}

export interface RunConcluded {
  readonly intervals: number;
  readonly lateScrapes: number;
  readonly isWritten: boolean;
  /** The verdict says something else than before. */
  readonly isChanged: boolean;
}

/** A run with what this poll adds to its evidence. */
export interface ObservedRun {
  readonly read: ReadRun;
  /** Absent when there is nothing to add. */
  readonly observed: RunObserved | undefined;
}

/** A canary that is to be taken back does not wait until a thousand others have been told that they go on. */
export function urgentFirst(runs: readonly ObservedRun[]): readonly ObservedRun[] {
  const isUrgent = ({ observed }: ObservedRun): boolean => observed?.evidence.failed !== undefined;
  return [...runs.filter(isUrgent), ...runs.filter((run) => !isUrgent(run))];
}

export async function conclude(
  deps: ConcludeDeps,
  { read, observed }: ObservedRun,
  signal: AbortSignal,
): Promise<RunConcluded> {
  const { due } = read;
  const { run, release } = due;
  let { evidence } = due;
  if (observed !== undefined) {
    const isStored = await deps.memory.save(run, due.remembered, observed.evidence, observed.receipts);
    // Somebody else was faster: what they stored decides.
    evidence = isStored ? observed.evidence : ((await deps.memory.load(run)).evidence ?? observed.evidence);
  }
  const trouble = troubleOf(read, observed, evidence);
  const moment = { nowMs: deps.clock.nowMs(), instantMs: due.instantMs };
  const counted = { intervals: observed?.measured.length ?? 0, lateScrapes: observed?.lateScrapes ?? 0 };
  const said = {
    evidence,
    ledger: read.readings?.ledger ?? due.pods.ledger,
    queries: read.answers.map(({ expression }) => expression),
    measured: observed?.measured ?? [],
    leftOut: sayLeftOut(observed),
  };
  let present: AnalysisRun = run;
  for (let tries = 1; ; tries++) {
    // What was measured meanwhile has its say in it.
    const results = resultsOf(present);
    const verdict = verdictOf(evidence, specOf(run, evidence), release, moment, trouble, results, isOfStep(due));
    const isChanged = isNews(present, verdict);
    if (!isChanged && !isDue(present, evidence, verdict)) return { ...counted, isWritten: false, isChanged: false };
    const isWritten = await write(deps.kube, present, { ...said, verdict }, signal);
    if (isWritten && isChanged)
      await deps.enqueue(`${run.metadata.namespace}/${run.spec.release.name}`, verdict.outcome === 'Fail');
    const fresh = isWritten || tries === MOST_TRIES ? undefined : await openAgain(deps.kube, present, verdict, signal);
    if (fresh === undefined) return { ...counted, isWritten, isChanged };
    present = fresh;
  }
}

/** The run as it is now, if it goes on and nobody has said as much of it meanwhile. */
async function openAgain(
  kube: ConcludeDeps['kube'],
  before: AnalysisRun,
  { intervalEndMs }: StepVerdict,
  signal: AbortSignal,
): Promise<AnalysisRun | undefined> {
  const { namespace, name, uid } = before.metadata;
  const object = await kube.get({ type: TYPES.analysisRun, namespace, name }, signal);
  const fresh = object as unknown as AnalysisRun | undefined; // checked by the API server
  if (fresh === undefined || fresh.metadata.uid !== uid || !isUnderAnalysis(fresh)) return undefined;
  const said = fresh.status?.verdict;
  const isOlder = (numberAt(said, 'intervalEndMs') ?? 0) < intervalEndMs;
  return isOlder || sameJson(said, before.status?.verdict) ? fresh : undefined;
}

const isOfStep = ({ run, release }: ReadRun['due']): boolean => release.status?.analysisRun !== run.metadata.name;

function sayLeftOut(observed: RunObserved | undefined): string {
  if (observed === undefined) return '';
  const { unknown, implausible } = observed.leftOut;
  return say(unknown, 'of neither side') + say(implausible, 'a counter jumped and no restart explains it');
}

function say(pods: readonly string[], why: string): string {
  if (pods.length === 0) return '';
  const more = pods.length > 3 ? ` and ${pods.length - 3} more` : '';
  return ` Left out: ${pods.slice(0, 3).join(', ')}${more} (${why}).`;
}

async function write(
  kube: ConcludeDeps['kube'],
  run: AnalysisRun,
  report: RunReport,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await kube.patch(statusPatch(run, report), signal);
    return true;
  } catch (thrown) {
    // It changed or went since it was read.
    const code = thrown instanceof SerinError ? thrown.code : undefined;
    if (code === 'SERIN_E_CONFLICT' || code === 'SERIN_E_NOT_FOUND') return false;
    throw thrown;
  }
}
