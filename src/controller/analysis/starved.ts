/**
 * Runs of the backlog that poll after poll could not be read, because Prometheus hangs or is too slow for what they need. Nothing answered
 * for them, not even with an error, so the run itself must say that it is blind: silence would look like judging.
 */
import { openEvidence } from '../../judge/evidence.ts';
import type { Candidate, DueRun } from './due.ts';
import type { RunNotes } from './gathering.ts';

/** So many polls in a row, when this poll's reading was cut short as well. */
const MOST_UNREAD = 3;
/** So many when reading goes on, only not fast enough for all. */
const MOST_WAITING = 12;

/** Those whose reading was cut short come last: a query that never ends must not keep others waiting. */
export function cutShortLast(notes: RunNotes, backlog: readonly Candidate[]): readonly Candidate[] {
  const timesOf = ({ run }: Candidate): number => notes.cutShort.get(run.metadata.uid) ?? 0;
  return backlog.toSorted((a, b) => timesOf(a) - timesOf(b));
}

/** Does the work, and keeps count of the runs for which it did not come to its end. */
export async function countingCuts(
  notes: RunNotes,
  batch: readonly Candidate[],
  work: () => Promise<void>,
): Promise<void> {
  const { cutShort } = notes;
  for (const { run } of batch) cutShort.set(run.metadata.uid, (cutShort.get(run.metadata.uid) ?? 0) + 1);
  await work();
  for (const { run } of batch) cutShort.delete(run.metadata.uid);
}

/** Of the runs of this poll those that have been starved for too long, ready to be concluded without any reading. */
export function starvedRuns(
  notes: RunNotes,
  candidates: readonly Candidate[],
  read: ReadonlySet<string>,
  isCut: boolean,
): readonly DueRun[] {
  const { unread } = notes;
  return candidates.flatMap((candidate) => {
    const { uid } = candidate.run.metadata;
    if (read.has(uid)) {
      unread.delete(uid);
      return [];
    }
    const polls = (unread.get(uid) ?? 0) + 1;
    unread.set(uid, polls);
    return polls < (isCut ? MOST_UNREAD : MOST_WAITING) ? [] : [starved(candidate)];
  });
}

function starved(candidate: Candidate): DueRun {
  const { run, remembered } = candidate;
  const { intervalMs } = run.spec.rule;
  return {
    ...candidate,
    evidence: remembered.evidence ?? openEvidence(run.spec, new Map()),
    ends: [],
    span: { intervalMs, lookbackMs: 0 },
    openTrouble: { unavailable: 'Prometheus has not answered in time for several polls.', isBehind: true },
  };
}
