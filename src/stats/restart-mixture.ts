/**
 * The affine e-process with fixed mixing weights and a restart mixture of fixed shares: the plainer rule that `wager.ts` grew out
 * of. Kept as a cross-check (published vectors) and as a baseline of the benchmark.
 */
import type { ArmCounts } from './counts.ts';
import { logIncrement } from './affine.ts';
import { logAdd, logSumExp } from './numeric.ts';

export interface RestartMixture {
  readonly ratios: readonly number[];
  readonly weights: readonly number[];
  /** ln of the money on each ratio. */
  readonly logBets: Float64Array;
  /** Share of the unit that has been staked so far. */
  spent: number;
}

export function openRestartMixture(ratios: readonly number[], weights: readonly number[]): RestartMixture {
  return { ratios, weights, logBets: new Float64Array(ratios.length).fill(-Infinity), spent: 0 };
}

/** Stakes `share` (0 once all is spent), plays one interval, and returns ln of the worth. */
export function playRestartMixture(
  state: RestartMixture,
  counts: ArmCounts,
  table: { theta0: number; delta: number; dispersion: number; cap: number; share: number },
): number {
  const share = Math.min(table.share, 1 - state.spent);
  state.spent += share;
  const logShare = share > 0 ? Math.log(share) : -Infinity;
  for (let j = 0; j < state.ratios.length; j++) {
    const increment = logIncrement(counts, table.theta0, table.theta0 * (state.ratios[j] as number), table.delta);
    state.logBets[j] = logAdd(state.logBets[j] as number, logShare) + Math.min(increment / table.dispersion, table.cap);
  }
  const mixed = logSumExp(state.logBets.map((bet, j) => bet + Math.log(state.weights[j] as number)));
  return logAdd(mixed, state.spent < 1 ? Math.log(1 - state.spent) : -Infinity);
}
