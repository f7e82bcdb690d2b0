/**
 * A recognised query and its threshold as `compare:`, twice: canary against stable at the same time, and against the threshold as an
 * absolute bound, which is what it meant before. Pure.
 */
import { type Fields, fieldsAt } from '../../api/fields.ts';
import { formatDuration } from '../../api/units.ts';
import { badMatch, libraryQuery, type Recognised, recognise, type Selected, splitIdentity } from './recognise.ts';
import type { Library } from '../lint/library.ts';

/** What must hold: the value stays at most, or at least, at a threshold. */
export interface Threshold {
  readonly kind: 'atMost' | 'atLeast';
  readonly value: number;
}

export interface CompareInput {
  readonly name: string;
  readonly query: string;
  readonly threshold?: Threshold | undefined;
  readonly isCritical?: boolean;
  readonly library: Library;
  /** Which matchers say whose series are meant: placeholders of the old tool. */
  readonly isIdentity: (label: string, value: string) => boolean;
}

/** The metrics that take its place; `undefined` when the query's form says too little, or names series that the library does not know. */
export function compareMetrics(input: CompareInput): readonly Fields[] | undefined {
  const found = recognise(input.query);
  if (found === undefined || found.kind === 'gauge') return undefined;
  const known = libraryQuery(input.library, found, input.isIdentity);
  if (known === undefined) return undefined;
  const query = known.isSame ? { query: known.name } : { inline: inlineLike(known.spec, found, input) };
  return metricsFor({ ...input, query }, found);
}

interface Source {
  readonly name: string;
  /** A MetricQuery by name, or one of its own. */
  readonly query: { readonly query: string } | { readonly inline: Fields };
  readonly threshold?: Threshold | undefined;
  readonly isCritical?: boolean;
}

/** One metric against stable and, where a threshold can be a bound, one against that. */
export function metricsFor({ name, query, threshold, isCritical }: Source, found: Recognised): readonly Fields[] {
  const critical = isCritical === true ? { critical: true } : {};
  const bound = threshold === undefined ? undefined : boundOf(found, threshold);
  const relative = {
    name,
    ...critical,
    compare: { ...query, ...(bound?.slo === undefined ? {} : { slo: { le: bound.slo } }) },
  };
  if (bound === undefined) return [relative];
  const absolute = {
    name: `${name}-bound`,
    compare: {
      ...query,
      against: { constant: bound.constant },
      ...(bound.slo === undefined ? {} : { slo: { le: bound.slo } }),
    },
  };
  return [relative, absolute];
}

interface Bound {
  /** Part of the requests that may be bad, or slower than `slo`. */
  readonly constant: string;
  readonly slo?: string;
}

function boundOf(found: Recognised, { kind, value }: Threshold): Bound | undefined {
  if (found.kind === 'share') {
    const part = value / found.scale;
    const bad = found.isGood === (kind === 'atLeast') ? (found.isGood ? 1 - part : part) : undefined;
    return bad === undefined || !(bad > 0 && bad < 1) ? undefined : { constant: percent(bad) };
  }
  if (found.kind !== 'quantile' || kind !== 'atMost' || !(value > 0)) return undefined;
  const isSeconds = /_seconds(_bucket)?$/.test(found.buckets.metric);
  const sloMs = (value / found.scale) * (isSeconds ? 1000 : 1);
  return { constant: percent(1 - found.level), slo: formatDuration(sloMs) };
}

const percent = (fraction: number): string => `${Number((fraction * 100).toPrecision(6))}%`;

/** The threshold that a condition of Argo Rollouts holds, in its usual forms; `undefined` for any other. */
export function thresholdOf(success: string | undefined, failure: string | undefined): Threshold | undefined {
  const condition = success ?? failure;
  if (condition === undefined || (success !== undefined && failure !== undefined)) return undefined;
  const core = condition
    .replace(/^\s*(?:(?:len\(result\)\s*==\s*0|isNaN\(result\[0\]\)|isNil\(result\))\s*(?:\|\||or)\s*)*/, '')
    .trim();
  const match =
    /^(?:result|result\[0\]|asFloat\(result\[0\]\)|default\(result(?:\[0\])?,\s*[\d.]+\))\s*(<=|<|>=|>)\s*(\d+(?:\.\d+)?|\.\d+)$/.exec(
      core,
    );
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const isBelow = match[1].startsWith('<');
  // What fails above a number must stay at most there.
  return { kind: isBelow === (success !== undefined) ? 'atMost' : 'atLeast', value: Number(match[2]) };
}

/** An inline query of a gauge or share for series that the library does not know. */
export function inlineGauge(gauge: Selected, labels: Readonly<Record<string, string>>, summary: string): Fields {
  const match = Object.keys(gauge.match).length === 0 ? {} : { match: gauge.match };
  return { summary, labels, gauge: { metric: gauge.metric, ...match, of: 'mean' } };
}

export function inlineCounts(
  found: Extract<Recognised, { kind: 'share' }>,
  labels: Fields,
  summary: string,
  isIdentity: (label: string, value: string) => boolean,
): Fields {
  const { metric, match } = splitIdentity(found.whole, isIdentity);
  const selector = (wanted: Fields): Fields => ({
    metric,
    ...(Object.keys(wanted).length === 0 ? {} : { match: wanted }),
  });
  return {
    summary,
    labels,
    counts: { total: selector(match), bad: selector({ ...match, ...badMatch(found, isIdentity) }) },
  };
}

/** The library's series and labels, with what counts as bad here. */
function inlineLike(spec: Fields, found: Recognised, { name, isIdentity }: CompareInput): Fields {
  if (found.kind !== 'share') return spec;
  const total = fieldsAt(spec, 'counts', 'total');
  const match = { ...fieldsAt(total, 'match'), ...badMatch(found, isIdentity) };
  return {
    summary: name,
    labels: fieldsAt(spec, 'labels'),
    counts: { total, bad: { metric: found.whole.metric, match } },
  };
}
