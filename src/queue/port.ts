/**
 * The queue only says *when to look* (architecture.md): it may lose everything at any time, and the resync repairs it.
 * Both backends (Redis, embedded PostgreSQL) are BullMQ underneath and pass `test/conformance/queue.test.ts`.
 */

export interface EnqueueOptions {
  /** A timer: does not hold back, and is not swallowed by, an immediate enqueue of the same key (contracts 27). */
  readonly afterMs?: number;
  /** Small JSON for the processor, never a secret; the newest of coalesced enqueues may win or lose, so it must not matter which. */
  readonly payload?: string;
  /**
   * Once per key: an equal key is dropped while this one waits, runs or retries, and for an hour after it succeeded or was given up.
   * For deliveries, whose key names one message. `afterMs` is ignored.
   */
  readonly once?: boolean;
  /**
   * For what must not wait behind others, nor for the store: a worker of this process, if there is one, looks right away, and
   * the key goes through the store as well, so that nothing is lost with this process. With many at once the rest waits.
   */
  readonly atOnce?: boolean;
  /**
   * For what must not wait until the store is back: while it takes nothing, a worker of this process, if there is one, looks itself,
   * and again as often as it asks to. It goes back to the store when that answers. The enqueue then does not reject.
   */
  readonly orHere?: boolean;
}

/** Jobs carry keys; a payload only where what a key names cannot be read back (a message to people). */
export interface WorkQueue {
  /** Equal keys that wait coalesce; a key that arrives while its job runs makes it run once more afterwards. */
  enqueue(key: string, options?: EnqueueOptions): Promise<void>;
  /**
   * Process keys; equal keys never run at the same time in one process. A throw is retried with backoff,
   * unless it is a non-retryable `SerinError`, which is recorded and dropped. A returned number asks to be called again after so many ms.
   */
  work(
    process: (key: string, signal: AbortSignal, payload?: string) => Promise<number | undefined>,
    options: { readonly concurrency: number },
  ): Promise<QueueWorker>;
  counts(): Promise<Readonly<Record<'waiting' | 'active' | 'delayed' | 'failed', number>>>;
  /** Forget everything (tests; a flushed Redis does the same). */
  clear(): Promise<void>;
}

export interface QueueWorker {
  /** Takes no more jobs, waits for the running ones (or aborts them through their signal after `graceMs`). */
  close(graceMs: number): Promise<void>;
}

export type QueueName = 'reconcile' | 'poll' | 'measure' | 'notify';

export interface QueueBackend {
  readonly name: 'redis' | 'embedded';
  queue(name: QueueName): WorkQueue;
  /** Resolves when the store answers; for readiness. */
  ping(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
