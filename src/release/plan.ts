/**
 * A strategy as a plan: the numbered steps of one release, the same whether written short or long. With `analysis`
 * every raise is judged, written or not (contracts 4); without it the plan is a timetable. Long, because short and long forms are read by the same rules.
 */
import type { Finding } from '../api/meta.ts';
import { sameJson } from '../api/fields.ts';
import { type ReleaseSpec, type Step, STEPS } from '../api/release.ts';
import { matchFinding } from '../api/request-match.ts';
import { quote, readWeight, units } from '../api/units.ts';
import { abTestSteps } from './ab-test.ts';
import { canonicalJson, shortHash } from './revision.ts';
import { type Beside, duration, type PlanStep, type Replicas } from './steps.ts';
import { switchOf, switchSteps } from './switching.ts';

export interface Plan {
  readonly kind: 'plan';
  /** Step 1 is `steps[0]`; step 0 is the time before, at weight 0. */
  readonly steps: readonly PlanStep[];
  readonly isJudged: boolean;
  /** Changes with the steps and with whether they are judged. */
  readonly hash: string;
  readonly progressDeadlineMs?: number;
  readonly retreatAfterMs: number;
}

/** How long each weight of a timetable lasts when nothing is said (statistics.md 5.2, shortest dwell). */
const UNJUDGED_DWELL_MS = 3 * 60_000;
/** Blind this long: back to the last passed weight (contracts 17). */
export const RETREAT_AFTER_MS = 30 * 60_000;

/** The plan of a spec, or a finding that names the field and the fix. */
export function planOf(spec: ReleaseSpec): Plan | (Finding & { readonly kind?: undefined }) {
  const problems: string[] = [];
  const progressDeadlineMs = duration(spec.progressDeadline, 'spec.progressDeadline', problems);
  const switched = switchOf(spec);
  const retreatAfterMs = duration(
    (switched?.how.analysis ?? spec.analysis)?.retreatAfter,
    `${switched?.field ?? 'spec'}.analysis.retreatAfter`,
    problems,
  );
  if (spec.mode === 'observe' && spec.workload.deployment !== undefined) {
    problems.push(
      'spec.mode is observe, but the canary of spec.workload.deployment only exists because Serin holds the Deployment and makes it. Leave mode out, or observe a pair.',
    );
  }
  const isJudged = spec.analysis !== undefined;
  const steps = stepsOf(spec, isJudged, problems);
  const [first] = problems;
  if (first !== undefined) return { reason: 'InvalidSpec', message: first };
  return {
    kind: 'plan',
    steps,
    isJudged,
    hash: shortHash(canonicalJson({ steps, isJudged })),
    ...(progressDeadlineMs === undefined ? {} : { progressDeadlineMs }),
    retreatAfterMs: retreatAfterMs ?? RETREAT_AFTER_MS,
  };
}

/** The canary's weight once step `index` has begun; 0 before the first. `undefined` beyond the plan. */
export function weightAt(plan: Plan, index: number): number | undefined {
  if (index < 0 || index > plan.steps.length) return undefined;
  const last = plan.steps.slice(0, index).findLast((step) => step.kind === 'setWeight');
  return last === undefined ? 0 : last.weight;
}

/** The match and the mirror in force once step `index` has begun. At 100 % there is nothing beside the weight. */
export function besideAt(plan: Plan, index: number): Beside {
  return weightAt(plan, index) === 100 ? {} : besideOf(plan.steps.slice(0, Math.max(0, index)));
}

/** Whether the canary gets more requests, or other ones, than by this weight and match; copies count as well. */
export function isRaised(
  now: { readonly weight: number; readonly beside?: Beside },
  next: { readonly weight: number; readonly beside?: Beside },
): boolean {
  const { match, mirror = 0 } = next.beside ?? {};
  const isOtherMatch = match !== undefined && !sameJson(match, now.beside?.match);
  return next.weight > now.weight || isOtherMatch || mirror > (now.beside?.mirror ?? 0);
}

/** The match and the mirror in force after these steps. */
function besideOf(steps: readonly PlanStep[]): Beside {
  const match = steps.findLast((step) => step.kind === 'match')?.match;
  const mirror = steps.findLast((step) => step.kind === 'mirror')?.percent ?? 0;
  return { ...(match === undefined ? {} : { match }), ...(mirror === 0 ? {} : { mirror }) };
}

/** Whose requests there are once step `index` has begun: the canary's and stable's to compare them with, only one side's, or neither. */
export function requestsAt(plan: Plan, index: number): 'both' | 'canary' | 'none' {
  const weight = weightAt(plan, index) ?? 0;
  const beside = besideOf(plan.steps.slice(0, Math.max(0, index)));
  if (isComparable(weight, beside)) return 'both';
  return weight === 100 || beside.match !== undefined ? 'canary' : 'none';
}

/**
 * Whether the canary's requests can be compared with stable's: a random share of the same ones, by weight, by a share of those that
 * match, or as copies (contracts 18). All that match, without a share, leave stable none to compare with.
 */
export const isComparable = (weight: number, { match, mirror }: Beside): boolean =>
  weight < 100 && (weight > 0 || mirror !== undefined || match?.share !== undefined);

/** The replicas asked for by the newest `setReplicas` up to step `index`, if any. */
export function replicasAt(plan: Plan, index: number, stableReplicas: number): number | undefined {
  const last = plan.steps.slice(0, Math.max(0, index)).findLast((step) => step.kind === 'setReplicas');
  if (last === undefined) return undefined;
  return 'count' in last.replicas
    ? last.replicas.count
    : Math.max(1, Math.ceil(last.replicas.fraction * stableReplicas));
}

function stepsOf(spec: ReleaseSpec, isJudged: boolean, problems: string[]): PlanStep[] {
  const switched = switchOf(spec);
  const abTest = spec.strategy?.abTest;
  if (switched !== undefined) return switchSteps(spec, switched, problems);
  if (abTest !== undefined) return abTestSteps(spec, abTest, problems);
  return canarySteps(spec, isJudged, problems);
}

function canarySteps(spec: ReleaseSpec, isJudged: boolean, problems: string[]): PlanStep[] {
  const written = writtenSteps(spec, isJudged, problems);
  const steps = isJudged ? withImpliedJudges(written, problems) : written.map(asTimetable);
  if (problems.length === 0) checkOrder(steps, isJudged, problems);
  if (problems.length === 0) checkRouter(spec, problems);
  return steps;
}

function writtenSteps(spec: ReleaseSpec, isJudged: boolean, problems: string[]): PlanStep[] {
  const { canary, rollingUpdate } = spec.strategy ?? {};
  if (rollingUpdate !== undefined) return pausesOf(rollingUpdate.pauses, isJudged, problems);
  if (canary === undefined) {
    problems.push('spec.strategy names no strategy. Write `canary: {stepWeights: [5, 25, 50]}`.');
    return [];
  }
  const hasShort = canary.stepWeights !== undefined;
  if (hasShort === (canary.steps !== undefined)) {
    problems.push('spec.strategy.canary needs exactly one of stepWeights and steps. Keep one of them.');
    return [];
  }
  if (canary.stepWeights !== undefined)
    return shortForm(canary.stepWeights, 'spec.strategy.canary.stepWeights', isJudged, problems);
  return (canary.steps ?? []).flatMap((step, i) => longForm(step, `spec.strategy.canary.steps[${i}]`, problems));
}

/** Requests are spread over pods, so a share of the pods is the weight. */
function pausesOf(pauses: readonly string[], isJudged: boolean, problems: string[]): PlanStep[] {
  const field = 'spec.strategy.rollingUpdate.pauses';
  const wrong = pauses.findIndex((share) => !/^\d{1,2}%$/.test(share));
  if (wrong >= 0)
    problems.push(`${field}[${wrong}] is ${quote(pauses[wrong])}. Write a share of the pods such as 25%.`);
  return shortForm(
    pauses.map((share) => Number.parseInt(share, 10)),
    field,
    isJudged,
    problems,
  );
}

function shortForm(weights: readonly number[], list: string, isJudged: boolean, problems: string[]): PlanStep[] {
  weights.forEach((weight, i) => {
    const field = `${list}[${i}]`;
    checkWeight(weight, field, problems);
    const previous = weights[i - 1] ?? 0;
    if (weight <= previous) {
      problems.push(
        `${field} is ${quote(weight)}, which is not above ${previous}. Let the weights rise from step to step.`,
      );
    }
  });
  return weights.flatMap((weight): PlanStep[] => {
    if (weight === 100) return [{ kind: 'setWeight', weight }];
    const wait: PlanStep = isJudged
      ? { kind: 'judge', isImplied: false }
      : { kind: 'pause', durationMs: UNJUDGED_DWELL_MS };
    return [{ kind: 'setWeight', weight }, wait];
  });
}

function longForm(step: Step, field: string, problems: string[]): PlanStep[] {
  const named = Object.keys(step);
  if (named.length !== 1) {
    problems.push(`${field} needs exactly one of ${STEPS_SAID}, and has ${named.length}. Write one step for each.`);
    return [];
  }
  if (step.setWeight !== undefined) {
    checkWeight(step.setWeight, `${field}.setWeight`, problems);
    return [{ kind: 'setWeight', weight: step.setWeight }];
  }
  if (step.judge !== undefined) {
    const atLeastMs = duration(step.judge.atLeast, `${field}.judge.atLeast`, problems);
    const atMostMs = duration(step.judge.atMost, `${field}.judge.atMost`, problems);
    if (atLeastMs !== undefined && atMostMs !== undefined && atLeastMs > atMostMs) {
      problems.push(`${field}.judge.atLeast is longer than atMost. Make atMost the longer one.`);
    }
    return [
      {
        kind: 'judge',
        isImplied: false,
        ...(atLeastMs === undefined ? {} : { atLeastMs }),
        ...(atMostMs === undefined ? {} : { atMostMs }),
      },
    ];
  }
  if (step.pause !== undefined) {
    const durationMs = duration(step.pause.duration, `${field}.pause.duration`, problems);
    return [{ kind: 'pause', ...(durationMs === undefined ? {} : { durationMs }) }];
  }
  if (step.gate !== undefined) {
    if (!URL.canParse(step.gate.url))
      problems.push(`${field}.gate.url is ${quote(step.gate.url)}, which is no URL. Write its full https:// address.`);
    return [{ kind: 'gate', url: step.gate.url }];
  }
  if (step.notify !== undefined) return [{ kind: 'notify', message: step.notify.message }];
  if (step.setReplicas !== undefined) {
    const replicas = readReplicas(step.setReplicas);
    if (replicas !== undefined) return [{ kind: 'setReplicas', replicas }];
    problems.push(
      `${field}.setReplicas is ${quote(step.setReplicas)}. Write a number of pods, or a percentage of stable such as 50%.`,
    );
    return [];
  }
  if (step.analysis !== undefined) return [{ kind: 'analysis', field: `${field}.analysis`, ...step.analysis }];
  if (step.match !== undefined) {
    const found = matchFinding(step.match, `${field}.match`);
    if (found !== undefined) problems.push(found.message);
    return [{ kind: 'match', match: step.match }];
  }
  if (step.mirror !== undefined) {
    checkWeight(step.mirror, `${field}.mirror`, problems);
    return [{ kind: 'mirror', percent: step.mirror }];
  }
  problems.push(`${field} has the unknown step ${quote(named[0])}. Write one of ${STEPS_SAID}.`);
  return [];
}

const STEPS_SAID = STEPS.join(', ');

function readReplicas(value: unknown): Replicas | undefined {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 ? { count: value } : undefined;
  const digits = typeof value === 'string' ? /^([0-9]{1,3})%$/.exec(value)?.[1] : undefined;
  return digits === undefined ? undefined : { fraction: Number(digits) / 100 };
}

/** A judge goes before every raise from what none has judged yet, and before the promotion. A match and more copies are raises. */
function withImpliedJudges(written: readonly PlanStep[], problems: string[]): PlanStep[] {
  const steps: PlanStep[] = [];
  const implied: PlanStep = { kind: 'judge', isImplied: true };
  let weight = 0;
  let beside: Beside = {};
  let isJudged = true;
  for (const step of written) {
    if (step.kind === 'judge') {
      if (!isComparable(weight, beside)) problems.push(judgeNeedsBothSides(weight, beside));
      isJudged = true;
    }
    if (step.kind === 'setWeight' || step.kind === 'match' || step.kind === 'mirror') {
      if (isRaise(step, weight, beside) && !isJudged) steps.push(implied);
      const before = { weight, beside };
      if (step.kind === 'setWeight') weight = step.weight;
      else beside = besideOf([...steps, step]);
      if (!sameJson(before, { weight, beside })) isJudged = !isComparable(weight, beside);
    }
    steps.push(step);
  }
  if (!isJudged) steps.push(implied);
  return steps;
}

function isRaise(step: PlanStep, weight: number, { mirror = 0 }: Beside): boolean {
  if (step.kind === 'setWeight') return step.weight > weight;
  return step.kind === 'match' || (step.kind === 'mirror' && step.percent > mirror);
}

function judgeNeedsBothSides(weight: number, { match }: Beside): string {
  const which = weight === 0 ? 'the canary' : 'stable';
  const why =
    weight === 0 && match !== undefined
      ? 'the canary gets all requests that match, and stable none of them to compare with. Give the match a share, or put the judge'
      : `${which} has no requests to compare. Put it`;
  return `spec.strategy.canary.steps has a judge at weight ${weight}, where ${why} after a setWeight between 1 and 99.`;
}

/** Without analysis a judge is only the time it asks for. */
function asTimetable(step: PlanStep): PlanStep {
  return step.kind === 'judge' ? { kind: 'pause', durationMs: step.atLeastMs ?? UNJUDGED_DWELL_MS } : step;
}

function checkOrder(steps: readonly PlanStep[], isJudged: boolean, problems: string[]): void {
  const weights = steps.flatMap((step) => (step.kind === 'setWeight' ? [step.weight] : []));
  const [first] = weights.filter((weight) => weight > 0);
  if (first === undefined) {
    problems.push('spec.strategy.canary.steps never gives the canary any requests. Add a setWeight between 1 and 99.');
  } else if (isJudged && first === 100) {
    problems.push(
      'spec.strategy.canary goes from 0 to 100 % at once, so nothing could be judged. Put a weight between 1 and 99 before, or leave spec.analysis out.',
    );
  } else if (isJudged && weights.at(-1) === 0) {
    problems.push(
      'spec.strategy.canary.steps ends at weight 0, and the promotion after it could not be judged. End with a setWeight between 1 and 100.',
    );
  }
}

function checkRouter({ strategy, traffic }: ReleaseSpec, problems: string[]): void {
  const steps = strategy?.canary?.steps ?? [];
  const index = steps.findIndex((step) => 'match' in step || 'mirror' in step);
  if (index < 0 || traffic !== undefined) return;
  const [what] = Object.keys(steps[index] ?? {});
  problems.push(
    `spec.strategy.canary.steps[${index}].${what} needs a router that tells requests apart: without spec.traffic replica counts are the weights. Name one in spec.traffic, or take the step out.`,
  );
}

function checkWeight(value: unknown, field: string, problems: string[]): void {
  if (readWeight(value) === undefined) problems.push(`${field} is ${quote(value)}. Write ${units.weight.written}.`);
}
