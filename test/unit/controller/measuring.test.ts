/** The measuring job against an API server in memory and providers that the test plays: what is stored, when, and what survives. */
import { describe, expect, test } from 'vitest';
import type { AnalysisRun } from '../../../src/api/analysis-run.ts';
import type { ResolvedMeasure } from '../../../src/api/measure.ts';
import { API_VERSION, type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { createMeasuring, nextDueMs } from '../../../src/controller/measure/measuring.ts';
import { runMeasureSchedule } from '../../../src/controller/measure/scheduling.ts';
import type { Measured } from '../../../src/expression/condition.ts';
import { SerinError } from '../../../src/errors.ts';
import type { MetricResult } from '../../../src/judge/argo/measure.ts';
import { silentLog } from '../../../src/logger.ts';
import type { MeasureRequest, Providers, Reading } from '../../../src/providers/port.ts';
import { labRun } from '../../support/library.ts';
import { createManualClock, type ManualClock } from '../../support/manual-clock.ts';
import { createMemoryKube, type MemoryKube } from '../../support/memory-kube.ts';

const KEY = 'shop/web-abc-1';
const REF = { type: TYPES.analysisRun, namespace: 'shop', name: 'web-abc-1' };
const number = (value: number): Reading => ({
  kind: 'value',
  measured: { kind: 'number', value },
  shown: String(value),
});

interface Lab {
  readonly kube: MemoryKube;
  readonly clock: ManualClock;
  /** What providers are asked, in order. */
  readonly asked: MeasureRequest[];
  /** Jobs that are there, as the cluster has them. */
  readonly jobs: Set<string>;
  answer: (request: MeasureRequest) => Reading | Promise<Reading>;
  job: (name: string) => 'underWay' | 'Successful' | 'Failed';
  measure(): Promise<number | undefined>;
}

function startLab(measures: readonly ResolvedMeasure[], more: Partial<AnalysisRun['spec']> = {}): Lab {
  const kube = createMemoryKube();
  const clock = createManualClock();
  const spec = { ...labRun({ startedAtMs: clock.nowMs(), gridMs: 10_000 }), measures: [...measures], ...more };
  kube.put({ apiVersion: API_VERSION, kind: 'AnalysisRun', metadata: { name: 'web-abc-1', namespace: 'shop' }, spec });
  const asked: MeasureRequest[] = [];
  const jobs = new Set<string>();
  const ask = async (request: MeasureRequest): Promise<Reading> => {
    asked.push(request);
    return lab.answer(request);
  };
  const nameOf = ({ metric, number: count }: MeasureRequest): string => `${metric}.${count}`;
  const providers: Providers = {
    prometheus: { measure: ask },
    web: { measure: ask },
    job: {
      measure: async (request) => {
        asked.push(request);
        jobs.add(nameOf(request));
        return { kind: 'underWay', metadata: { 'job-name': nameOf(request) }, resumeAtMs: clock.nowMs() };
      },
      resume: async (_request, metadata) => {
        const phase = lab.job(metadata['job-name'] ?? '');
        if (phase === 'underWay') return { kind: 'underWay', metadata, resumeAtMs: clock.nowMs() + 5_000 };
        return { kind: 'phase', phase, metadata };
      },
      terminate: async (_request, metadata) => {
        jobs.delete(metadata['job-name'] ?? '');
        return { kind: 'phase', phase: 'Inconclusive', metadata };
      },
    },
  };
  const process = createMeasuring({ kube, clock, log: silentLog, providers });
  const lab: Lab = {
    kube,
    clock,
    asked,
    jobs,
    answer: () => number(1),
    job: () => 'underWay',
    measure: () => process(KEY, new AbortController().signal),
  };
  return lab;
}

/** The run as it is stored. */
const runOf = async (lab: Lab): Promise<AnalysisRun> => (await lab.kube.get(REF)) as unknown as AnalysisRun;
const seen = async (lab: Lab): Promise<readonly MetricResult[]> =>
  ((await runOf(lab)).status?.metricResults ?? []) as readonly MetricResult[];

const web = (name: string, more: Partial<ResolvedMeasure> = {}): ResolvedMeasure => ({
  name,
  successCondition: 'result >= 1',
  provider: { web: { url: 'http://web' } },
  ...more,
});
const job = (name: string): ResolvedMeasure => ({ name, provider: { job: { spec: {} } } });

describe('a metric', () => {
  test('without interval is measured once, and the job ends', async () => {
    const lab = startLab([web('smoke')]);
    expect(await lab.measure()).toBeUndefined();
    expect(await seen(lab)).toMatchObject([
      {
        name: 'smoke',
        phase: 'Successful',
        count: 1,
        successful: 1,
        measurements: [{ phase: 'Successful', value: '1' }],
      },
    ]);
    expect(await lab.measure()).toBeUndefined();
    expect(lab.asked).toHaveLength(1);
  });

  test('with an interval is measured again after it, counted from the end of the last', async () => {
    const lab = startLab([web('rate', { intervalMs: 60_000, count: 3 })]);
    expect(await lab.measure()).toBe(60_001);
    await lab.clock.advance(60_000);
    await lab.measure();
    expect(lab.asked).toHaveLength(1);
    await lab.clock.advance(1);
    expect(await lab.measure()).toBe(60_001);
    await lab.clock.advance(60_001);
    expect(await lab.measure()).toBeUndefined();
    expect(await seen(lab)).toMatchObject([{ phase: 'Successful', count: 3 }]);
  });

  test('with a delay waits for it from the start of the run', async () => {
    const lab = startLab([web('rate', { initialDelayMs: 30_000 })]);
    expect(await lab.measure()).toBe(30_001);
    expect(lab.asked).toEqual([]);
  });

  test('that cannot be measured is tried again after ten seconds, whatever its interval, and is an Error at the fifth', async () => {
    const lab = startLab([web('rate', { intervalMs: 3_600_000 })]);
    lab.answer = () => ({ kind: 'error', message: 'The web service cannot be reached (ECONNREFUSED).' });
    for (let times = 0; times < 4; times++) {
      expect(await lab.measure()).toBe(10_001);
      await lab.clock.advance(10_001);
    }
    expect(await lab.measure()).toBeUndefined();
    expect(await seen(lab)).toMatchObject([
      { phase: 'Error', count: 0, error: 5, consecutiveError: 5, message: expect.stringContaining('ECONNREFUSED') },
    ]);
  });

  test('whose provider throws is an Error, and the others are stored', async () => {
    const lab = startLab([web('bad'), web('good')]);
    lab.answer = ({ metric }) => (metric === 'bad' ? Promise.reject(new Error('a bug')) : number(1));
    await lab.measure();
    expect(await seen(lab)).toMatchObject([
      { name: 'bad', error: 1 },
      { name: 'good', successful: 1 },
    ]);
  });

  test('that fails ends its siblings at the next look, without a further measurement', async () => {
    const lab = startLab([web('bad'), web('slow', { intervalMs: 60_000 })]);
    lab.answer = ({ metric }) => number(metric === 'bad' ? 0 : 1);
    expect(await lab.measure()).toBeUndefined();
    expect(await seen(lab)).toMatchObject([
      { name: 'bad', phase: 'Failed', failedOnRealValue: 1 },
      { name: 'slow', phase: 'Successful', count: 1 },
    ]);
  });

  test('in dry run fails for itself', async () => {
    const lab = startLab([web('bad', { isDryRun: true }), web('slow', { intervalMs: 60_000 })]);
    lab.answer = ({ metric }) => number(metric === 'bad' ? 0 : 1);
    expect(await lab.measure()).toBe(60_001);
    expect(await seen(lab)).toMatchObject([{ phase: 'Failed', dryRun: true }, { phase: 'Running' }]);
  });

  test('is counted in the summaries of the run by how it ended, dry ones apart', async () => {
    const none = { count: 0, successful: 0, failed: 0, inconclusive: 0, error: 0 };
    const lab = startLab([web('good'), web('slow', { count: 2, intervalMs: 60_000 }), web('dry', { isDryRun: true })]);
    lab.answer = ({ metric }) => number(metric === 'dry' ? 0 : 1);
    await lab.measure();
    const first = (await runOf(lab)).status;
    expect(first?.runSummary).toEqual({ ...none, count: 2, successful: 1 });
    expect(first?.dryRunSummary).toEqual({ ...none, count: 1, failed: 1 });
    lab.answer = () => number(0);
    await lab.clock.advance(61_000);
    await lab.measure();
    expect((await runOf(lab)).status?.runSummary).toEqual({ ...none, count: 2, successful: 1, failed: 1 });
    const plain = startLab([web('bad')]);
    plain.answer = () => number(0);
    await plain.measure();
    expect((await runOf(plain)).status?.runSummary).toEqual({ ...none, count: 1, failed: 1 });
    expect((await runOf(plain)).status?.dryRunSummary).toBeUndefined();
  });

  test.for<{ shown: string; measured: Measured; condition: string; real: number }>([
    { shown: '0', measured: { kind: 'number', value: 0 }, condition: 'result > 5', real: 1 },
    { shown: 'NaN', measured: { kind: 'number', value: Number.NaN }, condition: 'result > 5', real: 0 },
    { shown: '[NaN]', measured: { kind: 'numbers', values: [Number.NaN] }, condition: 'result[0] > 5', real: 0 },
    { shown: '[]', measured: { kind: 'numbers', values: [] }, condition: 'len(result) > 0', real: 0 },
    { shown: '[NaN,1]', measured: { kind: 'numbers', values: [Number.NaN, 1] }, condition: 'max(result) > 5', real: 1 },
    { shown: 'null', measured: { kind: 'json', value: null }, condition: 'result != nil', real: 0 },
    { shown: '{}', measured: { kind: 'json', value: {} }, condition: 'len(result) > 0', real: 0 },
    { shown: 'false', measured: { kind: 'json', value: false }, condition: 'result', real: 1 },
  ])('that fails on $shown has failed on $real real values', async ({ shown, measured, condition, real }) => {
    const lab = startLab([web('m', { successCondition: condition })]);
    lab.answer = () => ({ kind: 'value', measured, shown });
    await lab.measure();
    expect(await seen(lab)).toMatchObject([{ phase: 'Failed', failedOnRealValue: real }]);
  });

  test('keeps ten measurements, or as many as the run says', async () => {
    const lab = startLab([web('ten', { intervalMs: 1000 }), web('two', { intervalMs: 1000, retention: 2 })]);
    for (let times = 0; times < 15; times++) {
      await lab.measure();
      await lab.clock.advance(1001);
    }
    const [ten, two] = await seen(lab);
    expect([ten?.measurements.length, two?.measurements.length, ten?.count]).toEqual([10, 2, 15]);
  });

  test('with huge answers leaves an object that the API server takes', async () => {
    const many = Array.from({ length: 32 }, (_, k) =>
      web(`m${k}`, { intervalMs: 1000, retention: 100, failureLimit: -1, consecutiveSuccessLimit: 999 }),
    );
    const lab = startLab(many);
    const huge = 'ä'.repeat(100_000);
    lab.answer = () => ({
      kind: 'value',
      measured: { kind: 'number', value: 0 },
      shown: huge,
      metadata: { warnings: huge },
    });
    for (let times = 0; times < 20; times++) {
      await lab.measure();
      await lab.clock.advance(1001);
    }
    expect(Buffer.byteLength(JSON.stringify(await seen(lab)))).toBeLessThan(1_000_000);
    expect((await seen(lab))[0]?.count).toBe(20);
  });
});

describe('a Job', () => {
  test('is looked at until it ends', async () => {
    const lab = startLab([job('check')]);
    expect(await lab.measure()).toBeGreaterThan(4_000);
    expect(await seen(lab)).toMatchObject([
      { phase: 'Running', count: 0, measurements: [{ phase: 'Running', metadata: { 'job-name': 'check.1' } }] },
    ]);
    lab.job = () => 'Successful';
    await lab.clock.advance(5_001);
    expect(await lab.measure()).toBeUndefined();
    expect(await seen(lab)).toMatchObject([{ phase: 'Successful', count: 1, measurements: [{ phase: 'Successful' }] }]);
  });

  test('is ended with the run, and nothing but its measurement is written', async () => {
    const lab = startLab([job('check'), web('later', { initialDelayMs: 60_000 })]);
    await lab.measure();
    expect([...lab.jobs]).toEqual(['check.1']);
    const run = await lab.kube.get(REF);
    const status = {
      ...(run?.['status'] as object),
      phase: 'Terminated',
      verdict: { outcome: 'Pass' },
      checkpoint: 'x',
    };
    lab.kube.put({ ...(run as KubeObject), status });
    expect(await lab.measure()).toBeUndefined();
    expect([...lab.jobs]).toEqual([]);
    expect((await runOf(lab)).status).toMatchObject({
      phase: 'Terminated',
      verdict: { outcome: 'Pass' },
      checkpoint: 'x',
    });
    expect(await seen(lab)).toMatchObject([
      { measurements: [{ phase: 'Inconclusive', message: 'Metric Terminated' }] },
    ]);
    expect(await lab.measure()).toBeUndefined();
  });

  test('that was made while the run ended is ended too', async () => {
    const lab = startLab([job('check')]);
    const before = (await lab.kube.get(REF)) as KubeObject;
    lab.kube.fault = (verb) => {
      if (verb !== 'patch') return;
      lab.kube.fault = undefined;
      lab.kube.put({ ...before, status: { phase: 'Terminated' } });
    };
    await lab.measure();
    expect([...lab.jobs]).toEqual([]);
    expect((await runOf(lab)).status?.phase).toBe('Terminated');
  });
});

describe('secrets', () => {
  const TOKEN = 'hunter2/pa+ss';
  const secret: KubeObject = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'api', namespace: 'shop' },
    data: { token: Buffer.from(`${TOKEN}\n`).toString('base64') },
  };
  const withSecret = (more: Partial<ResolvedMeasure> = {}): Lab =>
    startLab(
      [
        web('m', {
          provider: {
            web: { url: 'http://web/?t={{args.token}}', headers: [{ key: 'A', value: 'Bearer {{args.token}}' }] },
          },
          ...more,
        }),
      ],
      {
        secrets: [{ name: 'token', secretKeyRef: { name: 'api', key: 'token' } }],
      },
    );
  const everything = async (lab: Lab): Promise<string> => JSON.stringify(await lab.kube.get(REF));

  test('are read when it is measured and put in where they belong', async () => {
    const lab = withSecret();
    lab.kube.put(secret);
    await lab.measure();
    expect(lab.asked[0]?.settings).toEqual({
      url: `http://web/?t=${TOKEN}`,
      headers: [{ key: 'A', value: `Bearer ${TOKEN}` }],
    });
  });

  test.for<{ what: string; reading: Reading; condition?: string }>([
    { what: 'an error', reading: { kind: 'error', message: `no ${TOKEN}, ${encodeURIComponent(TOKEN)}` } },
    {
      what: 'a value',
      reading: {
        kind: 'value',
        measured: { kind: 'json', value: TOKEN },
        shown: JSON.stringify({ said: TOKEN }),
        metadata: { warnings: TOKEN },
      },
    },
    {
      what: 'a condition that cannot be evaluated',
      reading: { kind: 'value', measured: { kind: 'json', value: null }, shown: 'null' },
      condition: `result.a.b == "${'x'.repeat(90)}{{args.token}}" && result.c`,
    },
    { what: 'a bug', reading: { kind: 'error', message: Buffer.from(TOKEN).toString('base64') } },
  ])('are in nothing that is stored: $what', async ({ reading, condition }) => {
    const lab = withSecret(condition === undefined ? {} : { successCondition: condition });
    lab.kube.put(secret);
    lab.answer = () => reading;
    await lab.measure();
    const text = await everything(lab);
    expect(text).toContain('metricResults');
    expect(text).not.toMatch(/hunter2|pa.{1,3}ss|aHVudGVy/);
  });

  test('that do not exist are an Error that names the Secret, and nothing is asked', async () => {
    const lab = withSecret();
    await lab.measure();
    expect(await seen(lab)).toMatchObject([
      { error: 1, measurements: [{ message: expect.stringContaining('Secret shop/api does not exist') }] },
    ]);
    expect(lab.asked).toEqual([]);
  });

  test('that may not be read are an Error with the commands that allow it', async () => {
    const lab = withSecret();
    lab.kube.fault = (verb, target) => {
      if (verb === 'get' && target.startsWith('Secret')) {
        throw new SerinError(
          'SERIN_E_FORBIDDEN',
          'User "system:serviceaccount:ops:serin" cannot get resource. Allow it.',
        );
      }
    };
    await lab.measure();
    expect(await everything(lab)).toContain('kubectl create role serin-read-api -n shop --verb=get');
  });
});

describe('two writers', () => {
  test('a verdict that is written meanwhile stays, and so does the measurement', async () => {
    const lab = startLab([web('smoke')]);
    let times = 0;
    lab.kube.fault = async (verb) => {
      if (verb !== 'patch' || times++ > 0) return;
      const run = await lab.kube.get(REF);
      lab.kube.put({ ...(run as KubeObject), status: { phase: 'Running', verdict: { outcome: 'Continue' } } });
    };
    await lab.measure();
    expect((await runOf(lab)).status).toMatchObject({
      verdict: { outcome: 'Continue' },
      metricResults: [{ successful: 1 }],
    });
  });

  test('of two that measure at once one is counted', async () => {
    const lab = startLab([web('rate', { intervalMs: 60_000 })]);
    const [one, other] = await Promise.all([lab.measure(), lab.measure()]);
    expect(lab.asked).toHaveLength(2);
    expect(await seen(lab)).toMatchObject([{ count: 1, measurements: [{}] }]);
    expect(Math.min(one ?? 0, other ?? 0)).toBe(100);
  });

  test('killed before any call, it comes to the same end', async () => {
    const measures = [web('smoke', { intervalMs: 1000, count: 3 }), job('check')];
    const finish = async (lab: Lab): Promise<void> => {
      lab.job = () => 'Successful';
      for (let looks = 0; looks < 30; looks++) {
        await lab.measure().catch(() => undefined);
        await lab.clock.advance(1001);
      }
    };
    const calm = startLab(measures);
    await finish(calm);
    const end = (results: readonly MetricResult[]) =>
      results.map(({ name, phase, count, successful }) => ({ name, phase, count, successful }));
    const expected = end(await seen(calm));
    expect(expected).toEqual([
      { name: 'smoke', phase: 'Successful', count: 3, successful: 3 },
      { name: 'check', phase: 'Successful', count: 1, successful: 1 },
    ]);
    for (let at = 0; at < calm.kube.calls.length; at++) {
      const lab = startLab(measures);
      let calls = 0;
      lab.kube.fault = () => {
        if (calls++ === at) throw new Error('SIGKILL');
      };
      await finish(lab);
      lab.kube.fault = undefined;
      expect(end(await seen(lab))).toEqual(expected);
      expect([...lab.jobs]).toEqual(['check.1']);
    }
  });
});

describe('the leader', () => {
  test('enqueues runs that are new, that ended and that nobody looked at, and no others', async () => {
    const { clock, kube } = startLab([]);
    const runs = new Map<string, KubeObject>();
    const listeners = new Set<
      (event: 'added' | 'modified', object: KubeObject, previous: KubeObject | undefined) => void
    >();
    const cache = {
      get: () => undefined,
      list: () => [...runs.values()],
      subscribe: (listener: typeof listeners extends Set<infer L> ? L : never) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    const keys: string[] = [];
    const measure = { enqueue: (key: string) => Promise.resolve(void keys.push(key)) };
    const put = (
      name: string,
      status: object | undefined,
      measures: readonly ResolvedMeasure[] = [web('rate', { intervalMs: 60_000 })],
    ): void => {
      const spec = { ...labRun({ startedAtMs: clock.nowMs(), gridMs: 10_000 }), measures };
      const run = {
        apiVersion: API_VERSION,
        kind: 'AnalysisRun',
        metadata: { name, namespace: 'shop', uid: name },
        spec,
        ...(status === undefined ? {} : { status }),
      };
      const previous = runs.get(name);
      runs.set(name, run);
      for (const tell of listeners) tell(previous === undefined ? 'added' : 'modified', run, previous);
    };
    const stopping = new AbortController();
    const running = runMeasureSchedule({ cache, measure: measure as never, clock, log: silentLog }, stopping.signal);
    await clock.advance(1);
    put('new', undefined);
    put('compares-only', undefined, []);
    expect(keys.splice(0)).toEqual(['shop/new']);
    const finishedAt = new Date(clock.nowMs()).toISOString();
    const measured = {
      name: 'rate',
      phase: 'Running',
      measurements: [{ phase: 'Successful', startedAt: finishedAt, finishedAt }],
      count: 1,
    };
    put('new', { phase: 'Running', metricResults: [measured] });
    keys.splice(0);
    await clock.advance(59_000);
    expect(keys.splice(0)).toEqual([]);
    await clock.advance(20_000);
    expect(new Set(keys.splice(0))).toEqual(new Set(['shop/new']));
    put('new', { phase: 'Terminated', metricResults: [measured] });
    expect(keys.splice(0)).toEqual(['shop/new']);
    await clock.advance(60_000);
    expect(keys).toEqual([]);
    stopping.abort();
    await running;
    expect(listeners.size).toBe(0);
    expect(kube.calls).toEqual([]);
  });

  test('knows when the next measurement of a run is due', async () => {
    const lab = startLab([web('rate', { intervalMs: 60_000 }), web('delayed', { initialDelayMs: 5_000 })]);
    const startMs = lab.clock.nowMs();
    expect(nextDueMs(await runOf(lab))).toBe(startMs);
    await lab.measure();
    expect(nextDueMs(await runOf(lab))).toBe(startMs + 5_000);
  });
});
