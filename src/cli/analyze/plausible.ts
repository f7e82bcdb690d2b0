/**
 * Two misuses that no single row shows: running totals instead of increments, and windows that overlap (a five-minute rate, written
 * every minute). Both make evidence out of nothing, so they are refused before anything is judged. Pure.
 */
import { mean, sampleVariance } from 'simple-statistics';
import type { Counts } from '../../judge/observation.ts';
import type { Recording } from './recording.ts';
import { wrongInput } from './table-file.ts';

const FEWEST = 12;
const SIGMAS = 4;

type Side = 'canary' | 'stable';

export function refuseImplausible(recording: Recording, source: string): void {
  for (const side of ['canary', 'stable'] as const) {
    const counts = countsOf(recording, side);
    if (looksLikeTotals(counts)) {
      throw wrongInput(
        `${source}: the ${side}’s counts only ever grow, like running totals. Write what was counted in each interval: the difference to the row before.`,
      );
    }
    if (looksOverlapping(counts)) {
      throw wrongInput(
        `${source}: the ${side}’s bad events change less from row to row than independent events can, so the windows overlap, or the numbers are averages. ` +
          'Write counts of windows that do not overlap, e.g. increase(…[1m]) at a step of 1m.',
      );
    }
  }
}

/** Rising at every step, and threefold at least: chance does that once in n! files. */
function looksLikeTotals(counts: readonly Counts[]): boolean {
  const [first, last] = [counts[0], counts.at(-1)];
  if (counts.length < FEWEST || first === undefined || last === undefined || last.total < 3 * first.total) return false;
  return counts.every(({ bad, total }, k) => {
    const before = counts[k - 1];
    return before === undefined || (total > before.total && bad >= before.bad);
  });
}

/**
 * Independent counts differ from their neighbours by at least what Poisson events do: ½·mean((x_t − x_{t−1})²) ≥ mean·(1 − p),
 * more with bursts, and as much as their whole variance says (von Neumann's ratio is 1). Sums over windows that share all but
 * 1/k fall to 1/k on both. Slow drift lowers only the second, deterministic traffic only the first; both are wanted here, each by
 * `SIGMAS` standard errors (√(3/n), √(1/n); von Neumann 1941).
 */
function looksOverlapping(counts: readonly Counts[]): boolean {
  const n = counts.length;
  const bad = counts.map((count) => count.bad);
  const total = counts.reduce((sum, count) => sum + count.total, 0);
  if (n < FEWEST || total === 0) return false;
  const rate = bad.reduce((sum, value) => sum + value, 0) / total;
  const steps = bad.slice(1).map((value, k) => (value - (bad[k] ?? 0)) ** 2 / 2);
  const poisson = mean(bad) * (1 - rate);
  const variance = sampleVariance(bad);
  if (!(poisson > 0) || !(variance > 0)) return false;
  const step = mean(steps);
  return step / poisson < 1 - SIGMAS * Math.sqrt(3 / n) && step / variance < 1 - SIGMAS / Math.sqrt(n);
}

function countsOf({ intervals }: Recording, side: Side): readonly Counts[] {
  return intervals.flatMap(({ observation }) => (observation.kind === 'proportion' ? [observation.counts[side]] : []));
}
