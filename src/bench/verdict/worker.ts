/** Simulates pieces of jobs in a thread of its own. */
import { parentPort } from 'node:worker_threads';
import type { Outcome } from './measure.ts';
import { SECTIONS } from './sections/all.ts';
import type { Effort, Job } from './sections/section.ts';

/** Runs `from` to below `to` of one job. */
export interface Piece {
  readonly section: string;
  readonly job: number;
  readonly from: number;
  readonly to: number;
}

export interface Order {
  readonly piece: Piece;
  readonly effort: Effort;
}

export interface Delivery {
  readonly piece: Piece;
  readonly outcome: Outcome;
}

const jobs = new Map<string, readonly Job[]>();

parentPort?.on('message', ({ piece, effort }: Order) => {
  const known = jobs.get(piece.section) ?? SECTIONS.get(piece.section)?.jobs(effort) ?? [];
  jobs.set(piece.section, known);
  const outcome = (known[piece.job] as Job).simulate(piece.from, piece.to);
  parentPort?.postMessage({ piece, outcome } satisfies Delivery);
});
