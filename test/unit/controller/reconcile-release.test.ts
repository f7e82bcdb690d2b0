/** The reconcile loop with the real adapters on a `KubeClient` in memory: releases in a row, refusals, rivals, and death between any two writes. */
import { describe, expect, test } from 'vitest';
import { at, listAt } from '../../../src/api/fields.ts';
import { FIELD_MANAGERS, type KubeObject, TYPES } from '../../../src/api/meta.ts';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import { createReconcileRelease } from '../../../src/controller/reconcile-release.ts';
import { SerinError } from '../../../src/errors.ts';
import type { KubeClient } from '../../../src/kube/port.ts';
import { createMemoryKube, type MemoryKube } from '../../support/memory-kube.ts';
import {
  blueGreenSpec,
  clusterObjects,
  istioSpec,
  lookingAt,
  recreateSpec,
  type ReleaseCluster,
  releaseCluster,
  settleAtOnce,
} from '../../support/release-cluster.ts';
import {
  type Act,
  deployNext,
  endOf,
  endState,
  judged,
  judgedStep,
  play,
  playDying,
  routesIn,
  STORIES,
  type Stage,
  stageOn,
} from '../../support/release-stories.ts';

interface MemoryStage extends Stage {
  readonly kube: MemoryKube;
}

async function aStage(spec: ReleaseSpec = istioSpec): Promise<MemoryStage> {
  const kube = createMemoryKube();
  for (const object of clusterObjects(spec)) kube.put(object);
  const settle = settleAtOnce(kube);
  await settle(kube);
  const remove = async (): Promise<void> => {
    const release = await kube.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
    if (release === undefined) throw new Error('no Release');
    kube.put({ ...release, metadata: { ...release.metadata, deletionTimestamp: '2026-01-01T00:10:00Z' } });
  };
  return { ...stageOn(kube, settle, remove), kube };
}

describe.each(Object.entries(STORIES))('killed at any write of %s', (_name, { spec, acts, ends, isAsBefore }) => {
  test.each(['before', 'after'] as const)('%s it was made, the end is the same', { timeout: 180_000 }, async (when) => {
    const plain = await aStage(spec);
    const before = await routesIn(plain);
    const worker = plain.worker();
    await play(plain, acts, worker);
    const expected = await endState(plain);
    expect(await endOf(plain)).toBe(ends);
    if (isAsBefore === true) expect(await routesIn(plain)).toEqual(before);
    let deaths = 0;
    for (let at = 0; ; at++) {
      const stage = await aStage(spec);
      if (!(await playDying(stage, acts, at, when))) break;
      deaths++;
      expect(await endState(stage), `killed ${when} write ${at}`).toEqual(expected);
    }
    expect(deaths).toBeGreaterThan(8);
  });
});

describe('pods of the two members', () => {
  const SCALED_DOWN: ReleaseSpec = {
    ...istioSpec,
    workload: { pair: { members: ['web-v1', 'web-v2'], scaleDownAfter: '10m' } },
  };
  const replicas = async ({ kube }: Stage): Promise<readonly unknown[]> =>
    await Promise.all(
      ['web-v1', 'web-v2'].map(async (name) =>
        at(await kube.get({ type: TYPES.deployment, namespace: 'shop', name }), 'spec', 'replicas'),
      ),
    );
  const autoscalerOf = (name: string): KubeObject => ({
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name, namespace: 'shop' },
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name } },
  });

  test.each([
    { autoscaled: [] },
    { autoscaled: ['web-v1'] },
    { autoscaled: ['web-v2'] },
    { autoscaled: ['web-v1', 'web-v2'] },
  ])(
    'down after a promotion, up again before the first request of the next release; autoscalers: $autoscaled',
    async ({ autoscaled }) => {
      const stage = await aStage(SCALED_DOWN);
      for (const name of autoscaled) stage.kube.put(autoscalerOf(name));
      const worker = stage.worker();
      await play(stage, [deployNext, judged('Pass'), judged('Pass')], worker);
      const [v1, v2] = await replicas(stage);
      expect([v1, v2]).toEqual([2, 2]);
      stage.clock.pass(599_999);
      await worker.reconcile();
      expect(await replicas(stage)).toEqual([2, 2]);
      stage.clock.pass(1);
      await worker.reconcile();
      expect(await replicas(stage)).toEqual([0, 2]);
      expect((await worker.release()).status?.pair).not.toHaveProperty('scaleDownAt');
      // A person who wants the old one back keeps it.
      await worker.edit(TYPES.deployment, 'web-v1', [{ op: 'replace', path: '/spec/replicas', value: 1 }]);
      stage.clock.pass(3_600_000);
      await worker.reconcile();
      expect(await replicas(stage)).toEqual([1, 2]);
      await worker.edit(TYPES.deployment, 'web-v1', [{ op: 'replace', path: '/spec/replicas', value: 0 }]);
      await worker.deploy('web-v1', 'web:3');
      const weightAtScaling: number[] = [];
      const watching = stage.worker({
        ...stage.kube,
        patch: async (patch, signal) => {
          if (patch.kind === 'json' && patch.subresource === 'scale') weightAtScaling.push((await worker.weights())[0]);
          return stage.kube.patch(patch, signal);
        },
      });
      await watching.reconcile();
      expect(weightAtScaling).toEqual([0]);
      expect(await replicas(stage)).toEqual([2, 2]);
      expect(await worker.weights()).toEqual([10, 90]);
    },
  );

  test('a release before the time is up keeps the pods', async () => {
    const stage = await aStage(SCALED_DOWN);
    const worker = stage.worker();
    await play(stage, [deployNext, judged('Pass'), judged('Pass')], worker);
    await worker.deploy('web-v1', 'web:3');
    await worker.reconcile();
    stage.clock.pass(600_001);
    await worker.reconcile();
    expect(await replicas(stage)).toEqual([2, 2]);
  });
});

describe('two workers at once', () => {
  test.each(Object.entries(STORIES))('come to the same end as one: %s', async (_name, { spec, acts }) => {
    const plain = await aStage(spec);
    const alone = plain.worker();
    await play(plain, acts, alone);
    const stage = await aStage(spec);
    const [one, other] = [stage.worker(slow(stage.kube, 1)), stage.worker(slow(stage.kube, 2))];
    const together = async (): Promise<void> => {
      await Promise.all([one.reconcile(), other.reconcile()]);
      await one.reconcile();
    };
    await together();
    for (const act of acts) {
      await act(stage, one);
      await together();
    }
    expect(await endState(stage)).toEqual(await endState(plain));
  });
});

/** The first patch of routes, or of this object, waits until it is let go, as one that the API server put off. */
function delayed(
  kube: KubeClient,
  name?: string,
): { readonly client: KubeClient; readonly isHeld: Promise<void>; letGo(): void } {
  const [held, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let isFirst = true;
  const patch: KubeClient['patch'] = async (one, signal) => {
    const isIt =
      isFirst && one.fieldManager === FIELD_MANAGERS.traffic && (name ?? one.target.name) === one.target.name;
    if (isIt) {
      isFirst = false;
      held.resolve();
      await gone.promise;
    }
    return kube.patch(one, signal);
  };
  return { client: { ...kube, patch }, isHeld: held.promise, letGo: () => gone.resolve() };
}

describe('a raise that arrives after another worker gave the release up', () => {
  test.each([
    { raise: 'the first', spec: istioSpec, acts: [deployNext] },
    { raise: 'a later one', spec: istioSpec, acts: [deployNext, judged('Pass')] },
    { raise: 'the last', spec: istioSpec, acts: [deployNext, judged('Pass'), judged('Pass')] },
    { raise: 'of a switch', spec: blueGreenSpec, acts: [deployNext, judgedStep('Pass')] },
  ])('leaves the canary nothing: $raise', async ({ spec, acts }) => {
    const stage = await aStage(spec);
    const worker = stage.worker();
    const routes = async () => [await routesIn(stage), at(await worker.get(TYPES.service, 'shop'), 'spec', 'selector')];
    const before = await routes();
    await play(stage, acts.slice(0, -1), worker);
    const late = delayed(stage.kube);
    await acts.at(-1)?.(stage, worker);
    const one = stage.worker(late.client);
    const raising = one.reconcile();
    await late.isHeld;
    const abort = { 'serin.dev/abort': (await worker.release()).status?.revision.canary };
    await worker.edit(TYPES.release, 'web', [{ op: 'add', path: '/metadata/annotations', value: abort }]);
    await worker.reconcile();
    expect((await worker.release()).status?.phase).toBe('Aborted');
    late.letGo();
    await raising;
    expect((await worker.release()).status?.phase).toBe('Aborted');
    expect(await routes()).toEqual(before);
    stage.clock.pass(300_000);
    await worker.reconcile();
    expect((await worker.release()).status?.taken).toBeUndefined();
    expect(await routes()).toEqual(before);
  });
});

describe('a change of replica counts that arrives after another worker gave the release up', () => {
  const inSteps = (...stepWeights: number[]): ReleaseSpec => ({
    workload: istioSpec.workload,
    strategy: { canary: { stepWeights } },
    analysis: { templates: [{ name: 'web' }] },
  });
  const CHANGES: readonly { change: string; spec: ReleaseSpec; of: string; acts?: readonly Act[] }[] = [
    { change: 'the first raise', spec: inSteps(10, 50), of: 'web-v2' },
    { change: 'a later raise', spec: inSteps(10, 50), of: 'web-v2', acts: [deployNext, judged('Pass')] },
    { change: 'fewer pods of stable', spec: inSteps(80), of: 'web-v1' },
    { change: 'stable stopped for the other', spec: recreateSpec, of: 'web-v1' },
  ];
  const aborting = async (worker: ReleaseCluster): Promise<void> => {
    const abort = { 'serin.dev/abort': (await worker.release()).status?.revision.canary };
    await worker.edit(TYPES.release, 'web', [{ op: 'add', path: '/metadata/annotations', value: abort }]);
    await worker.reconcile();
    expect((await worker.release()).status?.phase).toBe('Aborted');
  };
  const countsIn = async (worker: ReleaseCluster): Promise<readonly unknown[]> =>
    await Promise.all(
      ['web-v1', 'web-v2'].map(async (name) => at(await worker.get(TYPES.deployment, name), 'spec', 'replicas')),
    );
  const scale = async (stage: MemoryStage, worker: ReleaseCluster, name: string, replicas: number): Promise<void> => {
    await worker.edit(TYPES.deployment, name, [{ op: 'replace', path: '/spec/replicas', value: replicas }]);
    await stage.settle(stage.kube);
  };
  /** Ten pods of stable, none of the other. */
  const begun = async (spec: ReleaseSpec): Promise<{ stage: MemoryStage; worker: ReleaseCluster }> => {
    const stage = await aStage(spec);
    const worker = stage.worker();
    await scale(stage, worker, 'web-v1', 10);
    await scale(stage, worker, 'web-v2', 0);
    await worker.reconcile();
    return { stage, worker };
  };

  test.each(CHANGES)('is put back: $change', async ({ spec, of, acts = [deployNext] }) => {
    const { stage, worker } = await begun(spec);
    await play(stage, acts.slice(0, -1), worker);
    const late = delayed(stage.kube, of);
    await acts.at(-1)?.(stage, worker);
    const writing = stage.worker(late.client).reconcile();
    await late.isHeld;
    await aborting(worker);
    late.letGo();
    await writing;
    await worker.reconcile();
    expect(await countsIn(worker)).toEqual([10, 0]);
    stage.clock.pass(300_000);
    await worker.reconcile();
    expect((await worker.release()).status?.taken).toBeUndefined();
    expect(await countsIn(worker)).toEqual([10, 0]);
  });

  test('but what the owner makes of stable is theirs at once, and the next release counts from there', async () => {
    const { stage, worker } = await begun(inSteps(50));
    await play(stage, [deployNext], worker);
    await aborting(worker);
    await scale(stage, worker, 'web-v1', 14);
    await worker.reconcile();
    expect(await countsIn(worker)).toEqual([14, 0]);
    await worker.deploy('web-v2', 'web:3');
    await worker.reconcile();
    expect(await countsIn(worker)).toEqual([14, 14]);
    await aborting(worker);
    expect(await countsIn(worker)).toEqual([14, 0]);
    await scale(stage, worker, 'web-v1', 0);
    await worker.reconcile();
    expect(await countsIn(worker)).toEqual([0, 0]);
  });
});

describe('routes whose meaning was lost on the way', () => {
  const rule = { type: TYPES.destinationRule, namespace: 'shop', name: 'web' };
  const rename = { op: 'replace', path: '/spec/subsets/1/name', value: 'v2b' } as const;
  const relabel = { op: 'replace', path: '/spec/template/metadata/labels/version', value: 'v3' } as const;
  const LOSSES: readonly { name: string; lose: (stage: MemoryStage, worker: ReleaseCluster) => Promise<void> }[] = [
    { name: 'the DestinationRule is not seen', lose: async ({ kube }) => kube.drop(rule) },
    { name: 'the subset was renamed', lose: (_, worker) => worker.edit(TYPES.destinationRule, 'web', [rename]) },
    {
      name: 'the labels of the canary were changed',
      lose: async ({ kube, settle }, worker) => {
        await worker.edit(TYPES.deployment, 'web-v2', [relabel]);
        await settle(kube);
      },
    },
  ];
  const abort: Act = async (_stage, worker) => {
    const value = { 'serin.dev/abort': (await worker.release()).status?.revision.canary };
    await worker.edit(TYPES.release, 'web', [{ op: 'add', path: '/metadata/annotations', value }]);
  };

  test.each(LOSSES)('are given back as they are remembered: $name', async ({ lose }) => {
    const stage = await aStage();
    const worker = stage.worker();
    const before = await routesIn(stage);
    await play(stage, [deployNext, judged('Pass')], worker);
    expect(await worker.weights()).toEqual([50, 50]);
    await lose(stage, worker);
    await play(stage, [abort], worker);
    expect((await worker.release()).status?.phase).toBe('Aborted');
    expect(await routesIn(stage)).toEqual(before);
  });

  test('a revision that left its subset has nothing before the next one begins, in a subset of its own', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [deployNext, judged('Pass')], worker);
    const v3 = { op: 'add', path: '/spec/subsets/-', value: { name: 'v3', labels: { version: 'v3' } } } as const;
    await worker.edit(TYPES.destinationRule, 'web', [v3]);
    await worker.edit(TYPES.deployment, 'web-v2', [relabel]);
    await stage.settle(stage.kube);
    await worker.reconcile();
    const rules = listAt(await worker.get(TYPES.virtualService, 'web'), 'spec', 'http');
    const weights = listAt(rules[1], 'route').map((one) => [at(one, 'destination', 'subset'), at(one, 'weight')]);
    expect(weights).toEqual([
      ['v1', 90],
      ['v2', 0],
      ['v3', 10],
    ]);
  });

  test('a revision whose pods left every subset leaves stable alone, and the next one waits for a subset', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [deployNext, judged('Pass')], worker);
    await worker.edit(TYPES.deployment, 'web-v2', [relabel]);
    await stage.settle(stage.kube);
    await worker.reconcile();
    expect(await worker.weights()).toEqual([100, 0]);
    const { status } = await worker.release();
    expect(status).toMatchObject({
      phase: 'Aborted',
      reason: 'RouteNotUnderstood',
      history: [{ outcome: 'Superseded' }],
    });
    await worker.edit(TYPES.destinationRule, 'web', [
      { op: 'replace', path: '/spec/subsets/1/labels/version', value: 'v3' },
    ]);
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ phase: 'Progressing', weight: 10 });
    expect(await worker.weights()).toEqual([90, 10]);
  });

  test('after a swap the member that is live then gets everything', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [deployNext, judged('Pass'), judged('Pass')], worker);
    await worker.deploy('web-v1', 'web:3');
    await worker.reconcile();
    expect(await worker.weights()).toEqual([10, 90]);
    stage.kube.drop(rule);
    await play(stage, [abort], worker);
    expect(await worker.weights()).toEqual([0, 100]);
  });

  test('a deletion gives them back as well', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    const before = await routesIn(stage);
    await play(stage, [deployNext, judged('Pass')], worker);
    stage.kube.drop(rule);
    await stage.remove();
    await worker.reconcile();
    expect((await worker.release()).metadata.finalizers).toEqual([]);
    expect(await routesIn(stage)).toEqual(before);
  });

  /** As a status has it that was written before destinations were remembered. */
  const forget = async (worker: ReleaseCluster): Promise<void> =>
    worker.edit(TYPES.release, 'web', [{ op: 'remove', path: '/status/taken/traffic/destinations' }], 'status');

  test('where an earlier version took them, they are remembered from the first look of this one on', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    const before = await routesIn(stage);
    await play(stage, [deployNext, judged('Pass')], worker);
    const remembered = at(await worker.release(), 'status', 'taken');
    await forget(worker);
    await worker.reconcile();
    expect(at(await worker.release(), 'status', 'taken')).toEqual(remembered);
    stage.kube.drop(rule);
    await play(stage, [abort], worker);
    expect((await worker.release()).status?.phase).toBe('Aborted');
    expect(await routesIn(stage)).toEqual(before);
  });

  test('where nothing is remembered, pods stay until somebody says what the routes mean', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [deployNext, judged('Pass')], worker);
    await forget(worker);
    const seen = await worker.get(TYPES.destinationRule, 'web');
    stage.kube.drop(rule);
    await play(stage, [abort], worker);
    const { status } = await worker.release();
    expect(status?.phase).toBe('Aborting');
    const told = 'http route "main" still sends requests to subset "v1" of "web"';
    const events = (await stage.kube.list(TYPES.event, { namespace: 'shop' })).items;
    expect(events.map((event) => at(event, 'note') ?? at(event, 'message')).join()).toContain(told);
    expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Stalled', status: 'True' }));
    stage.kube.put(seen);
    await worker.reconcile();
    expect((await worker.release()).status?.phase).toBe('Aborted');
    expect(await worker.weights()).toEqual([100, 0]);
  });

  test('a VirtualService that is gone leaves nothing to give back', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [deployNext, judged('Pass')], worker);
    stage.kube.drop({ type: TYPES.virtualService, namespace: 'shop', name: 'web' });
    await play(stage, [abort], worker);
    expect((await worker.release()).status?.phase).toBe('Aborted');
    await stage.remove();
    await worker.reconcile();
    expect((await worker.release()).metadata.finalizers).toEqual([]);
  });
});

/** Reads answer after some turns of the event loop, so that the two get into each other's way. */
function slow(kube: KubeClient, turns: number): KubeClient {
  const wait = async (): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    get: async (ref, signal) => {
      const found = await kube.get(ref, signal);
      await wait();
      return found;
    },
    list: (type, options, signal) => kube.list(type, options, signal),
    watch: (type, options, signal) => kube.watch(type, options, signal),
    create: async (object, manager, signal) => {
      await wait();
      return kube.create(object, manager, signal);
    },
    patch: async (patch, signal) => {
      await wait();
      return kube.patch(patch, signal);
    },
    delete: (ref, preconditions, signal) => kube.delete(ref, preconditions, signal),
  };
}

describe('a cluster that says no', () => {
  const forbid = (stage: MemoryStage, what: string): void => {
    stage.kube.fault = (verb, target) => {
      if (`${verb} ${target}` !== what) return;
      throw new SerinError('SERIN_E_FORBIDDEN', `The API server refused to ${what}. Grant the permission.`);
    };
  };

  test('a denied write of routes holds the release, says what is missing, and goes on once it is granted', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await worker.reconcile();
    await worker.deploy('web-v2', 'web:2');
    forbid(stage, 'patch VirtualService web');
    expect(await worker.reconcile()).toBe(15_000);
    const held = (await worker.release()).status;
    expect(held).toMatchObject({
      phase: 'Held',
      reason: 'PermissionMissing',
      message: 'The API server refused to patch VirtualService web. Grant the permission.',
    });
    stage.kube.calls.length = 0;
    await worker.reconcile();
    expect(stage.kube.calls.filter((call) => call.startsWith('patch Release'))).toEqual([]);
    stage.kube.fault = undefined;
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ phase: 'Progressing', weight: 10 });
  });

  test('a denied write during an abort is tried again until it works', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [deployNext, judged('Pass')], worker);
    forbid(stage, 'patch VirtualService web');
    await judged('Fail')(stage, worker);
    await worker.reconcile();
    const { status } = await worker.release();
    expect(status).toMatchObject({ phase: 'Aborting', weight: 0, reason: 'ErrorsAboveStable' });
    expect(status?.conditions.find(({ type }) => type === 'Stalled')).toMatchObject({ status: 'True' });
    stage.kube.fault = undefined;
    await worker.reconcile();
    expect((await worker.release()).status?.phase).toBe('Aborted');
    expect(await worker.weights()).toEqual([100, 0]);
  });

  const fails =
    (code: 'SERIN_E_FORBIDDEN' | 'SERIN_E_KUBERNETES') =>
    (kube: MemoryKube): KubeClient => {
      kube.fault = (verb, target) => {
        if (`${verb} ${target}` === 'patch VirtualService web') throw new SerinError(code, 'No. Ask again.');
      };
      return kube;
    };
  const undone = (kube: MemoryKube): KubeClient => ({
    ...kube,
    patch: async (patch, signal) => {
      const before = patch.target.type === TYPES.virtualService ? await kube.get(patch.target) : undefined;
      const after = await kube.patch(patch, signal);
      return before === undefined ? after : kube.put(before);
    },
  });

  test.each([
    ['refused', fails('SERIN_E_FORBIDDEN')],
    ['not answered', fails('SERIN_E_KUBERNETES')],
    ['undone at once', undone],
  ] as const)(
    'what a deletion gives back and is %s is tried for ten minutes, and then said',
    async (_how, clientOf) => {
      const stage = await aStage();
      await play(stage, [deployNext, judged('Pass')], stage.worker());
      const worker = stage.worker(clientOf(stage.kube));
      await stage.remove();
      stage.clock.pass(3_600_000);
      const look = async (): Promise<unknown> => worker.reconcile().catch((thrown: unknown) => thrown);
      await look();
      stage.clock.pass(540_000);
      await look();
      expect((await worker.release()).status).toMatchObject({ phase: 'Aborting', reason: 'Deleted' });
      stage.clock.pass(60_000);
      await look();
      await look();
      const events = (await stage.kube.list(TYPES.event, { namespace: 'shop' })).items;
      expect(events.map(({ reason }) => reason)).toContain('NotGivenBack');
      expect((await worker.release()).metadata.finalizers).toEqual([]);
    },
  );

  test.each(['abort', 'deletion'])(
    'routes that may not be read during an %s are said, and not asked for at once again',
    async (end) => {
      const stage = await aStage();
      const worker = stage.worker();
      await play(stage, [deployNext, judged('Pass')], worker);
      forbid(stage, 'get VirtualService web');
      if (end === 'abort') await judged('Fail')(stage, worker);
      else await stage.remove();
      stage.kube.calls.length = 0;
      expect(await worker.reconcile()).toBe(15_000);
      expect(stage.kube.calls.length).toBeLessThan(200);
      const { status } = await worker.release();
      expect(status).toMatchObject({ phase: 'Aborting', reason: end === 'abort' ? 'ErrorsAboveStable' : 'Deleted' });
      const conditionOf = (name: string) => status?.conditions.find(({ type }) => type === name);
      expect(conditionOf('Stalled')).toMatchObject({ status: 'True' });
      const message = 'The API server refused to get VirtualService web. Grant the permission.';
      expect(conditionOf('TrafficRouted')).toMatchObject({ status: 'False', reason: 'PermissionMissing', message });
      expect(worker.messages).toEqual([]);
      const events = (await stage.kube.list(TYPES.event, { namespace: 'shop' })).items;
      expect(events.filter(({ reason }) => reason === 'PermissionMissing')).toHaveLength(1);
      stage.kube.calls.length = 0;
      await worker.reconcile();
      expect(stage.kube.calls.filter((call) => call.startsWith('patch'))).toEqual([]);
      stage.kube.fault = undefined;
      await worker.reconcile();
      expect(await worker.weights()).toEqual([100, 0]);
      if (end === 'abort') expect((await worker.release()).status?.phase).toBe('Aborted');
      else expect((await worker.release()).metadata.finalizers).toEqual([]);
    },
  );

  test('a Release that never comes to rest is looked at later each time', async () => {
    const stage = await aStage();
    let tick = 0;
    // Whatever is written of a status is lost.
    const contested: KubeClient = {
      ...stage.kube,
      patch: async (patch, signal) =>
        patch.kind === 'json' && patch.subresource === 'status'
          ? stage.kube.patch(
              { ...patch, operations: [{ op: 'add', path: '/metadata/labels', value: { tick: `${tick++}` } }] },
              signal,
            )
          : stage.kube.patch(patch, signal),
    };
    const reconcile = createReconcileRelease(lookingAt(contested, stage));
    const looks = () => reconcile('shop/web', new AbortController().signal);
    expect([await looks(), await looks(), await looks()]).toEqual([1_000, 2_000, 4_000]);
    expect(tick).toBe(3 * 32);
  });

  test('unreadable pods are said, and nothing is done', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    forbid(stage, 'list Pod');
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ phase: 'Idle', reason: 'PermissionMissing' });
  });

  describe.each([
    ['forbids Events', 'SERIN_E_FORBIDDEN'],
    ['answers 503 to every Event', 'SERIN_E_KUBERNETES'],
  ] as const)('an API server that %s', (_what, code) => {
    const withoutEvents = async (): Promise<MemoryStage> => {
      const stage = await aStage();
      stage.kube.fault = (verb, target) => {
        if (verb === 'create' && target.startsWith('Event')) throw new SerinError(code, 'No Events. Later, perhaps.');
      };
      return stage;
    };

    test('holds up no release', async () => {
      const stage = await withoutEvents();
      const worker = stage.worker();
      await play(stage, [deployNext, judged('Pass'), judged('Pass')], worker);
      expect((await worker.release()).status).toMatchObject({ phase: 'Promoted' });
      expect((await worker.release()).status).not.toHaveProperty('unannounced');
    });

    test('keeps no Release from going', async () => {
      const stage = await withoutEvents();
      const worker = stage.worker();
      await play(stage, [deployNext, judged('Pass')], worker);
      await stage.remove();
      await worker.reconcile();
      expect((await worker.release()).metadata.finalizers).toEqual([]);
      expect(await worker.weights()).toEqual([100, 0]);
    });
  });

  test('a look that is aborted while it tells of a transition ends there', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await worker.reconcile();
    await worker.deploy('web-v2', 'web:2');
    const stopping = new AbortController();
    stage.kube.fault = (verb, target) => {
      if (verb !== 'create' || !target.startsWith('Event')) return;
      stopping.abort(new SerinError('SERIN_E_ABORTED', 'The process is stopping. Nothing has to be done.'));
      throw new SerinError('SERIN_E_KUBERNETES', 'The request was cut off. It is tried again.');
    };
    await expect(worker.reconcile(stopping.signal)).rejects.toMatchObject({ code: 'SERIN_E_ABORTED' });
    expect((await worker.release()).status?.unannounced).toHaveLength(1);
  });

  test('an API server that fails now and then changes nothing about the end', async () => {
    const stage = await aStage();
    let calls = 0;
    const worker = stage.worker();
    stage.kube.fault = () => {
      calls += 1;
      if (calls % 31 === 0) throw new SerinError('SERIN_E_KUBERNETES', 'It answered 500. It is tried again.');
    };
    const insist = async (): Promise<void> => {
      for (let tries = 0; tries < 200; tries++) {
        try {
          await worker.reconcile();
          return;
        } catch (thrown) {
          if (!(thrown instanceof SerinError) || !thrown.retryable) throw thrown;
        }
      }
      throw new Error('never through');
    };
    await insist();
    for (const act of [deployNext, judged('Pass'), judged('Pass')]) {
      const fault: MemoryKube['fault'] = stage.kube.fault;
      stage.kube.fault = undefined;
      await act(stage, worker);
      stage.kube.fault = fault;
      await insist();
    }
    stage.kube.fault = undefined;
    expect((await worker.release()).status?.phase).toBe('Promoted');
    expect(await worker.weights()).toEqual([0, 100]);
  });
});

describe('other people', () => {
  test('a route edited by hand is put back; other rules and fields stay as they were edited', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [deployNext], worker);
    await worker.edit(TYPES.virtualService, 'web', [
      { op: 'replace', path: '/spec/http/1/route/1/weight', value: 60 },
      { op: 'replace', path: '/spec/http/1/route/0/weight', value: 40 },
      { op: 'replace', path: '/spec/http/0/timeout', value: '9s' },
    ]);
    await worker.reconcile();
    expect(await worker.weights()).toEqual([90, 10]);
    const spec = (await worker.get(TYPES.virtualService, 'web'))['spec'] as { http: readonly { timeout?: string }[] };
    expect(spec.http[0]?.timeout).toBe('9s');
    expect((await worker.release()).status?.driftRepairs).toBe(1);
  });

  test('the younger of two Releases for one workload says so and touches nothing', async () => {
    const stage = await aStage();
    const rival = clusterObjects().at(-1);
    if (rival === undefined) throw new Error('no Release');
    stage.kube.put({
      ...rival,
      metadata: { ...rival.metadata, name: 'rival', creationTimestamp: '2026-02-01T00:00:00Z' },
    });
    const [older, younger] = [
      stage.worker(),
      releaseCluster(stage.kube, stage.settle, { clock: stage.clock, key: 'shop/rival' }),
    ];
    await older.reconcile();
    await younger.reconcile();
    expect((await older.release()).status?.reason).toBe('Initial');
    expect((await older.release('rival')).status).toMatchObject({ phase: 'Idle', reason: 'TargetConflict' });
    stage.kube.drop({ type: TYPES.release, namespace: 'shop', name: 'web' });
    await younger.reconcile();
    expect((await older.release('rival')).status?.reason).toBe('Initial');
  });

  test.each([1, 500, 3_600_000])(
    'a worker whose clock is %i ms behind goes on with the attempt of one that died before it made the run',
    async (behindMs) => {
      const stage = await aStage();
      const worker = stage.worker();
      await worker.reconcile();
      await deployNext(stage, worker);
      const dying = stage.worker({
        ...stage.kube,
        create: async (object, owner, signal) => {
          if (object.kind === TYPES.analysisRun.kind) throw new Error('killed');
          return stage.kube.create(object, owner, signal);
        },
      });
      await expect(dying.reconcile()).rejects.toThrow('killed');
      stage.clock.pass(-behindMs);
      await stage.worker().reconcile();
      expect((await worker.release()).status).toMatchObject({ phase: 'Progressing', weight: 10, attempt: 1 });
      expect((await stage.kube.list(TYPES.analysisRun, {})).items).toHaveLength(1);
    },
  );

  test.each([
    ['when Serin was away for a quarter of an hour', async (stage: MemoryStage) => stage.clock.pass(1_500_000)],
    [
      'although an older Release claims them by now',
      async ({ kube }: MemoryStage) => {
        const rival = clusterObjects().at(-1);
        if (rival === undefined) throw new Error('no Release');
        const creationTimestamp = '2025-02-01T00:00:00Z';
        kube.put({ ...rival, metadata: { ...rival.metadata, name: 'rival', creationTimestamp } });
      },
    ],
  ])('a Release that is deleted gives its routes back %s', async (_name, act) => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [deployNext, judged('Pass')], worker);
    await stage.remove();
    await act(stage);
    await worker.reconcile();
    expect(await worker.weights()).toEqual([100, 0]);
    expect((await worker.release()).metadata.finalizers).toEqual([]);
  });

  test.each([
    [
      'another VirtualService',
      { ...istioSpec, traffic: { istio: { virtualService: { name: 'web2', routes: ['main'] } } } },
    ],
    ['no router', { workload: istioSpec.workload, strategy: istioSpec.strategy, analysis: istioSpec.analysis }],
    ['another kind of router', { ...istioSpec, traffic: { service: { name: 'shop' } } }],
  ] as const)('where %s is named in the middle, it stays with what it took', async (_name, spec) => {
    const stage = await aStage();
    const worker = stage.worker();
    const { spec: routes } = await worker.get(TYPES.virtualService, 'web');
    const web2 = {
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name: 'web2', namespace: 'shop' },
    };
    stage.kube.put({ ...web2, spec: routes });
    await play(stage, [deployNext, judged('Pass')], worker);
    const steered = async (): Promise<unknown> => (await worker.get(TYPES.virtualService, 'web'))['spec'];
    const before = await steered();
    expect(before).not.toEqual(routes);
    await worker.edit(TYPES.release, 'web', [{ op: 'replace', path: '/spec', value: spec }]);
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ phase: 'Held', weight: 50, reason: 'InvalidSpec' });
    expect(await steered()).toEqual(before);
    await judged('Fail')(stage, worker);
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ phase: 'Aborted', weight: 0 });
    expect(await steered()).toEqual(routes);
    expect((await worker.get(TYPES.virtualService, 'web2'))['spec']).toEqual(routes);
  });

  test('a run of a deleted Release of the same name makes room', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [deployNext], worker);
    const { status } = await worker.release();
    const name = status?.analysisRun ?? '';
    const again = await aStage();
    again.kube.put({
      apiVersion: 'serin.dev/v1alpha1',
      kind: 'AnalysisRun',
      metadata: {
        name,
        namespace: 'shop',
        ownerReferences: [
          { apiVersion: 'serin.dev/v1alpha1', kind: 'Release', name: 'web', uid: 'gone', controller: true },
        ],
      },
      spec: { release: { name: 'web', uid: 'gone' } },
    });
    const successor = again.worker();
    await play(again, [deployNext], successor);
    expect((await successor.release()).status).toMatchObject({ phase: 'Progressing', weight: 10, attempt: 1 });
  });

  test.each([
    ['belongs to nobody', {}, 'belongs to no Release that is there'],
    [
      'belongs to something else',
      { ownerReferences: [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'web', uid: 'other', controller: true }] },
      'belongs to no Release that is there',
    ],
    [
      'is kept by its finalizers, its Release being gone,',
      {
        deletionTimestamp: '2026-01-01T00:00:00Z',
        ownerReferences: [
          { apiVersion: 'serin.dev/v1alpha1', kind: 'Release', name: 'web', uid: 'gone', controller: true },
        ],
      },
      'is being deleted, and its finalizers keep it',
    ],
  ])('a run of the same name that %s is left alone, and the release is held', async (_what, metadata, why) => {
    const other = await aStage();
    const before = other.worker();
    await play(other, [deployNext], before);
    const name = (await before.release()).status?.analysisRun ?? '';
    const stage = await aStage();
    const worker = stage.worker();
    const kept = stage.kube.put({
      apiVersion: 'serin.dev/v1alpha1',
      kind: 'AnalysisRun',
      metadata: { name, namespace: 'shop', ...metadata },
      spec: { release: { name: 'web', uid: 'gone' } },
    });
    await worker.reconcile();
    await worker.deploy('web-v2', 'web:2');
    stage.kube.calls.length = 0;
    expect(await worker.reconcile()).toBe(15_000);
    expect(stage.kube.calls.filter((call) => call === 'create AnalysisRun').length).toBeLessThan(4);
    const { status } = await worker.release();
    expect(status).toMatchObject({ phase: 'Held', reason: 'NameTaken', weight: 0 });
    expect(status?.message).toContain(`AnalysisRun shop/${name} has the name that this release needs and ${why}.`);
    expect(status?.message).toContain(`kubectl --namespace shop delete analysisrun ${name}`);
    expect(status?.conditions.find(({ type }) => type === 'Stalled')).toMatchObject({ status: 'True' });
    expect(await worker.get(TYPES.analysisRun, name)).toEqual(kept);
    stage.kube.drop({ type: TYPES.analysisRun, namespace: 'shop', name });
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ phase: 'Progressing', weight: 10, attempt: 1 });
  });
});

test('a look at a cache that has nothing new costs no request', async () => {
  const stage = await aStage();
  const plain = stage.worker();
  await play(stage, [deployNext], plain);
  const all = (await Promise.all(Object.values(TYPES).map((type) => stage.kube.list(type)))).flatMap(
    ({ items }) => items,
  );
  const cache = {
    get: ({ type, name }: { type: { kind: string }; name: string }) =>
      all.find(({ kind, metadata }) => kind === type.kind && metadata.name === name),
    list: (type: { kind: string }) => all.filter(({ kind }) => kind === type.kind),
    subscribe: () => () => undefined,
  };
  const cached = releaseCluster(stage.kube, async () => undefined, { clock: stage.clock, cache });
  stage.kube.calls.length = 0;
  expect(await cached.reconcile()).toBe(30_000);
  expect(stage.kube.calls).toEqual([]);
});
