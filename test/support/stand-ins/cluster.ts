/** What the stand-ins of rollout controllers share: reads, guarded writes and the loop, on any `KubeClient`. */
import { numberAt, sameJson } from '../../../src/api/fields.ts';
import { type JsonPatchOperation, type KubeObject, type ResourceType, TYPES } from '../../../src/api/meta.ts';
import { SerinError } from '../../../src/errors.ts';
import type { KubeClient } from '../../../src/kube/port.ts';

export interface Cluster {
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly nowMs: number;
}

const LOOK_EVERY_MS = 100;
const FIELD_MANAGER = 'rollouts-controller';

/**
 * Again and again until the signal ends it, each object for itself. Somebody who wrote in between, or something that goes away, is
 * seen at the next look.
 */
export async function controllerLoop(
  list: () => Promise<readonly KubeObject[]>,
  look: (object: KubeObject, nowMs: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const tried = async (work: Promise<void>): Promise<void> => {
    try {
      await work;
    } catch (thrown) {
      if (!signal.aborted && !(thrown instanceof SerinError)) throw thrown;
    }
  };
  while (!signal.aborted) {
    const looks = list().then(async (objects) => {
      for (const object of objects) await tried(look(object, Date.now()));
    });
    await tried(looks);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/** Seconds, as Kubernetes writes times. */
export const timeOf = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

export async function objectOf({ kube, namespace }: Cluster, type: ResourceType, name: string): Promise<KubeObject> {
  const found = await kube.get({ type, namespace, name });
  if (found === undefined) throw new SerinError('SERIN_E_NOT_FOUND', `${type.kind} ${name} is not there. Make it.`);
  return found;
}

/** Changes fields of an object as it was read; nothing where they are so already. */
export async function changed(
  { kube, namespace }: Cluster,
  type: ResourceType,
  { metadata }: KubeObject,
  operations: readonly JsonPatchOperation[],
  subresource?: 'status',
): Promise<KubeObject> {
  const guard: JsonPatchOperation = { op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion };
  return kube.patch({
    kind: 'json',
    target: { type, namespace, name: metadata.name },
    operations: [guard, ...operations],
    fieldManager: FIELD_MANAGER,
    ...(subresource === undefined ? {} : { subresource }),
  });
}

/** One field by its path. */
export async function edited(
  cluster: Cluster,
  type: ResourceType,
  object: KubeObject,
  path: string,
  value: unknown,
): Promise<void> {
  const now = path
    .split('/')
    .slice(1)
    .reduce<unknown>((part, key) => (part as Record<string, unknown>)?.[key], object);
  if (!sameJson(now, value)) await changed(cluster, type, object, [{ op: 'add', path, value }]);
}

export const writtenStatus = async (
  cluster: Cluster,
  type: ResourceType,
  object: KubeObject,
  status: unknown,
): Promise<void> => {
  if (!sameJson(object['status'], status))
    await changed(cluster, type, object, [{ op: 'add', path: '/status', value: status }], 'status');
};

/** Asks a ReplicaSet or a Deployment for so many pods. */
export const scaled = (
  cluster: Cluster,
  set: KubeObject,
  replicas: number,
  type: ResourceType = TYPES.replicaSet,
): Promise<void> => edited(cluster, type, set, '/spec/replicas', replicas);

/** It was asked for so many pods, and all of them are available. */
export const isAvailable = (set: KubeObject, replicas: number): boolean =>
  numberAt(set, 'spec', 'replicas') === replicas && (numberAt(set, 'status', 'availableReplicas') ?? 0) === replicas;
