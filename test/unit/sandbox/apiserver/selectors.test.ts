import { describe, expect, test } from 'vitest';
import { humanDuration } from '../../../../src/sandbox/apiserver/kinds/age.ts';
import { compileJsonPath } from '../../../../src/sandbox/apiserver/kinds/json-path.ts';
import {
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
} from '../../../../src/sandbox/apiserver/store/selectors.ts';

describe('label selectors', () => {
  test.each([
    ['a=b', { a: 'b' }, true],
    ['a==b,c!=d', { a: 'b' }, true],
    ['a in (b, c)', { a: 'c' }, true],
    ['a notin (b,c),!d', { a: 'x' }, true],
    ['a.b/c-d_e', { 'a.b/c-d_e': '' }, true],
    ['n>4,n<6', { n: '5' }, true],
    ['n>4', { n: '4' }, false],
    ['constructor', {}, false],
    ['', { any: 'thing' }, true],
  ])('%s on %o is %s', (text, labels, expected) => {
    expect(matchesLabels(parseLabelSelector(text), labels)).toBe(expected);
  });

  test.each(['a b', 'a=b=c', '=b', 'a in b', 'a in (b', ','])('%s cannot be read', (text) => {
    expect(() => parseLabelSelector(text)).toThrow('unable to parse requirement');
  });
});

test('field selectors unescape commas, equal signs and backslashes', () => {
  expect(parseFieldSelector(String.raw`a=1\,2\=3\\4,b!=x`)).toEqual([
    { field: 'a', equals: true, value: String.raw`1,2=3\4` },
    { field: 'b', equals: false, value: 'x' },
  ]);
});

describe('paths of printer columns', () => {
  const value = {
    metadata: { labels: { 'a.b/c': 'x' } },
    list: [
      { type: 'A', status: 'True' },
      { type: 'B', status: 'False' },
    ],
  };
  test.each([
    ['.metadata.labels.a\\.b/c', ['x']],
    ["{.metadata.labels['a.b/c']}", ['x']],
    ['.list[?(@.type=="B")].status', ['False']],
    ['.list[?(@.type!="B")].status', ['True']],
    ['.list[*].type', ['A', 'B']],
    ['.list[-1].type', ['B']],
    ['.none.at.all', []],
    ['.constructor', []],
  ])('%s', (path, expected) => {
    expect(compileJsonPath(path)?.(value)).toEqual(expected);
  });

  test.each(['..x', '.a[', '.a[?(@.b>1)]'])('%s is refused', (path) => {
    expect(compileJsonPath(path)).toBeUndefined();
  });
});

test.each([
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [150, '2m30s'],
  [599, '9m59s'],
  [3_600 * 2.5, '150m'],
  [3_600 * 4 + 60, '4h1m'],
  [3_600 * 47, '47h'],
  [86_400 * 3 + 3_600, '3d1h'],
  [86_400 * 300, '300d'],
  [86_400 * 800, '2y70d'],
])('%d seconds are %s', (seconds, expected) => {
  expect(humanDuration(seconds * 1000)).toBe(expected);
});
