import { describe, expect, test } from 'vitest';
import { fullPace, type Pace, workOff } from '../../../src/controller/analysis/backlog.ts';
import { createManualClock } from '../../support/manual-clock.ts';

const never = new AbortController().signal;
const items = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
const MINUTE = 60_000;

/** Work that takes `ms` of the clock for each item, unless it is cut short before. */
function lab(msEach: number) {
  const clock = createManualClock();
  const batches: { readonly size: number; readonly intervals: number; readonly isDone: boolean }[] = [];
  const work = async (batch: readonly number[], intervals: number, signal: AbortSignal): Promise<void> => {
    let isDone = false;
    try {
      await clock.sleep(msEach * batch.length, signal);
      isDone = true;
    } finally {
      batches.push({ size: batch.length, intervals, isDone });
    }
  };
  const poll = async (count: number, pace: Pace, forMs: number): Promise<void> => {
    const working = workOff(items(count), pace, { clock, untilMs: clock.nowMs() + forMs, signal: never }, work);
    await clock.advance(forMs);
    await working;
  };
  return { clock, batches, work, poll };
}

describe('what is left for the end of a poll', () => {
  test('is done batch by batch while there is time', async () => {
    const { batches, poll } = lab(10);
    await poll(50, fullPace(360), MINUTE);
    expect(batches.map(({ size }) => size)).toEqual([20, 20, 10]);
  });

  test('ends with the time that is left, whatever hangs', async () => {
    const { batches, poll } = lab(Number.POSITIVE_INFINITY);
    await poll(50, fullPace(360), 9_000);
    expect(batches).toEqual([{ size: 20, intervals: 360, isDone: false }]);
  });

  test('is tried in smaller batches after it was cut short, down to one run and few intervals, and comes to an end', async () => {
    const { batches, poll } = lab(4_000);
    const pace = fullPace(360);
    for (let k = 0; k < 8; k++) await poll(40, pace, 9_000);
    expect(batches.slice(0, 4).map(({ size, isDone }) => [size, isDone])).toEqual([
      [20, false],
      [10, false],
      [5, false],
      [2, true],
    ]);
    expect(batches.filter(({ isDone }) => isDone).length).toBeGreaterThan(2);
    const stuck = lab(Number.POSITIVE_INFINITY);
    const slowest = fullPace(360);
    for (let k = 0; k < 20; k++) await stuck.poll(40, slowest, 9_000);
    expect(stuck.batches.at(-1)).toEqual({ size: 1, intervals: 6, isDone: false });
  });

  test('is as large as ever soon after the trouble is over', async () => {
    const pace = fullPace(360);
    const slow = lab(Number.POSITIVE_INFINITY);
    for (let k = 0; k < 12; k++) await slow.poll(40, pace, 9_000);
    const { batches, poll } = lab(1);
    await poll(200, pace, MINUTE);
    expect(batches.map(({ size }) => size)).toEqual(expect.arrayContaining([1, 2, 4, 8, 16, 20]));
    expect(pace).toMatchObject({ runs: 20, intervals: 360 });
  });

  test.each([
    { name: 'the signal', abort: true },
    { name: 'an error of the work itself', abort: false },
  ])('$name goes on to the caller', async ({ abort }) => {
    const clock = createManualClock();
    const controller = new AbortController();
    const left = { clock, untilMs: clock.nowMs() + MINUTE, signal: controller.signal };
    const working = workOff(items(3), fullPace(360), left, async (_, __, signal) => {
      if (!abort) throw new Error('broken');
      controller.abort(new Error('stopping'));
      await clock.sleep(1, signal);
    });
    await expect(working).rejects.toThrow(abort ? 'stopping' : 'broken');
  });
});
