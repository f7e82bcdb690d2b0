/**
 * Turns a Release, its templates and the query library into the spec of one AnalysisRun: every number that decides, resolved.
 * Anything that cannot work becomes a Finding that names object, field and fix; nothing is guessed, nothing is left out in silence.
 */
import type { AnalysisRunSpec } from '../api/analysis-run.ts';
import type { AnalysisTemplateSpec } from '../api/analysis-template.ts';
import type { ResolvedMeasure } from '../api/measure.ts';
import { type Finding, invalid } from '../api/meta.ts';
import type { MetricQuerySpec } from '../api/metric-query.ts';
import type { AnalysisSpec, Release } from '../api/release.ts';
import { quote, readDurationMs, readPercent } from '../api/units.ts';
import { validateTemplate } from '../api/validate-template.ts';
import {
  type Arguments,
  type ComposedTemplate,
  composeArguments,
  composeTemplates,
  fieldAtPath,
  nameOf,
} from './argo/compose.ts';
import { metricRules, resolveMeasure } from './argo/resolve.ts';
import { secretsIn, substitute } from './arguments.ts';
import { hasControl, nothingDecides, withoutRequests } from './control.ts';
import { levelOfAttempt, passLevelOfAttempt } from './preset.ts';
import { isFinding, type MetricDraft, resolveMetric } from './resolve-metric.ts';
import { shareEvidence } from './shares.ts';

/** The service's poll grid where nobody sets it (architecture.md); intervals are multiples of it. */
export const DEFAULT_GRID_MS = 10_000;

export interface ResolveRunInput {
  readonly release: Release;
  readonly revision: string;
  /** From 1. */
  readonly attempt: number;
  readonly arms: AnalysisRunSpec['arms'];
  /** For arguments that are the pod-template-hash of a side; absent where pods have none. */
  readonly podTemplateHash?: { readonly stable?: string | undefined; readonly canary?: string | undefined };
  /** The template in the Release's namespace, or of the cluster; `group`: argoproj.io for one that is read in place. */
  readonly template: (name: string, clusterScope: boolean, group?: string) => AnalysisTemplateSpec | undefined;
  readonly query: (name: string) => MetricQuerySpec | undefined;
  /** Evidence counts from here, ms since the epoch. */
  readonly startedAtMs: number;
  /** Length of the service's poll grid. */
  readonly gridMs: number;
  /** Part of the release's error probability that the run has, 0–1; absent: all of it. */
  readonly share?: number;
  /** The run is that of one analysis step. */
  readonly step?: {
    /** Where it is written. */
    readonly field: string;
    readonly templates: AnalysisSpec['templates'];
    readonly args: NonNullable<AnalysisSpec['args']>;
    /** What it says otherwise than the release. */
    readonly settings?: Omit<AnalysisSpec, 'templates' | 'args'>;
    /** Who has requests at that step. */
    readonly requests: 'both' | 'canary' | 'none';
  };
}

/** Where Release and preset are silent. A metric that is rarer than the interval is stretched at run time (contracts 20). */
const RULE_DEFAULTS = {
  falseAbort: 0.05,
  falsePass: 0.05,
  warmUpMs: 90_000,
  dwellMs: 180_000,
  atMostMs: 900_000,
  minRequests: 200,
  historyMs: 1_800_000,
  horizonMs: 21_600_000,
} as const;

const MAX_METRICS = 32;

/** The spec of the run, or the first thing that keeps it from working. */
export function resolveRun(input: ResolveRunInput): AnalysisRunSpec | Finding {
  const { release } = input;
  const where = `Release ${release.metadata.namespace}/${release.metadata.name}`;
  const analysis = analysisOf(input);
  const field = input.step?.field ?? 'spec.analysis';
  if (analysis === undefined) {
    return invalid(`${where} has no spec.analysis, so there is nothing to judge. Add spec.analysis.templates.`);
  }
  const rule = resolveRule(
    input,
    analysis,
    `${where}: ${input.step?.settings === undefined ? 'spec.analysis' : field}`,
  );
  if (isFinding(rule)) return rule;
  const found = composeTemplates(
    analysis.templates.map(({ name, clusterScope, group }) => ({ name, isCluster: clusterScope === true, group })),
    ({ name, isCluster, group }) => input.template(name, isCluster, group),
    `${where}: ${field}.templates`,
  );
  if (isFinding(found)) return found;
  const [unusable] = templateFindings(found);
  if (unusable !== undefined) return unusable;
  const args = composeArguments(found, analysis.args ?? [], {
    fieldOf: (path) => fieldAtPath(release, path),
    hashOf: (which) => (which === 'Stable' ? input.podTemplateHash?.stable : input.podTemplateHash?.canary),
  });
  if (isFinding(args)) return args;
  const templates = substituteAll(found, args);
  if (isFinding(templates)) return templates;
  const resolved = resolveMetrics(input, analysis, templates, args, `${where}: ${field}`);
  if (isFinding(resolved)) return resolved;
  const { drafts, measures } = resolved;
  const metrics = drafts.map((draft) => draft.metric);
  if (measures.length === 0 && metrics.every(({ required }) => required === false)) {
    return invalid(`${where}: ${nothingDecides(release.spec, field)}`);
  }
  const uncompared =
    input.step === undefined || !hasControl(input.release.spec)
      ? undefined
      : withoutRequests(drafts, input.step.requests);
  if (uncompared !== undefined) return uncompared;
  const asked = drafts.reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (asked > 1 + 1e-9) {
    return invalid(
      `${where}: the weights of its metrics add up to ${Math.round(asked * 100)}%. Lower them to at most 100% together.`,
    );
  }
  const shares = shareEvidence(drafts.map(({ metric, weight }) => ({ ...metric, weight })));
  const secrets = secretsIn(measures, args);
  return {
    release: { name: release.metadata.name, uid: release.metadata.uid },
    revision: input.revision,
    attempt: input.attempt,
    arms: input.arms,
    metrics: metrics.map((metric, index) => ({ ...metric, share: shares[index] ?? 0 })),
    ...(measures.length === 0 ? {} : { measures: [...measures] }),
    ...(secrets.length === 0 ? {} : { secrets: [...secrets] }),
    ...(hasControl(input.release.spec) ? {} : { control: 'none' as const }),
    rule: input.step === undefined ? rule : ruleOfStep(rule, drafts, measures),
    startedAt: new Date(input.startedAtMs).toISOString(),
  };
}

/** A step's templates take the place of the release's; everything else is as for the release. */
function analysisOf({ release, step }: ResolveRunInput): AnalysisSpec | undefined {
  const { analysis } = release.spec;
  if (step === undefined) return analysis;
  const names = step.args.map(({ name }) => name);
  const inherited = (analysis?.args ?? []).filter(({ name }) => !names.includes(name));
  return { ...analysis, ...step.settings, templates: step.templates, args: [...step.args, ...inherited] };
}

/** What is only measured has its own time: it passes as soon as all is measured, and gets the time that this takes. */
function ruleOfStep(
  rule: AnalysisRunSpec['rule'],
  drafts: readonly MetricDraft[],
  measures: readonly ResolvedMeasure[],
): AnalysisRunSpec['rule'] {
  const longestMs = Math.max(
    0,
    ...measures.map(
      ({ initialDelayMs = 0, intervalMs = 0, count = 1 }) => initialDelayMs + Math.max(0, count - 1) * intervalMs,
    ),
  );
  return { ...rule, dwellMs: drafts.length === 0 ? 0 : rule.dwellMs, atMostMs: Math.max(rule.atMostMs, longestMs) };
}

function templateFindings(templates: readonly ComposedTemplate[]): readonly Finding[] {
  const declared = templates.flatMap(({ spec }) => (spec.args ?? []).map(({ name }) => name));
  return templates.flatMap((template) =>
    validateTemplate(template.spec, declared).map((found) => ({
      ...found,
      message: `${nameOf(template)}: ${found.message}`,
    })),
  );
}

function substituteAll(templates: readonly ComposedTemplate[], args: Arguments): readonly ComposedTemplate[] | Finding {
  const substituted: ComposedTemplate[] = [];
  for (const template of templates) {
    const { metrics, dryRun, measurementRetention } = template.spec;
    const used = {
      ...(metrics === undefined ? {} : { metrics }),
      ...(dryRun === undefined ? {} : { dryRun }),
      ...(measurementRetention === undefined ? {} : { measurementRetention }),
    };
    const replaced = substitute(used, args, nameOf(template));
    if (isFinding(replaced)) return replaced;
    substituted.push({ ...template, spec: { ...template.spec, ...replaced } });
  }
  return substituted;
}

interface ResolvedMetrics {
  readonly drafts: readonly MetricDraft[];
  readonly measures: readonly ResolvedMeasure[];
}

/** Both kinds, under names of their own. */
function resolveMetrics(
  input: ResolveRunInput,
  analysis: AnalysisSpec,
  templates: readonly ComposedTemplate[],
  args: Arguments,
  where: string,
): ResolvedMetrics | Finding {
  const placed = templates.flatMap((template) =>
    (template.spec.metrics ?? []).map((metric, index) => ({
      metric,
      place: `${nameOf(template)}: spec.metrics[${index}]`,
    })),
  );
  if (placed.length === 0 || placed.length > MAX_METRICS) {
    return invalid(
      `${where}.templates hold ${placed.length} metrics together. Choose templates with 1 to ${MAX_METRICS}.`,
    );
  }
  const names = placed.map(({ metric }) => metric.name);
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice >= 0) {
    return invalid(
      `${placed[twice]?.place} and ${placed[names.indexOf(names[twice] ?? '')]?.place} have the same name '${names[twice]}'. Rename one: names must be unique over all templates of a Release.`,
    );
  }
  const rules = metricRules(templates, names);
  if (isFinding(rules)) return rules;
  const drafts: MetricDraft[] = [];
  const measures: ResolvedMeasure[] = [];
  for (const { metric, place } of placed) {
    if (metric.compare === undefined) {
      const measure = resolveMeasure(metric, place);
      if (isFinding(measure)) return measure;
      const retention = rules.retention(metric.name);
      measures.push({
        ...measure,
        ...(rules.isDryRun(metric.name) ? { isDryRun: true } : {}),
        ...(retention === undefined ? {} : { retention }),
      });
      continue;
    }
    const [secret] = secretsIn(metric, args);
    if (secret !== undefined) {
      return invalid(
        `${place} (${metric.name}) uses the secret {{args.${secret.name}}}, which only providers may. Take it out.`,
      );
    }
    // A comparison in dry run is shown and has no part of the evidence.
    const isShownOnly = !hasControl(input.release.spec) && metric.compare.against?.constant === undefined;
    const judged = rules.isDryRun(metric.name) || isShownOnly ? { ...metric, weight: '0%' } : metric;
    const preset = analysis.preset ?? 'recommended';
    const draft = resolveMetric(judged, metric.compare, preset, input.query, `${place} (${metric.name})`);
    if (isFinding(draft)) return draft;
    drafts.push(draft);
  }
  return { drafts, measures };
}

function resolveRule(input: ResolveRunInput, analysis: AnalysisSpec, where: string): AnalysisRunSpec['rule'] | Finding {
  const durations = {
    intervalMs: duration(analysis.interval, input.gridMs, `${where}.interval`),
    warmUpMs: duration(analysis.warmUp, RULE_DEFAULTS.warmUpMs, `${where}.warmUp`),
    dwellMs: duration(analysis.dwell, RULE_DEFAULTS.dwellMs, `${where}.dwell`),
    atMostMs: duration(analysis.atMost, RULE_DEFAULTS.atMostMs, `${where}.atMost`),
    historyMs: duration(analysis.history, RULE_DEFAULTS.historyMs, `${where}.history`),
    horizonMs: duration(
      input.release.spec.progressDeadline,
      RULE_DEFAULTS.horizonMs,
      `${where.replace('.analysis', '')}.progressDeadline`,
    ),
  };
  for (const value of Object.values(durations)) if (typeof value !== 'number') return value;
  const { intervalMs, warmUpMs, dwellMs, atMostMs, historyMs, horizonMs } = durations as Record<
    keyof typeof durations,
    number
  >; // every Finding returned above
  if (intervalMs < 1000 || intervalMs % input.gridMs !== 0) {
    return invalid(
      `${where}.interval is ${quote(analysis.interval)}. Write a multiple of the service's grid of ${input.gridMs / 1000}s, at least 1s.`,
    );
  }
  const falseAbort = analysis.falseAbort === undefined ? RULE_DEFAULTS.falseAbort : readPercent(analysis.falseAbort);
  if (falseAbort === undefined || falseAbort < 1e-6 || falseAbort > 0.5) {
    return invalid(`${where}.falseAbort is ${quote(analysis.falseAbort)}. Write a percentage from 0.0001% to 50%.`);
  }
  return {
    preset: analysis.preset ?? 'recommended',
    falseAbort: levelOfAttempt(falseAbort, input.attempt) * (input.share ?? 1),
    ...(input.share === undefined || input.share === 1 ? {} : { share: input.share }),
    falsePass: passLevelOfAttempt(RULE_DEFAULTS.falsePass, input.attempt),
    intervalMs: Math.round(intervalMs),
    warmUpMs: Math.round(warmUpMs),
    dwellMs: Math.round(dwellMs),
    atMostMs: Math.round(atMostMs),
    minRequests: analysis.minRequests ?? RULE_DEFAULTS.minRequests,
    historyMs: Math.round(historyMs),
    horizonMs: Math.max(1, Math.round(horizonMs)),
  };
}

function duration(text: string | undefined, fallbackMs: number, where: string): number | Finding {
  if (text === undefined) return fallbackMs;
  return readDurationMs(text) ?? invalid(`${where} is ${quote(text)}. Write a duration such as 90s or 1h30m.`);
}
