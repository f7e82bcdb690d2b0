/**
 * Whether a Release can do what it says: its templates resolved as the service would, with arguments that they have and measurements that
 * end. What the files do not tell (templates, Deployments) is not judged.
 */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import { at, type Fields, listAt, stringAt } from '../../api/fields.ts';
import { GROUP } from '../../api/meta.ts';
import type { ReleaseSpec } from '../../api/release.ts';
import { formatDuration, readDurationMs } from '../../api/units.ts';
import { validateRelease } from '../../api/validate.ts';
import { isFinding } from '../../judge/resolve-metric.ts';
import { DEFAULT_GRID_MS } from '../../judge/resolve-run.ts';
import { gatedPlanOf, isGatedSpec } from '../../release/gated/plan.ts';
import type { Plan } from '../../release/plan.ts';
import { runPartOf } from '../../release/step-run.ts';
import { writtenPlanOf } from '../plan/written-plan.ts';
import { resolveOffline } from '../specs/resolve.ts';
import { measurementsOf } from './limits.ts';
import { type Check, findObject, groupOf, type LintContext } from './context.ts';
import { didYouMean, finding, type LintFinding, pathIn } from './finding.ts';
import { podFindings } from './release-pods.ts';
import { deadlineFindings, stepFindings } from './release-steps.ts';
import type { SourceObject } from './source.ts';

/** The service's own default, where a Release is silent. */
const AT_MOST_MS = 900_000;

export const checkRelease: Check = (object, context) => {
  if (object.kind !== 'Release' || groupOf(object.apiVersion) !== GROUP) return [];
  const spec = at(object.value, 'spec');
  if (validateRelease(spec).length > 0) return []; // said by the checks of the structure
  const release = spec as ReleaseSpec; // just validated
  const plan = planIn(release, object, context);
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

/** Where its steps stand in a Rollout that is not among the files, its analysis is checked all the same. */
function planIn(release: ReleaseSpec, { namespace }: SourceObject, { objects }: LintContext) {
  const plan = writtenPlanOf(release, objects, namespace);
  return plan.kind !== 'plan' && isGatedSpec(release) ? gatedPlanOf(release, { steps: [] }) : plan;
}

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
  const written = step === undefined ? undefined : plan.steps[step - 1];
  const resolved = resolveOffline(
    {
      name: object.name,
      namespace: object.namespace ?? 'default',
      spec: release,
      gridMs: context.options.gridMs ?? DEFAULT_GRID_MS,
      ...runPartOf(plan, step),
    },
    {
      template: (name, isCluster, group) => templateOf(object, context, name, isCluster, group),
      query: (name) => specOf(context, 'MetricQuery', name),
    },
  );
  if (!isFinding(resolved)) return { spec: resolved, findings: [] };
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
