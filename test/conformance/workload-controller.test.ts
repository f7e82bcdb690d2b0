/**
 * What a Deployment does, on every workload controller we run: kube-controller-manager, and the sandbox's own. Pods are
 * run by the sandbox's kubelet in all of them. Every expectation here was seen to hold on the real one.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type KubeObject, type ResourceType, TYPES } from '../../src/api/meta.ts';
import { systemClock } from '../../src/clock.ts';
import { startApiServer } from '../../src/sandbox/apiserver/server.ts';
import { isActive, isReady } from '../../src/sandbox/pod.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { describeWith } from '../support/tools.ts';
import { startWorkloadCluster, type WorkloadCluster } from '../support/workload-cluster.ts';

const adapters = [
  {
    name: 'kube-controller-manager on kube-apiserver',
    tools: ['controlplane'],
    collectsGarbage: true,
    start: async () => {
      const plane = await startControlPlane();
      const { kubeconfig } = plane;
      return await startWorkloadCluster({ kubeconfig, startsControllers: false, stopApiServer: () => plane.stop() });
    },
  },
  {
    name: 'the sandbox controllers on kube-apiserver',
    tools: ['controlplane'],
    // In the sandbox that is the API server's part.
    collectsGarbage: false,
    start: async () => {
      const plane = await startControlPlane({ controllers: false });
      const { kubeconfig } = plane;
      return await startWorkloadCluster({ kubeconfig, startsControllers: true, stopApiServer: () => plane.stop() });
    },
  },
  {
    name: 'the sandbox controllers on the sandbox API server',
    tools: [],
    collectsGarbage: true,
    start: async () => {
      const server = await startApiServer();
      const dir = await mkdtemp(join(tmpdir(), 'serin-workloads-'));
      const kubeconfig = join(dir, 'kubeconfig');
      await writeFile(kubeconfig, server.kubeconfig);
      const stopApiServer = async (): Promise<void> => {
        await server.stop();
        await rm(dir, { recursive: true });
      };
      return await startWorkloadCluster({ kubeconfig, startsControllers: true, stopApiServer });
    },
  },
];

const HASH = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';

interface Given {
  readonly replicas?: number;
  readonly version?: string;
  readonly readyAfter?: string;
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

function deployment(
  namespace: string,
  { replicas = 3, version = '1', readyAfter = '0s', spec = {}, annotations = {} }: Given = {},
): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace, annotations },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: {
          labels: { app: 'web' },
          annotations: { 'sandbox.serin.dev/version': version, 'sandbox.serin.dev/ready-after': readyAfter },
        },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'app', image: 'web', ports: [{ containerPort: 8080 }] }],
        },
      },
      ...spec,
    },
  };
}

for (const { name, tools, collectsGarbage, start } of adapters) {
  describeWith(tools, name, () => {
    let cluster: WorkloadCluster;
    beforeAll(async () => {
      cluster = await start();
    });
    afterAll(async () => {
      await cluster.stop();
    });

    const list = async (type: ResourceType, namespace: string): Promise<readonly KubeObject[]> =>
      (await cluster.kube.list(type, { namespace })).items;
    const get = async (namespace: string): Promise<KubeObject> => {
      const found = await cluster.kube.get({ type: TYPES.deployment, namespace, name: 'web' });
      if (found === undefined) throw new Error('no Deployment');
      return found;
    };
    const sets = async (namespace: string): Promise<readonly KubeObject[]> =>
      (await list(TYPES.replicaSet, namespace)).toSorted((a, b) => revisionOf(a) - revisionOf(b));
    const sizes = async (namespace: string): Promise<readonly number[]> =>
      (await sets(namespace)).map((each) => (each['spec'] as { replicas: number }).replicas);
    /** Generation observed, and everything available and new. */
    const rolledOut = async (namespace: string, replicas: number): Promise<void> => {
      await eventually(async () => {
        const object = await get(namespace);
        expect(object['status']).toMatchObject({
          observedGeneration: object.metadata.generation,
          ...(replicas === 0
            ? {}
            : { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas }),
        });
        expect(condition(object, 'Progressing')).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
        expect((await list(TYPES.pod, namespace)).filter(isActive)).toHaveLength(replicas);
      });
    };

    test('makes a ReplicaSet named by template hash, its pods, and a complete status', async () => {
      const namespace = await cluster.namespace();
      await cluster.apply([deployment(namespace, { annotations: { team: 'a' } })]);
      await rolledOut(namespace, 3);
      const [set] = await sets(namespace);
      const hash = set?.metadata.labels?.[HASH] ?? '';
      expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]+$/);
      const owner = await get(namespace);
      expect(set).toMatchObject({
        metadata: {
          name: `web-${hash}`,
          labels: { app: 'web', [HASH]: hash },
          annotations: {
            team: 'a',
            [REVISION]: '1',
            'deployment.kubernetes.io/desired-replicas': '3',
            'deployment.kubernetes.io/max-replicas': '4',
          },
          ownerReferences: [
            { kind: 'Deployment', name: 'web', uid: owner.metadata.uid, controller: true, blockOwnerDeletion: true },
          ],
        },
        spec: {
          replicas: 3,
          selector: { matchLabels: { app: 'web', [HASH]: hash } },
          template: { metadata: { labels: { app: 'web', [HASH]: hash } } },
        },
        status: {
          replicas: 3,
          fullyLabeledReplicas: 3,
          readyReplicas: 3,
          availableReplicas: 3,
          observedGeneration: 1,
          terminatingReplicas: 0,
        },
      });
      for (const pod of await list(TYPES.pod, namespace)) {
        expect(pod.metadata.name).toMatch(new RegExp(`^web-${hash}-[bcdfghjklmnpqrstvwxz2456789]{5}$`));
        expect(pod.metadata).toMatchObject({
          generateName: `web-${hash}-`,
          labels: { app: 'web', [HASH]: hash },
          annotations: { 'sandbox.serin.dev/version': '1' },
          ownerReferences: [{ kind: 'ReplicaSet', name: `web-${hash}`, uid: set?.metadata.uid, controller: true }],
        });
      }
      expect(owner.metadata.annotations?.[REVISION]).toBe('1');
      // Writing that annotation is no change of the user's.
      expect(owner.metadata.generation).toBe(1);
      expect(plainConditions(owner)).toEqual([
        ['Available', 'True', 'MinimumReplicasAvailable', 'Deployment has minimum availability.'],
        ['Progressing', 'True', 'NewReplicaSetAvailable', `ReplicaSet "web-${hash}" has successfully progressed.`],
      ]);
      expect(Object.keys(owner['status'] as object).toSorted()).toEqual([
        'availableReplicas',
        'conditions',
        'observedGeneration',
        'readyReplicas',
        'replicas',
        'terminatingReplicas',
        'updatedReplicas',
      ]);
    });

    test.each([
      { title: 'one more, none fewer', maxSurge: 1, maxUnavailable: 0 },
      { title: 'none more, one fewer', maxSurge: 0, maxUnavailable: 1 },
      { title: 'percentages: surge rounds up, unavailable down', maxSurge: '30%', maxUnavailable: '40%' },
    ])('rolls within maxSurge and maxUnavailable: $title', async ({ maxSurge, maxUnavailable }) => {
      const namespace = await cluster.namespace();
      const spec = { strategy: { rollingUpdate: { maxSurge, maxUnavailable } } };
      await cluster.apply([deployment(namespace, { replicas: 4, spec })]);
      await rolledOut(namespace, 4);
      const most = 4 + (typeof maxSurge === 'number' ? maxSurge : 2);
      const least = 4 - (typeof maxUnavailable === 'number' ? maxUnavailable : 1);
      const watching = watchPods(cluster, namespace);
      await cluster.apply([deployment(namespace, { replicas: 4, version: '2', readyAfter: '200ms', spec })]);
      await eventually(async () => expect(await sets(namespace)).toHaveLength(2));
      await rolledOut(namespace, 4);
      const { mostActive, leastReady } = await watching.end();
      expect(mostActive).toBeLessThanOrEqual(most);
      expect(mostActive).toBe(Math.max(most, 4));
      expect(leastReady).toBe(least);
      expect(await sizes(namespace)).toEqual([0, 4]);
      expect((await get(namespace)).metadata.annotations?.[REVISION]).toBe('2');
    });

    test('goes back to an old template with the ReplicaSet it had, as a new revision', async () => {
      const namespace = await cluster.namespace();
      for (const version of ['1', '2', '1']) {
        await cluster.apply([deployment(namespace, { replicas: 1, version })]);
        await rolledOut(namespace, 1);
      }
      const [two, one] = (await sets(namespace)).map((each) => each.metadata.name);
      await eventually(async () => {
        const events = (await list(TYPES.event, namespace)).filter(
          (event) => (event['involvedObject'] as { kind: string }).kind === 'Deployment',
        );
        // The real recorder folds equal events into one with a count.
        expect(new Set(events.map((event) => `${String(event['reason'])}: ${String(event['message'])}`))).toEqual(
          new Set([
            `ScalingReplicaSet: Scaled up replica set ${one} from 0 to 1`,
            `ScalingReplicaSet: Scaled up replica set ${two} from 0 to 1`,
            `ScalingReplicaSet: Scaled down replica set ${one} from 1 to 0`,
            `ScalingReplicaSet: Scaled down replica set ${two} from 1 to 0`,
          ]),
        );
      });
      const all = await sets(namespace);
      expect(all.map((each) => [revisionOf(each), versionOf(each)])).toEqual([
        [2, '2'],
        [3, '1'],
      ]);
      expect(await sizes(namespace)).toEqual([0, 1]);
    });

    test('paused: a new template waits, scaling does not; released, it rolls', async () => {
      const namespace = await cluster.namespace();
      await cluster.apply([deployment(namespace, { replicas: 2 })]);
      await rolledOut(namespace, 2);
      await cluster.apply([deployment(namespace, { replicas: 3, version: '2', spec: { paused: true } })]);
      await eventually(async () => {
        expect(await sizes(namespace)).toEqual([3]);
        const object = await get(namespace);
        expect(object['status']).toMatchObject({
          observedGeneration: 2,
          readyReplicas: 3,
        });
        expect(object['status']).not.toHaveProperty('updatedReplicas');
        expect(condition(object, 'Progressing')).toMatchObject({
          status: 'Unknown',
          reason: 'DeploymentPaused',
          message: 'Deployment is paused',
        });
      });
      await cluster.apply([deployment(namespace, { replicas: 3, version: '2', spec: { paused: false } })]);
      await rolledOut(namespace, 3);
      expect(await sizes(namespace)).toEqual([0, 3]);
    });

    test('scales both ReplicaSets in proportion in the middle of a rollout', async () => {
      const namespace = await cluster.namespace();
      const spec = { strategy: { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } };
      await cluster.apply([deployment(namespace, { replicas: 10, spec })]);
      await rolledOut(namespace, 10);
      await cluster.apply([deployment(namespace, { replicas: 10, version: '2', readyAfter: '1h', spec })]);
      await eventually(async () => expect(await sizes(namespace)).toEqual([8, 5]));
      await cluster.apply([deployment(namespace, { replicas: 15, version: '2', readyAfter: '1h', spec })]);
      await eventually(async () => expect(await sizes(namespace)).toEqual([11, 7]));
      await cluster.apply([deployment(namespace, { replicas: 5, version: '2', readyAfter: '1h', spec })]);
      await eventually(async () =>
        expect((await sizes(namespace)).reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(8),
      );
    });

    test('Recreate: the last old pod is gone before the first new one is made', async () => {
      const namespace = await cluster.namespace();
      const spec = { strategy: { type: 'Recreate' } };
      await cluster.apply([deployment(namespace, { replicas: 2, spec })]);
      await rolledOut(namespace, 2);
      const watching = watchPods(cluster, namespace);
      await cluster.apply([deployment(namespace, { replicas: 2, version: '2', spec })]);
      await eventually(async () => expect(await sets(namespace)).toHaveLength(2));
      await rolledOut(namespace, 2);
      const { mostTemplates, leastReady } = await watching.end();
      expect(mostTemplates).toBe(1);
      expect(leastReady).toBe(0);
    });

    test('a template whose pods never get ready stops at the surge and misses its deadline', async () => {
      const namespace = await cluster.namespace();
      const spec = { progressDeadlineSeconds: 2, strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } };
      await cluster.apply([deployment(namespace, { replicas: 2, spec })]);
      await rolledOut(namespace, 2);
      await cluster.apply([deployment(namespace, { replicas: 2, version: '2', readyAfter: '1h', spec })]);
      await eventually(async () => {
        const object = await get(namespace);
        expect(condition(object, 'Progressing')).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' });
        expect(condition(object, 'Progressing')?.message).toMatch(/^ReplicaSet "web-.*" has timed out progressing\.$/);
        expect(condition(object, 'Available')).toMatchObject({ status: 'True' });
        expect(object['status']).toMatchObject({
          replicas: 3,
          updatedReplicas: 1,
          readyReplicas: 2,
          availableReplicas: 2,
          unavailableReplicas: 1,
        });
      });
      expect(await sizes(namespace)).toEqual([2, 1]);
    });

    test('minReadySeconds: ready is not available yet', async () => {
      const namespace = await cluster.namespace();
      await cluster.apply([deployment(namespace, { replicas: 1, spec: { minReadySeconds: 3 } })]);
      await eventually(async () =>
        expect((await get(namespace))['status']).toMatchObject({ readyReplicas: 1, unavailableReplicas: 1 }),
      );
      expect((await get(namespace))['status']).not.toHaveProperty('availableReplicas');
      await rolledOut(namespace, 1);
    });

    test('minReadySeconds of years, taken back: ready is available at once', async () => {
      const namespace = await cluster.namespace();
      const years = 2_147_483_646;
      await cluster.apply([
        deployment(namespace, { replicas: 1, spec: { minReadySeconds: years, progressDeadlineSeconds: years + 1 } }),
      ]);
      await eventually(async () => expect((await get(namespace))['status']).toMatchObject({ readyReplicas: 1 }));
      await cluster.apply([
        deployment(namespace, { replicas: 1, spec: { minReadySeconds: 0, progressDeadlineSeconds: 600 } }),
      ]);
      await rolledOut(namespace, 1);
    });

    test('keeps as many old ReplicaSets as revisionHistoryLimit says', async () => {
      const namespace = await cluster.namespace();
      for (const version of ['1', '2', '3', '4']) {
        await cluster.apply([deployment(namespace, { replicas: 1, version, spec: { revisionHistoryLimit: 1 } })]);
        await rolledOut(namespace, 1);
      }
      await eventually(async () => expect((await sets(namespace)).map(versionOf)).toEqual(['3', '4']));
    });

    test('a change of annotations alone makes no pods; they reach the ReplicaSet', async () => {
      const namespace = await cluster.namespace();
      await cluster.apply([deployment(namespace, { replicas: 1 })]);
      await rolledOut(namespace, 1);
      const before = (await list(TYPES.pod, namespace)).map((pod) => pod.metadata.uid);
      await cluster.apply([deployment(namespace, { replicas: 1, annotations: { note: 'x' } })]);
      await eventually(async () =>
        expect((await sets(namespace)).map((each) => each.metadata.annotations?.['note'])).toEqual(['x']),
      );
      expect((await list(TYPES.pod, namespace)).map((pod) => pod.metadata.uid)).toEqual(before);
    });

    test('replaces a pod that was deleted, and takes away the one that is not ready first', async () => {
      const namespace = await cluster.namespace();
      await cluster.apply([deployment(namespace, { replicas: 3 })]);
      await rolledOut(namespace, 3);
      const [doomed, ...others] = await list(TYPES.pod, namespace);
      await cluster.kube.delete({ type: TYPES.pod, namespace, name: doomed?.metadata.name ?? '' });
      await eventually(async () => {
        const pods = (await list(TYPES.pod, namespace)).filter((pod) => isActive(pod) && isReady(pod));
        expect(pods).toHaveLength(3);
        expect(pods.map((pod) => pod.metadata.uid)).toEqual(
          expect.arrayContaining(others.map((pod) => pod.metadata.uid)),
        );
      });
      await cluster.apply([deployment(namespace, { replicas: 0 })]);
      await rolledOut(namespace, 0);
    });

    test.runIf(collectsGarbage)('deleting the Deployment takes its ReplicaSets and pods with it', async () => {
      const namespace = await cluster.namespace();
      await cluster.apply([deployment(namespace, { replicas: 2 })]);
      await rolledOut(namespace, 2);
      await cluster.kube.delete({ type: TYPES.deployment, namespace, name: 'web' });
      await eventually(async () => {
        expect(await list(TYPES.replicaSet, namespace)).toEqual([]);
        expect(await list(TYPES.pod, namespace)).toEqual([]);
      });
    });
  });
}

function revisionOf(set: KubeObject): number {
  return Number(set.metadata.annotations?.[REVISION] ?? 0);
}

function versionOf(set: KubeObject): string | undefined {
  const { template } = set['spec'] as { template: { metadata: { annotations?: Record<string, string> } } };
  return template.metadata.annotations?.['sandbox.serin.dev/version'];
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

function conditionsOf(object: KubeObject): readonly Condition[] {
  return (object['status'] as { conditions?: readonly Condition[] } | undefined)?.conditions ?? [];
}

function condition(object: KubeObject, type: string): Condition | undefined {
  return conditionsOf(object).find((each) => each.type === type);
}

function plainConditions(object: KubeObject): readonly (readonly string[])[] {
  return conditionsOf(object)
    .toSorted((a, b) => (a.type < b.type ? -1 : 1))
    .map(({ type, status, reason, message }) => [type, status, reason, message]);
}

/** Follows the pods of a namespace and keeps the extremes. */
function watchPods(
  cluster: WorkloadCluster,
  namespace: string,
): {
  end(): Promise<{ mostActive: number; leastReady: number; mostTemplates: number }>;
} {
  const life = new AbortController();
  const pods = new Map<string, KubeObject>();
  let [mostActive, leastReady, mostTemplates] = [0, Number.POSITIVE_INFINITY, 0];
  const look = (): void => {
    const active = [...pods.values()].filter(isActive);
    mostActive = Math.max(mostActive, active.length);
    leastReady = Math.min(leastReady, active.filter(isReady).length);
    mostTemplates = Math.max(mostTemplates, new Set([...pods.values()].map((pod) => pod.metadata.labels?.[HASH])).size);
  };
  const follow = async (): Promise<void> => {
    const { items, resourceVersion } = await cluster.kube.list(TYPES.pod, { namespace });
    for (const pod of items) pods.set(pod.metadata.name, pod);
    look();
    for await (const event of cluster.kube.watch(TYPES.pod, { namespace, resourceVersion }, life.signal)) {
      if (event.type === 'BOOKMARK') continue;
      if (event.type === 'DELETED') pods.delete(event.object.metadata.name);
      else pods.set(event.object.metadata.name, event.object);
      look();
    }
  };
  const following = follow().catch(() => undefined);
  return {
    end: async () => {
      life.abort();
      await following;
      return { mostActive, leastReady, mostTemplates };
    },
  };
}

async function eventually(check: () => Promise<void>, timeoutMs = 20_000): Promise<void> {
  const untilMs = Date.now() + timeoutMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (thrown) {
      if (Date.now() > untilMs) throw thrown;
      await systemClock.sleep(60);
    }
  }
}
