/** The last stretch: enough pods for all requests, 100 %, and only then the new revision is stable. */
import type { TakenState } from '../../api/release.ts';
import { readDurationMs } from '../../api/units.ts';
import { isByReplicas, isObserving, isReady, type Rule, type Situation, wasRouted } from '../situation.ts';
import {
  draftOf,
  ended,
  NOT_ROUTED,
  ROUTED,
  type StatusDraft,
  told,
  withBeside,
  withWeight,
  write,
} from '../transitions.ts';
import { settledConfig } from './configuration.ts';
import { promoteInPlace } from './in-place.ts';
import { scaleFor } from './readiness.ts';

export const promote: Rule = (s) => {
  if (s.status.phase !== 'Promoting' || s.canary === undefined || s.workload === undefined) return undefined;
  if (s.workload.inPlace !== undefined) {
    const next = promoteInPlace(s, s.workload.inPlace);
    if (next === 'done') return write(s, promoted(s), 'promoted', NOT_ROUTED);
    return next === 'waits' ? undefined : next;
  }
  if (s.status.weight < 100) {
    const scaling = scaleFor(s, s.status.step?.of ?? 0, 100);
    if (scaling !== undefined) return scaling;
    const draft = toFullWeight(s, draftOf(s));
    return draft.weight === 100 ? write(s, draft, 'promoting', NOT_ROUTED) : undefined;
  }
  if (!wasRouted(s.status) || !s.observed.isTrafficWritten || !isReady(s.canary)) return undefined;
  if (s.observed.run !== undefined && !s.observed.run.isFinished)
    return { kind: 'finishRun', name: s.observed.run.name };
  // Where weights are replicas, the last pod of the old version goes only now.
  // The preview goes to the other version now.
  const isToBeRouted = isByReplicas(s) || s.spec.strategy?.blueGreen?.preview !== undefined;
  return write(s, promoted(s), 'promoted', isToBeRouted ? NOT_ROUTED : ROUTED);
};

/** 100 %, if the canary's pods can take it; otherwise the draft as it is. */
export function toFullWeight(s: Situation, draft: StatusDraft): StatusDraft {
  // There the Deployment's own rollout takes the rest over, at the weight that was judged.
  if (s.workload?.inPlace !== undefined) return draft;
  const of = draft.step?.of ?? 0;
  const canTake = isByReplicas(s) || (isReady(s.canary) && scaleFor(s, of, 100) === undefined);
  return canTake && draft.weight < 100 ? withWeight(s, withBeside(draft, {}), 100, of, of) : draft;
}

/** The arms swap in one write: what was the canary is stable, at weight 0 of whatever comes next. */
export function promoted(s: Situation): StatusDraft {
  const {
    taken,
    unreadySince: _unready,
    passedWeight: _passed,
    rolling: _rolling,
    pastReturn: _past,
    beside: _beside,
    ...draft
  } = draftOf(s);
  const over = ended(
    s,
    { ...draft, reason: BY_NOBODY.has(draft.reason ?? '') ? 'Promoted' : (draft.reason ?? 'Promoted') },
    'Promoted',
    100,
  );
  const { canary, stable, rejected } = over.revision;
  const pair =
    s.spec.workload.pair === undefined || s.canary === undefined
      ? {}
      : {
          pair: {
            live: s.canary.workload,
            ...(stable === undefined ? {} : { idleRevision: stable }),
            ...scaleDownAt(s),
          },
        };
  const message = `${canary ?? ''} has all the traffic${stable === undefined ? '' : `; ${stable} was stable before`}.`;
  const done: StatusDraft = {
    ...over,
    ...pair,
    ...settledConfig(over),
    phase: 'Promoted',
    message,
    revision: {
      ...(canary === undefined ? {} : { stable: canary }),
      ...(stable === undefined ? {} : { previousStable: stable }),
      rejected: rejected.filter((revision) => revision !== canary),
    },
    weight: 0,
    // Replicas of what is live now are its owner's business again; routes are still to be given back on deletion.
    ...(taken === undefined ? {} : { taken: keptOf(s, taken) }),
  };
  return told(s, done, 'promoted', 'promoted');
}

/** Where weights are replicas, the old version has none left anyway; whoever only observes scales nothing. */
function scaleDownAt(s: Situation): { readonly scaleDownAt?: string } {
  const after = s.spec.strategy?.blueGreen?.scaleDownAfter ?? s.spec.workload.pair?.scaleDownAfter;
  const afterMs = readDurationMs(after);
  if (afterMs === undefined || isByReplicas(s) || isObserving(s)) return {};
  return { scaleDownAt: new Date(s.nowMs + afterMs).toISOString() };
}

/** In place the canary is still to be removed. */
function keptOf(s: Situation, taken: TakenState): TakenState {
  if (s.workload?.inPlace !== undefined) return taken;
  return taken.traffic === undefined ? {} : { traffic: taken.traffic };
}

/** Reasons on the way that say nothing about who promoted it. */
const BY_NOBODY: ReadonlySet<string> = new Set([
  'Advanced',
  'Resumed',
  'WaitingForPods',
  'WaitingForTraffic',
  'Observing',
  'RollingOut',
  'RolloutStuck',
  '',
]);
