/**
 * The autoscaling controller of kube-controller-manager scales a Deployment while it is held. What pods use is said by the test: the metrics
 * API is a resource definition here, and its objects are PodMetrics.
 */
import { afterAll, beforeAll, test } from 'vitest';
import { at, labelsAt, listAt, numberAt, stringAt } from '../../src/api/fields.ts';
import { type KubeObject, type ResourceType, TYPES } from '../../src/api/meta.ts';
import { hasLabels } from '../../src/workloads/selectors.ts';
import { inPlaceObjects, inPlaceSpec, inPlaceSwitchSpec } from '../support/deployment-cluster.ts';
import { pause, until } from '../support/e2e.ts';
import { type InPlaceCluster, NAMESPACE, startInPlaceCluster } from '../support/in-place-cluster.ts';
import { endOf } from '../support/in-place-stories.ts';
import { releaseCluster } from '../support/release-cluster.ts';
import { judged, judgedStep } from '../support/release-stories.ts';
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
  /** Used by all pods together, in MiB: asks for so many hundreds, rounded up. */
  let load = 0;
  beforeAll(async () => {
    cluster = await startInPlaceCluster({
      moreControllers: ['horizontal-pod-autoscaler-controller'],
      controllerFlags: [
        '--horizontal-pod-autoscaler-sync-period=1s',
        // Longer than what pods use is behind the pods that there are.
        '--horizontal-pod-autoscaler-downscale-stabilization=3s',
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
    for (; !isOver; await pause(100)) await feedOnce().catch(() => undefined);
  }

  /**
   * Pods that the Service leads to share the load, others idle; all at once, for a sum in between would be another load. Of pods that are
   * gone there is nothing, or they would count in the average for ever.
   */
  async function feedOnce(): Promise<void> {
    const [pods, told, service] = await Promise.all([
      cluster.kube.list(TYPES.pod, { namespace: NAMESPACE }),
      cluster.kube.list(POD_METRICS, { namespace: NAMESPACE }),
      cluster.kube.get({ type: TYPES.service, namespace: NAMESPACE, name: 'web' }),
    ]);
    const alive = pods.items.filter(
      ({ metadata }) => metadata.labels?.['app'] === 'web' && metadata.deletionTimestamp === undefined,
    );
    const selector = labelsAt(service, 'spec', 'selector');
    const isUsed = ({ metadata }: KubeObject): boolean => hasLabels(metadata.labels ?? {}, selector);
    const share = `${Math.floor((1024 * load) / alive.filter(isUsed).length)}Ki`;
    const next = new Map(alive.map((pod) => [pod.metadata.name, metricsOf(pod, isUsed(pod) ? share : '0')]));
    const before = new Map(told.items.map((each) => [each.metadata.name, memoryIn(each)]));
    await Promise.allSettled([
      ...[...before.keys()]
        .filter((name) => !next.has(name))
        .map((name) => cluster.kube.delete({ type: POD_METRICS, namespace: NAMESPACE, name })),
      ...[...next]
        .filter(([name, object]) => before.get(name) !== memoryIn(object))
        .map(([name, object]) =>
          cluster.kube.patch({
            kind: 'apply',
            target: { type: POD_METRICS, namespace: NAMESPACE, name },
            object,
            fieldManager: 'feeder',
            force: true,
          }),
        ),
    ]);
  }

  const wanted = async (): Promise<number | undefined> =>
    numberAt(await cluster.kube.get({ type: TYPES.deployment, namespace: NAMESPACE, name: 'web' }), 'spec', 'replicas');

  const autoscaler = async (): Promise<unknown> => {
    const target = { type: TYPES.horizontalPodAutoscaler, namespace: NAMESPACE, name: 'web' };
    return (await cluster.kube.get(target))?.['status'];
  };

  test.each([
    { name: 'a canary in steps', spec: inPlaceSpec, says: judged, first: 2, second: 4, weight: 50, follows: 4 },
    { name: 'a switch', spec: inPlaceSwitchSpec, says: judgedStep, first: 1, second: 3, weight: 100, follows: 7 },
  ])(
    '$name: it scales the held Deployment in the middle of a release, the canary follows, and the release converges',
    {
      timeout: 300_000,
    },
    async ({ spec, says, first, second, weight, follows }) => {
      load = 390;
      const stage = await cluster.stage(spec, [...inPlaceObjects(spec), AUTOSCALER]);
      const worker = releaseCluster(stage.kube, async () => undefined, { clock: stage.clock });
      let seen = '';
      const becomes = (what: string, isSo: () => Promise<boolean>): Promise<unknown> =>
        until(
          what,
          async () => {
            await worker.reconcile();
            seen = `${await endOf(stage)}; ${(await worker.release()).status?.message}\n${JSON.stringify(await autoscaler())}`;
            return isSo();
          },
          () => seen,
        );
      const status = async () => (await worker.release()).status;
      const isAt = async (index: number): Promise<boolean> => {
        const { step } = (await status()) ?? {};
        return step?.index === index && step.waitingFor === 'judge';
      };
      await becomes('the autoscaler is at work', async () =>
        listAt(await autoscaler(), 'conditions').some(
          (each) => at(each, 'type') === 'ScalingActive' && at(each, 'status') === 'True',
        ),
      );
      await becomes('it is taken over', async () => (await status())?.revision.stable !== undefined);
      await becomes('it wants no others', async () => (await wanted()) === 4);
      await cluster.kubectl('set', 'image', 'deployment/web', 'web=web:2');
      await becomes('the first analysis', () => isAt(first));
      await says('Pass')(stage, worker);
      await becomes('the second one', async () => (await status())?.weight === weight && (await isAt(second)));
      load = 690;
      await becomes('it is scaled while it is held', async () => (await wanted()) === 7);
      const together = `; ${follows} × canary web:2, 7 × web:1`;
      await becomes('the canary follows', async () => (await endOf(stage)).endsWith(together) && (await isAt(second)));
      await says('Pass')(stage, worker);
      await becomes(
        'all is new, and as many as are wanted',
        async () => (await endOf(stage)) === 'Promoted: stable 100; 7 × web:2' && (await wanted()) === 7,
      );
    },
  );
});

const metricsOf = ({ metadata: { name, labels = {} } }: KubeObject, memory: string): KubeObject => ({
  apiVersion: 'metrics.k8s.io/v1beta1',
  kind: 'PodMetrics',
  metadata: { name, namespace: NAMESPACE, labels },
  timestamp: new Date().toISOString(),
  window: '10s',
  containers: [{ name: 'web', usage: { memory } }],
});

const memoryIn = (metrics: KubeObject): string | undefined =>
  stringAt(listAt(metrics, 'containers')[0], 'usage', 'memory');
