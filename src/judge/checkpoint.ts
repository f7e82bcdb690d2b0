/**
 * Evidence as text, exact to the last bit: restoring at every poll never changes a verdict. Real numbers are little-endian floats in
 * base64, counts are plain JSON. The text is opaque to everyone else and versioned.
 */
import { SerinError } from '../errors.ts';
import { copyArms, openArms } from '../stats/paired.ts';
import { openPassing } from '../stats/passing.ts';
import { openWager } from '../stats/wager.ts';
import { LIKELIHOOD_NODES, type Comparison } from './comparison.ts';
import type { RunEvidence } from './evidence.ts';
import type { Mark } from './marks.ts';
import type { GaugeComparison } from './gauge-comparison.ts';
import type { MetricEvidence, MetricRule } from './metric-evidence.ts';
import type { SkipReason } from './observation.ts';

const VERSION = 2;

interface SavedComparison {
  /** Boundary (ms) or null, share, must pass, lower is bad. */
  readonly is: readonly [boundaryMs: number | null, share: number, mustPass: 0 | 1, isLower?: true];
  /** Counts: weight, intervals and totals, in the order of `countsOf`. */
  readonly n: readonly number[];
  /** Doubles: cash, residual, bets, pass sums. */
  readonly d: string;
  /** Singles: placement, stable's usual rate, dispersion sums, likelihood of the events. */
  readonly s: string;
  /** Singles: likelihood of the requests; absent when the same as of the comparison before. */
  readonly r?: string;
  /** Pods of the running block (index into the run's list), and per pod requests and events of both blocks. */
  readonly p: readonly number[];
  readonly b: readonly number[];
}

interface SavedMetric extends Pick<MetricEvidence, 'kind' | 'skipped'> {
  /** Name, critical, share, fail ratio and difference, pass ratio and difference, SLO (ms) if any. */
  readonly rule: readonly [string, boolean, number, number, number, number, number, number?];
  /** In the order of `seenOf`. */
  readonly seen: readonly number[];
  readonly skip?: SkipReason;
  readonly tipped: readonly (readonly [fromStartMs: number, nats: number])[];
  readonly tallies?: MetricEvidence['tallies'];
  readonly comparisons: readonly SavedComparison[];
  /** What else the rule says; absent for errors and latency against stable. */
  readonly more?: Omit<MetricRule, 'name' | 'critical' | 'share' | 'fail' | 'pass' | 'sloMs'>;
  /** Older ones lack `arms`: what is shown by them then begins here. */
  readonly gauges?: readonly (Omit<GaugeComparison, 'arms'> & Partial<Pick<GaugeComparison, 'arms'>>)[];
}

interface SavedRun extends Omit<RunEvidence, 'metrics' | 'marks'> {
  readonly v: number;
  readonly pods: readonly string[];
  readonly metrics: readonly SavedMetric[];
  /** Times as distance from the start, everything else as distance from the mark before: small whole numbers. */
  readonly marks: readonly (readonly [fromStartMs: number, index: number, turn: number, ...seen: number[]])[];
}

export function serialiseEvidence(evidence: RunEvidence): string {
  const pods: string[] = [];
  const indexOf = (pod: string): number => {
    const known = pods.indexOf(pod);
    return known >= 0 ? known : pods.push(pod) - 1;
  };
  const marks = evidence.marks.map((mark, k) => {
    const before = evidence.marks[k - 1]?.seen.flat() ?? [];
    const seen = mark.seen.flat().map((count, i) => count - (before[i] ?? 0));
    return [mark.endMs - evidence.startMs, mark.index, mark.isTurn ? 1 : 0, ...seen] as const;
  });
  const metrics = evidence.metrics.map((metric) => saveMetric(metric, evidence.startMs, indexOf));
  return JSON.stringify({ ...evidence, v: VERSION, pods, metrics, marks } satisfies SavedRun);
}

/** Throws `SERIN_E_INVALID_SPEC` for text that is not a checkpoint of this version. */
export function parseEvidence(text: string): RunEvidence {
  let saved: SavedRun;
  try {
    saved = JSON.parse(text) as SavedRun;
    if (saved.v === VERSION) return restore(saved);
  } catch (cause) {
    throw new SerinError(
      'SERIN_E_INVALID_SPEC',
      'AnalysisRun status.checkpoint is damaged: it cannot be read as evidence. Remove status.checkpoint; the run then starts its evidence again from its start time.',
      { cause },
    );
  }
  throw new SerinError(
    'SERIN_E_INVALID_SPEC',
    `AnalysisRun status.checkpoint has version ${String(saved.v)}, and this Serin reads version ${VERSION}. Remove status.checkpoint, or run the Serin that wrote it.`,
  );
}

function restore(saved: SavedRun): RunEvidence {
  const { v: _, pods, metrics, marks, ...run } = saved;
  return {
    ...run,
    metrics: metrics.map((metric) => restoreMetric(metric, run.startMs, pods)),
    marks: restoreMarks(marks, run.startMs, metrics.length),
  };
}

function restoreMarks(saved: SavedRun['marks'], startMs: number, metrics: number): Mark[] {
  let sum: number[] = [];
  return saved.map(([fromStartMs, index, turn, ...seen]) => {
    sum = seen.map((count, i) => count + (sum[i] ?? 0));
    return { endMs: startMs + fromStartMs, index, isTurn: turn === 1, seen: triples(sum, metrics) };
  });
}

function saveMetric(metric: MetricEvidence, startMs: number, indexOf: (pod: string) => number): SavedMetric {
  const { name, critical, share, fail, pass, sloMs, ...more } = metric.rule;
  const margins = [fail.ratio, fail.difference, pass.ratio, pass.difference] as const;
  return {
    rule: sloMs === undefined ? [name, critical, share, ...margins] : [name, critical, share, ...margins, sloMs],
    ...(Object.keys(more).length === 0 ? {} : { more }),
    ...(metric.gauges.length === 0 ? {} : { gauges: metric.gauges }),
    kind: metric.kind,
    seen: seenOf(metric),
    skipped: metric.skipped,
    ...(metric.lastSkip === undefined ? {} : { skip: metric.lastSkip }),
    tipped: metric.tipped.map(({ endMs, nats }) => [endMs - startMs, nats] as const),
    ...(metric.tallies.length === 0 ? {} : { tallies: metric.tallies }),
    comparisons: metric.comparisons.map((comparison, k): SavedComparison => {
      const { likelihood, dispersion } = comparison;
      const before = metric.comparisons[k - 1]?.likelihood.requests;
      const requests = encode(Float32Array.from(likelihood.requests));
      return {
        is: [
          comparison.boundaryMs ?? null,
          comparison.share,
          comparison.mustPass ? 1 : 0,
          ...(comparison.isLower === undefined ? ([] as const) : ([true] as const)),
        ],
        n: countsOf(comparison),
        d: encode(Float64Array.from(realsOf(comparison))),
        s: encode(Float32Array.from([comparison.spread, comparison.usual, ...dispersion.sums, ...likelihood.events])),
        ...(before !== undefined && encode(Float32Array.from(before)) === requests ? {} : { r: requests }),
        p: dispersion.pods.map(indexOf),
        b: dispersion.blocks,
      };
    }),
  };
}

function restoreMetric(saved: SavedMetric, startMs: number, pods: readonly string[]): MetricEvidence {
  const [name, critical, share, failRatio, failDifference, passRatio, passDifference, sloMs] = saved.rule;
  const [used, answered, missing, recent, lastAnswerMs, canaryPods, talliedIntervals, ...requests] = reader(saved.seen)(
    11,
  );
  const [canaryRequests, stableRequests, seenIntervals, seenRequests] = requests as Four;
  const comparisons: Comparison[] = [];
  for (const comparison of saved.comparisons) {
    comparisons.push(restoreComparison(comparison, pods, comparisons.at(-1)?.likelihood.requests));
  }
  return {
    rule: {
      name,
      critical,
      share,
      fail: { ratio: failRatio, difference: failDifference },
      pass: { ratio: passRatio, difference: passDifference },
      ...(sloMs === undefined ? {} : { sloMs }),
      ...saved.more,
    },
    gauges: (saved.gauges ?? []).map(restoreGauge),
    kind: saved.kind,
    comparisons,
    tallies: [...(saved.tallies ?? [])],
    talliedIntervals: talliedIntervals as number,
    canaryRequests,
    stableRequests,
    seenIntervals,
    seenRequests,
    used: used as number,
    answered: answered as number,
    missing: missing as number,
    recent: recent as number,
    lastAnswerMs: lastAnswerMs as number,
    lastSkip: saved.skip,
    skipped: saved.skipped,
    tipped: saved.tipped.map(([fromStartMs, nats]) => ({ endMs: startMs + fromStartMs, nats })),
    canaryPods: canaryPods as number,
  };
}

/** JSON has no bits to lose: numbers are written so that they are read back exactly. What is not finite was never there. */
function restoreGauge(saved: NonNullable<SavedMetric['gauges']>[number]): GaugeComparison {
  const numbers = [saved, saved.fail, saved.pass, saved.plain].flatMap((part) => Object.values(part));
  if (numbers.length < 25 || numbers.includes(null)) fail('a gauge is cut short');
  const arms = saved.arms === undefined ? openArms() : copyArms(saved.arms);
  if (!Object.values(arms).flat().every(Number.isFinite)) fail('a gauge is cut short');
  return { ...saved, fail: { ...saved.fail }, pass: { ...saved.pass }, plain: { ...saved.plain }, arms };
}

function seenOf(metric: MetricEvidence): number[] {
  const { used, answered, missing, recent, lastAnswerMs, canaryPods, talliedIntervals } = metric;
  const intervals = [used, answered, missing, recent, lastAnswerMs, canaryPods, talliedIntervals];
  return [...intervals, metric.canaryRequests, metric.stableRequests, metric.seenIntervals, metric.seenRequests];
}

function triples(seen: readonly number[], count: number): [number, number, number][] {
  if (seen.length !== 3 * count) throw new RangeError('a mark does not fit the metrics');
  return Array.from({ length: count }, (_, k) => [
    seen[3 * k] as number,
    seen[3 * k + 1] as number,
    seen[3 * k + 2] as number,
  ]);
}

function countsOf({ wager, dispersion, likelihood, totals, history }: Comparison): number[] {
  const { age, residualAge, podIntervals, podCount } = dispersion;
  const ages = [wager.weight, wager.restartedAt, age, residualAge, podIntervals, podCount];
  return [...ages, likelihood.canaryBad, ...totals, ...history];
}

function realsOf({ wager, dispersion, passing }: Comparison): number[] {
  return [wager.cash, dispersion.residual, dispersion.residualMean, ...wager.bets, ...passing];
}

function restoreComparison(
  saved: SavedComparison,
  pods: readonly string[],
  requestsBefore: ArrayLike<number> | undefined,
): Comparison {
  const [boundaryMs, share, mustPass, isLower] = saved.is;
  const take = reader(saved.n);
  const [weight, restartedAt, age, residualAge, podIntervals, podCount, canaryBad] = take(7) as Seven;
  const [totals, history] = [Float64Array.from(take(4)), Float64Array.from(take(2))];
  const takeReal = reader(decodeDoubles(saved.d));
  const [cash, residual, residualMean] = takeReal(3) as Three;
  const [bets, passing] = [
    Float64Array.from(takeReal(openWager().bets.length)),
    Float64Array.from(takeReal(openPassing().length)),
  ];
  const takeSingle = reader(decodeSingles(saved.s));
  const [spread, usual] = takeSingle(2) as Two;
  const requests = saved.r === undefined ? (requestsBefore ?? fail('no requests')) : decodeSingles(saved.r);
  return {
    ...(boundaryMs === null ? {} : { boundaryMs }),
    share,
    mustPass: mustPass === 1,
    ...(isLower === undefined ? {} : { isLower }),
    wager: { bets, cash, weight, restartedAt },
    dispersion: {
      sums: Float32Array.from(takeSingle(12)),
      age,
      residual,
      residualMean,
      residualAge,
      podIntervals,
      podCount,
      pods: saved.p.map((index) => pods[index] ?? fail('an unknown pod')),
      blocks: [...saved.b],
    },
    passing,
    totals,
    history,
    likelihood: {
      events: Float32Array.from(takeSingle(LIKELIHOOD_NODES)),
      requests: Float32Array.from(reader(requests)(LIKELIHOOD_NODES)),
      canaryBad,
    },
    spread,
    usual,
  };
}

type Four = [number, number, number, number];
type Three = [number, number, number];
type Two = [number, number];
type Seven = [number, number, number, number, number, number, number];

/** Hands out a list in pieces; refuses to hand out what is not there or not a finite number. */
function reader(list: ArrayLike<number>): (count: number) => number[] {
  let at = 0;
  return (count) => {
    const piece = Array.from({ length: count }, (_, i) => list[at + i] ?? NaN);
    at += count;
    return piece.every(Number.isFinite) ? piece : fail('a number is missing');
  };
}

function fail(what: string): never {
  throw new RangeError(what);
}

/** Base64 of the list's bytes (every platform that runs Serin is little-endian). */
function encode(list: Float64Array | Float32Array): string {
  return btoa(String.fromCharCode(...new Uint8Array(list.buffer)));
}

function bytesOf(text: string, size: number): ArrayBuffer {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return bytes.length % size === 0 ? bytes.buffer : fail('a list is cut short');
}

function decodeDoubles(text: string): Float64Array {
  return new Float64Array(bytesOf(text, 8));
}

function decodeSingles(text: string): Float32Array {
  return new Float32Array(bytesOf(text, 4));
}
