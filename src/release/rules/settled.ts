/** Between releases: start the next one, keep routes where they belong, and give back what is no longer needed. */
import { FINALIZER } from '../../api/meta.ts';
import {
  candidateOf,
  isByReplicas,
  isObserving,
  isUnderWay,
  type Rule,
  type Situation,
  wasRouted,
} from '../situation.ts';
import { draftOf, NOT_ROUTED, ROUTED, started, write } from '../transitions.ts';
import { changedConfig } from './configuration.ts';
import { specFinding } from './obstacles.ts';
import { contest, MAX_DRIFT_REPAIRS, noteDrift, untilArrived } from './traffic.ts';

export const start: Rule = (s) => {
  if (isUnderWay(s.status) || s.status.revision.stable === undefined || specFinding(s) !== undefined) return undefined;
  // Whoever only observes owns nothing.
  if (isObserving(s) && s.status.taken !== undefined) return undefined;
  const candidate = candidateOf(s);
  if (candidate === undefined) return undefined;
  const isBack = candidate === s.status.revision.previousStable;
  const changed = changedConfig(s);
  const what = changed.length === 0 ? '' : ` The content of ${changed.join(' and ')} changed.`;
  const message = isBack
    ? `${candidate} was stable before; it is not judged again.`
    : `Revision ${candidate} was found.${what}`;
  return write(
    s,
    started(s, candidate, { reason: isBack ? 'RolledBackToPrevious' : 'NewRevision', message }),
    'new revision',
    NOT_ROUTED,
  );
};

/** After a promotion the routes differ from what their author wrote, so they are kept: an old manifest must not roll back. */
export const keepRoutes: Rule = (s) => {
  if (isUnderWay(s.status) || isObserving(s) || s.status.taken === undefined || s.traffic === undefined)
    return undefined;
  if (s.observed.isTrafficWaiting === true) return undefined;
  const isSteady = s.observed.isTrafficWritten || s.observed.isTrafficRestored;
  if (isSteady) return wasRouted(s.status) ? undefined : (untilArrived(s) ?? write(s, draftOf(s), 'routed', ROUTED));
  if ((s.status.driftRepairs ?? 0) >= MAX_DRIFT_REPAIRS) return contest(s);
  if (wasRouted(s.status) && s.traffic.drift.length > 0) return noteDrift(s);
  return { kind: 'writeTraffic', intent: { kind: 'weight', canaryWeight: 0 }, because: 'TrafficDrift' };
};

/** Nothing was promoted since it was taken: the user's objects get back exactly what they had. */
export const giveBack: Rule = (s) => {
  const { taken, revision } = s.status;
  if (isUnderWay(s.status)) return undefined;
  const inPlace = s.workload?.inPlace;
  if (inPlace !== undefined && !s.observed.isWorkloadRestored) {
    return { kind: 'writeWorkload', intent: { kind: 'restore', taken: taken?.workload }, because: 'GivingBack' };
  }
  if (taken === undefined) {
    // The hold on a Deployment lasts as long as the Release. A pin that came back with an old copy of its route does not.
    if (inPlace !== undefined) {
      if (s.traffic === undefined || s.observed.isTrafficRestored) return undefined;
      return { kind: 'writeTraffic', intent: { kind: 'restore' }, because: 'GivingBack' };
    }
    const hasFinalizer = s.observed.release.metadata.finalizers?.includes(FINALIZER) === true;
    return hasFinalizer ? { kind: 'removeFinalizer' } : undefined;
  }
  if (taken.workload !== undefined && !s.observed.isWorkloadRestored) {
    return { kind: 'writeWorkload', intent: { kind: 'restore', taken: taken.workload }, because: 'GivingBack' };
  }
  // Replica counts are their owner's business as soon as a release is over; routes are only if nothing was promoted.
  const isUntouched =
    revision.previousStable === undefined || isByReplicas(s) || isObserving(s) || inPlace !== undefined;
  // The pin on stable pods stays until no others are left that the author's routes would find.
  if (inPlace !== undefined && inPlace.canaryPods + inPlace.strayPods > 0) return undefined;
  if (isUntouched && !s.observed.isTrafficRestored) {
    if (s.observed.isTrafficWaiting === true || s.observed.notRestored !== undefined) return undefined;
    return { kind: 'writeTraffic', intent: { kind: 'restore' }, because: 'GivingBack' };
  }
  const { taken: _taken, ...draft } = draftOf(s);
  if (isUntouched) return isKeptAfterAbort(s) ? undefined : write(s, draft, 'given back');
  return write(s, { ...draft, taken: taken.traffic === undefined ? {} : { traffic: taken.traffic } }, 'given back');
};

/**
 * So long after an abort a raise that was decided before it may still arrive: held back by the API server, or by a process that
 * stood still. Where it found the routes as it had read them, nothing refuses it; the routes are kept, and so it is put back. Replica
 * counts are kept only from what such a raise does to them (`replicas.ts`).
 */
const LATE_RAISE_MS = 5 * 60_000;

/** When what was taken may be forgotten after an abort, in ms; `undefined` where nothing is kept for that. */
export function keptUntilMs({ spec, status }: Situation): number | undefined {
  if (status.phase !== 'Aborted' || status.taken === undefined || status.endedAt === undefined) return undefined;
  // Nobody keeps what only observes; and a canary in place without a router is gone, so no raise finds it.
  const isGone = spec.workload.deployment !== undefined && spec.traffic === undefined;
  return spec.mode === 'observe' || isGone ? undefined : Date.parse(status.endedAt) + LATE_RAISE_MS;
}

const isKeptAfterAbort = (s: Situation): boolean => s.nowMs < (keptUntilMs(s) ?? 0);

/** Routes that cannot be steered any more do not make it be remembered for ever. */
export const forgetTaken: Rule = (s) => {
  const { taken, revision } = s.status;
  if (keptUntilMs(s) === undefined || isKeptAfterAbort(s) || s.traffic !== undefined) return undefined;
  if (revision.previousStable !== undefined || s.workload === undefined || s.workload.inPlace !== undefined)
    return undefined;
  if (!s.observed.isTrafficRestored || (taken?.workload !== undefined && !s.observed.isWorkloadRestored))
    return undefined;
  const { taken: _taken, ...draft } = draftOf(s);
  return write(s, draft, 'given back');
};

/** Once, after a promotion: whoever scales it up again by hand afterwards keeps it. Its requests are gone, and the routes say so. */
export const scaleDown: Rule = (s) => {
  const { pair } = s.status;
  if (pair?.scaleDownAt === undefined || isUnderWay(s.status) || s.canary === undefined) return undefined;
  const isUnused = wasRouted(s.status) && s.observed.isTrafficWritten && s.traffic?.canaryWeight === 0;
  if (s.nowMs < Date.parse(pair.scaleDownAt) || !isUnused || isObserving(s)) return undefined;
  if (s.canary.desiredReplicas > 0)
    return { kind: 'writeWorkload', intent: { kind: 'scaleDown' }, because: 'scaleDownAfter' };
  const { scaleDownAt: _done, ...rest } = pair;
  return write(s, { ...draftOf(s), pair: rest }, 'scaled down');
};
