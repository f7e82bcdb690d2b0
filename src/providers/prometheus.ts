/**
 * Prometheus as a provider (metricproviders/prometheus/prometheus.go): an instant or range query of any server, whose labels are dropped.
 * A scalar is a number, a vector or matrix a list of numbers in the order of the answer.
 */
import { type Fields, fieldsAt, isFields, listAt, stringAt } from '../api/fields.ts';
import { readDurationMs } from '../api/units.ts';
import type { Clock } from '../clock.ts';
import { evaluateTime } from '../expression/condition.ts';
import type { Measured } from '../expression/condition.ts';
import { credentialsOf } from './credentials.ts';
import { exchange } from './http.ts';
import type { Provider, Reading } from './port.ts';

const TIMEOUT_S = 30;
const LONGEST_TIMEOUT_S = 600;
const MOST_SAMPLES = 20_000;
const WHO = 'Prometheus';

export interface PrometheusProviderDeps {
  readonly clock: Pick<Clock, 'nowMs'>;
  /** The service's own Prometheus with its headers, for metrics that name no address. */
  readonly ownServer: () => Promise<{ readonly url: string; readonly headers: Readonly<Record<string, string>> }>;
}

export function createPrometheusProvider(deps: PrometheusProviderDeps): Provider {
  return {
    measure: async ({ settings }, signal) => {
      const timeoutMs = timeoutOf(settings['timeout']);
      if (timeoutMs === undefined) return failed('timeout is no number of seconds from 0. Correct it.');
      // As in Argo: it is over before it began.
      if (timeoutMs === 0) return failed('timeout is 0, so nothing is waited for. Leave it out, or write seconds.');
      const asking = { isInsecure: settings['insecure'] === true, timeoutMs };
      const form = formOf(settings, deps.clock.nowMs());
      if ('kind' in form) return form;
      const credentials = await credentialsOf(settings, asking, signal);
      if (credentials.kind === 'error') return credentials;
      const address = stringAt(settings, 'address') ?? '';
      const own = address === '' ? await deps.ownServer() : undefined;
      const path = form.has('step') ? 'api/v1/query_range' : 'api/v1/query';
      const answer = await exchange(
        {
          ...asking,
          who: WHO,
          url: joined(own?.url ?? address, path),
          method: 'POST',
          headers: { ...own?.headers, 'content-type': 'application/x-www-form-urlencoded', ...credentials.headers },
          body: form.toString(),
        },
        signal,
      );
      if (answer.kind === 'error') return answer;
      const ownSecrets = Object.values(own?.headers ?? {}).filter((value) => value !== '');
      return without(readAnswer(answer.status, answer.text), [...credentials.secrets, ...ownSecrets]);
    },
  };
}

/** What is no address stays as it is, to be refused as such. */
function joined(address: string, path: string): string {
  if (!/^https?:\/\/[^/]/.test(address) || !URL.canParse(address)) return '';
  const url = new URL(address);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`;
  return url.href;
}

const failed = (message: string): Extract<Reading, { kind: 'error' }> => ({ kind: 'error', message });

/** Nothing that was learnt on the way is in an answer, unless the server repeats it. */
function without(reading: Reading, secrets: readonly string[]): Reading {
  if (reading.kind !== 'error') return reading;
  return failed(secrets.reduce((text, secret) => text.replaceAll(secret, '*****'), reading.message));
}

/** Seconds, as a number or as text where an argument stood. */
function timeoutOf(value: unknown): number | undefined {
  if (value === undefined || value === null) return TIMEOUT_S * 1000;
  const seconds = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 0) return undefined;
  return Math.min(seconds, LONGEST_TIMEOUT_S) * 1000;
}

function formOf(settings: Fields, nowMs: number): URLSearchParams | Extract<Reading, { kind: 'error' }> {
  const query = stringAt(settings, 'query') ?? '';
  const range = settings['rangeQuery'];
  if (!isFields(range)) return new URLSearchParams({ query, time: seconds(nowMs) });
  const times: Record<string, string> = {};
  for (const field of ['start', 'end'] as const) {
    const time = evaluateTime(stringAt(range, field) ?? '', nowMs);
    if (typeof time !== 'number')
      return failed(`rangeQuery.${field} is no time: ${time.message}. Write e.g. now() - duration("1h").`);
    times[field] = seconds(time);
  }
  const stepMs = readDurationMs(range['step']) ?? 0;
  if (stepMs <= 0) return failed('rangeQuery.step is no duration above zero. Write e.g. 1m.');
  return new URLSearchParams({ query, ...times, step: String(stepMs / 1000) });
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3);

function readAnswer(status: number, text: string): Reading {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    return failed(`${WHO} answers with what is no JSON (status ${status}). Check the address.`);
  }
  if (stringAt(answer, 'status') !== 'success') {
    const said = [stringAt(answer, 'errorType'), stringAt(answer, 'error')].filter((part) => part !== undefined);
    return failed(said.length === 0 ? `${WHO} answers ${status} without a result.` : said.join(': '));
  }
  const type = stringAt(answer, 'data', 'resultType');
  const samples = samplesOf(type, answer);
  if (samples === undefined)
    return failed(`${WHO} answers with ${type ?? 'nothing'} that is no number. Write a query of numbers.`);
  if (samples.length > MOST_SAMPLES) {
    return failed(`${WHO} answers with ${samples.length} numbers. Write a query of at most ${MOST_SAMPLES}.`);
  }
  const values = samples.map(numberOf);
  if (values.some((value) => value === undefined)) {
    return failed(`${WHO} answers with a native histogram, which is no number. Use histogram_quantile or the like.`);
  }
  const numbers = values as readonly number[]; // just looked at
  const [first = Number.NaN] = numbers;
  const measured: Measured =
    type === 'scalar' ? { kind: 'number', value: first } : { kind: 'numbers', values: numbers };
  const shown = type === 'scalar' ? printPlain(first) : `[${numbers.map(printPlain).join(',')}]`;
  const warnings = listAt(answer, 'warnings').filter((warning) => typeof warning === 'string');
  return {
    kind: 'value',
    measured,
    shown,
    ...(warnings.length === 0
      ? {}
      : {
          metadata: {
            warnings: warnings.map((one) => `"${one}"`).join(', '),
          },
        }),
  };
}

/** The text of each sample; `undefined` for a result that has no numbers, an element without text for a histogram. */
function samplesOf(type: string | undefined, answer: unknown): readonly unknown[] | undefined {
  const result = listAt(answer, 'data', 'result');
  if (type === 'scalar') return [result[1]];
  if (type === 'vector') return result.map((series) => listAt(series, 'value')[1]);
  if (type !== 'matrix') return undefined;
  return result.flatMap((series) =>
    listAt(fieldsAt(series), 'histograms').length > 0
      ? [undefined]
      : listAt(series, 'values').map((pair) => (Array.isArray(pair) ? (pair as readonly unknown[])[1] : undefined)),
  );
}

function numberOf(text: unknown): number | undefined {
  if (typeof text !== 'string' || text === '') return undefined;
  if (text === 'NaN') return Number.NaN;
  if (text === '+Inf' || text === '-Inf') return text === '+Inf' ? Infinity : -Infinity;
  const value = Number(text);
  return Number.isNaN(value) ? undefined : value;
}

/** As Prometheus prints samples: never with an exponent. */
function printPlain(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf';
  const text = String(value);
  const [, sign = '', whole = '', part = '', exponent = ''] = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text) ?? [];
  if (exponent === '') return text;
  const point = whole.length + Number(exponent);
  const digits = whole + part;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, '0')}`;
}
