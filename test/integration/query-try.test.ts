/** What `serin query` shows and finds, on a real Prometheus with a past; and what it says where Prometheus is not what answers. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MetricQuerySpec } from '../../src/api/metric-query.ts';
import { formsOf } from '../../src/cli/query/forms.ts';
import { rowsOfSeries } from '../../src/cli/test/rows-of-series.ts';
import { readSeries } from '../../src/cli/test/series.ts';
import { askAll, lookbackMs } from '../../src/metrics/asking.ts';
import type { MetricSource, Series } from '../../src/metrics/port.ts';
import { createPrometheusSource } from '../../src/metrics/prometheus.ts';
import { libraryQuery } from '../support/library.ts';
import { type Backfilled, startBackfilled } from '../support/series/backfill.ts';
import { describeWith } from '../support/tools.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const never = new AbortController().signal;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function serin(...words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...words], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

const SCRAPE_MS = 15_000;
const SCRAPES = 80;
/** At whole intervals, so that both ways read the same ones. */
const endMs = Math.floor((Date.now() - 300_000) / 60_000) * 60_000;
const firstMs = endMs - (SCRAPES - 1) * SCRAPE_MS;

const istio = (workload: string, pod: string, code: number, values: string) => ({
  series: `istio_requests_total{reporter="destination", destination_workload_namespace="shop", destination_workload="${workload}", pod="${pod}", response_code="${code}"}`,
  values,
});
/** Stable: 1 % bad. Canary: 10 % bad; its second pod is silent for a while, and begins later. */
const WRITTEN = [
  istio('web-v1', 'web-v1-a', 200, '1000+99x79'),
  istio('web-v1', 'web-v1-a', 503, '10+1x79'),
  istio('web-v2', 'web-v2-a', 200, '0+45x79'),
  istio('web-v2', 'web-v2-a', 500, '0+5x79'),
  istio('web-v2', 'web-v2-b', 200, '_x20 0+45x25 _x10 1675+45x23'),
  istio('web-v2', 'web-v2-b', 404, '_x20 0+1x58'),
  // Somebody else's, with names that begin alike.
  istio('web-v1x', 'web-v1x-a', 500, '0+500x79'),
  { series: 'http_requests_total{code="200", job="app", instance="10.0.0.1:8080"}', values: '0+1x79' },
  {
    series: 'container_memory_working_set_bytes{namespace="shop", workload="web-v1", pod="web-v1-a", container="app"}',
    values: '100+1x79',
  },
  {
    series: 'container_memory_working_set_bytes{namespace="shop", workload="web-v2", pod="web-v2-a", container="app"}',
    values: '_x3 200 _ 250x70',
  },
  {
    series: 'container_memory_working_set_bytes{namespace="shop", workload="web-v2", pod="web-v2-a", container=""}',
    values: '999x79',
  },
  {
    series:
      'kube_pod_container_status_restarts_total{namespace="shop", workload="web-v2", pod="web-v2-a", container="app"}',
    values: '0x40 1x38',
  },
];

const series = WRITTEN.map((written): Series => {
  const read = readSeries(written, firstMs, SCRAPE_MS);
  if (typeof read === 'string') throw new Error(read);
  return read;
});

function* openMetrics(): Generator<string> {
  for (const { labels, samples } of series) {
    const { __name__: name, ...rest } = labels;
    const text = Object.entries(rest)
      .map(([label, value]) => `${label}="${value}"`)
      .join(',');
    for (const { timeMs, value } of samples) yield `${name}{${text}} ${value} ${timeMs / 1000}\n`;
  }
}

describeWith(['prometheus', 'promtool'], 'the query library on a real Prometheus', () => {
  let prometheus: Backfilled;
  let source: MetricSource;
  const at = String(endMs / 1000);

  beforeAll(async () => {
    prometheus = await startBackfilled(openMetrics());
    source = createPrometheusSource({ url: prometheus.url, timeoutMs: 30_000 });
  });
  afterAll(() => prometheus?.close());

  describe('try', () => {
    test('finds what has data, and proposes what fits both sides', async () => {
      const found = await serin(
        'query',
        'try',
        '--prometheus',
        prometheus.url,
        '--at',
        at,
        '-n',
        'shop',
        '--stable',
        'web-v1',
        '--canary',
        'web-v2',
      );
      expect(found.stderr).toBe('');
      expect(found.stdout).toMatch(
        /^istio-requests +success-rate +yes +yes +shop\/web-v1 shop\/web-v1x shop\/web-v2$/m,
      );
      expect(found.stdout).toMatch(/^pod-restarts +saturation +other workloads +yes +shop\/web-v2$/m);
      expect(found.stdout).toContain(
        'http-requests has series without the labels it needs; see: serin query show http-requests',
      );
      expect(found.stdout).toMatch(
        /Use:\n {2}success-rate {2}istio-requests\n {2}volume +istio-volume\n {2}saturation +memory-use/,
      );
      expect(found.stdout).toContain('Template: success-rate (istio-requests)');
      expect(found.code).toBe(0);
    });

    test('ends with 4 when nothing fits', async () => {
      const found = await serin(
        'query',
        'try',
        '--prometheus',
        prometheus.url,
        '--at',
        at,
        '-n',
        'pay',
        '--workload',
        'web-v1',
      );
      expect(found.stdout).toContain('Nothing fits');
      expect(found.code).toBe(4);
    });

    test('speaks JSON', async () => {
      const found = await serin(
        'query',
        'try',
        '--prometheus',
        prometheus.url,
        '--at',
        at,
        '--workload',
        'web-v2',
        '-o',
        'json',
      );
      expect(JSON.parse(found.stdout)).toMatchObject({
        proposed: { 'success-rate': 'istio-requests' },
        templates: expect.arrayContaining(['success-rate']),
      });
    });
  });

  describe('what is shown', () => {
    const valueOf = async (name: string, workload: string): Promise<readonly number[]> => {
      const { whole } = formsOf(libraryQuery(name), { namespace: 'shop', workload });
      const answer = await source.instant(whole, endMs, never);
      return answer.series.flatMap(({ samples }) => samples.map(({ value }) => value));
    };

    test.each([
      { name: 'istio-requests', workload: 'web-v1', is: 0.01 },
      // 5 of 50 of one pod, none of 46 of the other (404 is no error).
      { name: 'istio-requests', workload: 'web-v2', is: 5 / 96 },
      { name: 'istio-volume', workload: 'web-v1', is: 100 / 15 },
      { name: 'istio-volume', workload: 'web-v2', is: (50 + 46) / 2 / 15 },
      { name: 'memory-use', workload: 'web-v1', is: 179 },
      { name: 'memory-use', workload: 'web-v2', is: 250 },
    ])('$name of $workload is $is', async ({ name, workload, is }) => {
      const [value, ...more] = await valueOf(name, workload);
      expect(more).toEqual([]);
      expect(value).toBeCloseTo(is, 2);
    });

    test('of a workload without series it is nothing, and no NaN', async () => {
      for (const name of ['istio-requests', 'istio-latency', 'istio-volume', 'memory-use']) {
        expect(await valueOf(name, 'nobody')).toEqual([]);
      }
    });
  });

  test.each(['istio-requests', 'istio-volume', 'memory-use', 'pod-restarts'])(
    'serin test reads %s as the service does from Prometheus',
    async (name) => {
      const query: MetricQuerySpec = libraryQuery(name);
      const workloads = ['web-v1', 'web-v2'].map((workload) => ({ namespace: 'shop', workload }));
      for (const intervalMs of [20_000, 60_000]) {
        const span = {
          firstMs: firstMs + intervalMs * 2 - ((firstMs + intervalMs * 2) % intervalMs),
          lastMs: endMs,
          intervalMs,
        };
        const question = { query, workloads, ...span };
        const answer = (await askAll(source, [question], 1, never)).answer(question);
        if (answer.kind !== 'rows') throw new Error(answer.message);
        const rows = rowsOfSeries(query, series, workloads, { ...span, lookbackMs: lookbackMs(intervalMs) });
        expect([...(rows ?? [])].toSorted(([a], [b]) => a - b)).toEqual(
          [...answer.byEnd].toSorted(([a], [b]) => a - b),
        );
        expect(answer.byEnd.size).toBeGreaterThan(10);
      }
    },
  );
});

describe('where no Prometheus answers', () => {
  let server: http.Server;
  let url: string;
  let answer: { status: number; headers?: Record<string, string>; body?: string };
  let asked: http.IncomingMessage[];
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'serin-reach-'));
    server = http.createServer((request, response) => {
      asked.push(request);
      response.writeHead(answer.status, answer.headers).end(answer.body ?? '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  });

  const attempt = (...words: readonly string[]): Promise<Ended> => serin('query', 'try', '--prometheus', url, ...words);

  test.each([
    {
      what: 'a redirect',
      is: { status: 302, headers: { Location: 'https://login.example/?token=hush' } },
      says: /redirects to https:\/\/login\.example\/ \(HTTP 302\).*send credentials with --header/,
    },
    {
      what: 'a move',
      is: { status: 301, headers: { Location: '/prometheus/api/v1/query?query=1' } },
      says: /redirects to http:\/\/127\.0\.0\.1:\d+\/prometheus \(HTTP 301\).*give that address/,
    },
    { what: 'missing credentials', is: { status: 401 }, says: /wants credentials \(HTTP 401\)\. Give --header/ },
    { what: 'wrong credentials', is: { status: 403 }, says: /wants other credentials \(HTTP 403\)/ },
    {
      what: 'another path',
      is: { status: 404 },
      says: /knows no \/api\/v1\/query \(HTTP 404\).*try http:\/\/127\.0\.0\.1:\d+\/prometheus/,
    },
    { what: 'gone', is: { status: 410 }, says: /gone for good \(HTTP 410\)\. Ask who runs it/ },
    { what: 'no tenant', is: { status: 400, body: 'no org id' }, says: /Give --header "X-Scope-OrgID: NAME"/ },
    { what: 'too often', is: { status: 429 }, says: /asked too often.*Try again/ },
    { what: 'trouble', is: { status: 503 }, says: /HTTP 503.*Look at its own page/ },
    {
      what: 'a web page',
      is: { status: 200, body: '<html>Grafana' },
      says: /web page \(HTTP 200\).*that of Prometheus itself/,
    },
    {
      what: 'anything else',
      is: { status: 200, body: '{"status":"fine"}' },
      says: /no Prometheus answer\. Check the address/,
    },
  ])('$what is told, with the next step', async ({ is, says }) => {
    asked = [];
    answer = is;
    const { code, stderr, stdout } = await attempt();
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain('hush');
    expect({ code, stdout, requests: asked.length }).toEqual({ code: 1, stdout: '', requests: 1 });
  });

  test('nobody there is told, with how to get there', async () => {
    const closed = http.createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    const { code, stderr } = await serin('query', 'try', '--prometheus', `http://127.0.0.1:${port}`);
    expect(stderr).toMatch(/Nobody listens at http:\/\/127\.0\.0\.1:\d+\. .*kubectl port-forward/);
    expect(code).toBe(1);
  });

  test('headers are sent, from the command line and from files, and told in no message', async () => {
    asked = [];
    answer = { status: 403 };
    const file = join(folder, 'headers');
    await writeFile(file, 'Authorization: Bearer secret-token\n\n');
    const { stderr } = await attempt('--header', 'X-Scope-OrgID: team', '--header', `@${file}`);
    expect(asked[0]?.headers).toMatchObject({ 'x-scope-orgid': 'team', authorization: 'Bearer secret-token' });
    expect(stderr).not.toContain('secret-token');
    expect((await attempt('--header', 'nonsense')).stderr).toContain('--header holds something that is no header.');
    expect((await attempt('--header', `@${file}x`)).stderr).toContain('cannot be read');
  });

  test('analyze says the same', async () => {
    answer = { status: 404 };
    const file = fileURLToPath(new URL('../../queries/istio-requests.yaml', import.meta.url));
    const words = ['--query', file, '-n', 'shop', '--stable', 'a', '--canary', 'b', '--from', '1h'];
    const { code, stderr } = await serin('analyze', '--prometheus', url, ...words);
    expect(stderr).toContain('knows no /api/v1/query (HTTP 404)');
    expect(code).toBe(1);
  });
});
