/** One suite for every queue backend: coalescing, timers, retries, crashes, loss of the store, closing. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SerinError } from '../../src/errors.ts';
import { openQueueBackend } from '../../src/queue/backend.ts';
import type { QueueBackend, QueueWorker, WorkQueue } from '../../src/queue/port.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { describeWith } from '../support/tools.ts';

/** Resolves when `isTrue` is; fails naming `what` after `limitMs`. */
async function until(isTrue: () => boolean | Promise<boolean>, what: string, limitMs = 15_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${limitMs} ms`);
    await sleep(5);
  }
}

/** A job that waits inside until it is let go. */
function gate(): { readonly wait: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { wait: promise, open: resolve };
}

/** Process ids of the direct children of a process. */
function childrenOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' }).trim().split('\n');
  const rows = lines.map((line) => line.trim().split(/\s+/));
  return rows.flatMap(([child, parent, name]) => (Number(parent) === pid && name !== 'ps' ? [Number(child)] : []));
}

function conforms(open: () => Promise<QueueBackend>): void {
  let backend: QueueBackend;
  let queue: WorkQueue;
  const workers: QueueWorker[] = [];
  const work = async (process: Parameters<WorkQueue['work']>[0], concurrency = 4): Promise<QueueWorker> => {
    const worker = await queue.work(process, { concurrency });
    workers.push(worker);
    return worker;
  };

  beforeAll(async () => {
    backend = await open();
    queue = backend.queue('reconcile');
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close(0)));
    await queue.clear();
  });
  afterAll(async () => {
    await backend.close();
  });

  test('processes a key that was enqueued before and after a worker came', async () => {
    const seen: string[] = [];
    await queue.enqueue('before');
    await work(async (key) => void seen.push(key));
    await queue.enqueue('after');
    await until(() => seen.length === 2, 'both keys');
    expect(seen.toSorted()).toEqual(['after', 'before']);
    await until(async () => Object.values(await queue.counts()).every((count) => count === 0), 'nothing is kept');
  });

  test('wakes an idle worker within a tenth of a second', async () => {
    const lateMs: number[] = [];
    let enqueuedAt = 0;
    await work(async () => void lateMs.push(performance.now() - enqueuedAt));
    for (let count = 1; count <= 10; count += 1) {
      await sleep(50);
      enqueuedAt = performance.now();
      await queue.enqueue(`key-${count}`);
      await until(() => lateMs.length === count, 'the job');
    }
    expect(lateMs.toSorted((a, b) => a - b)[5]).toBeLessThan(100);
  });

  test('coalesces equal keys that wait', async () => {
    for (let count = 0; count < 20; count += 1) await queue.enqueue('same');
    expect((await queue.counts()).waiting).toBe(1);
    let runs = 0;
    await work(async () => void (runs += 1));
    await until(() => runs > 0, 'the job');
    await sleep(200);
    expect(runs).toBe(1);
  });

  test('runs a key once more when it arrives while its job runs, however often it arrives', async () => {
    const first = gate();
    let runs = 0;
    await work(async () => {
      runs += 1;
      if (runs === 1) await first.wait;
    });
    await queue.enqueue('busy');
    await until(() => runs === 1, 'the first run');
    for (let count = 0; count < 5; count += 1) await queue.enqueue('busy');
    await sleep(100);
    expect(runs).toBe(1);
    first.open();
    await until(() => runs === 2, 'the second run');
    await sleep(200);
    expect(runs).toBe(2);
  });

  test('what must be looked at once waits for no other key, never runs beside itself, and goes through the store too', async () => {
    const others = gate();
    const own = gate();
    const began: string[] = [];
    let beside = 0;
    await work(async (key) => {
      began.push(key);
      if (key !== 'broken') {
        await others.wait;
        return;
      }
      beside += 1;
      expect(beside).toBe(1);
      await own.wait;
      beside -= 1;
    }, 2);
    await queue.enqueue('a');
    await queue.enqueue('b');
    await until(() => began.length === 2, 'all seats are taken');
    await queue.enqueue('broken', { atOnce: true });
    await until(() => began.includes('broken'), 'the urgent key, while the others go on');
    expect((await queue.counts()).waiting).toBe(1);
    others.open();
    own.open();
    await until(() => began.length === 4, 'the same key from the store');
    expect(began.filter((key) => key === 'broken')).toHaveLength(2);
    await until(async () => Object.values(await queue.counts()).every((count) => count === 0), 'nothing is kept');
  });

  test('an urgent look that fails is repeated through the store', async () => {
    let runs = 0;
    await work(async () => {
      runs += 1;
      if (runs === 1) throw new Error('the first look fails');
    });
    await queue.enqueue('broken', { atOnce: true });
    await until(() => runs === 2, 'the second look');
  });

  test('closing waits for an urgent look', async () => {
    const own = gate();
    let isDone = false;
    const worker = await work(async () => {
      await own.wait;
      isDone = true;
    });
    await queue.enqueue('broken', { atOnce: true });
    const closed = worker.close(10_000);
    setTimeout(() => own.open(), 50);
    await closed;
    expect(isDone).toBe(true);
  });

  test('an event is not held back by a timer of the same key, and the timer still fires', async () => {
    const runsAt: number[] = [];
    await work(async () => void runsAt.push(Date.now()));
    const startedAt = Date.now();
    await queue.enqueue('release', { afterMs: 1_200 });
    await sleep(50);
    expect(runsAt).toHaveLength(0);
    await queue.enqueue('release');
    await until(() => runsAt.length === 1, 'the event');
    expect((runsAt[0] ?? 0) - startedAt).toBeLessThan(800);
    await until(() => runsAt.length === 2, 'the timer');
    expect((runsAt[1] ?? 0) - startedAt).toBeGreaterThanOrEqual(1_150);
    expect((runsAt[1] ?? 0) - startedAt).toBeLessThan(2_500);
  });

  test('the newest timer of a key replaces the one before', async () => {
    let runs = 0;
    await work(async () => void (runs += 1));
    await queue.enqueue('release', { afterMs: 60_000 });
    await queue.enqueue('release', { afterMs: 150 });
    await until(() => runs === 1, 'the newer timer', 3_000);
    expect((await queue.counts()).delayed).toBe(0);
  });

  test('a returned number asks to be called again, from events and from timers', async () => {
    const runsAt: number[] = [];
    await work(async () => {
      runsAt.push(Date.now());
      return runsAt.length < 4 ? 100 : undefined;
    });
    await queue.enqueue('again');
    await until(() => runsAt.length === 4, 'four runs');
    const gaps = runsAt.slice(1).map((at, index) => at - (runsAt[index] ?? 0));
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(95);
    await sleep(250);
    expect(runsAt).toHaveLength(4);
  });

  test('an event that comes while a run asks to be called again is run at once, and only once', async () => {
    const first = gate();
    const runsAt: number[] = [];
    await work(async () => {
      runsAt.push(Date.now());
      if (runsAt.length === 1) await first.wait;
      return 60_000;
    });
    await queue.enqueue('release');
    await until(() => runsAt.length === 1, 'the first run');
    await queue.enqueue('release');
    first.open();
    await until(() => runsAt.length === 2, 'the event', 3_000);
    await until(async () => (await queue.counts()).delayed === 1, 'one timer');
  });

  test('equal keys never run at the same time, different ones do', async () => {
    let running = 0;
    let most = 0;
    const perKey = new Map<string, number>();
    let overlapped = false;
    await work(async (key) => {
      running += 1;
      most = Math.max(most, running);
      perKey.set(key, (perKey.get(key) ?? 0) + 1);
      overlapped ||= (perKey.get(key) ?? 0) > 1;
      await sleep(60);
      perKey.set(key, (perKey.get(key) ?? 0) - 1);
      running -= 1;
    });
    for (let round = 0; round < 4; round += 1) {
      for (const key of ['a', 'b', 'c']) {
        await queue.enqueue(key);
        await queue.enqueue(key, { afterMs: 1 });
      }
      await sleep(40);
    }
    await until(async () => Object.values(await queue.counts()).every((count) => count === 0), 'all done');
    expect(overlapped).toBe(false);
    expect(most).toBeGreaterThan(1);
  });

  test('never runs more jobs at a time than asked for', async () => {
    let running = 0;
    let most = 0;
    let done = 0;
    await work(async () => {
      running += 1;
      most = Math.max(most, running);
      await sleep(20);
      running -= 1;
      done += 1;
    }, 2);
    for (let count = 0; count < 10; count += 1) await queue.enqueue(`job-${count}`);
    await until(() => done === 10, 'all jobs');
    expect(most).toBe(2);
  });

  test('a throw is tried again after a wait that grows', async () => {
    const runsAt: number[] = [];
    await work(async () => {
      runsAt.push(Date.now());
      if (runsAt.length < 4) throw new Error('not yet');
    });
    await queue.enqueue('flaky');
    await until(() => runsAt.length === 4, 'the fourth try');
    const gaps = runsAt.slice(1).map((at, index) => at - (runsAt[index] ?? 0));
    expect(gaps[0]).toBeGreaterThanOrEqual(240);
    expect(gaps[2]).toBeGreaterThanOrEqual(990);
    expect(gaps[0]).toBeLessThan(gaps[2] ?? 0);
    await until(async () => Object.values(await queue.counts()).every((count) => count === 0), 'nothing is left');
  });

  test('an event gets through at once while a failed run waits to be tried again', async () => {
    let runs = 0;
    await work(async () => {
      runs += 1;
      if (runs <= 3) throw new Error('Kubernetes is away');
    });
    await queue.enqueue('release');
    await until(() => runs === 3, 'three failures');
    const enqueuedAt = Date.now();
    await queue.enqueue('release');
    await until(() => runs === 4, 'the event');
    expect(Date.now() - enqueuedAt).toBeLessThan(500);
  });

  test('a non-retryable error is recorded, dropped, and does not keep the key from running again', async () => {
    let runs = 0;
    await work(async () => {
      runs += 1;
      throw new SerinError('SERIN_E_INVALID_SPEC', 'It cannot work.');
    });
    await queue.enqueue('broken');
    await until(async () => (await queue.counts()).failed === 1, 'the record');
    await sleep(700);
    expect(runs).toBe(1);
    await queue.enqueue('broken');
    await until(() => runs === 2, 'the next run');
  });

  test('hands over the payload, and the last one that came while the job ran', async () => {
    const first = gate();
    const seen: (string | undefined)[] = [];
    await work(async (_key, _signal, payload) => {
      seen.push(payload);
      if (seen.length === 1) await first.wait;
    });
    await queue.enqueue('key', { payload: 'one' });
    await until(() => seen.length === 1, 'the first run');
    await queue.enqueue('key', { payload: 'two' });
    await queue.enqueue('key', { payload: '{"three":"ü 🚦"}' });
    first.open();
    await until(() => seen.length === 2, 'the second run');
    expect(seen).toEqual(['one', '{"three":"ü 🚦"}']);
  });

  test('a once-only key runs once, also after it succeeded, and is retried until it does', async () => {
    let runs = 0;
    await work(async () => {
      runs += 1;
      if (runs === 1) throw new Error('busy');
    });
    await queue.enqueue('uid/rev/1/aborted', { once: true, payload: 'x' });
    await until(() => runs === 1, 'the first try');
    await queue.enqueue('uid/rev/1/aborted', { once: true, payload: 'x' });
    await until(() => runs === 2, 'the second try');
    await queue.enqueue('uid/rev/1/aborted', { once: true, payload: 'x' });
    await sleep(400);
    expect(runs).toBe(2);
    await queue.enqueue('uid/rev/1/promoted', { once: true });
    await until(() => runs === 3, 'another message');
  });

  test('a once-only key that asks to be called again keeps its payload and stays once-only', async () => {
    const seen: (string | undefined)[] = [];
    const runsAt: number[] = [];
    await work(async (_key, _signal, payload) => {
      seen.push(payload);
      runsAt.push(Date.now());
      return runsAt.length < 3 ? 150 : undefined;
    });
    await queue.enqueue('message', { once: true, payload: 'text' });
    await until(() => seen.length === 2, 'the second run');
    await queue.enqueue('message', { once: true, payload: 'other' });
    await until(() => seen.length === 3, 'the third run');
    await sleep(300);
    expect(seen).toEqual(['text', 'text', 'text']);
    expect((runsAt[2] ?? 0) - (runsAt[0] ?? 0)).toBeGreaterThanOrEqual(290);
  });

  test.each([
    ['slashes', 'a/b/c'],
    ['colons', 'with:colons:in:it'],
    ['digits', '42'],
    ['other letters', 'ümläut 🚦'],
    ['2 000 characters', 'x'.repeat(2_000)],
    ['quotes', '{"json":"\'"}'],
    ['a name of JavaScript', '__proto__'],
  ])('any text is a key: %s', async (_name, key) => {
    const seen: string[] = [];
    await work(async (name) => void seen.push(name));
    await queue.enqueue(key);
    await queue.enqueue(key, { afterMs: 20 });
    await until(() => seen.length === 2, 'both');
    expect(seen).toEqual([key, key]);
  });

  test('queues of different names do not mix', async () => {
    const seen: string[] = [];
    await work(async (key) => void seen.push(key));
    await backend.queue('poll').enqueue('elsewhere');
    await queue.enqueue('here');
    await until(() => seen.length === 1, 'the job');
    await sleep(100);
    expect(seen).toEqual(['here']);
    expect((await backend.queue('poll').counts()).waiting).toBe(1);
    await backend.queue('poll').clear();
  });

  test('two workers share the keys, each key once', async () => {
    const seen: string[] = [];
    await work(async (key) => void seen.push(key));
    await work(async (key) => void seen.push(key));
    for (let count = 0; count < 60; count += 1) await queue.enqueue(`key-${count}`);
    await until(() => seen.length >= 60, 'all keys');
    await sleep(100);
    expect(new Set(seen).size).toBe(60);
    expect(seen).toHaveLength(60);
  });

  test('close waits for the running job and takes no more', async () => {
    const running = gate();
    const seen: string[] = [];
    let isDone = false;
    const worker = await work(async (key) => {
      seen.push(key);
      running.open();
      await sleep(300);
      isDone = true;
    }, 1);
    await queue.enqueue('first');
    await running.wait;
    await queue.enqueue('second');
    await worker.close(5_000);
    expect(isDone).toBe(true);
    expect(seen).toEqual(['first']);
    expect((await queue.counts()).waiting).toBe(1);
  });

  test('close aborts what outlasts the grace, and that job runs again elsewhere', async () => {
    const running = gate();
    const worker = await work(async (_key, signal) => {
      running.open();
      await sleep(60_000, undefined, { signal });
    });
    await queue.enqueue('slow');
    await running.wait;
    const closedAt = Date.now();
    await worker.close(100);
    expect(Date.now() - closedAt).toBeLessThan(2_500);
    const seen: string[] = [];
    await work(async (key) => void seen.push(key));
    await until(() => seen.length === 1, 'the second worker');
  });

  test('a job that does not listen to its signal cannot keep close from returning', async () => {
    const running = gate();
    const never = gate();
    const worker = await work(async () => {
      running.open();
      await never.wait;
    });
    await queue.enqueue('deaf');
    await running.wait;
    const closedAt = Date.now();
    await worker.close(50);
    expect(Date.now() - closedAt).toBeLessThan(3_500);
    never.open();
    await until(async () => (await queue.counts()).active === 0, 'its end');
  });

  test('clear forgets waiting jobs, timers, failures and what was once', async () => {
    await queue.enqueue('a');
    await queue.enqueue('b', { afterMs: 60_000 });
    await queue.enqueue('c', { once: true });
    await queue.clear();
    expect(await queue.counts()).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 0 });
    const seen: string[] = [];
    await work(async (key) => void seen.push(key));
    for (const key of ['a', 'b']) await queue.enqueue(key);
    await queue.enqueue('c', { once: true });
    await until(() => seen.length === 3, 'all three');
  });

  test('ping answers', async () => {
    await expect(backend.ping(AbortSignal.timeout(2_000))).resolves.toBeUndefined();
    await expect(backend.ping(AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  });
}

describe('the queue on the embedded database', () => {
  conforms(() => openQueueBackend({ kind: 'embedded' }));

  test('goes on, empty, when its process is killed', async () => {
    const before = childrenOf(process.pid);
    const trouble: Error[] = [];
    const backend = await openQueueBackend({ kind: 'embedded' }, { onError: (error) => trouble.push(error) });
    const [child] = childrenOf(process.pid).filter((pid) => !before.includes(pid));
    const queue = backend.queue('poll');
    const seen: string[] = [];
    await queue.work(async (key) => void seen.push(key), { concurrency: 2 });
    await queue.enqueue('before');
    await until(() => seen.length === 1, 'the first job');
    process.kill(child ?? 0, 'SIGKILL');
    await until(
      () =>
        queue.enqueue('probe').then(
          () => false,
          () => true,
        ),
      'the loss',
    );
    await expect(queue.enqueue('while away')).rejects.toMatchObject({ code: 'SERIN_E_QUEUE' });
    await queue.enqueue('done here', { orHere: true });
    await until(() => seen.includes('done here'), 'what does not wait for it');
    await until(
      () =>
        queue.enqueue('after').then(
          () => true,
          () => false,
        ),
      'the new process',
      30_000,
    );
    await until(() => seen.includes('after'), 'the job in the new process', 20_000);
    expect(trouble.length).toBeGreaterThan(0);
    await backend.close();
    expect(childrenOf(process.pid).filter((pid) => !before.includes(pid))).toEqual([]);
  });

  test('keeps its jobs in a folder', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'serin-queue-'));
    try {
      const first = await openQueueBackend({ kind: 'embedded', dir });
      await first.queue('poll').enqueue('kept');
      await first.close();
      const second = await openQueueBackend({ kind: 'embedded', dir });
      expect((await second.queue('poll').counts()).waiting).toBe(1);
      await second.close();
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });

  test('close ends its process', async () => {
    const backend = await openQueueBackend({ kind: 'embedded' });
    await backend.queue('poll').enqueue('x');
    await backend.close();
    await expect(backend.ping()).rejects.toMatchObject({ code: 'SERIN_E_QUEUE' });
  });
});

describeWith(['redis'], 'the queue on Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    await redis.stop();
  });

  // A group of its own: what it does after each test needs a store that is there.
  describe('like every backend', () => conforms(() => openQueueBackend({ kind: 'redis', url: redis.url })));

  describe('when the store is lost', () => {
    const open = (): Promise<QueueBackend> => openQueueBackend({ kind: 'redis', url: redis.url });

    test('a flush in the middle of jobs loses only them: new ones run', async () => {
      const backend = await open();
      const queue = backend.queue('poll');
      const first = gate();
      const seen: string[] = [];
      await queue.work(
        async (key) => {
          seen.push(key);
          if (seen.length === 1) await first.wait;
          return 60_000;
        },
        { concurrency: 2 },
      );
      await queue.enqueue('running');
      await until(() => seen.length === 1, 'the first run');
      await queue.enqueue('running');
      await queue.enqueue('timer', { afterMs: 60_000 });
      await redis.flush();
      first.open();
      await queue.enqueue('running');
      await queue.enqueue('fresh');
      await queue.enqueue('timer');
      await until(() => seen.includes('fresh') && seen.includes('timer'), 'new jobs');
      await until(() => seen.filter((key) => key === 'running').length >= 2, 'the key that ran during the flush');
      await backend.close();
    });

    test('a restart fails producers fast and is outlasted by workers', async () => {
      const backend = await open();
      const queue = backend.queue('poll');
      await queue.clear();
      const seen: string[] = [];
      await queue.work(async (key) => void seen.push(key), { concurrency: 2 });
      await queue.enqueue('before');
      await until(() => seen.length === 1, 'the first job');
      await redis.kill();
      const askedAt = Date.now();
      await expect(queue.enqueue('while away')).rejects.toMatchObject({ code: 'SERIN_E_QUEUE', retryable: true });
      await expect(backend.ping()).rejects.toMatchObject({ code: 'SERIN_E_QUEUE' });
      expect(Date.now() - askedAt).toBeLessThan(2_000);
      expect(seen).toEqual(['before']);
      await redis.start();
      await until(
        async () =>
          queue.enqueue('after').then(
            () => true,
            () => false,
          ),
        'a connection',
      );
      await until(() => seen.includes('after'), 'the job after the restart', 20_000);
      await backend.close();
    });

    test('what does not wait for the store is done here meanwhile, as often as it asks to, and goes back to the store', async () => {
      const trouble: Error[] = [];
      const backend = await openQueueBackend(
        { kind: 'redis', url: redis.url },
        { onError: (error) => trouble.push(error) },
      );
      const queue = backend.queue('reconcile');
      await queue.clear();
      const seen: string[] = [];
      let mayEnd = false;
      let beside = 0;
      await queue.work(
        async (key, _signal, payload) => {
          beside += 1;
          expect(beside).toBe(1);
          await sleep(5);
          beside -= 1;
          seen.push(`${key} ${payload ?? ''}`);
          return mayEnd ? undefined : 50;
        },
        { concurrency: 2 },
      );
      await redis.kill();
      await expect(queue.enqueue('shop/web')).rejects.toMatchObject({ code: 'SERIN_E_QUEUE' });
      for (let times = 0; times < 3; times += 1) await queue.enqueue('shop/web', { orHere: true, payload: 'fresh' });
      await until(() => seen.length >= 4, 'looks without Redis');
      expect(new Set(seen)).toEqual(new Set(['shop/web fresh']));
      expect(trouble.filter((error) => error instanceof SerinError)).toHaveLength(1);
      await expect(backend.ping()).rejects.toMatchObject({ code: 'SERIN_E_QUEUE' });
      await redis.start();
      await until(
        async () =>
          queue.counts().then(
            ({ delayed }) => delayed > 0,
            () => false,
          ),
        'its timer in Redis',
      );
      mayEnd = true;
      await until(async () => Object.values(await queue.counts()).every((count) => count === 0), 'its end');
      await backend.close();
    });

    test('a job whose process was killed runs again in another one', async () => {
      const script = `
        import { openQueueBackend } from ${JSON.stringify(new URL('../../src/queue/backend.ts', import.meta.url).href)};
        const backend = await openQueueBackend({ kind: 'redis', url: ${JSON.stringify(redis.url)} });
        await backend.queue('poll').work(async (key) => {
          process.stdout.write(key);
          await new Promise(() => setInterval(() => undefined, 1000));
        }, { concurrency: 1 });`;
      const backend = await open();
      const queue = backend.queue('poll');
      await queue.clear();
      const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await queue.enqueue('orphan');
      await once(child.stdout, 'data');
      child.kill('SIGKILL');
      await queue.enqueue('orphan');
      const seen: string[] = [];
      await queue.work(async (key) => void seen.push(key), { concurrency: 1 });
      await until(() => seen.includes('orphan'), 'the job of the dead process', 20_000);
      await backend.close();
    });

    test('an address where nothing listens is told at once, without the password', async () => {
      const opening = openQueueBackend({ kind: 'redis', url: 'redis://user:hunter2@127.0.0.1:1' });
      await expect(opening).rejects.toMatchObject({ code: 'SERIN_E_QUEUE' });
      await expect(opening).rejects.not.toThrow(/hunter2/);
    });
  });
});
