/**
 * Conditions of Argo-style metrics: parsed and typed by the engine that evaluates them, then tried on values that the query can give.
 * A condition that is the same for all of them decides nothing; one that is false for NaN lets an hour without traffic abort a release.
 */
import { at, listAt, stringAt } from '../../api/fields.ts';
import { checkExpression } from '../../expression/check.ts';
import { assessMeasured, conditionSurroundings, evaluateCondition, evaluateTime } from '../../expression/condition.ts';
import { parseExpression } from '../../expression/parse.ts';
import type { ExpressionProblem } from '../../expression/problem.ts';
import { type ArgoMetric, argoMetrics } from './argo.ts';
import { wholeNumber } from './limits.ts';
import type { Check } from './context.ts';
import { type LintFinding, textFinding } from './finding.ts';
import { fillExpression } from './placeholders.ts';
import { type ParsedQuery, parseQuery } from './promql.ts';
import type { Path, SourceObject } from './source.ts';
import { canDivideByZero, isScalarQuery, valueRange } from './value-range.ts';

const FIELDS = ['successCondition', 'failureCondition'] as const;

export const checkConditions: Check = (object) =>
  argoMetrics(object).flatMap((metric) => {
    const written = stringAt(metric.metric, 'provider', 'prometheus', 'query');
    const query = written === undefined ? undefined : parseQuery(written);
    const found = FIELDS.flatMap((field) => conditionFindings(object, metric, field, query));
    return [...found, ...(found.length > 0 ? [] : noTraffic(object, metric, query)), ...timeFindings(object, metric)];
  });

interface Text {
  readonly path: Path;
  readonly value: string;
}

function conditionFindings(
  object: SourceObject,
  { metric, path }: ArgoMetric,
  field: (typeof FIELDS)[number],
  query: ParsedQuery | undefined,
): readonly LintFinding[] {
  const value = stringAt(metric, field);
  if (value === undefined || value.trim() === '') return [];
  const text = { path: [...path, field], value };
  const filled = fillExpression(value).text;
  const problem = problemOf(filled, at(metric, 'provider'), query);
  if (problem !== undefined) return [problemFinding(object, text, problem)];
  const whole = withDefaults(value, object);
  const constant =
    whole === undefined ? undefined : constantOf(whole, query, at(metric, 'provider', 'prometheus') !== undefined);
  if (constant === undefined) return [];
  return [
    textFinding(
      'constant-condition',
      object,
      text,
      { from: 0, to: value.length },
      constantMessage(field, constant, query),
    ),
  ];
}

/** Arguments replaced by their defaults; `undefined` when one has none. */
function withDefaults(text: string, { value }: SourceObject): string | undefined {
  const defaults = new Map(listAt(value, 'spec', 'args').map((arg) => [stringAt(arg, 'name'), stringAt(arg, 'value')]));
  let isWhole = true;
  const replaced = text.replace(/\{\{\s*args\.([^{}\s]+)\s*\}\}/g, (_, name: string) => {
    const known = defaults.get(name);
    isWhole &&= known !== undefined;
    return known ?? '';
  });
  return isWhole && !replaced.includes('{{') ? replaced : undefined;
}

function problemFinding(
  object: SourceObject,
  text: Text,
  { start, end, message, suggestion }: ExpressionProblem,
): LintFinding {
  const sentence = `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
  return textFinding(
    'expression',
    object,
    text,
    { from: start, to: end },
    `${sentence} ${suggestion ?? 'Correct the condition here.'}`,
  );
}

/** What is wrong for every kind of result that the provider can give. */
function problemOf(text: string, provider: unknown, query: ParsedQuery | undefined): ExpressionProblem | undefined {
  const expression = parseExpression(text);
  if (expression.kind === 'problem') return expression;
  const kind =
    at(provider, 'prometheus') !== undefined ? 'prometheus' : at(provider, 'web') !== undefined ? 'web' : 'other';
  const checked = conditionSurroundings(kind).map((surroundings) => checkExpression(expression, surroundings));
  if (kind !== 'prometheus' || query === undefined)
    return problemIn(checked[0]) !== undefined && checked.every(isProblem)
      ? problemIn(checked[0])
      : notBoolean(text, checked[0]);
  const [ofList, ofNumber] = checked;
  const found = isScalarQuery(query) ? ofNumber : ofList;
  const problem = problemIn(found);
  if (problem === undefined) return notBoolean(text, found);
  const isOther = !isScalarQuery(query) && !isProblem(ofNumber);
  return isOther
    ? {
        ...problem,
        message: 'Prometheus answers with a list of numbers, and this takes it for one',
        suggestion: 'Write result[0].',
      }
    : problem;
}

type Checked = ReturnType<typeof checkExpression> | undefined;

const isProblem = (checked: Checked): boolean => checked?.kind === 'problem';
const problemIn = (checked: Checked): ExpressionProblem | undefined =>
  checked?.kind === 'problem' ? checked : undefined;

function notBoolean(text: string, checked: Checked): ExpressionProblem | undefined {
  if (checked === undefined || checked.kind === 'problem' || checked.kind === 'bool' || checked.kind === 'unknown')
    return undefined;
  return {
    kind: 'problem',
    phase: 'type',
    text,
    start: 0,
    end: text.length,
    message: `A condition is true or false, and this is a value (${checked.kind})`,
    suggestion: 'Compare it, e.g. result[0] < 0.05.',
  };
}

/** True or false for every value that the query can give; `undefined` when it depends on the value, or cannot be told. */
function constantOf(text: string, query: ParsedQuery | undefined, isPrometheus: boolean): boolean | undefined {
  const outcomes = new Set<boolean>();
  let tried = 0;
  for (const value of samplesFor(text, query)) {
    for (const measured of [
      { kind: 'numbers', values: [value] },
      { kind: 'number', value },
    ] as const) {
      const outcome = evaluateCondition(text, measured, 0);
      if (typeof outcome !== 'boolean') continue;
      tried += 1;
      outcomes.add(outcome);
    }
  }
  // What a web service answers may be anything; only a condition that never looks at it is surely constant.
  if (tried < 3 || outcomes.size !== 1 || (!isPrometheus && /\bresult\b/.test(text))) return undefined;
  const [only] = outcomes;
  return only;
}

/** Around every number of the condition, inside what the query can give. */
function samplesFor(text: string, query: ParsedQuery | undefined): readonly number[] {
  const { low, high } = query === undefined ? { low: -Infinity, high: Infinity } : valueRange(query);
  const numbers = (text.match(/\d+(?:\.\d+)?(?:e[-+]?\d+)?/gi) ?? []).map(Number);
  const around = numbers.flatMap((number) => [
    number,
    -number,
    number * 0.999,
    number * 1.001,
    number - 1,
    number + 1,
    number / 2,
  ]);
  const all = [...around, -1e9, -1, 0, 0.25, 0.5, 0.75, 1, 10, 1e9, low, high];
  return all.filter((value) => Number.isFinite(value) && value >= low && value <= high);
}

function constantMessage(field: (typeof FIELDS)[number], isTrue: boolean, query: ParsedQuery | undefined): string {
  const { low, high } = query === undefined ? { low: -Infinity, high: Infinity } : valueRange(query);
  const values = Number.isFinite(high)
    ? `every value the query can give (${low} to ${high})`
    : low === 0
      ? 'every value from 0 up'
      : 'every value';
  const meaning =
    field === 'successCondition'
      ? isTrue
        ? 'the metric could never fail'
        : 'the metric could never succeed'
      : isTrue
        ? 'the metric would always fail'
        : 'the metric could never fail';
  const percent = high === 1 ? ' The query gives a fraction: 5 % is 0.05.' : '';
  return `This is ${String(isTrue)} for ${values}, so ${meaning}.${percent} Compare with a number that some values are above and others below.`;
}

/** A quotient without requests is NaN, and NaN fulfils no comparison. */
function noTraffic(
  object: SourceObject,
  { metric, path }: ArgoMetric,
  query: ParsedQuery | undefined,
): readonly LintFinding[] {
  const value = stringAt(metric, 'successCondition');
  const limit = metric['failureLimit'] === undefined ? 0 : wholeNumber(metric['failureLimit']);
  if (query === undefined || value === undefined || limit !== 0 || !canDivideByZero(query)) return [];
  const conditions = {
    successCondition: fillExpression(value).text,
    failureCondition: stringAt(metric, 'failureCondition'),
  };
  if (assessMeasured({ kind: 'numbers', values: [Number.NaN] }, conditions, 0).phase !== 'Failed') return [];
  return [
    textFinding(
      'no-traffic',
      object,
      { path: [...path, 'successCondition'], value },
      { from: 0, to: value.length },
      'Without requests the query divides 0 by 0, NaN fulfils no comparison, and failureLimit 0 makes the first one final. Begin with isNaN(result[0]) ||, or raise failureLimit.',
    ),
  ];
}

/** `start` and `end` of a range query are expressions too. */
function timeFindings(object: SourceObject, { metric, path }: ArgoMetric): readonly LintFinding[] {
  return ['start', 'end'].flatMap((field) => {
    const where = ['provider', 'prometheus', 'rangeQuery', field];
    const value = stringAt(metric, ...where);
    if (value === undefined) return [];
    const time = evaluateTime(fillExpression(value).text, 0);
    return typeof time === 'number' || value.includes('{{')
      ? []
      : [problemFinding(object, { path: [...path, ...where], value }, time)];
  });
}
