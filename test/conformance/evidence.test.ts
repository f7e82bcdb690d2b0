/** One suite for every evidence store. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openEvidenceStore } from '../../src/evidence/open.ts';
import type { EvidenceStore } from '../../src/evidence/port.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { describeWith } from '../support/tools.ts';

function conforms(open: () => Promise<EvidenceStore>): void {
  let store: EvidenceStore;
  beforeAll(async () => {
    store = await open();
  });
  afterEach(async () => {
    await store.remove('run-1');
  });
  afterAll(async () => {
    await store.close();
  });
  const at = (intervalEndMs: number, checkpoint = `{"end":${intervalEndMs}}`) => ({ intervalEndMs, checkpoint });

  test('knows nothing of a run at first', async () => {
    expect(await store.load('run-1')).toBeUndefined();
  });

  test('gives back what was stored, byte for byte', async () => {
    const next = at(1_764_000_010_000, '{"name":"ümläut 🚦","odds":"1e308"}\n\0'.repeat(2_000));
    expect(await store.compareAndSet('run-1', 0, next)).toBe(true);
    expect(await store.load('run-1')).toEqual(next);
  });

  test.each([
    ['nothing is there but something was expected', [], 10_000, false],
    ['something is there but nothing was expected', [10_000], 0, false],
    ['what is there is older than expected', [10_000], 20_000, false],
    ['what is there is newer than expected', [10_000, 20_000], 10_000, false],
    ['what is there is as expected', [10_000], 10_000, true],
  ] as const)('compares the interval end: %s', async (_name, history, expected, answer) => {
    let before = 0;
    for (const end of history) {
      expect(await store.compareAndSet('run-1', before, at(end))).toBe(true);
      before = end;
    }
    expect(await store.compareAndSet('run-1', expected, at(90_000, 'new'))).toBe(answer);
    const found = await store.load('run-1');
    if (answer) expect(found).toEqual(at(90_000, 'new'));
    else expect(found?.intervalEndMs).toBe(history.at(-1));
  });

  test('of many that store at once exactly one wins, and it is the one that is there', async () => {
    await store.compareAndSet('run-1', 0, at(10_000));
    const tries = Array.from({ length: 20 }, (_, index) => at(20_000, `from ${index}`));
    const answers = await Promise.all(tries.map((next) => store.compareAndSet('run-1', 10_000, next)));
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await store.load('run-1')).toEqual(tries[answers.indexOf(true)]);
  });

  test('keeps runs apart', async () => {
    await store.compareAndSet('run-1', 0, at(10_000));
    expect(await store.load('run-2')).toBeUndefined();
    await store.remove('run-2');
    expect(await store.load('run-1')).toEqual(at(10_000));
  });

  test('starts anew after a removal', async () => {
    await store.compareAndSet('run-1', 0, at(10_000));
    await store.remove('run-1');
    expect(await store.load('run-1')).toBeUndefined();
    expect(await store.compareAndSet('run-1', 10_000, at(20_000))).toBe(false);
    expect(await store.compareAndSet('run-1', 0, at(20_000))).toBe(true);
  });
}

describe('evidence in memory', () => {
  conforms(() => openEvidenceStore({ kind: 'memory' }));
});

describeWith(['redis'], 'evidence in Redis', () => {
  let redis: TestRedis;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(async () => {
    await redis.stop();
  });

  // A group of its own: what it does after each test needs a store that is there.
  describe('like every store', () => conforms(() => openEvidenceStore({ kind: 'redis', url: redis.url })));

  test('two processes see each other', async () => {
    const one = await openEvidenceStore({ kind: 'redis', url: redis.url });
    const other = await openEvidenceStore({ kind: 'redis', url: redis.url });
    expect(await one.compareAndSet('shared', 0, { intervalEndMs: 10_000, checkpoint: 'one' })).toBe(true);
    expect(await other.compareAndSet('shared', 0, { intervalEndMs: 10_000, checkpoint: 'other' })).toBe(false);
    expect((await other.load('shared'))?.checkpoint).toBe('one');
    await one.close();
    await other.close();
  });

  test('a flush looks like nothing was stored', async () => {
    const store = await openEvidenceStore({ kind: 'redis', url: redis.url });
    await store.compareAndSet('run', 0, { intervalEndMs: 10_000, checkpoint: 'x' });
    await redis.flush();
    expect(await store.load('run')).toBeUndefined();
    expect(await store.compareAndSet('run', 10_000, { intervalEndMs: 20_000, checkpoint: 'y' })).toBe(false);
    await store.close();
  });

  test('fails fast and retryably while Redis is away, and works again after', async () => {
    const store = await openEvidenceStore({ kind: 'redis', url: redis.url });
    await redis.kill();
    const askedAt = Date.now();
    await expect(store.load('run')).rejects.toMatchObject({ code: 'SERIN_E_QUEUE', retryable: true });
    expect(Date.now() - askedAt).toBeLessThan(2_000);
    await redis.start();
    await expect
      .poll(
        () =>
          store.load('run').then(
            () => 'answers',
            () => 'away',
          ),
        { timeout: 10_000 },
      )
      .toBe('answers');
    await store.close();
  });
});
