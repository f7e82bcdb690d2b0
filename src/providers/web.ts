/**
 * Any service over HTTP as a provider (metricproviders/webmetric/webmetric.go): the first value that jsonPath finds in a JSON answer, or
 * the whole text of another. A status that is not 2xx is no measurement.
 */
import { type Fields, isFields, stringAt } from '../api/fields.ts';
import { credentialsOf } from './credentials.ts';
import { exchange } from './http.ts';
import { firstAt, parsePath } from './json-path.ts';
import type { Provider, Reading } from './port.ts';

const TIMEOUT_S = 10;
const LONGEST_TIMEOUT_S = 600;

export function createWebProvider(): Provider {
  return {
    measure: async ({ settings }, signal) => {
      const path = parsePath(stringAt(settings, 'jsonPath') || '{$}');
      if (path.kind === 'problem') return failed(path.message);
      const body = bodyOf(settings);
      const method = methodOf(settings);
      if (method === undefined) return failed('method is none of GET, POST and PUT. Correct it.');
      if (body !== undefined && method === 'GET') return failed('GET sends no body. Write method: POST or PUT.');
      const asking = { isInsecure: settings['insecure'] === true, timeoutMs: timeoutMsOf(settings['timeoutSeconds']) };
      const credentials = await credentialsOf(settings, asking, signal);
      if (credentials.kind === 'error') return credentials;
      const isJson = settings['jsonBody'] !== undefined;
      const answer = await exchange(
        {
          ...asking,
          who: 'The web service',
          url: stringAt(settings, 'url') ?? '',
          method,
          headers: { ...credentials.headers, ...(isJson ? { 'content-type': 'application/json' } : {}) },
          ...(body === undefined ? {} : { body }),
        },
        signal,
      );
      if (answer.kind === 'error') return answer;
      const { status, text } = answer;
      if (status < 200 || status >= 300) return failed(`received non 2xx response code: ${status}`);
      const json = parseJson(text);
      if (json === undefined) return { kind: 'value', measured: { kind: 'json', value: text }, shown: text };
      const found = firstAt(json.value, path);
      if (found.kind === 'problem') return failed(`Could not find JSONPath in body: ${found.message}`);
      return { kind: 'value', measured: { kind: 'json', value: found.value }, shown: printJson(found.value) };
    },
  };
}

const failed = (message: string): Extract<Reading, { kind: 'error' }> => ({ kind: 'error', message });

/** Seconds, as a number or as text where an argument stood. */
function timeoutMsOf(value: unknown): number {
  const seconds = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : value;
  const isThere = typeof seconds === 'number' && seconds > 0;
  return Math.min(isThere ? seconds : TIMEOUT_S, LONGEST_TIMEOUT_S) * 1000;
}

function methodOf(settings: Fields): 'GET' | 'POST' | 'PUT' | undefined {
  const method = stringAt(settings, 'method') || 'GET';
  return method === 'GET' || method === 'POST' || method === 'PUT' ? method : undefined;
}

function bodyOf(settings: Fields): string | undefined {
  const text = stringAt(settings, 'body') ?? '';
  if (text !== '') return text;
  return settings['jsonBody'] === undefined ? undefined : JSON.stringify(settings['jsonBody']);
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

/** Keys in order, as Go writes maps. */
function printJson(value: unknown): string {
  const sorted = (one: unknown): unknown => {
    if (Array.isArray(one)) return one.map(sorted);
    if (!isFields(one)) return one;
    return Object.fromEntries(
      Object.entries(one)
        .toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)))
        .map(([key, item]) => [key, sorted(item)]),
    );
  };
  return JSON.stringify(sorted(value)) ?? 'null';
}
