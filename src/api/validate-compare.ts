/**
 * What a compare block can say about a metric of a given shape: margins in its unit, a bound it can have, a direction. Used twice:
 * on templates, where a named query's shape is not known yet, and on the resolved metric.
 */
import type { Shape } from '../judge/query-shape.ts';
import type { Compare, Margin } from './analysis-template.ts';
import { type Finding, invalid } from './meta.ts';
import { quote, readDurationMs, readPercent, readPoints, units } from './units.ts';

const NUMBER = /^\d{1,12}(?:\.\d{1,9})?$/;
const UNITLESS = 'a number in the unit of the metric, such as 0.5';

/**
 * A difference as written: percentage points as a fraction, or a plain number where the metric has a unit of its own. `shape`
 * absent: either.
 */
export function readDifference(text: string | undefined, shape: Shape | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (shape === 'rate' || shape === 'gauge') return NUMBER.test(text) ? Number(text) : undefined;
  const fraction = readPoints(text);
  return fraction ?? (shape === undefined && NUMBER.test(text) ? Number(text) : undefined);
}

/** An absolute bound > 0: a fraction of the requests, or a plain number. */
export function readBound(text: string, shape: Shape | undefined): number | undefined {
  const written = text.trim();
  const number = NUMBER.test(written) ? Number(written) : undefined;
  const fraction = readPercent(written);
  const bound = shape === 'rate' || shape === 'gauge' ? number : shape === undefined ? (fraction ?? number) : fraction;
  return bound !== undefined && bound > 0 ? bound : undefined;
}

/** What cannot work; empty when nothing stands in the way. `where` is the compare block. Placeholders are looked at later. */
export function compareFindings(compare: Compare, shape: Shape | undefined, where: string): readonly Finding[] {
  return [
    ...marginFindings(compare, shape, where),
    ...boundFindings(compare, shape, where),
    ...sloFindings(compare, shape, where),
    ...slowerFindings(compare, shape, where),
  ];
}

function marginFindings(compare: Compare, shape: Shape | undefined, where: string): readonly Finding[] {
  const { fail, pass } = compare;
  for (const [name, margin] of [
    ['fail', fail],
    ['pass', pass],
  ] as const) {
    if (margin === undefined) continue;
    if (margin.ratio === undefined && margin.difference === undefined) {
      return [invalid(`${where}.${name} is empty. Write ratio, difference or both.`)];
    }
    if (margin.difference !== undefined && readDifference(margin.difference, shape) === undefined) {
      const written = shape === 'rate' || shape === 'gauge' ? UNITLESS : units.points.written;
      return [invalid(`${where}.${name}.difference is ${quote(margin.difference)}. Write ${written}.`)];
    }
  }
  if (fail === undefined || pass === undefined) return [];
  const [low, high] = [numbersOf(fail, shape), numbersOf(pass, shape)];
  const isWider = high.ratio >= low.ratio && high.difference >= low.difference;
  if (isWider && (high.ratio > low.ratio || high.difference > low.difference)) return [];
  // Against a bound, one line can divide both: proven above it fails, proven below it passes.
  if (isWider && compare.against?.constant !== undefined) return [];
  return [
    invalid(
      `${where}.pass is not wider than fail, so nothing lies between "proven good" and "proven bad". Raise pass or lower fail.`,
    ),
  ];
}

const numbersOf = (
  { ratio, difference }: Margin,
  shape: Shape | undefined,
): { readonly ratio: number; readonly difference: number } => ({
  ratio: ratio ?? 1,
  difference: readDifference(difference, shape) ?? 0,
});

function boundFindings({ against, slo }: Compare, shape: Shape | undefined, where: string): readonly Finding[] {
  const { constant } = against ?? {};
  if (constant === undefined) return [];
  if (shape === 'histogram' && slo === undefined) {
    return [
      invalid(
        `${where}.against.constant bounds the requests slower than some duration, but no duration is written. Add ${where}.slo.le.`,
      ),
    ];
  }
  if (constant.includes('{{') || readBound(constant, shape) !== undefined) return [];
  const written = shape === 'rate' || shape === 'gauge' ? UNITLESS : units.percent.written;
  return [invalid(`${where}.against.constant is ${quote(constant)}. Write ${written}, above zero.`)];
}

function sloFindings({ slo }: Compare, shape: Shape | undefined, where: string): readonly Finding[] {
  if (slo === undefined) return [];
  if (shape !== undefined && shape !== 'histogram') {
    return [
      invalid(
        `${where}.slo.le is set, but the query ${shape === 'gauge' ? 'reads a gauge' : 'counts events'} and has no histogram. Remove slo, or use a histogram query.`,
      ),
    ];
  }
  const isPlaceholder = slo.le.includes('{{');
  const isNumber = /^\d+(?:\.\d+)?$/.test(slo.le.trim()) && Number(slo.le) > 0;
  if (isPlaceholder || isNumber || (readDurationMs(slo.le.trim()) ?? 0) > 0) return [];
  return [
    invalid(`${where}.slo.le is ${quote(slo.le)}. Write a boundary of the histogram, as ${units.duration.written}.`),
  ];
}

function slowerFindings({ slower, against }: Compare, shape: Shape | undefined, where: string): readonly Finding[] {
  if (slower === undefined) return [];
  if (shape !== undefined && shape !== 'histogram') {
    return [invalid(`${where}.slower is for histograms of durations. Leave it out, or use a histogram query.`)];
  }
  if (against?.constant !== undefined) {
    return [
      invalid(`${where}.slower compares with another workload, and against.constant names a bound. Keep one of them.`),
    ];
  }
  if ((readPercent(slower) ?? 0) > 0) return [];
  return [invalid(`${where}.slower is ${quote(slower)}. Write ${units.percent.written}, above zero.`)];
}
