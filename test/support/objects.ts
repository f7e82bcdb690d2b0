/** Small Kubernetes objects for pure tests, and patches applied to them as an API server would. */
import jsonPatch from 'fast-json-patch';
import type { Creation, KubeObject, Removal, ResourceType, Write } from '../../src/api/meta.ts';
import type { ArmState } from '../../src/release/observed.ts';
import type { ObjectSet } from '../../src/workloads/port.ts';

export const NAMESPACE = 'shop';

export type Labels = Readonly<Record<string, string>>;

export function objectSet(objects: readonly KubeObject[]): ObjectSet {
  const isOf = (type: ResourceType, namespace: string) => (object: KubeObject) =>
    object.kind === type.kind && object.metadata.namespace === namespace;
  return {
    find: (type, namespace, name) =>
      objects.find((object) => isOf(type, namespace)(object) && object.metadata.name === name),
    all: (type, namespace) => objects.filter(isOf(type, namespace)),
  };
}

export function virtualService(http: readonly unknown[], more: Readonly<Record<string, unknown>> = {}): KubeObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'web', namespace: NAMESPACE, uid: 'vs-uid', resourceVersion: '7' },
    spec: { hosts: ['web'], http, ...more },
  };
}

export function destinationRule(host: string, subsets: Readonly<Record<string, Labels>>, name = host): KubeObject {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name, namespace: NAMESPACE },
    spec: { host, subsets: Object.entries(subsets).map(([subset, labels]) => ({ name: subset, labels })) },
  };
}

export function service(name: string, selector: Labels): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: NAMESPACE },
    spec: { selector, ports: [{ port: 80 }] },
  };
}

export function autoscaler(deploymentName: string): KubeObject {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: `${deploymentName}-hpa`, namespace: NAMESPACE },
    spec: { maxReplicas: 5, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: deploymentName } },
  };
}

export interface DeploymentShape {
  readonly labels?: Labels;
  readonly selector?: Labels;
  readonly replicas?: number;
  readonly image?: string;
  readonly status?: Readonly<Record<string, unknown>>;
  readonly generation?: number;
}

/** A settled Deployment `name` with labels `app: web, version: <what follows the last dash>`. */
export function deployment(name: string, shape: DeploymentShape = {}): KubeObject {
  const replicas = shape.replicas ?? 2;
  const labels = shape.labels ?? { app: 'web', version: name.split('-').at(-1) ?? name };
  const generation = shape.generation ?? 1;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: NAMESPACE, uid: `uid-${name}`, resourceVersion: '11', generation },
    spec: {
      replicas,
      selector: { matchLabels: shape.selector ?? labels },
      template: templateOf(labels, shape.image ?? `web:${name}`),
    },
    status: {
      observedGeneration: generation,
      replicas,
      updatedReplicas: replicas,
      readyReplicas: replicas,
      availableReplicas: replicas,
      ...shape.status,
    },
  };
}

const templateOf = (labels: Labels, image: string) => ({
  metadata: { labels, creationTimestamp: null },
  spec: { containers: [{ name: 'web', image }] },
});

/** The ReplicaSet and pods that a settled Deployment has. */
export function childrenOf(
  owner: KubeObject,
  podShape: (index: number) => Readonly<Record<string, unknown>> = () => ({}),
): readonly KubeObject[] {
  const spec = owner['spec'] as { replicas: number; template: { metadata: { labels: Labels }; spec: unknown } };
  const labels = { ...spec.template.metadata.labels, 'pod-template-hash': 'abc' };
  const set: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${owner.metadata.name}-abc`,
      namespace: NAMESPACE,
      uid: `rs-${owner.metadata.name}`,
      ownerReferences: [ownerReference(owner)],
    },
    spec: { replicas: spec.replicas, template: { metadata: { labels }, spec: spec.template.spec } },
  };
  const pods = Array.from({ length: spec.replicas }, (_, index) => pod(set, index, podShape(index)));
  return [set, ...pods];
}

export function pod(set: KubeObject, index: number, status: Readonly<Record<string, unknown>> = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${set.metadata.name}-${index}`,
      namespace: NAMESPACE,
      uid: `pod-${set.metadata.name}-${index}`,
      ownerReferences: [ownerReference(set)],
    },
    status: {
      phase: 'Running',
      podIP: `10.0.0.${index + 1}`,
      startTime: '2026-01-01T00:00:00Z',
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:05Z' }],
      containerStatuses: [{ name: 'web', restartCount: 0 }],
      ...status,
    },
  };
}

const ownerReference = (owner: KubeObject) => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  controller: true,
});

export function arm(workload: string, podLabels: Labels, replicas = 2): ArmState {
  return {
    workload,
    revision: `revision-of-${workload}`,
    podLabels,
    desiredReplicas: replicas,
    readyReplicas: replicas,
    isSettled: true,
    pods: [],
  };
}

/**
 * The objects after the patches, applied by a JSON Patch library with its `test` operations in force. A patch of `scale`
 * sees what the API server shows there: a Scale, which leaves zero replicas out.
 */
export function applied(objects: readonly KubeObject[], patches: readonly Write[]): readonly KubeObject[] {
  return patches.reduce<readonly KubeObject[]>((now, patch) => {
    if (patch.kind === 'create' || patch.kind === 'delete') return madeOrRemoved(now, patch);
    if (patch.kind !== 'json') throw new Error('only JSON patches are expected here');
    return now.map((object) => {
      const isTarget = object.kind === patch.target.type.kind && object.metadata.name === patch.target.name;
      return isTarget ? appliedTo(object, patch) : object;
    });
  }, objects);
}

function appliedTo(object: KubeObject, patch: Extract<Write, { kind: 'json' }>): KubeObject {
  if (patch.subresource === undefined) return patched(object, patch.operations);
  const spec = object['spec'] as { replicas: number };
  const scale = {
    metadata: { name: object.metadata.name, resourceVersion: object.metadata.resourceVersion },
    spec: spec.replicas === 0 ? {} : { replicas: spec.replicas },
  };
  return { ...object, spec: { ...spec, replicas: patched(scale, patch.operations).spec.replicas ?? 0 } };
}

function patched<T>(object: T, operations: readonly unknown[]): T {
  const copy = structuredClone(object);
  return jsonPatch.applyPatch(copy, structuredClone(operations) as jsonPatch.Operation[], true).newDocument;
}

/** Freezes an object and everything in it: who writes to it throws. */
export function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) frozen(inner);
  }
  return value;
}

/** As an API server does it: no two of a name, and a removal is of the very object. */
function madeOrRemoved(objects: readonly KubeObject[], write: Creation | Removal): readonly KubeObject[] {
  const { type, name, namespace } = write.target;
  const found = objects.find(
    ({ kind, metadata }) => kind === type.kind && metadata.name === name && metadata.namespace === namespace,
  );
  if (write.kind === 'delete') {
    if (found !== undefined && found.metadata.uid !== write.uid) throw new Error(`${type.kind} ${name} was made anew`);
    return objects.filter((object) => object !== found);
  }
  if (found !== undefined) throw new Error(`${type.kind} ${name} is there already`);
  const metadata = { ...write.object.metadata, uid: `uid-${name}`, resourceVersion: '1', generation: 1 };
  return [...objects, { ...write.object, apiVersion: write.object.apiVersion, kind: write.object.kind, metadata }];
}
