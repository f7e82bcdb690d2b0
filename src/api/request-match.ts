/** Requests that are told apart from others, by a header or a cookie: `match` steps of a canary, and `strategy.abTest`. */
import Type, { type Static } from 'typebox';
import { type Finding, invalid } from './meta.ts';
import { re2Problem } from './re2.ts';
import { exactlyOne, mapOf, rules } from './schema.ts';
import { quote } from './units.ts';

const LONGEST_VALUE = 256;
const HEADER_NAME = '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$';
/** RFC 6265's token, without what would have to be escaped in an expression. */
const COOKIE_NAME = '^[A-Za-z0-9_-]+$';
const PRINTABLE = '^[ -~]+$';

const value = (description: string) =>
  Type.String({ description, minLength: 1, maxLength: LONGEST_VALUE, pattern: PRINTABLE });

const StringMatch = Type.Object(
  {
    exact: Type.Optional(value('The whole value.')),
    prefix: Type.Optional(value('What the value begins with.')),
    regex: Type.Optional(value('An RE2 expression for the whole value.')),
  },
  { description: 'Exactly one of these.', ...rules(exactlyOne('exact', 'prefix', 'regex')) },
);
export type StringMatch = Static<typeof StringMatch>;

export const RequestMatch = Type.Object(
  {
    headers: Type.Optional(
      mapOf(StringMatch, {
        description: 'By name of the header, in lower case; all of them must match.',
        maxProperties: 8,
      }),
    ),
    cookies: Type.Optional(
      mapOf(StringMatch, {
        description: 'By name of the cookie: one, because routers see all cookies as one header.',
        maxProperties: 1,
      }),
    ),
    share: Type.Optional(
      Type.Integer({
        description:
          'Percent of the matching requests that the canary gets, drawn at random; stable gets the others. Left out: all of them, and then stable has none that could be compared with.',
        minimum: 1,
        maximum: 99,
      }),
    ),
  },
  {
    description: 'Requests that are told apart; those that match everything named here.',
    ...rules({
      rule: 'has(self.headers) || has(self.cookies)',
      message: 'it matches every request: name a header or a cookie',
      reason: 'FieldValueRequired',
    }),
  },
);
export type RequestMatch = Static<typeof RequestMatch>;

/** What keeps a match from being asked of a router; `where` is its field. */
export function matchFinding(match: RequestMatch, where: string): Finding | undefined {
  const headers = Object.entries(match.headers ?? {});
  const cookies = Object.entries(match.cookies ?? {});
  if (headers.length + cookies.length === 0)
    return invalid(`${where} matches every request. Name at least one header or cookie.`);
  if (headers.length > 8) return invalid(`${where}.headers has ${headers.length} headers. Name at most 8.`);
  if (cookies.length > 1)
    return invalid(
      `${where}.cookies names ${cookies.map(([name]) => name).join(' and ')}, and routers see all cookies as one header. Name one cookie, and the rest by headers.`,
    );
  if (cookies.length > 0 && headers.some(([name]) => name === 'cookie'))
    return invalid(`${where} names a cookie and the header cookie, which are the same header. Leave one of them.`);
  for (const [name, wanted] of headers) {
    const found =
      nameFinding(name, HEADER_NAME, `${where}.headers`) ?? valueFinding(wanted, `${where}.headers.${name}`);
    if (found !== undefined) return found;
  }
  for (const [name, wanted] of cookies) {
    const found =
      nameFinding(name, COOKIE_NAME, `${where}.cookies`) ?? valueFinding(wanted, `${where}.cookies.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function nameFinding(name: string, pattern: string, where: string): Finding | undefined {
  if (name.length <= 128 && new RegExp(pattern).test(name)) return undefined;
  const how = pattern === HEADER_NAME ? 'lower-case letters, digits and -' : 'letters, digits, _ and -';
  return invalid(`${where} names ${quote(name)}, which cannot be matched. Use ${how}.`);
}

function valueFinding(wanted: StringMatch, where: string): Finding | undefined {
  const written = Object.entries(wanted).filter(([, text]) => text !== undefined);
  const [only] = written;
  if (only === undefined || written.length > 1)
    return invalid(`${where} needs exactly one of exact, prefix and regex. Write one.`);
  const [how, text] = only;
  if (text.length > LONGEST_VALUE || !new RegExp(PRINTABLE).test(text))
    return invalid(`${where}.${how} is ${quote(text)}. Write 1 to ${LONGEST_VALUE} printable ASCII characters.`);
  const problem = how === 'regex' ? re2Problem(text) : undefined;
  if (problem === undefined) return undefined;
  return invalid(`${where}.regex is ${quote(text)}, which ${problem}. Write an RE2 expression for the whole value.`);
}

/** `x-canary: "1"` or `cookie group: "b"`, as messages name it. */
export function describeMatch({ headers = {}, cookies = {}, share }: RequestMatch): string {
  const parts = [
    ...Object.entries(headers).map(([name, wanted]) => `${name}: ${describeValue(wanted)}`),
    ...Object.entries(cookies).map(([name, wanted]) => `cookie ${name}: ${describeValue(wanted)}`),
  ];
  return `${share === undefined ? '' : `${share} % of `}requests with ${parts.join(' and ')}`;
}

function describeValue({ exact, prefix, regex }: StringMatch): string {
  if (exact !== undefined) return JSON.stringify(exact);
  return prefix === undefined ? `/${regex ?? ''}/` : `${JSON.stringify(prefix)}…`;
}
