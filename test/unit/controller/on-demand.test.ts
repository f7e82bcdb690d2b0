/** Kinds that only some Releases are about are watched when the first of them asks, and read from the API server until they are known. */
import { afterEach, describe, expect, test } from 'vitest';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { systemClock } from '../../../src/clock.ts';
import { type Informers, startInformers } from '../../../src/controller/informer.ts';
import { cachedReader, fetchObjects, freshReader } from '../../../src/controller/object-set.ts';
import { SerinError } from '../../../src/errors.ts';
import { silentLog } from '../../../src/logger.ts';
import { watchedTypes } from '../../../src/wiring/types.ts';
import { createMemoryKube, type MemoryKube } from '../../support/memory-kube.ts';

const rollout = (name: string): KubeObject => ({
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Rollout',
  metadata: { name, namespace: 'shop' },
});
const PODS = [{ kind: 'all', type: TYPES.pod, namespace: 'shop' }] as const;
const ROLLOUTS = [{ kind: 'all', type: TYPES.argoRollout, namespace: 'shop' }] as const;

describe('a kind that is watched on demand', () => {
  const running: Informers[] = [];
  afterEach(async () => {
    for (const each of running.splice(0)) await each.stop();
  });
  const started = async (kube: MemoryKube): Promise<Informers> => {
    const deps = { kube, clock: systemClock, random: () => 0, log: silentLog, namespaces: [] };
    const informers = startInformers(deps, [TYPES.pod], undefined, [TYPES.argoRollout]);
    running.push(informers);
    await informers.synced();
    return informers;
  };
  const until = async (isTrue: () => boolean): Promise<void> => {
    while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
  };

  test('is not asked for by a service without such Releases, whatever else is read', async () => {
    const kube = createMemoryKube();
    const informers = await started(kube);
    const reader = cachedReader(informers);
    await fetchObjects(reader, PODS);
    expect(reader.hasGaps()).toBe(false);
    expect(kube.calls.filter((call) => call.includes('Rollout'))).toEqual([]);
  });

  test('that is never watched is never concluded from the cache: a template of Argo Rollouts may come at any time', async () => {
    const kube = createMemoryKube();
    const informers = await started(kube);
    const ref = { type: TYPES.argoAnalysisTemplate, namespace: 'shop', name: 'theirs' };
    const glance = cachedReader(informers);
    expect(await glance.get(ref)).toBeUndefined();
    expect(glance.hasGaps()).toBe(true);
    kube.put({ apiVersion: 'argoproj.io/v1alpha1', kind: 'AnalysisTemplate', metadata: ref });
    expect(await freshReader(kube, informers, new AbortController().signal).get(ref)).toBeDefined();
    expect(kube.calls.filter((call) => call.includes('list') && call.includes('AnalysisTemplate'))).toEqual([]);
  });

  test('is read afresh for the first Release, then watched, and heard of', async () => {
    const kube = createMemoryKube();
    kube.put(rollout('one'));
    const informers = await started(kube);
    const heard: string[] = [];
    informers.subscribe((event, { metadata }) => void heard.push(`${event} ${metadata.name}`));

    const glance = cachedReader(informers);
    await fetchObjects(glance, ROLLOUTS);
    expect(glance.hasGaps()).toBe(true);
    const fresh = freshReader(kube, informers, new AbortController().signal);
    expect((await fresh.list(TYPES.argoRollout, 'shop')).map(({ metadata }) => metadata.name)).toEqual(['one']);

    await until(() => informers.covers(TYPES.argoRollout));
    kube.put(rollout('two'));
    await until(() => heard.includes('added two'));
    expect(heard).toEqual(['added one', 'added two']);
    const again = cachedReader(informers);
    expect(await again.list(TYPES.argoRollout, 'shop')).toHaveLength(2);
    expect(again.hasGaps()).toBe(false);
    expect(kube.calls.filter((call) => call === 'watch Rollout')).toHaveLength(1);
  });

  test('that may not be listed is said to the Release that needs it, and to nobody else', async () => {
    const kube = createMemoryKube();
    kube.fault = (verb, target) => {
      if (verb === 'list' && target === 'Rollout')
        throw new SerinError('SERIN_E_FORBIDDEN', 'serin may not list rollouts. Grant it.');
    };
    const informers = await started(kube);
    const fresh = freshReader(kube, informers, new AbortController().signal);
    expect(await fetchObjects(fresh, ROLLOUTS)).toEqual({
      reason: 'PermissionMissing',
      message: 'serin may not list rollouts. Grant it.',
    });
    expect(informers.covers(TYPES.argoRollout)).toBe(false);
    expect(informers.unsynced()).toEqual([]);
    expect('find' in (await fetchObjects(fresh, PODS))).toBe(true);
  });
});

test('only kinds that nothing native needs are watched on demand', () => {
  const { always, onDemand } = watchedTypes();
  expect(onDemand.map(({ kind, group }) => `${kind}.${group}`)).toEqual([
    'Rollout.argoproj.io',
    'Rollout.rollouts.kruise.io',
    'TrafficRouting.rollouts.kruise.io',
    'StatefulSet.apps',
    'DaemonSet.apps',
    'CloneSet.apps.kruise.io',
    'StatefulSet.apps.kruise.io',
    'DaemonSet.apps.kruise.io',
    'ControllerRevision.apps',
  ]);
  expect(always).toEqual(expect.arrayContaining([TYPES.release, TYPES.deployment, TYPES.replicaSet, TYPES.pod]));
});
