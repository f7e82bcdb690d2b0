/** Which runs a poll is about, with everything it knows before it asks Prometheus: Release, remembered evidence, pods, openings. */
import type { AnalysisRun } from '../../api/analysis-run.ts';
import { TYPES } from '../../api/meta.ts';
import type { Release } from '../../api/release.ts';
import { openEvidence } from '../../judge/evidence.ts';
import type { ObjectCache } from '../../kube/cache.ts';
import { parseLedger, type PodLedger, updateLedger } from '../../metrics/ledger.ts';
import type { MetricSource } from '../../metrics/port.ts';
import { type Candidate, type DueRun, dueRun, firstStartMs } from './due.ts';
import { allLimited } from '../../metrics/limited.ts';
import type { EvidenceMemory } from './memory.ts';
import { type Opened, openRuns } from './opening.ts';
import type { PodReader } from './pods.ts';
import { isUnderAnalysis } from './status.ts';

/** What one process keeps of runs between polls; all of it can be found again. */
export interface RunNotes {
  readonly ledgers: Map<string, PodLedger>;
  /** Failed attempts to open. */
  readonly failures: Map<string, number>;
  /** Attempts to read or open, one after the other, that were cut short and so had no answer at all. */
  readonly cutShort: Map<string, number>;
  /** Polls in a row that ended before the run's turn, or during it. */
  readonly unread: Map<string, number>;
}

export interface GatherDeps {
  readonly cache: ObjectCache;
  readonly source: MetricSource;
  readonly memory: EvidenceMemory;
}

export interface GatherSettings {
  readonly mostCaughtUp: number;
  readonly concurrentQueries: number;
}

const CONCURRENT_LOADS = 64;
/**
 * A run whose history cannot be read in so many polls may start without it, and is uncalibrated. Most attempts still ask for it, because
 * a Prometheus that hung looks the same as a history that is too long.
 */
const MOST_CUT_SHORT = 10;
const WITHOUT_HISTORY_EVERY = 4;

/** Runs under analysis whose Release still speaks of them. */
export function listRuns(cache: ObjectCache): readonly AnalysisRun[] {
  // The API server has checked them against the schema.
  return (cache.list(TYPES.analysisRun) as unknown as readonly AnalysisRun[]).filter(isUnderAnalysis);
}

export async function gatherCandidates(
  deps: GatherDeps,
  notes: RunNotes,
  runs: readonly AnalysisRun[],
  pods: PodReader,
  instantMs: number,
  nowMs: number,
): Promise<readonly Candidate[]> {
  const candidates: Candidate[] = [];
  await allLimited(runs, CONCURRENT_LOADS, async (run) => {
    const release = releaseOf(deps.cache, run);
    const { intervalMs, warmUpMs } = run.spec.rule;
    if (release === undefined || instantMs % intervalMs !== 0) return;
    if (instantMs < firstStartMs(run.spec, intervalMs) + intervalMs) return;
    const remembered = await deps.memory.load(run);
    const ledger = ledgerOf(notes, run, release, pods, nowMs);
    const runPods = { namespace: run.metadata.namespace, arms: run.spec.arms, ledger, warmUpMs };
    candidates.push({ run, release, instantMs, remembered, pods: runPods });
  });
  return candidates.toSorted((a, b) => (a.run.metadata.uid < b.run.metadata.uid ? -1 : 1));
}

export async function openCandidates(
  deps: GatherDeps,
  notes: RunNotes,
  settings: GatherSettings,
  candidates: readonly Candidate[],
  instantMs: number,
  signal: AbortSignal,
): Promise<readonly DueRun[]> {
  const unopened = candidates.filter(({ remembered }) => remembered.evidence === undefined);
  const opened = new Map<string, Opened>();
  const openings = unopened.flatMap(({ run, pods }) => {
    const { uid } = run.metadata;
    const cutShort = notes.cutShort.get(uid) ?? 0;
    const isWithHistory = cutShort <= MOST_CUT_SHORT || cutShort % WITHOUT_HISTORY_EVERY > 0;
    if (isWithHistory) return [{ run, pods, failures: notes.failures.get(uid) ?? 0 }];
    opened.set(uid, { evidence: openEvidence(run.spec, new Map()) });
    return [];
  });
  const answered = await openRuns(deps.source, openings, instantMs, settings.concurrentQueries, signal);
  for (const [uid, result] of answered) opened.set(uid, result);
  for (const [uid, { trouble }] of opened) {
    if (trouble === undefined) notes.failures.delete(uid);
    else notes.failures.set(uid, (notes.failures.get(uid) ?? 0) + 1);
  }
  return candidates.flatMap((candidate) => {
    const { evidence } = candidate.remembered;
    const start = evidence === undefined ? opened.get(candidate.run.metadata.uid) : { evidence };
    return (start === undefined ? undefined : dueRun(candidate, start, settings.mostCaughtUp)) ?? [];
  });
}

function ledgerOf(notes: RunNotes, run: AnalysisRun, release: Release, pods: PodReader, nowMs: number): PodLedger {
  const { uid } = run.metadata;
  const known = notes.ledgers.get(uid) ?? parseLedger(run.status?.pods, nowMs);
  const alive = pods(release, run.spec, nowMs);
  const ledger = alive === undefined ? known : updateLedger(known, alive, nowMs);
  notes.ledgers.set(uid, ledger);
  return ledger;
}

function releaseOf(cache: ObjectCache, run: AnalysisRun): Release | undefined {
  const { namespace, name } = run.metadata;
  const ref = { type: TYPES.release, namespace, name: run.spec.release.name };
  const found = cache.get(ref) as unknown as Release | undefined; // checked by the API server
  if (found === undefined || found.metadata.uid !== run.spec.release.uid) return undefined;
  const { analysisRun, stepRuns } = found.status ?? {};
  return analysisRun === name || stepRuns?.at(-1) === name ? found : undefined;
}
