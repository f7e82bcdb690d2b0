/**
 * The controllers under a rollout controller, at once and in memory: Deployments, ReplicaSets, CloneSets, pods that are ready, the garbage
 * collector. Deployments are rolled as far as a rollout controller lets them.
 */
import { at, fieldsAt, labelsAt, numberAt, sameJson } from '../../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import { canonicalJson, shortHash } from '../../../src/release/revision.ts';
import { isOwnedBy, withoutHash } from '../../../src/workloads/deployment-arm.ts';
import type { MemoryKube } from '../memory-kube.ts';
import { lookAtCloneSet } from './clone-set.ts';

const READY = { type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' };
const RUNNING = { phase: 'Running', conditions: [READY], containerStatuses: [{ name: 'app', restartCount: 0 }] };

/** One round; true when it changed something. */
export async function runPods(memory: MemoryKube, namespace: string): Promise<boolean> {
  const list = async (type: 'deployment' | 'replicaSet' | 'pod'): Promise<readonly KubeObject[]> =>
    (await memory.list(TYPES[type], { namespace })).items;
  let isChanged = false;
  const put = (object: KubeObject): void => {
    memory.put(object);
    isChanged = true;
  };
  const drop = (type: 'replicaSet' | 'pod', name: string): void => {
    memory.drop({ type: TYPES[type], namespace, name });
    isChanged = true;
  };
  for (const cloneSet of (await memory.list(TYPES.cloneSet, { namespace })).items)
    isChanged = (await lookAtCloneSet({ kube: memory, namespace, nowMs: 0 }, cloneSet)) || isChanged;
  for (const deployment of await list('deployment')) {
    const sets = (await list('replicaSet')).filter((set) => isOwnedBy(set, deployment));
    for (const set of rolled(deployment, sets)) put(set);
    const status = { observedGeneration: deployment.metadata.generation ?? 1 };
    if (!sameJson(deployment['status'], status)) put({ ...deployment, status });
  }
  for (const set of await list('replicaSet')) {
    const owner = set.metadata.ownerReferences?.[0];
    const isOrphan = owner?.kind === 'Deployment' && !(await list('deployment')).some((each) => isOwnedBy(set, each));
    if (isOrphan) drop('replicaSet', set.metadata.name);
  }
  const sets = await list('replicaSet');
  for (const pod of await list('pod')) {
    const isOfSet = pod.metadata.ownerReferences?.[0]?.kind === 'ReplicaSet';
    if (isOfSet && !sets.some((set) => isOwnedBy(pod, set))) drop('pod', pod.metadata.name);
    else if (pod['status'] === undefined) put({ ...pod, status: RUNNING });
  }
  for (const set of sets) {
    const replicas = numberAt(set, 'spec', 'replicas') ?? 0;
    const pods = (await list('pod')).filter((pod) => isOwnedBy(pod, set));
    for (const { metadata } of pods.slice(replicas)) drop('pod', metadata.name);
    for (let index = pods.length; index < replicas; index++) put(podOf(set, index));
    const status = { replicas, readyReplicas: replicas, availableReplicas: replicas };
    if (!sameJson(set['status'], status)) put({ ...set, status });
  }
  return isChanged;
}

/** Its ReplicaSets as they must become. */
function rolled(deployment: KubeObject, sets: readonly KubeObject[]): readonly KubeObject[] {
  const replicas = numberAt(deployment, 'spec', 'replicas') ?? 1;
  const isPaused = at(deployment, 'spec', 'paused') === true;
  // Somebody else moves its ReplicaSets.
  if (deployment.metadata.labels?.['rollouts.kruise.io/controlled-by-advanced-deployment-controller'] === 'true')
    return [];
  const template = at(deployment, 'spec', 'template');
  const newest = sets.find((set) => sameJson(withoutHash(at(set, 'spec', 'template')), withoutHash(template)));
  if (isPaused) {
    const active = sets.filter((set) => (numberAt(set, 'spec', 'replicas') ?? 0) > 0);
    return active.length === 1 ? active.flatMap((set) => scaledTo(set, replicas)) : [];
  }
  // New pods that are never available let no old pod go.
  const isNeverAvailable = (numberAt(deployment, 'spec', 'minReadySeconds') ?? 0) > 0;
  const others = isNeverAvailable ? [] : sets.filter((set) => set !== newest).flatMap((set) => scaledTo(set, 0));
  return [...(newest === undefined ? [setOf(deployment, replicas)] : scaledTo(newest, replicas)), ...others];
}

const scaledTo = (set: KubeObject, replicas: number): readonly KubeObject[] =>
  numberAt(set, 'spec', 'replicas') === replicas ? [] : [{ ...set, spec: { ...fieldsAt(set, 'spec'), replicas } }];

/** A ReplicaSet of a Deployment's newest template. */
export function setOf(deployment: KubeObject, replicas: number): KubeObject {
  const { name, namespace = '', uid = '' } = deployment.metadata;
  const template = fieldsAt(deployment, 'spec', 'template');
  // Another name than any other controller's for the same template.
  const hash = shortHash(`Deployment ${canonicalJson(template)}`);
  const labels = { ...labelsAt(template, 'metadata', 'labels'), 'pod-template-hash': hash };
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: true }];
  const marked = { ...template, metadata: { ...fieldsAt(template, 'metadata'), labels } };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: `${name}-${hash}`, namespace, labels, ownerReferences },
    spec: { replicas, selector: { matchLabels: labels }, template: marked },
  };
}

function podOf(set: KubeObject, index: number): KubeObject {
  const { name, namespace = '', uid = '' } = set.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-${index}`,
      namespace,
      labels: labelsAt(set, 'spec', 'template', 'metadata', 'labels'),
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid, controller: true }],
    },
    status: RUNNING,
  };
}
