/** A plan from the traffic that a real Prometheus has: requests, bad share and noise of the workload that serves users now. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTraffic } from '../../src/cli/plan/traffic.ts';
import { createPrometheusSource } from '../../src/metrics/prometheus.ts';
import type { MetricSource } from '../../src/metrics/port.ts';
import { libraryQuery } from '../support/library.ts';
import { type ExporterLab, type PrometheusLab, startExporter, startPrometheus, until } from '../support/prometheus.ts';
import { seeded } from '../support/random.ts';
import { describeWith } from '../support/tools.ts';
import { TrafficLab, TrafficPod } from '../support/traffic-lab.ts';

const never = new AbortController().signal;

describeWith(['prometheus'], 'the traffic of a workload', () => {
  let exporter: ExporterLab;
  let prometheus: PrometheusLab;
  let source: MetricSource;
  let traffic: TrafficLab;
  let range: Omit<Parameters<typeof readTraffic>[1], 'query'>;

  beforeAll(async () => {
    exporter = await startExporter();
    prometheus = await startPrometheus(exporter, 250);
    source = createPrometheusSource({ url: prometheus.url, timeoutMs: 5000 });
    const random = seeded(3);
    traffic = new TrafficLab(exporter, () => random.next());
    for (const n of [1, 2, 3]) traffic.add(new TrafficPod(`web-v1-6f7d-aaaa${n}`, 'web-v1', 'stable', 0.2));
    await prometheus.scrape([...traffic.pods.keys()]);
    const upCount = async (): Promise<number> => (await source.instant('up == 1', Date.now(), never)).series.length;
    await until(async () => (await upCount()) === traffic.pods.size, 30_000, 'all pods to be scraped');
    traffic.start();
    const fromMs = Date.now() + 1000;
    await until(() => traffic.truth('web-v1').total > 2000, 60_000, 'some requests');
    const toMs = Date.now();
    range = { namespace: 'shop', workload: 'web-v1', fromMs, toMs, intervalMs: 1000 };
    await new Promise((resolve) => setTimeout(resolve, 500));
  }, 120_000);
  afterAll(async () => {
    traffic?.stop();
    await prometheus?.close();
    await exporter?.close();
  });

  test('is what was counted', async () => {
    const found = await readTraffic(source, { ...range, query: libraryQuery('istio-requests') }, never);
    const { total, bad } = traffic.truth('web-v1');
    expect(found.badShare).toBeCloseTo(bad / total, 1);
    expect(found.requestsPerSecond).toBeGreaterThan(20);
    expect(found.dispersion).toBeGreaterThanOrEqual(1);
    expect(found.notes[0]).toMatch(/^Traffic of shop\/web-v1 over \d+s up to 20/);
  });

  test('of a histogram is what is slower than a boundary', async () => {
    const query = libraryQuery('istio-latency');
    const found = await readTraffic(source, { ...range, query, sloMs: 100 }, never);
    const { total, slow } = traffic.truth('web-v1');
    expect(found.badShare).toBeCloseTo(slow / total, 1);
    await expect(readTraffic(source, { ...range, query }, never)).rejects.toThrow(/needs --slo/);
    await expect(readTraffic(source, { ...range, query, sloMs: 90 }, never)).rejects.toThrow(/Use one of: 25ms, 50ms/);
  });

  test('of a workload that nobody knows is refused', async () => {
    const wrong = { ...range, workload: 'nobody', query: libraryQuery('istio-requests') };
    await expect(readTraffic(source, wrong, never)).rejects.toThrow(/no requests of shop\/nobody/);
  });
});
