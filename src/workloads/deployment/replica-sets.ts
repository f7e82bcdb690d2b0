/** Which ReplicaSet of a Deployment users get, which is of the template as it stands, and whether others have pods. */
import { at, labelsAt, numberAt, sameJson } from '../../api/fields.ts';
import { type KubeObject, TYPES } from '../../api/meta.ts';
import { revisionOf } from '../../release/revision.ts';
import { isOwnedBy, withoutHash } from '../deployment-arm.ts';
import type { ObjectSet } from '../port.ts';

/** Set by the Deployment controller on everything that it makes; the only label by which stable pods differ from all others. */
export const HASH_LABEL = 'pod-template-hash';

export function replicaSetsOf(deployment: KubeObject, objects: ObjectSet): readonly KubeObject[] {
  return objects
    .all(TYPES.replicaSet, deployment.metadata.namespace ?? '')
    .filter((set) => isOwnedBy(set, deployment) && set.metadata.deletionTimestamp === undefined);
}

/** Wanted or still there. */
const podsOf = (set: KubeObject): number =>
  Math.max(numberAt(set, 'spec', 'replicas') ?? 1, numberAt(set, 'status', 'replicas') ?? 0);

export const revisionOfSet = (set: KubeObject): string => revisionOf(withoutHash(at(set, 'spec', 'template')));

export const hashOf = (set: KubeObject | undefined): string | undefined =>
  labelsAt(set, 'spec', 'template', 'metadata', 'labels')[HASH_LABEL];

const readyOf = (set: KubeObject): number => numberAt(set, 'status', 'readyReplicas') ?? 0;

/**
 * The ReplicaSet that users get: of the known stable revision while it has pods, and at least half as many ready ones as another
 * that was not rejected (somebody rolled past Serin); else the one with most; else, with no pods anywhere, that of the known
 * revision again (scaled to zero).
 */
export function stableSetOf(
  sets: readonly KubeObject[],
  known: { readonly stable?: string; readonly rejected: readonly string[] } | undefined,
): KubeObject | undefined {
  const isKnown = (set: KubeObject): boolean => revisionOfSet(set) === known?.stable;
  const most = (among: readonly KubeObject[]): KubeObject | undefined =>
    among.filter((set) => podsOf(set) > 0).toSorted((a, b) => readyOf(b) - readyOf(a) || podsOf(b) - podsOf(a))[0];
  const stable = most(sets.filter(isKnown));
  const other = most(sets.filter((set) => !isKnown(set) && !known?.rejected.includes(revisionOfSet(set))));
  if (stable !== undefined && (other === undefined || 2 * readyOf(stable) >= readyOf(other))) return stable;
  return other ?? most(sets) ?? sets.find(isKnown);
}

/** Of the template exactly as it stands: a restart is another one. */
export function isExactly(set: KubeObject, deployment: KubeObject): boolean {
  return sameJson(withoutHash(at(set, 'spec', 'template')), withoutHash(at(deployment, 'spec', 'template')));
}

/** No pods but those of the template as it stands. */
export function isUniform(deployment: KubeObject, sets: readonly KubeObject[]): boolean {
  return (
    sets.some((set) => isExactly(set, deployment)) &&
    sets.every((set) => isExactly(set, deployment) || podsOf(set) === 0)
  );
}
