/**
 * Two Deployments of which never both run: the one without requests is taken to 0 first, and the other gets its pods only once the last
 * pod of the first is gone, also those that are still stopping.
 */
import { numberAt, stringAt } from '../api/fields.ts';
import { FIELD_MANAGERS, type KubeObject, type Patch, TYPES } from '../api/meta.ts';
import { replicasOf, scalePatch } from '../workloads/scale.ts';
import type { TrafficInput } from './port.ts';

export const isRecreated = ({ spec }: Pick<TrafficInput, 'spec'>): boolean => spec.strategy?.recreate !== undefined;

interface Turn {
  /** The one that goes. */
  readonly leaving: KubeObject | undefined;
  /** The one that comes, with this many pods. */
  readonly coming: KubeObject | undefined;
  readonly replicas: number;
}

/** What is to be written now; empty while the last pods of the one that goes are still there. */
export function inTurn(input: TrafficInput, { leaving, coming, replicas }: Turn): readonly Patch[] {
  const down = leaving === undefined ? undefined : scalePatch(leaving, 0, FIELD_MANAGERS.traffic);
  if (down !== undefined) return [down];
  const up = coming === undefined ? undefined : scalePatch(coming, replicas, FIELD_MANAGERS.traffic);
  return up === undefined || hasPods(input, leaving) ? [] : [up];
}

/** Everything is written that can be, and still the one that comes has not its pods. */
export const isWaiting = (input: TrafficInput, turn: Turn): boolean =>
  turn.coming !== undefined &&
  replicasOf(turn.coming) !== turn.replicas &&
  (turn.leaving === undefined || replicasOf(turn.leaving) === 0) &&
  hasPods(input, turn.leaving);

/** Counted by its controller, or found by owner: a pod that is stopping is in no count. */
function hasPods({ objects, namespace }: TrafficInput, deployment: KubeObject | undefined): boolean {
  if (deployment === undefined) return false;
  const isSeen = (numberAt(deployment, 'status', 'observedGeneration') ?? 0) >= (deployment.metadata.generation ?? 0);
  if (!isSeen || (numberAt(deployment, 'status', 'replicas') ?? 0) > 0) return true;
  const sets = objects
    .all(TYPES.replicaSet, namespace)
    .filter((set) => ownerOf(set) === deployment.metadata.uid)
    .map(({ metadata }) => metadata.uid);
  return objects.all(TYPES.pod, namespace).some((pod) => sets.includes(ownerOf(pod)) && isRunning(pod));
}

const ownerOf = ({ metadata }: KubeObject): string | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;

const isRunning = (pod: KubeObject): boolean =>
  !['Succeeded', 'Failed'].includes(stringAt(pod, 'status', 'phase') ?? '');
