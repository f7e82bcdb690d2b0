/**
 * Every number of the fail rule, in one place. They count intervals, not seconds: they were chosen at 10 s polls, and a run with
 * another interval length scales with it (blocks of 1/6/30, restarts every 6).
 */

/** Alternatives θ1/θ0 that are bet on, and how the start stake is split over them before traffic is known. */
export const RATIOS = [1.25, 1.75, 4, 15] as const;
export const PRIOR = [0.1, 0.45, 0.28, 0.17] as const;

/** Share of the cash staked at the first usable interval. */
export const START_STAKE = 0.8;
/** Share of the remaining cash staked when the canary's weight changes. */
export const STEP_STAKE = 0.25;
/** Cash ÷ remaining restarts is staked this often (intervals): 1 min at 10 s polls. */
export const RESTART_EVERY = 6;
/** … but a restart never stakes less than cash ÷ (60 + restarts so far): a long horizon must not starve the first hour. */
export const UNHURRIED = 60;

/** A bet that would decide in fewer intervals than this hands its stake to the smaller ratios. */
export const SLOWEST_SURE_BET = 6;
/** Nats that count as "would decide". */
export const NATS_TO_DECIDE = 5;

/** Fewest usable intervals before a Fail. */
export const FEWEST_INTERVALS = 3;
/** Three intervals at the cap must suffice, two must not: cap = (ln threshold + CAP_ALLOWANCE) / 3. */
const CAP_ALLOWANCE = 1.82;

/** Most that one interval may add to ln E of a bet, for a process that aborts alone at odds of `threshold`. */
export function capOf(threshold: number): number {
  return (Math.log(threshold) + CAP_ALLOWANCE) / 3;
}

/**
 * How much more than φ each bet is tempered for bursts without bound: φ_j = 1 + (φ − 1)(1 + c_j)/2 with
 * c = (ln ρ/2)/(1 − ln ρ/(ρ − 1)). c_j alone would be exact for geometric bursts; half of it is the compromise that was measured.
 */
export const TEMPERING: readonly number[] = RATIOS.map((rho) => {
  const exact = Math.log(rho) / 2 / (1 - Math.log(rho) / (rho - 1));
  return (1 + exact) / 2;
});
export const LOG_RATIOS: readonly number[] = RATIOS.map((rho) => Math.log(rho));
