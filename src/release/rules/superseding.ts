/** The workload changed under a release that is under way: a newer revision, the old one back, or another stable. */
import type { ReleaseStatus } from '../../api/release.ts';
import { isFollowingSteps, isUnderWay, type Rule } from '../situation.ts';
import { aborting, draftOf, NOT_ROUTED, write } from '../transitions.ts';
import { isPastReturn } from './in-place.ts';
import { promoted } from './promotion.ts';

/** Traffic goes to 0 before anything else starts; what was under way is not remembered as rejected. */
export const supersede: Rule = (s) => {
  if (!isUnderWay(s.status) || s.status.phase === 'Aborting' || s.workload === undefined) return undefined;
  const present = s.workload.canary?.revision;
  const { canary } = s.status.revision;
  if (present === canary) return undefined;
  // It passed, and is what users get by now: the next one is compared with it.
  if (isPastReturn(s) && s.workload.stable.revision === canary) return write(s, promoted(s), 'promoted', NOT_ROUTED);
  const message =
    present === undefined || present === s.status.pair?.idleRevision
      ? `Revision ${canary ?? ''} was taken back before it was judged.`
      : `Revision ${present} took the place of ${canary ?? ''}.`;
  return write(
    s,
    aborting(s, draftOf(s), { reason: 'Superseded', message, isRejected: false }),
    'superseded',
    NOT_ROUTED,
  );
};

/** Before anything that is waited for: what was taken is known, so a revision that is gone keeps no requests that nobody judges. */
export const supersedeUnreached: Rule = (s) => (s.status.taken === undefined ? undefined : supersede(s));

/** Evidence against a stable version that is gone is void: the same revision starts again. */
export const followStable: Rule = (s) => {
  if (s.workload === undefined || s.status.revision.stable === undefined) return undefined;
  const stable = s.workload.stable.revision;
  if (stable === s.status.revision.stable || s.status.phase === 'Aborting' || s.status.phase === 'Promoting')
    return undefined;
  const revision = changedTo(stable, s.status.revision);
  const message =
    revision.judgedStable === undefined
      ? `The stable version is ${stable} again, as it was judged.`
      : `The stable version was changed from ${s.status.revision.stable} to ${stable} directly; nothing judged that.`;
  if (isFollowingSteps(s) && wasCompared(s.status)) {
    return write(
      s,
      aborting(s, draftOf(s), { reason: 'StableChanged', message, isRejected: false }),
      'stable changed',
      NOT_ROUTED,
    );
  }
  const draft = draftOf(s);
  const reason = revision.judgedStable === undefined ? 'UpToDate' : 'StableChanged';
  const why = isUnderWay(s.status) ? {} : { reason, message };
  return write(s, { ...draft, ...why, revision }, 'stable changed');
};

/** What was judged last is remembered until it is back, or the next version takes its place. */
function changedTo(stable: string, { judgedStable, ...before }: ReleaseStatus['revision']): ReleaseStatus['revision'] {
  const judged = judgedStable ?? before.stable;
  return { ...before, stable, ...(judged === undefined || judged === stable ? {} : { judgedStable: judged }) };
}

/** Since it began, in this attempt the canary had requests, or copies of them. */
const wasCompared = ({ weight, weights }: ReleaseStatus): boolean =>
  weight > 0 || (weights ?? []).some((entry) => entry.weight > 0 || entry.beside !== undefined);
