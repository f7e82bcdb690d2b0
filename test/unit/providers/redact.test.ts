/** No spelling of a secret is left in a text. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { redactor } from '../../../src/providers/redact.ts';

test.for([
  { as: 'itself', text: 'token s3cr+t/x= refused' },
  { as: 'part of a URL', text: 'GET http://x/?t=s3cr%2Bt%2Fx%3D failed' },
  { as: 'base64', text: `Basic ${Buffer.from('s3cr+t/x=').toString('base64')}` },
])('as $as it is taken out', ({ text }) => {
  const clean = redactor(['s3cr+t/x='])(text);
  expect(clean).toContain('*****');
  expect(clean).not.toMatch(/s3cr|czNjc/);
});

test('in JSON it is taken out too, quotes and line breaks in it or not', () => {
  const secret = 'a"b\\c\nd';
  expect(redactor([secret])(JSON.stringify({ said: secret }))).toBe('{"said":"*****"}');
});

test('of a secret within another nothing is left', () => {
  expect(redactor(['abc', 'abcdef'])('x abcdef abc')).toBe('x ***** *****');
});

test('an empty secret changes nothing', () => {
  expect(redactor([''])('as it is')).toBe('as it is');
});

test('whatever the secret and the text around it', () => {
  const around = fc.string({ unit: fc.constantFrom('0', '1', '2', ' ') });
  const secret = fc.string({ unit: fc.constantFrom('a', 'b', '$', '&', '"', '\\', 'ä', '+'), minLength: 1 });
  fc.assert(
    fc.property(around, secret, around, (before, hidden, after) => {
      expect(redactor([hidden])(before + hidden + after)).toBe(`${before}*****${after}`);
    }),
  );
});
