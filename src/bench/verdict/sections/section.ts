/** A section draws its streams, runs the rules and returns tables. */
import { argo, asymptotic, flagger, kayenta, lindonMalek, naive } from '../baselines.ts';
import type { Rules } from '../measure.ts';
import type { Table } from '../table.ts';

export interface Effort {
  readonly seed: number;
  /** Runs per equal-workload scenario; the worst ones get `worstRuns`. */
  readonly equalRuns: number;
  readonly worstRuns: number;
  readonly cellRuns: number;
}

export type Section = (effort: Effort) => Table[];

export const PEERS: Rules = { Kayenta: kayenta, Flagger: flagger, Argo: argo };
export const TESTS: Rules = { 'exact φ=1': lindonMalek, AsympCS: asymptotic, 'naive z': naive };
