/** Strings: cutting, searching, replacing, JSON and Base64. */
import { BOOL, INT, STRING, STRINGS, UNKNOWN } from '../nature.ts';
import { isArray, isMap, printValue, type Value, valueOfJson } from '../value.ts';
import { CallFailed, type ExpressionFunction, listOf, textOf, typed, wholeOf } from './signature.ts';

const about = (name: string, gives: typeof BOOL, run: (text: string, part: string) => Value): ExpressionFunction =>
  typed(name, { usage: `${name}(string, string)`, takes: ['string', 'string'], gives }, ([text, part]) =>
    run(textOf(text), textOf(part)),
  );

const changing = (name: string, run: (text: string) => string): ExpressionFunction =>
  typed(name, { usage: `${name}(string)`, takes: ['string'], gives: STRING }, ([text]) => run(textOf(text)));

function trim(text: string, characters: string): string {
  const set = new Set(characters);
  const all = Array.from(text);
  const first = all.findIndex((each) => !set.has(each));
  return first < 0 ? '' : all.slice(first, all.findLastIndex((each) => !set.has(each)) + 1).join('');
}

/** Go's SplitN: at most `most` parts, the last one with the rest; below zero all; zero none. */
function split(text: string, separator: string, most: number, isKept: boolean): readonly string[] {
  if (most === 0) return [];
  const parts = separator === '' ? Array.from(text) : text.split(separator);
  const isCut = most > 0 && parts.length > most;
  const heads = isCut ? parts.slice(0, most - 1) : parts;
  const all = isCut ? [...heads, parts.slice(most - 1).join(separator)] : heads;
  return isKept ? all.map((part, index) => (index < all.length - 1 ? part + separator : part)) : all;
}

const splitting = (name: string, isKept: boolean): ExpressionFunction =>
  typed(
    name,
    { usage: `${name}(string, separator)`, takes: ['string', 'string', 'int'], atLeast: 2, gives: STRINGS },
    ([text, separator, most], { make }) => {
      const parts = split(textOf(text), textOf(separator), most === undefined ? -1 : Number(wholeOf(most)), isKept);
      make(parts.length);
      return parts;
    },
  );

/** Go's Replace: an empty part stands before every character and at the end. */
function replace(text: string, part: string, by: string, most: number): string {
  if (most < 0) return text.replaceAll(part, () => by);
  let rest = most;
  return text.replaceAll(part, () => {
    rest -= 1;
    return rest >= 0 ? by : part;
  });
}

/** JSON as Go indents it; whole and broken numbers look the same. */
function jsonOf(value: Value): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new CallFailed('toJSON: unsupported value NaN or Inf');
  if (isArray(value)) return value.map(jsonOf);
  if (isMap(value)) {
    const entries = [...value].map(([key, item]) => [printValue(key), jsonOf(item)] as const);
    return Object.fromEntries(entries.toSorted(([one], [other]) => (one < other ? -1 : 1)));
  }
  return typeof value === 'object' && value !== null ? printValue(value) : value;
}

function fromJson(text: string): Value {
  try {
    return valueOfJson(JSON.parse(text));
  } catch {
    throw new CallFailed('fromJSON: the string is no JSON');
  }
}

function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function fromBase64(text: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
  } catch {
    throw new CallFailed('fromBase64: the string is no Base64');
  }
}

const affix = (name: string, run: (text: string, part: string) => string): ExpressionFunction =>
  typed(
    name,
    { usage: `${name}(string, string)`, takes: ['string', 'string'], atLeast: 1, gives: STRING },
    ([text, part]) => run(textOf(text), part === undefined ? ' ' : textOf(part)),
  );

export const TEXT_FUNCTIONS: readonly ExpressionFunction[] = [
  typed('string', { usage: 'string(value)', takes: ['any'], gives: STRING }, ([value = null]) => printValue(value)),
  typed(
    'trim',
    { usage: 'trim(string)', takes: ['string', 'string'], atLeast: 1, gives: STRING },
    ([text, characters]) => (characters === undefined ? textOf(text).trim() : trim(textOf(text), textOf(characters))),
  ),
  affix('trimPrefix', (text, part) => (text.startsWith(part) ? text.slice(part.length) : text)),
  affix('trimSuffix', (text, part) => (text.endsWith(part) ? text.slice(0, text.length - part.length) : text)),
  changing('upper', (text) => text.toUpperCase()),
  changing('lower', (text) => text.toLowerCase()),
  splitting('split', false),
  splitting('splitAfter', true),
  typed(
    'replace',
    { usage: 'replace(string, part, by)', takes: ['string', 'string', 'string', 'int'], atLeast: 3, gives: STRING },
    ([text, part, by, most], { make }) => {
      const replaced = replace(textOf(text), textOf(part), textOf(by), most === undefined ? -1 : Number(wholeOf(most)));
      make(replaced.length);
      return replaced;
    },
  ),
  typed(
    'repeat',
    { usage: 'repeat(string, int)', takes: ['string', 'int'], gives: STRING },
    ([text, count], { make }) => {
      const times = Number(wholeOf(count));
      if (times < 0) throw new CallFailed(`invalid argument for repeat (expected positive integer, got ${times})`);
      make(textOf(text).length * times + times);
      return textOf(text).repeat(times);
    },
  ),
  typed(
    'join',
    { usage: 'join(array, glue)', takes: ['array', 'string'], atLeast: 1, gives: STRING },
    ([list, glue], { make }) => {
      const parts = listOf(list).map((part) => {
        if (typeof part === 'string') return part;
        throw new CallFailed('invalid argument for join: the list holds something that is no string');
      });
      const joined = parts.join(textOf(glue));
      make(joined.length);
      return joined;
    },
  ),
  about('indexOf', INT, (text, part) => BigInt(text.indexOf(part))),
  about('lastIndexOf', INT, (text, part) => BigInt(text.lastIndexOf(part))),
  about('hasPrefix', BOOL, (text, part) => text.startsWith(part)),
  about('hasSuffix', BOOL, (text, part) => text.endsWith(part)),
  typed('toJSON', { usage: 'toJSON(value)', takes: ['any'], gives: STRING }, ([value = null], { make }) => {
    const json = JSON.stringify(jsonOf(value), undefined, 2);
    make(json.length);
    return json;
  }),
  typed('fromJSON', { usage: 'fromJSON(string)', takes: ['string'], gives: UNKNOWN }, ([text], { make }) => {
    make(textOf(text).length);
    return fromJson(textOf(text));
  }),
  changing('toBase64', toBase64),
  changing('fromBase64', fromBase64),
];
