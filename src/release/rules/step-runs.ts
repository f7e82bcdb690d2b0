/** The runs of analysis steps: named in status before they are made, and ended when their step is over, however it ended. */
import type { ReleaseStatus } from '../../api/release.ts';
import { isFollowingSteps, isGoingBack, isObserving, type Rule, type Situation, wasRouted } from '../situation.ts';
import { givenOf, shareLeft, sharesOf, stepRunNameOf } from '../step-run.ts';
import { draftOf, NOT_ROUTED, withWeight, write } from '../transitions.ts';
import { blindSince } from './holds.ts';

const MOST_RUNS = 8;

/** Name that the run of the step in force has; `undefined` where the step has none. */
function nameOf(s: Situation): string | undefined {
  if (s.step?.kind !== 'analysis' || !isFollowingSteps(s) || isObserving(s)) return undefined;
  return stepRunNameOf(s.observed.release.metadata.name, s.status);
}

/** One run for each time that such a step begins. Where somebody else ended it before it had decided, the step begins again. */
export const prepareStepRun: Rule = (s) => {
  const name = nameOf(s);
  const { canary } = s.status.revision;
  const { step, attempt } = s.status;
  if (name === undefined || canary === undefined || step === undefined || attempt === undefined) return undefined;
  if (isGoingBack(s) || !wasRouted(s.status)) return undefined;
  const runs = s.status.stepRuns ?? [];
  if (runs.at(-1) !== name) {
    const stepRuns = [...runs, name].slice(-MOST_RUNS);
    return write(s, { ...draftOf(s), stepRuns, stepShares: sharesNow(s, canary, attempt) }, 'analysis run of the step');
  }
  const run = s.observed.stepRun;
  const share = givenOf(s.status) > 0 ? s.status.stepShares?.present : undefined;
  if (run === undefined) {
    const made = { kind: 'createRun', name, revision: canary, attempt, step: step.index } as const;
    return share === undefined ? made : { ...made, share };
  }
  return run.isFinished && !hasDecided(s) ? beginAgain(s, run.name) : undefined;
};

/** The release's own run has what it was made with, whatever the plan says now. */
function sharesNow(s: Situation, revision: string, attempt: number): NonNullable<ReleaseStatus['stepShares']> {
  const given = givenOf(s.status);
  const { run } = s.observed;
  const whole = run === undefined ? 0 : (run.share ?? 1);
  const planned = s.plan === undefined ? 0 : sharesOf(s.plan).step;
  const present = shareLeft(planned, whole + given);
  return { revision, attempt, given: given + present, present };
}

const hasDecided = (s: Situation): boolean =>
  s.verdict !== undefined && s.verdict.outcome !== 'Continue' && blindSince(s) === undefined;

function beginAgain(s: Situation, ended: string): ReturnType<Rule> {
  const { index = 0, of = 0, since = s.now } = s.status.step ?? {};
  // Another time has another name.
  if (since === s.now) return undefined;
  const draft = withWeight(s, draftOf(s), s.status.weight, index, of);
  const message = `AnalysisRun ${ended} was ended before it had decided; the step begins again.`;
  return write(s, { ...draft, reason: 'EvidenceLost', message }, 'evidence lost', NOT_ROUTED);
}

/** Nobody measures for a step that is over. */
export const endStepRuns: Rule = (s) => {
  const name = nameOf(s);
  const over = (s.status.stepRuns ?? []).filter((each) => each !== name);
  const [oldest] = over;
  if (oldest === undefined) return undefined;
  const run = [s.observed.endingRun, s.observed.stepRun].find((each) => each?.name === oldest);
  if (run?.isFinished === false) return { kind: 'finishRun', name: oldest };
  const left = (s.status.stepRuns ?? []).filter((each) => each !== oldest);
  const { stepRuns: _runs, ...draft } = draftOf(s);
  return write(s, left.length === 0 ? draft : { ...draft, stepRuns: left }, 'analysis run of the step ended');
};
