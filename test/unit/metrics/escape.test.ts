import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { boundarySpellings, literalRegex, quoted, readBoundary } from '../../../src/metrics/escape.ts';

/** What a Go string literal means, for the escapes that we write; throws on anything else. */
function unquote(literal: string): string {
  expect(literal).toMatch(/^"(?:[^"\\\n]|\\(?:[\\"nrt]|u[0-9a-f]{4}))*"$/u);
  return literal.slice(1, -1).replace(/\\(?:u([0-9a-f]{4})|(.))/g, (_, hex: string | undefined, char: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return { n: '\n', r: '\r', t: '\t' }[char] ?? char;
  });
}

const nasty = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        '"',
        '\\',
        '{',
        '}',
        ',',
        '=',
        '~',
        '\n',
        '\r',
        '\0',
        '|',
        '.*',
        '(',
        ')',
        '^',
        '$',
        '\u2028',
        '\ud800',
        'a',
      ),
      {
        maxLength: 20,
      },
    )
    .map((parts) => parts.join('')),
);

describe('a value in PromQL', () => {
  test('never leaves its quotes and means exactly what was given', () => {
    fc.assert(
      fc.property(nasty, (text) => {
        expect(unquote(quoted(text))).toBe(text.toWellFormed());
      }),
    );
  });

  test('as a regular expression matches itself and nothing else', () => {
    fc.assert(
      fc.property(nasty, nasty, (text, other) => {
        const regex = new RegExp(`^(?:${literalRegex(text)})$`, 's');
        expect(regex.test(text.toWellFormed())).toBe(true);
        expect(regex.test(other.toWellFormed())).toBe(text.toWellFormed() === other.toWellFormed());
      }),
    );
  });
});

describe('a histogram boundary', () => {
  test.each([
    [0.5, ['0.5']],
    [5, ['5', '5.0']],
    [250, ['250', '250.0']],
    [600_000, ['600000', '600000.0']],
    [1_000_000, ['1000000', '1e+06', '1000000.0']],
    [1_800_000, ['1800000', '1.8e+06', '1800000.0']],
    [0.00001, ['0.00001', '1e-05']],
    [Number.POSITIVE_INFINITY, ['+Inf']],
  ])('%d is spelled as Prometheus 2, Prometheus 3, Go and Envoy do', (boundary, spellings) => {
    expect(boundarySpellings(boundary)).toEqual(spellings);
  });

  test('is read back as the same number from every spelling', () => {
    const boundaries = fc.oneof(
      fc.integer({ min: 1, max: 10_000_000 }),
      fc.double({ min: 1e-6, max: 1e9, noNaN: true }),
    );
    fc.assert(
      fc.property(boundaries, (boundary) => {
        for (const spelling of boundarySpellings(boundary)) {
          expect(readBoundary(spelling)).toBeCloseTo(boundary, 12);
        }
      }),
    );
  });

  test.each(['', ' ', 'fast', '1,5'])('%j is none', (text) => {
    expect(readBoundary(text)).toBeUndefined();
  });
});
