/** Syncs one ReplicaSet: as many pods as it asks for, and its status (`replicaset/replica_set.go`). */
import { type KubeObject, TYPES } from '../../api/meta.ts';
import { isActive, isReady, podSpec, podStatus } from '../pod.ts';
import type { ControllerContext } from './context.ts';
import { isControlledBy, matchesSelector, ownerReference, type ReplicaSetState, replicaSetState } from './objects.ts';

const MANAGER = 'replicaset-controller';
/** Pods made or removed at once, as `BurstReplicas` limits it. */
const BURST = 500;

export async function syncReplicaSet(context: ControllerContext, key: string): Promise<void> {
  const object = context.replicaSets.get(key);
  if (object === undefined) return;
  const state = replicaSetState(object);
  const pods = await claimPods(context, object, state);
  const active = pods.filter((pod) => isActive(pod) && !context.isRemoved(pod));
  if (object.metadata.deletionTimestamp === undefined) {
    const missing = state.replicas - active.length;
    if (missing > 0) {
      await Promise.all(Array.from({ length: Math.min(missing, BURST) }, () => createPod(context, object, state)));
    } else if (missing < 0) {
      const doomed = active.toSorted(leastWorthFirst).slice(0, Math.min(-missing, BURST));
      await Promise.all(doomed.map((pod) => deletePod(context, object, pod)));
    }
  }
  await writeStatus(context, object, state);
}

async function claimPods(
  context: ControllerContext,
  object: KubeObject,
  { selector }: ReplicaSetState,
): Promise<readonly KubeObject[]> {
  const pods: KubeObject[] = [];
  for (const pod of context.pods.list()) {
    if (pod.metadata.namespace !== object.metadata.namespace) continue;
    const fits = matchesSelector(selector, pod.metadata.labels ?? {});
    if (isControlledBy(pod, object)) {
      if (fits) pods.push(pod);
      else await context.release(TYPES.pod, pod, object, MANAGER);
      continue;
    }
    const isOrphan = !(pod.metadata.ownerReferences ?? []).some(({ controller }) => controller === true);
    if (!isOrphan || !fits || !isActive(pod) || object.metadata.deletionTimestamp !== undefined) continue;
    pods.push(await context.adopt(TYPES.pod, pod, object, MANAGER));
  }
  return pods;
}

async function createPod(context: ControllerContext, owner: KubeObject, { template }: ReplicaSetState): Promise<void> {
  const { namespace, name } = owner.metadata;
  const { labels, annotations } = template.metadata ?? {};
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      // Named here, not by generateName: a create whose answer is lost is then found again.
      name: `${name}-${context.suffix()}`,
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [ownerReference(owner) as never], // an OwnerReference whose uid is known to be set
    },
    spec: template.spec ?? {},
  };
  const made = await context.kube.create(pod, MANAGER, context.signal);
  context.pods.assume(made);
  context.recordFor(MANAGER)(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
}

async function deletePod(context: ControllerContext, owner: KubeObject, pod: KubeObject): Promise<void> {
  await context.remove(TYPES.pod, pod);
  context.recordFor(MANAGER)(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
}

/** Pods that are removed first: not placed, not running, not ready, then the youngest (`ActivePodsWithRanks`). */
function leastWorthFirst(left: KubeObject, right: KubeObject): number {
  const rank = (pod: KubeObject): readonly (number | string)[] => [
    podSpec(pod).nodeName === undefined ? 0 : 1,
    podStatus(pod).phase === 'Running' ? 1 : 0,
    isReady(pod) ? 1 : 0,
  ];
  for (const [index, value] of rank(left).entries()) {
    const other = rank(right)[index] ?? 0;
    if (value !== other) return value < other ? -1 : 1;
  }
  const born = (pod: KubeObject): string => `${pod.metadata.creationTimestamp ?? ''} ${pod.metadata.name}`;
  return born(left) > born(right) ? -1 : 1;
}

async function writeStatus(context: ControllerContext, object: KubeObject, state: ReplicaSetState): Promise<void> {
  const { minReadySeconds, template } = state;
  const nowMs = context.clock.nowMs();
  const owned = context.pods.list().filter((pod) => isControlledBy(pod, object));
  const active = owned.filter((pod) => isActive(pod) && !context.isRemoved(pod));
  const ready = active.filter(isReady);
  const availableAt = (pod: KubeObject): number => readySinceMs(pod) + minReadySeconds * 1_000;
  const available = minReadySeconds === 0 ? ready : ready.filter((pod) => availableAt(pod) <= nowMs);
  const labels = template.metadata?.labels ?? {};
  const terminating = owned.filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  const counts = {
    fullyLabeledReplicas: active.filter(({ metadata }) =>
      Object.entries(labels).every(([name, value]) => metadata.labels?.[name] === value),
    ).length,
    readyReplicas: ready.length,
    availableReplicas: available.length,
  };
  const status = {
    replicas: active.length,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    terminatingReplicas: terminating.length,
    observedGeneration: object.metadata.generation ?? 0,
  };
  const current = context.replicaSets.get(context.keyOf(object)) ?? object;
  await context.writeStatus(TYPES.replicaSet, current, state.status, status, MANAGER);
  const waits = ready.map((pod) => availableAt(pod) - nowMs).filter((ms) => ms > 0);
  if (waits.length > 0) context.syncLater('replicaSet', context.keyOf(object), Math.min(...waits) + 10);
}

function readySinceMs(pod: KubeObject): number {
  const ready = podStatus(pod).conditions?.find(({ type }) => type === 'Ready');
  return Date.parse(ready?.lastTransitionTime ?? '') || 0;
}
