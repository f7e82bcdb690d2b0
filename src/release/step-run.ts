/**
 * Steps with an analysis of their own: one AnalysisRun for each time such a step begins, named so that another time has another one.
 * It has its share of the error probability by the plan (contracts 1), so that an edited template cannot spend what the release has; an
 * edited plan cannot either, since shares that were given are kept in status.
 */
import type { ReleaseStatus } from '../api/release.ts';
import type { ResolveRunInput } from '../judge/resolve-run.ts';
import { type Plan, requestsAt } from './plan.ts';
import { shortHash } from './revision.ts';

/** Part of the error probability that all analysis steps of a plan have together. */
const OF_STEPS = 0.2;

/** Parts of a release's error probability: of the run of the whole release, and of each analysis step. */
export function sharesOf({ steps, isJudged }: Plan): { readonly whole: number; readonly step: number } {
  const count = steps.filter(({ kind }) => kind === 'analysis').length;
  if (count === 0) return { whole: 1, step: 0 };
  return isJudged ? { whole: 1 - OF_STEPS, step: OF_STEPS / count } : { whole: 1, step: 1 / count };
}

/**
 * Less is no test: what begins when nothing is left aborts at a thousand times the odds, and adds a thousandth to what was promised.
 */
const LEAST = 0.001;

/** What analysis steps of the present attempt have had so far. */
export function givenOf({ stepShares, revision, attempt }: ReleaseStatus): number {
  const isPresent = stepShares?.revision === revision.canary && stepShares?.attempt === attempt;
  return isPresent ? (stepShares?.given ?? 0) : 0;
}

/**
 * The share of a run that begins now: what the plan says, and never more than is left. The plan may have changed since the others
 * began (a step was added), and a step may begin again (after a retreat); what they have had stays theirs.
 */
export function shareLeft(planned: number, had: number): number {
  const left = 1 - had;
  // Sums of decimal fractions carry binary dust.
  return left > planned - 1e-9 ? planned : Math.max(LEAST, left);
}

/** What of a release's error probability a run has, and for analysis step `index` what it is of; as `resolveRun` takes it. */
export function runPartOf(plan: Plan, index?: number): Pick<ResolveRunInput, 'share' | 'step'> {
  const { whole, step: ofStep } = sharesOf(plan);
  const step = index === undefined ? undefined : plan.steps[index - 1];
  if (index === undefined || step?.kind !== 'analysis') return { share: whole };
  const { field, templates, args = [], settings = {} } = step;
  return { share: ofStep, step: { field, templates, args, settings, requests: requestsAt(plan, index) } };
}

/** `<release>-<revision>-<attempt>-<step>-<hash of when it began>`; `undefined` where no step is in force. */
export function stepRunNameOf(release: string, { revision, attempt, step }: ReleaseStatus): string | undefined {
  if (revision.canary === undefined || attempt === undefined || step === undefined) return undefined;
  const suffix = `-${revision.canary}-${attempt}-${step.index}-${shortHash(step.since).slice(0, 5)}`;
  return release.slice(0, 253 - suffix.length) + suffix;
}
