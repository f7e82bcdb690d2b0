/** What the rules look at: the observation, with the parts that most of them need already told apart. */
import type { Finding } from '../api/meta.ts';
import type { Phase, ReleaseSpec, ReleaseStatus } from '../api/release.ts';
import { readDurationMs } from '../api/units.ts';
import type { StepVerdict } from '../judge/verdict.ts';
import type { Action } from './action.ts';
import type { ArmState, Observed, RunState, TrafficState, WorkloadState } from './observed.ts';
import { gatedPlanOf, isGatedSpec } from './gated/plan.ts';
import { type Plan, planOf } from './plan.ts';
import { stepRunNameOf } from './step-run.ts';
import type { PlanStep, StepSettings } from './steps.ts';
import { switchOf } from './switching.ts';

export interface Situation {
  readonly observed: Observed;
  readonly spec: ReleaseSpec;
  readonly status: ReleaseStatus;
  readonly plan: Plan | undefined;
  readonly planFinding: Finding | undefined;
  readonly workload: WorkloadState | undefined;
  readonly traffic: TrafficState | undefined;
  /** The arm that is not stable, whatever its revision. */
  readonly canary: ArmState | undefined;
  /** The step in force; `undefined` before the first and beyond the last. */
  readonly step: PlanStep | undefined;
  /** The run's verdict, only if it speaks of this very revision, attempt, step and weight (contracts 2). */
  readonly verdict: StepVerdict | undefined;
  readonly nowMs: number;
  readonly now: string;
}

/** One rule of the chain: an Action, or `undefined` to let the next rule decide. */
export type Rule = (situation: Situation) => Action | undefined;

export const NO_STATUS: ReleaseStatus = {
  phase: 'Idle',
  revision: { rejected: [] },
  weight: 0,
  conditions: [],
};

export function situationOf(observed: Observed): Situation {
  const { release, workload, traffic, nowMs } = observed;
  const status = release.status ?? NO_STATUS;
  const state = workload.kind === 'workload' ? workload : undefined;
  const plan = planIn(release.spec, state);
  const isPlan = plan?.kind === 'plan' && observed.invalid === undefined;
  const step = isPlan ? stepIn(plan, status, state) : undefined;
  return {
    observed,
    spec: release.spec,
    status,
    plan: isPlan ? plan : undefined,
    planFinding: observed.invalid ?? (plan?.kind === 'plan' ? undefined : plan),
    workload: state,
    traffic: traffic.kind === 'traffic' ? traffic : undefined,
    canary: state?.canary,
    step,
    verdict: verdictIn(observed, status, release.spec.mode === 'observe' ? undefined : step),
    nowMs,
    now: new Date(nowMs).toISOString(),
  };
}

/** Where another controller owns the steps, there is no plan without it. */
function planIn(spec: ReleaseSpec, state: WorkloadState | undefined): ReturnType<typeof planOf> | undefined {
  if (!isGatedSpec(spec)) return planOf(spec);
  return state?.gate === undefined ? undefined : gatedPlanOf(spec, state.gate);
}

/** On its way to a pause a rollout only moves: what its step waits for comes later. */
function stepIn(plan: Plan, status: ReleaseStatus, state: WorkloadState | undefined): PlanStep | undefined {
  const step = plan.steps[(status.step?.index ?? 0) - 1];
  const isMoving = state?.gate !== undefined && state.gate.gate === undefined;
  return isMoving && step !== undefined ? { kind: 'setWeight', weight: status.weight } : step;
}

/**
 * At an analysis step the run of the step decides, beside a Fail of the whole release's run. Requests that nobody sees hold it
 * like every other step.
 */
function verdictIn(
  { run, stepRun, release, nowMs }: Observed,
  status: ReleaseStatus,
  step: PlanStep | undefined,
): StepVerdict | undefined {
  const latestMs = nowMs + freshnessMs({ spec: release.spec, step });
  const whole = acceptedVerdict(status, run, status.analysisRun, latestMs);
  if (step?.kind !== 'analysis' || whole?.outcome === 'Fail') return whole;
  const own = acceptedVerdict(status, stepRun, stepRunNameOf(release.metadata.name, status), latestMs);
  if (own === undefined || own.outcome === 'Fail') return own;
  const blindSinceMs = own.blindSinceMs ?? (status.weight > 0 ? whole?.blindSinceMs : undefined);
  const split = own.split ?? whole?.split;
  return {
    ...own,
    ...(blindSinceMs === undefined ? {} : { blindSinceMs }),
    ...(split === undefined ? {} : { split }),
  };
}

/** The verdict, if every field of its identity matches this fresh read; a verdict of another step cannot decide this one. */
function acceptedVerdict(
  status: ReleaseStatus,
  run: RunState | undefined,
  name: string | undefined,
  latestMs: number,
): StepVerdict | undefined {
  const verdict = run?.verdict;
  if (run === undefined || verdict === undefined || run.name !== name || status.step === undefined) return undefined;
  const isThisOne =
    verdict.revision === status.revision.canary &&
    verdict.attempt === status.attempt &&
    verdict.step === status.step.index &&
    verdict.weight === status.weight;
  const isOfStep = verdict.intervalEndMs > Date.parse(status.step.since) && verdict.intervalEndMs <= latestMs;
  // What was found of a bad canary stays true, whenever the step began, and by whose clock.
  const isAccepted = isOfStep || verdict.outcome === 'Fail' || isBlindOnly(verdict);
  return isThisOne && isAccepted ? { ...verdict, run: run.name } : undefined;
}

/** It says that there is no data, and nothing of the canary: true from the first moment of a step, and it raises nothing. */
const isBlindOnly = ({ outcome, blindSinceMs }: StepVerdict): boolean =>
  blindSinceMs !== undefined && outcome !== 'Pass' && outcome !== 'Fail';

/** How the analysis in force decides: as its step says, where that says anything, otherwise as the release does. */
export const settingsOf = ({ spec, step }: Pick<Situation, 'spec' | 'step'>): StepSettings =>
  step?.kind === 'analysis' ? { ...spec.analysis, ...step.settings } : (spec.analysis ?? {});

/** A verdict older than this raises nothing: whoever judges may have stopped. Three polls, and never under three minutes. */
export function freshnessMs(s: Pick<Situation, 'spec' | 'step'>): number {
  return Math.max(3 * 60_000, 3 * (readDurationMs(settingsOf(s).interval) ?? 0));
}

const UNDER_WAY: ReadonlySet<Phase> = new Set(['Waiting', 'Progressing', 'Held', 'Promoting', 'Aborting']);

/** A release is being carried out: there is a canary revision that is neither promoted nor given up. */
export const isUnderWay = (status: ReleaseStatus): boolean => UNDER_WAY.has(status.phase);

/** The steps are being followed (not yet promoting, not aborting). */
export const isFollowingSteps = ({ status }: Situation): boolean =>
  status.phase === 'Waiting' || status.phase === 'Progressing' || status.phase === 'Held';

export const isObserving = ({ spec }: Situation): boolean => spec.mode === 'observe';

/** Another controller moves pods and traffic. */
export const isGated = ({ spec }: Situation): boolean => isGatedSpec(spec);

/** All requests go from one version to the other at once. */
export const isSwitched = ({ spec }: Pick<Situation, 'spec'>): boolean => switchOf(spec) !== undefined;

/** No router: the share of requests is the share of pods, and the `replicas` router scales both sides. */
export const isByReplicas = ({ spec }: Situation): boolean => spec.traffic === undefined && !isGatedSpec(spec);

/** The step waits for a verdict. */
export const isJudging = ({ step }: Situation): boolean => step?.kind === 'judge' || step?.kind === 'analysis';

/** Going back to what was stable before is not judged again (contracts 7). */
export const isGoingBack = ({ status }: Situation): boolean =>
  status.revision.canary !== undefined && status.revision.canary === status.revision.previousStable;

/** The routes were last seen to carry what they should. */
export const wasRouted = (status: ReleaseStatus): boolean =>
  status.conditions.some((condition) => condition.type === 'TrafficRouted' && condition.status === 'True');

/** Every pod that should be there is available; only then may the canary get more requests. */
export function isReady(arm: ArmState | undefined): arm is ArmState {
  return arm !== undefined && arm.isSettled && arm.desiredReplicas > 0 && arm.readyReplicas >= arm.desiredReplicas;
}

/** The revision that could be released: not stable, not rejected, not what the idle member of a pair already had. */
export function candidateOf({ status, workload, observed }: Situation): string | undefined {
  const revision = workload?.canary?.revision;
  if (workload?.inPlace?.isPausedByPerson === true) return undefined;
  if (workload === undefined || revision === undefined || revision === workload.stable.revision) return undefined;
  if (revision === status.revision.stable || revision === status.pair?.idleRevision) return undefined;
  if (status.revision.rejected.includes(revision) || revision === observed.abortRevision) return undefined;
  return revision;
}
