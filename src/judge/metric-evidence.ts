/** Evidence of one metric: what kind of interval each poll was, and the comparisons it is made of. Long: one state, and all that changes it. */
import { type ChosenBoundary, type Tally, chooseBoundaries, isEnoughToChoose } from './boundaries.ts';
import {
  type Comparison,
  type Terms,
  addInterval,
  copyComparison,
  learnStable,
  oddsOf,
  openComparison,
} from './comparison.ts';
import {
  addGauge,
  areComparable,
  copyGauge,
  type GaugeComparison,
  gaugeOdds,
  LARGEST_GAUGE,
  openGauge,
} from './gauge-comparison.ts';
import type { Counts, GaugeMeans, Observation, ProportionCounts, SkipReason } from './observation.ts';
import type { MarginNumbers } from './preset.ts';

/** What the run says about a metric. */
export interface MetricRule {
  readonly name: string;
  readonly critical: boolean;
  /** Share of the run's evidence, 0–1. */
  readonly share: number;
  readonly fail: MarginNumbers;
  readonly pass: MarginNumbers;
  readonly sloMs?: number;
  /** Absent: counts or a histogram, whichever the observations are. */
  readonly shape?: 'rate' | 'gauge';
  /** Absent: a canary that is higher is bad. */
  readonly direction?: 'lower' | 'either';
  /** Compared with this instead of another workload. */
  readonly constant?: number;
  /** Compared with the concurrent pods of a baseline, not of stable. */
  readonly isBaseline?: true;
  /** Histograms: the canary's part beyond (1 + slower)·b against the control's beyond b. */
  readonly slower?: number;
  /** A step may pass without it. */
  readonly isOptional?: true;
  /** Rates and gauges: what is counted or measured, as the query says; only shown. */
  readonly unit?: string;
  /** Rates: counted per pod and second. */
  readonly isPerSecond?: true;
}

/**
 * `used`: compared. `quiet`: the source answered, but nobody sent requests (low traffic). `excluded`: left out on purpose
 * (warming up, paused). `missing`: there should have been data.
 */
export type IntervalKind = 'used' | 'quiet' | 'excluded' | 'missing';

/** Owned by one run; `addObservation` changes it in place. */
export interface MetricEvidence {
  readonly rule: MetricRule;
  kind: 'proportion' | 'histogram' | 'gauge' | 'unknown';
  comparisons: Comparison[];
  gauges: GaugeComparison[];
  /** Latency before its boundaries are chosen: stable requests so far, per boundary. */
  tallies: Tally[];
  talliedIntervals: number;
  canaryRequests: number;
  stableRequests: number;
  /** Intervals with stable requests, history included: stable's usual traffic is `seenRequests` ÷ this. */
  seenIntervals: number;
  seenRequests: number;
  used: number;
  /** Intervals with an answer: used or quiet. */
  answered: number;
  missing: number;
  /** Last 30 intervals, newest in bit 0: 1 = missing. */
  recent: number;
  /** End of the last interval that was not missing, ms; 0 before the first. */
  lastAnswerMs: number;
  lastSkip: SkipReason | undefined;
  skipped: Partial<Record<SkipReason, number>>;
  /** Intervals that moved the evidence most: end (ms) and nats, oldest first. */
  tipped: { readonly endMs: number; readonly nats: number }[];
  canaryPods: number;
}

/** Low traffic is told from lost data by this: below so many expected requests an empty interval is nothing unusual. */
const SURELY_SOME = 10;
const RECENT = 30;
const MOST_TIPPED = 3;

export function openMetric(rule: MetricRule, history: readonly Observation[]): MetricEvidence {
  const metric: MetricEvidence = {
    rule,
    kind: 'unknown',
    comparisons: [],
    gauges: [],
    tallies: [],
    talliedIntervals: 0,
    canaryRequests: 0,
    stableRequests: 0,
    seenIntervals: 0,
    seenRequests: 0,
    used: 0,
    answered: 0,
    missing: 0,
    recent: 0,
    lastAnswerMs: 0,
    lastSkip: undefined,
    skipped: {},
    tipped: [],
    canaryPods: 1,
  };
  const past = history.filter(isMeasured).filter((observation) => isStableSound(observation, rule));
  for (const observation of past) seeStable(metric, observation);
  const proportions = past.flatMap((observation) => (observation.kind === 'proportion' ? [observation.counts] : []));
  if (proportions.length > 0) {
    metric.kind = 'proportion';
    metric.comparisons = openSides(rule, 1, { mustPass: true }, proportions);
  }
  const histograms = past.flatMap((observation) =>
    observation.kind === 'histogram' ? [shifted(observation.boundaries, rule.slower)] : [],
  );
  if (histograms.length > 0 && proportions.length === 0) {
    metric.kind = 'histogram';
    for (const boundaries of histograms) tally(metric, boundaries);
    openBoundaries(metric, histograms);
  }
  return metric;
}

/** Shares nothing that `addObservation` and `addGap` change in place. */
export function copyMetric(metric: MetricEvidence): MetricEvidence {
  return {
    ...metric,
    comparisons: metric.comparisons.map(copyComparison),
    gauges: metric.gauges.map(copyGauge),
  };
}

/** Adds one interval of this metric; anything unusable counts as one with its reason and changes no evidence. */
export function addObservation(
  metric: MetricEvidence,
  observation: Observation | undefined,
  endMs: number,
  terms: Omit<Terms, 'fail' | 'pass'>,
): void {
  const skip = observation === undefined ? 'NoData' : unusable(observation, metric);
  if (observation !== undefined && observation.kind !== 'skipped' && isStableSound(observation, metric.rule))
    seeStable(metric, observation);
  const kind = skip === undefined ? 'used' : kindOf(metric, skip, terms.weight);
  if (skip !== undefined) noteSkip(metric, skip, 1);
  note(metric, kind, endMs, 1);
  if (observation === undefined || !isMeasured(observation)) return;
  if (skip === 'NoCanaryRequests' && isStableSound(observation, metric.rule)) learnFrom(metric, observation);
  if (kind !== 'used') return;
  const before = metricOdds(metric);
  metric.canaryPods = observation.canaryPods >= 1 && observation.canaryPods < Infinity ? observation.canaryPods : 1;
  const { fail, pass, constant } = metric.rule;
  const all = { ...terms, fail, pass, ...(constant === undefined ? {} : { constant }) };
  if (observation.kind === 'proportion') addProportion(metric, observation.counts, all);
  else if (observation.kind === 'gauge') addGauges(metric, observation.means, all);
  else addHistogram(metric, shifted(observation.boundaries, metric.rule.slower), all);
  tip(metric, endMs, Math.log(metricOdds(metric) / before));
}

/** Counts intervals that no poll brought. */
export function addGap(metric: MetricEvidence, intervals: number): void {
  noteSkip(metric, 'NoData', intervals);
  note(metric, 'missing', metric.lastAnswerMs, intervals);
}

/** Money on this metric as a multiple of its share: its e-value. What is not staked yet counts as 1. */
export function metricOdds(metric: MetricEvidence): number {
  let staked = 0;
  let sum = 0;
  for (const comparison of metric.comparisons) {
    staked += comparison.share;
    sum += comparison.share * oddsOf(comparison);
  }
  for (const gauge of metric.gauges) {
    staked += gauge.share;
    sum += gauge.share * gaugeOdds(gauge);
  }
  const purse = purseOf(metric.rule);
  return (sum + Math.max(0, purse - staked)) / purse;
}

/**
 * What the metric brings into the run's odds. A gauge that is not critical counts for at most half of the abort line: it has no
 * sampling model, so it must not abort alone. (A smaller e-value is still one.)
 */
export function carriedOdds(metric: MetricEvidence, abortAtOdds: number): number {
  const { share, shape, critical } = metric.rule;
  const carried = share * metricOdds(metric);
  return shape === 'gauge' && !critical ? Math.min(carried, abortAtOdds / 2) : carried;
}

/** A metric without a share of the evidence is judged as if it were the only one, and counted nowhere. */
function purseOf({ share }: MetricRule): number {
  return share > 0 ? share : 1;
}

/** Missing intervals among the last `intervals` (≤ 30). */
export function recentlyMissing(metric: MetricEvidence, intervals: number): number {
  let bits = metric.recent & (2 ** Math.min(RECENT, intervals) - 1);
  let count = 0;
  for (; bits !== 0; bits &= bits - 1) count++;
  return count;
}

/** The comparisons of one proportion: one, or one for each direction. `part` of the metric is theirs. */
function openSides(
  rule: MetricRule,
  part: number,
  given: Pick<Comparison, 'boundaryMs' | 'mustPass'>,
  history: readonly ProportionCounts[],
): Comparison[] {
  const sides = sidesOf(rule);
  return sides.map((side) =>
    openComparison({ ...given, ...side, share: (part * purseOf(rule)) / sides.length }, history),
  );
}

const HIGHER = {};
const LOWER = { isLower: true } as const;

function sidesOf({ direction }: MetricRule): readonly Pick<Comparison, 'isLower'>[] {
  if (direction === 'either') return [HIGHER, LOWER];
  return direction === 'lower' ? [LOWER] : [HIGHER];
}

/** Stable alone: as good as history, also before the canary gets its first request. */
function learnFrom(metric: MetricEvidence, observation: Measured): void {
  if (observation.kind === 'proportion') {
    for (const comparison of metric.comparisons) learnStable(comparison, observation.counts);
    return;
  }
  if (observation.kind === 'gauge') return;
  const boundaries = shifted(observation.boundaries, metric.rule.slower);
  for (const comparison of metric.comparisons) {
    const found = boundaries.find(({ boundaryMs }) => boundaryMs === comparison.boundaryMs);
    if (found !== undefined) learnStable(comparison, found.counts);
  }
  if (metric.comparisons.length > 0) return;
  tally(metric, boundaries);
  openBoundaries(metric, []);
}

function addProportion(metric: MetricEvidence, counts: ProportionCounts, terms: Terms): void {
  metric.kind = 'proportion';
  if (metric.comparisons.length === 0) metric.comparisons = openSides(metric.rule, 1, { mustPass: true }, []);
  metric.canaryRequests += counts.canary.total;
  metric.stableRequests += counts.stable.total;
  for (const comparison of metric.comparisons) addInterval(comparison, counts, metric.canaryPods, terms);
}

function addGauges(metric: MetricEvidence, means: GaugeMeans, terms: Terms): void {
  const { rule } = metric;
  metric.kind = 'gauge';
  if (metric.gauges.length === 0) {
    const sides = sidesOf(rule);
    metric.gauges = sides.map((side) =>
      openGauge({ ...side, share: purseOf(rule) / sides.length, mustPass: true }, rule),
    );
  }
  for (const gauge of metric.gauges) addGauge(gauge, means, terms);
}

/**
 * With `slower`, the canary's requests beyond (1 + slower)·b stand against the control's beyond b: a canary that is at most so much
 * slower at every quantile has no more of them. Boundaries whose shifted twin is not measured are left out.
 */
function shifted(boundaries: Boundaries, slower: number | undefined): Boundaries {
  if (slower === undefined) return boundaries;
  return boundaries.flatMap(({ boundaryMs, counts }) => {
    const at = boundaryMs * (1 + slower);
    const twin = boundaries.find((other) => Math.abs(other.boundaryMs - at) <= SAME_BOUNDARY * at);
    return twin === undefined ? [] : [{ boundaryMs, counts: { ...counts, canary: twin.counts.canary } }];
  });
}

/** Classic boundaries are round numbers: 120 for 100 and a fifth, but 300 for 250 and a fifth. */
const SAME_BOUNDARY = 1e-3;

type Measured = Exclude<Observation, { kind: 'skipped' }>;
type Boundaries = readonly { readonly boundaryMs: number; readonly counts: ProportionCounts }[];

function addHistogram(metric: MetricEvidence, boundaries: Boundaries, terms: Terms): void {
  metric.kind = 'histogram';
  metric.canaryRequests += boundaries[0]?.counts.canary.total ?? 0;
  metric.stableRequests += boundaries[0]?.counts.stable.total ?? 0;
  for (const comparison of metric.comparisons) {
    const found = boundaries.find(({ boundaryMs }) => boundaryMs === comparison.boundaryMs);
    if (found !== undefined) addInterval(comparison, found.counts, metric.canaryPods, terms);
  }
  if (metric.comparisons.length > 0) return;
  tally(metric, boundaries);
  openBoundaries(metric, []);
}

function openBoundaries(metric: MetricEvidence, history: readonly Boundaries[]): void {
  const requests = Math.max(0, ...metric.tallies.map(({ total }) => total));
  if (!isEnoughToChoose(requests, metric.talliedIntervals)) return;
  const { constant, sloMs } = metric.rule;
  // A bound is written for one duration only.
  const tallies = constant === undefined ? metric.tallies : metric.tallies.filter((t) => t.boundaryMs === sloMs);
  const chosen = chooseBoundaries(tallies, sloMs);
  metric.comparisons = chosen.flatMap(({ boundaryMs, share, mustPass }: ChosenBoundary) =>
    openSides(
      metric.rule,
      share,
      { boundaryMs, mustPass },
      history.flatMap((boundaries) =>
        boundaries.filter((b) => b.boundaryMs === boundaryMs).map(({ counts }) => counts),
      ),
    ),
  );
  metric.tallies = [];
}

function tally(metric: MetricEvidence, boundaries: Boundaries): void {
  metric.talliedIntervals++;
  const known = new Map(metric.tallies.map((entry) => [entry.boundaryMs, entry]));
  for (const { boundaryMs, counts } of boundaries) {
    const sum = known.get(boundaryMs);
    known.set(boundaryMs, {
      boundaryMs,
      bad: counts.stable.bad + (sum?.bad ?? 0),
      total: counts.stable.total + (sum?.total ?? 0),
    });
  }
  metric.tallies = [...known.values()].toSorted((a, b) => a.boundaryMs - b.boundaryMs);
}

/** Why an interval cannot be compared, or undefined when it can. */
function unusable(observation: Observation, { kind, rule }: MetricEvidence): SkipReason | undefined {
  if (observation.kind === 'skipped') return observation.reason;
  if (kind !== 'unknown' && kind !== observation.kind) return 'ImplausibleCounter';
  if (observation.kind === 'gauge') {
    const { canary, stable } = observation.means;
    const control = rule.constant ?? stable;
    if (!Number.isFinite(canary) || !Number.isFinite(control)) return 'NoData';
    if (Math.max(Math.abs(canary), Math.abs(control)) > LARGEST_GAUGE) return 'ImplausibleCounter';
    const isLog = rule.fail.difference === 0 && rule.pass.difference === 0;
    return areComparable(observation.means, isLog, rule.constant) ? undefined : 'NotPositive';
  }
  const all = countsOf(observation);
  if (all.length === 0) return 'NoData';
  if (observation.kind === 'histogram' && !observation.boundaries.every(({ boundaryMs }) => isBoundary(boundaryMs))) {
    return 'ImplausibleCounter';
  }
  const isSound = soundness(rule);
  if (!all.every(({ canary, stable }) => isSound(canary) && isSound(stable))) return 'ImplausibleCounter';
  if (!all.every(({ stablePods }) => stablePods.every(isSound))) return 'ImplausibleCounter';
  if (rule.constant === undefined && all.some(({ stable }) => stable.total < DUST)) return 'NoStableRequests';
  if (all.some(({ canary }) => canary.total < DUST)) return 'NoCanaryRequests';
  return undefined;
}

function isMeasured(observation: Observation): observation is Measured {
  return observation.kind !== 'skipped';
}

function countsOf(observation: Measured): readonly ProportionCounts[] {
  if (observation.kind === 'gauge') return [];
  return observation.kind === 'proportion' ? [observation.counts] : observation.boundaries.map(({ counts }) => counts);
}

/** +Inf is the total, not a boundary. */
function isBoundary(boundaryMs: number): boolean {
  return boundaryMs > 0 && boundaryMs < Infinity;
}

function isStableSound(observation: Measured, rule: MetricRule): boolean {
  if (observation.kind === 'gauge') return false;
  if (observation.kind === 'histogram' && !observation.boundaries.every((b) => isBoundary(b.boundaryMs))) return false;
  const isSound = soundness(rule);
  return countsOf(observation).every(({ stable, stablePods }) => isSound(stable) && stablePods.every(isSound));
}

/** Finite, not negative; not more bad than total (but for rounding), save for rates. NaN is none of these. */
function soundness({ shape }: MetricRule): (counts: Counts) => boolean {
  const most = Number.MAX_SAFE_INTEGER;
  if (shape === 'rate') return ({ bad, total }) => bad >= 0 && bad <= most && total >= 0 && total <= most;
  return ({ bad, total }) => bad >= 0 && bad <= total * (1 + 1e-9) && total <= most;
}

/** What differences of numbers that are not whole may leave of none. */
const DUST = 1e-9;

function seeStable(metric: MetricEvidence, observation: Measured): void {
  metric.seenIntervals++;
  metric.seenRequests += countsOf(observation)[0]?.stable.total ?? 0;
}

function kindOf(metric: MetricEvidence, skip: SkipReason, weight: number): IntervalKind {
  const usual = metric.seenIntervals > 0 ? metric.seenRequests / metric.seenIntervals : 0;
  switch (skip) {
    case 'WarmingUp':
    case 'Paused':
      return 'excluded';
    case 'NotPositive':
      return 'quiet';
    case 'NoStableRequests':
      return usual < SURELY_SOME ? 'quiet' : 'missing';
    case 'NoCanaryRequests':
      return (usual * weight) / Math.max(1, 100 - weight) < SURELY_SOME ? 'quiet' : 'missing';
    case 'NoData':
    case 'ImplausibleCounter':
    case 'UnknownPod':
    case 'SourceUnavailable':
      return 'missing';
  }
}

function noteSkip(metric: MetricEvidence, skip: SkipReason, intervals: number): void {
  metric.lastSkip = skip;
  metric.skipped = { ...metric.skipped, [skip]: (metric.skipped[skip] ?? 0) + intervals };
}

function note(metric: MetricEvidence, kind: IntervalKind, endMs: number, intervals: number): void {
  if (kind === 'used') metric.used += intervals;
  if (kind === 'used' || kind === 'quiet') metric.answered += intervals;
  if (kind === 'missing') metric.missing += intervals;
  else metric.lastAnswerMs = endMs;
  if (kind === 'excluded') return;
  const mask = 2 ** RECENT - 1;
  const bit = kind === 'missing' ? 1 : 0;
  for (let i = 0; i < Math.min(intervals, RECENT); i++) metric.recent = ((metric.recent << 1) | bit) & mask;
}

function tip(metric: MetricEvidence, endMs: number, nats: number): void {
  if (!(nats > 0)) return;
  const most = [...metric.tipped, { endMs, nats: Math.round(nats * 1000) / 1000 }]
    .toSorted((a, b) => b.nats - a.nats)
    .slice(0, MOST_TIPPED);
  metric.tipped = most.toSorted((a, b) => a.endMs - b.endMs);
}
