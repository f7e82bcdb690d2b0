/** What the syncs share: the informers, guarded writes that are visible at once, and what is being removed. */
import { isDeepStrictEqual } from 'node:util';
import type { JsonPatchOperation, KubeObject, ObjectRef, ResourceType } from '../../api/meta.ts';
import { TYPES } from '../../api/meta.ts';
import type { Clock } from '../../clock.ts';
import type { KubeClient } from '../../kube/port.ts';
import { createEventRecorder, type RecordEvent } from '../events.ts';
import type { Informer } from '../informer.ts';
import { isActive, podStatus } from '../pod.ts';
import { keyOf } from '../types.ts';
import { isControlledBy, ownerReference } from './objects.ts';

export interface ControllerContext {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly deployments: Informer;
  readonly replicaSets: Informer;
  readonly pods: Informer;
  keyOf(object: KubeObject): string;
  /** Five characters for the name of a pod. */
  suffix(): string;
  /** JSON Patch guarded by uid and resourceVersion; its answer is in the informer at once. */
  write(
    type: ResourceType,
    object: KubeObject,
    manager: string,
    operations: readonly JsonPatchOperation[],
  ): Promise<KubeObject>;
  /** Nothing when equal. */
  writeStatus(type: ResourceType, object: KubeObject, before: unknown, status: unknown, manager: string): Promise<void>;
  /** A Deployment's annotations are written through `status`: on the object itself they would count as a new generation. */
  annotate(
    type: ResourceType,
    object: KubeObject,
    wanted: Readonly<Record<string, string>>,
    manager: string,
  ): Promise<void>;
  adopt(type: ResourceType, object: KubeObject, owner: KubeObject, manager: string): Promise<KubeObject>;
  release(type: ResourceType, object: KubeObject, owner: KubeObject, manager: string): Promise<void>;
  remove(type: ResourceType, object: KubeObject): Promise<void>;
  /** Deleted by us, though the informer may not know yet. */
  isRemoved(object: KubeObject): boolean;
  podsOf(owner: KubeObject): readonly { readonly pod: KubeObject; readonly isFinished: boolean }[];
  readonly recordFor: (component: 'deployment-controller' | 'replicaset-controller') => RecordEvent;
  syncLater(kind: 'deployment' | 'replicaSet', key: string, ms: number): void;
}

export interface ContextOptions
  extends Pick<ControllerContext, 'kube' | 'clock' | 'signal' | 'deployments' | 'replicaSets' | 'pods' | 'syncLater'> {
  readonly random: () => number;
}

const SUFFIX_CHARS = 'bcdfghjklmnpqrstvwxz2456789';

export function createContext(options: ContextOptions): ControllerContext {
  const { kube, signal, pods, random } = options;
  const removed = new Set<string>();
  const informers = new Map<ResourceType, Informer>([
    [TYPES.deployment, options.deployments],
    [TYPES.replicaSet, options.replicaSets],
    [TYPES.pod, pods],
  ]);
  const newest = (type: ResourceType, object: KubeObject): KubeObject =>
    informers.get(type)?.get(keyOf(object)) ?? object;

  const patch = async (
    type: ResourceType,
    object: KubeObject,
    fieldManager: string,
    operations: readonly JsonPatchOperation[],
    subresource?: 'status',
  ): Promise<KubeObject> => {
    const { uid, resourceVersion } = object.metadata;
    const answer = await kube.patch(
      {
        kind: 'json',
        target: refOf(type, object),
        fieldManager,
        ...(subresource === undefined ? {} : { subresource }),
        operations: [
          { op: 'test', path: '/metadata/uid', value: uid },
          { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
          ...operations,
        ],
      },
      signal,
    );
    informers.get(type)?.assume(answer);
    return answer;
  };

  const recorders = {
    'deployment-controller': createEventRecorder({ ...options, component: 'deployment-controller' }),
    'replicaset-controller': createEventRecorder({ ...options, component: 'replicaset-controller' }),
  };
  return {
    ...options,
    keyOf,
    recordFor: (component) => recorders[component],
    suffix: () => Array.from({ length: 5 }, () => SUFFIX_CHARS[Math.floor(random() * SUFFIX_CHARS.length)]).join(''),
    write: (type, object, manager, operations) => patch(type, object, manager, operations),
    writeStatus: async (type, object, before, status, manager) => {
      if (isDeepStrictEqual(plain(before), plain(status))) return;
      await patch(type, object, manager, [{ op: 'add', path: '/status', value: status }], 'status');
    },
    annotate: async (type, object, wanted, manager) => {
      const current = newest(type, object);
      const annotations = current.metadata.annotations ?? {};
      if (Object.entries(wanted).every(([name, value]) => annotations[name] === value)) return;
      const value = { ...annotations, ...wanted };
      const subresource = type === TYPES.deployment ? 'status' : undefined;
      await patch(type, current, manager, [{ op: 'add', path: '/metadata/annotations', value }], subresource);
    },
    adopt: (type, object, owner, manager) =>
      patch(type, object, manager, [
        {
          op: 'add',
          path: '/metadata/ownerReferences',
          value: [...(object.metadata.ownerReferences ?? []), ownerReference(owner)],
        },
      ]),
    release: async (type, object, owner, manager) => {
      const value = (object.metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid);
      await patch(type, object, manager, [{ op: 'add', path: '/metadata/ownerReferences', value }]);
    },
    remove: async (type, object) => {
      const { uid } = object.metadata;
      removed.add(uid ?? '');
      try {
        await kube.delete(refOf(type, object), uid === undefined ? {} : { uid }, signal);
      } catch (thrown) {
        removed.delete(uid ?? '');
        throw thrown;
      }
    },
    isRemoved: ({ metadata }) => removed.has(metadata.uid ?? ''),
    podsOf: (owner) =>
      pods
        .list()
        .filter((pod) => isControlledBy(pod, owner))
        .map((pod) => ({ pod, isFinished: !isActive(pod) && podStatus(pod).phase !== 'Running' })),
  };
}

function refOf(type: ResourceType, { metadata }: KubeObject): ObjectRef {
  const { namespace, name } = metadata;
  return { type, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** Without absent fields, as it comes back over the wire. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
