/**
 * Whether Prometheus can read a regular expression (Go's RE2 syntax), told without running it. What RE2 lacks (look-around,
 * back-references) and what it refuses (counts above 1000, also nested) is named, so that it does not fail at the first poll.
 */

const MOST_REPEATS = 1000;
const ESCAPES = /^[aftnrvABbCzdDsSwW]$/;
const FLAGS = /^\(\?[imsU]*(?:-[imsU]+)?[:)]/;
const NAMED = /^\(\?P?<[A-Za-z_][A-Za-z0-9_]*>/;
const COUNT = /^\{(\d+)(,(\d*))?\}/;
const CLASS_NAME = /^\[:\^?[a-z]+:\]/;
const UNICODE_CLASS = /^\\[pP](?:[A-Z]|\{\^?[A-Za-z_]+\})/;
const HEX = /^\\x(?:[0-9a-fA-F]{2}|\{[0-9a-fA-F]{1,6}\})/;

/** What the scan knows of one group: how often its worst part is repeated, and whether something stands there to repeat. */
interface Group {
  worst: number;
  last: number;
  canRepeat: boolean;
}

const newGroup = (): Group => ({ worst: 1, last: 1, canRepeat: false });

/** What is wrong with an expression, as the end of a sentence ("… looks ahead or behind, …"); `undefined` when nothing is. */
export function re2Problem(expression: string): string | undefined {
  const groups: Group[] = [newGroup()];
  let rest = expression;
  while (rest !== '') {
    const group = groups.at(-1);
    if (group === undefined) return 'closes a group that is not open';
    const step = scan(rest, group, groups);
    if (typeof step === 'string') return step;
    rest = rest.slice(step);
  }
  if (groups.length === 0) return 'closes a group that is not open';
  return groups.length > 1 ? 'opens a group and does not close it' : undefined;
}

/** How many characters the next part takes, or what is wrong with it. */
function scan(rest: string, group: Group, groups: Group[]): number | string {
  const [first] = rest;
  if (first === '(') return openGroup(rest, groups);
  if (first === ')') return closeGroup(groups);
  if (first === '|') {
    group.canRepeat = false;
    return 1;
  }
  const count = COUNT.exec(rest);
  if (first === '*' || first === '+' || first === '?' || count !== null) return repeat(rest, count, group);
  const width = first === '\\' ? escape(rest) : first === '[' ? characterClass(rest) : 1;
  if (typeof width === 'number') atom(group, 1);
  return width;
}

function atom(group: Group, worst: number): void {
  group.last = worst;
  group.worst = Math.max(group.worst, worst);
  group.canRepeat = true;
}

function openGroup(rest: string, groups: Group[]): number | string {
  if (groups.length > MOST_REPEATS) return 'is nested too deeply';
  if (!rest.startsWith('(?')) {
    groups.push(newGroup());
    return 1;
  }
  if (/^\(\?<?[=!]/.test(rest)) return 'looks ahead or behind, which RE2 cannot';
  const opened = NAMED.exec(rest) ?? FLAGS.exec(rest);
  if (opened === null) return `has the group ${JSON.stringify(rest.slice(0, 6))}, which RE2 does not know`;
  // `(?i)` switches flags on and opens nothing.
  if (!opened[0].endsWith(')')) groups.push(newGroup());
  return opened[0].length;
}

function closeGroup(groups: Group[]): number | string {
  const closed = groups.pop();
  const outer = groups.at(-1);
  if (closed === undefined || outer === undefined) return 'closes a group that is not open';
  atom(outer, closed.worst);
  return 1;
}

function repeat(rest: string, count: RegExpExecArray | null, group: Group): number | string {
  if (!group.canRepeat) return 'repeats nothing, or something that is repeated already';
  const low = Number(count?.[1] ?? 0);
  const high = count?.[3] === undefined || count[3] === '' ? low : Number(count[3]);
  if (low > MOST_REPEATS || high > MOST_REPEATS) return `repeats something more than ${MOST_REPEATS} times`;
  if (high < low) return 'repeats something at most less often than at least';
  const times = group.last * Math.max(1, high);
  if (count !== null && times > MOST_REPEATS)
    return `repeats something more than ${MOST_REPEATS} times, counted over nested groups`;
  atom(group, times);
  group.canRepeat = false;
  const width = count?.[0].length ?? 1;
  return rest[width] === '?' ? width + 1 : width;
}

function escape(rest: string): number | string {
  const next = rest[1];
  if (next === undefined) return 'ends with a backslash';
  if (next === 'Q') {
    const end = rest.indexOf('\\E');
    // Prometheus puts the expression into a group; an open quotation would swallow its end.
    return end < 0 ? 'begins with \\Q and does not end the quotation with \\E' : end + 2;
  }
  const special = UNICODE_CLASS.exec(rest) ?? HEX.exec(rest) ?? /^\\0[0-7]{0,2}/.exec(rest);
  if (special !== null) return special[0].length;
  if (/[1-9]/.test(next)) return 'refers back to a group, which RE2 cannot';
  if (/[A-Za-z]/.test(next) && !ESCAPES.test(next)) return `has the escape \\${next}, which RE2 does not know`;
  return next > '~' ? `has the escape \\${next}, which RE2 does not know` : 2;
}

function characterClass(rest: string): number | string {
  let place = rest[1] === '^' ? 2 : 1;
  // A bracket that comes first stands for itself.
  if (rest[place] === ']') place += 1;
  while (place < rest.length) {
    const here = rest.slice(place);
    if (here.startsWith(']')) return place + 1;
    const named = CLASS_NAME.exec(here);
    const width = named === null ? (here.startsWith('\\') ? escape(here) : 1) : named[0].length;
    if (typeof width === 'string') return width;
    place += width;
  }
  return 'opens a character class and does not close it';
}
