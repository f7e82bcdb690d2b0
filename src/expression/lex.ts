/** Text to tokens, as expr-lang 1.17 does it (parser/lexer/state.go): same words, operators, numbers, escapes and comments. */
import { Refusal } from './problem.ts';

export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'operator' | 'bracket' | 'end';
  /** The word as written; of a string, what it stands for. */
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

const WORD_OPERATORS: ReadonlySet<string> = new Set([
  'not',
  'in',
  'or',
  'and',
  'matches',
  'contains',
  'startsWith',
  'endsWith',
  'let',
  'if',
  'else',
]);

const SPACE = /\p{White_Space}+/uy;
const COMMENT = /\/\/[^\n]*|\/\*[\s\S]*?\*\//y;
const WORD = /[\p{L}_$][\p{L}\p{Nd}_$]*/uy;
const NUMBER =
  /0[xX][0-9a-fA-F_]*|0[oO][0-7_]*|0[bB][01_]*|(?:[0-9][0-9_]*)?(?:\.(?!\.)[0-9_]*)?(?:[eE][+-]?[0-9_]*)?/y;
const GLUED = /[\p{L}\p{Nd}_$]/uy;
const STARTS_NUMBER = /[0-9]|\.[0-9]/y;
const OPERATOR = /\?[.?]?|\|\|?|::?|##?|\.\.?|[&!=*<>][&=*]?|[,;%+\-^/]/y;
const BRACKET = /[()[\]{}]/y;

/** All tokens and one `end`; throws a Refusal at the first place that is none. */
export function lex(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let place = 0;
  const find = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = place;
    return pattern.exec(text)?.[0];
  };
  const push = (kind: Token['kind'], width: number, value = text.slice(place, place + width)): void => {
    tokens.push({ kind, value, start: place, end: place + width });
    place += width;
  };
  while (place < text.length) {
    const skipped = find(SPACE) ?? find(COMMENT);
    if (skipped !== undefined) {
      place += skipped.length;
      continue;
    }
    const first = text[place] ?? '';
    if (text.startsWith('/*', place)) throw refuse(place, 2, 'unclosed comment', 'Close it with */.');
    if (/^[bB]["']/.test(text.slice(place, place + 2))) {
      throw refuse(place, 2, 'byte strings are not supported', 'Leave out the b before the quotation mark.');
    }
    if (first === '"' || first === "'") {
      const { width, value } = quoted(text, place, first);
      push('string', width, value);
      continue;
    }
    if (first === '`') {
      const { width, value } = raw(text, place);
      push('string', width, value);
      continue;
    }
    const word = find(WORD);
    if (word !== undefined) {
      push(WORD_OPERATORS.has(word) ? 'operator' : 'name', word.length);
      continue;
    }
    if (find(STARTS_NUMBER) !== undefined) {
      const number = find(NUMBER) ?? first;
      push('number', number.length);
      const glued = find(GLUED);
      if (glued !== undefined) {
        throw refuse(place - number.length, number.length + 1, `bad number syntax: ${JSON.stringify(number + glued)}`);
      }
      continue;
    }
    const bracket = find(BRACKET);
    if (bracket !== undefined) {
      push('bracket', 1);
      continue;
    }
    const operator = find(OPERATOR);
    if (operator === undefined) throw refuse(place, 1, `unrecognized character: ${JSON.stringify(shown(text, place))}`);
    push('operator', operator.length);
  }
  tokens.push({ kind: 'end', value: '', start: place, end: place + 1 });
  return tokens;
}

const shown = (text: string, place: number): string => String.fromCodePoint(text.codePointAt(place) ?? 0);

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
};
const ESCAPE = /[0-3][0-7]{2}|x[0-9a-fA-F]{2}|u\{[0-9a-fA-F]{1,6}\}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}/y;

function quoted(text: string, start: number, quote: string): { readonly width: number; readonly value: string } {
  let value = '';
  let place = start + 1;
  for (;;) {
    const here = text[place];
    if (here === undefined || here === '\n') {
      throw refuse(start, place - start, 'literal not terminated', `Close the string with ${quote}.`);
    }
    if (here === quote) return { width: place + 1 - start, value };
    if (here !== '\\') {
      value += here;
      place += 1;
      continue;
    }
    const next = text[place + 1] ?? '';
    const simple = next === quote || (next !== '"' && next !== "'") ? SIMPLE_ESCAPES[next] : undefined;
    if (simple !== undefined) {
      value += simple;
      place += 2;
      continue;
    }
    ESCAPE.lastIndex = place + 1;
    const code = ESCAPE.exec(text)?.[0];
    const point = code === undefined ? Number.NaN : codePoint(code);
    if (code === undefined || !(point <= 0x10_ffff) || (point >= 0xd800 && point <= 0xdfff)) {
      throw refuse(place, 2, 'invalid char escape', 'Write \\\\ for a backslash.');
    }
    value += String.fromCodePoint(point);
    place += 1 + code.length;
  }
}

function codePoint(escape: string): number {
  const digits = escape.replace(/^[xuU]\{?/, '').replace('}', '');
  return Number.parseInt(digits, /^[0-3]/.test(escape) ? 8 : 16);
}

/** Between backticks nothing is an escape but a doubled backtick. */
function raw(text: string, start: number): { readonly width: number; readonly value: string } {
  const found = /`(?:[^`]|``)*`/y;
  found.lastIndex = start;
  const whole = found.exec(text)?.[0];
  if (whole === undefined)
    throw refuse(start, text.length - start, 'literal not terminated', 'Close the string with `.');
  return { width: whole.length, value: whole.slice(1, -1).replaceAll('``', '`') };
}

function refuse(start: number, width: number, message: string, suggestion?: string): Refusal {
  return new Refusal({ start, end: start + width }, message, suggestion);
}
