/** What a process does itself while the store of its queue is away. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { SerinError } from '../../../src/errors.ts';
import { type Entry, StandIn } from '../../../src/queue/stand-in.ts';

interface Look {
  readonly key: string;
  end(againAfterMs?: number): void;
  fail(error: Error): void;
}

let looks: Look[];
let offered: string[];
let dropped: unknown[];
let stopping: AbortController;
let standIn: StandIn;

const settle = (): Promise<void> => vi.advanceTimersByTimeAsync(0).then(() => undefined);

beforeEach(() => {
  vi.useFakeTimers();
  [looks, offered, dropped, stopping] = [[], [], [], new AbortController()];
  standIn = new StandIn({
    seats: 2,
    run: ({ key }: Entry) => {
      const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
      looks.push({ key, end: resolve, fail: reject });
      return promise;
    },
    offer: async ({ key }) => void offered.push(key),
    onDropped: (error) => dropped.push(error),
    signal: stopping.signal,
  });
});
afterEach(() => {
  vi.useRealTimers();
});
const begun = (): readonly string[] => looks.map(({ key }) => key);

describe('while the store is away', () => {
  test('keys have as many seats as the worker, equal ones coalesce and never run beside themselves', async () => {
    for (const key of ['a', 'a', 'b', 'c', 'c']) standIn.take({ key });
    expect(begun()).toEqual(['a', 'b']);
    looks[1]?.end();
    await settle();
    // `a` came again while it ran; `c` has its seat meanwhile.
    expect(begun()).toEqual(['a', 'b', 'c']);
    looks[0]?.end();
    looks[2]?.end();
    await settle();
    expect(begun()).toEqual(['a', 'b', 'c', 'a']);
    looks[3]?.end();
    await settle();
    expect(begun()).toHaveLength(4);
  });

  test('what asks to be called again is offered to the store then, and not before', async () => {
    standIn.take({ key: 'a' });
    looks[0]?.end(5_000);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(offered).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(offered).toEqual(['a']);
    expect(begun()).toEqual(['a']);
  });

  test('the newest timer of a key counts, and an event does not wait for it', async () => {
    standIn.take({ key: 'a' }, 60_000);
    standIn.take({ key: 'a' }, 1_000);
    standIn.take({ key: 'a' });
    expect(begun()).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(offered).toEqual(['a']);
  });

  test('a look that fails comes back after a wait that grows', async () => {
    const waits: number[] = [];
    for (let failures = 1; failures <= 5; failures++) {
      standIn.take({ key: 'a' });
      looks.at(-1)?.fail(new Error('Kubernetes is away'));
      const from = Date.now();
      while (offered.length < failures) await vi.advanceTimersByTimeAsync(10);
      waits.push(Date.now() - from);
    }
    expect(waits[0]).toBeLessThanOrEqual(510);
    expect(waits[4]).toBeGreaterThanOrEqual(4_000);
  });

  test('what cannot work is not tried again, and said', async () => {
    standIn.take({ key: 'a' });
    looks[0]?.fail(new SerinError('SERIN_E_INVALID_SPEC', 'It cannot work.'));
    await vi.advanceTimersByTimeAsync(120_000);
    expect([offered, dropped.length]).toEqual([[], 1]);
  });

  test('what is to be done once is done once, here, and repeated here until it works', async () => {
    standIn.take({ key: 'message', once: true, payload: 'x' });
    standIn.take({ key: 'message', once: true, payload: 'x' });
    looks[0]?.fail(new Error('the receiver is away'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(begun()).toEqual(['message', 'message']);
    looks[1]?.end();
    await settle();
    standIn.take({ key: 'message', once: true, payload: 'x' });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(begun()).toHaveLength(2);
    expect(offered).toEqual([]);
  });

  test('closing waits for what runs, forgets what waits, and takes nothing more', async () => {
    for (const key of ['a', 'b', 'c']) standIn.take({ key });
    standIn.take({ key: 'd' }, 1_000);
    let isClosed = false;
    const closed = standIn.close().then(() => (isClosed = true));
    await settle();
    expect(isClosed).toBe(false);
    stopping.abort(new Error('stop'));
    looks[0]?.fail(new Error('aborted'));
    looks[1]?.end(1_000);
    await closed;
    await vi.advanceTimersByTimeAsync(120_000);
    expect([begun(), offered]).toEqual([['a', 'b'], []]);
    expect(standIn.take({ key: 'e' })).toBe(false);
  });
});
