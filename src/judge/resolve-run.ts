/**
 * Turns a Release, its templates and the query library into the spec of one AnalysisRun: every number that decides, resolved.
 * Anything that cannot work becomes a Finding that names object, field and fix; nothing is guessed, nothing is left out in silence.
 */
import type { AnalysisRunSpec } from '../api/analysis-run.ts';
import type { AnalysisTemplateSpec } from '../api/analysis-template.ts';
import type { Finding } from '../api/meta.ts';
import type { MetricQuerySpec } from '../api/metric-query.ts';
import type { AnalysisSpec, Release } from '../api/release.ts';
import { quote, readDurationMs, readPercent } from '../api/units.ts';
import { validateTemplate } from '../api/validate-template.ts';
import { substitute } from './arguments.ts';
import { levelOfAttempt } from './preset.ts';
import { isFinding, type MetricDraft, resolveMetric } from './resolve-metric.ts';
import { shareEvidence } from './shares.ts';

export interface ResolveRunInput {
  readonly release: Release;
  readonly revision: string;
  /** From 1. */
  readonly attempt: number;
  readonly arms: AnalysisRunSpec['arms'];
  /** The template in the Release's namespace, or of the cluster. */
  readonly template: (name: string, clusterScope: boolean) => AnalysisTemplateSpec | undefined;
  readonly query: (name: string) => MetricQuerySpec | undefined;
  /** Evidence counts from here, ms since the epoch. */
  readonly startedAtMs: number;
  /** Length of the service's poll grid. */
  readonly gridMs: number;
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
  const { analysis } = release.spec;
  const where = `Release ${release.metadata.namespace}/${release.metadata.name}`;
  if (analysis === undefined) {
    return invalid(`${where} has no spec.analysis, so there is nothing to judge. Add spec.analysis.templates.`);
  }
  const rule = resolveRule(input, analysis, `${where}: spec.analysis`);
  if (isFinding(rule)) return rule;
  const drafts: MetricDraft[] = [];
  for (const [index, reference] of analysis.templates.entries()) {
    const resolved = resolveTemplate(input, analysis, reference, `${where}: spec.analysis.templates[${index}]`);
    if (isFinding(resolved)) return resolved;
    for (const draft of resolved) {
      const twin = drafts.find((other) => other.metric.name === draft.metric.name);
      if (twin !== undefined) {
        return invalid(
          `${draft.where} has the same name as ${twin.where}. Rename one: names must be unique over all templates of a Release.`,
        );
      }
      drafts.push(draft);
    }
  }
  if (drafts.length === 0 || drafts.length > MAX_METRICS) {
    return invalid(
      `${where}: spec.analysis.templates hold ${drafts.length} metrics together. Choose templates with 1 to ${MAX_METRICS}.`,
    );
  }
  const metrics = drafts.map((draft) => draft.metric);
  if (metrics.every(({ required }) => required === false)) {
    return invalid(
      `${where}: no metric of spec.analysis.templates is required, so nothing could ever pass. Set required: true on one of them.`,
    );
  }
  const asked = drafts.reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (asked > 1 + 1e-9) {
    return invalid(
      `${where}: the weights of its metrics add up to ${Math.round(asked * 100)}%. Lower them to at most 100% together.`,
    );
  }
  const shares = shareEvidence(drafts.map(({ metric, weight }) => ({ ...metric, weight })));
  return {
    release: { name: release.metadata.name, uid: release.metadata.uid },
    revision: input.revision,
    attempt: input.attempt,
    arms: input.arms,
    metrics: metrics.map((metric, index) => ({ ...metric, share: shares[index] ?? 0 })),
    rule,
    startedAt: new Date(input.startedAtMs).toISOString(),
  };
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
    falseAbort: levelOfAttempt(falseAbort, input.attempt),
    falsePass: RULE_DEFAULTS.falsePass,
    intervalMs: Math.round(intervalMs),
    warmUpMs: Math.round(warmUpMs),
    dwellMs: Math.round(dwellMs),
    atMostMs: Math.round(atMostMs),
    minRequests: analysis.minRequests ?? RULE_DEFAULTS.minRequests,
    historyMs: Math.round(historyMs),
    horizonMs: Math.max(1, Math.round(horizonMs)),
  };
}

function resolveTemplate(
  input: ResolveRunInput,
  analysis: AnalysisSpec,
  reference: AnalysisSpec['templates'][number],
  where: string,
): readonly MetricDraft[] | Finding {
  const isCluster = reference.clusterScope === true;
  const kind = isCluster ? 'ClusterAnalysisTemplate' : 'AnalysisTemplate';
  const raw = input.template(reference.name, isCluster);
  if (raw === undefined) {
    const other = input.template(reference.name, !isCluster);
    const fix = other === undefined ? 'Create it, or correct the name' : `Set clusterScope: ${String(!isCluster)}`;
    return {
      reason: 'TemplateNotFound',
      message: `${where} names ${kind} ${reference.name}, which does not exist. ${fix}.`,
    };
  }
  const [unusable] = validateTemplate(raw);
  if (unusable !== undefined) return { ...unusable, message: `${kind} ${reference.name}: ${unusable.message}` };
  const template = substitute(raw, [raw.args ?? [], analysis.args ?? []], `${kind} ${reference.name}`);
  if (isFinding(template)) return template;
  const metrics: MetricDraft[] = [];
  for (const [index, metric] of template.metrics.entries()) {
    const where = `${kind} ${reference.name}: spec.metrics[${index}] (${metric.name})`;
    if (metric.compare === undefined) {
      return invalid(
        `${where} has no compare block. Add compare.query or compare.inline; other kinds are not supported yet.`,
      );
    }
    const draft = resolveMetric(metric, metric.compare, analysis.preset ?? 'recommended', input.query, where);
    if (isFinding(draft)) return draft;
    metrics.push(draft);
  }
  return metrics;
}

function duration(text: string | undefined, fallbackMs: number, where: string): number | Finding {
  if (text === undefined) return fallbackMs;
  return readDurationMs(text) ?? invalid(`${where} is ${quote(text)}. Write a duration such as 90s or 1h30m.`);
}

function invalid(message: string): Finding {
  return { reason: 'InvalidSpec', message };
}
