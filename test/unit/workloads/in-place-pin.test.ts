/** The pin of stable's subset: it goes with the release, wherever the DestinationRule was meanwhile, and nobody else's is touched. */
import { describe, expect, test } from 'vitest';
import { at, listAt } from '../../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { istio } from '../../../src/traffic/istio.ts';
import type { TrafficInput } from '../../../src/traffic/port.ts';
import { inPlaceObjects, inPlaceSpec } from '../../support/deployment-cluster.ts';
import { aborted, deploy } from '../../support/in-place-stories.ts';
import { memoryStage, type MemoryStage } from '../../support/in-place-memory.ts';
import { arm, destinationRule, objectSet, service, virtualService } from '../../support/objects.ts';
import { play, type Stage } from '../../support/release-stories.ts';

const RULE = { type: TYPES.destinationRule, namespace: 'shop', name: 'web' };
const HASH = 'pod-template-hash';

const ruleIn = async ({ kube }: Stage): Promise<KubeObject | undefined> => kube.get(RULE);
const pinIn = async (stage: Stage): Promise<unknown> =>
  at(listAt(await ruleIn(stage), 'spec', 'subsets')[0], 'labels', HASH);

/** A release under way, and a copy of the DestinationRule as it is then. */
async function begun(): Promise<{ stage: MemoryStage; copy: KubeObject }> {
  const stage = await memoryStage(inPlaceObjects());
  await play(stage, [deploy('web:2')], stage.worker());
  const copy = await ruleIn(stage);
  if (copy === undefined) throw new Error('no DestinationRule');
  expect(await pinIn(stage)).toEqual(expect.any(String));
  return { stage, copy };
}

/** Asked for at the stage's own time. */
async function remove({ kube, clock }: MemoryStage): Promise<void> {
  const release = await kube.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
  if (release === undefined) throw new Error('no Release');
  const deletionTimestamp = new Date(clock.nowMs()).toISOString();
  kube.put({ ...release, metadata: { ...release.metadata, deletionTimestamp } });
}

describe('a pin that comes back with a copy of its DestinationRule', () => {
  test.each([
    { when: 'right after the abort', afterMs: 0 },
    { when: 'long after the abort, when nothing is remembered of it', afterMs: 600_000 },
  ])('is taken away: $when', async ({ afterMs }) => {
    const { stage, copy } = await begun();
    const worker = stage.worker();
    stage.kube.drop(RULE);
    await play(stage, [aborted], worker);
    stage.clock.pass(afterMs);
    await worker.reconcile();
    stage.kube.put(copy);
    stage.clock.pass(60_000);
    await worker.reconcile();
    expect(await pinIn(stage)).toBeUndefined();
  });

  test('is waited for where the Release is deleted, and taken away', async () => {
    const { stage, copy } = await begun();
    const worker = stage.worker();
    stage.kube.drop(RULE);
    await remove(stage);
    await worker.reconcile();
    expect((await worker.release()).metadata.finalizers).not.toEqual([]);
    stage.kube.put(copy);
    await worker.reconcile();
    expect(await pinIn(stage)).toBeUndefined();
    expect((await worker.release()).metadata.finalizers).toEqual([]);
  });

  test('is told of where the DestinationRule stays away, and the Release goes', async () => {
    const { stage } = await begun();
    const worker = stage.worker();
    stage.kube.drop(RULE);
    await remove(stage);
    await worker.reconcile();
    stage.clock.pass(60_000);
    await worker.reconcile();
    const { metadata, status } = await worker.release();
    expect(metadata.finalizers).toEqual([]);
    expect(status).toMatchObject({
      reason: 'NotGivenBack',
      message: expect.stringContaining('No DestinationRule defines subset "stable" of "web"'),
    });
  });
});

describe('two Deployments in place in one namespace', () => {
  const input = (more: Partial<TrafficInput> = {}): TrafficInput => ({
    namespace: 'shop',
    spec: { ...inPlaceSpec, traffic: { istio: { virtualService: { name: 'web' } } } },
    stable: { ...arm('web', { app: 'web', track: 'stable', [HASH]: 'w1' }), ownLabel: { key: HASH, value: 'w1' } },
    canary: {
      ...arm('web-canary', { app: 'web', track: 'stable', 'serin.dev/role': 'canary' }),
      ownLabel: { key: 'serin.dev/role', value: 'canary' },
    },
    taken: { router: 'istio', virtualService: 'web', rules: [] },
    objects: objectSet([
      service('web', { app: 'web' }),
      service('api', { app: 'api' }),
      virtualService([{ route: [{ destination: { host: 'web', subset: 'stable' } }] }]),
      destinationRule('web', { stable: { track: 'stable' }, canary: { 'serin.dev/role': 'canary' } }),
      destinationRule('api', { stable: { track: 'stable', [HASH]: 'a1' }, canary: { 'serin.dev/role': 'canary' } }),
    ]),
    ...more,
  });

  test.each([{ kind: 'weight', canaryWeight: 10 } as const, { kind: 'restore' } as const])(
    'leave each other’s pins alone, also where their subsets have the same labels: $kind',
    (intent) => {
      const names = istio.write(input(), intent).map((patch) => ('target' in patch ? patch.target.name : ''));
      expect(names).not.toContain('api');
    },
  );
});
