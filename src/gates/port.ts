/**
 * A gate: somebody outside who says whether a release may go on (a change calendar, a test stage, a person's tool).
 * Not the gates of `release/gated`: those are pauses in the steps of a foreign controller.
 */

/** What a gate is told. */
export interface GateQuestion {
  readonly url: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: string;
  readonly attempt: number;
  /** From 1. */
  readonly step: number;
  /** Percent of requests that the canary has. */
  readonly weight: number;
}

export interface GateAnswer {
  readonly isOpen: boolean;
  /** What it answered, or why it did not, in a sentence. */
  readonly says: string;
}

/** Never rejects but when the signal aborts: a gate that cannot be asked is closed. */
export type AskGate = (question: GateQuestion, signal: AbortSignal) => Promise<GateAnswer>;
