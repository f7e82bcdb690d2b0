/** A Release that is being deleted gives everything back first; it never keeps its namespace from going. */
import { FINALIZER } from '../../api/meta.ts';
import type { Action } from '../action.ts';
import type { Observed } from '../observed.ts';
import { UNTIL_PODS_ARE_GONE } from './aborting.ts';
import { handBack } from './in-place.ts';
import { waitForWrite } from './obstacles.ts';
import { isUnderWay, type Rule, type Situation } from '../situation.ts';
import { aborting, draftOf, NOT_ROUTED, type StatusDraft, told, write } from '../transitions.ts';
import { tell } from './telling.ts';
import { untilArrived } from './traffic.ts';

/** After this long the finalizer goes, whatever cannot be given back: a stuck namespace helps nobody. */
const DELETION_DEADLINE_MS = 10 * 60_000;
/** How long a missing workload, or a missing route, may come back before what it holds is left as it is. */
const MISSING_MS = 60_000;

export const giveBackOnDeletion: Rule = (s) => {
  const { deletionTimestamp, finalizers } = s.observed.release.metadata;
  if (deletionTimestamp === undefined) return undefined;
  if (!finalizers?.includes(FINALIZER)) return { kind: 'wait' };
  if (wasGivenUp(s) || isNothingLeft(s, s.nowMs - Date.parse(deletionTimestamp))) return goneAfterTelling(s);
  const next = giveBackNext(s);
  const isWaiting = next?.kind === 'wait' || s.observed.obstacle !== undefined;
  return isWaiting && isDeletionOverdue(s.observed) ? giveUp(s) : next;
};

/**
 * Time enough was there. It counts from the deletion, or from when Serin began to give up what was under way: Serin may have been away,
 * and the API server's clock may be another. What can still be written is written all the same.
 */
export function isDeletionOverdue({ release, nowMs }: Pick<Observed, 'release' | 'nowMs'>): boolean {
  const { deletionTimestamp } = release.metadata;
  if (deletionTimestamp === undefined) return false;
  const isGivingUp = release.status?.phase === 'Aborting';
  const begun = isGivingUp ? Date.parse(release.status?.step?.since ?? '') : Number.NaN;
  const sinceMs = begun <= nowMs ? Math.max(begun, Date.parse(deletionTimestamp)) : Date.parse(deletionTimestamp);
  return nowMs - sinceMs >= DELETION_DEADLINE_MS;
}

function giveBackNext(s: Situation): ReturnType<Rule> {
  if (isUnderWay(s.status) && s.status.phase !== 'Aborting') {
    const message = 'The Release is being deleted; traffic goes back to stable.';
    const draft = aborting(s, draftOf(s), { reason: 'Deleted', message, isRejected: false });
    return write(s, told(s, draft, 'aborted', 'deleted'), 'deletion', NOT_ROUTED);
  }
  const stuck = waitForWrite(s);
  if (stuck !== undefined) return stuck;
  if (s.workload === undefined) return { kind: 'wait', requeueAfterMs: 5_000 };
  // Pods are not touched before requests have left them, and a write that says nothing is not repeated.
  if (s.observed.notRestored !== undefined) return { kind: 'wait', requeueAfterMs: 5_000 };
  if (s.workload.inPlace !== undefined) return handBack(s, s.workload.inPlace) ?? untilSeen(s) ?? goneAfterTelling(s);
  if (!s.observed.isTrafficRestored) {
    if (s.observed.isTrafficWaiting === true) return UNTIL_PODS_ARE_GONE;
    return { kind: 'writeTraffic', intent: { kind: 'restore' }, because: 'deletion' };
  }
  if (s.observed.isWorkloadRestored) return goneAfterTelling(s);
  const intent = { kind: 'restore', taken: s.status.taken?.workload } as const;
  return untilArrived(s) ?? { kind: 'writeWorkload', intent, because: 'deletion' };
}

/** What is not there now may come back with something of Serin's in it; whoever puts it back has to know. */
function untilSeen(s: Situation): Action | undefined {
  const { release, unseen } = s.observed;
  if (unseen === undefined) return undefined;
  const waitedMs = s.nowMs - Date.parse(release.metadata.deletionTimestamp ?? '');
  return waitedMs < MISSING_MS ? { kind: 'wait', requeueAfterMs: 5_000 } : giveUp(s, unseen.message);
}

function isNothingLeft({ status, observed, workload }: Situation, waitedMs: number): boolean {
  const isHeldInPlace = workload?.inPlace?.isHandedBack === false || !observed.isWorkloadRestored;
  // What an older Release claims is its own, except for what this one took before.
  const isHeld = workload?.inPlace !== undefined && isHeldInPlace && observed.conflict === undefined;
  if (status.taken === undefined && !isHeld) return true;
  return (
    workload === undefined &&
    waitedMs >= MISSING_MS &&
    observed.workload.kind === undefined &&
    observed.workload.reason === 'WorkloadNotFound'
  );
}

function goneAfterTelling(s: Situation): Action {
  return tell(s) ?? { kind: 'removeFinalizer' };
}

/** It was said that not everything could be given back: nothing is tried again. */
export const wasGivenUp = ({ status }: Situation): boolean => status.reason === 'NotGivenBack';

/** Says what stays as it is; then the finalizer goes. */
export function giveUp(s: Situation, what = ''): Action | undefined {
  const goes = 'The Release goes although not all of its routes and replicas could be given back; look after them.';
  const message = what === '' ? goes : `${goes} ${what}`;
  const draft: StatusDraft = { ...draftOf(s), reason: 'NotGivenBack', message };
  return write(s, told(s, draft, 'invalid', 'not-given-back'), 'deadline');
}
