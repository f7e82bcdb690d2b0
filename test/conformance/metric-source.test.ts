/** What every MetricSource owes its callers, on a real Prometheus; and what the adapter makes of servers that misbehave. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SerinError } from '../../src/errors.ts';
import type { MetricSource } from '../../src/metrics/port.ts';
import { createPrometheusSource } from '../../src/metrics/prometheus.ts';
import { type ExporterLab, type PrometheusLab, startExporter, startPrometheus, until } from '../support/prometheus.ts';
import { describeWith } from '../support/tools.ts';

const never = new AbortController().signal;

async function failure(promise: Promise<unknown>): Promise<SerinError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(SerinError);
  return thrown as SerinError;
}

describeWith(['prometheus'], 'a metric source on a real Prometheus', () => {
  let exporter: ExporterLab;
  let prometheus: PrometheusLab;
  let source: MetricSource;

  beforeAll(async () => {
    exporter = await startExporter();
    exporter.pods.set(
      'web-1',
      () =>
        '# TYPE up_total counter\nup_total{odd="quote\\" brace} back\\\\slash"} 41\nbig +Inf\nsmall -Inf\nnone NaN\n',
    );
    prometheus = await startPrometheus(exporter, 250);
    await prometheus.scrape(['web-1']);
    source = createPrometheusSource({ url: `${prometheus.url}/`, timeoutMs: 5000 });
    await until(
      async () => (await source.instant('up_total', Date.now(), never)).series.length > 0,
      20_000,
      'the first scrape',
    );
  });
  afterAll(async () => {
    await prometheus?.close();
    await exporter?.close();
  });

  test('answers an instant query with labels, the asked time and the value', async () => {
    const timeMs = Date.now();
    const { series, warnings } = await source.instant('up_total', timeMs, never);
    expect(series).toHaveLength(1);
    expect(series[0]?.labels).toMatchObject({ __name__: 'up_total', pod: 'web-1', odd: 'quote" brace} back\\slash' });
    expect(series[0]?.samples).toEqual([{ timeMs, value: 41 }]);
    expect(warnings).toEqual([]);
  });

  test.each([
    ['big', Number.POSITIVE_INFINITY],
    ['small', Number.NEGATIVE_INFINITY],
    ['none', Number.NaN],
  ])('keeps infinities apart from NaN: %s', async (metric, value) => {
    const { series } = await source.instant(metric, Date.now(), never);
    expect(series[0]?.samples[0]?.value).toBe(value);
    const nowMs = Date.now();
    const range = await source.range(metric, nowMs - 500, nowMs, 250, never);
    expect(range.series[0]?.samples.at(-1)?.value).toBe(value);
  });

  test('answers scalars as one series without labels', async () => {
    const { series } = await source.instant('scalar(up_total) / 0', 1_700_000_000_000, never);
    expect(series).toEqual([{ labels: {}, samples: [{ timeMs: 1_700_000_000_000, value: Number.NaN }] }]);
  });

  test('answers raw samples of a range selector with their own times', async () => {
    const { series } = await source.instant('up_total[5s]', Date.now(), never);
    const times = series[0]?.samples.map(({ timeMs }) => timeMs) ?? [];
    expect(times.length).toBeGreaterThan(0);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('a range query holds both ends and every step, and an empty answer is no error', async () => {
    const endMs = Math.floor(Date.now() / 1000) * 1000;
    const { series } = await source.range('vector(1)', endMs - 3000, endMs, 1000, never);
    expect(series[0]?.samples.map(({ timeMs }) => timeMs)).toEqual([endMs - 3000, endMs - 2000, endMs - 1000, endMs]);
    expect(await source.range('nothing_here', endMs - 3000, endMs, 1000, never)).toEqual({ series: [], warnings: [] });
  });

  test.each(['sum by (', 'up_total{a="}', 'up_total + on(pod) group_left() {__name__=~".+"}'])(
    'a query that Prometheus refuses is a fault of the query: %s',
    async (promql) => {
      const error = await failure(source.instant(promql, Date.now(), never));
      expect(error.code).toBe('SERIN_E_QUERY');
      expect(error.retryable).toBe(false);
      expect(error.fields['errorType']).toMatch(/^(bad_data|execution)$/);
    },
  );

  test('a string is not an answer', async () => {
    const error = await failure(source.instant('"text"', Date.now(), never));
    expect(error.code).toBe('SERIN_E_QUERY');
  });
});

describe('the Prometheus adapter on servers that misbehave', () => {
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const server of open.splice(0)) await server.close();
  });

  async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer(answer);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    open.push({
      close: async () => {
        server.closeAllConnections();
        server.close();
        await once(server, 'close');
      },
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const json = (status: number, body: unknown) => (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
  const vector = (rows: readonly unknown[], more: object = {}) =>
    json(200, { status: 'success', data: { resultType: 'vector', result: rows }, ...more });

  test.each([
    { name: '503 without a body', answer: json(503, ''), code: 'SERIN_E_PROMETHEUS', says: /HTTP 503/ },
    {
      name: '503 as Prometheus says it',
      answer: json(503, { status: 'error', errorType: 'timeout', error: 'query timed out' }),
      code: 'SERIN_E_PROMETHEUS',
      says: /query timed out/,
    },
    {
      name: '500 internal',
      answer: json(500, { status: 'error', errorType: 'internal', error: 'disk' }),
      code: 'SERIN_E_PROMETHEUS',
      says: /HTTP 500/,
    },
    {
      name: '422 too many samples',
      answer: json(422, { status: 'error', errorType: 'execution', error: 'too many samples' }),
      code: 'SERIN_E_QUERY',
      says: /too many samples/,
    },
    { name: '401', answer: json(401, 'no'), code: 'SERIN_E_PROMETHEUS', says: /credentials/ },
    { name: '404 of something else', answer: json(404, '<html>'), code: 'SERIN_E_PROMETHEUS', says: /HTTP 404.*path/ },
    { name: 'a page of HTML', answer: json(200, '<html></html>'), code: 'SERIN_E_PROMETHEUS', says: /no Prometheus/ },
    { name: 'JSON of another shape', answer: json(200, { status: 'success', data: {} }), code: 'SERIN_E_PROMETHEUS' },
    { name: 'no data at all', answer: json(200, { status: 'success' }), code: 'SERIN_E_PROMETHEUS' },
    {
      name: 'rows that are no rows',
      answer: json(200, { status: 'success', data: { resultType: 'vector', result: [null, 5] } }),
      code: 'SERIN_E_PROMETHEUS',
    },
    { name: 'an empty answer', answer: json(200, ''), code: 'SERIN_E_PROMETHEUS' },
  ])('$name is an error with its reason, never an empty answer', async ({ answer, code, says }) => {
    const source = createPrometheusSource({ url: await serve(answer), timeoutMs: 2000 });
    const error = await failure(source.instant('up', 1_700_000_000_000, never));
    expect(error.code).toBe(code);
    if (says !== undefined) expect(error.message).toMatch(says);
  });

  test('a server that is not there is retried later', async () => {
    const source = createPrometheusSource({ url: 'http://127.0.0.1:1', timeoutMs: 2000 });
    const error = await failure(source.instant('up', 1_700_000_000_000, never));
    expect(error).toMatchObject({ code: 'SERIN_E_PROMETHEUS', retryable: true });
    expect(error.message).toMatch(/cannot be reached/);
  });

  test('a slow server costs the timeout and not a moment more', async () => {
    const source = createPrometheusSource({ url: await serve(() => undefined), timeoutMs: 200 });
    const startMs = Date.now();
    const error = await failure(source.instant('up', 1_700_000_000_000, never));
    expect(error.message).toMatch(/did not answer within 200 ms/);
    expect(Date.now() - startMs).toBeLessThan(1000);
  });

  test('a signal ends a query at once, also one that was never sent', async () => {
    const source = createPrometheusSource({ url: await serve(() => undefined), timeoutMs: 5000 });
    const abort = new AbortController();
    setTimeout(() => abort.abort(), 50);
    const startMs = Date.now();
    const error = await failure(source.instant('up', 1_700_000_000_000, abort.signal));
    expect(error.code).toBe('SERIN_E_ABORTED');
    expect(Date.now() - startMs).toBeLessThan(1000);
    expect((await failure(source.instant('up', 1_700_000_000_000, abort.signal))).code).toBe('SERIN_E_ABORTED');
  });

  test('warnings and infos come back word for word', async () => {
    const rows = [{ metric: { pod: 'a' }, value: [1_700_000_000, '1'] }];
    const answer = vector(rows, { warnings: ['a replica is missing'], infos: ['metric might not be a counter'] });
    const source = createPrometheusSource({ url: await serve(answer), timeoutMs: 2000 });
    expect((await source.instant('up', 1_700_000_000_000, never)).warnings).toEqual([
      'a replica is missing',
      'metric might not be a counter',
    ]);
  });

  test.each<[string, Record<string, unknown>, string | undefined]>([
    ['nothing', {}, undefined],
    ['what is said of the query', { warnings: ['PromQL warning: ratio value should be between -1 and 1'] }, undefined],
    ['infos among the warnings', { warnings: ['PromQL info: metric might not be a counter'] }, undefined],
    ['infos of whatever kind', { infos: ['3 more info annotations omitted', 'slow'] }, undefined],
    [
      'a store of Thanos that is away',
      { warnings: ['PromQL info: x', 'No StoreAPIs matched'] },
      'No StoreAPIs matched',
    ],
    ['warnings that are left unsaid', { warnings: ['2 more warning annotations omitted'] }, '2 more warning'],
    ['a storage node of VictoriaMetrics that is away', { isPartial: true }, 'isPartial'],
    ['all nodes of VictoriaMetrics', { isPartial: false }, undefined],
  ])('data may be missing from an answer, by %s', async (_name, said, partial) => {
    const rows = [{ metric: { pod: 'a' }, value: [1_700_000_000, '1'] }];
    const source = createPrometheusSource({ url: await serve(vector(rows, said)), timeoutMs: 2000 });
    const answer = await source.instant('up', 1_700_000_000_000, never);
    expect(answer.series).toHaveLength(1);
    expect(answer.partial).toEqual(partial === undefined ? undefined : expect.stringContaining(partial));
  });

  test('concurrent queries keep their warnings and signals apart', async () => {
    const url = await serve((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const query = new URLSearchParams(body).get('query') ?? '';
        setTimeout(() => vector([], { warnings: [query] })(request, response), query.length);
      });
    });
    const source = createPrometheusSource({ url, timeoutMs: 2000 });
    const abort = new AbortController();
    const doomed = failure(source.instant('d'.repeat(400), 1_700_000_000_000, abort.signal));
    const names = ['ccccccccccccccccccccccccc', 'b', 'aaaaaaaaaa'];
    const answers = names.map((name) => source.instant(name, 1_700_000_000_000, never));
    abort.abort();
    expect((await Promise.all(answers)).map(({ warnings }) => warnings)).toEqual(names.map((name) => [name]));
    expect((await doomed).code).toBe('SERIN_E_ABORTED');
  });

  test('times are exact to the millisecond, whatever the float', async () => {
    const source = createPrometheusSource({
      url: await serve(vector([{ metric: {}, value: [1_763_700_000.123, '1'] }])),
      timeoutMs: 2000,
    });
    expect((await source.instant('up', 1, never)).series[0]?.samples[0]?.timeMs).toBe(1_763_700_000_123);
  });

  test('sends the configured headers and never shows them or the password in a message', async () => {
    let seen: string | undefined;
    const url = await serve((request, response) => {
      seen = request.headers.authorization;
      json(500, 'x')(request, response);
    });
    const source = createPrometheusSource({
      url: url.replace('http://', 'http://user:sesame@'),
      headers: { Authorization: 'Bearer sesame' },
      timeoutMs: 2000,
    });
    const error = await failure(source.instant('up', 1, never));
    expect(seen).toBe('Bearer sesame');
    const byAddress = createPrometheusSource({ url: url.replace('http://', 'http://user:sesame@'), timeoutMs: 2000 });
    await failure(byAddress.instant('up', 1, never));
    expect(seen).toBe(`Basic ${Buffer.from('user:sesame').toString('base64')}`);
    expect(`${error.message} ${JSON.stringify(error)} ${String(error.cause)}`).not.toContain('sesame');
  });

  test('an address that is no URL is refused at once', () => {
    expect(() => createPrometheusSource({ url: 'prometheus:9090:x', timeoutMs: 1 })).toThrow(/Write one such as/);
  });
});
