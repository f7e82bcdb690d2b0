/** The poll job from Prometheus to AnalysisRun status: verdicts, outages, lost stores, two workers at once. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { SerinError } from '../../src/errors.ts';
import { parseEvidence } from '../../src/judge/checkpoint.ts';
import { createPrometheusSource } from '../../src/metrics/prometheus.ts';
import type { MetricSource } from '../../src/metrics/port.ts';
import { createPollLab, type PollLab } from '../support/poll-lab.ts';
import { type ExporterLab, type PrometheusLab, startExporter, startPrometheus, until } from '../support/prometheus.ts';
import { seeded } from '../support/random.ts';
import { describeWith } from '../support/tools.ts';
import { TrafficLab, TrafficPod } from '../support/traffic-lab.ts';

const GRID_MS = 1000;
const never = new AbortController().signal;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const QUICK = { warmUp: '0s', dwell: '3s', atMost: '5m', minRequests: 50, history: '10s' } as const;

describeWith(['prometheus'], 'the poll job', () => {
  let exporter: ExporterLab;
  let prometheus: PrometheusLab;
  let source: MetricSource;
  let traffic: TrafficLab;
  let lab: PollLab;

  beforeAll(async () => {
    exporter = await startExporter();
    prometheus = await startPrometheus(exporter, 250);
    source = createPrometheusSource({ url: prometheus.url, timeoutMs: 2000 });
    const random = seeded(11);
    traffic = new TrafficLab(exporter, () => random.next());
    for (const [name, stableErrors, canaryErrors] of [
      ['good', 0.3, 0.3],
      ['bad', 0.02, 0.4],
    ] as const) {
      for (const n of [1, 2, 3])
        traffic.add(new TrafficPod(`${name}-v1-6f7d-aaaa${n}`, `${name}-v1`, 'stable', stableErrors));
      for (const n of [1, 2])
        traffic.add(new TrafficPod(`${name}-v2-59c4-bbbb${n}`, `${name}-v2`, 'canary', canaryErrors));
    }
    await prometheus.scrape([...traffic.pods.keys()]);
    await until(
      async () => (await source.instant('up == 1', Date.now(), never)).series.length === traffic.pods.size,
      20_000,
      'all pods to be scraped',
    );
    traffic.start();
    await sleep(3000); // some history of stable
  });
  afterAll(async () => {
    traffic?.stop();
    await prometheus?.close();
    await exporter?.close();
  });
  beforeEach(() => {
    lab = createPollLab(source, traffic);
  });

  const nextInstant = async (): Promise<number> => {
    const instantMs = Math.ceil((Date.now() + 1) / GRID_MS) * GRID_MS;
    await sleep(instantMs - Date.now() + 30);
    return instantMs;
  };
  const pair = (name: string) => ({
    name,
    stable: `${name}-v1`,
    canary: `${name}-v2`,
    analysis: QUICK,
    startedAtMs: Date.now(),
  });
  const pollUntil = async (
    poll: (instantMs: number) => Promise<void>,
    isDone: () => boolean,
    most: number,
    what: string,
  ): Promise<void> => {
    for (let k = 0; k < most; k++) {
      await poll(await nextInstant());
      if (isDone()) return;
    }
    throw new Error(`${most} polls without ${what}`);
  };

  test('fails a bad canary in seconds and passes a good one later, with three queries a poll, and says so in status', async () => {
    await lab.add(pair('bad'));
    await lab.add(pair('good'));
    const poll = lab.worker();
    await pollUntil(poll, () => lab.verdict('bad')?.outcome === 'Fail', 15, 'a Fail');
    expect(lab.verdict('good')?.outcome).not.toBe('Fail');
    const bad = lab.verdict('bad');
    expect(bad).toMatchObject({
      revision: 'abc',
      attempt: 1,
      step: 2,
      weight: 50,
      reason: 'ErrorsAboveStable',
      metric: 'errors',
    });
    expect(lab.enqueued).toContain('shop/bad');
    const { status } = lab.run('bad');
    expect(status?.phase).toBe('Running');
    expect(status?.message).toMatch(/\d/);
    expect(status?.pods?.map(({ arm }) => arm).toSorted()).toEqual(['canary', 'canary', 'stable', 'stable', 'stable']);
    expect(status?.queries).toHaveLength(2);
    expect(status?.measurements?.at(-1)).toMatchObject({
      weight: 50,
      metrics: { errors: { counts: expect.any(Array) } },
    });
    await pollUntil(poll, () => lab.verdict('good')?.outcome === 'Pass', 60, 'a Pass');
    expect(lab.measures.slice(2).every(({ queries }) => queries <= 6)).toBe(true);
    expect(lab.measures.at(-1)).toMatchObject({ runs: 2, failedQueries: 0 });
  });

  test('writes status when the verdict changes and otherwise once in six intervals', async () => {
    await lab.add(pair('good'));
    const poll = lab.worker();
    for (let k = 0; k < 14; k++) await poll(await nextInstant());
    const writes = lab.kube.calls.filter((call) => call.startsWith('patch AnalysisRun')).length;
    expect(writes).toBeLessThanOrEqual(6);
    expect(writes).toBeGreaterThanOrEqual(2);
  });

  test('a Prometheus that is gone passes nothing and fails nothing, says since when, and what was missed is read again', async () => {
    await lab.add(pair('good'));
    const poll = lab.worker();
    for (let k = 0; k < 4; k++) await poll(await nextInstant());
    const before = lab.run('good').status?.intervalEnd;
    await prometheus.kill();
    for (let k = 0; k < 5; k++) {
      await poll(await nextInstant());
      expect(['Continue', 'Inconclusive']).toContain(lab.verdict('good')?.outcome);
    }
    const verdict = lab.verdict('good');
    expect(verdict).toMatchObject({
      reason: 'SourceUnavailable',
      says: expect.stringMatching(/cannot be reached.*Nothing advances or aborts until it answers/),
    });
    expect(verdict?.blindSinceMs).toBeGreaterThanOrEqual(Date.parse(before ?? '') - 6 * GRID_MS);
    await prometheus.start();
    await pollUntil(poll, () => (lab.measures.at(-1)?.caughtUp ?? 0) > 0, 10, 'catching up');
    await pollUntil(poll, () => lab.verdict('good')?.reason !== 'SourceUnavailable', 10, 'seeing again');
    const stored = await lab.evidence.load(lab.run('good').metadata.uid);
    expect(stored?.intervalEndMs).toBe(lab.measures.at(-1)?.instantMs);
  });

  test.each<{ name: string; fault: () => never }>([
    {
      name: 'answers 5xx',
      fault: () => {
        throw new SerinError('SERIN_E_PROMETHEUS', 'Prometheus answers HTTP 503. Wait.');
      },
    },
    {
      name: 'refuses the query',
      fault: () => {
        throw new SerinError('SERIN_E_QUERY', 'Prometheus refuses a query (bad_data). Correct it.');
      },
    },
  ])('a source that $name for good never lets a canary pass, and is named in status', async ({ fault }) => {
    await lab.add(pair('good'));
    const poll = lab.worker({
      source: { instant: () => Promise.resolve().then(fault), range: () => Promise.resolve().then(fault) },
    });
    for (let k = 0; k < 6; k++) await poll(await nextInstant());
    expect(['Continue', 'Inconclusive']).toContain(lab.verdict('good')?.outcome);
    expect(lab.verdict('good')?.says).toMatch(/503|refuses/);
  });

  test('an SLO between two boundaries is held and its neighbours are named, however good the canary is', async () => {
    const { analysis, ...rest } = pair('good');
    await lab.add({ ...rest, analysis: { ...analysis, args: [{ name: 'slo-ms', value: '77' }] } });
    const poll = lab.worker();
    for (let k = 0; k < 6; k++) await poll(await nextInstant());
    expect(lab.verdict('good')).toMatchObject({ outcome: 'Inconclusive', reason: 'InvalidSpec' });
    expect(lab.verdict('good')?.says).toMatch(/le is 77ms.*Use 50ms or 100ms/);
  });

  test('one query that fails keeps only its own metric from being judged', async () => {
    await lab.add(pair('bad'));
    const broken = (promql: string): boolean => promql.includes('duration') && !promql.endsWith('[300000ms]');
    const poll = lab.worker({
      source: {
        instant: (promql, timeMs, signal) =>
          broken(promql)
            ? Promise.reject(new SerinError('SERIN_E_PROMETHEUS', 'too slow. Wait.'))
            : source.instant(promql, timeMs, signal),
        range: (...args) => source.range(...args),
      },
    });
    await pollUntil(poll, () => lab.verdict('bad')?.outcome === 'Fail', 20, 'a Fail');
  });

  test('a new run whose history takes forever keeps nobody else from being judged, and says after a few polls that it is blind', async () => {
    await lab.add(pair('good'));
    /** Prometheus never answers for the one, not even with an error. */
    const hanging = (promql: string): boolean => /bad/.test(promql);
    const poll = lab.worker({
      source: {
        instant: (promql, timeMs, signal) =>
          hanging(promql)
            ? new Promise((_, reject) =>
                signal.addEventListener('abort', () => reject(new SerinError('SERIN_E_ABORTED', 'Cut short. Wait.'))),
              )
            : source.instant(promql, timeMs, signal),
        range: (...args) => source.range(...args),
      },
    });
    for (let k = 0; k < 3; k++) await poll(await nextInstant());
    await lab.add(pair('bad'));
    for (let k = 0; k < 3; k++) {
      const instantMs = await nextInstant();
      await poll(instantMs);
      expect(lab.measures.at(-1)).toMatchObject({ instantMs, runs: 1, failedQueries: 0 });
    }
    expect(lab.verdict('good')?.outcome).toBeDefined();
    await pollUntil(poll, () => lab.verdict('bad') !== undefined, 8, 'a word on the run that cannot be read');
    expect(lab.verdict('bad')).toMatchObject({ reason: 'SourceUnavailable', hadEnoughData: false });
    expect(lab.verdict('bad')?.outcome).not.toBe('Pass');
    expect(lab.verdict('bad')?.blindSinceMs).toBeDefined();
  });

  test('a query that never ends keeps other new runs waiting for one poll at most', async () => {
    let isHanging = true;
    const rejectWhenCut = (_: unknown, reject: (why: Error) => void, signal: AbortSignal): void =>
      signal.addEventListener('abort', () => reject(new SerinError('SERIN_E_ABORTED', 'Cut short. Wait.')));
    const poll = lab.worker({
      source: {
        instant: (promql, timeMs, signal) =>
          isHanging && promql.includes('bad')
            ? new Promise((resolve, reject) => rejectWhenCut(resolve, reject, signal))
            : source.instant(promql, timeMs, signal),
        range: (...args) => source.range(...args),
      },
    });
    await lab.add(pair('bad'));
    await sleep(2 * GRID_MS);
    for (let k = 0; k < 3; k++) await poll(await nextInstant());
    await lab.add(pair('good'));
    const isRead = (): boolean => !['SourceUnavailable', undefined].includes(lab.verdict('good')?.reason);
    await pollUntil(poll, isRead, 20, 'the good run being read');
    expect(lab.verdict('bad')).not.toMatchObject({ outcome: 'Fail' });
    isHanging = false;
    await pollUntil(poll, () => lab.verdict('bad')?.outcome === 'Fail', 20, 'a Fail once its query ends');
  });

  test('two workers at the same instants come to the same evidence as one, and count nothing twice', async () => {
    await lab.add(pair('good'));
    const [one, two] = [lab.worker(), lab.worker()];
    for (let k = 0; k < 8; k++) {
      const instantMs = await nextInstant();
      await Promise.all([one(instantMs), two(instantMs)]);
    }
    const { status } = lab.run('good');
    const ends = (status?.measurements ?? []).map((each) => each['end']);
    expect(new Set(ends).size).toBe(ends.length);
    const stored = await lab.evidence.load(lab.run('good').metadata.uid);
    const used = lab.verdict('good')?.metrics[0]?.usedIntervals ?? 0;
    expect(used).toBeLessThanOrEqual(8);
    expect(stored?.intervalEndMs).toBe(lab.measures.at(-1)?.instantMs);
  });

  test('a store that loses everything costs nothing: the checkpoint goes on and the missed intervals are read again', async () => {
    await lab.add(pair('good'));
    const first = lab.worker();
    for (let k = 0; k < 8; k++) await first(await nextInstant());
    const { uid } = lab.run('good').metadata;
    await lab.evidence.remove(uid);
    const second = lab.worker();
    await second(await nextInstant());
    const checkpointMs = Date.parse(lab.run('good').status?.intervalEnd ?? '');
    const stored = await lab.evidence.load(uid);
    expect(stored?.intervalEndMs).toBe(lab.measures.at(-1)?.instantMs);
    expect(checkpointMs).toBeGreaterThan(0);
    const { evidence } = JSON.parse(stored?.checkpoint ?? '{}') as { evidence: string };
    const [errors] = parseEvidence(evidence).metrics;
    expect(errors?.used).toBeGreaterThanOrEqual(7);
    expect(errors?.missing).toBeLessThanOrEqual(1);
  });

  test.each<{ name: string; change: () => void }>([
    { name: 'is finished', change: () => lab.edit('analysisRun', 'good', { phase: 'Terminated' }) },
    { name: 'its Release has left behind', change: () => lab.edit('release', 'good', { analysisRun: 'good-def-1' }) },
  ])('a run that $name is not touched', async ({ change }) => {
    await lab.add(pair('good'));
    const poll = lab.worker();
    for (let k = 0; k < 2; k++) await poll(await nextInstant());
    change();
    const before = lab.run('good').status;
    await poll(await nextInstant());
    expect(lab.measures.at(-1)).toMatchObject({ runs: 0, queries: 0 });
    expect(lab.run('good').status).toEqual(before);
  });

  test('a key that is none is an error, and a poll long past is left to the newer ones', async () => {
    const poll = lab.worker();
    await expect(poll(Number.NaN)).rejects.toThrow(/poll key/);
    await poll(Math.floor(Date.now() / GRID_MS) * GRID_MS - 60 * GRID_MS);
    expect(lab.measures).toEqual([]);
  });
});
