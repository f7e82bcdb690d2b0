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
  /** Largest answer that is read; default 128 MiB. */
  readonly maxAnswerBytes?: number;
}

/** What one request leaves behind beside its result; the driver has no place for it. */
interface Exchange {
  readonly signal: AbortSignal;
  warnings: readonly string[];
  httpStatus?: number;
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
        const maxContentLength = options.maxAnswerBytes ?? 128 * 1024 * 1024;
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
        if (exchange !== undefined) exchange.warnings = warningsOf(response.data);
        restoreSamples(response.data);
        return response;
      },
      onRejected: (error: { readonly response?: { readonly status?: number } }) => {
        const exchange = exchanges.getStore();
        if (exchange !== undefined && error.response?.status !== undefined) exchange.httpStatus = error.response.status;
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
    const exchange: Exchange = { signal: AbortSignal.any([signal, timeout]), warnings: [] };
    try {
      const result = await exchanges.run(exchange, request);
      return { series: seriesOf(result, promql), warnings: exchange.warnings };
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
function readAddress(options: PrometheusOptions): {
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

/** The driver reads numbers with parseFloat, which knows `Infinity` but not Prometheus' `+Inf`. */
function restoreSamples(body: unknown): void {
  const result = (body as { readonly data?: { readonly result?: unknown } } | null)?.data?.result;
  if (!Array.isArray(result)) return;
  const restore = (sample: unknown): void => {
    if (!Array.isArray(sample)) return;
    if (sample[1] === '+Inf') sample[1] = 'Infinity';
    else if (sample[1] === '-Inf') sample[1] = '-Infinity';
    // The driver cuts seconds × 1000 down to whole milliseconds, which loses one where the float lies just below.
    if (typeof sample[0] === 'number') sample[0] = (Math.round(sample[0] * 1000) + 0.25) / 1000;
  };
  restore(result); // a scalar: [time, text]
  for (const row of result as readonly { readonly value?: unknown; readonly values?: unknown }[]) {
    restore(row?.value);
    if (Array.isArray(row?.values)) row.values.forEach(restore);
  }
}

interface DriverSample {
  readonly time: Date;
  readonly value: number;
}
interface DriverRow {
  readonly metric: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly value?: DriverSample;
  readonly values?: readonly DriverSample[];
}

function seriesOf(result: QueryResult, promql: string): readonly Series[] {
  const kind: string = result.resultType;
  if (kind === 'scalar') return [{ labels: {}, samples: [scalarSample(result.result)] }];
  if (kind !== 'vector' && kind !== 'matrix') {
    throw new SerinError(
      'SERIN_E_QUERY',
      `A query answers with a ${kind ?? 'value without type'}, not with numbers: ${promql.slice(0, 200)}. Write one that answers with a vector.`,
    );
  }
  return (result.result as readonly DriverRow[]).map((row) => ({
    labels: labelsOf(row),
    samples: (row.values ?? (row.value === undefined ? [] : [row.value])).map(toSample),
  }));
}

function labelsOf({ metric }: DriverRow): Readonly<Record<string, string>> {
  const labels = metric.labels ?? {};
  return metric.name === undefined ? labels : { __name__: metric.name, ...labels };
}

const toSample = ({ time, value }: DriverSample): Sample => ({ timeMs: time.getTime(), value });

function scalarSample(tuple: readonly unknown[]): Sample {
  return { timeMs: Math.floor(Number(tuple[0]) * 1000), value: Number.parseFloat(String(tuple[1])) };
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
    return new SerinError('SERIN_E_QUERY', `Prometheus refuses a query (${type}): ${said}. Correct the MetricQuery.`, {
      fields,
    });
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
    return new SerinError(
      'SERIN_E_PROMETHEUS',
      `${address} answers${status === undefined ? '' : ` HTTP ${status}`} with something that is no Prometheus answer. Check the address and its path.`,
      { fields },
    );
  }
  const how = status === undefined ? `cannot be reached (${said})` : `answers HTTP ${status} (${said})`;
  return new SerinError('SERIN_E_PROMETHEUS', `Prometheus at ${address} ${how}. Check that it runs and is healthy.`, {
    fields,
  });
}
