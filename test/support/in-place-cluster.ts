/**
 * Stages for Deployments in place on the real control plane: kube-apiserver with its Deployment, ReplicaSet, endpoint and garbage
 * collection controllers, pods as real processes of the sandbox's kubelet, and the real kubectl for what people and tools do.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { at, labelsAt, listAt, numberAt, sameJson, stringAt } from '../../src/api/fields.ts';
import { type KubeObject, type ObjectRef, type ResourceType, TYPES } from '../../src/api/meta.ts';
import type { ReleaseSpec } from '../../src/api/release.ts';
import type { KubeClient } from '../../src/kube/port.ts';
import { hasLabels } from '../../src/workloads/selectors.ts';
import { meshDefinitions } from '../../src/sandbox/cluster/definitions.ts';
import { type ControlPlaneOptions, startControlPlane } from './control-plane.ts';
import { inPlaceObjects } from './deployment-cluster.ts';
import { pause, run, type Run } from './e2e.ts';
import type { Settle } from './release-cluster.ts';
import { type Stage, stageOn } from './release-stories.ts';
import { requireTool } from './tools.ts';
import { startWorkloadCluster } from './workload-cluster.ts';

export const NAMESPACE = 'shop';
const CRDS = fileURLToPath(new URL('../../deploy/crds', import.meta.url));

export interface InPlaceCluster {
  readonly kubeconfig: string;
  readonly kube: KubeClient;
  /** Empties the namespace and sets the scene anew. */
  stage(spec?: ReleaseSpec, objects?: readonly KubeObject[]): Promise<Stage>;
  apply(objects: readonly KubeObject[]): Promise<unknown>;
  /** Real kubectl in the namespace; fails the test when it fails. */
  kubectl(...words: readonly string[]): Promise<Run>;
  stop(): Promise<void>;
}

export async function startInPlaceCluster(options: ControlPlaneOptions = {}): Promise<InPlaceCluster> {
  // With it, a list of a kind that nobody writes waits up to 100 ms for etcd to say so.
  const apiServerFlags = { 'watch-cache': 'false', ...options.apiServerFlags };
  const plane = await startControlPlane({ ...options, apiServerFlags });
  const { kubeconfig } = plane;
  const cluster = await startWorkloadCluster({
    kubeconfig,
    startsControllers: false,
    stopApiServer: () => plane.stop(),
  });
  const { kube, apply } = cluster;
  const names = (await readdir(CRDS)).filter((name) => name.endsWith('.yaml'));
  await apply((await Promise.all(names.map((name) => readFile(join(CRDS, name), 'utf8')))).join('\n---\n'));
  await apply(meshDefinitions());
  await apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }]);
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: NAMESPACE } };
  await kube.create(account, 'test').catch(() => undefined);
  return {
    kubeconfig,
    kube,
    apply,
    kubectl: async (...words) => {
      const done = await run(requireTool('kubectl'), ['--kubeconfig', kubeconfig, '--namespace', NAMESPACE, ...words]);
      if (done.code !== 0) throw new Error(`kubectl ${words.join(' ')}: ${done.stderr}`);
      return done;
    },
    stage: async (spec, objects = inPlaceObjects(spec)) => {
      await empty(kube);
      for (const object of objects) await kube.create(asWritten(object), 'kubectl-create');
      await settleForReal(kube);
      const remove = () => kube.delete({ type: TYPES.release, namespace: NAMESPACE, name: 'web' });
      return stageOn(kube, settleForReal, remove, Date.now());
    },
    stop: () => cluster.stop(),
  };
}

/** Pods end at once, and nothing is there that an API server adds. */
function asWritten({ status: _status, ...object }: KubeObject): KubeObject {
  const { uid: _u, resourceVersion: _r, generation: _g, creationTimestamp: _c, ...metadata } = object.metadata;
  const made: KubeObject = { ...object, apiVersion: object.apiVersion, kind: object.kind, metadata };
  if (object.kind === 'Service') return { ...made, spec: { ports: [{ port: 80 }], ...(made['spec'] as object) } };
  if (object.kind !== 'Deployment') return made;
  const template = at(made, 'spec', 'template') as Record<string, unknown>;
  const pod = { terminationGracePeriodSeconds: 0, ...(template['spec'] as object) };
  return { ...made, spec: { ...(made['spec'] as object), template: { ...template, spec: pod } } };
}

const KINDS: readonly ResourceType[] = [
  TYPES.release,
  TYPES.analysisRun,
  TYPES.analysisTemplate,
  TYPES.horizontalPodAutoscaler,
  { group: 'policy', version: 'v1', kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets', namespaced: true },
  TYPES.virtualService,
  TYPES.destinationRule,
  TYPES.service,
  TYPES.configMap,
  TYPES.secret,
  TYPES.deployment,
  TYPES.replicaSet,
  TYPES.pod,
];

/** A ConfigMap that a controller puts into each namespace, and again. */
const OF_EVERY_NAMESPACE = 'kube-root-ca.crt';

async function empty(kube: KubeClient): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    let left = 0;
    for (const type of KINDS) {
      for (const { metadata } of (await kube.list(type, { namespace: NAMESPACE })).items) {
        if (metadata.name === OF_EVERY_NAMESPACE) continue;
        left++;
        const target: ObjectRef = { type, namespace: NAMESPACE, name: metadata.name };
        if ((metadata.finalizers ?? []).length > 0) {
          const operations = [{ op: 'remove' as const, path: '/metadata/finalizers' }];
          await kube.patch({ kind: 'json', target, operations, fieldManager: 'test' }).catch(() => undefined);
        }
        if (metadata.deletionTimestamp === undefined) await kube.delete(target);
      }
    }
    if (left === 0) return;
    await pause(100);
  }
  throw new Error('The namespace does not become empty.');
}

const SETTLED_WITHIN_MS = 180_000;
/** Broken pods never settle: a cluster in which nothing moved for so long stands, too. */
const STILL_MS = 6_000;

/** Waits until the controllers have done what the specs ask for, or until nothing moves any more. */
export const settleForReal: Settle = async (kube) => {
  let before = '';
  let stillSinceMs = Date.now();
  const list = async (type: ResourceType) => (await kube.list(type, { namespace: NAMESPACE })).items;
  for (const endMs = Date.now() + SETTLED_WITHIN_MS; Date.now() < endMs; await pause(50)) {
    // In this order what is owned is never older than what its owner says of it.
    const deployments = await list(TYPES.deployment);
    const sets = await list(TYPES.replicaSet);
    const pods = await list(TYPES.pod);
    if (isSettled(deployments, sets, pods) && (await areEndpointsThere(kube, pods))) return;
    const all = [...deployments, ...sets, ...pods];
    const now = all.map(({ metadata }) => `${metadata.uid} ${metadata.resourceVersion}`).join();
    if (now !== before) stillSinceMs = Date.now();
    else if (Date.now() - stillSinceMs > STILL_MS) return;
    before = now;
  }
  throw new Error('The cluster does not settle.');
};

const byName = (a: string, b: string): number => (a < b ? -1 : 1);

/** The slices of every Service show the ready pods that it selects, and no others. */
async function areEndpointsThere(kube: KubeClient, pods: readonly KubeObject[]): Promise<boolean> {
  const [services, slices] = await Promise.all(
    [TYPES.service, TYPES.endpointSlice].map(async (type) => (await kube.list(type, { namespace: NAMESPACE })).items),
  );
  return (services ?? []).every((service) => {
    const wanted = pods
      .filter((pod) => isReady(pod) && hasLabels(pod.metadata.labels ?? {}, labelsAt(service, 'spec', 'selector')))
      .map(({ metadata }) => metadata.name);
    const found = (slices ?? [])
      .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service.metadata.name)
      .flatMap((slice) => listAt(slice, 'endpoints'))
      .filter((endpoint) => at(endpoint, 'conditions', 'ready') === true)
      .map((endpoint) => stringAt(endpoint, 'targetRef', 'name') ?? '');
    return sameJson(wanted.toSorted(byName), found.toSorted(byName));
  });
}

const isReady = (pod: KubeObject): boolean =>
  listAt(pod, 'status', 'conditions').some(
    (condition) => stringAt(condition, 'type') === 'Ready' && stringAt(condition, 'status') === 'True',
  );

function isSettled(
  deployments: readonly KubeObject[],
  sets: readonly KubeObject[],
  pods: readonly KubeObject[],
): boolean {
  const uids = new Set([...deployments, ...sets].map(({ metadata }) => metadata.uid));
  const isOrphan = ({ metadata }: KubeObject): boolean => !uids.has(metadata.ownerReferences?.[0]?.uid ?? '');
  if ([...sets, ...pods].some(isOrphan)) return false;
  if ([...deployments, ...sets, ...pods].some(({ metadata }) => metadata.deletionTimestamp !== undefined)) return false;
  return pods.every(isReady) && sets.every(isSetSettled) && deployments.every((each) => isRolledOut(each, sets));
}

const count = (object: KubeObject, ...path: readonly string[]): number => numberAt(object, ...path) ?? 0;

function isSeen(object: KubeObject): boolean {
  return count(object, 'status', 'observedGeneration') >= (object.metadata.generation ?? 0);
}

function isSetSettled(set: KubeObject): boolean {
  const wanted = count(set, 'spec', 'replicas');
  return (
    isSeen(set) &&
    wanted === count(set, 'status', 'replicas') &&
    wanted === count(set, 'status', 'readyReplicas') &&
    wanted === count(set, 'status', 'availableReplicas')
  );
}

function isRolledOut(deployment: KubeObject, sets: readonly KubeObject[]): boolean {
  const wanted = count(deployment, 'spec', 'replicas');
  const owned = sets.filter(({ metadata }) => metadata.ownerReferences?.[0]?.uid === deployment.metadata.uid);
  const running = owned.filter((set) => count(set, 'spec', 'replicas') > 0);
  const isComplete =
    count(deployment, 'status', 'replicas') === wanted && count(deployment, 'status', 'availableReplicas') === wanted;
  if (!isSeen(deployment) || !isComplete) return false;
  if (at(deployment, 'spec', 'paused') === true) return true;
  return running.length <= 1 && count(deployment, 'status', 'updatedReplicas') === wanted;
}
