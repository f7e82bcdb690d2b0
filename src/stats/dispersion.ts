/**
 * How much noisier than independent requests the traffic is (φ ≥ 1). Stable pods are a free A/A test: the variance of their
 * events between pods, at three block lengths, against what independent requests would show; plus the canary's own residual.
 * Bursts inflate short blocks, slow pod noise only long ones. Shocks that hit all pods cancel.
 */
import type { ArmCounts } from './counts.ts';

/** Block lengths in intervals; the residual uses the middle one. */
const BLOCKS = [1, 6, 30] as const;
const RESIDUAL = 3;
/** Pseudo-blocks of φ = 1, so that a few blocks cannot claim much. */
const PRIOR_WEIGHT = 4;
/** A ratio counts as 1 if its excess is below this many standard errors and the ratio is surely below NEAR. */
const INSIGNIFICANT = 2.5;
const NEAR = 1.6;
/** One block's residual counts at most as this many times its mean, so a fresh regression does not look like noise. */
const WINSOR = 4;
/** More pods than this are folded into groups: sums of pods have the same variance ratio. */
const MOST_PODS = 16;

export interface PodEvents {
  readonly pod: string;
  readonly bad: number;
  readonly total: number;
}

/** Owned by one comparison; `learn…` change it in place. */
export interface Dispersion {
  /** Per ratio (three block lengths, residual): numerator, denominator, variance of the numerator. Single precision: short checkpoints. */
  readonly sums: Float32Array;
  /** Pods of the running blocks and their requests and events in them. */
  readonly pods: string[];
  readonly blocks: number[];
  /** Intervals in the running 30-block (0–29); the 6-block follows from it. */
  age: number;
  /** Running residual block: Σ(x_c − Eπ), ΣEπ(1 − π), intervals. */
  residual: number;
  residualMean: number;
  residualAge: number;
  /** Intervals with at least two stable pods. */
  podIntervals: number;
  /** Pods of the newest interval. */
  podCount: number;
}

export function openDispersion(): Dispersion {
  return {
    sums: new Float32Array(12),
    pods: [],
    blocks: [],
    age: 0,
    residual: 0,
    residualMean: 0,
    residualAge: 0,
    podIntervals: 0,
    podCount: 0,
  };
}

/** Adds the stable pods of one interval. Pods without requests are left out. */
export function learnPods(state: Dispersion, pods: readonly PodEvents[]): void {
  const { blocks } = state;
  const isFolded = pods.length > MOST_PODS;
  const block: Block = { pods: 0, requests: 0, events: 0, eventSquares: 0, products: 0, requestSquares: 0 };
  for (let k = 0; k < pods.length; k++) {
    const { pod, bad, total } = pods[k] as PodEvents;
    addPod(block, total, bad);
    const at = 4 * (state.pods[k] === pod ? k : slotOf(state, isFolded ? groupOf(pod) : pod));
    blocks[at] = (blocks[at] as number) + total;
    blocks[at + 1] = (blocks[at + 1] as number) + bad;
    blocks[at + 2] = (blocks[at + 2] as number) + total;
    blocks[at + 3] = (blocks[at + 3] as number) + bad;
  }
  addBlock(state.sums, 0, block);
  state.podCount = pods.length;
  if (pods.length >= 2) state.podIntervals++;
  state.age++;
  if (state.age % BLOCKS[1] === 0) closeBlock(state, 1, 0);
  if (state.age === BLOCKS[2]) {
    closeBlock(state, 2, 2);
    state.pods.length = 0;
    state.blocks.length = 0;
    state.age = 0;
  }
}

/**
 * Adds the canary's deviation from what its share of all events would be at the ratio seen so far (`totals`, this interval included).
 * `isWinsorised` should hold whenever per-pod series exist: the pods are the safety net then.
 */
export function learnResidual(state: Dispersion, counts: ArmCounts, totals: ArmCounts, isWinsorised: boolean): void {
  const ratio = (totals.canaryBad + 0.5) / totals.canaryTotal / ((totals.stableBad + 0.5) / totals.stableTotal);
  const odds = (ratio * counts.canaryTotal) / counts.stableTotal;
  const share = odds / (1 + odds);
  const events = counts.canaryBad + counts.stableBad;
  addResidual(state, counts.canaryBad - events * share, events * share * (1 - share), isWinsorised);
}

/** The same without a second arm: the canary's deviation from its own mean so far (`totals`, this interval included). */
export function learnOwnResidual(state: Dispersion, counts: ArmCounts, totals: ArmCounts, isWinsorised: boolean): void {
  const expected = (counts.canaryTotal * (totals.canaryBad + 0.5)) / totals.canaryTotal;
  addResidual(state, counts.canaryBad - expected, expected, isWinsorised);
}

function addResidual(state: Dispersion, deviation: number, expected: number, isWinsorised: boolean): void {
  state.residual += deviation;
  state.residualMean += expected;
  state.residualAge++;
  if (state.residualAge < BLOCKS[1]) return;
  const mean = state.residualMean;
  const square = state.residual ** 2;
  addSums(state.sums, RESIDUAL, isWinsorised ? Math.min(square, WINSOR * mean) : square, mean, 2 * mean * mean);
  state.residual = 0;
  state.residualMean = 0;
  state.residualAge = 0;
}

/** φ̂ for the next interval. With `isGated`, ratios that are demonstrably near 1 count as 1. */
export function dispersionOf(state: Dispersion, isGated: boolean): { phi: number; source: 'stable pods' | 'residual' } {
  let phi = 1;
  let source: 'stable pods' | 'residual' = 'stable pods';
  for (let scale = 0; scale < 4; scale++) {
    const ratio = ratioOf(state.sums, scale, isGated);
    if (ratio <= phi) continue;
    phi = ratio;
    source = scale === RESIDUAL ? 'residual' : 'stable pods';
  }
  return { phi, source };
}

/** The ratio of one block length (0: one interval, 1: six, 2: thirty, 3: residual), with its prior, ungated. */
export function rawRatio(state: Dispersion, scale: number): number {
  return ratioOf(state.sums, scale, false);
}

function ratioOf(sums: Float32Array, scale: number, isGated: boolean): number {
  const numerator = sums[3 * scale] as number;
  const denominator = sums[3 * scale + 1] as number;
  const ratio = (numerator + PRIOR_WEIGHT) / (denominator + PRIOR_WEIGHT);
  if (!isGated || ratio <= 1) return ratio;
  const error = Math.sqrt(sums[3 * scale + 2] as number);
  const isNearOne =
    numerator - denominator < INSIGNIFICANT * error && ratio + error / (denominator + PRIOR_WEIGHT) < NEAR;
  return isNearOne ? 1 : ratio;
}

/** Sums over the pods of one block: everything that its variance needs, in one pass. */
interface Block {
  pods: number;
  requests: number;
  events: number;
  eventSquares: number;
  products: number;
  requestSquares: number;
}

function addPod(block: Block, total: number, bad: number): void {
  if (total > 0) block.pods++;
  block.requests += total;
  block.events += bad;
  block.eventSquares += bad * bad;
  block.products += bad * total;
  block.requestSquares += total * total;
}

function closeBlock(state: Dispersion, scale: number, offset: number): void {
  const { blocks } = state;
  const block: Block = { pods: 0, requests: 0, events: 0, eventSquares: 0, products: 0, requestSquares: 0 };
  for (let at = offset; at < blocks.length; at += 4) {
    addPod(block, blocks[at] as number, blocks[at + 1] as number);
    blocks[at] = 0;
    blocks[at + 1] = 0;
  }
  addBlock(state.sums, scale, block);
}

/**
 * Σ(x_k − X f_k)² = Σx_k² − 2(X/N)·Σx_k n_k + (X/N)²·Σn_k² against X·Σf_k(1 − f_k), its mean for independent requests given X, with
 * f_k = n_k/N. The three sums cancel to about 1e-16·X², far below the mean at any traffic.
 */
function addBlock(sums: Float32Array, scale: number, block: Block): void {
  const { pods, requests, events } = block;
  // Squares of less are zero.
  if (pods < 2 || events < 1e-9 || requests < 1e-9) return;
  const rate = events / requests;
  const squares = block.eventSquares - 2 * rate * block.products + rate * rate * block.requestSquares;
  const mean = events * (1 - block.requestSquares / (requests * requests));
  const variance = (2 * mean * mean * Math.max(0, 1 - 1 / events)) / (pods - 1);
  addSums(sums, scale, Math.max(0, squares), mean, variance);
}

function addSums(sums: Float32Array, scale: number, numerator: number, denominator: number, variance: number): void {
  sums[3 * scale] = (sums[3 * scale] as number) + numerator;
  sums[3 * scale + 1] = (sums[3 * scale + 1] as number) + denominator;
  sums[3 * scale + 2] = (sums[3 * scale + 2] as number) + variance;
}

function slotOf(state: Dispersion, pod: string): number {
  const known = state.pods.indexOf(pod);
  if (known >= 0) return known;
  if (state.pods.length >= 2 * MOST_PODS && !pod.startsWith('#')) return slotOf(state, groupOf(pod));
  state.pods.push(pod);
  state.blocks.push(0, 0, 0, 0);
  return state.pods.length - 1;
}

/** One of 16 groups by FNV-1a of the name. */
function groupOf(pod: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < pod.length; i++) hash = Math.imul(hash ^ pod.charCodeAt(i), 0x01000193);
  return `#${(hash >>> 0) % MOST_PODS}`;
}
