import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnalysisRun } from '../../../src/api/analysis-run.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { askAll, endsBetween, lookbackMs, type Question, scrapeIntervals } from '../../../src/metrics/asking.ts';
import { createEvidenceMemory } from '../../../src/controller/analysis/memory.ts';
import { conclude, type ObservedRun, urgentFirst } from '../../../src/controller/analysis/concluding.ts';
import { weightAt } from '../../../src/metrics/observing.ts';
import { isDue, isNews, isUnderAnalysis, spread, statusPatch } from '../../../src/controller/analysis/status.ts';
import { type Trouble, verdictOf } from '../../../src/controller/analysis/verdict.ts';
import { SerinError } from '../../../src/errors.ts';
import { openMemoryEvidence } from '../../../src/evidence/memory.ts';
import { serialiseEvidence } from '../../../src/judge/checkpoint.ts';
import { observe, openEvidence, type RunEvidence } from '../../../src/judge/evidence.ts';
import type { Observation } from '../../../src/judge/observation.ts';
import type { StepVerdict } from '../../../src/judge/verdict.ts';
import { silentLog } from '../../../src/logger.ts';
import type { MetricSource } from '../../../src/metrics/port.ts';
import { labRelease, labRun, libraryQuery } from '../../support/library.ts';
import { createMemoryKube } from '../../support/memory-kube.ts';

const START = 1_700_000_000_000;
const never = new AbortController().signal;
const spec = labRun({ startedAtMs: START, gridMs: 10_000, analysis: { warmUp: '0s', dwell: '30s', minRequests: 100 } });
const run: AnalysisRun = {
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'AnalysisRun',
  metadata: { name: 'web-abc-1', namespace: 'shop', uid: 'run-uid', resourceVersion: '7' },
  spec,
};
const release = {
  ...labRelease({}),
  status: {
    phase: 'Progressing' as const,
    revision: { canary: 'abc', rejected: [] },
    attempt: 1,
    weight: 10,
    weights: [{ since: new Date(START).toISOString(), weight: 10, step: 1 }],
    step: { index: 2, of: 4, since: new Date(START).toISOString(), waitingFor: 'judge' },
    analysisRun: 'web-abc-1',
    conditions: [],
  },
};

/** Evidence after so many intervals in which the canary has this error rate and stable 1 %. */
function evidenceOf(canaryErrors: number, intervals: number): RunEvidence {
  let evidence = openEvidence(spec, new Map());
  for (let k = 1; k <= intervals; k++) {
    const endMs = START + k * 10_000;
    const counts = {
      canary: { bad: 1000 * canaryErrors, total: 1000 },
      stable: { bad: 90, total: 9000 },
      stablePods: [1, 2, 3].map((pod) => ({ pod: `s${pod}`, bad: 30, total: 3000 })),
    };
    const errors: Observation = { kind: 'proportion', endMs, canaryPods: 2, counts };
    const latency: Observation = {
      kind: 'histogram',
      endMs,
      canaryPods: 2,
      boundaries: [{ boundaryMs: 100, counts: { ...counts, canary: { bad: 10, total: 1000 } } }],
    };
    evidence = observe(evidence, {
      endMs,
      weight: 10,
      step: 1,
      observations: new Map<string, Observation>([
        ['errors', errors],
        ['latency', latency],
      ]),
    });
  }
  return evidence;
}
const healthy = evidenceOf(0.01, 60);
const broken = evidenceOf(0.2, 60);
const verdict = (evidence: RunEvidence, trouble: Partial<Trouble> = {}, nowMs = evidence.endMs + 100): StepVerdict =>
  verdictOf(evidence, spec, release, { nowMs, instantMs: nowMs }, { isBehind: false, ...trouble });

describe('the verdict of a poll', () => {
  test('of the run of a step counts from the beginning of the step, not from that of its weight', () => {
    const since = new Date(START + 400_000).toISOString();
    const here = { ...release, status: { ...release.status, step: { ...release.status.step, since } } };
    const nowMs = START + 600_000;
    const measures = [{ name: 'smoke', provider: { web: { url: 'http://web' } }, successCondition: 'result == "ok"' }];
    const times = { ...spec.rule, dwellMs: 0, atMostMs: 100_000 };
    const measured = { ...spec, metrics: [], measures, rule: times, startedAt: since };
    const empty = openEvidence(measured, new Map());
    const asked = (isOfStep: boolean): StepVerdict =>
      verdictOf(empty, measured, here, { nowMs, instantMs: nowMs }, { isBehind: false }, [], isOfStep);
    expect(asked(true)).toMatchObject({ outcome: 'Continue', step: 2 });
    expect(asked(false)).toMatchObject({ outcome: 'Inconclusive', reason: 'TimeIsUp' });
  });

  test('speaks of the step, weight, revision and attempt that the Release is at', () => {
    expect(verdict(healthy)).toMatchObject({
      outcome: 'Pass',
      revision: 'abc',
      attempt: 1,
      step: 2,
      weight: 10,
      intervalEndMs: healthy.endMs,
    });
    expect(verdict(broken).outcome).toBe('Fail');
  });

  test.each<{ name: string; trouble: Partial<Trouble>; outcome: string; reason: string }>([
    {
      name: 'Prometheus does not answer',
      trouble: { unavailable: 'HTTP 503.', isBehind: true },
      outcome: 'Continue',
      reason: 'SourceUnavailable',
    },
    {
      name: 'one query of two is not answered',
      trouble: { unavailable: 'HTTP 503.' },
      outcome: 'Continue',
      reason: 'SourceUnavailable',
    },
    { name: 'the newest interval is not in', trouble: { isBehind: true }, outcome: 'Continue', reason: 'Judging' },
    {
      name: 'a metric cannot be judged as written',
      trouble: { finding: { reason: 'InvalidSpec', message: 'le.' } },
      outcome: 'Inconclusive',
      reason: 'InvalidSpec',
    },
  ])('never passes while $name, and never forgets a Fail', ({ trouble, outcome, reason }) => {
    expect(verdict(healthy, trouble)).toMatchObject({
      outcome,
      reason,
      hadEnoughData: trouble.isBehind === true && reason === 'Judging',
    });
    expect(verdict(broken, trouble).outcome).toBe('Fail');
  });

  test('says what is missing and since when', () => {
    const blind = verdict(healthy, { unavailable: 'Prometheus answers HTTP 503. Check it.', isBehind: true });
    expect(blind.blindSinceMs).toBe(healthy.endMs);
    expect(blind.says).toBe(`Prometheus answers HTTP 503. Check it. Nothing advances or aborts until it answers.`);
  });
});

describe('the status of a run', () => {
  const known = (change: Partial<StepVerdict> = {}, intervalEnd = healthy.endMs): AnalysisRun => ({
    ...run,
    status: {
      phase: 'Running',
      verdict: { ...verdict(healthy), ...change },
      intervalEnd: new Date(intervalEnd).toISOString(),
    },
  });

  test.each<{ change: Partial<StepVerdict>; news: boolean }>([
    { change: {}, news: false },
    { change: { odds: 7, says: 'other numbers' }, news: false },
    { change: { outcome: 'Continue' }, news: true },
    { change: { reason: 'Judging' }, news: true },
    { change: { step: 1 }, news: true },
    { change: { blindSinceMs: 5 }, news: true },
  ])('is news where the outcome, its reason or its identity differ: $change', ({ change, news }) => {
    expect(isNews(known(change), verdict(healthy))).toBe(news);
  });

  test('without a verdict any verdict is news', () => {
    expect(isNews(run, verdict(healthy))).toBe(true);
  });

  test('is renewed once a minute, at a moment that differs between runs', () => {
    const writes = Array.from({ length: 60 }, (_, k) => START + k * 10_000).filter((endMs, k, ends) =>
      isDue(
        { ...run, status: { phase: 'Running', intervalEnd: new Date(ends[k - 1] ?? endMs).toISOString() } },
        { ...healthy, endMs },
        verdict(healthy),
      ),
    );
    expect(writes).toHaveLength(10);
    const phases = new Set(Array.from({ length: 50 }, (_, n) => spread(`uid-${n}`, 60_000) % 60_000));
    expect(phases.size).toBeGreaterThan(40);
  });

  test('is only written over the version that was read', () => {
    const report = {
      evidence: healthy,
      verdict: verdict(healthy),
      ledger: [],
      queries: ['up'],
      measured: [],
      leftOut: '',
    };
    const patch = statusPatch(run, report);
    expect(patch).toMatchObject({ kind: 'json', subresource: 'status' });
    expect(patch.kind === 'json' ? patch.operations[0] : undefined).toEqual({
      op: 'test',
      path: '/metadata/resourceVersion',
      value: '7',
    });
  });

  test.each([
    { phase: undefined, isActive: true },
    { phase: 'Running', isActive: true },
    { phase: 'Terminated', isActive: false },
    { phase: 'Failed', isActive: false },
  ])('a run in phase $phase is under analysis: $isActive', ({ phase, isActive }) => {
    const status = phase === undefined ? {} : { status: { phase } as AnalysisRun['status'] };
    expect(isUnderAnalysis({ ...run, ...status } as AnalysisRun)).toBe(isActive);
  });
});

describe('intervals', () => {
  test('between two instants are whole, ascending, the newest ones, and end at the last', () => {
    const intervalMs = fc.integer({ min: 1, max: 100 }).map((n) => n * 1000);
    fc.assert(
      fc.property(intervalMs, fc.nat(50), fc.nat(20), (interval, count, most) => {
        const fromMs = 7 * interval;
        const ends = endsBetween(fromMs, fromMs + count * interval, interval, most);
        expect(ends).toHaveLength(Math.min(count, most));
        if (ends.length > 0) expect(ends.at(-1)).toBe(fromMs + count * interval);
        expect(ends.every((endMs, k) => k === 0 || endMs - (ends[k - 1] ?? 0) === interval)).toBe(true);
      }),
    );
  });

  test.each([
    [1000, 60_000],
    [10_000, 60_000],
    [30_000, 180_000],
    [120_000, 300_000],
    [300_000, 600_000],
  ])('of %d ms remember counters for %d ms', (intervalMs, expected) => {
    expect(lookbackMs(intervalMs)).toBe(expected);
  });

  test('belong to the weight that was in force when they began', () => {
    const weights = [10, 25].map((weight, k) => ({
      since: new Date(START + k * 60_000).toISOString(),
      weight,
      step: 2 * k + 1,
    }));
    expect(weightAt(weights, START - 1)).toEqual({ weight: 0, step: 0, requests: 'none' });
    expect(weightAt(weights, START + 59_999)).toEqual({ weight: 10, step: 1, requests: 'both' });
    expect(weightAt(weights, START + 60_000)).toEqual({ weight: 25, step: 3, requests: 'both' });
    expect(weightAt(undefined, START)).toEqual({ weight: 0, step: 0, requests: 'none' });
  });
});

describe('the questions of a poll', () => {
  /** Answers nothing and remembers what it was asked. */
  function listener(fault?: (promql: string) => Error | undefined) {
    const asked: { promql: string; from: number; to: number }[] = [];
    const answer = (promql: string, from: number, to: number) => {
      asked.push({ promql, from, to });
      const error = fault?.(promql);
      return error === undefined ? Promise.resolve({ series: [], warnings: [] }) : Promise.reject(error);
    };
    const source: MetricSource = {
      instant: (promql, timeMs) => answer(promql, timeMs, timeMs),
      range: (promql, startMs, endMs) => answer(promql, startMs, endMs),
    };
    return { asked, source };
  }
  const requests = libraryQuery('istio-requests');
  const latency = libraryQuery('istio-latency');
  const question = (name: string, change: Partial<Question> = {}): Question => ({
    query: requests,
    intervalMs: 10_000,
    firstMs: START,
    lastMs: START,
    workloads: [{ namespace: 'shop', workload: name }],
    ...change,
  });

  test.each([
    { way: 'sums', releases: 500, queries: 2 },
    { way: 'samples', releases: 3, queries: 3 },
    { way: 'samples', releases: 500, queries: 6 },
    { way: 'samples', releases: 5_000, queries: 24 },
    { way: 'samples', releases: 20_000, queries: 24 },
  ] as const)(
    'as $way of $releases releases that share two queries are $queries',
    async ({ way, releases, queries }) => {
      const { asked, source } = listener();
      const questions = Array.from({ length: releases }, (_, n) => [
        question(`w${n}`),
        question(`w${n}`, { query: latency }),
      ]).flat();
      const all = await askAll(source, questions, 4, never, { way });
      expect({ queries: all.queries, failed: all.failed, asked: asked.length }).toEqual({
        queries,
        failed: 0,
        asked: queries,
      });
      expect(questions.every((each) => all.answer(each).kind === 'rows')).toBe(true);
    },
  );

  test.each([
    {
      way: 'sums',
      spans: [
        [0, 0, undefined],
        [-50_000, 0, undefined],
      ],
    },
    {
      way: 'samples',
      spans: [
        [0, 0, 70_000],
        [0, 0, 120_000],
      ],
    },
  ] as const)('as $way of releases that lag are one beside that of the others', async ({ way, spans }) => {
    const { asked, source } = listener();
    const lag = (n: number): Question => question(`late${n}`, { firstMs: START - n * 10_000 });
    await askAll(source, [question('a'), question('b'), lag(3), lag(5)], 4, never, { way });
    const windowOf = (promql: string): number | undefined =>
      way === 'sums' ? undefined : Number(/\[(\d+)ms\]$/.exec(promql)?.[1]);
    const seen = asked.map(({ promql, from, to }) => [from - START, to - START, windowOf(promql)]);
    expect(new Set(seen.map(String))).toEqual(new Set(spans.map(String)));
  });

  test('of a long outage are read slice by slice, whole and without a gap', async () => {
    const { asked, source } = listener();
    await askAll(source, [question('a', { firstMs: START - 149 * 10_000 })], 4, never);
    const totals = asked.filter(({ promql }) => !promql.includes('response_code'));
    expect(totals.map(({ to }) => (to - START) / 10_000)).toEqual([-90, -30, 0]);
    expect(totals.map(({ promql }) => /\[(\d+)ms\]$/.exec(promql)?.[1])).toEqual(['660000', '660000', '360000']);
  });

  test('whose answer is too large are asked for fewer releases at once, also at the next poll, and one alone as sums', async () => {
    const workloadsIn = (promql: string): number => new Set(promql.match(/web\d+/g)).size;
    const tooLarge = new SerinError('SERIN_E_PROMETHEUS', 'More. Narrow it.', { fields: { isTooLarge: true } });
    const questions = Array.from({ length: 10 }, (_, n) => question(`web${n}`));
    const tooMany = new Map<string, number>();
    const first = listener((promql) => (workloadsIn(promql) > 3 ? tooLarge : undefined));
    const asked = await askAll(first.source, questions, 1, never, { tooMany });
    expect(questions.map((each) => asked.answer(each).kind)).toEqual(questions.map(() => 'rows'));
    const second = listener((promql) => (workloadsIn(promql) > 3 ? tooLarge : undefined));
    await askAll(second.source, questions, 1, never, { tooMany });
    expect(Math.max(...second.asked.map(({ promql }) => workloadsIn(promql)))).toBeLessThanOrEqual(3);
    const alone = listener((promql) => (promql.includes('serin_part') ? undefined : tooLarge));
    await askAll(alone.source, [question('web1')], 1, never);
    expect(alone.asked.at(-1)?.promql).toContain('serin_part');
  });

  test('that fail say so by themselves: outside trouble is retried, a wrong query is named', async () => {
    const { source } = listener((promql) =>
      promql.includes('duration')
        ? new SerinError('SERIN_E_QUERY', 'Wrong. Correct it.')
        : new SerinError('SERIN_E_PROMETHEUS', 'Down. Check it.'),
    );
    const [one, two] = [question('a'), question('a', { query: libraryQuery('istio-latency') })];
    const asked = await askAll(source, [one, two], 4, never);
    expect(asked.answer(one)).toEqual({ kind: 'unavailable', message: 'Down. Check it.' });
    expect(asked.answer(two)).toEqual({ kind: 'refused', message: 'Wrong. Correct it.' });
    expect(asked.failed).toBe(2);
  });

  test('that are answered in part are not answered: what is missing could be what is bad', async () => {
    const { source } = listener();
    const partial = 'receive series from Addr: store-1: rpc error: code = Unavailable.';
    const instant: MetricSource['instant'] = async (promql, timeMs, signal) => ({
      ...(await source.instant(promql, timeMs, signal)),
      ...(promql.includes('5..') ? { partial } : {}),
    });
    const asked = await askAll({ ...source, instant }, [question('a')], 4, never);
    expect(asked.answer(question('a'))).toEqual({
      kind: 'unavailable',
      message: expect.stringContaining('partial: receive series from Addr: store-1: rpc error: code = Unavailable. '),
    });
  });

  test('end with the signal', async () => {
    const abort = new AbortController();
    const { source } = listener(() => {
      abort.abort();
      return new SerinError('SERIN_E_ABORTED', 'Cancelled. Fine.');
    });
    await expect(askAll(source, [question('a')], 4, abort.signal)).rejects.toThrow();
  });

  test('tell how often a workload is scraped, by the median gap', async () => {
    const times = [0, 15, 30, 45, 105, 120].map((second) => ({ timeMs: START + second * 1000, value: 1 }));
    const labels = { destination_workload_namespace: 'shop', destination_workload: 'a' };
    const source: MetricSource = {
      ...listener().source,
      instant: () => Promise.resolve({ series: [{ labels, samples: times }], warnings: [] }),
    };
    const query = libraryQuery('istio-requests');
    const workload = { namespace: 'shop', workload: 'a' };
    const scrapes = await scrapeIntervals(source, [{ query, workload }], START, 4, never);
    expect(scrapes(query, workload)).toBe(15_000);
    expect(scrapes(query, { ...workload, workload: 'b' })).toBeUndefined();
  });
});

describe('remembered evidence', () => {
  const receipts = {
    errors: {
      endMs: healthy.endMs,
      weight: 10,
      levels: { canary: 5 },
      taken: { kind: 'skipped', endMs: 1, reason: 'NoData' },
    },
  } as const;
  const nothing = { storedEndMs: 0, receipts: {} };

  test('comes back as it was, with what it was made of', async () => {
    const store = openMemoryEvidence();
    expect(await createEvidenceMemory(store, silentLog).save(run, nothing, healthy, receipts)).toBe(true);
    const back = await createEvidenceMemory(store, silentLog).load(run);
    expect(back.receipts).toEqual(receipts);
    expect(back.evidence === undefined ? '' : serialiseEvidence(back.evidence)).toBe(serialiseEvidence(healthy));
  });

  test('is not overwritten by who came second', async () => {
    const store = openMemoryEvidence();
    const [one, two] = [createEvidenceMemory(store, silentLog), createEvidenceMemory(store, silentLog)];
    expect(await one.save(run, nothing, healthy, {})).toBe(true);
    expect(await two.save(run, nothing, broken, {})).toBe(false);
    expect((await two.load(run)).evidence?.failed).toBeUndefined();
  });

  test.each([
    {
      name: 'the checkpoint where the store is empty',
      stored: undefined,
      checkpoint: healthy,
      expected: healthy.endMs,
    },
    {
      name: 'the checkpoint where it is newer',
      stored: evidenceOf(0.01, 10),
      checkpoint: healthy,
      expected: healthy.endMs,
    },
    { name: 'the store where it is newer', stored: healthy, checkpoint: evidenceOf(0.01, 10), expected: healthy.endMs },
  ])('is $name', async ({ stored, checkpoint, expected }) => {
    const store = openMemoryEvidence();
    if (stored !== undefined) await createEvidenceMemory(store, silentLog).save(run, nothing, stored, {});
    const status: AnalysisRun['status'] = {
      phase: 'Running',
      checkpoint: serialiseEvidence(checkpoint),
      intervalEnd: new Date(checkpoint.endMs).toISOString(),
    };
    const { evidence, storedEndMs } = await createEvidenceMemory(store, silentLog).load({ ...run, status });
    expect(evidence?.endMs).toBe(expected);
    expect(storedEndMs).toBe(stored?.endMs ?? 0);
  });

  test('starts again where everything is damaged, and a store that is down is no reason to stop', async () => {
    const store = openMemoryEvidence();
    await store.compareAndSet('run-uid', 0, { intervalEndMs: 5, checkpoint: '{"evidence":"x"}' });
    const memory = createEvidenceMemory(store, silentLog);
    expect(await memory.load({ ...run, status: { phase: 'Running', checkpoint: 'x' } })).toEqual({
      storedEndMs: 5,
      receipts: {},
    });
    const down = () => Promise.reject(new SerinError('SERIN_E_QUEUE', 'Down. Check it.'));
    const deaf = createEvidenceMemory({ ...store, load: down, compareAndSet: down, remove: down }, silentLog);
    expect(await deaf.load(run)).toEqual(nothing);
    expect(await deaf.save(run, nothing, healthy, {})).toBe(true);
    await deaf.forgetAllBut(new Set());
  });

  test('of a finished run is given up in the store too', async () => {
    const store = openMemoryEvidence();
    const memory = createEvidenceMemory(store, silentLog);
    await memory.save(run, nothing, healthy, {});
    await memory.forgetAllBut(new Set(['run-uid']));
    expect(await store.load('run-uid')).toBeDefined();
    await memory.forgetAllBut(new Set());
    expect(await store.load('run-uid')).toBeUndefined();
  });
});

test('a run whose evidence is against its canary is concluded before those that go on, which keep their order', () => {
  const observedAs = (name: string, evidence: RunEvidence | undefined): ObservedRun =>
    ({ read: { name }, observed: evidence === undefined ? undefined : { evidence } }) as unknown as ObservedRun;
  const [good, bad] = [evidenceOf(0.01, 6), evidenceOf(0.3, 6)];
  expect([good.failed, bad.failed === undefined]).toEqual([undefined, false]);
  const runs = [observedAs('a', good), observedAs('b', undefined), observedAs('c', bad), observedAs('d', good)];
  const names = urgentFirst(runs).map(({ read }) => (read as unknown as { readonly name: string }).name);
  expect(names).toEqual(['c', 'a', 'b', 'd']);
});

describe('a Fail whose run was written since it was read', () => {
  const results = [{ name: 'smoke', phase: 'Running', measurements: [], count: 0, error: 1 }];
  const ref = { type: TYPES.analysisRun, namespace: 'shop', name: 'web-abc-1' };
  const due = {
    release,
    instantMs: broken.endMs,
    remembered: { storedEndMs: 0, receipts: {} },
    pods: { ledger: [] },
    evidence: broken,
    ends: [],
  };

  /** Concludes on a run that was read, and then written by others: once before, or whenever it is read again. */
  async function concludedAfter(status: Record<string, unknown>, writes: 1 | 'always') {
    const kube = createMemoryKube();
    const read = kube.put(run as unknown as KubeObject);
    const write = (count = 0) => kube.put({ ...read, status: { ...status, count } });
    write();
    let reads = 0;
    const get: typeof kube.get = async (target, signal) => {
      const found = await kube.get(target, signal);
      if (writes === 'always') write(++reads);
      return found;
    };
    const told: string[] = [];
    const { isWritten } = await conclude(
      {
        kube: { ...kube, get },
        memory: createEvidenceMemory(openMemoryEvidence(), silentLog),
        enqueue: async (key: string, isUrgent: boolean) => void told.push(`${key} ${isUrgent}`),
        clock: { nowMs: () => broken.endMs + 1000 },
      } as unknown as Parameters<typeof conclude>[0],
      { read: { due: { ...due, run: read }, answers: [], late: [] }, observed: undefined } as unknown as ObservedRun,
      never,
    );
    const found = (await kube.get(ref))?.['status'];
    return { isWritten, told, status: found as NonNullable<AnalysisRun['status']> };
  }

  test('by whoever measures is told at once, and the measurements stay', async () => {
    const { isWritten, told, status } = await concludedAfter({ phase: 'Running', metricResults: results }, 1);
    expect([isWritten, told]).toEqual([true, ['shop/web true']]);
    expect(status).toMatchObject({ phase: 'Running', verdict: { outcome: 'Fail' }, metricResults: results });
  });

  test.each([
    ['is over', { phase: 'Terminated' }],
    ['was concluded by somebody else', { phase: 'Running', verdict: { outcome: 'Pass', intervalEndMs: broken.endMs } }],
  ])('but %s, is left as it is', async (_name, other) => {
    const { isWritten, told, status } = await concludedAfter(other, 1);
    expect([isWritten, told]).toEqual([false, []]);
    expect(status).toEqual({ ...other, count: 0 });
  });

  test('again and again waits for the next poll', async () => {
    const { isWritten, told } = await concludedAfter({ phase: 'Running', metricResults: results }, 'always');
    expect([isWritten, told]).toEqual([false, []]);
  });
});
