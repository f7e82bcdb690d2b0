/**
 * A Deployment that is released in place, with its Service and Istio routes, and a Deployment controller that settles at once:
 * for stories that are told hundreds of times. What the real controllers do is in test/integration/in-place*.
 */
import { createHash } from 'node:crypto';
import { at, fieldsAt, labelsAt, listAt, numberAt, sameJson, stringAt } from '../../src/api/fields.ts';
import { API_VERSION, type KubeObject, type ObjectRef, TYPES } from '../../src/api/meta.ts';
import type { ReleaseSpec } from '../../src/api/release.ts';
import type { KubeClient } from '../../src/kube/port.ts';
import type { MemoryKube } from './memory-kube.ts';
import { service, virtualService } from './objects.ts';
import { analysisTemplate, type Settle } from './release-cluster.ts';

export const inPlaceSpec: ReleaseSpec = {
  workload: { deployment: { name: 'web' } },
  traffic: { istio: { virtualService: { name: 'web', routes: ['main'] }, destinationRule: { name: 'web' } } },
  strategy: { canary: { stepWeights: [10, 50] } },
  analysis: { templates: [{ name: 'web' }] },
};

/** All users at once, by the selector of their Service; judged before the switch and after it, by a bound. */
export const inPlaceSwitchSpec: ReleaseSpec = {
  workload: inPlaceSpec.workload,
  traffic: { service: { name: 'web' } },
  strategy: {
    blueGreen: {
      preview: 'web-preview',
      analysis: { before: { templates: [{ name: 'bound' }] }, after: { templates: [{ name: 'bound' }] } },
    },
  },
};

/** The user's objects: one Deployment, one Service, a subset for the stable pods and one for the canary's. */
export function inPlaceObjects(spec: ReleaseSpec = inPlaceSpec, replicas = 4): readonly KubeObject[] {
  const route = { name: 'main', route: [{ destination: { host: 'web', subset: 'stable' } }] };
  return [
    service('web', { app: 'web' }),
    service('web-preview', { app: 'web' }),
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'DestinationRule',
      metadata: { name: 'web', namespace: 'shop' },
      spec: {
        host: 'web',
        subsets: [
          { name: 'stable', labels: { app: 'web' } },
          { name: 'canary', labels: { 'serin.dev/role': 'canary' } },
        ],
      },
    },
    virtualService([route], { gateways: ['mesh'] }),
    userDeployment(replicas),
    analysisTemplate(),
    analysisTemplate('bound', { constant: '1%' }),
    {
      apiVersion: API_VERSION,
      kind: 'Release',
      metadata: { name: 'web', namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec,
    },
  ];
}

function userDeployment(replicas: number): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop', labels: { team: 'shop' } },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'web:1' }] } },
    },
  };
}

const NAMESPACE = 'shop';
const HASH = 'pod-template-hash';

/** As the Deployment and ReplicaSet controllers, the garbage collector and a kubelet would, at once. */
export function settleInPlace(memory: MemoryKube): Settle {
  return async (kube) => {
    for (;;) {
      const before = memory.calls.length;
      await collectGarbage(memory);
      for (const deployment of await list(kube, 'deployment')) await settleOne(memory, deployment);
      await collectGarbage(memory);
      if (memory.calls.slice(before).every((call) => !/^(create|patch|delete)/.test(call))) return;
    }
  };
}

const list = async (kube: KubeClient, type: 'deployment' | 'replicaSet' | 'pod'): Promise<readonly KubeObject[]> =>
  (await kube.list(TYPES[type], { namespace: NAMESPACE })).items;

async function collectGarbage(memory: MemoryKube): Promise<void> {
  for (let isDone = false; !isDone; ) {
    isDone = true;
    const [deployments, sets, pods] = await Promise.all([
      list(memory, 'deployment'),
      list(memory, 'replicaSet'),
      list(memory, 'pod'),
    ]);
    const uids = new Set([...deployments, ...sets].map(({ metadata }) => metadata.uid));
    for (const [type, objects] of [
      [TYPES.replicaSet, sets],
      [TYPES.pod, pods],
    ] as const) {
      for (const { metadata } of objects) {
        const owner = metadata.ownerReferences?.[0];
        if (owner === undefined || uids.has(owner.uid)) continue;
        memory.drop({ type, namespace: NAMESPACE, name: metadata.name });
        isDone = false;
      }
    }
  }
}

async function settleOne(memory: MemoryKube, deployment: KubeObject): Promise<void> {
  const desired = numberAt(deployment, 'spec', 'replicas') ?? 1;
  const isPaused = at(deployment, 'spec', 'paused') === true;
  const owned = (await list(memory, 'replicaSet')).filter((set) => isOwned(set, deployment));
  let newest = owned.find((set) => sameJson(bare(set), bare(deployment)));
  if (newest === undefined && !isPaused) newest = memory.put(replicaSetOf(deployment));
  const active = owned.filter((set) => (numberAt(set, 'spec', 'replicas') ?? 0) > 0 && set !== newest);
  const running = isPaused ? (active[0] ?? newest) : newest;
  const sets = newest === undefined || owned.includes(newest) ? owned : [...owned, newest];
  for (const set of sets) await scaleSet(memory, set, set === running ? desired : 0);
  const updated = running !== undefined && running === newest ? desired : 0;
  const counts = { replicas: desired, updatedReplicas: updated, readyReplicas: desired, availableReplicas: desired };
  const status = { observedGeneration: deployment.metadata.generation ?? 1, ...counts };
  if (!sameJson(deployment['status'], status)) memory.put({ ...deployment, status });
}

async function scaleSet(memory: MemoryKube, set: KubeObject, replicas: number): Promise<void> {
  const pods = (await list(memory, 'pod')).filter((pod) => isOwned(pod, set));
  const spec = { ...fieldsAt(set, 'spec'), replicas };
  const status = { replicas, readyReplicas: replicas };
  if (!sameJson(set['spec'], spec) || !sameJson(set['status'], status)) memory.put({ ...set, spec, status });
  for (const pod of pods.slice(replicas)) memory.drop(refOf('pod', pod.metadata.name));
  for (let index = pods.length; index < replicas; index++) memory.put(podOf(set, index));
}

const refOf = (type: 'pod', name: string): ObjectRef => ({ type: TYPES[type], namespace: NAMESPACE, name });

const isOwned = (child: KubeObject, owner: KubeObject): boolean =>
  child.metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid) === true;

function bare(object: KubeObject): unknown {
  const template = fieldsAt(object, 'spec', 'template');
  const { [HASH]: _hash, ...labels } = labelsAt(template, 'metadata', 'labels');
  return { ...template, metadata: { ...fieldsAt(template, 'metadata'), labels } };
}

const ownerOf = ({ apiVersion, kind, metadata }: KubeObject) => ({
  apiVersion,
  kind,
  name: metadata.name,
  uid: metadata.uid ?? '',
  controller: true,
});

function replicaSetOf(deployment: KubeObject): KubeObject {
  const template = fieldsAt(deployment, 'spec', 'template');
  const hash = createHash('sha256')
    .update(JSON.stringify(bare(deployment)))
    .digest('hex')
    .slice(0, 8);
  const labels = { ...labelsAt(template, 'metadata', 'labels'), [HASH]: hash };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: NAMESPACE,
      labels,
      ownerReferences: [ownerOf(deployment)],
    },
    spec: { replicas: 0, template: { ...template, metadata: { ...fieldsAt(template, 'metadata'), labels } } },
  };
}

function podOf(set: KubeObject, index: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${set.metadata.name}-${index}`,
      namespace: NAMESPACE,
      labels: labelsAt(set, 'spec', 'template', 'metadata', 'labels'),
      ownerReferences: [ownerOf(set)],
    },
    status: {
      phase: 'Running',
      startTime: '2026-01-01T00:00:00Z',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:05Z' }],
      containerStatuses: [{ name: 'web', restartCount: 0 }],
    },
  };
}

/** What users' requests meet: weights by subset, whether the stable one is pinned, and where a Service is led that is switched. */
export async function routesOf(kube: KubeClient): Promise<string> {
  const get = (type: (typeof TYPES)[keyof typeof TYPES], name = 'web') =>
    kube.get({ type, namespace: NAMESPACE, name });
  const led = async (name: string): Promise<string> => {
    const selector = labelsAt(await get(TYPES.service, name), 'spec', 'selector');
    if (selector['serin.dev/role'] !== undefined) return `, ${name} to canary`;
    return selector[HASH] === undefined ? '' : `, ${name} to stable`;
  };
  const [virtual, rule] = await Promise.all([get(TYPES.virtualService), get(TYPES.destinationRule)]);
  const main = listAt(virtual, 'spec', 'http')[0];
  const weights = listAt(main, 'route').map(
    (entry) => `${stringAt(entry, 'destination', 'subset')} ${numberAt(entry, 'weight') ?? 100}`,
  );
  const stable = listAt(rule, 'spec', 'subsets').find((subset) => stringAt(subset, 'name') === 'stable');
  const pinned = labelsAt(stable, 'labels')[HASH] === undefined ? '' : ', pinned';
  return `${weights.join(', ')}${pinned}${await led('web')}${await led('web-preview')}`;
}

/** How many alive pods there are of each image; those of the canary's Deployment apart. */
export async function podsByImage(kube: KubeClient): Promise<string> {
  const [sets, pods] = await Promise.all([list(kube, 'replicaSet'), list(kube, 'pod')]);
  const counts = new Map<string, number>();
  for (const pod of pods) {
    const set = sets.find((each) => isOwned(pod, each));
    if (set === undefined || pod.metadata.deletionTimestamp !== undefined) continue;
    const image = stringAt(listAt(set, 'spec', 'template', 'spec', 'containers')[0], 'image') ?? '';
    const isCanary = pod.metadata.labels?.['serin.dev/role'] === 'canary';
    const name = `${isCanary ? 'canary ' : ''}${image}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${count} × ${name}`)
    .join(', ');
}

/** The share of requests that meets pods of an image: by weight to a subset, within it evenly over its pods. */
export async function shareOfNew(kube: KubeClient, image: string): Promise<number> {
  const get = (type: (typeof TYPES)[keyof typeof TYPES]) => kube.get({ type, namespace: NAMESPACE, name: 'web' });
  const [virtual, rule, pods, sets] = await Promise.all([
    get(TYPES.virtualService),
    get(TYPES.destinationRule),
    list(kube, 'pod'),
    list(kube, 'replicaSet'),
  ]);
  const isNew = (pod: KubeObject): boolean =>
    sets.some(
      (set) =>
        isOwned(pod, set) && stringAt(listAt(set, 'spec', 'template', 'spec', 'containers')[0], 'image') === image,
    );
  let share = 0;
  for (const entry of listAt(listAt(virtual, 'spec', 'http')[0], 'route')) {
    const name = stringAt(entry, 'destination', 'subset');
    const labels = labelsAt(
      listAt(rule, 'spec', 'subsets').find((each) => stringAt(each, 'name') === name),
      'labels',
    );
    const found = pods.filter((pod) =>
      Object.entries({ app: 'web', ...labels }).every(([key, value]) => pod.metadata.labels?.[key] === value),
    );
    if (found.length > 0)
      share += ((numberAt(entry, 'weight') ?? 100) / 100) * (found.filter(isNew).length / found.length);
  }
  return share;
}
