/** Conditions of VirtualService rules as predicates, compiled once. Regular expressions match the whole value, as RE2 does in Envoy. */
import type { HTTPMatchRequest, StringMatch } from './objects.ts';
import { selects } from './objects.ts';
import type { Matched, ParsedRequest, Predicate, Side } from './rule.ts';

type Test = (value: string | undefined) => boolean;

/** A whole-value expression; one that JavaScript cannot compile matches nothing (Istio refuses it at admission). */
export function wholeRegex(source: string): RegExp | undefined {
  const isInsensitive = source.startsWith('(?i)');
  try {
    return new RegExp(`^(?:${isInsensitive ? source.slice(4) : source})$`, isInsensitive ? 'i' : '');
  } catch {
    return undefined;
  }
}

/** An empty StringMatch asks only that the value is there, be it empty. */
function stringTest(match: StringMatch, ignoreCase = false): Test {
  const fold = (text: string): string => (ignoreCase ? text.toLowerCase() : text);
  const { exact, prefix, regex } = match;
  if (exact !== undefined) return (value) => value !== undefined && fold(value) === fold(exact);
  if (prefix !== undefined) return (value) => value !== undefined && fold(value).startsWith(fold(prefix));
  if (regex !== undefined) {
    const whole = wholeRegex(regex);
    return (value) => value !== undefined && whole?.test(value) === true;
  }
  return (value) => value !== undefined;
}

type Condition = (request: ParsedRequest) => boolean;

function conditionsOf(match: HTTPMatchRequest): readonly Condition[] {
  const conditions: Condition[] = [];
  if (match.uri !== undefined) {
    const test = stringTest(match.uri, match.ignoreUriCase);
    conditions.push((request) => test(request.pathname));
  }
  if (match.method !== undefined) {
    const test = stringTest(match.method);
    conditions.push((request) => test(request.method));
  }
  if (match.authority !== undefined) {
    const test = stringTest(match.authority);
    conditions.push((request) => test(request.authority) || test(request.authority.replace(/:\d+$/, '')));
  }
  if (match.scheme !== undefined) {
    const test = stringTest(match.scheme);
    conditions.push(() => test('http'));
  }
  for (const [name, value] of Object.entries(match.headers ?? {})) {
    const test = stringTest(value);
    const header = name.toLowerCase();
    conditions.push((request) => test(request.headers[header]));
  }
  for (const [name, value] of Object.entries(match.withoutHeaders ?? {})) {
    const test = stringTest(value);
    const header = name.toLowerCase();
    conditions.push((request) => !test(request.headers[header]));
  }
  for (const [name, value] of Object.entries(match.queryParams ?? {})) {
    const test = stringTest(value);
    conditions.push((request) => test(request.query.get(name) ?? undefined));
  }
  return conditions;
}

/** True where the match can hold for requests that this proxy routes (source, port and gateway are known beforehand). */
function concerns(match: HTTPMatchRequest, side: Side, gateways: readonly string[]): boolean {
  if (match.port !== undefined && (side.kind !== 'gateway' || side.port !== match.port)) return false;
  if (match.gateways !== undefined && !match.gateways.some((gateway) => gateways.includes(gateway))) return false;
  if (match.sourceNamespace !== undefined && match.sourceNamespace !== side.namespace) return false;
  if (match.sourceLabels === undefined) return true;
  return side.kind === 'sidecar' && selects(match.sourceLabels, side.labels);
}

/**
 * `matches` of one rule, any of which is enough; `undefined` when none can hold for this proxy.
 * `gateways`: the spellings under which the rule may name this proxy (`mesh`, or the gateway's name).
 */
export function compileMatches(
  matches: readonly HTTPMatchRequest[] | undefined,
  side: Side,
  gateways: readonly string[],
): { readonly predicate: Predicate; readonly isCatchAll: boolean } | undefined {
  if (matches === undefined || matches.length === 0) return { predicate: () => ({ prefix: '/' }), isCatchAll: true };
  const relevant = matches.filter((match) => concerns(match, side, gateways));
  if (relevant.length === 0) return undefined;
  const compiled = relevant.map((match) => ({ conditions: conditionsOf(match), prefix: match.uri?.prefix }));
  return {
    isCatchAll: compiled.some(
      (match) => match.conditions.length === 0 || (match.conditions.length === 1 && match.prefix === '/'),
    ),
    predicate: (request): Matched | undefined => {
      for (const { conditions, prefix } of compiled) {
        if (conditions.every((condition) => condition(request))) return { prefix };
      }
      return undefined;
    },
  };
}
