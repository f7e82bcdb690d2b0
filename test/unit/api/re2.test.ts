import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { re2Problem } from '../../../src/api/re2.ts';
import { RE2_BAD, RE2_GOOD } from '../../support/regexes.ts';

describe('regular expressions of Prometheus', () => {
  test.each(RE2_GOOD.map((expression) => ({ expression })))('$expression is fine', ({ expression }) => {
    expect(re2Problem(expression)).toBeUndefined();
  });

  test.each(RE2_BAD)('$expression $says', ({ expression, says }) => {
    expect(re2Problem(expression)).toContain(says);
  });

  test('any text is answered, in linear time', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'()[]{}*+?|\\^$.,-aQE09:P<>=!é'.split('')), maxLength: 60 }),
        (expression) => {
          expect(['string', 'undefined']).toContain(typeof re2Problem(expression));
        },
      ),
    );
    const start = performance.now();
    for (const part of ['(', '[', 'a{9}', '(a|', '\\', 'a*']) re2Problem(part.repeat(100_000));
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});
