/** A Deployment released in place, told as stories on a cluster in memory: what users get, what stays of their objects, and death between any two writes. */
import { describe, expect, test } from 'vitest';
import { at, listAt, numberAt } from '../../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import type { AnalysisRun } from '../../../src/api/analysis-run.ts';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import { createPodReader } from '../../../src/controller/analysis/pods.ts';
import { workloadAdapterOf } from '../../../src/workloads/registry.ts';
import { inPlaceObjects, inPlaceSpec, podsByImage, routesOf, shareOfNew } from '../../support/deployment-cluster.ts';
import { DEADLY, endOf, IN_PLACE_STORIES, users, withoutHold } from '../../support/in-place-stories.ts';
import type { MemoryKube } from '../../support/memory-kube.ts';
import { cacheOf, memoryStage, type MemoryStage } from '../../support/in-place-memory.ts';
import { judged, judgedStep, play, playDying, type Stage, stageOn } from '../../support/release-stories.ts';

const aStage = (spec?: ReleaseSpec, objects = inPlaceObjects(spec)): Promise<MemoryStage> => memoryStage(objects);

describe.each(Object.entries(IN_PLACE_STORIES))('%s', (_name, { acts, spec, ends, isHeld = false }) => {
  test('ends as it should, with the users’ objects as they were', async () => {
    const stage = await aStage(spec);
    const before = withoutHold(await users(stage));
    await play(stage, acts, stage.worker());
    expect(await endOf(stage)).toBe(ends);
    expect(withoutHold(await users(stage))).toEqual(before);
    const { items } = await stage.kube.list(TYPES.deployment, { namespace: 'shop' });
    const web = items.find(({ metadata }) => metadata.name === 'web');
    if (isHeld || !ends.startsWith('gone')) expect(at(web, 'spec', 'paused')).toBe(true);
    if (ends.startsWith('gone')) expect(web?.metadata.labels).toEqual({ team: 'shop' });
  });
});

describe.each(DEADLY.map((name) => ({ name, ...IN_PLACE_STORIES[name] })))(
  'killed at any write: $name',
  ({ acts = [], spec }) => {
    test.each(['after'] as const)('whoever dies %s it, the end is the same', { timeout: 240_000 }, async (when) => {
      const plain = await aStage(spec);
      await play(plain, acts, plain.worker());
      const expected = [await endOf(plain), await users(plain)];
      let deaths = 0;
      for (let write = 0; ; write++) {
        const stage = await aStage(spec);
        if (!(await playDying(stage, acts, write, when))) break;
        deaths++;
        expect([await endOf(stage), await users(stage)], `killed ${when} write ${write}`).toEqual(expected);
      }
      expect(deaths).toBeGreaterThan(3);
    });
  },
);

describe('on the way', () => {
  test('stable is pinned before the canary has a pod, and opened before the hold ends', async () => {
    const stage = await aStage();
    const seen: string[] = [];
    const settle = stage.settle;
    const watching: Stage = {
      ...stage,
      settle: async (kube) => {
        await settle(kube);
        const { items } = await stage.kube.list(TYPES.deployment, { namespace: 'shop' });
        const isHeld =
          at(
            items.find(({ metadata }) => metadata.name === 'web'),
            'spec',
            'paused',
          ) === true;
        const line = `${await routesOf(stage.kube)} | ${await podsByImage(stage.kube)} | ${isHeld ? 'held' : 'free'}`;
        if (seen.at(-1) !== line) seen.push(line);
      },
    };
    const { kube } = stage;
    const worker = stageOn(kube, watching.settle, async () => undefined).worker();
    await worker.reconcile();
    await worker.deploy('web', 'web:2');
    await worker.reconcile();
    for (const line of seen) if (line.includes('canary web:2')) expect(line).toMatch(/pinned/);
    expect(seen.at(-1)).toBe('stable 90, canary 10, pinned | 1 × canary web:2, 4 × web:1 | held');
  });

  test('a switch: users are led to one version at every moment, and old pods go only while users are with the canary', async () => {
    const { spec } = IN_PLACE_STORIES['the old pods go when their time is over'] ?? {};
    const stage = await aStage(spec);
    const seen: string[] = [];
    const look = async (): Promise<void> => {
      await stage.settle(stage.kube);
      const hold = at(await web(stage), 'spec', 'paused') === true ? 'held' : 'free';
      const line = `${await routesOf(stage.kube)} | ${await podsByImage(stage.kube)} | ${hold}`;
      if (seen.at(-1) !== line) seen.push(line);
    };
    const worker = stageOn(stage.kube, look, async () => undefined, stage.clock.nowMs()).worker();
    const watched = stageOn(stage.kube, look, async () => undefined);
    const one = watched.worker();
    await worker.reconcile();
    await one.deploy('web', 'web:2');
    await one.reconcile();
    for (let steps = 0; steps < 2; steps++) {
      await judgedStep('Pass')(watched, one);
      await one.reconcile();
    }
    watched.clock.pass(600_000);
    await one.reconcile();
    expect(seen.slice(seen.findIndex((line) => line.includes('web to')))).toEqual([
      'stable 100, web to stable, web-preview to canary | 4 × canary web:2, 4 × web:1 | held',
      'stable 100, web to canary, web-preview to canary | 4 × canary web:2, 4 × web:1 | held',
      'stable 100, web to canary, web-preview to canary | 4 × canary web:2, 4 × web:2 | free',
      'stable 100, web to stable, web-preview to canary | 4 × web:2 | held',
      'stable 100 | 4 × web:2 | held',
    ]);
  });

  test('a switch counts when the endpoints show the canary alone, and nothing of it goes before they show the old pods again', async () => {
    const stage = await aStage(
      IN_PLACE_STORIES['a version that fails after its switch: users are back on the old pods']?.spec,
    );
    const worker = stage.worker();
    const show = async (isWanted: (pod: KubeObject) => boolean): Promise<void> => {
      const pods = (await stage.kube.list(TYPES.pod, { namespace: 'shop' })).items.filter(isWanted);
      stage.kube.put({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'web-x', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
        endpoints: pods.map(({ metadata: { name } }) => ({
          targetRef: { kind: 'Pod', name },
          conditions: { ready: true },
        })),
      });
    };
    const isCanary = (pod: KubeObject): boolean => pod.metadata.labels?.['serin.dev/role'] === 'canary';
    const seen = async (): Promise<string> =>
      `${(await worker.release()).status?.reason}: ${await routesOf(stage.kube)} | ${await podsByImage(stage.kube)}`;
    await worker.reconcile();
    await show(() => true);
    await worker.deploy('web', 'web:2');
    await worker.reconcile();
    await judgedStep('Pass')(stage, worker);
    expect(await worker.reconcile()).toBe(1_000);
    const switched = 'stable 100, web to canary, web-preview to canary | 4 × canary web:2, 4 × web:1';
    expect(await seen()).toBe(`WaitingForEndpoints: ${switched}`);
    await show(() => true);
    expect(await worker.reconcile()).toBe(1_000);
    expect((await worker.release()).status?.message).toBe(
      'The endpoints of Service "web" do not follow its selector: some of web still are. (step 2 of 3)',
    );
    await show(isCanary);
    await worker.reconcile();
    expect(await seen()).toBe(`Judging: ${switched}`);
    await judgedStep('Fail')(stage, worker);
    expect(await worker.reconcile()).toBe(1_000);
    const back = 'stable 100, web to stable, web-preview to canary | 4 × canary web:2, 4 × web:1';
    expect(await seen()).toBe(`ErrorsAboveStable: ${back}`);
    await show((pod) => !isCanary(pod));
    await worker.reconcile();
    expect(await seen()).toBe('ErrorsAboveStable: stable 100 | 4 × web:1');
  });

  test('a template that comes while a person’s pause is on waits for them', async () => {
    const stage = await aStage();
    stage.kube.put(policyMarked(await web(stage)));
    const worker = stage.worker();
    await worker.reconcile();
    await worker.edit(TYPES.deployment, 'web', [{ op: 'add', path: '/spec/paused', value: true }]);
    await worker.deploy('web', 'web:2');
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ phase: 'Idle', reason: 'WorkloadPaused' });
    expect(await podsByImage(stage.kube)).toBe('4 × web:1');
  });

  test('a second template that no route would find ends the first one all the same, and waits for its route', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    const tier = (op: 'add' | 'replace', value: string) => [
      { op, path: '/spec/template/metadata/labels/tier', value } as const,
    ];
    await worker.edit(TYPES.service, 'web', [{ op: 'add', path: '/spec/selector/tier', value: 'front' }]);
    await worker.edit(TYPES.deployment, 'web', tier('add', 'front'));
    await stage.settle(stage.kube);
    await play(stage, [(_stage, on) => on.deploy('web', 'web:2'), judged('Pass')], worker);
    expect(await podsByImage(stage.kube)).toBe('2 × canary web:2, 4 × web:1');
    await worker.edit(TYPES.deployment, 'web', tier('replace', 'back'));
    await worker.reconcile();
    await stage.settle(stage.kube);
    await worker.reconcile();
    expect([await routesOf(stage.kube), await podsByImage(stage.kube)]).toEqual(['stable 100', '4 × web:1']);
    const { status } = await worker.release();
    expect(status).toMatchObject({
      phase: 'Aborted',
      reason: 'RouteNotUnderstood',
      history: [{ outcome: 'Superseded' }],
    });
  });

  test('where a policy holds, the Deployment is free between releases', async () => {
    const stage = await aStage();
    stage.kube.put(policyMarked(await web(stage)));
    await stage.worker().reconcile();
    expect(at(await web(stage), 'spec', 'paused')).toBeUndefined();
  });

  test('a Deployment that is broken at the start is left alone until it stands', async () => {
    const stage = await aStage();
    const [pod] = (await stage.kube.list(TYPES.pod, { namespace: 'shop' })).items;
    if (pod === undefined) throw new Error('no pod');
    stage.kube.put({ ...pod, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] } });
    const before = JSON.stringify(await users(stage));
    const worker = stage.worker();
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ phase: 'Idle', reason: 'NotSettled' });
    expect(JSON.stringify(await users(stage))).toBe(before);
    stage.kube.put({ ...pod, status: pod['status'] });
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ reason: 'Initial' });
  });
});

const web = async ({ kube }: Stage): Promise<KubeObject> => {
  const found = await kube.get({ type: TYPES.deployment, namespace: 'shop', name: 'web' });
  if (found === undefined) throw new Error('no Deployment');
  return found;
};

const policyMarked = (deployment: KubeObject): KubeObject => ({
  ...deployment,
  metadata: { ...deployment.metadata, annotations: { 'serin.dev/hold': 'policy' } },
});

describe('the new version never gets more than was judged while its Deployment is held', () => {
  const plans: readonly { readonly name: string; readonly spec: ReleaseSpec; readonly replicas: number }[] = [
    { name: 'a canary of its share', spec: inPlaceSpec, replicas: 4 },
    { name: 'one pod', spec: inPlaceSpec, replicas: 1 },
    {
      name: 'a canary as large as stable at a small weight',
      replicas: 4,
      spec: withSteps([{ setReplicas: '100%' }, { setWeight: 10 }]),
    },
    {
      name: 'a canary larger than its weight, with room for some of it',
      replicas: 10,
      spec: withSteps([{ setReplicas: '100%' }, { setWeight: 25 }]),
    },
    { name: 'all requests to the canary', replicas: 4, spec: withSteps([{ setWeight: 50 }, { setWeight: 100 }]) },
  ];

  test.each(plans)('$name', async ({ spec, replicas }) => {
    const stage = await aStage(spec, inPlaceObjects(spec, replicas));
    const seen: { share: number; judged: number; isHeld: boolean }[] = [];
    const kube = watched(stage.kube, async () => {
      const share = await shareOfNew(stage.kube, 'web:2');
      const release = await stage.kube.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
      const weights = listAt(release, 'status', 'weights').map((entry) => numberAt(entry, 'weight') ?? 0);
      if (at(release, 'status', 'phase') === 'Promoted') return;
      seen.push({
        share,
        judged: Math.max(0, ...weights) / 100,
        isHeld: at(await web(stage), 'spec', 'paused') === true,
      });
    });
    const settle: Stage['settle'] = async () => stage.settle(kube);
    const worker = stageOn(kube, settle, () => stage.remove(), stage.clock.nowMs()).worker();
    await worker.reconcile();
    await worker.deploy('web', 'web:2');
    await worker.reconcile();
    for (let steps = 0; steps < 3; steps++) {
      const { status } = await worker.release();
      if (status?.phase !== 'Progressing') break;
      await worker.judge('Pass', { intervalEndMs: stage.clock.nowMs() + 1 });
      await worker.reconcile();
    }
    expect((await worker.release()).status).toMatchObject({ phase: 'Promoted' });
    expect(seen.length).toBeGreaterThan(10);
    for (const { share, judged: weight, isHeld } of seen) if (isHeld) expect(share).toBeLessThanOrEqual(weight + 1e-9);
    expect(Math.max(...seen.map(({ share }) => share))).toBeGreaterThan(0);
    expect(await shareOfNew(stage.kube, 'web:2')).toBe(1);
  });
});

function withSteps(steps: readonly object[]): ReleaseSpec {
  return { ...inPlaceSpec, strategy: { canary: { steps: [...steps] } } } as ReleaseSpec;
}

/** Looks after every write of the service. */
function watched(kube: MemoryKube, look: () => Promise<void>): MemoryKube {
  const after = async <T>(result: Promise<T>): Promise<T> => {
    const value = await result;
    await look();
    return value;
  };
  return {
    ...kube,
    create: (...args) => after(kube.create(...args)),
    patch: (...args) => after(kube.patch(...args)),
    delete: (...args) => after(kube.delete(...args)),
  };
}

test('the judge knows the pods of both versions', async () => {
  const stage = await aStage();
  const worker = stage.worker();
  await worker.reconcile();
  await worker.deploy('web', 'web:2');
  await worker.reconcile();
  const release = await worker.release();
  const run = (await worker.get(TYPES.analysisRun, release.status?.analysisRun ?? '')) as unknown as AnalysisRun;
  const cache = await cacheOf(stage.kube);
  const pods = createPodReader(cache, workloadAdapterOf)(release, run.spec, stage.clock.nowMs());
  expect({ stable: pods?.stable.length, canary: pods?.canary.length }).toEqual({ stable: 4, canary: 1 });
});

describe('a rollout that passed', () => {
  const stuck = async (stage: MemoryStage, reason: string): Promise<void> => {
    const found = await web(stage);
    const condition = {
      type: 'Progressing',
      status: 'False',
      reason,
      message: 'ReplicaSet "web-2" has timed out progressing.',
    };
    const status = { ...(found['status'] as object), updatedReplicas: 1, conditions: [condition] };
    stage.kube.put({ ...found, status });
  };

  test('but does not get on is shown to people, and goes on by itself', async () => {
    const stage = await aStage();
    const frozen = { ...stage, settle: async () => undefined };
    const worker = stage.worker();
    await worker.reconcile();
    await worker.deploy('web', 'web:2');
    await worker.reconcile();
    for (const _step of [1, 2]) {
      await worker.judge('Pass', { intervalEndMs: stage.clock.nowMs() + 1 });
      await (_step === 1
        ? worker
        : stageOn(stage.kube, frozen.settle, () => stage.remove(), stage.clock.nowMs()).worker()
      ).reconcile();
    }
    expect(at(await web(stage), 'spec', 'paused')).toBeUndefined();
    await stuck(stage, 'ProgressDeadlineExceeded');
    const still = stageOn(stage.kube, frozen.settle, () => stage.remove(), stage.clock.nowMs()).worker();
    await still.reconcile();
    const { status } = await still.release();
    expect(status).toMatchObject({ phase: 'Promoting', reason: 'RolloutStuck' });
    expect(status?.message).toContain('has timed out progressing');
    expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Stalled', status: 'True' }));
    await stage.settle(stage.kube);
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ phase: 'Promoted', reason: 'Promoted' });
  });
});

describe('what cannot work is said with the field and the fix, and nothing is touched', () => {
  const deploymentNamed = (name: string, labels: Readonly<Record<string, string>>): KubeObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop', labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: {} },
    },
  });

  const rolling: ReleaseSpec = {
    workload: inPlaceSpec.workload,
    strategy: { rollingUpdate: { pauses: ['25%'] } },
  };

  test.each([
    {
      name: 'no such Deployment',
      objects: inPlaceObjects().filter(({ kind }) => kind !== 'Deployment'),
      reason: 'WorkloadNotFound',
      says: 'spec.workload.deployment.name is "web"',
    },
    {
      name: 'a Deployment of somebody else under the canary’s name',
      objects: [...inPlaceObjects(), deploymentNamed('web-canary', {})],
      reason: 'InvalidSpec',
      says: "a Deployment of that name exists and is not Serin's",
    },
    {
      name: 'a selector that finds the pods of another release',
      objects: [...inPlaceObjects(), deploymentNamed('shop', { 'serin.dev/release': 'shop' })],
      reason: 'TargetConflict',
      says: "find each other's pods",
    },
    {
      name: 'a Deployment that a Rollout of OpenKruise moves',
      objects: inPlaceObjects().map((object) =>
        object.kind === 'Deployment'
          ? {
              ...object,
              metadata: { ...object.metadata, labels: { 'rollouts.kruise.io/workload-type': 'deployment' } },
            }
          : object,
      ),
      reason: 'TargetConflict',
      says: 'Delete that Rollout and take the label off;',
    },
    {
      name: 'a route without a subset for the canary',
      objects: inPlaceObjects().map((object) =>
        object.kind === 'DestinationRule'
          ? { ...object, spec: { host: 'web', subsets: [{ name: 'stable', labels: { app: 'web' } }] } }
          : object,
      ),
      reason: 'RouteNotUnderstood',
      says: 'serin.dev/role=canary',
    },
    {
      name: 'a rolling update of what stops all pods first',
      spec: rolling,
      objects: inPlaceObjects(rolling).map((object) =>
        object.kind === 'Deployment'
          ? { ...object, spec: { ...(object['spec'] as object), strategy: { type: 'Recreate' } } }
          : object,
      ),
      reason: 'InvalidSpec',
      says: 'has spec.strategy.type Recreate, which stops all pods before it starts new ones. Set RollingUpdate there.',
    },
  ])('$name', async ({ objects, reason, says, spec = inPlaceSpec }) => {
    const stage = await aStage(spec, objects);
    const before = JSON.stringify(await users(stage));
    const worker = stage.worker();
    await worker.reconcile();
    const { status } = await worker.release();
    expect(status).toMatchObject({ reason, message: expect.stringContaining(says) });
    expect(JSON.stringify(await users(stage))).toBe(before);
  });
});
