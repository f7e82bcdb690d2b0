/** MetricQueries and inline queries: everything that would only show when Prometheus is asked. */
import { checkQuery } from '../judge/query-shape.ts';
import { isFields, sameJson } from './fields.ts';
import type { Finding } from './meta.ts';
import { MetricQuerySpec } from './metric-query.ts';
import { re2Problem } from './re2.ts';
import { shapeFindings } from './shape.ts';
import { quote } from './units.ts';

const OPERATORS = ['regex', 'not', 'notRegex'];
const LONGEST_VALUE = 1024;
const LONGEST_LABEL = 128;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** What keeps a query from working; empty when nothing does. `path` is where it stands, e.g. `spec`. */
export function validateQuery(spec: unknown, path = 'spec'): readonly Finding[] {
  const shape = shapeFindings(MetricQuerySpec, spec, path);
  if (shape.length > 0) return shape;
  const query = spec as MetricQuerySpec; // just checked against its schema
  if ((query.counts === undefined) === (query.histogram === undefined)) {
    return [
      invalid(
        `${path} has ${query.counts === undefined ? 'neither' : 'both'} of counts and histogram. Write exactly one.`,
      ),
    ];
  }
  const matches = matchFindings(query, path);
  if (matches.length > 0) return matches;
  const unusable = checkQuery(query, path);
  if (unusable !== undefined) return [unusable];
  const { counts } = query;
  if (counts === undefined || !sameJson(counts.total, counts.bad)) return [];
  return [
    invalid(
      `${path}.counts.bad counts the same as total, so every event would be bad. Add the matcher that tells bad ones, e.g. response_code.`,
    ),
  ];
}

function matchFindings(query: MetricQuerySpec, path: string): readonly Finding[] {
  const places = [
    { match: query.counts?.total.match, where: `${path}.counts.total.match` },
    { match: query.counts?.bad.match, where: `${path}.counts.bad.match` },
    { match: query.histogram?.match, where: `${path}.histogram.match` },
  ];
  return places.flatMap(({ match, where }) =>
    Object.entries(match ?? {}).flatMap(
      ([label, wanted]) => labelFinding(label, where) ?? matchFinding(wanted, `${where}[${quote(label)}]`) ?? [],
    ),
  );
}

/** A map's keys have no bounds in a CRD. */
function labelFinding(label: string, where: string): Finding | undefined {
  if (label.length <= LONGEST_LABEL) return undefined;
  return invalid(`${where} has a label of ${label.length} characters. Write at most ${LONGEST_LABEL}.`);
}

/** The CRD cannot say "a string or an object", so any JSON may stand here. */
function matchFinding(wanted: unknown, where: string): Finding | undefined {
  if (typeof wanted === 'string') return valueFinding(wanted, where);
  if (!isFields(wanted))
    return invalid(`${where} is ${quote(wanted)}. Write a string, or {regex: …}, {not: …}, {notRegex: …}.`);
  const names = Object.keys(wanted);
  const unknown = names.find((name) => !OPERATORS.includes(name));
  if (unknown !== undefined) return invalid(`${where} has ${quote(unknown)}. Write ${OPERATORS.join(', ')}.`);
  if (names.length === 0) return invalid(`${where} says nothing. Write a value, or one of ${OPERATORS.join(', ')}.`);
  for (const name of names) {
    const value = wanted[name];
    if (typeof value !== 'string') return invalid(`${where}.${name} is ${quote(value)}. Write a string.`);
    const finding = valueFinding(value, `${where}.${name}`);
    if (finding !== undefined) return finding;
    const problem = name === 'not' ? undefined : re2Problem(value);
    if (problem !== undefined) {
      return invalid(
        `${where}.${name} is ${quote(value)}, which ${problem}. Write an RE2 expression; it is anchored at both ends.`,
      );
    }
  }
  return undefined;
}

/** Quotes and braces are fine (they are escaped); a line break in a label's value is always a slip. */
function valueFinding(value: string, where: string): Finding | undefined {
  if (value.length > LONGEST_VALUE) return invalid(`${where} is too long. Write at most ${LONGEST_VALUE} characters.`);
  if (CONTROL.test(value))
    return invalid(`${where} is ${quote(value)}, with a line break or another control character. Leave it out.`);
  return undefined;
}

function invalid(message: string): Finding {
  return { reason: 'InvalidSpec', message };
}
