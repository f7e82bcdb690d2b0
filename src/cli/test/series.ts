/**
 * Series as promtool's unit tests write them (prometheus.io, "Unit testing for rules"): a name with labels, and values in its expanding
 * notation. `a+bxn` is a, a+b, … a+n×b: n + 1 values; `axn` is n + 1 times a; `_` a scrape without the series, `_xn` n of them;
 * `stale` ends a series, which here is a scrape without it, too. Native histograms cannot be written.
 */
import { parser } from '@prometheus-io/lezer-promql';
import type { Series } from '../../metrics/port.ts';

export interface WrittenSeries {
  readonly series: string;
  readonly values: string;
}

/** Values of one series at most: a week of scrapes every ten seconds. */
const MOST_VALUES = 60_480;

/** The samples of one series, the first at `firstMs`; a sentence where it cannot be read. */
export function readSeries(written: WrittenSeries, firstMs: number, intervalMs: number): Series | string {
  const labels = readLabels(written.series);
  if (typeof labels === 'string') return labels;
  const values = readValues(written.values);
  if (typeof values === 'string') return values;
  const samples = values.flatMap((value, index) =>
    value === undefined ? [] : [{ timeMs: firstMs + index * intervalMs, value }],
  );
  return { labels, samples };
}

/** `http_requests_total{code="200"}` → its labels, the name under `__name__`. */
export function readLabels(written: string): Readonly<Record<string, string>> | string {
  const wrong = `series is ${JSON.stringify(written)}. Write a name and labels such as http_requests_total{pod="web-1", code="200"}.`;
  const tree = parser.parse(written);
  const selector = tree.topNode.firstChild;
  let isWrong = selector?.name !== 'VectorSelector' || selector.nextSibling !== null;
  const labels: Record<string, string> = {};
  const text = (from: number, to: number): string => written.slice(from, to);
  tree.iterate({
    enter: ({ type, node, from, to }) => {
      if (type.isError) isWrong = true;
      if (type.name === 'Identifier') labels['__name__'] = text(from, to);
      if (type.name === 'QuotedLabelMatcher' || type.name === 'QuotedLabelName') isWrong = true;
      if (type.name !== 'UnquotedLabelMatcher') return;
      const [name, operator, value] = ['LabelName', 'MatchOp', 'StringLiteral'].map((part) => node.getChild(part));
      const key = name === null || name === undefined ? '' : text(name.from, name.to);
      const isEqual = operator !== null && operator !== undefined && text(operator.from, operator.to) === '=';
      const unquoted = value === null || value === undefined ? undefined : unquote(text(value.from, value.to));
      if (!isEqual || unquoted === undefined || Object.hasOwn(labels, key)) isWrong = true;
      else labels[key] = unquoted;
    },
  });
  return isWrong || labels['__name__'] === undefined ? wrong : labels;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

function unquote(literal: string): string {
  const inside = literal.slice(1, -1);
  return literal.startsWith('`')
    ? inside
    : inside.replace(/\\(.)/gs, (_, escaped: string) => ESCAPES[escaped] ?? escaped);
}

const NUMBER = String.raw`[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?`;
const SPECIAL = /^([-+]?)(NaN|Inf)$/i;
const PROGRESSION = new RegExp(`^(${NUMBER})(?:([-+])(${NUMBER.replace('[-+]?', '')}))?x(\\d+)$`);
const PLAIN = new RegExp(`^${NUMBER}$`);
const MISSING = /^(?:stale|_(?:x(\d+))?)$/;

/** One entry for each scrape; `undefined` where the series is missing. */
export function readValues(written: string): readonly (number | undefined)[] | string {
  const values: (number | undefined)[] = [];
  for (const part of written.trim().split(/\s+/)) {
    const found = readPart(part);
    if (found === undefined) {
      const native = part.startsWith('{{') ? ' Native histograms cannot be written here; write classic buckets.' : '';
      return `values hold ${JSON.stringify(part)}. Write numbers, a+bxn, axn, _ or _xn.${native}`;
    }
    if (values.length + found.length > MOST_VALUES) return `values are more than ${MOST_VALUES}. Write a shorter test.`;
    for (const value of found) values.push(value);
  }
  return values;
}

function readPart(part: string): readonly (number | undefined)[] | undefined {
  const missing = MISSING.exec(part);
  if (missing !== null) return bounded(missing[1] === undefined ? 1 : Number(missing[1]), () => undefined);
  const special = SPECIAL.exec(part);
  if (special !== null) {
    const value = special[2]?.toLowerCase() === 'nan' ? Number.NaN : Number.POSITIVE_INFINITY;
    return [special[1] === '-' ? -value : value];
  }
  if (PLAIN.test(part)) return [Number(part)];
  const progression = PROGRESSION.exec(part);
  if (progression === null) return undefined;
  const [, first = '0', sign = '+', step = '0', times = '0'] = progression;
  const by = sign === '-' ? -Number(step) : Number(step);
  return bounded(Number(times) + 1, (index) => Number(first) + index * by);
}

const bounded = (length: number, value: (index: number) => number | undefined): readonly (number | undefined)[] =>
  Array.from({ length: Math.min(length, MOST_VALUES + 1) }, (_, index) => value(index));
