/**
 * Evidence as text, exact to the last bit: restoring at every poll never changes a verdict. Real numbers are little-endian doubles in
 * base64, counts are plain JSON. The text is opaque to everyone else and versioned.
 */
import { SerinError } from '../errors.ts';
import type { Dispersion } from '../stats/dispersion.ts';
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
  /** Everything real, in the order of `realsOf`. */
  readonly reals: string;
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
        reals: encode(realsOf(comparison)),
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

/** All real numbers of a comparison, in a fixed order; `restoreComparison` reads them in the same order. */
function realsOf({ wager, dispersion, passing, likelihood, totals, history, spread }: Comparison): number[] {
  const scalars = [
    wager.cash,
    wager.weight,
    wager.restartedAt,
    dispersion.age,
    dispersion.residual,
    dispersion.residualMean,
    dispersion.residualAge,
    dispersion.podIntervals,
    dispersion.podCount,
    likelihood.canaryBad,
    spread,
  ];
  return [
    ...scalars,
    ...wager.bets,
    ...dispersion.sums,
    ...passing,
    ...totals,
    ...history,
    ...likelihood.events,
    ...likelihood.requests,
  ];
}

function restoreComparison(saved: SavedComparison, pods: readonly string[]): Comparison {
  const reals = decode(saved.reals);
  let at = 0;
  const one = (): number => many(1)[0] as number;
  const many = (count: number): Float64Array => {
    if (at + count > reals.length) throw new RangeError('too few numbers');
    at += count;
    return reals.slice(at - count, at);
  };
  const [cash, weight, restartedAt] = [one(), one(), one()];
  const ages = {
    age: one(),
    residual: one(),
    residualMean: one(),
    residualAge: one(),
    podIntervals: one(),
    podCount: one(),
  };
  const [canaryBad, spread] = [one(), one()];
  const bets = many(openWager().bets.length);
  const dispersion: Dispersion = {
    ...ages,
    sums: many(12),
    pods: saved.pods.map((index) => {
      const pod = pods[index];
      if (pod === undefined) throw new RangeError('an unknown pod');
      return pod;
    }),
    blocks: [...saved.blocks],
  };
  return {
    ...(saved.b === undefined ? {} : { boundaryMs: saved.b }),
    share: saved.share,
    mustPass: saved.must,
    wager: { bets, cash, weight, restartedAt },
    dispersion,
    passing: many(openPassing().length),
    totals: many(4),
    history: many(2),
    likelihood: { events: many(LIKELIHOOD_NODES), requests: many(LIKELIHOOD_NODES), canaryBad },
    spread,
  };
}

function encode(reals: readonly number[]): string {
  const view = new DataView(new ArrayBuffer(8 * reals.length));
  reals.forEach((real, i) => view.setFloat64(8 * i, real, true));
  let bytes = '';
  for (let i = 0; i < view.byteLength; i++) bytes += String.fromCharCode(view.getUint8(i));
  return btoa(bytes);
}

function decode(text: string): Float64Array {
  const bytes = atob(text);
  if (bytes.length % 8 !== 0) throw new RangeError('not a list of doubles');
  const view = new DataView(new ArrayBuffer(bytes.length));
  for (let i = 0; i < bytes.length; i++) view.setUint8(i, bytes.charCodeAt(i));
  const reals = Float64Array.from({ length: bytes.length / 8 }, (_, i) => view.getFloat64(8 * i, true));
  if (!reals.every(Number.isFinite)) throw new RangeError('a number that is not finite');
  return reals;
}
