/** The Job provider on the sandbox's API server and on the real one; the test is the Job controller. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { analysisRunKind } from '../../src/api/analysis-run.ts';
import { crdOf } from '../../src/api/crd.ts';
import { API_VERSION, type KubeObject, TYPES } from '../../src/api/meta.ts';
import { systemClock } from '../../src/clock.ts';
import { type ConnectedKubeClient, createKubeClient } from '../../src/kube/client.ts';
import { createJobProvider } from '../../src/providers/job.ts';
import type { MeasureRequest, Provider, Reading } from '../../src/providers/port.ts';
import { startApiServer } from '../../src/sandbox/apiserver/server.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { until } from '../support/prometheus.ts';
import { describeWith } from '../support/tools.ts';

interface Started {
  readonly kubeconfig: string;
  /** The sandbox has no Jobs of its own; there they are a custom kind. */
  readonly needsKind: boolean;
  stop(): Promise<void>;
}

async function startSandbox(): Promise<Started> {
  const server = await startApiServer();
  const folder = await mkdtemp(join(tmpdir(), 'serin-job-'));
  const kubeconfig = join(folder, 'config');
  await writeFile(kubeconfig, server.kubeconfig);
  return {
    kubeconfig,
    needsKind: true,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}

describe('provider job on the sandbox’s API server', () => suite(startSandbox));
describeWith(['kube-apiserver'], 'provider job on the real API server', () =>
  suite(async () => ({ ...(await startControlPlane({ controllers: false })), needsKind: false })),
);

const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
const jobKind: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'jobs.batch' },
  spec: {
    group: 'batch',
    scope: 'Namespaced',
    names: { plural: 'jobs', singular: 'job', kind: 'Job', listKind: 'JobList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: open, status: open } } },
      },
    ],
  },
};

/** The run that owns the Jobs; made before the tests. */
let UID = '';
const template = {
  metadata: { labels: { app: 'smoke' } },
  spec: { restartPolicy: 'Never', containers: [{ name: 'smoke', image: 'smoke:1', command: ['/smoke'] }] },
};

function requestOf(metric: string, number: number, more: object = {}): MeasureRequest {
  return {
    run: { name: 'web-abc-1', namespace: 'default', uid: UID },
    metric,
    number,
    settings: {
      metadata: { labels: { team: 'shop' }, annotations: { why: 'smoke' } },
      spec: { backoffLimit: 0, template },
      ...more,
    },
  };
}

function suite(start: () => Promise<Started>): void {
  let server: Started;
  let kube: ConnectedKubeClient;
  let provider: Provider;
  const never = new AbortController().signal;

  beforeAll(async () => {
    server = await start();
    kube = createKubeClient({ kubeconfig: server.kubeconfig });
    await kube.create(crdOf(analysisRunKind) as unknown as KubeObject, 'test');
    const { spec } = parse(analysisRunKind.example) as KubeObject;
    const run = {
      apiVersion: API_VERSION,
      kind: 'AnalysisRun',
      metadata: { name: 'web-abc-1', namespace: 'default' },
      spec,
    };
    const isServed = (): Promise<boolean> => kube.list(TYPES.analysisRun).then(() => true);
    await until(isServed, 10_000, 'AnalysisRuns to be served');
    UID = (await kube.create(run, 'test')).metadata.uid ?? '';
    if (server.needsKind) await kube.create(jobKind, 'test');
    else
      await kube
        .create(
          { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: 'default' } },
          'test',
        )
        .catch(() => undefined);
    provider = createJobProvider({ kube, clock: systemClock });
  });
  afterAll(async () => {
    kube?.close();
    await server?.stop();
  });

  const jobRef = (name: string) => ({ type: TYPES.job, namespace: 'default', name });
  async function underWay(request: MeasureRequest): Promise<Readonly<Record<string, string>>> {
    const reading = await provider.measure(request, never);
    if (reading.kind !== 'underWay') throw new Error(JSON.stringify(reading));
    return reading.metadata;
  }
  const resume = (request: MeasureRequest, metadata: Readonly<Record<string, string>>): Promise<Reading> =>
    provider.resume?.(request, metadata, Date.now(), never) ?? Promise.reject(new Error('no resume'));

  async function end(name: string, type: 'Complete' | 'Failed'): Promise<void> {
    const now = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const before = type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget';
    const condition = (each: string) => ({
      type: each,
      status: 'True',
      lastTransitionTime: now,
      lastProbeTime: now,
      reason: 'Test',
      message: type === 'Failed' ? 'Job has reached the specified backoff limit' : '',
    });
    const status = {
      startTime: now,
      ...(type === 'Complete' ? { completionTime: now, succeeded: 1 } : { failed: 1 }),
      conditions: [condition(before), condition(type)],
    };
    await kube.patch({
      kind: 'json',
      target: jobRef(name),
      subresource: 'status',
      operations: [{ op: 'add', path: '/status', value: status }],
      fieldManager: 'test',
    });
  }

  test('makes one Job that belongs to the run, with what is written and Serin’s labels', async () => {
    const metadata = await underWay(requestOf('smoke', 1));
    expect(metadata).toEqual({ 'job-name': `${UID}.smoke.1`, 'job-namespace': 'default' });
    const job = await kube.get(jobRef(`${UID}.smoke.1`));
    expect(job).toMatchObject({
      metadata: {
        labels: { team: 'shop', 'analysisrun.serin.dev/uid': UID },
        annotations: { why: 'smoke', 'analysisrun.serin.dev/metric-name': 'smoke' },
        ownerReferences: [{ kind: 'AnalysisRun', name: 'web-abc-1', uid: UID, controller: true }],
      },
      spec: { backoffLimit: 0, template: { metadata: { labels: { app: 'smoke', 'analysisrun.serin.dev/uid': UID } } } },
    });
  });

  test('made again after a crash it is the same Job', async () => {
    const request = requestOf('again', 1);
    const first = await underWay(request);
    const uid = (await kube.get(jobRef(first['job-name'] ?? '')))?.metadata.uid;
    expect(await underWay(request)).toEqual(first);
    expect((await kube.get(jobRef(first['job-name'] ?? '')))?.metadata.uid).toBe(uid);
  });

  test('a Job of somebody else is left alone', async () => {
    const request = requestOf('foreign', 1);
    await underWay({ ...request, run: { ...request.run } });
    const other = { ...request, run: { ...request.run, uid: UID } };
    // The same name, another metric: what Argo would take for its own.
    const name = `${UID}.foreign.1`;
    await kube.patch({
      kind: 'json',
      target: jobRef(name),
      operations: [
        { op: 'replace', path: '/metadata/annotations/analysisrun.serin.dev~1metric-name', value: 'another' },
      ],
      fieldManager: 'test',
    });
    expect(await provider.measure(other, never)).toMatchObject({
      kind: 'error',
      message: expect.stringContaining('somebody else'),
    });
  });

  test.for(['Success Rate', 'UPPER', 'a'.repeat(80), '_', 'ends.with.dot_'])(
    'metric %j has a name that fits',
    async (metric) => {
      const name = (await underWay(requestOf(metric, 12)))['job-name'] ?? '';
      expect(name.length).toBeLessThanOrEqual(63);
      expect(name.startsWith(UID)).toBe(true);
      expect(name.endsWith('.12')).toBe(true);
    },
  );

  test('metrics with the same beginning have different Jobs', async () => {
    const [one, other] = [`${'a'.repeat(40)}1`, `${'a'.repeat(40)}2`];
    expect((await underWay(requestOf(one, 1)))['job-name']).not.toBe((await underWay(requestOf(other, 1)))['job-name']);
  });

  test.for(['Complete', 'Failed'] as const)('%s is its phase', async (type) => {
    const request = requestOf(type.toLowerCase(), 1);
    const metadata = await underWay(request);
    const before = await resume(request, metadata);
    expect(before).toMatchObject({ kind: 'underWay', metadata });
    await end(metadata['job-name'] ?? '', type);
    const phase = type === 'Complete' ? 'Successful' : 'Failed';
    expect(await resume(request, metadata)).toMatchObject({ kind: 'phase', phase, metadata });
  });

  test('a pod whose image cannot be pulled makes it Inconclusive', async () => {
    const request = requestOf('image', 1);
    const metadata = await underWay(request);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'image-pod', namespace: 'default', labels: { 'job-name': metadata['job-name'] ?? '' } },
      spec: template.spec,
    };
    await kube.create(pod, 'test');
    const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image' };
    const containerStatuses = [
      { name: 'smoke', image: 'smoke:1', imageID: '', ready: false, restartCount: 0, state: { waiting } },
    ];
    await kube.patch({
      kind: 'json',
      target: { type: TYPES.pod, namespace: 'default', name: 'image-pod' },
      subresource: 'status',
      operations: [{ op: 'add', path: '/status', value: { phase: 'Pending', containerStatuses } }],
      fieldManager: 'test',
    });
    expect(await resume(request, metadata)).toMatchObject({
      kind: 'phase',
      phase: 'Inconclusive',
      message: 'Pod image-pod, container smoke has terminal error (ImagePullBackOff): Back-off pulling image',
    });
  });

  test('one that was deleted is an error, and terminating deletes it, twice too', async () => {
    const request = requestOf('gone', 1);
    const metadata = await underWay(request);
    for (let times = 0; times < 2; times++) {
      const ended = await provider.terminate?.(request, metadata, never);
      expect(ended).toMatchObject({ kind: 'phase', phase: 'Inconclusive' });
    }
    await expect.poll(() => kube.get(jobRef(metadata['job-name'] ?? ''))).toBeUndefined();
    expect(await resume(request, metadata)).toMatchObject({
      kind: 'error',
      message: expect.stringContaining('does not exist any more'),
    });
  });

  test('a Job that the server refuses is an error in its words', async () => {
    const request = requestOf('bad', 1, { spec: { template: 5 } });
    const reading = server.needsKind ? undefined : await provider.measure(request, never);
    if (reading !== undefined)
      expect(reading).toMatchObject({ kind: 'error', message: expect.stringContaining('refused to create') });
  });
}
