/** What must be in place before the canary gets its first request: the finalizer, what is to be given back, the run. */
import { FINALIZER } from '../../api/meta.ts';
import type { TakenState } from '../../api/release.ts';
import { isFollowingSteps, isGoingBack, isObserving, isUnderWay, type Rule, type Situation } from '../situation.ts';
import { givenOf, shareLeft, sharesOf } from '../step-run.ts';
import { draftOf, nextAttempt, NOT_ROUTED, runName, type StatusDraft, withWeight, write } from '../transitions.ts';

/** Remembered before the first write on a user's object, and the finalizer before that: a crash cannot lose it. */
export const take: Rule = (s) => {
  if (!isUnderWay(s.status) || isObserving(s)) return undefined;
  const { snapshot, release } = s.observed;
  const { taken } = s.status;
  // After a promotion the routes' share is still held; replicas are taken anew for each release.
  const next = completed(taken, snapshot);
  const isComplete = taken !== undefined && (snapshot === undefined || isSame(next, taken));
  if (isComplete) return undefined;
  if (!release.metadata.finalizers?.includes(FINALIZER)) return { kind: 'addFinalizer' };
  if (snapshot === undefined) return { kind: 'wait', requeueAfterMs: 5_000 };
  return write(s, { ...draftOf(s), taken: next }, 'taken');
};

/** What an earlier version took lacks what this one remembers besides; nothing that is remembered changes. */
function completed(taken: TakenState | undefined, snapshot: TakenState | undefined): TakenState {
  const next = { ...snapshot, ...taken };
  const isOfOne = taken?.traffic?.['router'] === snapshot?.traffic?.['router'];
  return isOfOne && next.traffic !== undefined
    ? { ...next, traffic: { ...snapshot?.traffic, ...taken?.traffic } }
    : next;
}

const isSame = (a: TakenState, b: TakenState): boolean =>
  countOf(a.traffic) === countOf(b.traffic) && (a.workload === undefined) === (b.workload === undefined);

const countOf = (fields: TakenState['traffic']): number => Object.keys(fields ?? {}).length;

/**
 * One run for each attempt, made before the first raise; `status.analysisRun` says that it was made. One that is gone or
 * ended on the way takes its evidence along: a new attempt at the same weight.
 */
export const prepareRun: Rule = (s) => {
  if (!isFollowingSteps(s) || s.spec.analysis === undefined || isGoingBack(s)) return undefined;
  const { revision, attempt, analysisRun } = s.status;
  if (revision.canary === undefined || attempt === undefined) return undefined;
  const { run } = s.observed;
  if (run?.isFinished === true || (run === undefined && analysisRun !== undefined))
    return freshAttempt(s, revision.canary);
  if (run === undefined) {
    const name = runName(s, revision.canary, attempt);
    const made = { kind: 'createRun', name, revision: revision.canary, attempt } as const;
    // Analysis steps went before: `analysis` was written when the release was under way.
    const given = givenOf(s.status);
    const share = given > 0 && s.plan !== undefined ? shareLeft(sharesOf(s.plan).whole, given) : undefined;
    return share === undefined ? made : { ...made, share };
  }
  return write(s, { ...draftOf(s), analysisRun: run.name }, 'analysis run made');
};

function freshAttempt(s: Situation, revision: string): ReturnType<Rule> {
  const attempt = nextAttempt(s, revision);
  if (attempt === s.status.attempt) return undefined;
  const { passedWeight: _passed, analysisRun, ...draft } = draftOf(s);
  const index = s.status.step?.index ?? 0;
  const fresh: StatusDraft = {
    ...withWeight(s, draft, s.status.weight, index, s.status.step?.of ?? 0),
    attempt,
    verdict: { outcome: 'Continue', reason: 'EvidenceLost' },
    reason: 'EvidenceLost',
    message: `The AnalysisRun ${analysisRun ?? 'of an earlier release'} is gone or ended; evidence starts afresh as attempt ${attempt}.`,
  };
  return write(s, fresh, 'evidence lost', NOT_ROUTED);
}
