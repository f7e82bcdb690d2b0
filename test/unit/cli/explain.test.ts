import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { AnalysisRun } from '../../../src/api/analysis-run.ts';
import { explainRun } from '../../../src/cli/explain/explanation.ts';
import { runInCluster, runInText, siblingsOf } from '../../../src/cli/explain/find-run.ts';
import { renderExplanation } from '../../../src/cli/explain/render.ts';
import { statusPatch } from '../../../src/controller/analysis/status.ts';
import { observe, openEvidence } from '../../../src/judge/evidence.ts';
import { judgeStep } from '../../../src/judge/judge-step.ts';
import type { Observation } from '../../../src/judge/observation.ts';
import { parseQuery } from '../../../src/cli/lint/promql.ts';
import { createMemoryKube } from '../../support/memory-kube.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { labRun } from '../../support/library.ts';
import { seeded } from '../../support/random.ts';
import { histogram, proportion } from '../judge/traffic.ts';

const START_MS = Date.parse('2026-11-21T09:00:00Z');
const spec = labRun({ startedAtMs: START_MS, gridMs: 10_000 });
const fresh: AnalysisRun = {
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'AnalysisRun',
  metadata: { name: 'web-abc-1', namespace: 'shop', uid: 'uid', resourceVersion: '1' },
  spec,
};

/** A run as the analysis job leaves it after `count` intervals. */
function runAfter(count: number, canaryErrors: number): AnalysisRun {
  const random = seeded(7);
  const traffic = { requestsPerInterval: 2000, weight: 25, canaryErrors, stableErrors: 0.005 };
  let evidence = openEvidence(spec, new Map());
  const measured = Array.from({ length: count }, (_, k) => {
    const endMs = START_MS + (k + 1) * 10_000;
    const observations = new Map<string, Observation>([
      ['errors', k === 4 ? { kind: 'skipped', endMs, reason: 'NoData' } : proportion(random, endMs, traffic)],
      ['latency', histogram(random, endMs, traffic, 1)],
    ]);
    evidence = observe(evidence, { endMs, weight: 25, step: 3, observations });
    return { endMs, weight: 25, observations };
  });
  const nowMs = START_MS + count * 10_000;
  const verdict = judgeStep(evidence, spec, {
    revision: 'abc',
    attempt: 1,
    step: 3,
    weight: 25,
    sinceMs: START_MS,
    nowMs,
  });
  const patch = statusPatch(fresh, {
    evidence,
    verdict,
    ledger: [],
    queries: ['sum(up)'],
    measured: measured as never,
    leftOut: '',
  });
  const status = patch.kind === 'json' ? patch.operations.find(({ path }) => path === '/status') : undefined;
  return JSON.parse(
    JSON.stringify({ ...fresh, status: status !== undefined && 'value' in status ? status.value : undefined }),
  ) as AnalysisRun;
}

const golden = new URL('golden/explain.txt', import.meta.url);

describe('explain', () => {
  const failed = runAfter(12, 0.05);

  test('says why a run failed: the verdict, both sides, what tipped it, and queries', () => {
    const text = renderExplanation(explainRun(failed), { hasAsked: false, prometheus: 'http://localhost:9090/' });
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, `${text}\n`);
    expect(`${text}\n`).toBe(readFileSync(golden, 'utf8'));
  });

  test('every query can be asked: it is PromQL, and names one side only', () => {
    const { metrics } = explainRun(failed);
    expect(metrics.map(({ questions }) => questions.map(({ side }) => side))).toEqual([
      ['canary', 'stable'],
      ['canary', 'stable'],
    ]);
    for (const { side, query, graph } of metrics.flatMap(({ questions }) => questions)) {
      expect(parseQuery(query).problems, query).toEqual([]);
      expect(query.includes('"web-v2"')).toBe(side === 'canary');
      expect(query.includes('"web-v1"')).toBe(side === 'stable');
      const link = new URL(graph, 'http://localhost:9090');
      expect(link.searchParams.get('g0.expr')).toBe(query);
    }
  });

  test('latency is asked as what decides: the part that is slower than the boundary', () => {
    const latency = explainRun(failed).metrics.find(({ name }) => name === 'latency');
    expect(latency?.value).toMatch(/^share of requests slower than \d+ ms$/);
    expect(latency?.questions[0]?.query).toContain('istio_request_duration_milliseconds_bucket{');
  });

  test('the intervals that tipped it are shown with their counts', () => {
    const errors = explainRun(failed).metrics.find(({ name }) => name === 'errors');
    expect(errors?.tipping.length).toBeGreaterThan(0);
    for (const { endMs, canary } of errors?.tipping ?? []) {
      expect(errors?.verdict?.tippedBy).toContain(endMs);
      expect(canary.total).toBeGreaterThan(0);
    }
  });

  test('of a run that nobody judged yet it says so, and still what to ask', () => {
    const text = renderExplanation(explainRun(fresh), { hasAsked: true });
    expect(text).toContain('Nothing was judged yet');
    expect(text).toContain('istio_requests_total');
    expect(text).not.toContain('undefined');
  });

  test.each([
    { status: { phase: 'Running', verdict: { outcome: 'Fail' } } },
    { status: { phase: 'Running', verdict: { outcome: 'Pass', odds: 1, metrics: [{ name: 'errors' }, 5] } } },
    { status: { phase: 'Running', verdict: {}, measurements: [{ end: 'soon' }, {}] } },
  ])('a status of another version is read with care: $status.verdict', ({ status }) => {
    expect(() => renderExplanation(explainRun({ ...fresh, status } as never), { hasAsked: true })).not.toThrow();
  });
});

describe('what providers measured', () => {
  const rule = {
    name: 'smoke',
    intervalMs: 60_000,
    count: 5,
    failureLimit: 1,
    successCondition: 'result[0] > 0.9',
    provider: { prometheus: { address: 'http://prometheus:9090', query: 'sum(up{job="web"})' } },
  };
  const counts = {
    count: 3,
    successful: 1,
    failed: 2,
    inconclusive: 0,
    error: 1,
    consecutiveError: 0,
    consecutiveSuccess: 0,
    failedOnRealValue: 2,
  };
  const measurement = {
    phase: 'Failed',
    startedAt: '2026-11-21T09:02:00Z',
    finishedAt: '2026-11-21T09:02:00Z',
    value: '[0.5]',
  } as const;
  const run: AnalysisRun = {
    ...fresh,
    spec: { ...spec, metrics: [], measures: [rule, { name: 'migrate', isDryRun: true, provider: { job: {} } }] },
    status: {
      phase: 'Running',
      metricResults: [{ name: 'smoke', phase: 'Failed', measurements: [measurement], ...counts }],
    },
  };

  test('is told with its limits, its condition, the newest values, and what was asked', () => {
    const text = renderExplanation(explainRun(run), { hasAsked: false, prometheus: 'http://localhost:9090' });
    expect(text).toContain('smoke, measured by prometheus: Failed.');
    expect(text).toContain('3 measurements of 5: 1 successful, 2 failed, 0 inconclusive; and 1 Error.');
    expect(text).toContain('Tolerated are 1 of them failed, 0 inconclusive, 4 Errors in a row.');
    expect(text).toContain('2026-11-21T09:02:00Z   Failed   [0.5]');
    expect(text).toContain('Succeeds where result[0] > 0.9');
    expect(text).toContain('    sum(up{job="web"})\n    http://localhost:9090/graph?g0.expr=sum%28up');
    expect(text).toContain('migrate, measured by job, dry run: it never decides: not measured yet.');
    expect(text).not.toContain('CANARY ÷ STABLE');
  });
});

describe('in a cluster', () => {
  const kube = createMemoryKube();
  const connection = { kube, namespace: 'shop' };
  kube.put(fresh as unknown as KubeObject);
  const release = (name: string, status: object): KubeObject =>
    ({
      apiVersion: 'serin.dev/v1alpha1',
      kind: 'Release',
      metadata: { name, namespace: 'shop' },
      spec: {},
      status,
    }) as unknown as KubeObject;
  kube.put(release('web', { analysisRun: 'web-abc-1' }));
  kube.put(release('idle', {}));

  const other = (name: string, over: object, status: object): AnalysisRun =>
    ({
      ...fresh,
      metadata: { ...fresh.metadata, name },
      spec: { ...spec, ...over },
      status: { phase: 'Running', ...status },
    }) as AnalysisRun;
  const stepRun = other(
    'web-abc-1-3-1a2b3',
    { startedAt: '2026-11-21T09:10:00Z' },
    { verdict: { outcome: 'Fail', odds: 40, metrics: [] } },
  );
  for (const run of [
    stepRun,
    other('web-abc-2', { attempt: 2 }, {}),
    other('else', { release: { name: 'x', uid: 'x' } }, {}),
  ])
    kube.put(run as unknown as KubeObject);
  const stepped = release(spec.release.name, {
    analysisRun: 'web-abc-1',
    stepRuns: ['web-abc-1-3-1a2b3'],
    verdict: { outcome: 'Fail', run: 'web-abc-1-3-1a2b3' },
  });
  kube.put({ ...stepped, metadata: { ...stepped.metadata, name: 'stepped' } });
  kube.put(release('before', { analysisRun: 'web-abc-1', stepRuns: ['gone', 'web-abc-1-3-1a2b3'] }));
  kube.put(
    release('after', {
      analysisRun: 'web-abc-1',
      verdict: { outcome: 'Fail', run: 'web-abc-1' },
      stepRuns: ['web-abc-1-3-1a2b3'],
    }),
  );

  test.each([
    { name: 'stepped', what: 'the run of the step that decided', found: 'web-abc-1-3-1a2b3' },
    { name: 'before', what: 'the newest run of a step, while none has decided', found: 'web-abc-1-3-1a2b3' },
    { name: 'after', what: 'the run of the whole release, where it decided though a step has one', found: 'web-abc-1' },
  ])('of a Release $what is explained', async ({ name, found }) => {
    expect((await runInCluster(connection, name)).metadata.name).toBe(found);
  });

  test('the other runs of the same attempt are named, and which decided', async () => {
    const own = createMemoryKube();
    own.put(stepped);
    const ref = { type: TYPES.release, namespace: 'shop', name: spec.release.name };
    const owned = { name: spec.release.name, uid: (await own.get(ref))?.metadata.uid ?? '' };
    const of = (run: AnalysisRun): AnalysisRun => ({ ...run, spec: { ...run.spec, release: owned } });
    for (const run of [fresh, stepRun, other('web-abc-2', { attempt: 2 }, {})])
      own.put(of(run) as unknown as KubeObject);
    const siblings = await siblingsOf({ kube: own }, of(stepRun));
    expect(siblings.others.map(({ name }) => name)).toEqual(['web-abc-1']);
    const text = renderExplanation(explainRun(stepRun, siblings), { hasAsked: false });
    expect(text).toContain('It decided (a step with an analysis of its own).');
    expect(text).toContain('Beside it web-abc-1 (the whole release): Running');
    const whole = renderExplanation(explainRun(fresh, await siblingsOf({ kube: own }, of(fresh))), { hasAsked: false });
    expect(whole).toContain('It is of the whole release; web-abc-1-3-1a2b3 decided.');
  });

  test('of the revision that is released now: which ConfigMaps and Secrets changed with it', async () => {
    const own = createMemoryKube();
    const digests = (object: string, digest: string, stable?: string) => ({
      object,
      digest,
      ...(stable && { stable }),
    });
    const objects = [
      digests('ConfigMap web', 'b', 'a'),
      digests('ConfigMap new', 'b'),
      digests('Secret keys', 'a', 'a'),
    ];
    for (const revision of ['abc', 'other']) {
      const found = own.put(
        release(`of-${revision}`, { revision: { canary: revision, rejected: [] }, config: { objects } }),
      );
      const owner = { name: found.metadata.name, uid: found.metadata.uid ?? '' };
      const run = { ...fresh, spec: { ...fresh.spec, revision: 'abc', release: owner } };
      const text = renderExplanation(explainRun(run, await siblingsOf({ kube: own }, run)), { hasAsked: false });
      expect(text.includes('With it the content of ConfigMap web changed.')).toBe(revision === 'abc');
    }
  });

  test.each(['web-abc-1', 'web'])('%s is found', async (name) => {
    expect((await runInCluster(connection, name)).metadata.name).toBe('web-abc-1');
  });

  test.each([
    { name: 'nobody', says: /neither an AnalysisRun nor a Release shop\/nobody/ },
    { name: 'idle', says: /Release shop\/idle has no AnalysisRun now/ },
  ])('$name is told, with what to do', async ({ name, says }) => {
    await expect(runInCluster(connection, name)).rejects.toThrow(says);
  });
});

describe('a file with runs', () => {
  const damaged = (change: (verdict: Record<string, unknown>) => void): unknown => {
    const run = structuredClone(runAfter(12, 0.05)) as unknown as { status: { verdict: Record<string, unknown> } };
    change(run.status.verdict);
    return run;
  };
  const metric = (verdict: Record<string, unknown>) => (verdict['metrics'] as Record<string, unknown>[])[0] ?? {};

  test.each<[string, (verdict: Record<string, unknown>) => void, string]>([
    ['no odds', (verdict) => delete verdict['odds'], 'status.verdict lacks odds, so this is not the status'],
    ['words for a weight', (verdict) => (verdict['weight'] = 'half'), 'status.verdict.weight is "half", so'],
    [
      'a metric without counts',
      (verdict) => delete metric(verdict)['canary'],
      'status.verdict.metrics[0] lacks canary',
    ],
    ['an object for a share', (verdict) => (metric(verdict)['share'] = {}), 'status.verdict.metrics[0].share is'],
    ['an outcome of its own', (verdict) => (verdict['outcome'] = 'Fine'), 'status.verdict.outcome is "Fine"'],
  ])('whose status is damaged is refused: %s', (_, change, says) => {
    const run = damaged(change);
    expect(() => runInText('x', 'run.yaml', [run], undefined)).toThrow(`run.yaml: ${says}`);
    // In a cluster it may be of another version: what can be shown is.
    const text = renderExplanation(explainRun(run as AnalysisRun), { hasAsked: false });
    expect(text).not.toMatch(/NaN|undefined|\[object/);
  });

  test('whose status is whole is shown', () => {
    const run = JSON.parse(JSON.stringify(runAfter(12, 0.05))) as unknown;
    expect(runInText('x', 'run.yaml', [run], undefined).metadata.name).toBe('web-abc-1');
  });

  test.each([
    { title: 'one run', documents: [fresh], name: undefined },
    {
      title: 'its name',
      documents: [fresh, { ...fresh, metadata: { ...fresh.metadata, name: 'other' } }],
      name: 'web-abc-1',
    },
    { title: 'its Release in a list', documents: [{ kind: 'List', items: [fresh] }], name: 'web' },
  ])('is understood: $title', ({ documents, name }) => {
    expect(runInText('x', 'runs.yaml', documents, name).metadata.name).toBe('web-abc-1');
  });

  test.each([
    { title: 'empty', documents: [], text: '', says: /runs\.yaml is empty/ },
    { title: 'another kind', documents: [{ kind: 'Release' }], text: 'x', says: /holds no AnalysisRun/ },
    {
      title: 'two runs',
      documents: [fresh, { ...fresh, metadata: { name: 'b' } }],
      text: 'x',
      says: /holds web-abc-1, b\. Say which one/,
    },
    {
      title: 'a run without metrics',
      documents: [{ ...fresh, spec: { ...spec, metrics: 5 } }],
      text: 'x',
      says: /spec\.metrics is 5/,
    },
  ])('is refused with what to do: $title', ({ documents, text, says }) => {
    expect(() => runInText(text, 'runs.yaml', documents, undefined)).toThrow(says);
  });
});
