import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseBoundaries } from '../../../src/judge/boundaries.ts';

const tally = (boundaryMs: number, share: number) => ({ boundaryMs, bad: share * 100_000, total: 100_000 });
const USUAL = [tally(10, 0.98), tally(50, 0.5), tally(100, 0.12), tally(250, 0.004), tally(500, 0.0001)];

describe('boundaries of a histogram', () => {
  test('are those that 0.05 % to a half of stable’s requests exceed', () => {
    expect(chooseBoundaries(USUAL, undefined).map(({ boundaryMs }) => boundaryMs)).toEqual([50, 100, 250]);
  });

  test('get the more of the metric’s share the rarer they are', () => {
    const [half, tenth, rare] = chooseBoundaries(USUAL, undefined).map(({ share }) => share);
    expect([half, tenth, rare].map((share) => Number(share?.toFixed(2)))).toEqual([0.08, 0.25, 0.66]);
  });

  test('leave half of the share to the promised one', () => {
    const chosen = chooseBoundaries(USUAL, 100);
    expect(chosen.find(({ boundaryMs }) => boundaryMs === 100)).toMatchObject({ share: 0.5, mustPass: true });
    expect(chosen.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 12);
  });

  test('that every request exceeds still get a share', () => {
    expect(chooseBoundaries([{ boundaryMs: 5, bad: 1e18, total: 1e18 }], undefined)).toEqual([
      { boundaryMs: 5, share: 1, mustPass: true },
    ]);
  });

  test('share one metric whatever stable’s latency looks like', () => {
    const any = fc.array(
      fc.record({ boundaryMs: fc.integer({ min: 1, max: 60_000 }), part: fc.double({ min: 0, max: 1, noNaN: true }) }),
      { minLength: 1, maxLength: 30 },
    );
    fc.assert(
      fc.property(any, fc.option(fc.nat(29), { nil: undefined }), (list, slo) => {
        const tallies = [
          ...new Map(list.map(({ boundaryMs, part }) => [boundaryMs, tally(boundaryMs, part)])).values(),
        ];
        const chosen = chooseBoundaries(tallies, slo === undefined ? undefined : tallies[slo]?.boundaryMs);
        expect(chosen.length).toBeGreaterThan(0);
        expect(chosen.every(({ share }) => share > 0 && share <= 1)).toBe(true);
        expect(chosen.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
      }),
    );
  });
});
