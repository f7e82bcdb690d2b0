import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SerinError } from '../../../src/errors.ts';
import {
  formatDuration,
  parseDurationMs,
  parsePercent,
  parsePoints,
  parseWeight,
  quote,
  readDurationMs,
  units,
  type Unit,
} from '../../../src/api/units.ts';

const rows: readonly (readonly [string, Unit])[] = Object.entries(units);

describe('units', () => {
  for (const [name, unit] of rows) {
    test.each(unit.examples)(`${name}: $text is $value inside`, ({ text, value }) => {
      expect(unit.read(text)).toBe(value);
    });
    test.each(unit.refused.map((text) => ({ text })))(`${name}: $text is refused`, ({ text }) => {
      expect(unit.read(text)).toBeUndefined();
    });
  }

  test.each([
    { parse: parseDurationMs, value: '1 hour', says: 'a Go-style duration' },
    { parse: parsePercent, value: '5', says: 'a percentage' },
    { parse: parsePoints, value: '5%', says: 'percentage points' },
    { parse: parseWeight, value: 150, says: 'a whole number from 0 to 100' },
  ])('names the field, what it is and what to write: $value', ({ parse, value, says }) => {
    expect(() => parse(value, 'Release shop/web: spec.field')).toThrow(SerinError);
    expect(() => parse(value, 'Release shop/web: spec.field')).toThrow(
      new RegExp(`^Release shop/web: spec.field is ${JSON.stringify(value)}\\. Write ${says}`),
    );
  });

  test('formatting a duration reads back to the same milliseconds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 * 24 * 3_600_000 }), (ms) => {
        expect(readDurationMs(formatDuration(ms))).toBe(ms);
      }),
    );
  });

  test('no value of any type makes a reader throw', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        for (const [, unit] of rows) {
          const read = unit.read(value);
          expect(read === undefined || Number.isFinite(read)).toBe(true);
        }
      }),
    );
  });

  test('long junk is refused in linear time and quoted short', () => {
    const junk = `${'1'.repeat(100_000)}x`;
    for (const [, unit] of rows) expect(unit.read(junk)).toBeUndefined();
    expect(quote(junk).length).toBeLessThanOrEqual(60);
  });
});
