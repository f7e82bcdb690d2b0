/** Stages for Deployments in place on a cluster in memory. */
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import type { ObjectCache } from '../../src/kube/cache.ts';
import type { KubeClient } from '../../src/kube/port.ts';
import { settleInPlace } from './deployment-cluster.ts';
import { createMemoryKube, type MemoryKube } from './memory-kube.ts';
import { objectSet } from './objects.ts';
import { type Stage, stageOn } from './release-stories.ts';

export interface MemoryStage extends Stage {
  readonly kube: MemoryKube;
}

export async function memoryStage(objects: readonly KubeObject[]): Promise<MemoryStage> {
  const kube = createMemoryKube();
  for (const object of objects) kube.put(object);
  const settle = settleInPlace(kube);
  await settle(kube);
  const remove = async (): Promise<void> => {
    const release = await kube.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
    if (release === undefined) throw new Error('no Release');
    kube.put({ ...release, metadata: { ...release.metadata, deletionTimestamp: new Date().toISOString() } });
  };
  return { ...stageOn(kube, settle, remove), kube };
}

/** What informers would hold now: neither ConfigMaps nor Secrets, which nobody watches. */
export async function cacheOf(kube: KubeClient): Promise<ObjectCache> {
  const watched = Object.values(TYPES).filter((type) => type !== TYPES.configMap && type !== TYPES.secret);
  const objects = objectSet((await Promise.all(watched.map((type) => kube.list(type)))).flatMap(({ items }) => items));
  return {
    get: ({ type, namespace, name }) => objects.find(type, namespace ?? '', name),
    list: (type, namespace) => objects.all(type, namespace ?? ''),
    subscribe: () => () => undefined,
  };
}
