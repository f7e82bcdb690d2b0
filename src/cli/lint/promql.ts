/** PromQL: syntax with the place of the mistake, and what the grammar allows but Prometheus refuses. The grammar is Prometheus' own. */
import { parser } from '@prometheus-io/lezer-promql';
import { re2Problem } from '../../api/re2.ts';
import { didYouMean } from './finding.ts';
import { fillQuery, openQuote } from './placeholders.ts';
import { KNOWN_FUNCTIONS, RANGE_FUNCTIONS } from './promql-functions.ts';

type Tree = ReturnType<typeof parser.parse>;
export type SyntaxNode = Tree['topNode'];

export interface QueryProblem {
  readonly from: number;
  readonly to: number;
  readonly message: string;
}

export interface ParsedQuery {
  /** The query with placeholders filled in; as long as what was written. */
  readonly text: string;
  readonly tree: Tree;
  readonly problems: readonly QueryProblem[];
}

/** Never throws. At most one syntax error: what follows it is guesswork. */
export function parseQuery(written: string): ParsedQuery {
  const { text } = fillQuery(written);
  const tree = parser.parse(text);
  const wrong = bracketProblem(text) ?? syntaxProblem(text, tree);
  return { text, tree, problems: wrong === undefined ? typeProblems(text, tree) : [wrong] };
}

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

function bracketProblem(text: string): QueryProblem | undefined {
  const quote = openQuote(text);
  if (quote !== undefined) {
    return {
      from: quote,
      to: quote + 1,
      message: `The string that begins here never ends. Close it with ${text[quote] ?? ''}.`,
    };
  }
  const open: { readonly character: string; readonly at: number }[] = [];
  const bare = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|#[^\n]*/g, (part) => ' '.repeat(part.length));
  for (let at = 0; at < bare.length; at += 1) {
    const character = bare[at] ?? '';
    if (CLOSING[character] !== undefined) open.push({ character, at });
    else if (')]}'.includes(character)) {
      const last = open.pop();
      if (last === undefined)
        return { from: at, to: at + 1, message: `Nothing is open that this ${character} could close. Take it away.` };
      if (CLOSING[last.character] !== character) {
        return {
          from: at,
          to: at + 1,
          message: `${last.character} is closed by ${character} here. Write ${CLOSING[last.character] ?? ''}.`,
        };
      }
    }
  }
  const never = open.at(-1);
  if (never === undefined) return undefined;
  return {
    from: never.at,
    to: never.at + 1,
    message: `This ${never.character} is never closed. Add ${CLOSING[never.character] ?? ''}.`,
  };
}

function syntaxProblem(text: string, tree: Tree): QueryProblem | undefined {
  if (text.trim() === '') return { from: 0, to: 1, message: 'The query is empty. Write PromQL.' };
  let found: { readonly from: number; readonly to: number } | undefined;
  tree.iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) found ??= { from, to };
      return found === undefined;
    },
  });
  return found === undefined ? undefined : { ...found, ...syntaxMessage(text, found.from) };
}

function syntaxMessage(
  text: string,
  at: number,
): { readonly from: number; readonly to: number; readonly message: string } {
  const rest = text.slice(at);
  const call = /([A-Za-z_][\w:]*)\s*$/.exec(text.slice(0, at));
  if (call?.[1] !== undefined && /^\s*\(/.test(rest) && !KNOWN_FUNCTIONS.includes(call[1].toLowerCase())) {
    const [name] = call[1].split(':');
    const hint = didYouMean(call[1], KNOWN_FUNCTIONS) || ' Functions are listed in the documentation of Prometheus.';
    return {
      from: call.index,
      to: call.index + call[1].length,
      message: `PromQL has no function ${name ?? ''}.${hint}`,
    };
  }
  if (rest.trim() === '') {
    const end = text.trimEnd().length;
    return { from: Math.max(0, end - 1), to: end, message: 'The query ends too early: something must follow here.' };
  }
  const duration = /\[\s*([^\]]*)$/.exec(text.slice(0, at));
  if (duration !== null && !text.slice(duration.index, at).includes(']')) {
    return { from: at, to: at + 1, message: 'This is no duration. Write e.g. 5m, 30s or 1h30m, without blanks.' };
  }
  const word = /^\s*([A-Za-z_][\w:]*|\S)/.exec(rest);
  const from = at + (rest.length - rest.trimStart().length);
  const shown = word?.[1] ?? '';
  const inBraces = text.lastIndexOf('{', at - 1) > text.lastIndexOf('}', at - 1);
  const fix = inBraces
    ? 'Write matchers as label="value", with commas between them.'
    : 'An operator or a comma may be missing before it.';
  return { from, to: from + Math.max(1, shown.length), message: `${shown} cannot stand here. ${fix}` };
}

function typeProblems(text: string, tree: Tree): readonly QueryProblem[] {
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
      return sideProblem(text, node);
    case 'MatrixSelector':
      return rangeProblem(node);
    case 'PromQL':
      return topProblem(text, node);
    default:
      return undefined;
  }
}

/** The arguments of a call, without what only wraps them. */
export function argumentsOf(call: SyntaxNode): readonly SyntaxNode[] {
  const body = call.getChild('FunctionCallBody');
  return body === null ? [] : childrenOf(body).map(unwrapped);
}

export function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  const found: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) found.push(child);
  return found;
}

/** `(x)`, `x offset 5m` and `x @ end()` are what x is. */
export function unwrapped(node: SyntaxNode): SyntaxNode {
  const isWrapping = node.name === 'ParenExpr' || node.name === 'OffsetExpr' || node.name === 'StepInvariantExpr';
  const inner = isWrapping ? node.firstChild : null;
  return inner === null ? node : unwrapped(inner);
}

const isRange = (node: SyntaxNode): boolean => node.name === 'MatrixSelector' || node.name === 'SubqueryExpr';

export function functionName(text: string, call: SyntaxNode): string {
  const identifier = call.getChild('FunctionIdentifier') ?? call.getChild('AggregateOp');
  return identifier === null ? '' : text.slice(identifier.from, identifier.to).toLowerCase();
}

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

/** Whether an aggregation leaves a label in its result. */
export function keepsLabel(text: string, aggregate: SyntaxNode, label: string): boolean {
  const modifier = aggregate.getChild('AggregateModifier');
  if (modifier === null) return false;
  return labelsIn(text, modifier).includes(label) !== (modifier.getChild('Without') !== null);
}

export function labelsIn(text: string, modifier: SyntaxNode): readonly string[] {
  return (modifier.getChild('GroupingLabels')?.getChildren('LabelName') ?? []).map(({ from, to }) =>
    text.slice(from, to),
  );
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
function sideProblem(_text: string, binary: SyntaxNode): QueryProblem | undefined {
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

function topProblem(_text: string, top: SyntaxNode): QueryProblem | undefined {
  const [only] = childrenOf(top).map(unwrapped);
  if (only === undefined || !isRange(only)) return undefined;
  return {
    from: only.from,
    to: only.to,
    message: 'The whole query is a range, and a metric needs values. Put a function such as rate around it.',
  };
}
