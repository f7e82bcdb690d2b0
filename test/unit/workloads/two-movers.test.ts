/** One Deployment, to be released in place, that is also the template of a Rollout of Argo Rollouts: only one of the two may move its pods. */
import { describe, expect, test } from 'vitest';
import { API_VERSION, type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { inPlaceObjects, settleInPlace } from '../../support/deployment-cluster.ts';
import { endOf, users } from '../../support/in-place-stories.ts';
import { createMemoryKube, type MemoryKube } from '../../support/memory-kube.ts';
import { releaseCluster } from '../../support/release-cluster.ts';
import { judged, play, type Stage, stageOn } from '../../support/release-stories.ts';

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
        'Deployment "web" holds the template of Rollout "shop-web" of Argo Rollouts (its spec.workloadRef), which moves the pods. Name that Rollout in spec.workload.argoRollout, or take its workloadRef out.',
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
