/**
 * One BullMQ queue as a `WorkQueue`, on whichever store its factory speaks to.
 *
 * Equal keys coalesce by BullMQ's deduplication, never by job id (contracts 27): events under `event/<key>`, timers under
 * `timer/<key>`, so a timer holds back no event. A failed run is put back as a timer instead of BullMQ's own retry, because a
 * job that waits to be retried would also hold back the events that came while it ran.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BackendFactory,
  DelayedError,
  type IQueueBackend,
  type Job,
  Queue,
  UnrecoverableError,
  Worker,
} from 'bullmq';
import { SerinError, messageOf } from '../errors.ts';
import { backoffMs } from './backoff.ts';
import { Express } from './express.ts';
import { KeyOrder } from './key-order.ts';
import type { EnqueueOptions, QueueName, QueueWorker, WorkQueue } from './port.ts';
import { type Entry, StandIn } from './stand-in.ts';

type Process = (key: string, signal: AbortSignal, payload?: string) => Promise<number | undefined>;

interface JobData {
  readonly key: string;
  readonly payload?: string;
  /** Failures in a row so far. */
  readonly failures?: number;
}

/** What a store gives its queues. */
export interface QueueStore<C> {
  readonly producer: C;
  readonly consumer: C;
  readonly factory: BackendFactory<IQueueBackend, C>;
  /** Trouble of connections that nobody awaits. */
  readonly onError: (error: Error) => void;
}

/** A worker that died is noticed after this long; long enough for a blocked event loop, short enough for a restart. */
const LOCK_MS = 10_000;
const STALLED_CHECK_MS = 3_000;
const ONCE_KEPT_SECONDS = 3_600;
/** More than fit into any deadline of a delivery, which gives up by itself; here only against one that does not. */
const ONCE_ATTEMPTS = 200;
const FAILED_KEPT = 100;
/** After the grace and the abort signal, how long a job may take to notice. */
const ABORT_GRACE_MS = 2_000;

export class BullQueue<C> implements WorkQueue {
  readonly #name: QueueName;
  readonly #store: QueueStore<C>;
  readonly #queue: Queue<JobData, void, string, JobData, void, string, IQueueBackend, C>;
  readonly #order = new KeyOrder();
  readonly #workers = new Set<QueueWorker>();
  readonly #express = new Set<Express>();
  readonly #standIns = new Set<StandIn>();
  #isStoodIn = false;

  constructor(name: QueueName, store: QueueStore<C>) {
    this.#name = name;
    this.#store = store;
    this.#queue = new Queue(name, { connection: store.producer, prefix: PREFIX, ...QUIET }, store.factory);
    this.#queue.on('error', store.onError);
  }

  async enqueue(key: string, options: EnqueueOptions = {}): Promise<void> {
    const data = options.payload === undefined ? { key } : { key, payload: options.payload };
    if (options.atOnce === true) [...this.#express].some((express) => express.take(data));
    try {
      await this.#reach(() => (options.once === true ? this.#addOnce(data) : this.#add(data, options.afterMs ?? 0)));
      this.#isStoodIn = false;
    } catch (thrown) {
      if (options.orHere !== true || !this.#takeHere(data, options)) throw thrown;
      // The connection says itself how it fares; this is said once for each time.
      if (!this.#isStoodIn) this.#store.onError(thrown instanceof Error ? thrown : new Error(String(thrown)));
      this.#isStoodIn = true;
    }
  }

  #takeHere(data: JobData, { once, afterMs }: EnqueueOptions): boolean {
    const entry: Entry = once === true ? { ...data, once } : data;
    return [...this.#standIns].some((standIn) => standIn.take(entry, once === true ? 0 : afterMs));
  }

  async #add(data: JobData, afterMs: number): Promise<void> {
    const lane = afterMs > 0 ? 'timer' : 'event';
    await this.#queue.add('look', data, {
      delay: Math.max(0, Math.round(afterMs)),
      deduplication: { id: `${lane}/${data.key}`, keepLastIfActive: true, replace: true },
      removeOnComplete: true,
      removeOnFail: FAILED_KEPT,
    });
  }

  async #addOnce(data: JobData): Promise<void> {
    const kept = { age: ONCE_KEPT_SECONDS };
    await this.#queue.add('once', data, {
      jobId: `once-${createHash('sha256').update(data.key).digest('hex')}`,
      attempts: ONCE_ATTEMPTS,
      backoff: { type: 'serin' },
      removeOnComplete: kept,
      removeOnFail: kept,
    });
  }

  async work(process: Process, options: { readonly concurrency: number }): Promise<QueueWorker> {
    const stopping = new AbortController();
    const worker = new Worker<JobData, void, string, IQueueBackend, never, C>(
      this.#name,
      (job, token) => this.#order.run(job.data.key, () => this.#run(job, token, process, stopping.signal)),
      {
        connection: this.#store.consumer,
        prefix: PREFIX,
        concurrency: options.concurrency,
        lockDuration: LOCK_MS,
        stalledInterval: STALLED_CHECK_MS,
        // A job whose process died is not at fault: it is given to another one as often as it takes.
        maxStalledCount: 1_000_000,
        runRetryDelay: 1_000,
        settings: { backoffStrategy: (attempt: number) => backoffMs(attempt, Math.random()) },
        ...QUIET,
      },
      this.#store.factory,
    );
    worker.on('error', this.#store.onError);
    await this.#reach(() => worker.waitUntilReady());
    const express = new Express(options.concurrency, async ({ key, payload }) => {
      const againAfterMs = await this.#order.run(key, () => process(key, stopping.signal, payload));
      if (againAfterMs !== undefined) await this.enqueue(key, { afterMs: Math.max(1, againAfterMs) });
    });
    this.#express.add(express);
    const standIn = new StandIn({
      seats: options.concurrency,
      run: ({ key, payload }) => this.#order.run(key, () => process(key, stopping.signal, payload)),
      offer: ({ key, payload }) => this.enqueue(key, { orHere: true, ...(payload === undefined ? {} : { payload }) }),
      onDropped: (thrown) => this.#store.onError(thrown instanceof Error ? thrown : new Error(String(thrown))),
      signal: stopping.signal,
    });
    this.#standIns.add(standIn);
    const handle = {
      close: (graceMs: number) => {
        this.#express.delete(express);
        this.#standIns.delete(standIn);
        return this.#close(Promise.all([worker.close(), express.settled(), standIn.close()]), stopping, graceMs);
      },
    };
    this.#workers.add(handle);
    return {
      close: async (graceMs) => {
        this.#workers.delete(handle);
        await handle.close(graceMs);
      },
    };
  }

  async #run(
    job: Job<JobData, void, string>,
    token: string | undefined,
    process: Process,
    signal: AbortSignal,
  ): Promise<void> {
    const { key, payload, failures = 0 } = job.data;
    try {
      const againAfterMs = await process(key, signal, payload);
      if (againAfterMs === undefined) return;
      if (job.name !== 'once') return await this.enqueue(key, { afterMs: Math.max(1, againAfterMs) });
      await job.moveToDelayed(Date.now() + Math.max(1, againAfterMs), token);
      throw new DelayedError();
    } catch (thrown) {
      if (thrown instanceof DelayedError) throw thrown;
      if (signal.aborted && job.name === 'look') {
        await this.#add(job.data, 0);
        return;
      }
      if (thrown instanceof SerinError && !thrown.retryable) throw new UnrecoverableError(messageOf(thrown));
      if (job.name === 'once') throw thrown;
      await this.#add({ ...job.data, failures: failures + 1 }, backoffMs(failures + 1, Math.random()));
    }
  }

  async #close(closed: Promise<unknown>, stopping: AbortController, graceMs: number): Promise<void> {
    await Promise.race([closed, sleep(graceMs, undefined, { ref: false })]);
    stopping.abort(
      new SerinError('SERIN_E_ABORTED', 'The queue is closing. The job is tried again by another process.'),
    );
    await Promise.race([closed, sleep(ABORT_GRACE_MS, undefined, { ref: false })]);
  }

  async counts(): Promise<Readonly<Record<'waiting' | 'active' | 'delayed' | 'failed', number>>> {
    const {
      waiting = 0,
      prioritized = 0,
      active = 0,
      delayed = 0,
      failed = 0,
    } = await this.#reach(() => this.#queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed', 'failed'));
    return { waiting: waiting + prioritized, active, delayed, failed };
  }

  async clear(): Promise<void> {
    await this.#reach(() => this.#queue.obliterate({ force: true }));
  }

  /** Ends the workers that are left (without grace) and the queue's own connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.close(0)));
    await this.#queue.close();
  }

  async #reach<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (cause) {
      if (cause instanceof SerinError) throw cause;
      throw new SerinError(
        'SERIN_E_QUEUE',
        `The queue "${this.#name}" cannot be reached: ${messageOf(cause)}. Check that its store is running.`,
        { cause, fields: { queue: this.#name } },
      );
    }
  }
}

/** In braces, so that all keys of a queue share one slot of a Redis cluster. */
const PREFIX = '{serin}';
/** No event stream: nobody reads it, and it would be written for every job. */
const QUIET = { streams: { events: { maxLen: 100 } } };
