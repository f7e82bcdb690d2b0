/**
 * The autoscaling controller of kube-controller-manager scales a Deployment while it is held. What pods use is said by the test: the metrics
 * API is a resource definition here, and its objects are PodMetrics.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { at, listAt, numberAt } from '../../src/api/fields.ts';
import { type KubeObject, type ResourceType, TYPES } from '../../src/api/meta.ts';
import { inPlaceObjects, inPlaceSpec } from '../support/deployment-cluster.ts';
import { pause, until } from '../support/e2e.ts';
import { type InPlaceCluster, NAMESPACE, startInPlaceCluster } from '../support/in-place-cluster.ts';
import { endOf } from '../support/in-place-stories.ts';
import { releaseCluster } from '../support/release-cluster.ts';
import { judged } from '../support/release-stories.ts';
import { describeWith } from '../support/tools.ts';

const POD_METRICS: ResourceType = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  kind: 'PodMetrics',
  plural: 'pods',
  namespaced: true,
};
const METRICS_API: KubeObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: 'pods.metrics.k8s.io',
    annotations: { 'api-approved.kubernetes.io': 'unapproved, a stand-in for tests' },
  },
  spec: {
    group: 'metrics.k8s.io',
    scope: 'Namespaced',
    names: { kind: 'PodMetrics', plural: 'pods', singular: 'podmetrics', listKind: 'PodMetricsList' },
    versions: [
      {
        name: 'v1beta1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

/** 100 MiB for each pod, on average. */
const AUTOSCALER: KubeObject = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web', namespace: NAMESPACE },
  spec: {
    minReplicas: 2,
    maxReplicas: 10,
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
    metrics: [
      { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '100Mi' } } },
    ],
  },
};

describeWith(['controlplane', 'kubectl'], 'the real autoscaling controller', () => {
  let cluster: InPlaceCluster;
  let isOver = false;
  let feeding: Promise<void> = Promise.resolve();
  /** Used by all pods together, in MiB. */
  let load = 400;
  beforeAll(async () => {
    cluster = await startInPlaceCluster({
      moreControllers: ['horizontal-pod-autoscaler-controller'],
      controllerFlags: [
        '--horizontal-pod-autoscaler-sync-period=1s',
        '--horizontal-pod-autoscaler-downscale-stabilization=1s',
      ],
    });
    await cluster.apply([METRICS_API]);
    feeding = feed();
  });
  afterAll(async () => {
    isOver = true;
    await feeding;
    await cluster?.stop();
  });

  /** What cannot be read or written now is at the next turn. */
  async function feed(): Promise<void> {
    for (; !isOver; await pause(300)) await feedOnce().catch(() => undefined);
  }

  /**
   * All pods are loaded alike, and all at once, for a sum in between would be another load. Of pods that are gone there is nothing, or they
   * would count in the average for ever.
   */
  async function feedOnce(): Promise<void> {
    const pods = (await cluster.kube.list(TYPES.pod, { namespace: NAMESPACE })).items.filter(
      ({ metadata }) => metadata.labels?.['app'] === 'web' && metadata.deletionTimestamp === undefined,
    );
    const names = new Set(pods.map(({ metadata }) => metadata.name));
    const gone = (await cluster.kube.list(POD_METRICS, { namespace: NAMESPACE })).items.filter(
      ({ metadata }) => !names.has(metadata.name),
    );
    const memory = `${Math.round((1024 * load) / pods.length)}Ki`;
    await Promise.allSettled([
      ...gone.map(({ metadata }) =>
        cluster.kube.delete({ type: POD_METRICS, namespace: NAMESPACE, name: metadata.name }),
      ),
      ...pods.map(({ metadata: { name, labels = {} } }) =>
        cluster.kube.patch({
          kind: 'apply',
          target: { type: POD_METRICS, namespace: NAMESPACE, name },
          object: {
            apiVersion: 'metrics.k8s.io/v1beta1',
            kind: 'PodMetrics',
            metadata: { name, namespace: NAMESPACE, labels },
            timestamp: new Date().toISOString(),
            window: '10s',
            containers: [{ name: 'web', usage: { memory } }],
          },
          fieldManager: 'feeder',
          force: true,
        }),
      ),
    ]);
  }

  const wanted = async (): Promise<number | undefined> =>
    numberAt(await cluster.kube.get({ type: TYPES.deployment, namespace: NAMESPACE, name: 'web' }), 'spec', 'replicas');

  test('scales the held Deployment in the middle of a release, the canary follows its share, and the release converges', {
    timeout: 300_000,
  }, async () => {
    const spec = inPlaceSpec;
    load = 400;
    const stage = await cluster.stage(spec, [...inPlaceObjects(spec), AUTOSCALER]);
    const worker = releaseCluster(stage.kube, async () => undefined, { clock: stage.clock });
    const becomes = (what: string, isSo: () => Promise<boolean>): Promise<unknown> =>
      until(
        what,
        async () => {
          await worker.reconcile();
          return isSo();
        },
        () => what,
      );
    const status = async () => (await worker.release()).status;
    await becomes('the autoscaler is at work', async () => {
      const found = await stage.kube.get({ type: TYPES.horizontalPodAutoscaler, namespace: NAMESPACE, name: 'web' });
      return listAt(found, 'status', 'conditions').some(
        (each) => at(each, 'type') === 'ScalingActive' && at(each, 'status') === 'True',
      );
    });
    await becomes('it is taken over', async () => (await status())?.revision.stable !== undefined);
    await becomes('it wants no others', async () => (await wanted()) === 4);
    await cluster.kubectl('set', 'image', 'deployment/web', 'web=web:2');
    const isAt = async (step: number): Promise<boolean> => {
      const now = await status();
      return now?.step?.index === step && now.step.waitingFor === 'judge';
    };
    await becomes('the first analysis', () => isAt(2));
    await judged('Pass')(stage, worker);
    await becomes('the second one', async () => (await status())?.weight === 50 && (await isAt(4)));
    load = 690;
    await becomes('it is scaled while it is held', async () => (await wanted()) === 7);
    await becomes('the canary follows', async () => (await endOf(stage)).endsWith('; 4 × canary web:2, 7 × web:1'));
    await judged('Pass')(stage, worker);
    await becomes('all is new', async () => (await endOf(stage)) === 'Promoted: stable 100; 7 × web:2');
    expect(await wanted()).toBe(7);
  });
});
