/**
 * One label matcher of a MetricQuery. No CRD schema can say "a string or an object", so any JSON may stand there: what is not
 * understood must never be left out in silence, or a query would count more than it says.
 */
import { isFields } from './fields.ts';
import { type Finding, invalid } from './meta.ts';
import { re2Problem } from './re2.ts';
import { LABEL_NAME } from './schema.ts';
import { quote } from './units.ts';

const OPERATORS = ['regex', 'not', 'notRegex'];
const LONGEST_VALUE = 1024;
const LONGEST_LABEL = 128;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/** What keeps `match: {<label>: <wanted>}` from being asked; `where` is the field of the map, e.g. `spec.counts.bad.match`. */
export function labelMatchFinding(label: string, wanted: unknown, where: string): Finding | undefined {
  return labelFinding(label, where) ?? wantedFinding(wanted, `${where}[${quote(label)}]`);
}

/** A map's keys have no bounds in a CRD. */
function labelFinding(label: string, where: string): Finding | undefined {
  if (label.length > LONGEST_LABEL) {
    return invalid(`${where} has a label of ${label.length} characters. Write at most ${LONGEST_LABEL}.`);
  }
  if (new RegExp(LABEL_NAME).test(label) && label !== '__name__' && label !== 'le') return undefined;
  return invalid(
    `${where} has the label ${quote(label)}, which cannot be matched. Use letters, digits and _, and neither le nor __name__.`,
  );
}

function wantedFinding(wanted: unknown, where: string): Finding | undefined {
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
