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
 * The ReplicaSet that users get: of the known stable revision; else of another that was not rejected, that of the template as it stands
 * last, because nobody may have judged it. Each counts while it has at least half as many ready pods as those after it (somebody rolled
 * past Serin). Else the one with most; else, with no pods anywhere, that of the known revision again (scaled to zero).
 */
export function stableSetOf(
  sets: readonly KubeObject[],
  known: { readonly stable?: string; readonly rejected: readonly string[] } | undefined,
  target: string,
): KubeObject | undefined {
  const isKnown = (set: KubeObject): boolean => revisionOfSet(set) === known?.stable;
  const isTarget = (set: KubeObject): boolean => revisionOfSet(set) === target;
  const others = sets.filter((set) => !isKnown(set) && !known?.rejected.includes(revisionOfSet(set)));
  const ranked = [sets.filter(isKnown), others.filter((set) => !isTarget(set)), others.filter(isTarget)].flatMap(
    (among) => mostReady(among) ?? [],
  );
  const found = ranked.find((set, index) =>
    ranked.slice(index + 1).every((later) => 2 * readyOf(set) >= readyOf(later)),
  );
  return found ?? mostReady(sets) ?? sets.find(isKnown);
}

const mostReady = (among: readonly KubeObject[]): KubeObject | undefined =>
  among.filter((set) => podsOf(set) > 0).toSorted((a, b) => readyOf(b) - readyOf(a) || podsOf(b) - podsOf(a))[0];

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
