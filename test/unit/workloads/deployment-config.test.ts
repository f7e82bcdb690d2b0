/** A Deployment in place whose configuration changes, told as stories on a cluster in memory, and with a death between any two writes. */
import { describe, expect, test } from 'vitest';
import { at, stringAt } from '../../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import type { AnalysisRun } from '../../../src/api/analysis-run.ts';
import type { ObjectCache } from '../../../src/kube/cache.ts';
import { createPodReader } from '../../../src/controller/analysis/pods.ts';
import { workloadAdapterOf } from '../../../src/workloads/registry.ts';
import { SerinError } from '../../../src/errors.ts';
import {
  CONFIG_STORIES,
  configObjects,
  configSpec,
  configTemplate,
  configured,
  DEADLY_CONFIG,
  markOf,
  podsOf,
  remaining,
  replaced,
} from '../../support/config-stories.ts';
import { endOf, users, withoutHold } from '../../support/in-place-stories.ts';
import { cacheOf, memoryStage, type MemoryStage } from '../../support/in-place-memory.ts';
import type { MemoryKube } from '../../support/memory-kube.ts';
import { objectSet } from '../../support/objects.ts';
import { releaseCluster } from '../../support/release-cluster.ts';
import { judged, play, playDying, type Stage } from '../../support/release-stories.ts';

const aStage = (spec = configSpec): Promise<MemoryStage> => memoryStage(configObjects(spec));

const statusIn = async ({ kube }: Stage): Promise<unknown> =>
  at(await kube.get({ type: TYPES.release, namespace: 'shop', name: 'web' }), 'status');

test.each(Object.entries(CONFIG_STORIES))('%s', async (_name, { acts, spec, ends, pods, says }) => {
  const stage = await aStage(spec);
  const [before, first] = [withoutHold(await users(stage)), await podsOf(stage.kube)];
  await play(stage, acts, stage.worker());
  expect(await endOf(stage)).toBe(ends);
  if (!/^(Held|Promoting)/.test(ends)) expect(withoutHold(await users(stage))).toEqual(before);
  expect(remaining(first, await podsOf(stage.kube))).toBe(pods);
  if (says !== undefined) expect(stringAt(await statusIn(stage), 'message')).toMatch(says);
});

test('killed after any write: whoever comes next ends it alike', { timeout: 240_000 }, async () => {
  const { acts = [] } = CONFIG_STORIES[DEADLY_CONFIG] ?? {};
  const plain = await aStage();
  await play(plain, acts, plain.worker());
  const expected = [await endOf(plain), await users(plain), await markOf(plain.kube)];
  let deaths = 0;
  for (let write = 0; ; write++) {
    const stage = await aStage();
    if (!(await playDying(stage, acts, write, 'after'))) break;
    deaths++;
    const end = [await endOf(stage), await users(stage), await markOf(stage.kube)];
    expect(end, `killed after write ${write}`).toEqual(expected);
  }
  expect(deaths).toBeGreaterThan(30);
});

test('somebody ends the pause at any moment: it is promoted with other pods, or not at all', {
  timeout: 240_000,
}, async () => {
  const oneStep = { ...configSpec, strategy: { canary: { stepWeights: [50] } } };
  const acts = [configured('two'), judged('Pass')];
  let deaths = 0;
  for (let write = 0; ; write++) {
    const stage = await aStage(oneStep);
    const first = await podsOf(stage.kube);
    let isResumed = false;
    const meddled: Stage = {
      ...stage,
      settle: async (kube) => {
        const web = await kube.get({ type: TYPES.deployment, namespace: 'shop', name: 'web' });
        const isPaused = at(web, 'spec', 'paused') === true;
        if (isPaused && !isResumed)
          await stage.worker().edit(TYPES.deployment, 'web', [{ op: 'remove', path: '/spec/paused' }]);
        isResumed = true;
        await stage.settle(kube);
      },
    };
    if (!(await playDying(meddled, acts, write, 'after'))) break;
    deaths++;
    expect(await endOf(stage), `after write ${write}`).toBe('Promoted: stable 100; 4 × web:1');
    expect(remaining(first, await podsOf(stage.kube)), `after write ${write}`).toBe('others');
  }
  expect(deaths).toBeGreaterThan(10);
});

describe('on the way', () => {
  test('a look at the cache finds what nobody watches', async () => {
    const stage = await aStage();
    await stage.worker().reconcile();
    let now = await cacheOf(stage.kube);
    const settle: Stage['settle'] = async (kube) => {
      await stage.settle(kube);
      now = await cacheOf(kube);
    };
    const cache: ObjectCache = { ...now, get: (ref) => now.get(ref), list: (...what) => now.list(...what) };
    const cached = releaseCluster(stage.kube, settle, { clock: stage.clock, cache });
    stage.kube.calls.length = 0;
    expect(await cached.reconcile()).toBe(15_000);
    expect(stage.kube.calls).toEqual(['get ConfigMap web-config', 'get Secret web-keys']);
    await configured('two')(stage, cached);
    await cached.reconcile();
    expect(await statusIn(stage)).toMatchObject({ phase: 'Progressing' });
  });

  test('the judge knows the pods of both versions', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [configured('two')], worker);
    const release = await worker.release();
    const run = (await worker.get(TYPES.analysisRun, release.status?.analysisRun ?? '')) as unknown as AnalysisRun;
    const cache = await cacheOf(stage.kube);
    const pods = createPodReader(cache, workloadAdapterOf)(release, run.spec, stage.clock.nowMs());
    expect({ stable: pods?.stable.length, canary: pods?.canary.length }).toEqual({ stable: 4, canary: 1 });
  });

  test('people are told which object changed, and nobody of its content', async () => {
    const stage = await aStage();
    await play(stage, [configured('hunter2'), judged('Pass'), judged('Fail')], stage.worker());
    const events = (await stage.kube.list(TYPES.event, { namespace: 'shop' })).items;
    expect(events.map((event) => stringAt(event, 'message'))).toContainEqual(
      expect.stringMatching(/^Revision \w+ was found\. The content of ConfigMap web-config changed\.$/),
    );
    const sources = new Set(['ConfigMap', 'Secret']);
    const written = (await everything(stage.kube)).filter(({ kind }) => !sources.has(kind));
    expect(JSON.stringify(written)).not.toMatch(/hunter2|b25l/);
  });

  test('the canary’s pods and, after the promotion, the Deployment’s say which configuration they started with', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [configured('two')], worker);
    const digest = at(await statusIn(stage), 'config', 'digest');
    const canary = await stage.kube.get({ type: TYPES.deployment, namespace: 'shop', name: 'web-canary' });
    expect(at(canary, 'spec', 'template', 'metadata', 'annotations')).toEqual({ 'serin.dev/config': digest });
    expect(await markOf(stage.kube)).toBeUndefined();
    await play(stage, [judged('Pass'), judged('Pass')], worker);
    expect(await markOf(stage.kube)).toBe(digest);
    await play(stage, [configured('one')], worker);
    const web = await stage.kube.get({ type: TYPES.deployment, namespace: 'shop', name: 'web' });
    expect(at(web, 'spec', 'template')).toEqual(configTemplate());
  });

  test('a Deployment that has not replaced its pods since its configuration changed is not rolled out', async () => {
    const stage = await aStage();
    await play(stage, [configured('two')], stage.worker());
    const { spec, status } = await stage.worker().release();
    const adapter = workloadAdapterOf(spec);
    if (!('read' in adapter)) throw new Error(adapter.message);
    const objects = objectSet(await everything(stage.kube));
    const release = { name: 'web', uid: 'u' };
    expect(adapter.read({ namespace: 'shop', spec, status, release, objects, nowMs: 0 })).toMatchObject({
      inPlace: { isUniform: true, isMarked: false, isRolledOut: false },
    });
  });

  test('it is looked after every 15 s, by name, and only where somebody asked', async () => {
    const reads = ({ calls }: MemoryKube): readonly string[] =>
      calls.filter((call) => /ConfigMap|Secret/.test(call)).filter((call, at, all) => all.indexOf(call) === at);
    const asked = await aStage();
    expect(await asked.worker().reconcile()).toBe(15_000);
    expect(reads(asked.kube)).toEqual(['get ConfigMap web-config', 'get Secret web-keys']);
    const other = await aStage({ ...configSpec, workload: { deployment: { name: 'web' } } });
    expect(await other.worker().reconcile()).toBeUndefined();
    expect(reads(other.kube)).toEqual([]);
  });

  test('a Secret that may not be read: nothing is touched, and the status says what to grant', async () => {
    const stage = await aStage();
    const before = await users(stage);
    stage.kube.fault = (verb, target) => {
      if (verb === 'get' && target.startsWith('Secret'))
        throw new SerinError('SERIN_E_FORBIDDEN', 'User "system:serviceaccount:serin:serin" cannot get secrets');
    };
    const worker = stage.worker();
    await worker.reconcile();
    expect(await statusIn(stage)).toMatchObject({
      phase: 'Idle',
      reason: 'SecretForbidden',
      message: expect.stringContaining('kubectl create role serin-read-web-keys -n shop --verb=get --resource=secrets'),
    });
    expect(await users(stage)).toEqual(before);
    stage.kube.fault = undefined;
    await worker.reconcile();
    expect(await statusIn(stage)).toMatchObject({ phase: 'Idle', reason: 'UpToDate', config: expect.anything() });
  });

  test('somebody ends the pause in the middle: nothing is promoted, and no pod is replaced', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [configured('two'), judged('Pass')], worker);
    const first = await podsOf(stage.kube);
    await worker.edit(TYPES.deployment, 'web', [{ op: 'remove', path: '/spec/paused' }]);
    await stage.settle(stage.kube);
    await worker.reconcile();
    expect(await endOf(stage)).toBe('Progressing: stable 50, canary 50, pinned; 2 × canary web:1, 4 × web:1');
    expect(await podsOf(stage.kube)).toEqual(first);
  });

  test('a mark that was replaced away is put back without replacing a pod', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [configured('two'), judged('Pass'), judged('Pass')], worker);
    const [mark, pods] = [await markOf(stage.kube), await podsOf(stage.kube)];
    await play(stage, [replaced], worker);
    expect(await markOf(stage.kube)).toBe(mark);
    expect(await podsOf(stage.kube)).toEqual(pods);
  });

  test('with a policy: the Deployment is held when its configuration changes, and free again afterwards', async () => {
    const stage = await aStage();
    const web = async (): Promise<KubeObject> => {
      const found = await stage.kube.get({ type: TYPES.deployment, namespace: 'shop', name: 'web' });
      if (found === undefined) throw new Error('no Deployment');
      return found;
    };
    const { metadata, ...rest } = await web();
    stage.kube.put({
      ...rest,
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { ...metadata, annotations: { 'serin.dev/hold': 'policy' } },
    });
    const worker = stage.worker();
    await worker.reconcile();
    expect(at(await web(), 'spec', 'paused')).toBeUndefined();
    await play(stage, [configured('two')], worker);
    expect(at(await web(), 'spec', 'paused')).toBe(true);
    await play(stage, [judged('Pass'), judged('Pass')], worker);
    expect(await endOf(stage)).toBe('Promoted: stable 100; 4 × web:1');
  });

  test('scaled to 0 there is nothing to compare with: it is let through, and pods that come later are of it', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    const scaled = (replicas: number) =>
      worker.edit(TYPES.deployment, 'web', [{ op: 'replace', path: '/spec/replicas', value: replicas }]);
    await worker.reconcile();
    await scaled(0);
    await stage.settle(stage.kube);
    await play(stage, [configured('two')], worker);
    expect(await markOf(stage.kube)).toBe(at(await statusIn(stage), 'config', 'digest'));
    await scaled(4);
    await stage.settle(stage.kube);
    await worker.reconcile();
    expect(await endOf(stage)).toBe('Idle: stable 100; 4 × web:1');
    expect(await statusIn(stage)).toMatchObject({ reason: 'Initial' });
  });

  test('a Release whose status was lost begins with what it finds, and no pod is replaced', async () => {
    const stage = await aStage();
    const worker = stage.worker();
    await play(stage, [configured('two'), judged('Pass'), judged('Pass')], worker);
    const pods = await podsOf(stage.kube);
    await worker.edit(TYPES.release, 'web', [{ op: 'remove', path: '/status' }]);
    await worker.reconcile();
    expect(await endOf(stage)).toBe('Idle: stable 100; 4 × web:1');
    expect(await podsOf(stage.kube)).toEqual(pods);
    await play(stage, [configured('one'), judged('Fail')], worker);
    expect(await statusIn(stage)).toMatchObject({ phase: 'Aborted' });
    expect(await podsOf(stage.kube)).toEqual(pods);
  });
});

async function everything(kube: MemoryKube): Promise<readonly KubeObject[]> {
  const lists = await Promise.all(Object.values(TYPES).map((type) => kube.list(type)));
  return lists.flatMap(({ items }) => items);
}
