import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nextTick } from '../../../src/controller/grid.ts';

const grid = 10_000;

describe('poll grid', () => {
  test.each([
    {
      name: 'before the first due instant',
      now: 100_200,
      last: undefined,
      lag: 500,
      instant: 100_000,
      dropped: 0,
    },
    {
      name: 'just after an instant is due, it is still taken',
      now: 100_600,
      last: undefined,
      lag: 500,
      instant: 100_000,
      dropped: 0,
    },
    {
      name: 'long after an instant, the next one is waited for',
      now: 106_000,
      last: undefined,
      lag: 500,
      instant: 110_000,
      dropped: 0,
    },
    { name: 'an instant is polled once', now: 100_600, last: 100_000, lag: 500, instant: 110_000, dropped: 0 },
    {
      name: 'two missed instants are dropped, not piled up',
      now: 130_600,
      last: 100_000,
      lag: 500,
      instant: 130_000,
      dropped: 2,
    },
    {
      name: 'a clock put back polls again from where it is',
      now: 50_600,
      last: 100_000,
      lag: 500,
      instant: 50_000,
      dropped: 0,
    },
    {
      name: 'a clock put back by a moment does not repeat the instant',
      now: 100_490,
      last: 100_000,
      lag: 500,
      instant: 110_000,
      dropped: 0,
    },
  ])('$name', ({ now, last, lag, instant, dropped }) => {
    const tick = nextTick(now, last, grid, lag);
    expect(tick).toEqual({ instantMs: instant, fireAtMs: instant + lag, dropped });
  });

  test('instants lie on the grid, never repeat, and fire within one grid', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 10_000_000 }),
        fc.integer({ min: 100, max: 60_000 }),
        fc.double({ min: 0, max: 0.99, noNaN: true }),
        fc.option(fc.integer({ min: 0, max: 1_000 })),
        (now, gridMs, lagShare, lastIndex) => {
          const lag = Math.floor(gridMs * lagShare);
          const last = lastIndex === null ? undefined : lastIndex * gridMs;
          const { instantMs, fireAtMs, dropped } = nextTick(now, last, gridMs, lag);
          expect(instantMs % gridMs === 0).toBe(true);
          expect(instantMs).not.toBe(last);
          expect(fireAtMs - now).toBeLessThanOrEqual(2 * gridMs);
          expect(now - fireAtMs).toBeLessThanOrEqual(gridMs / 2);
          expect(dropped).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});
