/** The plan of a strategy that gives all requests to one version at a time: what is judged when, and how long a bound takes. Pure. */
import type { ReleaseSpec } from '../../api/release.ts';
import { SerinError } from '../../errors.ts';
import { type BoundedPlan, type BoundForecast, forecastBound } from '../../judge/forecast-bound.ts';
import { formatPercent, formatRatio, formatWait } from '../../judge/format.ts';
import { DEFAULT_GRID_MS } from '../../judge/resolve-run.ts';
import { type Plan, planOf } from '../../release/plan.ts';
import { sharesOf } from '../../release/step-run.ts';
import type { PlanStep } from '../../release/steps.ts';
import { switchOf } from '../../release/switching.ts';
import { parseNumberFlag, parsePercentFlag } from '../analyze/flags.ts';
import { resolveOneMetric } from '../analyze/rule.ts';
import { type PlanFlags, settingsGiven } from './input.ts';

type Analysis = Extract<PlanStep, { kind: 'analysis' }>;
type SwitchFlags = PlanFlags & { readonly bound?: string };
type Rule = ReturnType<typeof resolveOneMetric>['rule'];

export interface SwitchStep {
  readonly number: number;
  readonly what: string;
  /** Lines below it. */
  readonly notes: readonly string[];
  readonly forecasts?: readonly ForecastLine[];
}

export interface ForecastLine {
  /** Times today's share of bad requests. */
  readonly ratio: number;
  readonly badShare: number;
  readonly forecast: BoundForecast;
}

/** Equal to now, and the regressions that the plan of a canary tells, too. */
const RATIOS = [1, 1.2, 1.5, 2] as const;

/** `undefined` for strategies that go by shares of requests. `where` names the Release in messages. */
export function switchPlanOf(flags: SwitchFlags, { where, spec }: Written): readonly SwitchStep[] | undefined {
  if (switchOf(spec) === undefined) return undefined;
  const plan = planOf(spec);
  if (plan.kind !== 'plan') throw new SerinError('SERIN_E_USAGE', `${where}: ${plan.message}`);
  const turn = plan.steps.findIndex(({ kind }) => kind === 'setWeight');
  return plan.steps.map((step, k) => stepOf(flags, { where, spec }, plan, step, k, k > turn));
}

interface Written {
  readonly where: string;
  readonly spec: ReleaseSpec;
}

function stepOf(
  flags: SwitchFlags,
  { where, spec }: Written,
  plan: Plan,
  step: PlanStep,
  k: number,
  isAfter: boolean,
): SwitchStep {
  const number = k + 1;
  if (step.kind === 'analysis') return analysisStep(flags, { where, spec }, plan, step, number, isAfter);
  if (step.kind === 'pause') {
    const ends = step.durationMs === undefined ? 'until somebody resumes it' : `for ${formatWait(step.durationMs)}`;
    return { number, what: `pause ${ends}`, notes: [] };
  }
  const isRecreate = spec.strategy?.recreate !== undefined;
  return {
    number,
    what: isRecreate ? 'the old version is stopped, the new one gets all requests' : 'all requests to the new version',
    notes: plan.steps.some(({ kind }) => kind === 'analysis') ? [] : ['Nothing is judged: there is no analysis.'],
  };
}

function analysisStep(
  flags: SwitchFlags,
  { where, spec }: Written,
  plan: Plan,
  step: Analysis,
  number: number,
  isAfter: boolean,
): SwitchStep {
  const { templates: _templates, ...settings } = { ...spec.analysis, ...step.settings };
  const { rule } = resolveOneMetric({
    metric: 'errors',
    isCritical: flags.critical === true,
    analysis: {
      ...settings,
      ...(flags.falseAbort === undefined ? {} : { falseAbort: flags.falseAbort }),
      ...(flags.interval === undefined ? {} : { interval: flags.interval }),
    },
    where,
    byFlags: settingsGiven(flags),
  });
  const share = sharesOf(plan).step;
  const falseAbort = rule.falseAbort * share;
  const intervalMs =
    flags.interval === undefined && settings.interval === undefined ? DEFAULT_GRID_MS : rule.intervalMs;
  const names = step.templates.map(({ name }) => name).join(', ');
  const what = `analysis ${isAfter ? 'after' : 'before'} the switch: ${names}`;
  const notes = [
    `At most ${formatWait(rule.atMostMs)} with data; ${formatPercent(falseAbort)} error probability (${formatPercent(share)} of the release’s).`,
    'Metrics with a provider: decided when all their measurements are taken. Comparisons with stable: shown, and decide nothing.',
  ];
  const { notes: more, ...forecasts } = isAfter
    ? afterSwitch(flags, { ...rule, falseAbort, intervalMs })
    : beforeSwitch(rule);
  return { number, what, notes: [...notes, ...more], ...forecasts };
}

type Bounded = Pick<SwitchStep, 'notes' | 'forecasts'>;

const beforeSwitch = ({ dwellMs, minRequests }: Rule): Bounded => ({
  notes: [
    `Metrics with a bound: only requests of testers count, which nobody can forecast; a Pass comes not before ${formatWait(dwellMs)} and ${minRequests} requests.`,
  ],
});

function afterSwitch(flags: SwitchFlags, rule: Rule): Bounded {
  if (flags.bound === undefined || flags.rps === undefined || flags.baseline === undefined) {
    return {
      notes: ['Metrics with a bound: give --bound 1%, --rps and --baseline (or --prometheus) to forecast them.'],
    };
  }
  const bound = parsePercentFlag(flags.bound, '--bound');
  const badShare = parsePercentFlag(flags.baseline, '--baseline');
  const bounded: BoundedPlan = {
    requestsPerSecond: parseNumberFlag(flags.rps, '--rps', 1e-6, 1e9),
    dispersion: parseNumberFlag(flags.dispersion, '--dispersion', 1, 1000),
    bound,
    // What a bound has where its template says nothing else.
    fail: { ratio: 1, difference: 0 },
    pass: { ratio: 1, difference: 0 },
    falseAbort: rule.falseAbort,
    share: parseNumberFlag(flags.share ?? '1', '--share', 0.001, 1),
    falsePass: rule.falsePass,
    intervalMs: rule.intervalMs,
    horizonMs: rule.horizonMs,
    minRequests: rule.minRequests,
    atLeastMs: rule.dwellMs,
    atMostMs: rule.atMostMs,
  };
  return {
    notes: [`A metric with the bound ${formatPercent(bound)}, all ${flags.rps} requests/s on the new version:`],
    forecasts: RATIOS.map((ratio) => ({
      ratio,
      badShare: badShare * ratio,
      forecast: forecastBound(bounded, badShare * ratio),
    })),
  };
}

export function renderSwitchPlan(name: string, steps: readonly SwitchStep[]): string {
  const hasForecast = steps.some(({ forecasts }) => forecasts !== undefined);
  const whole = [
    `${name}: one version has all requests at a time, so there is none to compare with; bounds and measured metrics decide.`,
    '',
    ...steps.flatMap(({ number, what, notes, forecasts = [] }) => [
      `${String(number).padStart(2)}  ${what}`,
      ...notes.map((note) => `      ${note}`),
      ...forecasts.map((line) => `        ${forecastText(line)}`),
    ]),
    '',
    'A Fail before the switch leaves users where they are; one after it takes them back at once.',
  ];
  return [
    ...whole,
    ...(hasForecast ? ['Typical times (medians), counted from the switch; they promise nothing.'] : []),
  ].join('\n');
}

function forecastText({ ratio, badShare, forecast }: ForecastLine): string {
  const who = `${ratio === 1 ? 'equal to now' : formatRatio(ratio)} (${formatPercent(badShare)} bad)`.padEnd(28);
  if (forecast.kind === 'never') return `${who}no decision: too near the bound, or too few requests`;
  const late = forecast.isInTime ? '' : ', which is longer than it has: inconclusive';
  return `${who}${forecast.kind} after ${formatWait(forecast.afterMs)}${late}`;
}
