/** Evidence of one metric: what kind of interval each poll was, and the comparisons it is made of. */
import { type ChosenBoundary, type Tally, chooseBoundaries, isEnoughToChoose } from './boundaries.ts';
import { type Comparison, type Terms, addInterval, learnStable, oddsOf, openComparison } from './comparison.ts';
import type { Counts, Observation, ProportionCounts, SkipReason } from './observation.ts';
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
}

/**
 * `used`: compared. `quiet`: the source answered, but nobody sent requests (low traffic). `excluded`: left out on purpose
 * (warming up, paused). `missing`: there should have been data.
 */
export type IntervalKind = 'used' | 'quiet' | 'excluded' | 'missing';

/** Owned by one run; `addObservation` changes it in place. */
export interface MetricEvidence {
  readonly rule: MetricRule;
  kind: 'proportion' | 'histogram' | 'unknown';
  comparisons: Comparison[];
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
  const past = history.filter(isMeasured).filter(isStableSound);
  for (const observation of past) seeStable(metric, observation);
  const proportions = past.flatMap((observation) => (observation.kind === 'proportion' ? [observation.counts] : []));
  if (proportions.length > 0) {
    metric.kind = 'proportion';
    metric.comparisons = [openComparison({ share: rule.share, mustPass: true }, proportions)];
  }
  const histograms = past.filter((observation) => observation.kind === 'histogram');
  if (histograms.length > 0 && proportions.length === 0) {
    metric.kind = 'histogram';
    for (const { boundaries } of histograms) tally(metric, boundaries);
    openBoundaries(
      metric,
      histograms.map(({ boundaries }) => boundaries),
    );
  }
  return metric;
}

/** Adds one interval of this metric; anything unusable counts as one with its reason and changes no evidence. */
export function addObservation(
  metric: MetricEvidence,
  observation: Observation | undefined,
  endMs: number,
  terms: Omit<Terms, 'fail' | 'pass'>,
): void {
  const skip = observation === undefined ? 'NoData' : unusable(observation, metric.kind);
  if (observation !== undefined && observation.kind !== 'skipped' && isStableSound(observation))
    seeStable(metric, observation);
  const kind = skip === undefined ? 'used' : kindOf(metric, skip, terms.weight);
  if (skip !== undefined) noteSkip(metric, skip, 1);
  note(metric, kind, endMs, 1);
  if (observation === undefined || !isMeasured(observation)) return;
  if (skip === 'NoCanaryRequests' && isStableSound(observation)) learnFrom(metric, observation);
  if (kind !== 'used') return;
  const before = metricOdds(metric);
  metric.canaryPods = observation.canaryPods >= 1 && observation.canaryPods < Infinity ? observation.canaryPods : 1;
  const all = { ...terms, fail: metric.rule.fail, pass: metric.rule.pass };
  if (observation.kind === 'proportion') addProportion(metric, observation.counts, all);
  else addHistogram(metric, observation.boundaries, all);
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
  const { share } = metric.rule;
  return share > 0 ? (sum + Math.max(0, share - staked)) / share : 1;
}

/** Missing intervals among the last `intervals` (≤ 30). */
export function recentlyMissing(metric: MetricEvidence, intervals: number): number {
  let bits = metric.recent & (2 ** Math.min(RECENT, intervals) - 1);
  let count = 0;
  for (; bits !== 0; bits &= bits - 1) count++;
  return count;
}

/** Stable alone: as good as history, also before the canary gets its first request. */
function learnFrom(metric: MetricEvidence, observation: Measured): void {
  if (observation.kind === 'proportion') {
    for (const comparison of metric.comparisons) learnStable(comparison, observation.counts);
    return;
  }
  for (const comparison of metric.comparisons) {
    const found = observation.boundaries.find(({ boundaryMs }) => boundaryMs === comparison.boundaryMs);
    if (found !== undefined) learnStable(comparison, found.counts);
  }
  if (metric.comparisons.length > 0) return;
  tally(metric, observation.boundaries);
  openBoundaries(metric, []);
}

function addProportion(metric: MetricEvidence, counts: ProportionCounts, terms: Terms): void {
  metric.kind = 'proportion';
  if (metric.comparisons.length === 0) {
    metric.comparisons = [openComparison({ share: metric.rule.share, mustPass: true }, [])];
  }
  metric.canaryRequests += counts.canary.total;
  metric.stableRequests += counts.stable.total;
  for (const comparison of metric.comparisons) addInterval(comparison, counts, metric.canaryPods, terms);
}

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
  const chosen = chooseBoundaries(metric.tallies, metric.rule.sloMs);
  metric.comparisons = chosen.map(({ boundaryMs, share, mustPass }: ChosenBoundary) =>
    openComparison(
      { boundaryMs, share: share * metric.rule.share, mustPass },
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
function unusable(observation: Observation, kind: MetricEvidence['kind']): SkipReason | undefined {
  if (observation.kind === 'skipped') return observation.reason;
  if (kind !== 'unknown' && kind !== observation.kind) return 'ImplausibleCounter';
  const all = countsOf(observation);
  if (all.length === 0) return 'NoData';
  if (observation.kind === 'histogram' && !observation.boundaries.every(({ boundaryMs }) => isBoundary(boundaryMs))) {
    return 'ImplausibleCounter';
  }
  if (!all.every(({ canary, stable }) => isSound(canary) && isSound(stable))) return 'ImplausibleCounter';
  if (!all.every(({ stablePods }) => stablePods.every(isSound))) return 'ImplausibleCounter';
  if (all.some(({ stable }) => stable.total === 0)) return 'NoStableRequests';
  if (all.some(({ canary }) => canary.total === 0)) return 'NoCanaryRequests';
  return undefined;
}

function isMeasured(observation: Observation): observation is Measured {
  return observation.kind !== 'skipped';
}

function countsOf(observation: Measured): readonly ProportionCounts[] {
  return observation.kind === 'proportion' ? [observation.counts] : observation.boundaries.map(({ counts }) => counts);
}

/** +Inf is the total, not a boundary. */
function isBoundary(boundaryMs: number): boolean {
  return boundaryMs > 0 && boundaryMs < Infinity;
}

function isStableSound(observation: Measured): boolean {
  if (observation.kind === 'histogram' && !observation.boundaries.every((b) => isBoundary(b.boundaryMs))) return false;
  return countsOf(observation).every(({ stable, stablePods }) => isSound(stable) && stablePods.every(isSound));
}

/** Finite, not negative, not more bad than total (but for rounding). NaN is none of these. */
function isSound({ bad, total }: Counts): boolean {
  return bad >= 0 && bad <= total * (1 + 1e-9) && total <= Number.MAX_SAFE_INTEGER;
}

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
