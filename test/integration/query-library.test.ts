/** The query library and hostile values on a real Prometheus: every expression is understood, and means what it says. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MetricQuerySpec } from '../../src/api/metric-query.ts';
import { createPrometheusSource } from '../../src/metrics/prometheus.ts';
import type { MetricSource } from '../../src/metrics/port.ts';
import { bucketDetailExpression, intervalExpression, scrapesExpression } from '../../src/metrics/promql.ts';
import { readRows } from '../../src/metrics/rows.ts';
import { libraryFiles, libraryQuery } from '../support/library.ts';
import { type ExporterLab, type PrometheusLab, startExporter, startPrometheus, until } from '../support/prometheus.ts';
import { describeWith } from '../support/tools.ts';

const never = new AbortController().signal;
const HOSTILE = 'a"} or vector(1) #\\{b="c",d=~".*"}`\'|.*';
const queries = libraryFiles('queries').map(({ file, object }) => ({ file, query: object['spec'] as MetricQuerySpec }));

describeWith(['prometheus'], 'queries on a real Prometheus', () => {
  let exporter: ExporterLab;
  let prometheus: PrometheusLab;
  let source: MetricSource;
  const options = { intervalMs: 10_000, lookbackMs: 60_000, workloads: [{ namespace: 'shop', workload: 'web-v1' }] };

  beforeAll(async () => {
    exporter = await startExporter();
    const quoted = HOSTILE.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
    let scrapes = 0;
    exporter.pods.set('one', () => {
      scrapes += 1;
      const labels = (workload: string): string =>
        `reporter="destination",destination_workload="${workload}",destination_workload_namespace="shop"`;
      // As Prometheus 3 stores it, and Go and Envoy spell it.
      const buckets = ['25.0', '250.0', '1e+06', '+Inf'].map(
        (le, k) => `istio_request_duration_milliseconds_bucket{${labels('web-v1')},le="${le}"} ${scrapes * (k + 1)}`,
      );
      return [
        `istio_requests_total{${labels('web-v1')},response_code="200"} ${scrapes}`,
        `istio_requests_total{${labels(quoted)},response_code="200"} ${scrapes}`,
        ...buckets,
        '',
      ].join('\n');
    });
    prometheus = await startPrometheus(exporter, 250);
    source = createPrometheusSource({ url: prometheus.url, timeoutMs: 5000 });
    await prometheus.scrape(['one']);
    const count = 'count_over_time(istio_requests_total{destination_workload="web-v1"}[1m])';
    const isScraped = async (): Promise<boolean> =>
      ((await source.instant(count, Date.now(), never)).series[0]?.samples[0]?.value ?? 0) >= 8;
    await until(isScraped, 20_000, 'some scrapes');
  });
  afterAll(async () => {
    await prometheus?.close();
    await exporter?.close();
  });

  test.each(queries)('$file is understood in every form it is asked', async ({ query }) => {
    const many = Array.from({ length: 100 }, (_, n) => ({ namespace: `n${n}`, workload: `w${n}` }));
    const hostile = [{ namespace: HOSTILE, workload: `${HOSTILE}\n` }, ...options.workloads];
    for (const workloads of [options.workloads, many, hostile]) {
      for (const boundaries of [{}, { boundaries: [0.5, 250, 1_000_000] }]) {
        const asked = { ...options, ...boundaries, workloads };
        for (const expression of [intervalExpression(query, asked), bucketDetailExpression(query, asked)]) {
          if (expression !== undefined) await source.instant(expression, Date.now(), never);
        }
      }
    }
    await source.instant(scrapesExpression(query, hostile, 60_000), Date.now(), never);
  });

  test.each([HOSTILE, 'web-v1', 'web.v1', '.*', 'web-v1|web-v2', ''])(
    'a workload named %j finds itself and nothing else',
    async (name) => {
      const query = libraryQuery('istio-requests');
      for (const others of [[], ['another']]) {
        const workloads = [name, ...others].map((workload) => ({ namespace: 'shop', workload }));
        const { series } = await source.instant(
          intervalExpression(query, { ...options, intervalMs: 1000, workloads }),
          Date.now(),
          never,
        );
        const found = new Set(series.map(({ labels }) => labels['destination_workload']));
        expect([...found]).toEqual([HOSTILE, 'web-v1'].includes(name) ? [name] : []);
      }
    },
  );

  test('a label value that tries to break out only fails to match', async () => {
    const query = libraryQuery('istio-requests');
    const match = { reporter: HOSTILE, response_code: { not: HOSTILE, notRegex: '2..' } };
    const total = { metric: 'istio_requests_total', match };
    const { series } = await source.instant(
      intervalExpression({ ...query, counts: { total, bad: total } }, options),
      Date.now(),
      never,
    );
    expect(series).toEqual([]);
  });

  test.each([
    { name: 'all boundaries', boundaries: {} },
    { name: 'boundaries named as numbers', boundaries: { boundaries: [25, 250, 1_000_000] } },
  ])('$name are found as Prometheus 3, Go and Envoy spell them', async ({ boundaries }) => {
    const query = libraryQuery('istio-latency');
    const timeMs = Date.now();
    const expression = intervalExpression(query, { ...options, intervalMs: 1000, ...boundaries });
    const rows = readRows(query, await source.instant(expression, timeMs, never))
      .get(timeMs)
      ?.get('shop/web-v1');
    const plain = rows?.pods.get('one')?.increments.plain ?? new Map<never, never>();
    const columns = [...plain.keys()].map(Number).toSorted((a, b) => a - b);
    expect(columns).toEqual([25, 250, 1_000_000, Number.POSITIVE_INFINITY]);
    expect(plain.get(250)).toBe(2 * (plain.get(25) ?? Number.NaN));
  });
});
