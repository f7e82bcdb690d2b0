/**
 * Redis as the store of queues: one connection that fails fast for producers, and one that waits for workers,
 * because a worker should outlast a restart of Redis and a request should not.
 */
import { createRedisBackend } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { SerinError, messageOf } from '../errors.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const COMMAND_TIMEOUT_MS = 5_000;
const LONGEST_RETRY_MS = 2_000;
/** BullMQ's scripts need streams and blocking pops with fractions of seconds. */
const OLDEST_REDIS = [6, 2] as const;

export interface RedisStore {
  readonly producer: Redis;
  readonly consumer: Redis;
  readonly factory: typeof createRedisBackend;
  close(): void;
}

/** Host and port of a Redis address, without its password. */
export function placeOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'an address that is no URL';
}

const retryStrategy = (times: number): number => Math.min(LONGEST_RETRY_MS, times * 100) * (0.5 + Math.random() / 2);

/** A connection for requests: one that cannot be answered now fails now. Connected and checked. */
export async function connectRedis(url: string, onError: (error: Error) => void): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT_MS,
    commandTimeout: COMMAND_TIMEOUT_MS,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    retryStrategy,
  } satisfies RedisOptions);
  redis.on('error', onError);
  try {
    await redis.connect();
    await checkVersion(redis, url);
  } catch (cause) {
    redis.disconnect();
    if (cause instanceof SerinError) throw cause;
    throw new SerinError(
      'SERIN_E_QUEUE',
      `Redis at ${placeOf(url)} does not answer: ${messageOf(cause)}. Check the address and that Redis is running.`,
      { cause, fields: { redis: placeOf(url) } },
    );
  }
  return redis;
}

async function checkVersion(redis: Redis, url: string): Promise<void> {
  const found = /redis_version:(\d+)\.(\d+)/.exec(await redis.info('server'));
  const [major, minor] = [Number(found?.[1]), Number(found?.[2])];
  if (major > OLDEST_REDIS[0] || (major === OLDEST_REDIS[0] && minor >= OLDEST_REDIS[1])) return;
  throw new SerinError(
    'SERIN_E_CONFIG',
    `Redis at ${placeOf(url)} is version ${found?.[1] ?? '?'}.${found?.[2] ?? '?'}. Use Redis ${OLDEST_REDIS.join('.')} or newer.`,
  );
}

export async function openRedisStore(url: string, onError: (error: Error) => void): Promise<RedisStore> {
  const producer = await connectRedis(url, onError);
  const consumer = new Redis(url, { connectTimeout: CONNECT_TIMEOUT_MS, maxRetriesPerRequest: null, retryStrategy });
  consumer.on('error', onError);
  return {
    producer,
    consumer,
    factory: createRedisBackend,
    close: () => {
      producer.disconnect();
      consumer.disconnect();
    },
  };
}
