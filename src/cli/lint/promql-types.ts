/** What the grammar of PromQL allows but Prometheus refuses: its types, and its functions' and aggregations' arguments. */
import { re2Problem } from '../../api/re2.ts';
import { RANGE_FUNCTIONS } from './promql-functions.ts';
import {
  argumentsOf,
  childrenOf,
  functionName,
  type QueryProblem,
  type SyntaxNode,
  type Tree,
  unwrapped,
} from './promql-tree.ts';
/** Everything of a query that is right by its grammar alone that Prometheus refuses. */
export function typeProblems(text: string, tree: Tree): readonly QueryProblem[] {
  const problems: QueryProblem[] = [];
  tree.iterate({
    enter: ({ node }) => {
      const found = problemOf(text, node);
      if (found !== undefined) problems.push(found);
    },
  });
  return problems;
}

function problemOf(text: string, node: SyntaxNode): QueryProblem | undefined {
  switch (node.name) {
    case 'FunctionCall':
      return functionProblem(text, node);
    case 'AggregateExpr':
      return aggregateProblem(text, node);
    case 'UnquotedLabelMatcher':
    case 'QuotedLabelMatcher':
      return matcherProblem(text, node);
    case 'BinaryExpr':
      return sideProblem(node);
    case 'MatrixSelector':
      return rangeProblem(node);
    case 'PromQL':
      return topProblem(node);
    default:
      return undefined;
  }
}

const isRange = (node: SyntaxNode): boolean => node.name === 'MatrixSelector' || node.name === 'SubqueryExpr';

function functionProblem(text: string, call: SyntaxNode): QueryProblem | undefined {
  const name = functionName(text, call);
  const given = argumentsOf(call);
  const range = given.find(isRange);
  if (RANGE_FUNCTIONS.has(name) && range === undefined) {
    const wrong = given.find((argument) => !argument.name.includes('Literal')) ?? call;
    const inner =
      wrong.name === 'AggregateExpr' || wrong.name === 'FunctionCall' ? functionName(text, wrong) : undefined;
    const fix =
      inner === 'sum' || inner === 'avg'
        ? `Take ${name} first, then ${inner}: ${inner}(${name}(x[5m])).`
        : `Write ${name}(x[5m]).`;
    return {
      from: wrong.from,
      to: wrong.to,
      message: `${name} needs samples over a time, and this is a value at one instant. ${fix}`,
    };
  }
  if (!RANGE_FUNCTIONS.has(name) && range !== undefined && name !== '') {
    return {
      from: range.from,
      to: range.to,
      message: `${name} takes values at one instant, and this is a range. Put a function such as rate or avg_over_time around it.`,
    };
  }
  if (name !== 'histogram_quantile' || given.length === 2) return undefined;
  const right = 'histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))';
  return { from: call.from, to: call.to, message: `histogram_quantile takes two arguments. Write ${right}.` };
}

/** Aggregations with a parameter before what they aggregate. */
const PARAMETRIC: ReadonlySet<string> = new Set([
  'bottomk',
  'count_values',
  'limit_ratio',
  'limitk',
  'quantile',
  'topk',
]);

function aggregateProblem(text: string, aggregate: SyntaxNode): QueryProblem | undefined {
  const name = functionName(text, aggregate);
  const given = argumentsOf(aggregate);
  const wanted = PARAMETRIC.has(name) ? 2 : 1;
  if (given.length !== wanted) {
    const right = wanted === 1 ? `${name}(x)` : `${name}(${name === 'count_values' ? '"label"' : '0.5'}, x)`;
    return {
      from: aggregate.from,
      to: aggregate.to,
      message: `${name} takes ${wanted === 1 ? 'one argument' : 'two arguments'}, not ${given.length}. Write it as in ${right}.`,
    };
  }
  const range = given.find(isRange);
  if (range === undefined) return undefined;
  return {
    from: range.from,
    to: range.to,
    message: `${name} adds values at one instant, and this is a range. Write ${name}(rate(…)) for counters, ${name}_over_time(…) for one series over time.`,
  };
}

function matcherProblem(text: string, matcher: SyntaxNode): QueryProblem | undefined {
  const operator = matcher.getChild('MatchOp');
  const literal = matcher.getChild('StringLiteral');
  if (operator === null || literal === null) return undefined;
  const sign = text.slice(operator.from, operator.to);
  const value = text.slice(literal.from + 1, literal.to - 1).replaceAll('\\\\', '\\');
  const place = { from: literal.from, to: literal.to };
  if (sign.includes('~')) {
    const problem = re2Problem(value);
    return problem === undefined
      ? undefined
      : {
          ...place,
          message: `This regular expression ${problem}. Write an RE2 expression; it is anchored at both ends.`,
        };
  }
  return undefined;
}

/** Only what is stored has samples over a time; what is calculated needs a subquery. */
function rangeProblem(range: SyntaxNode): QueryProblem | undefined {
  const [of] = childrenOf(range).map(unwrapped);
  if (of === undefined || of.name === 'VectorSelector') return undefined;
  return {
    from: of.from,
    to: of.to,
    message:
      'A range such as [5m] stands behind a metric, and this is calculated. Put it behind the metric, or write a subquery: [5m:].',
  };
}

/** Strings and ranges are no operands. */
function sideProblem(binary: SyntaxNode): QueryProblem | undefined {
  const sides = childrenOf(binary).map(unwrapped);
  const string = sides.find(({ name }) => name === 'StringLiteral');
  if (string !== undefined) {
    return {
      from: string.from,
      to: string.to,
      message: 'One cannot calculate with a string. Write a number, or a metric.',
    };
  }
  const range = sides.find(isRange);
  if (range === undefined) return undefined;
  return {
    from: range.from,
    to: range.to,
    message: 'One cannot calculate with a range. Put a function such as rate or avg_over_time around it.',
  };
}

function topProblem(top: SyntaxNode): QueryProblem | undefined {
  const [only] = childrenOf(top).map(unwrapped);
  if (only === undefined || !isRange(only)) return undefined;
  return {
    from: only.from,
    to: only.to,
    message: 'The whole query is a range, and a metric needs values. Put a function such as rate around it.',
  };
}
