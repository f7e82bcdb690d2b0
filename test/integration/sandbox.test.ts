/** The sandbox as a whole, over real HTTP and a real Prometheus: on its own API server, and beside the real control plane. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { at, fieldsAt, labelsAt } from '../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import { systemClock } from '../../src/clock.ts';
import { type AppVersion, webApp, webDeployment } from '../../src/sandbox/apps/web.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/cluster.ts';
import { ipOf, isReady, podStatus } from '../../src/sandbox/pod.ts';
import { SANDBOX_TYPES } from '../../src/sandbox/types.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { describeWith, requireTool } from '../support/tools.ts';

const clusters = [
  { title: 'the sandbox on its own API server', tools: ['prometheus'], isReal: false },
  { title: 'the sandbox beside the real control plane', tools: ['prometheus', 'controlplane'], isReal: true },
];

for (const { title, tools, isReal } of clusters) {
  describeWith(tools, title, () => {
    let controlPlane: ControlPlane | undefined;
    let sandbox: Sandbox;

    beforeAll(async () => {
      controlPlane = isReal ? await startControlPlane() : undefined;
      sandbox = await startSandbox({
        seed: 'integration',
        prometheusBinary: requireTool('prometheus'),
        scrapeIntervalMs: 1_000,
        ...(controlPlane === undefined ? {} : { kubeconfig: controlPlane.kubeconfig }),
      });
    });

    afterAll(async () => {
      await sandbox.stop();
      expect(existsSync(sandbox.dir)).toBe(false);
      await controlPlane?.stop();
    });

    const run = async (name: string, versions: Record<string, AppVersion>): Promise<void> => {
      await sandbox.apply(webApp({ name, namespace: 'shop', versions }));
      const replicas = Object.values(versions).reduce((sum, version) => sum + (version.replicas ?? 2), 0);
      await eventually(async () => expect(await readyPods(sandbox, name)).toHaveLength(replicas));
    };

    test('splits requests by the weights of the VirtualService, and Prometheus counts every one of them', async () => {
      const names = { name: 'split', namespace: 'shop' };
      const behaviour = { 'error-rate': '0.05', latency: 'lognormal(5ms,0.5)' };
      await run(names.name, { v1: { behaviour }, v2: { behaviour } });
      await setWeights(sandbox, names, [90, 10]);
      await sandbox.startLoad({ name: 'split', rps: 400, host: 'split.shop.example' });
      await eventually(async () => expect((await sandbox.loadCounts())['split']?.answered).toBeGreaterThan(1_500));
      const counts = await sandbox.stopLoad('split');
      expect(counts).toMatchObject({ failed: 0, dropped: 0, inFlight: 0, answered: counts.sent });
      const share = (counts.byVersion['v2'] ?? 0) / counts.answered;
      expect(Math.abs(share - 0.1)).toBeLessThan(4 * Math.sqrt((0.1 * 0.9) / counts.answered));

      for (const reporter of ['source', 'destination']) {
        const selector = `reporter="${reporter}",destination_workload=~"split-v.",destination_workload_namespace="shop"`;
        await eventually(async () => {
          const byStatus = await query(
            sandbox,
            `sum by (response_code) (istio_requests_total{${selector}})`,
            'response_code',
          );
          expect(byStatus).toEqual(counts.byStatus);
          const byVersion = await query(
            sandbox,
            `sum by (destination_version) (istio_requests_total{${selector}})`,
            'destination_version',
          );
          expect(byVersion).toEqual(counts.byVersion);
          const timed = await query(
            sandbox,
            `sum by (destination_version) (istio_request_duration_milliseconds_bucket{${selector},le="+Inf"})`,
            'destination_version',
          );
          expect(timed).toEqual(counts.byVersion);
        });
      }
      const pods = await query(
        sandbox,
        'sum by (pod) (istio_requests_total{reporter="destination",job="kubernetes-pods",namespace="shop",app="split"})',
        'pod',
      );
      expect(Object.keys(pods).toSorted()).toEqual(
        (await readyPods(sandbox, 'split')).map((pod) => pod.metadata.name).toSorted(),
      );
    });

    test('rolls a Deployment to a new template while every request is answered', async () => {
      const names = { name: 'rolled', namespace: 'shop' };
      await run(names.name, { v1: { replicas: 3, behaviour: { latency: '5ms' } } });
      await sandbox.startLoad({ name: 'rolled', rps: 150, host: 'rolled.shop.example' });
      const before = new Set((await readyPods(sandbox, 'rolled')).map((pod) => pod.metadata.uid));
      await sandbox.apply([
        webDeployment(names, 'v1', {
          replicas: 3,
          behaviour: { latency: '5ms', version: 'next', 'ready-after': '300ms' },
        }),
      ]);
      await eventually(async () => {
        const pods = await podsOf(sandbox, 'rolled');
        expect(pods.filter((pod) => before.has(pod.metadata.uid))).toEqual([]);
        expect(pods.filter(isReady)).toHaveLength(3);
        const deployment = await sandbox.kube.get({ type: TYPES.deployment, namespace: 'shop', name: 'rolled-v1' });
        expect(deployment?.['status']).toMatchObject({
          updatedReplicas: 3,
          availableReplicas: 3,
          observedGeneration: 2,
        });
        expect((await sandbox.loadCounts())['rolled']?.byVersion['next']).toBeGreaterThan(50);
      });
      const counts = await sandbox.stopLoad('rolled');
      expect(counts).toMatchObject({ failed: 0, byStatus: { 200: counts.sent } });
    });

    test('restarts an app that crashes, with counters that begin again', async () => {
      await run('fragile', { v1: { replicas: 1 } });
      const [pod] = await readyPods(sandbox, 'fragile');
      const ip = ipOf(pod as KubeObject) ?? '';
      await load(sandbox, 'fragile', 40);
      expect(await requestsAt(ip)).toBeGreaterThanOrEqual(40);
      expect(await sandbox.crashPod('shop', pod?.metadata.name ?? '')).toBe(true);
      await eventually(async () => {
        const [again] = await readyPods(sandbox, 'fragile');
        expect(again?.metadata.uid).toBe(pod?.metadata.uid);
        expect(ipOf(again as KubeObject)).toBe(ip);
        expect(again?.['status']).toMatchObject({ containerStatuses: [{ restartCount: 1, ready: true }] });
      });
      expect(await requestsAt(ip)).toBe(0);
    });

    test('a pod that is deleted is replaced', async () => {
      await run('doomed', { v1: { replicas: 1 } });
      const [pod] = await readyPods(sandbox, 'doomed');
      await sandbox.killPod('shop', pod?.metadata.name ?? '');
      await eventually(async () => {
        const pods = await podsOf(sandbox, 'doomed');
        expect(pods.map((each) => each.metadata.name)).not.toContain(pod?.metadata.name);
        expect(pods.filter(isReady)).toHaveLength(1);
      });
    });

    test('a pod is ready once its gates are open too, and a new image ends its container', async () => {
      const deployment = webDeployment({ name: 'gated', namespace: 'shop' }, 'v1', { replicas: 0 });
      const template = at(deployment, 'spec', 'template');
      const metadata = { name: 'gated', namespace: 'shop', labels: labelsAt(template, 'metadata', 'labels') };
      const spec = { ...fieldsAt(template, 'spec'), readinessGates: [{ conditionType: 'acme.io/open' }] };
      await sandbox.apply([{ apiVersion: 'v1', kind: 'Pod', metadata, spec }]);
      const pod = async (): Promise<KubeObject> => (await podsOf(sandbox, 'gated'))[0] as KubeObject;
      const edit = (path: string, value: unknown, subresource?: 'status') =>
        sandbox.kube.patch({
          kind: 'json',
          target: { type: TYPES.pod, namespace: 'shop', name: 'gated' },
          fieldManager: 'test',
          operations: [{ op: 'add', path, value }],
          ...(subresource === undefined ? {} : { subresource }),
        });
      const containers = (fields: object) => ({ status: { containerStatuses: [fields] } });
      await eventually(async () => expect(await pod()).toMatchObject(containers({ ready: true })));
      expect(isReady(await pod())).toBe(false);
      await edit('/status/conditions/-', { type: 'acme.io/open', status: 'True' }, 'status');
      await eventually(async () => expect(isReady(await pod())).toBe(true));
      await edit('/spec/containers/0/image', 'acme/web:2');
      const ended = { terminated: { exitCode: 143 } };
      const again = containers({ ready: true, restartCount: 1, image: 'acme/web:2', lastState: ended });
      await eventually(async () => expect(await pod()).toMatchObject(again));
      expect(isReady(await pod())).toBe(true);
    });

    test('a setting that cannot be read keeps the pod waiting and says which', async () => {
      await sandbox.apply([
        webDeployment({ name: 'typo', namespace: 'shop' }, 'v1', { replicas: 1, behaviour: { 'error-rate': '5' } }),
      ]);
      await eventually(async () => {
        const [pod] = await podsOf(sandbox, 'typo');
        expect(JSON.stringify(pod?.['status'])).toContain('sandbox.serin.dev/error-rate is \\"5\\"');
      });
    });

    test('an app that calls another Service goes through its sidecar, and headers to propagate go along', async () => {
      await run('api', { v1: { replicas: 1 }, v2: { replicas: 1 } });
      const lane = (subset: string, match?: unknown): unknown => ({
        ...(match === undefined ? {} : { match: [match] }),
        route: [{ destination: { host: 'api', subset } }],
      });
      const http = [lane('v2', { headers: { 'my-request-id': { exact: 'canary' } } }), lane('v1')];
      await sandbox.apply([
        {
          apiVersion: 'networking.istio.io/v1',
          kind: 'VirtualService',
          metadata: { name: 'api', namespace: 'shop' },
          spec: { hosts: ['api'], http },
        },
      ]);
      await run('front', { v1: { replicas: 1, behaviour: { calls: 'api', propagate: 'my-request-id' } } });
      const called = async (headers: Record<string, string>): Promise<unknown> => {
        const answer = await ask(sandbox, 'front.shop.example', headers);
        return (JSON.parse(answer) as { calls: { workload: string }[] }).calls[0]?.workload;
      };
      await eventually(async () => {
        expect(await called({})).toBe('api-v1');
        expect(await called({ 'my-request-id': 'canary' })).toBe('api-v2');
      });
    });

    test('Prometheus can be stopped and started again with what it knew', async () => {
      await run('kept', { v1: { replicas: 1 } });
      await load(sandbox, 'kept', 30);
      const sum =
        'sum by (destination_version) (max_over_time(istio_requests_total{reporter="source",destination_workload="kept-v1"}[5m]))';
      let before: Record<string, number> = {};
      await eventually(async () => {
        before = await query(sandbox, sum, 'destination_version');
        expect(before['v1']).toBeGreaterThanOrEqual(30);
      });
      await sandbox.stopPrometheus();
      await expect(query(sandbox, sum, 'destination_version')).rejects.toThrow();
      await sandbox.startPrometheus();
      expect((await query(sandbox, sum, 'destination_version'))['v1']).toBeGreaterThanOrEqual(before['v1'] ?? 0);
    });

    test('messages are taken in, or refused on command', async () => {
      const post = async (): Promise<number> =>
        (await fetch(`${sandbox.receiverUrl}/slack`, { method: 'POST', body: '{"text":"hi"}' })).status;
      expect(await post()).toBe(200);
      expect(await sandbox.messages()).toMatchObject([{ path: '/slack', body: '{"text":"hi"}' }]);
      await sandbox.answerMessagesWith(503);
      expect(await post()).toBe(503);
      expect(await sandbox.messages()).toHaveLength(1);
    });

    test('Endpoints and EndpointSlices follow the ready pods', async () => {
      await run('listed', { v1: { replicas: 2 } });
      const ips: string[] = (await readyPods(sandbox, 'listed')).map((pod) => podStatus(pod).podIP ?? '').toSorted();
      await eventually(async () => {
        const ref = { namespace: 'shop', name: 'listed' };
        const endpoints = await sandbox.kube.get({ type: SANDBOX_TYPES.endpoints, ...ref });
        const [subset] = (endpoints?.['subsets'] ?? []) as { addresses: { ip: string }[]; ports: unknown[] }[];
        expect(subset?.addresses.map(({ ip }) => ip).toSorted()).toEqual(ips);
        expect(subset?.ports).toEqual([{ name: 'http', port: 8_080, protocol: 'TCP' }]);
        const slices = await sandbox.kube.list(TYPES.endpointSlice, {
          namespace: 'shop',
          labelSelector: 'kubernetes.io/service-name=listed',
        });
        const all = slices.items.flatMap(
          (slice) => slice['endpoints'] as { addresses: string[]; conditions: unknown }[],
        );
        expect(all.flatMap(({ addresses }) => addresses).toSorted()).toEqual(ips);
        for (const { conditions } of all)
          expect(conditions).toEqual({ ready: true, serving: true, terminating: false });
      });
    });

    test('nothing went wrong unseen', async () => {
      expect(await sandbox.troubles()).toEqual([]);
    });
  });
}

describe('eventually', () => {
  test('fails when its condition never holds', async () => {
    await expect(eventually(() => Promise.reject(new Error('never')), 300)).rejects.toThrow('never');
  });
});

async function eventually(check: () => Promise<void>, timeoutMs = 40_000): Promise<void> {
  const untilMs = Date.now() + timeoutMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (thrown) {
      if (Date.now() > untilMs) throw thrown;
      await systemClock.sleep(150);
    }
  }
}

async function podsOf(sandbox: Sandbox, app: string): Promise<readonly KubeObject[]> {
  return (await sandbox.kube.list(TYPES.pod, { namespace: 'shop', labelSelector: `app=${app}` })).items;
}

async function readyPods(sandbox: Sandbox, app: string): Promise<readonly KubeObject[]> {
  return (await podsOf(sandbox, app)).filter(isReady);
}

async function setWeights(
  sandbox: Sandbox,
  { name, namespace }: { name: string; namespace: string },
  weights: readonly number[],
): Promise<void> {
  await sandbox.kube.patch({
    kind: 'json',
    target: { type: TYPES.virtualService, namespace, name },
    fieldManager: 'test',
    operations: weights.map((value, index) => ({ op: 'replace', path: `/spec/http/0/route/${index}/weight`, value })),
  });
  // The mesh learns of it by its watch.
  await systemClock.sleep(300);
}

async function load(sandbox: Sandbox, app: string, requests: number): Promise<void> {
  await sandbox.startLoad({ name: app, rps: 200, host: `${app}.shop.example` });
  await eventually(async () =>
    expect((await sandbox.loadCounts())[app]?.byStatus['200']).toBeGreaterThanOrEqual(requests),
  );
  await sandbox.stopLoad(app);
}

async function requestsAt(ip: string): Promise<number> {
  const text = await (await fetch(`http://${ip}:15020/stats/prometheus`)).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith('istio_requests_total{'))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function query(sandbox: Sandbox, promql: string, label: string): Promise<Record<string, number>> {
  const answer = await fetch(`${sandbox.prometheusUrl}/api/v1/query?query=${encodeURIComponent(promql)}`);
  const { data } = (await answer.json()) as {
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  return Object.fromEntries(data.result.map(({ metric, value }) => [metric[label] ?? '', Number(value[1])]));
}

/** `fetch` does not let `Host` be set. */
async function ask(sandbox: Sandbox, host: string, headers: Record<string, string>): Promise<string> {
  const http = await import('node:http');
  return await new Promise((resolve, reject) => {
    const request = http.get(sandbox.gatewayUrl, { headers: { ...headers, host }, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.once('end', () => resolve(body));
    });
    request.once('error', reject);
  });
}
