/**
 * A stand-in for OpenKruise's controller of CloneSets, and for what Kruise Rollouts does with one: pods of their own, a revision for
 * each template, and old pods replaced one after the other as far as the partition lets it, as the recordings show.
 */
import { at, type Fields, fieldsAt, labelsAt, listAt, numberAt, sameJson, stringAt } from '../../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import type { KubeClient } from '../../../src/kube/port.ts';
import { canonicalJson, shortHash } from '../../../src/release/revision.ts';
import { isOwnedBy } from '../../../src/workloads/deployment-arm.ts';
import { changed, type Cluster, controllerLoop, edited, writtenStatus } from './cluster.ts';

const IN_PROGRESS = 'rollouts.kruise.io/in-progressing';
const CONTROL_INFO = 'batchrelease.rollouts.kruise.io/control-info';
const REVISION_HASH = 'controller-revision-hash';
const PARTITION = '/spec/updateStrategy/partition';

export const isCloneSet = ({ kind }: Pick<KubeObject, 'kind'>): boolean => kind === TYPES.cloneSet.kind;

/** Name of a template among its revisions. */
export const templateHash = (workload: KubeObject): string =>
  shortHash(canonicalJson(at(workload, 'spec', 'template'))).slice(0, 10);

/** Looks at every CloneSet of a namespace again and again until the signal ends it. */
export const runCloneSets = (kube: KubeClient, namespace: string, signal: AbortSignal): Promise<void> =>
  controllerLoop(
    async () => (await kube.list(TYPES.cloneSet, { namespace })).items,
    async (set, nowMs) => void (await lookAtCloneSet({ kube, namespace, nowMs }, set)),
    signal,
  );

/** One look: at most one pod made or deleted; true when something changed. */
export async function lookAtCloneSet(cluster: Cluster, set: KubeObject): Promise<boolean> {
  const { kube, namespace } = cluster;
  const revisions = (await kube.list(TYPES.controllerRevision, { namespace })).items.filter((each) =>
    isOwnedBy(each, set),
  );
  const update = `${set.metadata.name}-${templateHash(set)}`;
  if (await numbered(cluster, set, update, revisions)) return true;
  const current = stringAt(set, 'status', 'currentRevision') ?? update;
  const pods = (await kube.list(TYPES.pod, { namespace })).items.filter(
    (pod) => isOwnedBy(pod, set) && pod.metadata.deletionTimestamp === undefined,
  );
  const replicas = numberAt(set, 'spec', 'replicas') ?? 1;
  const isNew = (pod: KubeObject): boolean => pod.metadata.labels?.[REVISION_HASH] === update;
  const updated = pods.filter(isNew);
  const status = {
    observedGeneration: set.metadata.generation ?? 1,
    replicas: pods.length,
    readyReplicas: pods.filter(isReady).length,
    updatedReplicas: updated.length,
    updatedReadyReplicas: updated.filter(isReady).length,
    updateRevision: update,
    currentRevision: updated.length === replicas ? update : current,
  };
  const isSaid = !sameJson(set['status'], status);
  if (isSaid) await writtenStatus(cluster, TYPES.cloneSet, set, status);
  const moved = await movedPod(cluster, set, {
    pods,
    missing: replicas - pods.length,
    isBehind: updated.length < replicas - keptOf(set, replicas),
    old: pods.find((pod) => !isNew(pod)),
    revisions: { current, update },
  });
  return moved || isSaid;
}

interface Count {
  readonly pods: readonly KubeObject[];
  readonly missing: number;
  /** More pods of the newest template are due. */
  readonly isBehind: boolean;
  readonly old: KubeObject | undefined;
  readonly revisions: { readonly current: string; readonly update: string };
}

async function movedPod(cluster: Cluster, set: KubeObject, count: Count): Promise<boolean> {
  const { pods, missing, isBehind, old, revisions } = count;
  if (missing > 0) {
    const revision = isBehind ? revisions.update : revisions.current;
    await cluster.kube.create(await podOf(cluster, set, revision, pods), 'kruise');
    return true;
  }
  const leaving = missing < 0 ? pods.at(-1) : isBehind && pods.every(isReady) ? old : undefined;
  if (leaving === undefined) return false;
  await cluster.kube.delete({ type: TYPES.pod, namespace: cluster.namespace, name: leaving.metadata.name });
  return true;
}

const isReady = (pod: KubeObject): boolean =>
  listAt(pod, 'status', 'conditions').some((each) => at(each, 'type') === 'Ready' && at(each, 'status') === 'True');

/** Pods that stay as they are; short of 100 % at least one does not. */
function keptOf(set: KubeObject, replicas: number): number {
  const path = ['spec', 'updateStrategy', 'partition'] as const;
  const [, percent] = /^([0-9]+)%$/.exec(stringAt(set, ...path) ?? '') ?? [];
  if (percent === undefined) return numberAt(set, ...path) ?? 0;
  return percent === '100' ? replicas : Math.min(replicas - 1, Math.ceil((replicas * Number(percent)) / 100));
}

/** The newest template has the highest number, also one that comes back. */
async function numbered(
  cluster: Cluster,
  set: KubeObject,
  name: string,
  revisions: readonly KubeObject[],
): Promise<boolean> {
  const highest = Math.max(0, ...revisions.map((each) => numberAt(each, 'revision') ?? 0));
  const found = revisions.find(({ metadata }) => metadata.name === name);
  if (found !== undefined && numberAt(found, 'revision') === highest) return false;
  const revision = highest + 1;
  if (found !== undefined) {
    const operations = [{ op: 'replace' as const, path: '/revision', value: revision }];
    await changed(cluster, TYPES.controllerRevision, found, operations);
    return true;
  }
  const template = { ...fieldsAt(set, 'spec', 'template'), $patch: 'replace' };
  const metadata = { name, namespace: cluster.namespace, ownerReferences: ownedBy(set) };
  const made = { apiVersion: 'apps/v1', kind: 'ControllerRevision', metadata, data: { spec: { template } }, revision };
  await cluster.kube.create(made, 'kruise');
  return true;
}

const ownedBy = ({ apiVersion, kind, metadata: { name, uid = '' } }: KubeObject) => [
  { apiVersion, kind, name, uid, controller: true },
];

async function podOf(
  { kube, namespace }: Cluster,
  set: KubeObject,
  revision: string,
  others: readonly KubeObject[],
): Promise<KubeObject> {
  const kept = await kube.get({ type: TYPES.controllerRevision, namespace, name: revision });
  const { $patch: _patch, ...template } = fieldsAt(kept, 'data', 'spec', 'template');
  const names = Array.from({ length: others.length + 1 }, (_, index) => `${revision}-${index}`);
  const name = names.find((each) => others.every(({ metadata }) => metadata.name !== each)) ?? revision;
  const hash = revision.slice(set.metadata.name.length + 1);
  const own = { [REVISION_HASH]: revision, 'pod-template-hash': hash };
  const labels = { ...labelsAt(template, 'metadata', 'labels'), ...own };
  const metadata = { ...fieldsAt(template, 'metadata'), name, namespace, labels, ownerReferences: ownedBy(set) };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: fieldsAt(template, 'spec') };
}

// What Kruise Rollouts does with one.

/** Of the revision that all its pods had before. */
export const restingRevision = (set: KubeObject): string =>
  (stringAt(set, 'status', 'currentRevision') ?? '').slice(set.metadata.name.length + 1);

/** Another template replaces no pod before a step says so. */
export function heldSet(next: KubeObject): KubeObject {
  if (next.metadata.annotations?.[IN_PROGRESS] !== undefined) return next;
  const metadata = {
    ...next.metadata,
    annotations: { ...next.metadata.annotations, [IN_PROGRESS]: '{"rolloutName":"web"}' },
  };
  const updateStrategy = { ...fieldsAt(next, 'spec', 'updateStrategy'), partition: '100%' };
  return { ...next, metadata, spec: { ...fieldsAt(next, 'spec'), updateStrategy } };
}

/** Somebody gave it the template of its stable revision again. */
export const isBack = (set: KubeObject, sub: Fields): boolean => templateHash(set) === sub['stableRevision'];

export async function claimedSet(cluster: Cluster, set: KubeObject): Promise<void> {
  const value = { ...set.metadata.annotations, [CONTROL_INFO]: '{}' };
  await changed(cluster, TYPES.cloneSet, set, [{ op: 'add', path: '/metadata/annotations', value }]);
}

/** Hash of the new pods once there are as many as the step asks for. */
export async function upgradedSet(cluster: Cluster, set: KubeObject, step: unknown): Promise<string | undefined> {
  const asked = at(step, 'replicas');
  const replicas = numberAt(set, 'spec', 'replicas') ?? 1;
  const [, percent] = /^([0-9]+)%$/.exec(String(asked)) ?? [];
  const partition = percent === undefined ? replicas - Number(asked) : `${100 - Number(percent)}%`;
  await edited(cluster, TYPES.cloneSet, set, PARTITION, partition);
  const isSeen = numberAt(set, 'status', 'observedGeneration') === (set.metadata.generation ?? 1);
  const due = replicas - keptOf({ ...set, spec: { updateStrategy: { partition } } }, replicas);
  return isSeen && (numberAt(set, 'status', 'updatedReadyReplicas') ?? 0) >= due ? templateHash(set) : undefined;
}

/** It goes on by itself, and nobody waits for its last pods. */
export async function resumedSet(cluster: Cluster, set: KubeObject): Promise<boolean> {
  const { [CONTROL_INFO]: _control, ...annotations } = set.metadata.annotations ?? {};
  const updateStrategy = { ...fieldsAt(set, 'spec', 'updateStrategy'), partition: 0 };
  await changed(cluster, TYPES.cloneSet, set, [
    { op: 'add', path: '/metadata/annotations', value: annotations },
    { op: 'add', path: '/spec/updateStrategy', value: updateStrategy },
  ]);
  return true;
}
