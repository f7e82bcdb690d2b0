import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { runSchedule } from '../../../src/controller/schedule.ts';
import { ObjectStore } from '../../../src/controller/store.ts';
import { silentLog } from '../../../src/logger.ts';
import type { WorkQueue } from '../../../src/queue/port.ts';
import { createManualClock, type ManualClock, settle } from '../../support/manual-clock.ts';

interface RecordingQueue extends WorkQueue {
  readonly keys: string[];
  waiting: number;
}

function recordingQueue(): RecordingQueue {
  const queue: RecordingQueue = {
    keys: [],
    waiting: 0,
    enqueue: async (key, options) => {
      queue.keys.push(key);
      if (options?.orHere !== true) throw new Error('a key that waits until the store is back');
    },
    work: () => Promise.reject(new Error('nobody works here')),
    counts: async () => ({ waiting: queue.waiting, active: 0, delayed: 0, failed: 0 }),
    clear: async () => undefined,
  };
  return queue;
}

const release = (name: string, over: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'Release',
  metadata: { name, namespace: 'shop', uid: name, generation: 1, resourceVersion: '1', ...over },
  spec: { workload: { pair: { members: [`${name}-v1`, `${name}-v2`] } } },
});
const run = (phase: string | undefined, version = '1'): KubeObject => ({
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'AnalysisRun',
  metadata: { name: 'web-1', namespace: 'shop', resourceVersion: version },
  spec: { release: { name: 'web' } },
  ...(phase === undefined ? {} : { status: { phase } }),
});

let clock: ManualClock;
let cache: ObjectStore;
let reconcile: RecordingQueue;
let poll: RecordingQueue;
let stopping: AbortController;
let running: Promise<void>;
let dropped: number;

beforeEach(() => {
  clock = createManualClock(1_700_000_007_000);
  cache = new ObjectStore(() => undefined);
  reconcile = recordingQueue();
  poll = recordingQueue();
  stopping = new AbortController();
  dropped = 0;
});

afterEach(async () => {
  stopping.abort(new Error('end of the test'));
  await running;
});

async function start(shards = 1): Promise<void> {
  const deps = {
    cache,
    reconcile,
    poll,
    clock,
    random: () => 0.5,
    log: silentLog,
    onDropped: (n: number) => (dropped += n),
  };
  running = runSchedule(deps, { gridMs: 10_000, lagMs: 500, shards, resyncMs: 60_000 }, stopping.signal);
  await settle();
}

describe('schedule', () => {
  test('a new leader looks at every release at once, and again at every resync', async () => {
    cache.put(TYPES.release, release('web'));
    cache.put(TYPES.release, release('cart'));
    await start();
    expect(reconcile.keys.toSorted()).toEqual(['shop/cart', 'shop/web']);
    await clock.advance(65_000);
    expect(reconcile.keys.filter((key) => key === 'shop/cart')).toHaveLength(2);
  });

  test('a change of a member wakes its release, once for a burst', async () => {
    cache.put(TYPES.release, release('web'));
    await start();
    reconcile.keys.length = 0;
    for (let version = 1; version <= 5; version++) {
      const metadata = { name: 'web-v2', namespace: 'shop', generation: version, resourceVersion: `${version}` };
      cache.put(TYPES.deployment, { apiVersion: 'apps/v1', kind: 'Deployment', metadata });
    }
    await clock.advance(20);
    expect(reconcile.keys).toEqual(['shop/web']);
  });

  test('a status write of ours wakes nobody', async () => {
    cache.put(TYPES.release, release('web'));
    await start();
    reconcile.keys.length = 0;
    cache.put(TYPES.release, { ...release('web', { resourceVersion: '2' }), status: { weight: 5 } });
    await clock.advance(100);
    expect(reconcile.keys).toEqual([]);
  });

  test('a release that goes is looked at once more', async () => {
    cache.put(TYPES.release, release('web'));
    await start();
    reconcile.keys.length = 0;
    cache.remove(TYPES.release, release('web'));
    await clock.advance(20);
    expect(reconcile.keys).toEqual(['shop/web']);
  });

  test('polls lie on the grid, one job per shard, and only while something is under analysis', async () => {
    await start(2);
    await clock.advance(30_000);
    expect(poll.keys).toEqual([]);
    cache.put(TYPES.analysisRun, run(undefined));
    await clock.advance(10_000);
    expect(poll.keys).toEqual(['1700000040000/0', '1700000040000/1']);
    cache.put(TYPES.analysisRun, run('Running', '2'));
    await clock.advance(10_000);
    expect(poll.keys).toHaveLength(4);
    cache.put(TYPES.analysisRun, run('Successful', '3'));
    await clock.advance(30_000);
    expect(poll.keys).toHaveLength(4);
  });

  test('polls that are still waiting are not added to', async () => {
    cache.put(TYPES.analysisRun, run('Running'));
    await start();
    poll.waiting = 1;
    await clock.advance(20_000);
    expect(poll.keys).toEqual([]);
    expect(dropped).toBe(2);
    poll.waiting = 0;
    await clock.advance(10_000);
    expect(poll.keys).toHaveLength(1);
  });

  test('instants that passed while the process stood still are dropped and counted', async () => {
    cache.put(TYPES.analysisRun, run('Running'));
    await start();
    await clock.advance(8_000);
    expect(poll.keys).toEqual(['1700000010000/0']);
    clock.jump(40_000);
    await clock.advance(1);
    await clock.advance(10_000);
    expect(poll.keys.at(-1)).toBe('1700000060000/0');
    expect(poll.keys.length).toBeLessThanOrEqual(3);
    expect(dropped).toBeGreaterThanOrEqual(3);
  });

  test('a queue that is down costs a try, not the schedule', async () => {
    cache.put(TYPES.release, release('web'));
    cache.put(TYPES.analysisRun, run('Running'));
    const broken = () => Promise.reject(new Error('down'));
    reconcile.enqueue = broken;
    const working = recordingQueue();
    poll.enqueue = broken;
    await start();
    await clock.advance(30_000);
    poll.enqueue = (key, options) => working.enqueue(key, options);
    await clock.advance(10_000);
    expect(working.keys).toHaveLength(1);
  });

  test('a queue that does not say what waits gets its polls, to be done here', async () => {
    cache.put(TYPES.analysisRun, run('Running'));
    poll.counts = () => Promise.reject(new Error('down'));
    await start();
    await clock.advance(30_000);
    expect(poll.keys).toHaveLength(3);
  });
});
