/**
 * What only the leader does: turn changes, time and the poll grid into jobs. Jobs say when to look and nothing else;
 * whatever is lost here comes back with the next resync. While the queue's store is away, the leader does them itself.
 */
import { TYPES } from '../api/meta.ts';
import type { Clock } from '../clock.ts';
import type { ObjectCache } from '../kube/cache.ts';
import type { Log } from '../logger.ts';
import type { WorkQueue } from '../queue/port.ts';
import { listRuns } from './analysis/gathering.ts';
import { isRelevantChange } from './change.ts';
import { nextTick } from './grid.ts';
import { createReferenceIndex, keyOfRelease } from './references.ts';

export interface ScheduleDeps {
  readonly cache: ObjectCache;
  /** Keys are `<namespace>/<name>` of Releases. */
  readonly reconcile: WorkQueue;
  /** Keys are `<grid instant, ms>/<shard>`. */
  readonly poll: WorkQueue;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  readonly onDropped?: (polls: number) => void;
}

export interface ScheduleSettings {
  readonly gridMs: number;
  /** How long after an instant its poll starts: the time a scrape may take to be stored. */
  readonly lagMs: number;
  /** Shards of a poll: jobs per instant. */
  readonly shards: number;
  /** Every Release is looked at this often, whatever happens. */
  readonly resyncMs: number;
}

/** Changes are gathered this long, so that a rollout's burst of pods is one job. */
const GATHER_MS = 10;
const RESYNC_SLICES = 25;

/** Runs until the signal aborts; never rejects. */
export async function runSchedule(deps: ScheduleDeps, settings: ScheduleSettings, signal: AbortSignal): Promise<void> {
  const changes = followChanges(deps, signal);
  await Promise.all([resync(deps, settings, signal), pollGrid(deps, settings, signal)]);
  await changes();
}

/** Enqueues the Releases that a change is about. Returns the function that ends it and waits for what is under way. */
function followChanges(deps: ScheduleDeps, signal: AbortSignal): () => Promise<void> {
  const { cache, clock } = deps;
  const index = createReferenceIndex();
  const pending = new Set<string>();
  let flushing: Promise<void> | undefined;

  const flush = async (): Promise<void> => {
    await clock.sleep(GATHER_MS, signal).catch(() => undefined);
    flushing = undefined;
    const keys = [...pending];
    pending.clear();
    await enqueueAll(deps, keys);
  };

  const unsubscribe = cache.subscribe((event, object, previous) => {
    if (object.kind === TYPES.release.kind && event !== 'deleted') index.put(object);
    if (isRelevantChange(event, object, previous)) {
      for (const key of index.releasesOf(object)) pending.add(key);
      // The old spec may have claimed something that a rival now gets.
      if (object.kind === TYPES.release.kind && previous !== undefined) {
        for (const key of index.releasesOf(previous)) pending.add(key);
      }
    }
    if (object.kind === TYPES.release.kind && event === 'deleted') index.remove(object);
    if (pending.size > 0) flushing ??= flush();
  });
  for (const release of cache.list(TYPES.release)) index.put(release);
  return async () => {
    unsubscribe();
    await flushing;
  };
}

/** All at once when leadership begins, then spread over a quarter of the time, in an order that differs each time. */
async function resync(deps: ScheduleDeps, settings: ScheduleSettings, signal: AbortSignal): Promise<void> {
  const { cache, clock, random } = deps;
  await enqueueAll(deps, cache.list(TYPES.release).map(keyOfRelease));
  while (!signal.aborted) {
    await clock.sleep(settings.resyncMs * (0.6 + 0.3 * random()), signal).catch(() => undefined);
    const keys = cache.list(TYPES.release).map(keyOfRelease);
    const start = Math.floor(random() * keys.length);
    const turned = [...keys.slice(start), ...keys.slice(0, start)];
    const size = Math.max(1, Math.ceil(turned.length / RESYNC_SLICES));
    for (let at = 0; at < turned.length && !signal.aborted; at += size) {
      await enqueueAll(deps, turned.slice(at, at + size));
      await clock.sleep(settings.resyncMs / 4 / RESYNC_SLICES, signal).catch(() => undefined);
    }
  }
}

async function pollGrid(deps: ScheduleDeps, settings: ScheduleSettings, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps;
  let lastMs: number | undefined;
  while (!signal.aborted) {
    const tick = nextTick(clock.nowMs(), lastMs, settings.gridMs, settings.lagMs);
    // Never more than one grid at once: the clock may be put forward meanwhile.
    const waitMs = Math.min(tick.fireAtMs - clock.nowMs(), settings.gridMs);
    if (waitMs > 0) {
      await clock.sleep(waitMs, signal).catch(() => undefined);
      const lateMs = clock.nowMs() - tick.fireAtMs;
      // Woken early, or so late (the machine slept) that the instant is no longer worth asking for.
      if (lateMs < 0 || lateMs > settings.gridMs / 2) continue;
    }
    if (signal.aborted) return;
    if (tick.dropped > 0) {
      deps.onDropped?.(tick.dropped);
      log.warn({ dropped: tick.dropped }, 'Polls were left out because this process was late; evidence is re-read.');
    }
    lastMs = tick.instantMs;
    await enqueuePolls(deps, settings, tick.instantMs);
  }
}

/** Nothing under analysis, nothing to ask. Polls that still wait mean that workers are behind: no more on top. */
async function enqueuePolls(deps: ScheduleDeps, settings: ScheduleSettings, instantMs: number): Promise<void> {
  const { cache, poll, log } = deps;
  if (listRuns(cache).length === 0) return;
  try {
    // A store that does not say takes nothing either; the poll is then done here.
    const { waiting } = await poll.counts().catch(() => ({ waiting: 0 }));
    if (waiting >= settings.shards) {
      deps.onDropped?.(1);
      log.warn({ waiting }, 'A poll was left out because earlier ones still wait; evidence is re-read.');
      return;
    }
    const shards = Array.from({ length: settings.shards }, (_, shard) => shard);
    await Promise.all(shards.map((shard) => poll.enqueue(`${instantMs}/${shard}`, { orHere: true })));
  } catch (err) {
    log.error({ err }, 'Polls could not be enqueued; the next grid instant tries again.');
  }
}

async function enqueueAll(deps: ScheduleDeps, keys: readonly string[]): Promise<void> {
  const results = await Promise.allSettled(keys.map((key) => deps.reconcile.enqueue(key, { orHere: true })));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined)
    deps.log.error({ err: failed.reason }, 'Releases could not be enqueued; the resync repeats it.');
}
