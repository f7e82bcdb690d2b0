/** Flags, or a Release and flags, as what the planner needs. Pure but for the flags' parsers, which only throw. */
import type { ResolvedMetric } from '../../api/analysis-run.ts';
import type { AbTest } from '../../api/ab-test.ts';
import type { ReleaseSpec } from '../../api/release.ts';
import { DEFAULT_GRID_MS } from '../../judge/resolve-run.ts';
import { sharesOf } from '../../release/step-run.ts';
import { switchOf } from '../../release/switching.ts';
import { type PlanInput, type PlannedStep, timeToPass } from '../../stats/planner.ts';
import { parseDurationFlag, parseNumberFlag, parsePercentFlag } from '../analyze/flags.ts';
import { resolveOneMetric } from '../analyze/rule.ts';
import { forecastInput } from './forecast.ts';
import { writtenPlanOf } from './written-plan.ts';
import type { SourceObject } from '../lint/source.ts';
import { usage } from '../usage.ts';

export interface PlanFlags {
  readonly rps?: string;
  readonly baseline?: string;
  readonly weights?: string;
  readonly step?: string;
  readonly dispersion: string;
  readonly interval?: string;
  readonly preset?: string;
  readonly falseAbort?: string;
  readonly critical?: boolean;
  readonly share?: string;
}

export interface WrittenRelease {
  /** Names it in messages. */
  readonly where: string;
  readonly spec: ReleaseSpec;
  readonly namespace?: string;
  /** What stands in the same file. */
  readonly beside?: readonly SourceObject[];
}

/** `planned` is the one of the Release's metrics that is planned for. */
export function planInputOf(
  flags: PlanFlags,
  release?: WrittenRelease,
  planned?: Pick<ResolvedMetric, 'fail' | 'pass' | 'share'>,
): PlanInput {
  const requestsPerSecond = parseNumberFlag(
    needed(flags.rps, '--rps', 'requests per second of the whole workload now, e.g. 120'),
    '--rps',
    1e-6,
    1e9,
  );
  const badShare = parsePercentFlag(
    needed(flags.baseline, '--baseline', 'the share of bad requests now, e.g. 0.5%'),
    '--baseline',
  );
  const { rule, metrics } = resolveOneMetric({
    metric: 'errors',
    isCritical: flags.critical === true,
    analysis: {
      ...release?.spec.analysis,
      ...presetFlag(flags.preset),
      ...(flags.falseAbort === undefined ? {} : { falseAbort: flags.falseAbort }),
      ...(flags.interval === undefined ? {} : { interval: flags.interval }),
    },
    ...(release === undefined ? {} : { where: release.where }),
    byFlags: settingsGiven(flags),
  });
  const metric = planned ?? metrics[0];
  if (metric === undefined) throw usage('There is no metric to plan for.');
  const plan = release === undefined ? undefined : writtenPlanOf(release.spec, release.beside ?? [], release.namespace);
  const steps =
    flags.weights === undefined && release !== undefined && plan !== undefined
      ? stepsOf(release, plan, rule.atMostMs, flags.step)
      : stepsOfFlags(flags, rule.atMostMs);
  const forecast = {
    ...rule,
    // A minute-long grid would be the service's; without one the usual ten seconds.
    intervalMs:
      flags.interval === undefined && release?.spec.analysis?.interval === undefined
        ? DEFAULT_GRID_MS
        : rule.intervalMs,
    // Analysis steps have their part of the error probability.
    falseAbort: rule.falseAbort * (plan?.kind === 'plan' ? sharesOf(plan).whole : 1),
  };
  const share = flags.share === undefined ? (planned?.share ?? 1) : parseNumberFlag(flags.share, '--share', 0.001, 1);
  const traffic = {
    requestsPerSecond,
    badShare,
    dispersion: parseNumberFlag(flags.dispersion, '--dispersion', 1, 1000),
  };
  return { ...forecastInput(forecast, { ...metric, share }, traffic), steps };
}

/** The plan for the metric that takes longest to pass: no step passes before it. Without metrics, for one that has all of the evidence. */
export function slowestPlan(
  flags: PlanFlags,
  release: WrittenRelease | undefined,
  metrics: readonly ResolvedMetric[],
): { readonly input: PlanInput; readonly metric?: ResolvedMetric } {
  const plans = metrics.map((metric) => {
    const input = planInputOf(flags, release, metric);
    return { input, metric, passesMs: timeToPass(input, input.steps[0]?.weight ?? 50) ?? Infinity };
  });
  const [slowest] = plans.toSorted((a, b) => (a.passesMs < b.passesMs ? 1 : a.passesMs > b.passesMs ? -1 : 0));
  return slowest ?? { input: planInputOf(flags, release) };
}

/** Settings of an analysis that flags say instead. */
export const settingsGiven = (flags: PlanFlags): readonly string[] =>
  (['falseAbort', 'interval', 'preset'] as const).filter((name) => flags[name] !== undefined);

const PRESETS = ['sharp', 'recommended', 'tolerant'] as const;

export function presetFlag(written: string | undefined): { readonly preset?: (typeof PRESETS)[number] } {
  if (written === undefined) return {};
  const preset = PRESETS.find((name) => name === written);
  if (preset === undefined) throw usage(`--preset ${written} is not known. Use one of: ${PRESETS.join(', ')}.`);
  return { preset };
}

function stepsOfFlags(flags: PlanFlags, atMostMs: number): readonly PlannedStep[] {
  const written = needed(
    flags.weights,
    '--weights',
    'the canary’s weights in percent, e.g. 5,25,50, or -f FILE with a Release',
  ).split(',');
  const weights = written.map((text) => parseNumberFlag(text.replace(/%$/, ''), '--weights', 0.1, 99));
  if (weights.some((weight, k) => k > 0 && weight <= (weights[k - 1] ?? 0))) {
    throw usage(
      `--weights ${flags.weights ?? ''} do not rise. Write them from the smallest to the largest, each once.`,
    );
  }
  const durations = durationsOf(flags.step, weights.length) ?? weights.map(() => atMostMs);
  return weights.map((weight, k) => ({ weight, durationMs: durations[k] ?? atMostMs }));
}

/** One duration for all steps, or one for each. */
function durationsOf(written: string | undefined, count: number): readonly number[] | undefined {
  if (written === undefined) return undefined;
  const durations = written.split(',').map((text) => parseDurationFlag(text.trim(), '--step'));
  const [only] = durations;
  if (only !== undefined && durations.length === 1) return Array.from({ length: count }, () => only);
  if (durations.length === count) return durations;
  throw usage(
    `--step ${written} has ${durations.length} durations for ${count} weights. Write one for all, or one for each.`,
  );
}

/** Each weight lasts as long as the steps behind it allow: `judge.atMost`, and pauses that end by themselves. */
function stepsOf(
  { where, spec }: WrittenRelease,
  plan: ReturnType<typeof writtenPlanOf>,
  atMostMs: number,
  step: string | undefined,
): readonly PlannedStep[] {
  if (switchOf(spec) !== undefined)
    throw usage(
      `${where} sends all requests to one version at a time, so there is nothing to compare and nothing to plan: bounds and measured metrics decide. Give weights to see what a canary would take: --weights 5,25,50.`,
    );
  if (plan.kind !== 'plan') throw usage(`${where}: ${plan.message}`);
  if (spec.strategy?.abTest !== undefined) return ofMatching(where, spec.strategy.abTest);
  const steps: { weight: number; durationMs: number }[] = [];
  for (const planned of plan.steps) {
    if (planned.kind === 'setWeight') steps.push({ weight: planned.weight, durationMs: 0 });
    const last = steps.at(-1);
    if (last === undefined) continue;
    if (planned.kind === 'judge') last.durationMs += planned.atMostMs ?? atMostMs;
    if (planned.kind === 'pause') last.durationMs += planned.durationMs ?? 0;
  }
  const judged = steps.filter(({ weight }) => weight > 0 && weight < 100);
  if (judged.length === 0)
    throw usage(
      `${where} has no step with a weight from 1 to 99, so there is nothing to compare and nothing to plan. Add one to ${rolloutOf(spec) ?? 'spec.strategy.canary'}.`,
    );
  const durations = durationsOf(step, judged.length);
  return judged.map(({ weight, durationMs }, k) => ({
    weight,
    durationMs: durations?.[k] ?? (durationMs || atMostMs),
  }));
}

/** Who has the steps, where it is not the Release. */
function rolloutOf({ workload }: ReleaseSpec): string | undefined {
  const name = (workload.argoRollout ?? workload.kruiseRollout)?.name;
  return name === undefined ? undefined : `Rollout ${name}`;
}

/** Of the requests that match; `--rps` is then theirs. */
function ofMatching(where: string, { match, duration }: AbTest): readonly PlannedStep[] {
  if (match.share === undefined)
    throw usage(
      `${where}: all requests that match go to the new version, so nothing can be compared with stable and there is nothing to plan. Give spec.strategy.abTest.match a share, e.g. share: 50.`,
    );
  return [{ weight: match.share, durationMs: parseDurationFlag(duration, 'duration') }];
}

function needed(value: string | undefined, flag: string, what: string): string {
  if (value !== undefined && value !== '') return value;
  throw usage(`${flag} is missing. Give ${what}.`);
}
