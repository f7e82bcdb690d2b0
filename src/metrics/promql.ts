/**
 * A MetricQuery and a set of workloads → one PromQL expression whose answer at instant t is everything about the interval (t − Δ, t].
 * Counters are differenced per series before they are summed (contracts 19). What only a restart or a new pod can explain comes
 * back apart, told by the label `serin_part`, so that the reader can ask the pod ledger before it believes it.
 *
 *   plain   increments of series that were there before and did not drop
 *   reset   series that dropped: what they gained before (as far as scraped) plus their new value
 *   born    value of series that were not there before
 *   strange the same without a pod label, on targets that were not there before either
 *   silent  old value of series that are missing from their pod's newest scrape; a relabelling looks like born ≥ silent
 *   fresh   number of series with a scrape inside the interval
 *   level   sum of all counters at t;  base: the same at t − Δ. base ≠ the level seen one poll earlier: samples came late
 *
 * Buckets below +Inf are twenty times as many, so they come as plain differences only (negative where they dropped); what resets and
 * new series of them add is a second expression, asked for the few workloads where +Inf shows either.
 *
 * Series are read by `last_over_time(…[lookback])`: a failed scrape writes staleness markers, which would make a counter vanish and
 * come back as new; this way its increments fall into the next interval, and a pod that died keeps what it counted last.
 */
import type { LabelMatch, MetricQuerySpec } from '../api/metric-query.ts';
import { SerinError } from '../errors.ts';
import { checkQuery, countersOf } from '../judge/query-shape.ts';
import { boundarySpellings, literalRegex, quoted } from './escape.ts';

export interface WorkloadKey {
  readonly namespace: string;
  readonly workload: string;
}

export interface ExpressionOptions {
  /** Δ: length of the interval. */
  readonly intervalMs: number;
  /** How long a counter is remembered without a scrape; longer gaps lose what fell into them. At least two intervals. */
  readonly lookbackMs: number;
  /** Whose series are wanted. Many are not named in the expression: the answer then holds others too. */
  readonly workloads: readonly WorkloadKey[];
  /** Histogram boundaries in the metric's own unit; absent: all. +Inf is always among them. */
  readonly boundaries?: readonly number[];
}

export const PART = 'serin_part';
export const SIDE = 'serin_side';
export const PARTS = ['plain', 'reset', 'born', 'strange', 'silent', 'fresh', 'level', 'base'] as const;
export type Part = (typeof PARTS)[number];
type Side = 'total' | 'bad' | 'bucket';

/** More names than this make the expression longer than the work they save: it repeats its selector some twenty times. */
const MOST_NAMES = 40;
/** Prometheus looks up to 256 alternatives of a regex up in its index, each by itself. */
export const MOST_NAMES_OF_SAMPLES = 256;
/** Without a pod label, series are told apart by the target they were scraped from. */
const TARGET = 'job, instance';

/** The expression of one interval; for an instant query, or a range query whose step is the interval. */
export function intervalExpression(query: MetricQuerySpec, options: ExpressionOptions): string {
  assertSound(query);
  const counts = countersOf(query);
  if (counts !== undefined) {
    const total = selectorOf(query, counts.total, options);
    const bad = selectorOf(query, counts.bad, options);
    return [
      ...incrementParts(query, 'total', total, total, options),
      ...incrementParts(query, 'bad', bad, total, options),
      ...witnessParts(query, 'total', total, options),
    ].join('\nor\n');
  }
  const infinite = bucketSelector(query, options, 'le="+Inf"');
  const { now, before } = scan(bucketSelector(query, options, finiteBoundaries(options.boundaries)), options);
  return [
    ...incrementParts(query, 'bucket', infinite, infinite, options),
    row('plain', 'bucket', `sum by (${[...rowLabels(query), 'le'].join(', ')}) (${now} - ${before})`),
    ...witnessParts(query, 'bucket', infinite, options),
  ].join('\nor\n');
}

/**
 * For a histogram: what resets and new series add to the buckets below +Inf. A dropped series is in `plain` with its drop, so its
 * reset part gives that back too. `undefined` for counts, whose expression has everything.
 */
export function bucketDetailExpression(query: MetricQuerySpec, options: ExpressionOptions): string | undefined {
  assertSound(query);
  if (query.histogram === undefined || query.histogram.native === true) return undefined;
  const by = [...rowLabels(query), 'le'].join(', ');
  const { now, before, peak } = scan(bucketSelector(query, options, finiteBoundaries(options.boundaries)), options);
  const known = scan(bucketSelector(query, options, 'le="+Inf"'), options).before;
  const gained = `sum by (${by}) ((${before} > ${now}) + clamp_min(${peak} - ${before}, 0))`;
  return [row('reset', 'bucket', gained), ...bornParts(query, 'bucket', `${now} unless ${before}`, known, by)].join(
    '\nor\n',
  );
}

/** Labels that rows are grouped by: namespace, workload and pod, or version where there is no pod. */
export function rowLabels(query: MetricQuerySpec): readonly string[] {
  const { pod, version } = query.labels;
  const finest = pod ?? version;
  return finest === undefined ? groupLabels(query) : [...groupLabels(query), finest];
}

export function groupLabels({ labels }: MetricQuerySpec): readonly string[] {
  return [labels.namespace, labels.workload].filter((label) => label !== undefined);
}

/** Throws `SERIN_E_QUERY` for a query that PromQL cannot be made of. */
export function assertSound(query: MetricQuerySpec): void {
  const finding = checkQuery(query, 'MetricQuery: spec');
  if (finding !== undefined) throw new SerinError('SERIN_E_QUERY', finding.message);
}

interface Scan {
  /** Last scraped value at t, and at t − Δ. */
  readonly now: string;
  readonly before: string;
  readonly fresh: string;
  readonly peak: string;
}

function scan(selector: string, { intervalMs, lookbackMs }: ExpressionOptions): Scan {
  // 1 ms less: a sample at exactly t − Δ belongs to the interval before, also where ranges are closed on the left (Prometheus 2).
  const inside = `${selector}[${intervalMs - 1}ms]`;
  return {
    now: `last_over_time(${selector}[${lookbackMs}ms])`,
    before: `last_over_time(${selector}[${lookbackMs}ms] offset ${intervalMs}ms)`,
    fresh: `count_over_time(${inside})`,
    peak: `max_over_time(${inside})`,
  };
}

function incrementParts(
  query: MetricQuerySpec,
  side: Side,
  selector: string,
  witness: string,
  options: ExpressionOptions,
): readonly string[] {
  const by = rowLabels(query).join(', ');
  const { now, before, peak } = scan(selector, options);
  const known = scan(witness, options).before;
  return [
    // clamp_min keeps NaN, a comparison would drop it in silence.
    row('plain', side, `sum by (${by}) (clamp_min(${now} - ${before}, 0))`),
    row('reset', side, `sum by (${by}) ((${now} < ${before}) + clamp_min(${peak} - ${before}, 0))`),
    ...bornParts(query, side, `${now} unless ${before}`, known, by),
  ];
}

/** `known`: what was there before. A target that had requests may have its first error. */
function bornParts(query: MetricQuerySpec, side: Side, born: string, known: string, by: string): readonly string[] {
  if (query.labels.pod !== undefined) return [row('born', side, `sum by (${by}) (${born})`)];
  return [
    row('born', side, `sum by (${by}) ((${born}) and on (${TARGET}) ${known})`),
    row('strange', side, `sum by (${by}) ((${born}) unless on (${TARGET}) ${known})`),
  ];
}

function witnessParts(
  query: MetricQuerySpec,
  side: Side,
  selector: string,
  options: ExpressionOptions,
): readonly string[] {
  const by = rowLabels(query).join(', ');
  const group = groupLabels(query).join(', ');
  const { now, before, fresh } = scan(selector, options);
  const identity = query.labels.pod === undefined ? TARGET : by;
  const newest = `timestamp(${selector}) == on (${identity}) group_left () max by (${identity}) (timestamp(${selector}))`;
  return [
    row('fresh', side, `count by (${by}) (${fresh})`),
    row('silent', side, `sum by (${by}) ((${before} unless (${newest})) and on (${identity}) ${selector})`),
    row('level', side, `sum by (${group}) (${now})`),
    row('base', side, `sum by (${group}) (${before})`),
  ];
}

export function row(part: Part, side: Side, expression: string): string {
  return `label_replace(label_replace(${expression}, "${PART}", "${part}", "", ""), "${SIDE}", "${side}", "", "")`;
}

export function selectorOf(
  query: MetricQuerySpec,
  selector: { readonly metric: string; readonly match?: Readonly<Record<string, LabelMatch>> },
  options: Pick<ExpressionOptions, 'workloads'>,
  extra?: string,
  mostNames = MOST_NAMES,
): string {
  const matchers = Object.entries(selector.match ?? {}).flatMap(([label, match]) => matchersOf(label, match));
  const { namespace, workload } = query.labels;
  if (namespace !== undefined)
    matchers.push(
      ...anyOf(
        namespace,
        options.workloads.map((key) => key.namespace),
        mostNames,
      ),
    );
  if (workload !== undefined)
    matchers.push(
      ...anyOf(
        workload,
        options.workloads.map((key) => key.workload),
        mostNames,
      ),
    );
  if (extra !== undefined) matchers.push(extra);
  return `${selector.metric}{${matchers.join(',')}}`;
}

function matchersOf(label: string, match: LabelMatch): readonly string[] {
  if (typeof match === 'string') return [`${label}=${quoted(match)}`];
  return [
    ...(match.regex === undefined ? [] : [`${label}=~${quoted(match.regex)}`]),
    ...(match.not === undefined ? [] : [`${label}!=${quoted(match.not)}`]),
    ...(match.notRegex === undefined ? [] : [`${label}!~${quoted(match.notRegex)}`]),
  ];
}

function anyOf(label: string, values: readonly string[], most: number): readonly string[] {
  const distinct = [...new Set(values)].toSorted();
  const [only] = distinct;
  if (only === undefined || distinct.length > most) return [];
  if (distinct.length === 1) return [`${label}=${quoted(only)}`];
  return [`${label}=~${quoted(distinct.map(literalRegex).join('|'))}`];
}

function bucketSelector(
  query: MetricQuerySpec,
  options: Pick<ExpressionOptions, 'workloads'>,
  le: string | undefined,
  mostNames = MOST_NAMES,
): string {
  const { metric = '', match } = query.histogram ?? {};
  const selector = { metric: `${metric}_bucket`, ...(match === undefined ? {} : { match }) };
  return selectorOf(query, selector, options, le, mostNames);
}

function finiteBoundaries(boundaries: readonly number[] | undefined): string {
  return boundaries === undefined ? 'le!="+Inf"' : leOf(boundaries.filter(Number.isFinite));
}

function leOf(boundaries: readonly number[]): string {
  const spellings = new Set(boundaries.flatMap(boundarySpellings));
  return `le=~${quoted([...spellings].map(literalRegex).join('|'))}`;
}

/** Selectors whose raw samples say all that `intervalExpression` says; a histogram's has all its buckets, +Inf too. */
export interface SampleSelectors {
  readonly whole: string;
  /** Series of bad events, of counts only. */
  readonly bad?: string;
}

/** For range selectors: `<selector>[<window>]` as an instant query answers with samples as they were scraped. */
export function sampleSelectors(
  query: MetricQuerySpec,
  { workloads, boundaries }: Pick<ExpressionOptions, 'workloads' | 'boundaries'>,
): SampleSelectors {
  assertSound(query);
  const { counts } = query;
  if (counts !== undefined) {
    const of = (selector: typeof counts.total): string =>
      selectorOf(query, selector, { workloads }, undefined, MOST_NAMES_OF_SAMPLES);
    return { whole: of(counts.total), bad: of(counts.bad) };
  }
  const le = boundaries === undefined ? undefined : leOf([...boundaries, Number.POSITIVE_INFINITY]);
  return { whole: bucketSelector(query, { workloads }, le, MOST_NAMES_OF_SAMPLES) };
}

/** The raw samples of some workloads over `windowMs`; their times tell how often they are scraped. */
export function scrapesExpression(query: MetricQuerySpec, workloads: readonly WorkloadKey[], windowMs: number): string {
  assertSound(query);
  const counts = countersOf(query);
  const selector =
    counts === undefined
      ? bucketSelector(query, { workloads }, 'le="+Inf"')
      : selectorOf(query, counts.total, { workloads });
  return `${selector}[${windowMs}ms]`;
}
