/** Random and mutated expressions: nothing throws, nothing runs for long, what parses can be printed and read back. */
import { expect, test } from 'vitest';
import { evaluateCondition } from '../../../src/expression/condition.ts';
import { evaluate } from '../../../src/expression/evaluate.ts';
import { parseExpression } from '../../../src/expression/parse.ts';
import { printExpression } from '../../../src/expression/print.ts';
import { drawProblem } from '../../../src/expression/problem.ts';

const SEEDS = [
  'result[0] >= 0.95 && !isNaN(result[0])',
  'all(result, {asFloat(.value) >= 9900}) || len(filter(result, # > 1)) == 0',
  'let x = default(result, 0); x < 0.05 ? true : x in 1..3',
  'result?.a.b ?? {"a": [1, 2.5e3, `raw`], b: "q\\n"}["a"][1:] | map(# ** 2)',
  'reduce(result, #acc + #, 0) not in [1, nil] and "abc" matches "^a+" // end',
];
const PIECES = [
  ...Array.from('()[]{}#.,:;?|&!=<>+-*/%^"\'`\\0a_$ é'),
  '__proto__',
  'constructor',
  'not ',
  ' in ',
  '??',
  '?.',
  '..',
  'nil',
  '1e999',
  'map(',
  'if ',
];

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function expressionOf(next: () => number): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(next() * list.length)] as T; // never empty
  if (next() < 0.3) return Array.from({ length: 1 + Math.floor(next() * 12) }, () => pick(PIECES)).join('');
  let text = pick(SEEDS);
  for (let k = Math.floor(next() * 4); k >= 0; k--) {
    const at = Math.floor(next() * text.length);
    const width = Math.floor(next() * 6);
    text = text.slice(0, at) + (next() < 0.7 ? pick(PIECES) : '') + text.slice(at + width);
  }
  return text;
}

test('100 000 random and mutated expressions give a truth or a problem with a place, never anything else', {
  timeout: 60_000,
}, () => {
  const next = random(5);
  let understood = 0;
  for (let k = 0; k < 100_000; k++) {
    const text = expressionOf(next);
    const outcome = evaluateCondition(text, { kind: 'json', value: [{ value: '1' }, { value: '2' }] }, 0);
    if (typeof outcome === 'boolean' || outcome.phase !== 'syntax') understood += 1;
    if (typeof outcome === 'boolean') continue;
    if (outcome.start < 0 || outcome.end <= outcome.start || drawProblem(outcome) === '')
      throw new Error(`no place: ${text}`);
  }
  expect(understood).toBeGreaterThan(5_000);
});

test('what was printed is read back as the same tree', () => {
  const next = random(9);
  let compared = 0;
  for (let k = 0; k < 5_000; k++) {
    const first = parseExpression(expressionOf(next));
    if (first.kind === 'problem') continue;
    const printed = printExpression(first.root);
    const again = parseExpression(printed);
    if (again.kind === 'problem') throw new Error(`${first.text}\n${drawProblem(again)}`);
    expect(printExpression(again.root)).toBe(printed);
    compared += 1;
  }
  expect(compared).toBeGreaterThan(300);
});

test.each([
  ['too many steps', 'all(1..900000, {all(1..900000, true)})'],
  ['too much memory', 'len(map(1..900000, #)) > 0'],
  ['a string that grows', 'repeat("aaaaaaaaaa", 900000) == ""'],
  ['deep nesting', `${'('.repeat(5000)}1${')'.repeat(5000)}`],
  ['a long chain', `${'1+'.repeat(5000)}1`],
  ['a long text', 'a'.repeat(100_000)],
  ['a nest of chained comparisons', `${'(1 < '.repeat(150)}1${' < 2 ? 1 : 2)'.repeat(150)} == 1`],
])('%s ends as a problem', (_, text) => {
  expect(evaluateCondition(text, { kind: 'json', value: null }, 0)).toMatchObject({ kind: 'problem' });
});

test('a budget that is given is kept', () => {
  const expression = parseExpression('all(1..100, # > 0)');
  if (expression.kind === 'problem') throw new Error(expression.message);
  const environment = { natures: new Map(), values: new Map(), functions: new Map(), nowMs: 0 };
  expect(evaluate(expression, environment, { steps: 50, size: 1000 })).toMatchObject({
    message: 'the expression takes too many steps',
  });
  expect(evaluate(expression, environment)).toEqual({ kind: 'value', value: true });
});

test('a mistake is shown with a caret and what was probably meant', () => {
  const problem = parseExpression('result[0] => 0.95');
  if (problem.kind !== 'problem') throw new Error('understood');
  expect(drawProblem(problem)).toBe(
    'unexpected token "="\n' + '  result[0] => 0.95\n            ^\nWrite >= for "at least".',
  );
});
