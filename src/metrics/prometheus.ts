/**
 * Prometheus (or anything that speaks its HTTP API) behind the MetricSource port, on the driver `prometheus-query`.
 * Closes five gaps of the driver: infinities become NaN, rejections are plain objects, warnings are lost, requests cannot be
 * aborted, scalars stay raw tuples. Refuses to guess: an answer that is not Prometheus' shape is an error, never "no data".
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { PrometheusDriver, type QueryResult } from 'prometheus-query';
import { SerinError } from '../errors.ts';
import type { MetricSource, QueryAnswer, Sample, Series } from './port.ts';

export interface PrometheusOptions {
  /** Base address, e.g. `http://prometheus.monitoring:9090` or with a path before `/api/v1`. */
  readonly url: string;
  /** Sent with every request, e.g. `Authorization` or `X-Scope-OrgID`. Never logged. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest wait for one answer; also told to Prometheus, so that it gives up too. */
  readonly timeoutMs: number;
  /** Largest answer that is read; default 32 MiB. */
  readonly maxAnswerBytes?: number;
}

const MOST_BYTES = 32 * 1024 * 1024;

/** What one request leaves behind beside its result; the driver has no place for it. */
interface Exchange {
  readonly signal: AbortSignal;
  warnings: readonly string[];
  partial?: string;
  rows: readonly unknown[];
  httpStatus?: number;
  /** Larger than `maxAnswerBytes`. */
  isTooLarge?: boolean;
}

/** The only fields of a driver rejection that are read. */
interface Rejection {
  readonly errorType?: string;
  readonly error?: string;
  readonly code?: string;
  readonly prometheus?: { readonly errorType?: string; readonly error?: string };
  /** What the driver wrapped a second time: its own complaint about a body. */
  readonly original?: { readonly errorType?: string };
}

/** Connects lazily; keeps connections alive until the process ends or Prometheus closes them. */
export function createPrometheusSource(options: PrometheusOptions): MetricSource {
  const { address, headers } = readAddress(options);
  const exchanges = new AsyncLocalStorage<Exchange>();
  const agents = { httpAgent: new HttpAgent({ keepAlive: true }), httpsAgent: new HttpsAgent({ keepAlive: true }) };
  const driver = new PrometheusDriver({
    endpoint: address,
    headers,
    timeout: options.timeoutMs + 1000,
    preferPost: true,
    requestInterceptor: {
      onFulfilled: (request) => {
        const signal = exchanges.getStore()?.signal;
        const maxContentLength = options.maxAnswerBytes ?? MOST_BYTES;
        // `proxy: false`: the environment's proxy is for the outside world, Prometheus is a neighbour.
        return Object.assign(
          request,
          agents,
          { maxContentLength, proxy: false },
          signal === undefined ? {} : { signal },
        );
      },
    },
    responseInterceptor: {
      onFulfilled: (response) => {
        const exchange = exchanges.getStore();
        if (exchange !== undefined) {
          exchange.warnings = warningsOf(response.data);
          Object.assign(exchange, partialOf(response.data));
          exchange.rows = takeRows(response.data) ?? [];
        }
        return response;
      },
      onRejected: (error: { readonly response?: { readonly status?: number }; readonly message?: string }) => {
        const exchange = exchanges.getStore();
        if (exchange !== undefined && error.response?.status !== undefined) exchange.httpStatus = error.response.status;
        if (exchange !== undefined && /maxContentLength/.test(error.message ?? '')) exchange.isTooLarge = true;
        throw error;
      },
    },
  });

  const ask = async (
    request: () => Promise<QueryResult>,
    promql: string,
    signal: AbortSignal,
  ): Promise<QueryAnswer> => {
    if (signal.aborted) throw cancelled();
    const timeout = AbortSignal.timeout(options.timeoutMs);
    const exchange: Exchange = { signal: AbortSignal.any([signal, timeout]), warnings: [], rows: [] };
    try {
      const result = await exchanges.run(exchange, request);
      const { rows, warnings, partial } = exchange;
      const answer = { series: seriesOf(result, rows, promql, address), warnings };
      return partial === undefined ? answer : { ...answer, partial };
    } catch (thrown) {
      if (thrown instanceof SerinError) throw thrown;
      if (signal.aborted) throw cancelled();
      if (timeout.aborted) {
        throw new SerinError(
          'SERIN_E_PROMETHEUS',
          `Prometheus at ${address} did not answer within ${options.timeoutMs} ms. Check its load, or raise the query timeout.`,
        );
      }
      throw explain(thrown, exchange, address);
    }
  };

  const serverTimeout = `${options.timeoutMs}ms`;
  return {
    instant: (promql, timeMs, signal) => ask(() => driver.instantQuery(promql, timeMs, serverTimeout), promql, signal),
    range: (promql, startMs, endMs, stepMs, signal) =>
      ask(() => driver.rangeQuery(promql, startMs, endMs, stepMs / 1000, serverTimeout), promql, signal),
  };
}

/** The address without user, password and query, fit for messages; credentials in it become a header. */
export function readAddress(options: PrometheusOptions): {
  readonly address: string;
  readonly headers: Record<string, string>;
} {
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new SerinError(
      'SERIN_E_CONFIG',
      'The address of Prometheus is no http or https URL. Write one such as http://prometheus:9090.',
    );
  }
  const address = `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  if (url.username === '') return { address, headers: { ...options.headers } };
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const basic = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return { address, headers: { Authorization: basic, ...options.headers } };
}

function warningsOf(body: unknown): readonly string[] {
  if (typeof body !== 'object' || body === null) return [];
  const { warnings, infos } = body as { readonly warnings?: unknown; readonly infos?: unknown }; // checked below
  return [warnings, infos].flat().filter((line): line is string => typeof line === 'string');
}

/**
 * What Prometheus says of the query itself (util/annotations). Everything else among the warnings is of the data: a store or a remote
 * read that did not answer (Thanos, Cortex), and what is left unsaid because there were too many. Infos are never of the data.
 */
const OF_QUERY = /^(PromQL (info|warning)\b|\d+ more info annotations omitted)/;

/** VictoriaMetrics marks an answer without some of its storage nodes with `isPartial`. */
function partialOf(body: unknown): Pick<Exchange, 'partial'> {
  if (typeof body !== 'object' || body === null) return {};
  const { warnings, isPartial } = body as { readonly warnings?: unknown; readonly isPartial?: unknown }; // checked below
  const told = [warnings].flat().find((line) => typeof line === 'string' && !OF_QUERY.test(line));
  if (typeof told === 'string') return { partial: told.slice(0, 500) };
  return isPartial === true ? { partial: 'isPartial is true' } : {};
}

/**
 * Takes the rows out of the body before the driver sees them: it reads `+Inf` as NaN, cuts times down to the millisecond below, and
 * makes an object and a Date of each sample, of which there may be hundreds of thousands.
 */
function takeRows(body: unknown): readonly unknown[] | undefined {
  const data = (body as { readonly data?: { result?: unknown; readonly resultType?: unknown } } | null)?.data;
  if (data === undefined || data === null || !Array.isArray(data.result)) return undefined;
  const rows: readonly unknown[] = data.result;
  if (data.resultType === 'vector' || data.resultType === 'matrix') data.result = [];
  return rows;
}

function seriesOf(result: QueryResult, rows: readonly unknown[], promql: string, address: string): readonly Series[] {
  const kind: string = result.resultType;
  if (kind === 'scalar') return [{ labels: {}, samples: [toSample(rows, address)] }];
  if (kind !== 'vector' && kind !== 'matrix') {
    throw new SerinError(
      'SERIN_E_QUERY',
      `A query answers with a ${kind ?? 'value without type'}, not with numbers: ${promql.slice(0, 200)}. Write one that answers with a vector.`,
    );
  }
  return rows.map((row) => toSeries(row, address));
}

function toSeries(row: unknown, address: string): Series {
  const { metric, value, values, histograms } = (row ?? {}) as Readonly<Record<string, unknown>>; // checked below
  if (typeof metric !== 'object' || metric === null) throw noAnswer(address);
  // Prometheus writes labels as text, whatever they are.
  const labels = metric as Readonly<Record<string, string>>;
  if (Array.isArray(values)) return { labels, samples: values.map((sample) => toSample(sample, address)) };
  if (Array.isArray(histograms)) return { labels, samples: histograms.map((sample) => toCount(sample, address)) };
  return { labels, samples: value === undefined ? [] : [toSample(value, address)] };
}

/** A native histogram as the number of its observations. */
function toCount(sample: unknown, address: string): Sample {
  const [seconds, histogram] = Array.isArray(sample) ? (sample as readonly unknown[]) : [];
  const { count } = (histogram ?? {}) as { readonly count?: unknown }; // checked by `toSample`
  return toSample([seconds, count], address);
}

/** `[seconds, "number"]`. The float of the seconds may lie just below its millisecond. */
function toSample(sample: unknown, address: string): Sample {
  const [seconds, text] = Array.isArray(sample) ? (sample as readonly unknown[]) : [];
  if (typeof seconds !== 'number' || typeof text !== 'string') throw noAnswer(address);
  return { timeMs: Math.round(seconds * 1000), value: readNumber(text) };
}

function readNumber(text: string): number {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number.parseFloat(text);
}

function noAnswer(address: string, status?: number): SerinError {
  return new SerinError(
    'SERIN_E_PROMETHEUS',
    `${address} answers${status === undefined ? '' : ` HTTP ${status}`} with something that is no Prometheus answer. Check the address and its path.`,
  );
}

function cancelled(): SerinError {
  return new SerinError('SERIN_E_ABORTED', 'A query was cancelled. It is asked again at the next poll.');
}

/** Types of Prometheus that blame the query itself: asking again cannot help. */
const QUERY_FAULTS: ReadonlySet<string> = new Set(['bad_data', 'execution']);

function explain(thrown: unknown, exchange: Exchange, address: string): SerinError {
  const rejection = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Rejection; // every field is optional
  const type = rejection.prometheus?.errorType;
  const said = (rejection.prometheus?.error ?? rejection.error ?? String(thrown)).slice(0, 500);
  const fields = {
    errorType: type ?? rejection.errorType ?? 'unknown',
    ...(exchange.httpStatus === undefined ? {} : { httpStatus: exchange.httpStatus }),
  };
  if (type !== undefined && QUERY_FAULTS.has(type)) {
    const isTooLarge = /too many samples/.test(said);
    return new SerinError('SERIN_E_QUERY', `Prometheus refuses a query (${type}): ${said}. Correct the MetricQuery.`, {
      fields: isTooLarge ? { ...fields, isTooLarge } : fields,
    });
  }
  if (exchange.isTooLarge === true) {
    return new SerinError(
      'SERIN_E_PROMETHEUS',
      `Prometheus at ${address} answers with more than can be read at once. Narrow the MetricQuery by labels.`,
      { fields: { ...fields, isTooLarge: true } },
    );
  }
  const status = exchange.httpStatus;
  if (status === 401 || status === 403) {
    return new SerinError(
      'SERIN_E_PROMETHEUS',
      `Prometheus at ${address} refuses the credentials (HTTP ${status}). Check the configured headers.`,
      { fields },
    );
  }
  const complaint = rejection.original?.errorType ?? rejection.errorType;
  if (complaint === 'client_error' || complaint === undefined) {
    return noAnswer(address, status);
  }
  const how = status === undefined ? `cannot be reached (${said})` : `answers HTTP ${status} (${said})`;
  return new SerinError('SERIN_E_PROMETHEUS', `Prometheus at ${address} ${how}. Check that it runs and is healthy.`, {
    fields,
  });
}
