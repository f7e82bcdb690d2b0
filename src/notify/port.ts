/** A sink for messages to people. Failing here never delays a decision: messages travel through their own queue. */
import type { NotifySink } from '../api/release.ts';
import type { Announcement } from '../release/action.ts';

/** Everything a message may show; no secrets. */
export interface ReleaseMessage {
  readonly announcement: Announcement;
  readonly namespace: string;
  readonly release: string;
  /** `stable`: what users had when it began; after a promotion, what was replaced. */
  readonly revision: { readonly stable?: string; readonly canary?: string };
  /** Canary percent now; of a release that is over, the highest it had. */
  readonly weight: number;
  readonly elapsedMs?: number;
  readonly timeMs: number;
  /** Lines such as `errors: canary 5.06 % against stable 0.50 % (10×, at least 8×) · odds 3 100 : 1`. */
  readonly facts: readonly string[];
}

/** Job data of the `notify` queue: one message for one sink. The sink names Secrets; what they hold is read at delivery. */
export interface Delivery {
  readonly message: ReleaseMessage;
  readonly sink: NotifySink;
  /** Index in `spec.notify`, for error messages. */
  readonly sinkIndex: number;
}

export interface NotifyTarget {
  readonly url: string;
  readonly channel?: string;
  readonly signingKey?: string;
}

export interface Notifier {
  readonly name: 'slack' | 'webhook';
  /**
   * Throws a retryable `SERIN_E_NOTIFY` when the receiver is down or busy (`fields.retryAfterMs` when it said for how long), and
   * `SERIN_E_INVALID_SPEC` when it refuses for good. The target was read just now and is never kept or logged.
   */
  post(message: ReleaseMessage, target: NotifyTarget, signal: AbortSignal): Promise<void>;
}
