/** A Deployment, to be released in place or as one of a pair, that is also the template of a Rollout of Argo Rollouts: only one of the two may move its pods. */
import { describe, expect, test } from 'vitest';
import { API_VERSION, type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { inPlaceObjects, settleInPlace } from '../../support/deployment-cluster.ts';
import { endOf, users } from '../../support/in-place-stories.ts';
import { createMemoryKube, type MemoryKube } from '../../support/memory-kube.ts';
import { clusterObjects, releaseCluster, settleAtOnce } from '../../support/release-cluster.ts';
import { deployNext, judged, play, routesIn, type Stage, stageOn } from '../../support/release-stories.ts';

const HASH = '5d8f';
const rollout = (kind = 'Deployment', name = 'web'): KubeObject => ({
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'shop-web', namespace: 'shop' },
  spec: {
    replicas: 4,
    workloadRef: { apiVersion: 'apps/v1', kind, name },
    strategy: { canary: { steps: [{ setWeight: 20 }, { pause: {} }] } },
  },
  status: { observedGeneration: '1', currentPodHash: HASH, stableRS: HASH, phase: 'Healthy' },
});
const releaseOfRollout: KubeObject = {
  apiVersion: API_VERSION,
  kind: 'Release',
  metadata: { name: 'gated', namespace: 'shop', creationTimestamp: '2026-02-01T00:00:00Z' },
  spec: { workload: { argoRollout: { name: 'shop-web' } }, analysis: { templates: [{ name: 'web' }] } },
};

async function aStage(...more: readonly KubeObject[]): Promise<Stage & { readonly kube: MemoryKube }> {
  const kube = createMemoryKube();
  for (const object of [...inPlaceObjects(), ...more]) kube.put(object);
  const settle = settleInPlace(kube);
  await settle(kube);
  return { ...stageOn(kube, settle, async () => undefined), kube };
}

const ofRollout = (stage: Stage) => releaseCluster(stage.kube, stage.settle, { clock: stage.clock, key: 'shop/gated' });
const writesIn = ({ calls }: MemoryKube): readonly string[] =>
  calls.filter((call) => /^(create|patch|delete) (Deployment|Rollout|VirtualService|DestinationRule)/.test(call));

describe('the Rollout is there first', () => {
  test('the Release in place is refused and touches nothing, until the Rollout has another template', async () => {
    const stage = await aStage(rollout(), releaseOfRollout);
    const before = await users(stage);
    const worker = stage.worker();
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({
      phase: 'Idle',
      reason: 'TargetConflict',
      message:
        'Deployment "web" holds the template of Rollout "shop-web" of Argo Rollouts (its spec.workloadRef), which moves the pods. Take its workloadRef out; to name that Rollout in spec.workload.argoRollout, delete this Release and make it anew.',
    });
    await worker.deploy('web', 'web:2');
    await worker.reconcile();
    await worker.deploy('web', 'web:1');
    await ofRollout(stage).reconcile();
    expect((await worker.release('gated')).status?.reason).not.toBe('TargetConflict');
    // Both are this test’s.
    expect(writesIn(stage.kube)).toHaveLength(2);
    expect(await users(stage)).toEqual(before);
    stage.kube.put(rollout('Deployment', 'another'));
    await worker.reconcile();
    expect((await worker.release()).status?.reason).toBe('Initial');
  });

  test.each([
    { what: 'a ReplicaSet of that name', object: rollout('ReplicaSet') },
    { what: 'a template of its own', object: { ...rollout(), spec: { template: {} } } },
  ])('$what is nothing to it', async ({ object }) => {
    const stage = await aStage(object);
    const worker = stage.worker();
    await worker.reconcile();
    expect((await worker.release()).status?.reason).toBe('Initial');
  });
});

describe('the Release in place is there first', () => {
  test('the Rollout’s Release is refused and touches nothing; the other one goes on to its end', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await worker.reconcile();
    stage.kube.put(rollout());
    stage.kube.put(releaseOfRollout);
    const younger = ofRollout(stage);
    await younger.reconcile();
    expect((await worker.release('gated')).status).toMatchObject({
      phase: 'Idle',
      reason: 'TargetConflict',
      message:
        'The template of Rollout "shop-web" is that of Deployment "web" (spec.workloadRef), which Release "web" releases in place. Delete that Release, or this one.',
    });
    const before = await worker.get(TYPES.argoRollout, 'shop-web');
    await play(stage, [(_stage, each) => each.deploy('web', 'web:2'), judged('Pass'), judged('Pass')], worker);
    await younger.reconcile();
    expect(await endOf(stage)).toBe('Promoted: stable 100; 4 × web:2');
    expect(await worker.get(TYPES.argoRollout, 'shop-web')).toEqual(before);
    expect((await worker.release('gated')).status?.reason).toBe('TargetConflict');
  });
});

describe('a pair one of whose members somebody else moves', () => {
  const aPair = async (): Promise<Stage & { readonly kube: MemoryKube }> => {
    const kube = createMemoryKube();
    for (const object of clusterObjects()) kube.put(object);
    const settle = settleAtOnce(kube);
    await settle(kube);
    return { ...stageOn(kube, settle, async () => undefined), kube };
  };
  const ANEW = 'delete this Release and make it anew.';
  const MOVERS: readonly {
    who: string;
    come: (kube: MemoryKube) => Promise<void>;
    go: (kube: MemoryKube) => Promise<void>;
    says: string;
  }[] = [
    {
      who: 'a Rollout of Argo Rollouts, by its workloadRef',
      come: async (kube) => void kube.put(rollout('Deployment', 'web-v2')),
      go: async (kube) => void kube.put(rollout('Deployment', 'another')),
      says: `Deployment "web-v2" holds the template of Rollout "shop-web" of Argo Rollouts (its spec.workloadRef), which moves the pods. Take its workloadRef out; to name that Rollout in spec.workload.argoRollout, ${ANEW}`,
    },
    {
      who: 'a Rollout of OpenKruise',
      come: (kube) => labelled(kube, { 'rollouts.kruise.io/workload-type': 'deployment' }),
      go: (kube) => labelled(kube, {}),
      says: `Deployment "web-v1" is moved by a Rollout of OpenKruise (label rollouts.kruise.io/workload-type). Delete that Rollout and take the label off; to name it in spec.workload.kruiseRollout, ${ANEW}`,
    },
  ];
  async function labelled(kube: MemoryKube, labels: Readonly<Record<string, string>>): Promise<void> {
    const found = await kube.get({ type: TYPES.deployment, namespace: 'shop', name: 'web-v1' });
    if (found !== undefined) kube.put({ ...found, metadata: { ...found.metadata, labels } });
  }

  test.each(MOVERS)('is refused and nothing of it touched, until that is over: $who', async ({ come, go, says }) => {
    const stage = await aPair();
    await come(stage.kube);
    const worker = stage.worker();
    const before = await routesIn(stage);
    await worker.reconcile();
    await worker.deploy('web-v2', 'web:2');
    await worker.reconcile();
    const { status, metadata } = await worker.release();
    expect(status).toMatchObject({ phase: 'Idle', reason: 'TargetConflict', message: says });
    expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Stalled', status: 'True' }));
    expect(metadata.finalizers ?? []).toEqual([]);
    expect(await routesIn(stage)).toEqual(before);
    // The test's own.
    expect(writesIn(stage.kube)).toHaveLength(1);
    await go(stage.kube);
    await worker.reconcile();
    expect((await worker.release()).status?.reason).toBe('Initial');
  });

  test.each(MOVERS)('is led to its end where that came meanwhile: $who', async ({ come }) => {
    const stage = await aPair();
    const worker = stage.worker();
    const before = await routesIn(stage);
    await play(stage, [deployNext, judged('Pass')], worker);
    await come(stage.kube);
    await play(stage, [judged('Fail')], worker);
    expect((await worker.release()).status).toMatchObject({ phase: 'Aborted', reason: 'ErrorsAboveStable' });
    expect(await routesIn(stage)).toEqual(before);
  });
});
