/** Conditions and what they give; every row was compared with expr-lang 1.17.8 in Argo's own environment. */
import { describe, expect, test } from 'vitest';
import { assessMeasured, evaluateCondition, evaluateTime, type Measured } from '../../../src/expression/condition.ts';

const numbers = (...values: number[]): Measured => ({ kind: 'numbers', values });
const number = (value: number): Measured => ({ kind: 'number', value });
const json = (value: unknown): Measured => ({ kind: 'json', value });
const health = json({ ok: true, successPercent: 0.95, name: 'abc', deep: { a: null }, list: [1, 2, 3] });

const ROWS: readonly (readonly [string, Measured, boolean | 'Error'])[] = [
  ['result[0] >= 0.95', numbers(0.97), true],
  ['result[0] >= 0.95', numbers(0.9), false],
  ['result[0] >= .95', numbers(Number.NaN), false],
  ['result[0] < .95', numbers(Number.NaN), false],
  ['result[0] >= 0.95', numbers(), 'Error'],
  ['len(result) == 0 || result[0] >= 0.95', numbers(), true],
  ['len(result) == 0 || result[0] >= 0.95', numbers(0.5), false],
  ['isNaN(result[0]) || result[0] < 1', numbers(Number.NaN), true],
  ['isNaN(result)', numbers(1), 'Error'],
  ['isNaN(result)', number(Number.NaN), true],
  ['isInf(result)', number(Number.NEGATIVE_INFINITY), true],
  ['isInf(1)', json(null), false],
  ['isNaN(len("a"))', json(null), 'Error'],
  ['result > 10', number(11), true],
  ['result == "ok"', json('ok'), true],
  ['result == "ok"', number(1), 'Error'],
  ['result == 1', json('1'), 'Error'],
  ['asInt(result) == 12', json('12'), true],
  ['asInt(result) == 1', number(1.123), true],
  ['asInt(result) == 1', json('1.1'), 'Error'],
  ['asInt(result) < 5', number(Number.NaN), 'Error'],
  ['asFloat(result) > 1.05', json('1.1'), true],
  ['asFloat(result) > 1', json({}), 'Error'],
  ['default(result, 0) < 0.05', json(null), true],
  ['default(1, 0) == 12', json(12), true],
  ['isNil(result)', json(null), true],
  ['isNil(nil)', json(1), false],
  ['isNil(result) || result[0] > 1', json(null), 'Error'],
  ['result > 1', json(null), 'Error'],
  ['result.ok && result.successPercent >= 0.90', health, true],
  ['result.ok and not (result.successPercent < 0.90)', health, true],
  ['!result.ok', health, false],
  ['result.missing == nil', health, true],
  ['result.missing.deeper == nil', health, 'Error'],
  ['result.missing?.deeper == nil', health, true],
  ['(result.missing ?? 3) == 3', health, true],
  ['result["name"] == "abc"', health, true],
  ['"ok" in result', health, true],
  ['"constructor" in result', health, false],
  ['result.constructor == nil', health, true],
  ['result.__proto__ == nil', health, true],
  ['constructor', health, 'Error'],
  ['result.toString()', health, 'Error'],
  ['result.name in ["abc", "d"]', health, true],
  ['result.name not in ["abc"]', health, false],
  ['result.name contains "b" && result.name startsWith "a" && result.name endsWith "c"', health, true],
  ['result.name matches "^a.c$"', health, true],
  ['result.name matches "(a+)+$"', health, false],
  ['result.name matches "a("', health, 'Error'],
  ['all(result, # < 1000)', numbers(1, 2), true],
  ['all(result, {# < 2})', numbers(1, 2), false],
  ['all(result, # < 1000)', json(['1']), 'Error'],
  ['any(result, # > 1) and none(result, # > 2) and one(result, # == 1)', numbers(1, 2), true],
  ['all(result, {asFloat(.value) >= 9900})', json([{ value: '9901' }, { value: '9900' }]), true],
  ['count(result, # > 1) == 2', numbers(1, 2, 3), true],
  ['len(filter(result, # > 1)) == 2', numbers(1, 2, 3), true],
  ['map(result, # * 2)[2] == 6', numbers(1, 2, 3), true],
  ['sum(result) == 6 && max(result) == 3 && min(result) == 1', numbers(1, 2, 3), true],
  ['mean(result) == 2 && median(result) == 2', numbers(1, 2, 3), true],
  ['mean([]) == 0.0', json(null), true],
  ['max(result) < 0.05', numbers(), 'Error'],
  ['reduce(result, #acc + #, 0) == 6', numbers(1, 2, 3), true],
  ['result[-1] == 3', numbers(1, 2, 3), true],
  ['result[1:][0] == 2', numbers(1, 2, 3), true],
  ['result[5] == 1', numbers(1), 'Error'],
  ['0 < result < 1', number(0.5), true],
  ['2 ** 3 ** 2 == 512 && -2 ** 2 == -4', json(null), true],
  ['7 / 2 == 3.5 && 7 % 2 == 1', json(null), true],
  ['result % 2 == 1', number(1), 'Error'],
  ['1 / 0 > 1', json(null), true],
  ['1 % 0 == 0', json(null), 'Error'],
  ['true ? false : true', json(null), false],
  ['if result > 1 { true } else { false }', number(2), true],
  ['let limit = 0.05; result[0] < limit', numbers(0.01), true],
  ['result | filter(# > 1) | len() == 2', numbers(1, 2, 3), true],
  ['1 in 0..3 /* a range */', json(null), true],
  ['now() - duration("1h") < now()', json(null), true],
  ['date("2026-11-21") < now()', json(null), true],
  ['len(result)', numbers(1), 'Error'],
  ['result[0] >= ', numbers(1), 'Error'],
  ['result[0] = 1', numbers(1), 'Error'],
  ['foo', numbers(1), 'Error'],
  ['', numbers(1), 'Error'],
];

describe('conditions', () => {
  test.each(ROWS)('%s on %j is %s', (text, measured, expected) => {
    const nowMs = Date.parse('2026-11-22T00:00:00Z');
    const outcome = evaluateCondition(text, measured, nowMs);
    expect(typeof outcome === 'boolean' ? outcome : 'Error').toBe(expected);
  });

  // utils/evaluate/evaluate.go, EvaluateResult
  test.each([
    ['', '', 'Successful'],
    ['true', '', 'Successful'],
    ['false', '', 'Failed'],
    ['', 'false', 'Successful'],
    ['', 'true', 'Failed'],
    ['true', 'true', 'Failed'],
    ['false', 'true', 'Failed'],
    ['true', 'false', 'Successful'],
    ['false', 'false', 'Inconclusive'],
    ['nonsense', '', 'Error'],
    ['true', '1', 'Error'],
  ])('success "%s" and failure "%s" give %s', (successCondition, failureCondition, phase) => {
    expect(assessMeasured(number(1), { successCondition, failureCondition }, 0).phase).toBe(phase);
  });

  test('an empty answer that a condition does not expect is told in words of its own', () => {
    expect(assessMeasured(numbers(), { successCondition: 'result[0] > 1' }, 0).message).toBe(
      'could not evaluate successCondition "result[0] > 1": metric result is nil or empty: no data returned from the metric provider',
    );
  });

  test('times of range queries are expressions', () => {
    expect(evaluateTime('now() - duration("1h30m")', 7_200_000)).toBe(1_800_000);
    expect(evaluateTime('5', 0)).toMatchObject({ kind: 'problem' });
  });
});
