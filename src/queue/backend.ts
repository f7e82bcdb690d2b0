/** Opens the queues on the store that the configuration names. */
import { createPostgresBackend, runMigrations } from 'bullmq';
import { SerinError, messageOf } from '../errors.ts';
import { BullQueue, type QueueStore } from './bull-queue.ts';
import { EmbeddedDatabase } from './embedded-database.ts';
import type { QueueBackend, QueueName, WorkQueue } from './port.ts';
import { openRedisStore } from './redis-store.ts';

export type QueueStoreAddress =
  | { readonly kind: 'redis'; readonly url: string }
  /** `dir` keeps jobs over a restart; absent: in memory, and the resync brings back what matters. */
  | { readonly kind: 'embedded'; readonly dir?: string };

export interface QueueBackendOptions {
  /** Told of connection trouble that is being repaired; for logs. */
  readonly onError?: (error: Error) => void;
}

/** Throws `SERIN_E_QUEUE` when the store does not answer, `SERIN_E_CONFIG` when it is too old. */
export async function openQueueBackend(
  address: QueueStoreAddress,
  options: QueueBackendOptions = {},
): Promise<QueueBackend> {
  const onError = options.onError ?? (() => undefined);
  return address.kind === 'redis' ? openRedis(address.url, onError) : openEmbedded(address.dir, onError);
}

async function openRedis(url: string, onError: (error: Error) => void): Promise<QueueBackend> {
  const store = await openRedisStore(url, onError);
  return backendOf(
    'redis',
    { ...store, onError },
    () => store.producer.ping(),
    () => Promise.resolve(store.close()),
  );
}

/** BullMQ's tables, and the one session looking at them. */
async function prepareEmbedded(database: EmbeddedDatabase): Promise<void> {
  const client = await database.connect();
  try {
    await runMigrations(client);
    await client.query('SET search_path TO bullmq');
  } finally {
    client.release();
  }
}

async function openEmbedded(dir: string | undefined, onError: (error: Error) => void): Promise<QueueBackend> {
  const database = await EmbeddedDatabase.start(dir, prepareEmbedded).catch((cause: unknown) => {
    throw new SerinError(
      'SERIN_E_QUEUE',
      `The embedded queue database cannot be started: ${messageOf(cause)}. Remove its folder, or use Redis.`,
      { cause },
    );
  });
  database.on('error', onError);
  const pool = database.asPool();
  const store = { producer: pool, consumer: pool, factory: createPostgresBackend, onError };
  return backendOf(
    'embedded',
    store,
    () => database.query('SELECT 1'),
    () => database.stop(),
  );
}

function backendOf<C>(
  name: QueueBackend['name'],
  store: QueueStore<C>,
  probe: () => Promise<unknown>,
  end: () => Promise<void>,
): QueueBackend {
  const queues = new Map<QueueName, BullQueue<C>>();
  return {
    name,
    queue(queueName): WorkQueue {
      const queue = queues.get(queueName) ?? new BullQueue(queueName, store);
      queues.set(queueName, queue);
      return queue;
    },
    async ping(signal) {
      signal?.throwIfAborted();
      const aborted = Promise.withResolvers<never>();
      const onAbort = (): void => aborted.reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      try {
        await Promise.race([probe(), aborted.promise]);
      } catch (cause) {
        if (signal?.aborted === true || cause instanceof SerinError) throw cause;
        throw new SerinError(
          'SERIN_E_QUEUE',
          `The queue store does not answer: ${messageOf(cause)}. Check that it is running.`,
          { cause },
        );
      } finally {
        signal?.removeEventListener('abort', onAbort);
      }
    },
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
      await end();
    },
  };
}
