/** A section is a list of jobs that can be simulated apart from each other, and the tables made of what they found. */
import { argo, asymptotic, flagger, kayenta, lindonMalek, naive } from '../baselines.ts';
import { type Outcome, type Rules, delaysOf } from '../measure.ts';
import type { Table } from '../table.ts';
import type { Traffic } from '../traffic.ts';

export interface Effort {
  readonly seed: number;
  /** Runs per equal-workload scenario; the worst ones get `worstRuns`. */
  readonly equalRuns: number;
  readonly worstRuns: number;
  readonly cellRuns: number;
}

export interface Job {
  readonly runs: number;
  /** Runs `from` to below `to`; the same run gives the same stream, whoever simulates it. */
  readonly simulate: (from: number, to: number) => Outcome;
}

export interface Section {
  /** The same jobs in the same order for the same effort. */
  readonly jobs: (effort: Effort) => readonly Job[];
  /** By job; `undefined` for one that is not done yet: its rows are left out. */
  readonly tables: (effort: Effort, found: readonly (Outcome | undefined)[]) => readonly Table[];
}

export function jobOf(rules: Rules, traffic: Traffic, runs: number, seed: number): Job {
  return { runs, simulate: (from, to) => delaysOf(rules, traffic, from, to, seed) };
}

export const PEERS: Rules = { Kayenta: kayenta, Flagger: flagger, Argo: argo };
export const TESTS: Rules = { 'exact φ=1': lindonMalek, AsympCS: asymptotic, 'naive z': naive };
