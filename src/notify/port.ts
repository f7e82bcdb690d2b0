/** A sink for messages to people. Failing here never delays a decision: messages travel through their own queue. */
import type { Announcement } from '../release/action.ts';

/** Everything a message may show; no secrets. */
export interface ReleaseMessage {
  readonly announcement: Announcement;
  readonly namespace: string;
  readonly release: string;
  readonly revision: { readonly stable?: string; readonly canary?: string };
  readonly weight: number;
  readonly elapsedMs?: number;
  readonly timeMs: number;
  /** Lines such as `errors: canary 5.06 % against stable 0.50 % (10×, at least 8×) · odds 3 100 : 1`. */
  readonly facts: readonly string[];
}

export interface Notifier {
  readonly name: 'slack' | 'webhook';
  /** Throws a retryable `SERIN_E_NOTIFY` when the receiver is down or busy. `secret` was read just now and is never kept or logged. */
  post(
    message: ReleaseMessage,
    target: { readonly url: string; readonly channel?: string; readonly signingKey?: string },
    signal: AbortSignal,
  ): Promise<void>;
}
