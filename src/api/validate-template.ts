/** AnalysisTemplates and ClusterAnalysisTemplates: what the schema and its CEL rules cannot see. */
import { AnalysisTemplateSpec, type TemplateMetric } from './analysis-template.ts';
import { shapeOf } from '../judge/query-shape.ts';
import { isFields } from './fields.ts';
import { MEASURE_FIELDS } from './measure.ts';
import { type Finding, invalid } from './meta.ts';
import { shapeFindings } from './shape.ts';
import { quote, readPercent, units } from './units.ts';
import { compareFindings } from './validate-compare.ts';
import { validateQuery } from './validate-query.ts';

const PLACEHOLDER = /\{\{[^{}]{0,300}\}\}/g;
const ARGUMENT = /^\{\{\s*args\.([A-Za-z0-9_](?:[-A-Za-z0-9._]*[A-Za-z0-9_])?)\s*\}\}$/;

/**
 * What keeps a template from working whatever Release uses it; empty when nothing does. `others`: names of arguments that the templates
 * beside it declare; absent: it stands alone. Metrics with a provider are looked at by `measureFindings`.
 */
export function validateTemplate(spec: unknown, others: readonly string[] = []): readonly Finding[] {
  const shape = shapeFindings(AnalysisTemplateSpec, spec, 'spec');
  if (shape.length > 0) return shape;
  const template = spec as AnalysisTemplateSpec; // just checked against its schema
  return [
    ...twiceFindings(template),
    ...argumentFindings(template, others),
    ...(template.metrics ?? []).flatMap((metric, index) => metricFindings(metric, `spec.metrics[${index}]`)),
  ];
}

function twiceFindings({ args = [], metrics = [] }: AnalysisTemplateSpec): readonly Finding[] {
  const lists = [
    { field: 'spec.args', names: args.map(({ name }) => name) },
    { field: 'spec.metrics', names: metrics.map(({ name }) => name) },
  ];
  return lists.flatMap(({ field, names }) => {
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    return twice === undefined ? [] : [invalid(`${field} has ${quote(twice)} twice. Give each its own name.`)];
  });
}

/** Arguments are put in once, as text: an argument that names another, or itself, would stay as it is written. */
function argumentFindings(template: AnalysisTemplateSpec, others: readonly string[]): readonly Finding[] {
  const args = template.args ?? [];
  const nested = args.findIndex(({ value }) => value?.includes('{{') === true);
  if (nested >= 0) {
    return [
      invalid(
        `spec.args[${nested}].value is ${quote(args[nested]?.value)}, but arguments are not put into arguments. Write the value itself.`,
      ),
    ];
  }
  const sourceless = args.findIndex(
    ({ value, valueFrom }) => value === undefined && Object.keys(valueFrom ?? {}).length > 1,
  );
  if (sourceless >= 0) return [invalid(`spec.args[${sourceless}].valueFrom names several sources. Keep one of them.`)];
  const known = [...args.map(({ name }) => name), ...others];
  const unknown = textsIn(template.metrics)
    .flatMap((text) => text.match(PLACEHOLDER) ?? [])
    .find((placeholder) => !known.includes(ARGUMENT.exec(placeholder)?.[1] ?? ''));
  // Templates that it names may declare it; the run knows them all.
  if (unknown === undefined || (template.templates ?? []).length > 0) return [];
  return [
    invalid(
      `spec.metrics uses ${quote(unknown)}, which is no argument of this template. Declare it in spec.args (declared: ${known.join(', ') || 'none'}).`,
    ),
  ];
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isFields(value) ? Object.values(value).flatMap(textsIn) : [];
}

function metricFindings(metric: TemplateMetric, path: string): readonly Finding[] {
  const { compare } = metric;
  if (compare === undefined) return metric.provider === undefined ? [lacking(path)] : measuredFindings(metric, path);
  const measured = MEASURED.find((field) => metric[field] !== undefined);
  if (measured !== undefined) {
    return [
      invalid(
        `${path}.${measured} is for metrics with a provider, and this one compares. Leave out ${measured} or compare.`,
      ),
    ];
  }
  if ((compare.query === undefined) === (compare.inline === undefined)) {
    return [invalid(`${path}.compare needs exactly one of query and inline. Keep one of them.`)];
  }
  const inline = compare.inline === undefined ? [] : validateQuery(compare.inline, `${path}.compare.inline`);
  const shape = compare.inline === undefined || inline.length > 0 ? undefined : shapeOf(compare.inline);
  const weight = metric.weight === undefined || readPercent(metric.weight) !== undefined;
  return [
    ...compareFindings(compare, shape, `${path}.compare`),
    ...(weight ? [] : [invalid(`${path}.weight is ${quote(metric.weight)}. Write ${units.percent.written}.`)]),
    ...inline,
  ];
}

const MEASURED = Object.keys(MEASURE_FIELDS) as readonly (keyof typeof MEASURE_FIELDS)[];

const lacking = (path: string): Finding =>
  invalid(`${path} has neither compare nor provider. Write compare.query, or provider.prometheus with a query.`);

function measuredFindings(metric: TemplateMetric, path: string): readonly Finding[] {
  const judged = (['critical', 'required', 'weight'] as const).find((field) => metric[field] !== undefined);
  if (judged === undefined) return [];
  return [invalid(`${path}.${judged} is for metrics that compare. Leave it out; use dryRun for what must not decide.`)];
}
