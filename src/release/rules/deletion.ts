/** A Release that is being deleted gives everything back first; it never keeps its namespace from going. */
import { FINALIZER } from '../../api/meta.ts';
import { UNTIL_PODS_ARE_GONE } from './aborting.ts';
import { handBack } from './in-place.ts';
import { isUnderWay, type Rule, type Situation } from '../situation.ts';
import { aborting, draftOf, NOT_ROUTED, type StatusDraft, told, write } from '../transitions.ts';
import { tell } from './telling.ts';
import { untilArrived } from './traffic.ts';

/** After this long the finalizer goes, whatever could not be given back: a stuck namespace helps nobody. */
const DELETION_DEADLINE_MS = 10 * 60_000;
/** How long a missing workload may come back before its routes are left as they are. */
const MISSING_WORKLOAD_MS = 60_000;

export const giveBackOnDeletion: Rule = (s) => {
  const { deletionTimestamp, finalizers } = s.observed.release.metadata;
  if (deletionTimestamp === undefined) return undefined;
  if (!finalizers?.includes(FINALIZER)) return { kind: 'wait' };
  const waitedMs = s.nowMs - Date.parse(deletionTimestamp);
  if (isNothingLeft(s, waitedMs)) return goneAfterTelling(s);
  if (waitedMs >= DELETION_DEADLINE_MS) return giveUp(s);
  if (isUnderWay(s.status) && s.status.phase !== 'Aborting') {
    const message = 'The Release is being deleted; traffic goes back to stable.';
    const draft = aborting(s, draftOf(s), { reason: 'Deleted', message, isRejected: false });
    return write(s, told(s, draft, 'aborted', 'deleted'), 'deletion', NOT_ROUTED);
  }
  if (s.workload?.inPlace !== undefined) return handBack(s, s.workload.inPlace) ?? goneAfterTelling(s);
  if (s.workload !== undefined && !s.observed.isTrafficRestored) {
    if (s.observed.isTrafficWaiting === true) return UNTIL_PODS_ARE_GONE;
    return { kind: 'writeTraffic', intent: { kind: 'restore' }, because: 'deletion' };
  }
  if (s.workload !== undefined && !s.observed.isWorkloadRestored) {
    const arriving = untilArrived(s);
    if (arriving !== undefined) return arriving;
    return { kind: 'writeWorkload', intent: { kind: 'restore', taken: s.status.taken?.workload }, because: 'deletion' };
  }
  if (s.workload === undefined) return { kind: 'wait', requeueAfterMs: 5_000 };
  return goneAfterTelling(s);
};

function isNothingLeft({ status, observed, workload }: Situation, waitedMs: number): boolean {
  if (observed.conflict !== undefined) return true;
  const isHeldInPlace = workload?.inPlace?.isHandedBack === false || !observed.isWorkloadRestored;
  if (status.taken === undefined && !(workload?.inPlace !== undefined && isHeldInPlace)) return true;
  return (
    workload === undefined &&
    waitedMs >= MISSING_WORKLOAD_MS &&
    observed.workload.kind === undefined &&
    observed.workload.reason === 'WorkloadNotFound'
  );
}

function goneAfterTelling(s: Situation): ReturnType<Rule> {
  return tell(s) ?? { kind: 'removeFinalizer' };
}

/** Says what stays as it is, then lets go. */
function giveUp(s: Situation): ReturnType<Rule> {
  if (s.status.reason === 'NotGivenBack') return goneAfterTelling(s);
  const message = 'The Release goes although not all of its routes and replicas could be given back; look after them.';
  const draft: StatusDraft = { ...draftOf(s), reason: 'NotGivenBack', message };
  return write(s, told(s, draft, 'invalid', 'not-given-back'), 'deadline');
}
