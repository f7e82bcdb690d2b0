/**
 * The poll job: at one grid instant, for all runs of one shard whose interval ends there, ask each distinct query once, turn answers
 * into evidence, evidence into verdicts, and tell the Releases whose verdict changed (contracts 26). Keyed `<instant, ms>/<shard>`.
 * Whatever it could not read, the next poll reads again. Two workers at the same instant come to the same end: evidence is
 * stored by compare-and-set, status over the version that was read.
 *
 *   runs due ─▶ remembered evidence ─▶ queries ─▶ readings ─▶ late scrapes again ─▶ evidence ─▶ verdict ─▶ status
 *
 * Runs that are new or far behind need long ranges. They come after the others, in the time that is left until the next instant.
 */
import type { AnalysisRun } from '../api/analysis-run.ts';
import type { Clock } from '../clock.ts';
import { messageOf, SerinError } from '../errors.ts';
import type { EvidenceStore } from '../evidence/port.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { KubeClient } from '../kube/port.ts';
import type { Log } from '../logger.ts';
import type { MetricSource } from '../metrics/port.ts';
import { type Asked, askAll, NOTHING_ASKED, type Question } from '../metrics/asking.ts';
import { divide, fullPace, workOff } from './analysis/backlog.ts';
import { conclude, type ObservedRun, type RunConcluded, urgentFirst } from './analysis/concluding.ts';
import { type Candidate, lateQuestionsOf, observeDue, questionsOf, readDue, type ReadRun } from './analysis/due.ts';
import { gatherCandidates, listRuns, openCandidates, type RunNotes } from './analysis/gathering.ts';
import { allLimited } from '../metrics/limited.ts';
import { createEvidenceMemory, type EvidenceMemory } from './analysis/memory.ts';
import { createPodReader, type WorkloadOf } from './analysis/pods.ts';
import { countingCuts, cutShortLast, starvedRuns } from './analysis/starved.ts';
import { spread } from './analysis/status.ts';

/** What one poll did, for metrics and logs. */
export interface PollMeasure {
  readonly instantMs: number;
  /** From the grid instant to the start of the job. */
  readonly latenessMs: number;
  /** From the start of the job to the last verdict of the runs that it does not do in the time that is left. */
  readonly durationMs: number;
  readonly runs: number;
  readonly queries: number;
  readonly failedQueries: number;
  /** Series in all answers. */
  readonly series: number;
  readonly intervals: number;
  /** Intervals of earlier instants that were read again by range. */
  readonly caughtUp: number;
  readonly lateScrapes: number;
  readonly statusWrites: number;
  readonly changedVerdicts: number;
}

export interface PollDeps {
  readonly cache: ObjectCache;
  readonly kube: Pick<KubeClient, 'get' | 'patch'>;
  readonly source: MetricSource;
  readonly evidence: EvidenceStore;
  readonly workloadOf: WorkloadOf;
  /** Asks for a reconcile of `<namespace>/<name>`; an urgent one takes a canary back. */
  readonly enqueue: (releaseKey: string, isUrgent: boolean) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly onPoll?: (measure: PollMeasure) => void;
}

export interface PollSettings {
  readonly gridMs: number;
  /** Jobs per instant; must be what the schedule uses. */
  readonly shards: number;
  /** Most intervals that are read again after an outage; older ones count as missing. */
  readonly mostCaughtUp?: number;
  /** Queries under way at once. */
  readonly concurrentQueries?: number;
}

const MOST_CAUGHT_UP = 360;
const CONCURRENT_QUERIES = 4;
const CONCURRENT_WRITES = 32;
/** Polls older than this many grids are left to the newer ones that wait behind them. */
const STALE_GRIDS = 6;

export function createPoll(
  deps: PollDeps,
  settings: PollSettings,
): (key: string, signal: AbortSignal) => Promise<number | undefined> {
  const memory = createEvidenceMemory(deps.evidence, deps.log);
  const notes: RunNotes = { ledgers: new Map(), failures: new Map(), cutShort: new Map(), unread: new Map() };
  const mostCaughtUp = settings.mostCaughtUp ?? MOST_CAUGHT_UP;
  const concurrentQueries = settings.concurrentQueries ?? CONCURRENT_QUERIES;
  const pace = fullPace(mostCaughtUp);
  const tooMany = new Map<string, number>();

  return async (key, signal) => {
    const { instantMs, shard } = parseKey(key);
    const startMs = deps.clock.nowMs();
    if (startMs - instantMs > STALE_GRIDS * settings.gridMs) return undefined;
    const active = listRuns(deps.cache);
    await forgetFinished(memory, notes, active);
    const mine = active.filter((run) => spread(run.metadata.uid, settings.shards) === shard);
    const pods = createPodReader(deps.cache, deps.workloadOf);
    const gather = { ...deps, memory };
    const candidates = await gatherCandidates(gather, notes, mine, pods, instantMs, startMs);
    const [prompt, backlog] = divide(candidates);

    const judged: Judged[] = [];
    const judge = async (batch: readonly Candidate[], intervals: number, askSignal: AbortSignal): Promise<void> => {
      const limits = { mostCaughtUp: intervals, concurrentQueries };
      const due = await openCandidates(gather, notes, limits, batch, instantMs, askSignal);
      const ask = (questions: readonly Question[]): Promise<Asked> =>
        askAll(deps.source, questions, concurrentQueries, askSignal, { tooMany });
      const asked = await ask(due.flatMap(questionsOf));
      const read = due.map((run) => readDue(run, asked));
      for (const { due: run, readings } of read) {
        if (readings !== undefined) notes.ledgers.set(run.run.metadata.uid, readings.ledger);
      }
      const again = await ask(read.flatMap(lateQuestionsOf));
      const concluded = await concludeAll(deps, memory, observeAll(deps.log, read, again), signal);
      judged.push({ asked, again, concluded, uids: batch.map(({ run }) => run.metadata.uid) });
    };
    await judge(prompt, mostCaughtUp, signal);
    const promptMs = deps.clock.nowMs() - startMs;
    // Never less than a part of the grid, or the backlog of a service that is always late would only grow.
    const untilMs = Math.max(instantMs + settings.gridMs, deps.clock.nowMs() + settings.gridMs / 5);
    const left = { clock: deps.clock, untilMs, signal };
    const isCut = await workOff(cutShortLast(notes, backlog), pace, left, (batch, intervals, askSignal) =>
      countingCuts(notes, batch, () => judge(batch, intervals, askSignal)),
    );
    const isRead = new Set(judged.flatMap(({ uids }) => uids));
    const starved = starvedRuns(notes, candidates, isRead, isCut).map((run) => readDue(run, NOTHING_ASKED));
    await concludeAll(deps, memory, observeAll(deps.log, starved, NOTHING_ASKED), signal);

    deps.onPoll?.({ instantMs, latenessMs: startMs - instantMs, durationMs: promptMs, ...measureOf(judged) });
    return undefined;
  };
}

interface Judged {
  readonly asked: Asked;
  readonly again: Asked;
  readonly concluded: readonly RunConcluded[];
  /** Of the runs that were read, or said to have trouble. */
  readonly uids: readonly string[];
}

type Totals = Omit<PollMeasure, 'instantMs' | 'latenessMs' | 'durationMs'>;

function measureOf(judged: readonly Judged[]): Totals {
  const sum = <T>(items: readonly T[], pick: (item: T) => number): number =>
    items.reduce((total, item) => total + pick(item), 0);
  const answers = judged.flatMap(({ asked, again }) => [asked, again]);
  const concluded = judged.flatMap((each) => each.concluded);
  return {
    runs: concluded.length,
    queries: sum(answers, ({ queries }) => queries),
    failedQueries: sum(answers, ({ failed }) => failed),
    series: sum(answers, ({ series }) => series),
    intervals: sum(concluded, ({ intervals }) => intervals),
    caughtUp: sum(concluded, ({ intervals }) => Math.max(0, intervals - 1)),
    lateScrapes: sum(concluded, ({ lateScrapes }) => lateScrapes),
    statusWrites: sum(concluded, ({ isWritten }) => Number(isWritten)),
    changedVerdicts: sum(concluded, ({ isChanged }) => Number(isChanged)),
  };
}

/** Those that cannot be observed are reported and left out. */
function observeAll(log: Log, runs: readonly ReadRun[], again: Asked): readonly ObservedRun[] {
  return runs.flatMap((read) => {
    try {
      return [{ read, observed: observeDue(read, again) }];
    } catch (thrown) {
      reportFailure(log, read.due.run, thrown);
      return [];
    }
  });
}

async function concludeAll(
  deps: PollDeps,
  memory: EvidenceMemory,
  runs: readonly ObservedRun[],
  signal: AbortSignal,
): Promise<readonly RunConcluded[]> {
  const concluded: RunConcluded[] = [];
  await allLimited(urgentFirst(runs), CONCURRENT_WRITES, async (run) => {
    try {
      concluded.push(await conclude({ ...deps, memory }, run, signal));
    } catch (thrown) {
      signal.throwIfAborted();
      reportFailure(deps.log, run.read.due.run, thrown);
    }
  });
  return concluded;
}

/** One broken run must not keep the others from being judged; it is tried again at the next poll. */
function reportFailure(log: Log, run: AnalysisRun, thrown: unknown): void {
  const { namespace, name } = run.metadata;
  log.error(
    { namespace, run: name, reason: messageOf(thrown), err: thrown },
    'A run could not be judged at this poll.',
  );
}

async function forgetFinished(memory: EvidenceMemory, notes: RunNotes, active: readonly AnalysisRun[]): Promise<void> {
  const uids = new Set(active.map((run) => run.metadata.uid));
  await memory.forgetAllBut(uids);
  for (const kept of [notes.ledgers, notes.failures, notes.cutShort, notes.unread]) {
    for (const uid of kept.keys()) if (!uids.has(uid)) kept.delete(uid);
  }
}

function parseKey(key: string): { readonly instantMs: number; readonly shard: number } {
  const [, instant, shard] = /^(\d{1,15})\/(\d{1,4})$/.exec(key) ?? [];
  if (instant === undefined || shard === undefined) {
    throw new SerinError(
      'SERIN_E_USAGE',
      `The poll key ${key.slice(0, 40)} is not <instant, ms>/<shard>. It is dropped.`,
    );
  }
  return { instantMs: Number(instant), shard: Number(shard) };
}
