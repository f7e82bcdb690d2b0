/** The reconcile loop with the real adapters on a `KubeClient` in memory: releases in a row, refusals, rivals, and death between any two writes. */
import { describe, expect, test } from 'vitest';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import { SerinError } from '../../../src/errors.ts';
import type { KubeClient } from '../../../src/kube/port.ts';
import { createMemoryKube, type MemoryKube } from '../../support/memory-kube.ts';
import {
  clusterObjects,
  dyingClient,
  istioSpec,
  type ReleaseCluster,
  releaseCluster,
  type Settle,
  settleAtOnce,
} from '../../support/release-cluster.ts';

interface Stage {
  readonly kube: MemoryKube;
  readonly settle: Settle;
  readonly clock: { nowMs(): number; pass(ms: number): void };
  /** A worker, on this client or another one for the same objects. */
  worker(kube?: KubeClient): ReleaseCluster;
}

async function aStage(spec: ReleaseSpec = istioSpec): Promise<Stage> {
  const kube = createMemoryKube();
  for (const object of clusterObjects(spec)) kube.put(object);
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const clock = { nowMs: () => nowMs, pass: (ms: number) => void (nowMs += ms) };
  const settle = settleAtOnce(kube);
  await settle(kube);
  return { kube, settle, clock, worker: (client = kube) => releaseCluster(client, settle, { clock }) };
}

/** What remains of a run in the cluster, without the marks of time and versions. */
async function endState({ kube }: Stage, worker: ReleaseCluster): Promise<unknown> {
  const { status } = await worker.release();
  const runs = (await kube.list(TYPES.analysisRun)).items.map(({ metadata, status: of }) => [
    metadata.name,
    (of as { phase?: string } | undefined)?.phase,
  ]);
  const events = (await kube.list(TYPES.event)).items.map(
    ({ reason, message }) => `${String(reason)}: ${String(message)}`,
  );
  return {
    phase: status?.phase,
    reason: status?.reason,
    revision: status?.revision,
    pair: status?.pair,
    weight: status?.weight,
    attempt: status?.attempt,
    taken: status?.taken,
    history: status?.history?.map(({ revision, outcome, attempt, weight }) => ({ revision, outcome, attempt, weight })),
    weights: status?.weights?.map(({ weight, step }) => ({ weight, step })),
    finalizers: (await worker.release()).metadata.finalizers,
    routes: (await kube.get({ type: TYPES.virtualService, namespace: 'shop', name: 'web' }))?.['spec'],
    replicas: await Promise.all(
      ['web-v1', 'web-v2'].map(async (name) => (await worker.get(TYPES.deployment, name))['spec']),
    ),
    runs,
    events: events.toSorted(),
  };
}

type Act = (stage: Stage, worker: ReleaseCluster) => Promise<void>;

const deployNext: Act = (_stage, worker) => worker.deploy('web-v2', 'web:2');
const judged =
  (outcome: 'Pass' | 'Fail'): Act =>
  async ({ clock }, worker) => {
    clock.pass(10_000);
    await worker.judge(outcome);
  };
const requested =
  (verb: string): Act =>
  async (_stage, worker) => {
    const { status, metadata } = await worker.release();
    const annotations = {
      ...metadata.annotations,
      'serin.dev/request': `${verb}/${status?.revision.canary}/${verb}-1`,
    };
    await worker.edit(TYPES.release, 'web', [{ op: 'add', path: '/metadata/annotations', value: annotations }]);
  };
const deleted: Act = async ({ kube }, worker) => {
  const release = (await worker.release()) as unknown as KubeObject;
  kube.put({ ...release, metadata: { ...release.metadata, deletionTimestamp: '2026-01-01T00:10:00Z' } });
};

/** Each act is followed by looks until the Release rests. */
const STORIES: Readonly<
  Record<string, { readonly spec?: ReleaseSpec; readonly acts: readonly Act[]; readonly ends: string }>
> = {
  'a release that is promoted': { ends: 'Promoted 0/100', acts: [deployNext, judged('Pass'), judged('Pass')] },
  'a release that is aborted on its evidence': {
    ends: 'Aborted 100/0',
    acts: [deployNext, judged('Pass'), judged('Fail')],
  },
  'a revision that is tried again after an abort': {
    ends: 'Promoted 0/100',
    acts: [deployNext, judged('Fail'), requested('retry'), judged('Pass'), judged('Pass')],
  },
  'a newer revision in the middle of a release': {
    ends: 'Promoted 0/100',
    acts: [
      deployNext,
      judged('Pass'),
      (_stage, worker) => worker.deploy('web-v2', 'web:3'),
      judged('Pass'),
      judged('Pass'),
    ],
  },
  'a deletion in the middle of a release': { ends: 'Aborting 100/0', acts: [deployNext, judged('Pass'), deleted] },
  'a person who promotes': { ends: 'Promoted 0/100', acts: [deployNext, requested('promote-full')] },
  'replica counts as weights': {
    ends: 'Promoted 100/0',
    spec: {
      workload: istioSpec.workload,
      strategy: { canary: { steps: [{ setWeight: 50 }, { pause: { duration: '1m' } }] } },
    },
    acts: [deployNext, async ({ clock }) => clock.pass(61_000)],
  },
};

async function play(stage: Stage, story: readonly Act[], worker: ReleaseCluster): Promise<void> {
  await worker.reconcile();
  for (const act of story) {
    await act(stage, worker);
    await worker.reconcile();
  }
}

/** The same story with a death at the `at`-th write of the service; whoever comes next goes on. Answers whether it died. */
async function playDying(stage: Stage, story: readonly Act[], at: number, when: 'before' | 'after'): Promise<boolean> {
  const { kube } = dyingClient(stage.kube, at, when);
  const doomed = stage.worker(kube);
  const heir = stage.worker();
  let hasDied = false;
  const look = async (): Promise<void> => {
    if (hasDied) return void (await heir.reconcile());
    try {
      await doomed.reconcile();
    } catch (thrown) {
      if (!(thrown instanceof SerinError) || thrown.code !== 'SERIN_E_ABORTED') throw thrown;
      hasDied = true;
      await stage.settle(stage.kube);
      await heir.reconcile();
    }
  };
  await look();
  for (const act of story) {
    await act(stage, heir);
    await look();
  }
  return hasDied;
}

describe.each(Object.entries(STORIES))('killed at any write of %s', (_name, { spec, acts, ends }) => {
  test.each(['before', 'after'] as const)('%s it was made, the end is the same', async (when) => {
    const plain = await aStage(spec);
    const worker = plain.worker();
    await play(plain, acts, worker);
    const expected = await endState(plain, worker);
    expect(`${(await worker.release()).status?.phase} ${(await worker.weights()).join('/')}`).toBe(ends);
    let deaths = 0;
    for (let at = 0; ; at++) {
      const stage = await aStage(spec);
      if (!(await playDying(stage, acts, at, when))) break;
      deaths++;
      expect(await endState(stage, stage.worker()), `killed ${when} write ${at}`).toEqual(expected);
    }
    expect(deaths).toBeGreaterThan(8);
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
    expect(await endState(stage, one)).toEqual(await endState(plain, alone));
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
