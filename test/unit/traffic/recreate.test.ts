/** One version is stopped before the other starts: whatever happens on the way, never do both have pods. */
import { expect, test } from 'vitest';
import { numberAt } from '../../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import { createMemoryKube, type MemoryKube } from '../../support/memory-kube.ts';
import { autoscaler } from '../../support/objects.ts';
import { clusterObjects, recreateSpec, settleAtOnce } from '../../support/release-cluster.ts';
import { type Act, deployNext, judgedStep, type Stage, stageOn } from '../../support/release-stories.ts';

interface Watched extends Stage {
  readonly kube: MemoryKube;
  /** `v1/v2` pods at each look, those that are stopping included; without repetitions. */
  readonly seen: string[];
}

/** Pods that are taken away are still there at the next two looks, as containers stop in their own time. */
async function slowStage(spec: ReleaseSpec = recreateSpec): Promise<Watched> {
  const kube = createMemoryKube();
  for (const object of clusterObjects(spec)) kube.put(object);
  const atOnce = settleAtOnce(kube);
  await atOnce(kube);
  const seen: string[] = [];
  const lingering = new Map<string, number>();
  const settle = async (): Promise<void> => {
    const before = (await kube.list(TYPES.pod)).items;
    await atOnce(kube);
    for (const pod of before) {
      const ref = { type: TYPES.pod, namespace: 'shop', name: pod.metadata.name };
      const isStopping = pod.metadata.deletionTimestamp !== undefined;
      const isThere = (await kube.get(ref)) !== undefined;
      const looks = isStopping ? (lingering.get(ref.name) ?? 0) - 1 : 2;
      lingering.set(ref.name, looks);
      if (isStopping ? looks > 0 : !isThere) kube.put(await ownedAnew(kube, pod));
      else if (isStopping && isThere) kube.drop(ref);
    }
    const pods = (await kube.list(TYPES.pod)).items.map(({ metadata }) => metadata.name);
    const count = (member: string): number => pods.filter((name) => name.startsWith(`${member}-`)).length;
    const now = `${count('web-v1')}/${count('web-v2')}`;
    if (seen.at(-1) !== now) seen.push(now);
  };
  const remove = async (): Promise<void> => {
    const release = await kube.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
    if (release !== undefined)
      kube.put({ ...release, metadata: { ...release.metadata, deletionTimestamp: '2026-01-01T00:10:00Z' } });
  };
  return { ...stageOn(kube, settle, remove), kube, seen };
}

/** The ReplicaSet of a Deployment that settles at once is made anew each time. */
async function ownedAnew(kube: MemoryKube, pod: KubeObject): Promise<KubeObject> {
  const [owner] = pod.metadata.ownerReferences ?? [];
  const set = await kube.get({ type: TYPES.replicaSet, namespace: 'shop', name: owner?.name ?? '' });
  const uid = set?.metadata.uid ?? owner?.uid ?? '';
  const stopping = { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
  return { ...pod, metadata: { ...stopping, ownerReferences: owner === undefined ? [] : [{ ...owner, uid }] } };
}

/** Looks until nothing is stopping any more. */
async function play(stage: Watched, acts: readonly Act[]): Promise<string[]> {
  const worker = stage.worker();
  const rest = async (): Promise<void> => {
    for (let looks = 0; looks < 20; looks++) {
      await worker.reconcile();
      await stage.settle(stage.kube);
    }
  };
  await rest();
  stage.seen.length = 0;
  for (const act of acts) {
    await act(stage, worker);
    await rest();
  }
  return stage.seen;
}

const replicasOf = async ({ kube }: Stage): Promise<readonly (number | undefined)[]> =>
  Promise.all(
    ['web-v1', 'web-v2'].map(async (name) =>
      numberAt(await kube.get({ type: TYPES.deployment, namespace: 'shop', name }), 'spec', 'replicas'),
    ),
  );

const aborted: Act = async (_stage, worker) => {
  const { metadata, status } = await worker.release();
  const annotations = { ...metadata.annotations, 'serin.dev/abort': status?.revision.canary };
  await worker.edit(TYPES.release, 'web', [{ op: 'add', path: '/metadata/annotations', value: annotations }]);
};
const scaledUp: Act = (_stage, worker) =>
  worker.edit(TYPES.deployment, 'web-v1', [{ op: 'replace', path: '/spec/replicas', value: 2 }]);

test.each<{ name: string; acts: readonly Act[]; phase: string; replicas: readonly number[] }>([
  { name: 'it passes', acts: [deployNext, judgedStep('Pass')], phase: 'Promoted', replicas: [0, 2] },
  {
    name: 'it fails: the old version is started again',
    acts: [deployNext, judgedStep('Fail')],
    phase: 'Aborted',
    replicas: [2, 0],
  },
  { name: 'a person gives it up', acts: [deployNext, aborted], phase: 'Aborted', replicas: [2, 0] },
  {
    name: 'the Release is deleted',
    acts: [deployNext, (stage) => stage.remove()],
    phase: 'Aborting',
    replicas: [2, 0],
  },
  {
    name: 'a newer version comes',
    acts: [deployNext, (_stage, worker) => worker.deploy('web-v2', 'web:3'), judgedStep('Pass')],
    phase: 'Promoted',
    replicas: [0, 2],
  },
])('$name', async ({ acts, phase, replicas }) => {
  const stage = await slowStage();
  const seen = await play(stage, acts);
  expect(await replicasOf(stage)).toEqual(replicas);
  expect((await stage.worker().release()).status?.phase).toBe(phase);
  expect(seen.filter((pods) => !pods.includes('0'))).toEqual(['2/2'].filter(() => seen[0] === '2/2'));
});

test('what somebody starts beside it is stopped again, counted and told', async () => {
  const stage = await slowStage();
  await play(stage, [deployNext, scaledUp]);
  expect(await replicasOf(stage)).toEqual([0, 2]);
  const { status } = await stage.worker().release();
  expect([status?.driftRepairs, status?.phase]).toEqual([1, 'Progressing']);
});

test('an autoscaler on a member is refused: it would start what is stopped', async () => {
  const stage = await slowStage();
  stage.kube.put(autoscaler('web-v1'));
  await play(stage, [deployNext]);
  const { status } = await stage.worker().release();
  expect([status?.reason, await replicasOf(stage)]).toEqual(['InvalidSpec', [2, 2]]);
  expect(status?.message).toContain('HorizontalPodAutoscaler');
});
