/** What values a query can give, as far as its form says: a part of a whole is 0 to 1, a rate is never negative. Pure. */
import type { ParsedQuery } from './promql.ts';
import { argumentsOf, childrenOf, functionName, type SyntaxNode, unwrapped } from './promql-tree.ts';
import { RANGE_FUNCTIONS } from './promql-functions.ts';

export interface ValueRange {
  readonly low: number;
  readonly high: number;
}

const ANYTHING: ValueRange = { low: -Infinity, high: Infinity };
const NOT_NEGATIVE: ValueRange = { low: 0, high: Infinity };

export function valueRange({ text, tree, problems }: ParsedQuery): ValueRange {
  const top = tree.topNode.firstChild;
  return problems.length > 0 || top === null ? ANYTHING : rangeOf(text, unwrapped(top));
}

/** Whether the answer is one number and no list: `scalar(…)`, `1`, `time()`. */
export function isScalarQuery({ text, tree }: ParsedQuery): boolean {
  const top = tree.topNode.firstChild;
  return top !== null && isScalar(text, unwrapped(top));
}

function isScalar(text: string, node: SyntaxNode): boolean {
  if (node.name === 'NumberDurationLiteral' || node.name === 'UnaryExpr') return true;
  if (node.name === 'FunctionCall') return ['scalar', 'time', 'pi'].includes(functionName(text, node));
  if (node.name !== 'BinaryExpr') return false;
  const [left, right] = operandsOf(node);
  return left !== undefined && right !== undefined && isScalar(text, left) && isScalar(text, right);
}

/** Whether a quotient stands somewhere whose divisor can be zero, and nothing guards it. */
export function canDivideByZero({ text, tree }: ParsedQuery): boolean {
  if (/\bor\b|clamp_min|>\s*0|!=\s*0/.test(text)) return false;
  let found = false;
  tree.iterate({
    enter: ({ node }) => {
      if (node.name !== 'BinaryExpr' || node.getChild('Div') === null) return;
      const [, right] = operandsOf(node);
      found ||= right !== undefined && right.name !== 'NumberDurationLiteral';
    },
  });
  return found;
}

function operandsOf(binary: SyntaxNode): readonly SyntaxNode[] {
  const [first, ...others] = childrenOf(binary);
  const last = others.at(-1);
  return first === undefined || last === undefined ? [] : [unwrapped(first), unwrapped(last)];
}

function rangeOf(text: string, node: SyntaxNode): ValueRange {
  switch (node.name) {
    case 'NumberDurationLiteral': {
      const value = Number(text.slice(node.from, node.to));
      // Placeholders are filled with ones; what they stand for is not known.
      return Number.isNaN(value) || /^1{6,}$/.test(text.slice(node.from, node.to))
        ? ANYTHING
        : { low: value, high: value };
    }
    case 'AggregateExpr':
      return aggregateRange(text, node);
    case 'FunctionCall':
      return callRange(text, node);
    case 'BinaryExpr':
      return binaryRange(text, node);
    default:
      return ANYTHING;
  }
}

function aggregateRange(text: string, node: SyntaxNode): ValueRange {
  const name = functionName(text, node);
  if (name === 'count' || name === 'stddev' || name === 'stdvar') return NOT_NEGATIVE;
  if (name === 'group') return { low: 1, high: 1 };
  const inner = rangeOf(text, argumentsOf(node).at(-1) ?? node);
  if (name === 'sum') return inner.low >= 0 ? NOT_NEGATIVE : ANYTHING;
  return name === 'count_values' ? ANYTHING : inner;
}

const GROWING = new Set([
  'rate',
  'increase',
  'irate',
  'resets',
  'changes',
  'count_over_time',
  'absent',
  'stddev_over_time',
]);

function callRange(text: string, node: SyntaxNode): ValueRange {
  const name = functionName(text, node);
  if (GROWING.has(name)) return NOT_NEGATIVE;
  const [first] = argumentsOf(node);
  if (name === 'histogram_quantile') return NOT_NEGATIVE;
  if (RANGE_FUNCTIONS.has(name) || first === undefined) return ANYTHING;
  return [
    'scalar',
    'vector',
    'abs',
    'ceil',
    'floor',
    'round',
    'sort',
    'sort_desc',
    'label_replace',
    'label_join',
  ].includes(name)
    ? rangeOf(text, first)
    : ANYTHING;
}

function binaryRange(text: string, node: SyntaxNode): ValueRange {
  const [left, right] = operandsOf(node);
  if (left === undefined || right === undefined) return ANYTHING;
  if (node.getChild('Div') !== null) {
    if (isPart(text, left, right)) return { low: 0, high: 1 };
    const [over, under] = [rangeOf(text, left), rangeOf(text, right)];
    return over.low >= 0 && under.low >= 0 ? NOT_NEGATIVE : ANYTHING;
  }
  const [one, other] = [rangeOf(text, left), rangeOf(text, right)];
  if (node.getChild('Mul') !== null) {
    const ends = [one.low * other.low, one.low * other.high, one.high * other.low, one.high * other.high];
    return ends.some(Number.isNaN) ? signed(one, other) : { low: Math.min(...ends), high: Math.max(...ends) };
  }
  if (node.getChild('Add') !== null) return { low: one.low + other.low, high: one.high + other.high };
  if (node.getChild('Sub') !== null) return { low: one.low - other.high, high: one.high - other.low };
  return ANYTHING;
}

const signed = (one: ValueRange, other: ValueRange): ValueRange =>
  one.low >= 0 && other.low >= 0 ? NOT_NEGATIVE : ANYTHING;

/** `a` counts some of the very events that `b` counts: one counter each, the same, with more matchers on the left. */
function isPart(text: string, left: SyntaxNode, right: SyntaxNode): boolean {
  const [part, whole] = [selectorsIn(left), selectorsIn(right)];
  const [one] = part;
  const [all] = whole;
  if (part.length !== 1 || whole.length !== 1 || one === undefined || all === undefined) return false;
  const matchers = matchersOf(text, one);
  return (
    nameOf(text, one) === nameOf(text, all) &&
    nameOf(text, one) !== '' &&
    matchersOf(text, all).every((matcher) => matchers.includes(matcher))
  );
}

function selectorsIn(node: SyntaxNode): readonly SyntaxNode[] {
  if (node.name === 'VectorSelector') return [node];
  return childrenOf(node).flatMap(selectorsIn);
}

function nameOf(text: string, selector: SyntaxNode): string {
  const name = selector.getChild('Identifier');
  return name === null ? '' : text.slice(name.from, name.to);
}

function matchersOf(text: string, selector: SyntaxNode): readonly string[] {
  return (selector.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []).map(({ from, to }) =>
    text.slice(from, to).replaceAll(/\s/g, ''),
  );
}
