/**
 * Whether a Release can do what it says: its templates resolved as the service would, steps that can reach a verdict, deadlines that can be
 * met, and pods enough for their weight. What the files do not tell (templates, Deployments) is not judged.
 * Long, because it is a list of short checks over the same picture.
 */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { AnalysisTemplateSpec } from '../../api/analysis-template.ts';
import { at, type Fields, listAt, numberAt, stringAt } from '../../api/fields.ts';
import { API_VERSION, GROUP } from '../../api/meta.ts';
import type { MetricQuerySpec } from '../../api/metric-query.ts';
import type { Release, ReleaseSpec } from '../../api/release.ts';
import { formatDuration, readDurationMs } from '../../api/units.ts';
import { validateRelease } from '../../api/validate.ts';
import { formatWait } from '../../judge/format.ts';
import { resolveRun } from '../../judge/resolve-run.ts';
import { type Plan, planOf } from '../../release/plan.ts';
import { runPartOf } from '../../release/step-run.ts';
import { forecastPlan } from '../../stats/planner.ts';
import { measurementsOf } from './argo.ts';
import { type Check, findObject, groupOf, type LintContext } from './context.ts';
import { didYouMean, finding, type LintFinding, pathIn } from './finding.ts';
import type { SourceObject } from './source.ts';

/** With this much traffic what a step cannot decide no step of its length can. */
const PLENTY_PER_SECOND = 10_000;
/** The service's own defaults, where a Release is silent. */
const AT_MOST_MS = 900_000;
const DWELL_MS = 180_000;
const GRID_MS = 10_000;

export const checkRelease: Check = (object, context) => {
  if (object.kind !== 'Release' || groupOf(object.apiVersion) !== GROUP) return [];
  const spec = at(object.value, 'spec');
  if (validateRelease(spec).length > 0) return []; // said by the checks of the structure
  const release = spec as ReleaseSpec; // just validated
  const plan = planOf(release);
  if (plan.kind !== 'plan') return [];
  const run = release.analysis === undefined ? { findings: [] } : resolve(object, release, context, plan);
  const steps = plan.steps.flatMap((step, index) => {
    if (step.kind !== 'analysis') return [];
    const { spec, findings } = resolve(object, release, context, plan, index + 1);
    return [...findings, ...controlFindings(object, step.field, spec)];
  });
  return [
    ...run.findings,
    ...steps,
    ...argumentFindings(object, release, context),
    ...(run.spec === undefined ? [] : stepFindings(object, release, plan, run.spec, context)),
    ...controlFindings(object, 'spec.analysis', run.spec),
    ...lengthFindings(object, release, context),
    ...deadlineFindings(object, release, plan),
    ...podFindings(object, release, plan, context),
  ];
};

function specOf(
  context: LintContext,
  kind: string,
  name: string,
  namespace?: string,
  group: string = GROUP,
): Fields | undefined {
  const own = findObject(context, { kind, name, namespace, group });
  const spec = own === undefined && group === GROUP ? context.library.get(`${kind}/${name}`) : at(own?.value, 'spec');
  return typeof spec === 'object' && spec !== null && !Array.isArray(spec) ? { ...spec } : undefined;
}

function templateOf(
  object: SourceObject,
  context: LintContext,
  name: string,
  isCluster: boolean,
  group?: string,
): Fields | undefined {
  return isCluster
    ? specOf(context, 'ClusterAnalysisTemplate', name, undefined, group)
    : specOf(context, 'AnalysisTemplate', name, object.namespace, group);
}

interface Resolved {
  readonly spec?: AnalysisRunSpec;
  readonly findings: readonly LintFinding[];
}

/** The run of the release, or of its analysis step `step`. */
function resolve(
  object: SourceObject,
  release: ReleaseSpec,
  context: LintContext,
  plan: Plan,
  step?: number,
): Resolved {
  const whole: Release = {
    apiVersion: API_VERSION,
    kind: 'Release',
    metadata: {
      name: object.name,
      namespace: object.namespace ?? 'default',
      uid: 'lint',
      resourceVersion: '1',
      generation: 1,
    },
    spec: release,
  };
  const written = step === undefined ? undefined : plan.steps[step - 1];
  const own = written?.kind === 'analysis' ? written.settings?.interval : undefined;
  const intervalMs = readDurationMs(own ?? release.analysis?.interval);
  const resolved = resolveRun({
    release: whole,
    revision: 'lint',
    attempt: 1,
    arms: { stable: { workload: 'stable' }, canary: { workload: 'canary' } },
    // Both are validated by resolveRun before they are used.
    template: (name, isCluster, group) =>
      templateOf(object, context, name, isCluster, group) as AnalysisTemplateSpec | undefined,
    query: (name) => specOf(context, 'MetricQuery', name) as MetricQuerySpec | undefined,
    startedAtMs: 0,
    gridMs: intervalMs ?? GRID_MS,
    ...runPartOf(plan, step),
  });
  if (!('reason' in resolved)) return { spec: resolved, findings: [] };
  // The checks of references say these, with a suggestion.
  if (resolved.reason === 'TemplateNotFound' || resolved.reason === 'QueryNotFound') return { findings: [] };
  const isOwn = resolved.message.startsWith('Release ');
  const field = written?.kind === 'analysis' ? written.field : 'spec.analysis';
  const path = pathIn(isOwn ? resolved.message : `${field}.templates `);
  const rule = /no value|argument/.test(resolved.message) ? 'argument' : 'schema';
  return { findings: [finding(rule, object.place(path), resolved.message)] };
}

/** Before a switch and after it one version has all requests; in an A/B test without a share, all that match. */
function controlFindings(
  object: SourceObject,
  field: string,
  run: AnalysisRunSpec | undefined,
): readonly LintFinding[] {
  if (run?.control !== 'none') return [];
  const shown = run.metrics.filter(({ against }) => against?.constant === undefined).map(({ name }) => name);
  if (shown.length === 0) return [];
  return [
    finding(
      'no-control',
      object.place(pathIn(`${field}.templates `)),
      `${shown.join(', ')}: compared with stable, which has no requests at the same time, so ${shown.length === 1 ? 'it is' : 'they are'} shown and decide${shown.length === 1 ? 's' : ''} nothing. Bounds (against: {constant: 1%}) and measured metrics decide${field === 'spec.analysis' ? '; or give spec.strategy.abTest.match a share' : ''}.`,
    ),
  ];
}

/** Arguments that no template of the Release declares: they are dropped in silence. */
function argumentFindings(
  object: SourceObject,
  { analysis, strategy }: ReleaseSpec,
  context: LintContext,
): readonly LintFinding[] {
  const ofSteps = (strategy?.canary?.steps ?? []).flatMap((step) => step.analysis?.templates ?? []);
  const templates = [...(analysis?.templates ?? []), ...ofSteps].map(({ name, clusterScope, group }) =>
    templateOf(object, context, name, clusterScope === true, group),
  );
  // What they are made of may declare it.
  if (templates.some((template) => template === undefined || listAt(template, 'templates').length > 0)) return [];
  const declared = templates.flatMap((template) => listAt(template, 'args').map((arg) => stringAt(arg, 'name') ?? ''));
  return (analysis?.args ?? []).flatMap(({ name }, index) => {
    if (declared.includes(name)) return [];
    const hint = didYouMean(name, declared) || ` They declare ${declared.join(', ') || 'none'}.`;
    return [
      finding(
        'argument',
        object.place(['spec', 'analysis', 'args', index, 'name']),
        `None of the templates has an argument ${name}.${hint}`,
      ),
    ];
  });
}

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

function stepFindings(
  object: SourceObject,
  release: ReleaseSpec,
  plan: Plan,
  run: AnalysisRunSpec,
  { options }: LintContext,
): readonly LintFinding[] {
  const judged = judgedSteps(plan, run.rule.atMostMs, run.rule.dwellMs).filter(
    ({ weight }) => weight > 0 && weight < 100,
  );
  // Planned are shares of requests; rates and gauges need numbers that no file tells.
  const compared = run.metrics.filter(({ query }) => query.counts !== undefined || query.histogram !== undefined);
  if (judged.length === 0 || compared.length === 0) return [];
  const slowest = compared.map((metric) => {
    const forecast = forecastPlan({
      requestsPerSecond: options.requestsPerSecond ?? PLENTY_PER_SECOND,
      badShare: options.badShare,
      dispersion: 1,
      intervalMs: run.rule.intervalMs,
      horizonMs: run.rule.horizonMs,
      fail: metric.fail,
      pass: metric.pass,
      falseAbort: run.rule.falseAbort,
      falsePass: run.rule.falsePass,
      share: metric.share,
      steps: judged.map(({ weight, durationMs }) => ({ weight, durationMs })),
    });
    return { name: metric.name, steps: forecast.steps };
  });
  return judged.flatMap(({ weight, durationMs, index }, k) => {
    const late = slowest.find(({ steps }) => steps[k]?.isTooShort === true);
    const needMs = late?.steps[k]?.passesMs;
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
    const traffic =
      options.requestsPerSecond === undefined
        ? 'however much traffic there is'
        : `at ${options.requestsPerSecond} requests/s`;
    const takes =
      needMs === undefined ? `cannot pass ${traffic}` : `takes about ${formatWait(needMs)} to pass ${traffic}`;
    const fix =
      needMs === undefined
        ? 'Raise the weight, or widen the pass margin'
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
  const traffic = perSecond === undefined ? `${PLENTY_PER_SECOND} requests/s` : `${perSecond} requests/s`;
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

/** Argo-style metrics that are measured longer than any step lasts. */
function lengthFindings(
  object: SourceObject,
  { analysis, strategy }: ReleaseSpec,
  context: LintContext,
): readonly LintFinding[] {
  const atMostMs = readDurationMs(analysis?.atMost) ?? AT_MOST_MS;
  const longest = Math.max(
    atMostMs,
    ...(strategy?.canary?.steps ?? []).map(({ judge }) => readDurationMs(judge?.atMost) ?? 0),
  );
  return (analysis?.templates ?? []).flatMap(({ name, clusterScope, group }, index) =>
    listAt(templateOf(object, context, name, clusterScope === true, group), 'metrics').flatMap((metric) => {
      const lengthMs = lengthOf(metric);
      if (lengthMs === undefined || lengthMs <= longest) return [];
      return [
        finding(
          'long-analysis',
          object.place(['spec', 'analysis', 'templates', index]),
          `Metric ${stringAt(metric, 'name') ?? ''} of ${name} takes ${formatDuration(lengthMs)} to measure, and a step lasts at most ${formatDuration(longest)}: it would never be finished in one. Lower its count or interval, or raise atMost.`,
        ),
      ];
    }),
  );
}

/** From the start of the run to its last measurement; `undefined` when it has none. */
function lengthOf(metric: unknown): number | undefined {
  if (typeof metric !== 'object' || metric === null || at(metric, 'provider') === undefined) return undefined;
  const count = measurementsOf({ ...metric });
  const intervalMs = readDurationMs(at(metric, 'interval')) ?? 0;
  const delayMs = readDurationMs(at(metric, 'initialDelay')) ?? 0;
  return count === undefined ? delayMs : delayMs + (count - 1) * intervalMs;
}

function deadlineFindings(object: SourceObject, release: ReleaseSpec, plan: Plan): readonly LintFinding[] {
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

/** The idle member of a pair is scaled from zero, and never otherwise: what it has must carry its weight. */
function podFindings(
  object: SourceObject,
  { workload, traffic, strategy }: ReleaseSpec,
  plan: Plan,
  context: LintContext,
): readonly LintFinding[] {
  const members = (workload.pair?.members ?? []).map((name) =>
    findObject(context, { kind: 'Deployment', name, group: 'apps', namespace: object.namespace }),
  );
  const [one, two] = members.map((member) =>
    member === undefined ? undefined : (numberAt(member.value, 'spec', 'replicas') ?? 1),
  );
  // With a switch the last weight is judged as well; in steps what is left is the promotion's, and scaled for it.
  const most = strategy?.blueGreen === undefined ? 99 : 100;
  const weights = plan.steps.flatMap((step) => (step.kind === 'setWeight' && step.weight <= most ? [step.weight] : []));
  const [largest, smallest] = [Math.max(0, ...weights), Math.min(100, ...weights.filter((weight) => weight > 0))];
  if (one === undefined || two === undefined || weights.length === 0) return [];
  const [few, many] = [Math.min(one, two), Math.max(one, two)];
  const idle = members[one <= two ? 0 : 1];
  if (traffic === undefined) {
    if (smallest >= 100 / (many + 1)) return [];
    return [
      finding(
        'too-few-pods',
        object.place(['spec', 'strategy', 'canary']),
        `Without spec.traffic the replica counts are the weights: with ${many} pods the smallest possible weight is ${Math.ceil(100 / (many + 1))} %, and a step asks for ${smallest} %. Add a router, or begin with ${Math.ceil(100 / (many + 1))}.`,
      ),
    ];
  }
  const needed = Math.ceil((many * largest) / 100);
  if (few === 0 || few >= needed || idle === undefined) return [];
  return [
    finding(
      'too-few-pods',
      idle.place(['spec', 'replicas']),
      `Deployment ${idle.name} has ${few} of ${many} pods, and Release ${object.name} gives it up to ${largest} % of the requests: each of its pods would carry ${((many * largest) / 100 / few).toFixed(1)} times as much as now. Give it at least ${needed}, or 0 to have it scaled for the release.`,
    ),
  ];
}
