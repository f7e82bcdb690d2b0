/**
 * Evidence as text, exact to the last bit: restoring at every poll never changes a verdict. Real numbers are little-endian floats in
 * base64, counts are plain JSON. The text is opaque to everyone else and versioned.
 */
import { SerinError } from '../errors.ts';
import { openPassing } from '../stats/passing.ts';
import { openWager } from '../stats/wager.ts';
import { LIKELIHOOD_NODES, type Comparison } from './comparison.ts';
import type { RunEvidence } from './evidence.ts';
import type { Mark } from './marks.ts';
import type { MetricEvidence } from './metric-evidence.ts';

const VERSION = 1;

interface SavedComparison {
  readonly b?: number;
  readonly share: number;
  readonly must: boolean;
  /** Weight, intervals and totals, in the order of `countsOf`. */
  readonly counts: readonly number[];
  /** Doubles: cash, bets, pass sums, residual, placement. */
  readonly reals: string;
  /** Singles: dispersion sums, likelihood. */
  readonly singles: string;
  /** Pods of the running block (index into the run's list), and per pod requests and events of both blocks. */
  readonly pods: readonly number[];
  readonly blocks: readonly number[];
}

interface SavedMetric extends Omit<MetricEvidence, 'comparisons'> {
  readonly comparisons: readonly SavedComparison[];
}

interface SavedRun extends Omit<RunEvidence, 'metrics' | 'marks'> {
  readonly v: number;
  readonly pods: readonly string[];
  readonly metrics: readonly SavedMetric[];
  readonly marks: readonly (readonly [endMs: number, index: number, turn: number, ...seen: number[]])[];
}

export function serialiseEvidence(evidence: RunEvidence): string {
  const pods: string[] = [];
  const indexOf = (pod: string): number => {
    const known = pods.indexOf(pod);
    return known >= 0 ? known : pods.push(pod) - 1;
  };
  const metrics = evidence.metrics.map((metric) => ({
    ...metric,
    comparisons: metric.comparisons.map(
      (comparison): SavedComparison => ({
        ...(comparison.boundaryMs === undefined ? {} : { b: comparison.boundaryMs }),
        share: comparison.share,
        must: comparison.mustPass,
        counts: countsOf(comparison),
        reals: encode(Float64Array.from(realsOf(comparison))),
        singles: encode(Float32Array.from(singlesOf(comparison))),
        pods: comparison.dispersion.pods.map(indexOf),
        blocks: comparison.dispersion.blocks,
      }),
    ),
  }));
  const marks = evidence.marks.map(
    (mark) => [mark.endMs, mark.index, mark.isTurn ? 1 : 0, ...mark.seen.flat()] as const,
  );
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
    metrics: metrics.map((metric) => ({
      ...metric,
      lastSkip: metric.lastSkip,
      comparisons: metric.comparisons.map((comparison) => restoreComparison(comparison, pods)),
    })),
    marks: marks.map(
      ([endMs, index, turn, ...seen]): Mark => ({
        endMs,
        index,
        isTurn: turn === 1,
        seen: triples(seen, metrics.length),
      }),
    ),
  };
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

function realsOf({ wager, dispersion, passing, spread }: Comparison): number[] {
  return [wager.cash, dispersion.residual, dispersion.residualMean, spread, ...wager.bets, ...passing];
}

function singlesOf({ dispersion, likelihood }: Comparison): number[] {
  return [...dispersion.sums, ...likelihood.events, ...likelihood.requests];
}

function restoreComparison(saved: SavedComparison, pods: readonly string[]): Comparison {
  const take = reader(saved.counts);
  const [weight, restartedAt, age, residualAge, podIntervals, podCount, canaryBad] = take(7) as Seven;
  const [totals, history] = [Float64Array.from(take(4)), Float64Array.from(take(2))];
  const takeReal = reader(decodeDoubles(saved.reals));
  const [cash, residual, residualMean, spread] = takeReal(4) as Four;
  const [bets, passing] = [
    Float64Array.from(takeReal(openWager().bets.length)),
    Float64Array.from(takeReal(openPassing().length)),
  ];
  const takeSingle = reader(decodeSingles(saved.singles));
  const single = (count: number): Float32Array => Float32Array.from(takeSingle(count));
  return {
    ...(saved.b === undefined ? {} : { boundaryMs: saved.b }),
    share: saved.share,
    mustPass: saved.must,
    wager: { bets, cash, weight, restartedAt },
    dispersion: {
      sums: single(12),
      age,
      residual,
      residualMean,
      residualAge,
      podIntervals,
      podCount,
      pods: saved.pods.map((index) => pods[index] ?? fail('an unknown pod')),
      blocks: [...saved.blocks],
    },
    passing,
    totals,
    history,
    likelihood: { events: single(LIKELIHOOD_NODES), requests: single(LIKELIHOOD_NODES), canaryBad },
    spread,
  };
}

type Four = [number, number, number, number];
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
