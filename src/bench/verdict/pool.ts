/** All cores simulate: pieces of jobs are handed to worker threads, and what they found is put together as it comes. */
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { merge, type Outcome } from './measure.ts';
import { SECTIONS } from './sections/all.ts';
import type { Effort } from './sections/section.ts';
import type { Delivery, Order, Piece } from './worker.ts';

/** Runs in one piece: a few seconds at most, so that all cores end together. */
const RUNS_A_PIECE = 100;

export interface SectionResult {
  readonly name: string;
  /** By job; `undefined` until all its runs are in. */
  readonly found: readonly (Outcome | undefined)[];
  /** Pieces done, of all pieces. */
  readonly done: number;
  readonly pieces: number;
}

/** Simulates these sections, first to last; `onPiece` hears of every piece with the section as it stands. Rejects when a worker fails. */
export async function simulate(
  names: readonly string[],
  effort: Effort,
  onPiece: (section: SectionResult, done: number, all: number) => void,
): Promise<void> {
  const sections = new Map(names.map((name) => [name, openSection(name, effort)]));
  const pieces = [...sections.values()].flatMap(({ waiting }) => waiting);
  const rest = pieces.values();
  let done = 0;
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./worker.ts', import.meta.url));
    try {
      for (const piece of rest) {
        const { outcome } = await deliver(worker, { piece, effort });
        const section = sections.get(piece.section);
        if (section === undefined) continue;
        done++;
        onPiece(section.add(piece, outcome), done, pieces.length);
      }
    } finally {
      await worker.terminate();
    }
  };
  const workers = Math.min(availableParallelism(), pieces.length);
  await Promise.all(Array.from({ length: workers }, work));
}

function openSection(
  name: string,
  effort: Effort,
): { waiting: readonly Piece[]; add: (piece: Piece, outcome: Outcome) => SectionResult } {
  const jobs = SECTIONS.get(name)?.jobs(effort) ?? [];
  const waiting = jobs.flatMap(({ runs }, job) => {
    const count = Math.ceil(runs / RUNS_A_PIECE);
    return Array.from({ length: count }, (_, k): Piece => {
      const [from, to] = [Math.round((k * runs) / count), Math.round(((k + 1) * runs) / count)];
      return { section: name, job, from, to };
    });
  });
  const sums: (Outcome | undefined)[] = jobs.map(() => undefined);
  const left = jobs.map(({ runs }) => runs);
  let done = 0;
  return {
    waiting,
    add: (piece, outcome) => {
      const sum = sums[piece.job];
      sums[piece.job] = sum === undefined ? outcome : merge(sum, outcome);
      left[piece.job] = (left[piece.job] ?? 0) - (piece.to - piece.from);
      done++;
      const found = sums.map((each, job) => (left[job] === 0 ? each : undefined));
      return { name, found, done, pieces: waiting.length };
    },
  };
}

/** Rejects when the worker throws. */
async function deliver(worker: Worker, order: Order): Promise<Delivery> {
  const answer = once(worker, 'message') as Promise<[Delivery]>; // all that worker.ts posts
  worker.postMessage(order);
  const [delivery] = await answer;
  return delivery;
}
