/**
 * Garbage collection: what is owned goes when its last owner is gone (background deletion, as kube-controller-manager's
 * garbage collector does it), and an object whose owner never existed goes too.
 */
import { type KubeObject, type OwnerReference, type ResourceType, TYPES } from '../../api/meta.ts';
import type { Clock } from '../../clock.ts';
import type { KubeClient } from '../../kube/port.ts';
import { type Informer, startInformer } from '../informer.ts';
import { SANDBOX_TYPES } from '../types.ts';
import { createKeyedQueue } from './keyed-queue.ts';

export interface GarbageCollectorOptions {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const BUILT_IN: readonly ResourceType[] = [
  TYPES.deployment,
  TYPES.replicaSet,
  TYPES.pod,
  TYPES.service,
  TYPES.secret,
  SANDBOX_TYPES.endpointSlice,
];
/** Kinds that exist only where their definitions are installed. */
const OPTIONAL: readonly ResourceType[] = [
  TYPES.release,
  TYPES.analysisRun,
  TYPES.virtualService,
  TYPES.destinationRule,
];

export async function startGarbageCollector({ kube, clock, signal }: GarbageCollectorOptions): Promise<void> {
  const watched = new Map<ResourceType, Informer>();
  const owners = new Map<string, KubeObject>();
  const dependents = new Map<string, { readonly type: ResourceType; readonly object: KubeObject }>();

  const ownerExists = async (
    { uid, apiVersion, kind, name }: OwnerReference,
    namespace: string | undefined,
  ): Promise<boolean> => {
    if (owners.has(uid)) return true;
    const type = [...watched.keys()].find((each) => each.kind === kind && apiVersionOf(each) === apiVersion);
    // Of a kind that is not watched nothing is known, so nothing is removed.
    if (type === undefined) return true;
    const found = await kube.get({ type, name, ...(namespace === undefined ? {} : { namespace }) }, signal);
    return found?.metadata.uid === uid;
  };
  const queue = createKeyedQueue(clock, signal, async (uid) => {
    const dependent = dependents.get(uid);
    if (dependent === undefined || dependent.object.metadata.deletionTimestamp !== undefined) return;
    const { type, object } = dependent;
    const { namespace, name, ownerReferences = [] } = object.metadata;
    for (const owner of ownerReferences) if (await ownerExists(owner, namespace)) return;
    await kube.delete({ type, name, ...(namespace === undefined ? {} : { namespace }) }, { uid }, signal);
  });

  for (const type of [...BUILT_IN, ...OPTIONAL]) {
    const informer = startInformer({
      kube,
      clock,
      signal,
      type,
      isOptional: OPTIONAL.includes(type),
      onChange: (change, object) => {
        const { uid = '', ownerReferences = [] } = object.metadata;
        if (change === 'deleted') {
          owners.delete(uid);
          dependents.delete(uid);
          for (const [key, each] of dependents) {
            if (each.object.metadata.ownerReferences?.some((owner) => owner.uid === uid) === true) queue.add(key);
          }
          return;
        }
        owners.set(uid, object);
        if (ownerReferences.length === 0) return;
        const isNew = !dependents.has(uid);
        dependents.set(uid, { type, object });
        if (isNew) queue.add(uid);
      },
    });
    watched.set(type, informer);
  }
  await Promise.all([...watched.values()].map((informer) => informer.synced));
}

function apiVersionOf({ group, version }: ResourceType): string {
  return group === '' ? version : `${group}/${version}`;
}
