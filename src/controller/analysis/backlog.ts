/**
 * Runs that need long ranges: new ones, whose history is read, and those far behind after an outage. They must not delay the others, so
 * they are done in batches, in the time that is left until the next poll. What is not done by then is cancelled, and the next batches
 * are smaller. What a batch has read is kept, so that no outage is too long and no Prometheus too slow to come to an end.
 */
import type { Clock } from '../../clock.ts';
import type { Candidate } from './due.ts';
import { firstStartMs } from './due.ts';

/** Runs that lag no more than this many intervals are asked for together with those that are up to date. */
const PROMPT_INTERVALS = 6;
const MOST_RUNS = 20;

/** How much is done at once; kept from poll to poll. */
export interface Pace {
  runs: number;
  intervals: number;
  readonly mostIntervals: number;
}

export const fullPace = (mostIntervals: number): Pace => ({ runs: MOST_RUNS, intervals: mostIntervals, mostIntervals });

/** Those that are judged at once, and the others: the most urgent first, which are those that were judged before. */
export function divide(candidates: readonly Candidate[]): readonly [readonly Candidate[], readonly Candidate[]] {
  const prompt: Candidate[] = [];
  const lagging: Candidate[] = [];
  const unopened: Candidate[] = [];
  for (const candidate of candidates) {
    const { evidence } = candidate.remembered;
    // Nothing is read for a run without comparisons, so it never waits for the others.
    if (candidate.run.spec.metrics.length === 0) prompt.push(candidate);
    else if (evidence === undefined) unopened.push(candidate);
    else (lagOf(candidate, evidence) > PROMPT_INTERVALS ? lagging : prompt).push(candidate);
  }
  return [prompt, [...lagging, ...unopened]];
}

function lagOf(
  { run, instantMs }: Candidate,
  { endMs, intervalMs }: NonNullable<Candidate['remembered']['evidence']>,
): number {
  return (instantMs - Math.max(endMs, firstStartMs(run.spec, intervalMs))) / intervalMs;
}

export interface TimeLeft {
  readonly clock: Clock;
  readonly untilMs: number;
  readonly signal: AbortSignal;
}

/** Works batch by batch until all are done or the time is up. True: a batch was cut short. Rejects only when the signal aborts, or `work` does. */
export async function workOff<T>(
  items: readonly T[],
  pace: Pace,
  { clock, untilMs, signal }: TimeLeft,
  work: (batch: readonly T[], intervals: number, signal: AbortSignal) => Promise<void>,
): Promise<boolean> {
  if (items.length === 0) return false;
  const done = new AbortController();
  const late = new AbortController();
  const stop = AbortSignal.any([signal, done.signal]);
  void clock.sleep(Math.max(0, untilMs - clock.nowMs()), stop).then(
    () => late.abort(),
    () => undefined,
  );
  try {
    for (let at = 0; at < items.length && clock.nowMs() < untilMs; ) {
      const batch = items.slice(at, at + pace.runs);
      await work(batch, pace.intervals, AbortSignal.any([signal, late.signal]));
      at += batch.length;
      pace.runs = Math.min(MOST_RUNS, 2 * pace.runs);
      pace.intervals = Math.min(pace.mostIntervals, 2 * pace.intervals);
    }
    return false;
  } catch (thrown) {
    if (signal.aborted || !late.signal.aborted) throw thrown;
    // A single run is as few as there can be: then fewer of its intervals, the newest.
    if (pace.runs === 1) pace.intervals = Math.max(PROMPT_INTERVALS, Math.floor(pace.intervals / 2));
    pace.runs = Math.max(1, Math.floor(pace.runs / 2));
    return true;
  } finally {
    done.abort();
  }
}
