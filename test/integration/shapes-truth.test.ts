/**
 * Every shape from a pod's exposition through a real Prometheus to the observation of an interval: counts, rates, gauges, native
 * histograms, against stable, a baseline and a bound. What was exposed is known exactly, and so is what must be read.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ResolvedMetric } from '../../src/api/analysis-run.ts';
import type { MetricQuerySpec } from '../../src/api/metric-query.ts';
import { askAll, lookbackMs, scrapeIntervals } from '../../src/metrics/asking.ts';
import type { Reading, RunPods } from '../../src/metrics/intervals.ts';
import { readMetric } from '../../src/metrics/observing.ts';
import type { MetricSource } from '../../src/metrics/port.ts';
import { createPrometheusSource } from '../../src/metrics/prometheus.ts';
import { boundariesToAsk, sidesOf } from '../../src/metrics/sides.ts';
import { NATIVE_TYPE, nativeExposition } from '../support/native-histogram.ts';
import { type ExporterLab, type PrometheusLab, startExporter, startPrometheus, until } from '../support/prometheus.ts';
import { describeWith } from '../support/tools.ts';

const SCRAPE_MS = 250;
const INTERVAL_MS = 4000;
const never = new AbortController().signal;

/** What one pod exposes: three counters and a gauge, and as a target of its own a native histogram. */
interface PodValues {
  readonly workload: string;
  requests: number;
  exceptions: number;
  memory: readonly [container: string, bytes: number][];
  observed: number[];
}

const labels = { namespace: 'namespace', workload: 'workload', pod: 'pod' };
const rateOfRequests = query({ rate: { events: { metric: 'exceptions_total' }, per: { metric: 'requests_total' } } });
const rateOfTime = query({ rate: { events: { metric: 'exceptions_total' } } });
const memory = query({ gauge: { metric: 'memory_bytes' } });
const native = query({ histogram: { metric: 'duration_seconds', unit: 's', native: true } });

function query(shape: Partial<MetricQuerySpec>): MetricQuerySpec {
  return { summary: 'x', labels, ...shape };
}

function metricOf(of: MetricQuerySpec, more: Partial<ResolvedMetric> = {}): ResolvedMetric {
  const margins = { fail: { ratio: 1.1, difference: 0 }, pass: { ratio: 1.5, difference: 0 } };
  return { name: 'm', critical: true, share: 1, query: of, ...margins, ...more };
}

describeWith(['prometheus'], 'shapes are read as they were exposed', () => {
  let exporter: ExporterLab;
  let prometheus: PrometheusLab;
  let source: MetricSource;
  let endMs = 0;
  const pods = new Map<string, PodValues>();
  const add = (name: string, workload: string): void => {
    const values: PodValues = {
      workload,
      requests: 1000,
      exceptions: 100,
      memory: [['app', 1e8]],
      observed: [0.1, 0.2, 0.3],
    };
    pods.set(name, values);
    const own = `namespace="shop",workload="${workload}"`;
    exporter.pods.set(name, () =>
      [
        `requests_total{${own}} ${values.requests}`,
        `exceptions_total{${own}} ${values.exceptions}`,
        ...values.memory.map(([container, bytes]) => `memory_bytes{${own},container="${container}"} ${bytes}`),
        '',
      ].join('\n'),
    );
    exporter.pods.set(`${name}-native`, () => ({
      type: NATIVE_TYPE,
      text: nativeExposition([
        // The pod is named by its label; the target has another name.
        {
          name: 'duration_seconds',
          labels: { namespace: 'shop', workload, exported_by: name },
          observed: values.observed,
        },
      ]),
    }));
  };

  /** Both arms of one workload name, as with replicas in place, are told apart by their pods. */
  const run: RunPods = {
    namespace: 'shop',
    arms: { stable: { workload: 'web-v1' }, canary: { workload: 'web-v2' } },
    ledger: [
      { name: 's1', uid: 's1', arm: 'stable', startedAtMs: 1 },
      { name: 's2', uid: 's2', arm: 'stable', startedAtMs: 1 },
      { name: 'c1', uid: 'c1', arm: 'canary', startedAtMs: 1 },
      { name: 'b1', uid: 'b1', arm: 'stable', startedAtMs: 1 },
      { name: 'n1', uid: 'n1', arm: 'canary', startedAtMs: 1 },
      { name: 'o1', uid: 'o1', arm: 'stable', startedAtMs: 1 },
      { name: 'o2', uid: 'o2', arm: 'canary', startedAtMs: 1 },
    ],
    warmUpMs: 0,
  };

  async function read(metric: ResolvedMetric, pods_ = run): Promise<Reading> {
    const { stable, canary } = sidesOf(metric, pods_).arms;
    const boundaries = boundariesToAsk(metric, []);
    const question = {
      query: metric.query,
      intervalMs: INTERVAL_MS,
      firstMs: endMs,
      lastMs: endMs,
      workloads: [stable, canary].map(({ workload }) => ({ namespace: 'shop', workload })),
      ...(boundaries === undefined ? {} : { boundaries }),
    };
    const answer = (await askAll(source, [question], 2, never)).answer(question);
    if (answer.kind !== 'rows') throw new Error(answer.message);
    const span = { endMs, intervalMs: INTERVAL_MS, lookbackMs: lookbackMs(INTERVAL_MS) };
    return readMetric(metric, answer.byEnd.get(endMs), pods_, span);
  }

  beforeAll(async () => {
    exporter = await startExporter();
    prometheus = await startPrometheus(exporter, SCRAPE_MS, ['--enable-feature=native-histograms']);
    source = createPrometheusSource({ url: prometheus.url, timeoutMs: 5000 });
    for (const name of ['s1', 's2']) add(name, 'web-v1');
    add('c1', 'web-v2');
    add('b1', 'web-baseline');
    add('n1', 'alone');
    for (const name of ['o1', 'o2']) add(name, 'one');
    await prometheus.scrape([...exporter.pods.keys()]);
    const upCount = async (): Promise<number> => (await source.instant('up == 1', Date.now(), never)).series.length;
    await until(async () => (await upCount()) === exporter.pods.size, 30_000, 'all targets to be scraped');
    // All of the interval's values change at once, well inside it.
    endMs = (Math.ceil(Date.now() / INTERVAL_MS) + 1) * INTERVAL_MS;
    await pause(endMs - INTERVAL_MS + 2 * SCRAPE_MS - Date.now());
    for (const [name, values] of pods) {
      const times = name.startsWith('c') || name === 'o2' ? 3 : 1;
      values.requests += 40;
      values.exceptions += 50 * times;
      values.memory = [
        ['app', 1e8 * times],
        ['sidecar', 2e7],
      ];
      values.observed = [...values.observed, 0.1, 0.2, 0.3, times * 0.4];
    }
    await pause(endMs - Date.now() + 50);
  }, 60_000);
  afterAll(async () => {
    await prometheus?.close();
    await exporter?.close();
  });

  test('a rate per request may exceed one and is not cut off', async () => {
    const { observation } = await read(metricOf(rateOfRequests));
    expect(observation).toMatchObject({
      kind: 'proportion',
      canaryPods: 1,
      counts: {
        canary: { bad: 150, total: 40 },
        stable: { bad: 100, total: 80 },
        stablePods: [
          { pod: 's1', bad: 50, total: 40 },
          { pod: 's2', bad: 50, total: 40 },
        ],
      },
    });
  });

  test('a rate without per is per second that the pods ran', async () => {
    const { observation } = await read(metricOf(rateOfTime));
    expect(observation).toMatchObject({
      kind: 'proportion',
      counts: { canary: { bad: 150, total: 4 }, stable: { bad: 100, total: 8 } },
    });
    const gone = run.ledger.map((pod) => (pod.name === 's2' ? { ...pod, endedAtMs: endMs - 3000 } : pod));
    const { observation: shorter } = await read(metricOf(rateOfTime), { ...run, ledger: gone });
    expect(shorter).toMatchObject({ counts: { stable: { total: 5 } } });
  });

  test('a gauge is the mean of its pods, each the sum of its series', async () => {
    const { observation } = await read(metricOf(memory));
    if (observation.kind !== 'gauge') throw new Error(JSON.stringify(observation));
    const { canary, stable } = observation.means;
    // The mean over the interval of what began at 1e8 and went to 3.2e8, or to 1.2e8.
    expect(canary).toBeGreaterThan(2.6e8);
    expect(canary).toBeLessThan(3.2e8);
    expect(stable).toBeGreaterThan(1.1e8);
    expect(stable).toBeLessThanOrEqual(1.2e8);
    expect(observation.canaryPods).toBe(1);
  });

  test('a gauge of one workload is told apart by its pods, and without them refused', async () => {
    const inPlace = { ...run, arms: { stable: { workload: 'one' }, canary: { workload: 'one' } } };
    const { observation } = await read(metricOf(memory), inPlace);
    if (observation.kind !== 'gauge') throw new Error(JSON.stringify(observation));
    expect(observation.means.canary / observation.means.stable).toBeGreaterThan(2);
    const { pod: _, ...without } = labels;
    const { observation: blind } = await read(metricOf({ ...memory, labels: without }), inPlace);
    expect(blind).toEqual({ kind: 'skipped', endMs, reason: 'UnknownPod' });
  });

  test('a native histogram is counted at powers of two', async () => {
    const byPod = { ...native, labels: { ...labels, pod: 'exported_by' } };
    const { observation } = await read(metricOf(byPod));
    if (observation.kind !== 'histogram') throw new Error(JSON.stringify(observation));
    const at = (ms: number) => observation.boundaries.find(({ boundaryMs }) => boundaryMs === ms)?.counts;
    expect(observation.boundaries).toHaveLength(13);
    expect(at(125)).toMatchObject({ canary: { bad: 3, total: 4 }, stable: { bad: 6, total: 8 } });
    expect(at(250)).toMatchObject({ canary: { bad: 2, total: 4 }, stable: { bad: 4, total: 8 } });
    expect(at(1000)).toMatchObject({ canary: { bad: 1, total: 4 }, stable: { bad: 0, total: 8 } });
    expect(at(2000)).toMatchObject({ canary: { bad: 0, total: 4 }, stable: { bad: 0, total: 8 } });
    expect(at(250)?.stablePods).toHaveLength(2);
  });

  test('a baseline stands where stable would, whoever else is in the ledger', async () => {
    const { observation } = await read(metricOf(rateOfRequests, { against: { workload: 'web-baseline' } }));
    expect(observation).toMatchObject({
      counts: { canary: { bad: 150, total: 40 }, stable: { bad: 50, total: 40 }, stablePods: [{ pod: 'b1' }] },
    });
    const inPlace = { ...run, arms: { stable: { workload: 'one' }, canary: { workload: 'one' } } };
    const shared = await read(metricOf(rateOfRequests, { against: { workload: 'web-baseline' } }), inPlace);
    expect(shared.observation).toMatchObject({
      counts: { canary: { bad: 150, total: 40 }, stable: { bad: 50, total: 40 }, stablePods: [{ pod: 'b1' }] },
    });
  });

  test('against a bound nothing of stable is needed', async () => {
    const arms = { stable: { workload: 'nobody' }, canary: { workload: 'alone' } };
    const { observation } = await read(metricOf(rateOfRequests, { against: { constant: 1 } }), { ...run, arms });
    expect(observation).toMatchObject({ counts: { canary: { bad: 50, total: 40 }, stable: { bad: 0, total: 0 } } });
    const gauge = await read(metricOf(memory, { against: { constant: 1e9 } }), { ...run, arms });
    expect(gauge.observation).toMatchObject({ kind: 'gauge', canaryPods: 1 });
    const against = await read(metricOf(rateOfRequests), { ...run, arms });
    expect(against.observation).toEqual({ kind: 'skipped', endMs, reason: 'NoData' });
  });

  test('every shape tells how often it is scraped', async () => {
    const byPod = { ...native, labels: { ...labels, pod: 'exported_by' } };
    const queries = [rateOfRequests, rateOfTime, memory, byPod];
    const workload = { namespace: 'shop', workload: 'web-v1' };
    const questions = queries.map((each) => ({ query: each, workload }));
    const of = await scrapeIntervals(source, questions, endMs, 2, never);
    for (const each of queries) expect(of(each, workload)).toBeCloseTo(SCRAPE_MS, -2);
  });
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
