/**
 * Argo Rollouts' conditions (utils/evaluate/evaluate.go): the names they see, and the phase that two of them give a measurement.
 * Where its documentation differs its code is followed: no condition at all is Successful, `isNil` and `default` look at the whole
 * result whatever they are given. One exception, to fail safe: `asInt(NaN)` is an error, where Go gives a number by processor.
 */
import { type Budget, DEFAULT_BUDGET, type Environment, type Surroundings } from './environment.ts';
import { evaluate } from './evaluate.ts';
import { toFloat, toWhole } from './functions/numbers.ts';
import { type ExpressionFunction, typed } from './functions/signature.ts';
import { BOOL, FLOAT, FLOATS, INT, type Nature, natureOf, NIL, TIME, UNKNOWN } from './nature.ts';
import { parseExpression } from './parse.ts';
import { drawProblem, type ExpressionProblem } from './problem.ts';
import { Instant, isArray, typeName, type Value, valueOfJson } from './value.ts';

/** What a provider measured. Numbers keep NaN and infinities, which JSON has not. */
export type Measured =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'numbers'; readonly values: readonly number[] }
  /** Anything else, as JSON. */
  | { readonly kind: 'json'; readonly value: unknown };

export type MeasuredPhase = 'Successful' | 'Failed' | 'Inconclusive' | 'Error';

export interface Assessed {
  readonly phase: MeasuredPhase;
  /** Why it is an Error. */
  readonly message?: string;
}

const valueOf = (measured: Measured): Value => {
  if (measured.kind === 'number') return measured.value;
  return measured.kind === 'numbers' ? measured.values : valueOfJson(measured.value);
};

const isNaN_ = typed('isNaN', { usage: 'isNaN(number)', takes: ['float'], gives: BOOL }, ([value]) =>
  Number.isNaN(value),
);
const isInf = typed(
  'isInf',
  { usage: 'isInf(number)', takes: ['float'], gives: BOOL },
  ([value]) => value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY,
);

function functionsOver(result: Value): ReadonlyMap<string, ExpressionFunction> {
  const functions = [
    typed('asInt', { usage: 'asInt(value)', takes: ['any'], gives: INT }, ([value]) => toWhole(value, 'asInt')),
    typed('asFloat', { usage: 'asFloat(value)', takes: ['any'], gives: FLOAT }, ([value]) => toFloat(value, 'asFloat')),
    isNaN_,
    isInf,
    typed('isNil', { usage: 'isNil(result)', takes: ['any'], gives: BOOL }, () => result === null),
    typed('default', { usage: 'default(result, 0)', takes: ['any', 'any'], gives: UNKNOWN }, ([, fallback = null]) =>
      result === null ? fallback : result,
    ),
  ];
  return new Map(functions.map((each) => [each.name, each]));
}

/** What a condition can see before anything is measured: `result` of a provider's kind. */
export function conditionSurroundings(provider: 'prometheus' | 'web' | 'other'): readonly Surroundings[] {
  const natures: Record<typeof provider, readonly Nature[]> = {
    prometheus: [FLOATS, FLOAT],
    web: [UNKNOWN],
    other: [UNKNOWN],
  };
  return natures[provider].map((nature) => ({
    natures: new Map([['result', nature]]),
    functions: functionsOver(null),
  }));
}

function environmentOf(measured: Measured, nowMs: number): Environment {
  const result = valueOf(measured);
  const nature = measured.kind === 'numbers' ? FLOATS : natureOf(result);
  return {
    natures: new Map([['result', result === null ? NIL : nature]]),
    values: new Map([['result', result]]),
    functions: functionsOver(result),
    nowMs,
  };
}

/** True or false, or why neither. */
export function evaluateCondition(
  text: string,
  measured: Measured,
  nowMs: number,
  budget: Budget = DEFAULT_BUDGET,
): boolean | ExpressionProblem {
  const expression = parseExpression(text);
  if (expression.kind === 'problem') return expression;
  const evaluated = evaluate(expression, environmentOf(measured, nowMs), budget);
  if (evaluated.kind === 'problem') return evaluated;
  if (typeof evaluated.value === 'boolean') return evaluated.value;
  const message = `expected bool, but got ${typeName(evaluated.value)}`;
  const suggestion = 'A condition is a comparison, such as result[0] < 0.05.';
  return { kind: 'problem', phase: 'value', text, start: 0, end: text.length, message, suggestion };
}

export interface Conditions {
  readonly successCondition?: string | undefined;
  readonly failureCondition?: string | undefined;
}

/** EvaluateResult: failure wins; one condition alone decides both ways; both false is Inconclusive; neither is Successful. */
export function assessMeasured(measured: Measured, conditions: Conditions, nowMs: number): Assessed {
  const outcomes: (boolean | undefined)[] = [];
  for (const name of ['successCondition', 'failureCondition'] as const) {
    const text = conditions[name];
    if (text === undefined || text === '') {
      outcomes.push(undefined);
      continue;
    }
    const outcome = evaluateCondition(text, measured, nowMs);
    if (typeof outcome !== 'boolean') return { phase: 'Error', message: explain(name, outcome, measured) };
    outcomes.push(outcome);
  }
  const [succeeds, fails] = outcomes;
  if (fails === true || (fails === undefined && succeeds === false)) return { phase: 'Failed' };
  return { phase: succeeds === false ? 'Inconclusive' : 'Successful' };
}

function explain(name: string, problem: ExpressionProblem, measured: Measured): string {
  const value = valueOf(measured);
  if (value === null || (isArray(value) && value.length === 0)) {
    return `could not evaluate ${name} "${problem.text}": metric result is nil or empty: no data returned from the metric provider`;
  }
  return `could not evaluate ${name} "${problem.text}": ${drawProblem(problem)}`;
}

/** The instant of a range query's `start` or `end`, ms since the epoch (EvalTime). */
export function evaluateTime(text: string, nowMs: number): number | ExpressionProblem {
  const expression = parseExpression(text);
  if (expression.kind === 'problem') return expression;
  const functions = new Map([isNaN_, isInf].map((each) => [each.name, each]));
  const evaluated = evaluate(expression, { natures: new Map(), values: new Map(), functions, nowMs });
  if (evaluated.kind === 'problem') return evaluated;
  if (evaluated.value instanceof Instant) return Number(evaluated.value.ns / 1_000n) / 1_000;
  const message = `expected ${TIME.kind}, but got ${typeName(evaluated.value)}`;
  return {
    kind: 'problem',
    phase: 'value',
    text,
    start: 0,
    end: text.length,
    message,
    suggestion: 'Write now() - duration("1h").',
  };
}
