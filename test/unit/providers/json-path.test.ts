/** Kubernetes' JSONPath over answers, as kubectl and Argo Rollouts read it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { firstAt, parsePath } from '../../../src/providers/json-path.ts';

const answer = {
  status: 'ok',
  'a.b': 1,
  rate: 0.5,
  nothing: null,
  list: [3, 4, 5, 6],
  items: [
    { kind: 'x', n: 1, labels: { app: 'web' } },
    { kind: 'y', n: 2, isUp: true },
    { kind: 'z', n: 3 },
  ],
};

function first(path: string, value: unknown = answer): unknown {
  const parsed = parsePath(path);
  if (parsed.kind === 'problem') return parsed.message;
  const found = firstAt(value, parsed);
  return found.kind === 'found' ? found.value : found.message;
}

describe('a path', () => {
  test.for<[string, unknown]>([
    ['{$}', answer],
    ['{@}', answer],
    ['{.status}', 'ok'],
    ['{$.status}', 'ok'],
    [' { $.rate } ', 0.5],
    ["{['a.b']}", 1],
    ['{["a.b"]}', 1],
    ['{.a\\.b}', 1],
    ['{.nothing}', null],
    ['{.list}', [3, 4, 5, 6]],
    ['{.list[0]}', 3],
    ['{.list[-1]}', 6],
    ['{.list[1:3]}', 4],
    ['{.list[-2:]}', 5],
    ['{.list[0:4:2]}', 3],
    ['{.list[*]}', 3],
    ['{.list[2,0]}', 5],
    ['{.items[1].n}', 2],
    ['{.items[*].kind}', 'x'],
    ['{.items[*].isUp}', true],
    ['{..isUp}', true],
    ['{..labels.app}', 'web'],
    ['{.items[?(@.kind=="y")].n}', 2],
    ["{.items[?(@.kind == 'z')].n}", 3],
    ['{.items[?(@.n>1)].kind}', 'y'],
    ['{.items[?(@.n<=1)].kind}', 'x'],
    ['{.items[?(@.kind!="x")].n}', 2],
    ['{.items[?(@.isUp==true)].n}', 2],
    ['{.items[?(@.labels)].n}', 1],
  ])('%s', ([path, value]) => {
    expect(first(path)).toEqual(value);
  });

  test.for<[string, RegExp]>([
    ['{.nope}', /nope is not found/],
    ['{.status.deeper}', /deeper is not found/],
    ['{.constructor}', /constructor is not found/],
    ['{.__proto__}', /__proto__ is not found/],
    ['{.list[4]}', /index 4 is outside the list of 4/],
    ['{.list[-5]}', /index -5 is outside/],
    ['{.status[0]}', /no list/],
    ['{.items[?(@.n>9)].kind}', /leads to no value/],
    ['{.items[?(@.kind>1)]}', /no order/],
  ])('%s leads nowhere, and says why', ([path, says]) => {
    expect(first(path)).toMatch(says);
  });

  test.for<[string, RegExp]>([
    ['$.status', /no braces around it\. Write \{\$\.status\}/],
    ['', /no braces/],
    ['{.}', /name is missing/],
    ['{.list[}', /index or a quoted name is missing/],
    ['{.list[0}', /\] is missing/],
    ['{.a b}', /b is not understood/],
    ['{range .items[*]}{.n}{end}', /is not understood/],
    ['{.items[?(process.exit())]}', /compares with @\.name/],
  ])('%s cannot be read, and says what to write', ([path, says]) => {
    expect(first(path)).toMatch(says);
  });

  test('never throws and never leaves the answer, whatever it is', () => {
    const part = fc.constantFrom(
      '.',
      '..',
      '$',
      '@',
      '[',
      ']',
      '*',
      '?(',
      ')',
      "'a'",
      '0',
      '-1',
      ':',
      'a',
      '==',
      '{',
      '}',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.jsonValue(), (parts, value) => {
        const parsed = parsePath(`{${parts.join('')}}`);
        if (parsed.kind === 'problem') return;
        const found = firstAt(value, parsed);
        if (found.kind === 'found') expect(typeof found.value).not.toBe('function');
      }),
      { numRuns: 2000 },
    );
  });
});
