/** A metric with a provider, arguments put in → numbers and conditions; rules of dry run and retention by name. */
import type { ResolvedMeasure } from '../../api/measure.ts';
import { type Finding, invalid } from '../../api/meta.ts';
import { quote, readDurationMs } from '../../api/units.ts';
import { measureFindings, readLimit, type WrittenMeasure } from '../../api/validate-measure.ts';
import { matchesRegex, regexProblem } from '../../expression/regex.ts';
import { type ComposedTemplate, nameOf } from './compose.ts';

/** `secrets` still stand as `{{args.x}}`; for the look at the numbers something stands in for them, as in Argo. */
export function resolveMeasure(metric: WrittenMeasure, where: string): ResolvedMeasure | Finding {
  const [unusable] = measureFindings(metric, where);
  if (unusable !== undefined) return unusable;
  const { name, interval, initialDelay, successCondition, failureCondition, provider = {} } = metric;
  const numbers = {
    intervalMs: interval === undefined || interval === '' ? undefined : whole(readDurationMs(interval)),
    initialDelayMs: initialDelay === undefined || initialDelay === '' ? undefined : whole(readDurationMs(initialDelay)),
    count: readLimit(metric.count),
    failureLimit: readLimit(metric.failureLimit),
    inconclusiveLimit: readLimit(metric.inconclusiveLimit),
    consecutiveErrorLimit: readLimit(metric.consecutiveErrorLimit),
    consecutiveSuccessLimit: readLimit(metric.consecutiveSuccessLimit),
  };
  const conditions = { successCondition, failureCondition };
  return { name, ...given(numbers), ...given(conditions), provider };
}

const whole = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : Math.round(ms));

function given<T>(fields: Readonly<Record<string, T | undefined>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(fields).filter((entry): entry is [string, T] => entry[1] !== undefined));
}

/** What the rules of all templates say of a metric's name. */
export interface MetricRules {
  readonly isDryRun: (name: string) => boolean;
  readonly retention: (name: string) => number | undefined;
}

interface Rule {
  readonly where: string;
  readonly metricName: string;
  readonly limit?: number;
}

/** Rules are unanchored regular expressions; one that matches no metric is a mistake, and so is `*` (Argo's comment allows it, its code does not). */
export function metricRules(templates: readonly ComposedTemplate[], names: readonly string[]): MetricRules | Finding {
  const dryRun = templates.flatMap((template): readonly Rule[] => rulesOf(template, 'dryRun'));
  const retention = templates.flatMap((template): readonly Rule[] => rulesOf(template, 'measurementRetention'));
  const broken = ruleFinding('dryRun', dryRun, names) ?? ruleFinding('measurementRetention', retention, names);
  if (broken !== undefined) return broken;
  return {
    isDryRun: (name) => dryRun.some(({ metricName }) => matchesRegex(metricName, name)),
    // Argo lets the last rule that matches win.
    retention: (name) => retention.findLast(({ metricName }) => matchesRegex(metricName, name))?.limit,
  };
}

function rulesOf(template: ComposedTemplate, field: 'dryRun' | 'measurementRetention'): readonly Rule[] {
  return (template.spec[field] ?? []).map((rule, index) => ({
    ...rule,
    where: `${nameOf(template)}: spec.${field}[${index}].metricName`,
  }));
}

function ruleFinding(field: string, rules: readonly Rule[], names: readonly string[]): Finding | undefined {
  const written = rules.map(({ metricName }) => metricName);
  for (const [index, { where, metricName }] of rules.entries()) {
    const broken = regexProblem(metricName);
    if (broken !== undefined) {
      const fix = metricName === '*' ? 'Write .* for all metrics' : 'Write a regular expression';
      return invalid(`${where} is ${quote(metricName)}, which ${broken}. ${fix}.`);
    }
    if (written.indexOf(metricName) !== index) {
      return invalid(`${where} is ${quote(metricName)}, and so is another rule of ${field}. Keep one of them.`);
    }
    if (!names.some((name) => matchesRegex(metricName, name))) {
      return invalid(
        `${where} is ${quote(metricName)}, which matches no metric. Correct it; the metrics are ${names.join(', ') || 'none'}.`,
      );
    }
  }
  return undefined;
}
