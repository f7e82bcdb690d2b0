/** One metric of a template → the numbers it is judged by. Margins that are left out come from preset, shape and what it is compared with. */
import type { ResolvedMetric } from '../api/analysis-run.ts';
import type { Compare, Margin, TemplateMetric } from '../api/analysis-template.ts';
import { type Finding, invalid } from '../api/meta.ts';
import type { MetricQuerySpec } from '../api/metric-query.ts';
import { quote, readDurationMs, readPercent } from '../api/units.ts';
import { compareFindings, readBound, readDifference } from '../api/validate-compare.ts';
import { validateQuery } from '../api/validate-query.ts';
import { type MarginNumbers, type Preset, type PresetNumbers, presetRule } from './preset.ts';
import { type Shape, shapeOf, unitMs } from './query-shape.ts';

/** A metric without its share of the evidence; `weight` is the share it asks for, 0–1. */
export interface MetricDraft {
  readonly where: string;
  readonly metric: Omit<ResolvedMetric, 'share'>;
  readonly weight?: number;
}

/** Gauges have no sampling model and drift by pod: less than this much more is never a regression. */
const GAUGE_RATIO = 1.1;
const BOUND: MarginNumbers = { ratio: 1, difference: 0 };

export function resolveMetric(
  metric: TemplateMetric,
  compare: Compare,
  preset: Preset,
  find: (name: string) => MetricQuerySpec | undefined,
  where: string,
): MetricDraft | Finding {
  const query = resolveQuery(compare, find, where);
  if (isFinding(query)) return query;
  const shape = shapeOf(query) as Shape; // the query was just checked
  const [unusable] = compareFindings(compare, shape, `${where}.compare`);
  if (unusable !== undefined) return unusable;
  const critical = metric.critical === true;
  const margins = marginsOf(compare, shape, presetOf(compare, shape, preset, critical), `${where}.compare`);
  if (isFinding(margins)) return margins;
  const sloMs = sloOf(compare, query);
  const against = againstOf(compare, shape);
  const slower = slowerOf(compare, query);
  const weight = metric.weight === undefined ? undefined : readPercent(metric.weight);
  // Without a part of the evidence it is a report.
  const required = weight !== 0 && (metric.required ?? (shape !== 'gauge' || critical));
  const resolved = {
    name: metric.name,
    critical,
    query,
    ...(compare.query === undefined ? {} : { queryName: compare.query }),
    ...margins,
    ...(sloMs === undefined ? {} : { sloMs }),
    ...(compare.direction === undefined || compare.direction === 'higher' ? {} : { direction: compare.direction }),
    ...(against === undefined ? {} : { against }),
    ...(slower === undefined ? {} : { slower }),
    ...(required ? {} : { required }),
  };
  return { where, metric: resolved, ...(weight === undefined ? {} : { weight }) };
}

function resolveQuery(
  compare: Compare,
  find: (name: string) => MetricQuerySpec | undefined,
  where: string,
): MetricQuerySpec | Finding {
  if ((compare.query === undefined) === (compare.inline === undefined)) {
    return invalid(`${where}.compare needs exactly one of query (the name of a MetricQuery) and inline.`);
  }
  if (compare.inline !== undefined) {
    return validateQuery(compare.inline, `${where}.compare.inline`)[0] ?? compare.inline;
  }
  const name = compare.query ?? '';
  const query = find(name);
  if (query === undefined) {
    return {
      reason: 'QueryNotFound',
      message: `${where}.compare.query names MetricQuery ${name}, which does not exist. Create it, or correct the name.`,
    };
  }
  return validateQuery(query, `MetricQuery ${name}: spec`)[0] ?? query;
}

/** Margins where the template is silent. Percentage points mean nothing to rates and gauges; a bound needs no room around it. */
function presetOf(compare: Compare, shape: Shape, preset: Preset, critical: boolean): PresetNumbers {
  if (compare.against?.constant !== undefined) return { fail: BOUND, pass: BOUND };
  const { fail, pass } = presetRule(preset, critical);
  if (compare.slower !== undefined) return { fail: BOUND, pass };
  if (shape === 'gauge')
    return { fail: { ...fail, ratio: Math.max(GAUGE_RATIO, fail.ratio) }, pass: { ratio: 1.5, difference: 0 } };
  return shape === 'rate' ? { fail, pass: { ...pass, difference: 0 } } : { fail, pass };
}

function marginsOf(compare: Compare, shape: Shape, preset: PresetNumbers, where: string): PresetNumbers | Finding {
  const fail = marginOf(compare.fail, preset.fail, shape, `${where}.fail`);
  if (isFinding(fail)) return fail;
  const pass = marginOf(compare.pass, preset.pass, shape, `${where}.pass`);
  if (isFinding(pass)) return pass;
  const isWider = pass.ratio >= fail.ratio && pass.difference >= fail.difference;
  const isEqual = pass.ratio === fail.ratio && pass.difference === fail.difference;
  if (isWider && (!isEqual || compare.against?.constant !== undefined)) return { fail, pass };
  return invalid(
    `${where}: the pass margin (${sayMargin(pass, shape)}) must be wider than the fail margin (${sayMargin(fail, shape)}), ` +
      `or nothing lies between them. Raise compare.pass or lower compare.fail.`,
  );
}

function sayMargin({ ratio, difference }: MarginNumbers, shape: Shape): string {
  const isShare = shape === 'counts' || shape === 'histogram';
  return `ratio ${ratio}, difference ${isShare ? `${difference * 100}pp` : difference}`;
}

function marginOf(
  written: Margin | undefined,
  preset: MarginNumbers,
  shape: Shape,
  where: string,
): MarginNumbers | Finding {
  if (written === undefined) return preset;
  const difference = readDifference(written.difference, shape);
  const ratio = written.ratio ?? (difference === undefined ? preset.ratio : 1);
  if (!(ratio >= 1 && ratio <= 100))
    return invalid(`${where}.ratio is ${quote(written.ratio)}. Write a number from 1 to 100.`);
  return { ratio, difference: difference ?? 0 };
}

function sloOf({ slo }: Compare, query: MetricQuerySpec): number | undefined {
  if (slo === undefined) return undefined;
  const text = slo.le.trim();
  const plain = /^\d+(\.\d+)?$/.test(text) ? Number(text) * unitMs(query) : undefined;
  return plain ?? readDurationMs(text);
}

/** Native boundaries are powers of 2^(1/8), 9 % apart: the nearest such factor is meant. */
function slowerOf({ slower }: Compare, query: MetricQuerySpec): number | undefined {
  const part = slower === undefined ? undefined : readPercent(slower);
  if (part === undefined || query.histogram?.native !== true) return part;
  return 2 ** (Math.max(1, Math.round(8 * Math.log2(1 + part))) / 8) - 1;
}

function againstOf({ against }: Compare, shape: Shape): ResolvedMetric['against'] {
  if (against?.constant === undefined)
    return against?.workload === undefined ? undefined : { workload: against.workload };
  const constant = readBound(against.constant, shape);
  return constant === undefined ? undefined : { constant };
}

export function isFinding(value: unknown): value is Finding {
  return typeof value === 'object' && value !== null && 'reason' in value && 'message' in value;
}
