/** Whether the steps of a Release can be decided, and its deadline met, in the time that they have and with the traffic there is. */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { Fields } from '../../api/fields.ts';
import type { ReleaseSpec } from '../../api/release.ts';
import { formatDuration, readDurationMs } from '../../api/units.ts';
import { formatWait } from '../../judge/format.ts';
import type { Plan } from '../../release/plan.ts';
import { timeToPass } from '../../stats/planner.ts';
import { forecastInput, isForecast } from '../plan/forecast.ts';
import type { LintContext } from './context.ts';
import { finding, type LintFinding } from './finding.ts';
import type { SourceObject } from './source.ts';

/** With this much traffic what a step cannot decide no step of its length can. */
const PLENTY_PER_SECOND = 10_000;
/** The service's own default, where a Release is silent. */
const DWELL_MS = 180_000;

interface Judged {
  readonly weight: number;
  readonly durationMs: number;
  /** The step that says so; absent for `stepWeights` and judges that nobody wrote. */
  readonly index: number;
}

/** Each judge of the plan with its weight and the time it has. */
function judgedSteps(plan: Plan, atMostMs: number, dwellMs: number): readonly Judged[] {
  let weight = 0;
  return plan.steps.flatMap((step, index): readonly Judged[] => {
    if (step.kind === 'setWeight') weight = step.weight;
    if (step.kind !== 'judge') return [];
    const atLeastMs = Math.max(dwellMs, step.atLeastMs ?? 0);
    return [{ weight, index, durationMs: Math.max(step.atMostMs ?? atMostMs, atLeastMs) }];
  });
}

/** Judged steps that no canary could pass in the time they have. */
export function stepFindings(
  object: SourceObject,
  release: ReleaseSpec,
  plan: Plan,
  run: AnalysisRunSpec,
  { options }: LintContext,
): readonly LintFinding[] {
  const judged = judgedSteps(plan, run.rule.atMostMs, run.rule.dwellMs).filter(
    ({ weight }) => weight > 0 && weight < 100,
  );
  const compared = run.metrics.filter(isForecast);
  if (judged.length === 0 || compared.length === 0) return [];
  const { requestsPerSecond = PLENTY_PER_SECOND, badShare } = options;
  const traffic = { requestsPerSecond, badShare, dispersion: 1 };
  const passesAfter = compared.map((metric) => ({
    name: metric.name,
    passesMs: (weight: number) => timeToPass(forecastInput(run.rule, metric, traffic), weight),
  }));
  return judged.flatMap(({ weight, durationMs, index }) => {
    const needs = passesAfter.map(({ name, passesMs }) => ({ name, needMs: passesMs(weight) }));
    const late = needs.find(({ needMs }) => needMs === undefined || needMs > durationMs);
    const needMs = late?.needMs;
    const requests = minRequestsFinding(
      object,
      release,
      run,
      weight,
      durationMs,
      options.requestsPerSecond,
      index,
      plan,
    );
    if (late === undefined) return requests;
    const says =
      options.requestsPerSecond === undefined
        ? 'however much traffic there is'
        : `at ${formatPerSecond(options.requestsPerSecond)}`;
    const takes = needMs === undefined ? `cannot pass ${says}` : `takes ${about(needMs)} to pass ${says}`;
    const fix =
      needMs === undefined
        ? 'Raise the weight, or widen the pass margin'
        : isAges(needMs)
          ? 'Raise the weight'
          : `Give it ${formatDuration(Math.ceil(needMs / 60_000) * 60_000)}, or raise the weight`;
    return [
      finding(
        'undecidable-step',
        stepPlace(object, release, plan, index, weight),
        `The step at ${weight} % ends after ${formatDuration(durationMs)}, but metric ${late.name} ${takes}: it would always end inconclusive. ${fix}; \`serin plan\` shows what each step sees.`,
      ),
    ];
  });
}

const formatPerSecond = (perSecond: number): string => `${perSecond} request${perSecond === 1 ? '' : 's'}/s`;

/** Beyond it nobody counts hours. */
const isAges = (ms: number): boolean => ms >= 100 * 3_600_000;
const about = (ms: number): string => (isAges(ms) ? formatWait(ms) : `about ${formatWait(ms)}`);

/** `minRequests` that the canary cannot get in the time it has. */
function minRequestsFinding(
  object: SourceObject,
  release: ReleaseSpec,
  run: AnalysisRunSpec,
  weight: number,
  durationMs: number,
  perSecond: number | undefined,
  index: number,
  plan: Plan,
): readonly LintFinding[] {
  const canary = ((perSecond ?? PLENTY_PER_SECOND) * weight * durationMs) / 100_000;
  if (canary >= run.rule.minRequests) return [];
  const traffic = formatPerSecond(perSecond ?? PLENTY_PER_SECOND);
  const place =
    release.analysis?.minRequests === undefined
      ? stepPlace(object, release, plan, index, weight)
      : object.place(['spec', 'analysis', 'minRequests']);
  return [
    finding(
      'undecidable-step',
      place,
      `The canary gets about ${Math.round(canary)} requests at ${weight} % in ${formatDuration(durationMs)} of ${traffic}, and minRequests asks for ${run.rule.minRequests}: the step would always end inconclusive. Lower minRequests, raise the weight, or give it more time.`,
    ),
  ];
}

/** The judge as written, or the weight that it belongs to. */
function stepPlace(object: SourceObject, release: ReleaseSpec, plan: Plan, index: number, weight: number) {
  const { rollingUpdate } = release.strategy ?? {};
  if (rollingUpdate !== undefined)
    return object.place([
      'spec',
      'strategy',
      'rollingUpdate',
      'pauses',
      Math.max(0, rollingUpdate.pauses.indexOf(`${weight}%`)),
    ]);
  const gated = (['argoRollout', 'kruiseRollout'] as const).find((field) => release.workload[field] !== undefined);
  if (gated !== undefined) return object.place(['spec', 'workload', gated, 'name']);
  const { stepWeights, steps = [] } = release.strategy?.canary ?? {};
  const base = ['spec', 'strategy', 'canary'];
  if (stepWeights !== undefined)
    return object.place([...base, 'stepWeights', Math.max(0, stepWeights.indexOf(weight))]);
  const judges = plan.steps.slice(0, index + 1).filter((step) => step.kind === 'judge' && !step.isImplied).length;
  const step = plan.steps[index];
  const isWritten = step?.kind === 'judge' && !step.isImplied;
  const position = isWritten
    ? nth(steps, judges, 'judge')
    : steps.findLastIndex(({ setWeight }) => setWeight === weight);
  return object.place([...base, 'steps', Math.max(0, position)]);
}

function nth(steps: readonly Fields[], count: number, field: string): number {
  let seen = 0;
  return steps.findIndex((step) => {
    if (step[field] !== undefined) seen += 1;
    return step[field] !== undefined && seen === count;
  });
}

/** A deadline that is over before the steps can be. */
export function deadlineFindings(object: SourceObject, release: ReleaseSpec, plan: Plan): readonly LintFinding[] {
  const deadlineMs = plan.progressDeadlineMs;
  if (deadlineMs === undefined || !plan.isJudged) return [];
  const dwellMs = readDurationMs(release.analysis?.dwell) ?? DWELL_MS;
  const leastMs = plan.steps.reduce((sum, step) => {
    if (step.kind === 'judge') return sum + Math.max(dwellMs, step.atLeastMs ?? 0);
    return step.kind === 'pause' ? sum + (step.durationMs ?? 0) : sum;
  }, 0);
  if (leastMs <= deadlineMs) return [];
  return [
    finding(
      'short-deadline',
      object.place(['spec', 'progressDeadline']),
      `progressDeadline is ${formatDuration(deadlineMs)}, but the steps take at least ${formatDuration(leastMs)} (each judged weight lasts ${formatDuration(dwellMs)} or more). Make it longer, or take a step out.`,
    ),
  ];
}
