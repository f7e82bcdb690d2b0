/**
 * The sandbox's workload controllers (Deployments and ReplicaSets) over any API server. On a real control plane
 * kube-controller-manager runs instead.
 */
import { type KubeObject, TYPES } from '../../api/meta.ts';
import type { Clock } from '../../clock.ts';
import type { KubeClient } from '../../kube/port.ts';
import { startInformer } from '../informer.ts';
import { keyOf } from '../types.ts';
import { createContext } from './context.ts';
import { syncDeployment } from './deployments.ts';
import { createKeyedQueue, type KeyedQueue } from './keyed-queue.ts';
import { syncReplicaSet } from './replica-sets.ts';

export interface DeploymentControllerOptions {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** For the names of pods. */
  readonly random: () => number;
  readonly onTrouble: (sentence: string) => void;
}

/** Runs until the signal ends it; resolves when it has seen all objects once. */
export async function startDeploymentController({
  kube,
  clock,
  signal,
  random,
  onTrouble,
}: DeploymentControllerOptions): Promise<void> {
  const queues: { deployment?: KeyedQueue; replicaSet?: KeyedQueue } = {};
  const addOwner = (queue: KeyedQueue | undefined, kind: string, object: KubeObject): void => {
    const owner = object.metadata.ownerReferences?.find((ref) => ref.controller === true && ref.kind === kind);
    if (owner !== undefined) queue?.add(keyOf({ metadata: { ...object.metadata, name: owner.name } }));
  };
  const inform = (
    type: typeof TYPES.pod | typeof TYPES.replicaSet | typeof TYPES.deployment,
    onChange: (object: KubeObject) => void,
  ) => startInformer({ kube, clock, signal, type, onTrouble, onChange: (_change, object) => onChange(object) });

  const deployments = inform(TYPES.deployment, (object) => queues.deployment?.add(keyOf(object)));
  const replicaSets = inform(TYPES.replicaSet, (object) => {
    queues.replicaSet?.add(keyOf(object));
    addOwner(queues.deployment, 'Deployment', object);
  });
  const pods = inform(TYPES.pod, (object) => {
    addOwner(queues.replicaSet, 'ReplicaSet', object);
    const owner = object.metadata.ownerReferences?.find((ref) => ref.controller === true && ref.kind === 'ReplicaSet');
    const replicaSet = owner && replicaSets.get(keyOf({ metadata: { ...object.metadata, name: owner.name } }));
    // Recreate waits for the last old pod to be gone.
    if (replicaSet !== undefined) addOwner(queues.deployment, 'Deployment', replicaSet);
  });

  const context = createContext({
    kube,
    clock,
    signal,
    random,
    deployments,
    replicaSets,
    pods,
    syncLater: (kind, key, ms) => queues[kind]?.addAfter(key, ms),
  });
  await Promise.all([deployments.synced, replicaSets.synced, pods.synced]);
  queues.deployment = createKeyedQueue({ clock, signal, onTrouble, run: (key) => syncDeployment(context, key) });
  queues.replicaSet = createKeyedQueue({ clock, signal, onTrouble, run: (key) => syncReplicaSet(context, key) });
  for (const object of deployments.list()) queues.deployment.add(keyOf(object));
  for (const object of replicaSets.list()) queues.replicaSet.add(keyOf(object));
}
