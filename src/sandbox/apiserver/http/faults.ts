/** Faults on command: what a test wants the API server to do wrong, by path and verb. */
import type { Verb } from '../../../api/meta.ts';

export type RequestVerb = Verb | 'update' | 'deletecollection';

export interface Fault {
  /** A part of the path (`/pods`), or an expression on it. Absent: every path. */
  readonly path?: string | RegExp;
  readonly verbs?: readonly RequestVerb[];
  /** Answer with this code instead of doing anything. 429 carries Retry-After: 1. */
  readonly status?: number;
  /** Accept the connection and never answer, then drop it: a network partition. */
  readonly partition?: boolean;
  /** Milliseconds to wait before doing what was asked. */
  readonly delayMs?: number;
  /** Lists and watches from a revision are answered 410. */
  readonly gone?: boolean;
  /** Cut watches that are open now; later ones are accepted unless another fault says otherwise. */
  readonly cutWatches?: boolean;
  /** Do the write, then drop the connection: the client cannot know that it happened. */
  readonly dropAfterWrite?: boolean;
  /** How many requests it hits before it ends by itself. Absent: until `clear`. */
  readonly times?: number;
}

interface Active {
  readonly fault: Fault;
  remaining: number;
}

export class Faults {
  #active: Active[] = [];
  readonly #onCut: (fault: Fault) => void;
  #hits = 0;

  constructor(onCut: (fault: Fault) => void) {
    this.#onCut = onCut;
  }

  /** Replaces all faults by this one. */
  set(fault: Fault): void {
    this.clear();
    this.add(fault);
  }

  add(fault: Fault): void {
    if (fault.cutWatches === true || fault.partition === true) this.#onCut(fault);
    const onlyCuts = fault.cutWatches === true && Object.keys(fault).every((key) => !ACTS.has(key));
    if (!onlyCuts) this.#active.push({ fault, remaining: fault.times ?? Number.POSITIVE_INFINITY });
  }

  clear(): void {
    this.#active = [];
  }

  /** How many requests met a fault since the start. */
  get hits(): number {
    return this.#hits;
  }

  /** The fault that this request meets, if any; counts it. */
  take(path: string, verb: RequestVerb): Fault | undefined {
    const found = this.#active.find(({ fault }) => hits(fault, path, verb));
    if (found === undefined) return undefined;
    this.#hits += 1;
    found.remaining -= 1;
    if (found.remaining <= 0) this.#active = this.#active.filter((active) => active !== found);
    return found.fault;
  }
}

const ACTS = new Set(['status', 'partition', 'delayMs', 'gone', 'dropAfterWrite']);

export function hits(fault: Fault, path: string, verb: RequestVerb): boolean {
  if (fault.verbs !== undefined && !fault.verbs.includes(verb)) return false;
  if (fault.path === undefined) return true;
  return typeof fault.path === 'string' ? path.includes(fault.path) : fault.path.test(path);
}
