/**
 * What a PromQL query measures, where its form says so: the good or bad part of all requests, a quantile of a histogram, or how fast a
 * counter grows. Then Serin's library may have the same question for both sides, or it can be asked as structure. Pure.
 */
import { type Fields, fieldsAt, sameJson, stringAt } from '../../api/fields.ts';
import type { LabelMatch } from '../../api/metric-query.ts';
import { parseQuery } from '../lint/promql.ts';
import { argumentsOf, childrenOf, functionName, type SyntaxNode, unwrapped } from '../lint/promql-tree.ts';
import type { Library } from '../lint/library.ts';

/** A selector with its matchers by label; `written` has the placeholders. */
export interface Selected {
  readonly metric: string;
  readonly match: Readonly<Record<string, LabelMatch>>;
}

export type Recognised =
  /** `scale`: 1 for fractions, 100 for percent. `countsGood`: `part` are the good events; `isGood`: the value is their share, not that of the bad ones. */
  | {
      readonly kind: 'share';
      readonly part: Selected;
      readonly whole: Selected;
      readonly scale: number;
      readonly countsGood: boolean;
      readonly isGood: boolean;
    }
  /** `scale`: what the answer is multiplied by. */
  | { readonly kind: 'quantile'; readonly level: number; readonly buckets: Selected; readonly scale: number }
  | { readonly kind: 'gauge'; readonly gauge: Selected };

export function recognise(written: string): Recognised | undefined {
  const { text, tree, problems } = parseQuery(written);
  const top = tree.topNode.firstChild;
  if (problems.length > 0 || top === null) return undefined;
  return recogniseNode({ text, written }, unwrapped(top));
}

interface Source {
  /** Placeholders filled in, of the same length as `written`. */
  readonly text: string;
  readonly written: string;
}

function recogniseNode(source: Source, node: SyntaxNode): Recognised | undefined {
  if (node.name === 'FunctionCall' && functionName(source.text, node) === 'histogram_quantile')
    return quantileOf(source, node);
  if (node.name !== 'BinaryExpr') return gaugeOf(source, node);
  const [left, right] = operandsOf(node);
  if (left === undefined || right === undefined) return undefined;
  if (node.getChild('Mul') !== null) return scaled(source, left, right);
  if (node.getChild('Sub') !== null) return complement(source, left, right);
  return node.getChild('Div') === null ? undefined : shareOf(source, left, right);
}

function operandsOf(binary: SyntaxNode): readonly SyntaxNode[] {
  const children = childrenOf(binary);
  const [first] = children;
  const last = children.at(-1);
  return first === undefined || last === undefined || first === last ? [] : [unwrapped(first), unwrapped(last)];
}

function scaled(source: Source, left: SyntaxNode, right: SyntaxNode): Recognised | undefined {
  const factor = numberOf(source, right) ?? numberOf(source, left);
  const inner = recogniseNode(source, numberOf(source, right) === undefined ? right : left);
  if (factor === undefined || inner === undefined || inner.kind === 'gauge') return undefined;
  return { ...inner, scale: inner.scale * factor };
}

/** `1 - bad / all` is the good part. */
function complement(source: Source, left: SyntaxNode, right: SyntaxNode): Recognised | undefined {
  const inner = recogniseNode(source, right);
  if (inner?.kind !== 'share' || numberOf(source, left) !== inner.scale) return undefined;
  return { ...inner, isGood: !inner.isGood };
}

function numberOf({ text }: Source, node: SyntaxNode): number | undefined {
  return node.name === 'NumberDurationLiteral' ? Number(text.slice(node.from, node.to)) : undefined;
}

function shareOf(source: Source, left: SyntaxNode, right: SyntaxNode): Recognised | undefined {
  const [part, whole] = [grown(source, left), grown(source, right)];
  if (part === undefined || whole === undefined) return undefined;
  const extra = Object.entries(part.match).filter(([label, match]) => !sameJson(whole.match[label], match));
  const isSubset = Object.entries(whole.match).every(([label, match]) => sameJson(part.match[label], match));
  if (part.metric !== whole.metric || !isSubset || extra.length === 0) return undefined;
  // `code!~"5.."` and `classification!="failure"` keep what is good. Of two such matchers the bad part has no single selector.
  const negative = extra.filter(
    ([, match]) => typeof match === 'object' && (match.not ?? match.notRegex) !== undefined,
  );
  if (negative.length > 0 && extra.length > 1) return undefined;
  const countsGood = negative.length > 0;
  return { kind: 'share', part, whole, scale: 1, countsGood, isGood: countsGood };
}

/** `sum(rate(x{…}[5m]))` → `x{…}`; with `by`, which keeps sides apart, it is not one number. */
function grown(source: Source, node: SyntaxNode): Selected | undefined {
  if (
    node.name !== 'AggregateExpr' ||
    functionName(source.text, node) !== 'sum' ||
    node.getChild('AggregateModifier') !== null
  )
    return undefined;
  return rated(source, argumentsOf(node).at(-1));
}

function rated(source: Source, call: SyntaxNode | undefined): Selected | undefined {
  if (call?.name !== 'FunctionCall' || !['rate', 'irate', 'increase'].includes(functionName(source.text, call)))
    return undefined;
  const selector = argumentsOf(call)[0]?.getChild('VectorSelector');
  return selector === null || selector === undefined ? undefined : selectedOf(source, selector);
}

function quantileOf(source: Source, call: SyntaxNode): Recognised | undefined {
  const [level, buckets] = argumentsOf(call);
  const share = level === undefined ? undefined : numberOf(source, level);
  const inner = buckets?.name === 'AggregateExpr' ? argumentsOf(buckets).at(-1) : buckets;
  const selected = rated(source, inner);
  if (share === undefined || selected === undefined || !(share > 0 && share < 1)) return undefined;
  return { kind: 'quantile', level: share, buckets: selected, scale: 1 };
}

function gaugeOf(source: Source, node: SyntaxNode): Recognised | undefined {
  const isMean = node.name === 'AggregateExpr' && ['avg', 'sum', 'max'].includes(functionName(source.text, node));
  const selector = node.name === 'VectorSelector' ? node : isMean ? argumentsOf(node).at(-1) : undefined;
  const selected = selector?.name === 'VectorSelector' ? selectedOf(source, selector) : undefined;
  if (selected === undefined || /_(total|count|bucket|sum)$/.test(selected.metric)) return undefined;
  return { kind: 'gauge', gauge: selected };
}

function selectedOf({ text, written }: Source, selector: SyntaxNode): Selected | undefined {
  const name = selector.getChild('Identifier');
  if (name === null) return undefined;
  const matchers = selector.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  const match: Record<string, LabelMatch> = {};
  for (const matcher of matchers) {
    const [label, operator, literal] = [
      matcher.getChild('LabelName'),
      matcher.getChild('MatchOp'),
      matcher.getChild('StringLiteral'),
    ];
    if (label === null || operator === null || literal === null) return undefined;
    // Twice the same label is more than one entry of a map can say.
    if (Object.hasOwn(match, text.slice(label.from, label.to))) return undefined;
    // Quotes and escapes are the same in PromQL and here for what people match.
    const value = written.slice(literal.from + 1, literal.to - 1).replaceAll('\\\\', '\\');
    match[text.slice(label.from, label.to)] = matchOf(text.slice(operator.from, operator.to), value);
  }
  return { metric: written.slice(name.from, name.to), match };
}

function matchOf(operator: string, value: string): LabelMatch {
  if (operator === '=') return value;
  return operator === '=~' ? { regex: value } : operator === '!=' ? { not: value } : { notRegex: value };
}

/** The matchers that say whose series are meant, and those that say which. */
export function splitIdentity(
  { metric, match }: Selected,
  isIdentity: (label: string, value: string) => boolean,
): {
  readonly metric: string;
  readonly identity: readonly string[];
  readonly match: Readonly<Record<string, LabelMatch>>;
} {
  const text = (wanted: LabelMatch): string => (typeof wanted === 'string' ? wanted : (wanted.regex ?? ''));
  const identity = Object.keys(match).filter((label) => isIdentity(label, text(match[label] ?? '')));
  return {
    metric,
    identity,
    match: Object.fromEntries(Object.entries(match).filter(([label]) => !identity.includes(label))),
  };
}

/** A query of the library on the same series; `isSame` where it also means the same by bad. */
interface LibraryMatch {
  readonly name: string;
  readonly spec: Fields;
  readonly isSame: boolean;
}

/** The library's query for the same counter or histogram, with the fewest matchers that are not asked for here. */
export function libraryQuery(
  library: Library,
  found: Recognised,
  isIdentity: (label: string, value: string) => boolean,
): LibraryMatch | undefined {
  if (found.kind === 'gauge') return undefined;
  const { metric, match } = splitIdentity(found.kind === 'share' ? found.whole : found.buckets, isIdentity);
  const path = found.kind === 'share' ? ['counts', 'total'] : ['histogram'];
  const bad = found.kind === 'share' ? badMatch(found, isIdentity) : {};
  const counted = metric.replace(/_bucket$/, '');
  const candidates = [...library.keys(counted)].flatMap((key) => {
    const spec = key.startsWith('MetricQuery/') ? library.get(key) : undefined;
    if (spec === undefined || stringAt(spec, ...path, 'metric') !== counted) return [];
    const own = fieldsAt(spec, ...path, 'match');
    const isConsistent = Object.entries(match).every(
      ([label, wanted]) => own[label] !== undefined && sameMatch(own[label], wanted),
    );
    if (!isConsistent) return [];
    const ownBad = Object.fromEntries(
      Object.entries(fieldsAt(spec, 'counts', 'bad', 'match')).filter(
        ([label, wanted]) => !sameJson(own[label], wanted),
      ),
    );
    const isSame =
      found.kind === 'quantile' || (isSameMatch(ownBad, bad) && stringAt(spec, 'counts', 'bad', 'metric') === metric);
    return [
      {
        name: key.slice('MetricQuery/'.length),
        spec,
        isSame,
        missing: Object.keys(own).filter((label) => match[label] === undefined).length,
      },
    ];
  });
  return candidates.toSorted((a, b) => Number(b.isSame) - Number(a.isSame) || a.missing - b.missing)[0];
}

/** The matchers that tell bad events from all: what the good part leaves out, or what the bad part asks for. */
export function badMatch(
  { part, whole, countsGood }: Extract<Recognised, { kind: 'share' }>,
  isIdentity: (label: string, value: string) => boolean,
): Readonly<Record<string, LabelMatch>> {
  const extra = Object.entries(splitIdentity(part, isIdentity).match).filter(
    ([label, wanted]) => !sameJson(whole.match[label], wanted),
  );
  return Object.fromEntries(extra.map(([label, wanted]) => [label, countsGood ? inverted(wanted) : wanted]));
}

/** `!~"5.."` → `=~"5.."`. */
function inverted(wanted: LabelMatch): LabelMatch {
  if (typeof wanted === 'string') return { not: wanted };
  return wanted.notRegex === undefined ? (wanted.not ?? '') : { regex: wanted.notRegex };
}

function isSameMatch(one: Fields, other: Fields): boolean {
  const labels = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...labels].every((label) => sameMatch(one[label], other[label]));
}

/** `5..`, `5.*` and `5[0-9][0-9]` are the same among status codes. */
function sameMatch(one: unknown, other: unknown): boolean {
  const plain = (wanted: unknown): unknown => {
    const regex = stringAt(wanted, 'regex');
    return regex === undefined
      ? wanted
      : {
          regex: regex
            .replace(/^\^|\$$/g, '')
            .replace(/^([1-5])(?:\.\*|\.\+|\.\.|\[0-9\]\[0-9\]|\[0-9\]\{2\}|\\d\\d|\\d\{2\})$/, '$1..'),
        };
  };
  return sameJson(plain(one), plain(other));
}
