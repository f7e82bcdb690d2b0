/**
 * Evidence in Redis, shared by all processes: a hash per run, replaced by a script that compares the interval end first.
 * What nobody touched for a week is forgotten, so that runs deleted while Serin was away leave nothing.
 */
import type { Redis } from 'ioredis';
import { SerinError, messageOf } from '../errors.ts';
import { connectRedis, placeOf } from '../queue/redis-store.ts';
import type { EvidenceStore } from './port.ts';

const KEPT_SECONDS = 7 * 24 * 3_600;

/** KEYS[1]; ARGV: expected end, new end, checkpoint, seconds to keep. Answers 1 when stored. */
const COMPARE_AND_SET = `
local found = redis.call('HGET', KEYS[1], 'end') or '0'
if found ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'end', ARGV[2], 'checkpoint', ARGV[3])
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`;

const keyOf = (runUid: string): string => `serin:evidence:${runUid}`;

/** Throws `SERIN_E_QUEUE` when Redis does not answer; every method does so too, within seconds. */
export async function openRedisEvidence(url: string, onError: (error: Error) => void): Promise<EvidenceStore> {
  const redis = await connectRedis(url, onError);
  const reach = async <T>(ask: () => Promise<T>): Promise<T> => {
    try {
      return await ask();
    } catch (cause) {
      throw new SerinError(
        'SERIN_E_QUEUE',
        `The evidence in Redis at ${placeOf(url)} cannot be reached: ${messageOf(cause)}. Check that Redis is running.`,
        { cause },
      );
    }
  };
  return {
    load: (runUid) =>
      reach(async () => {
        const [end, checkpoint] = await redis.hmget(keyOf(runUid), 'end', 'checkpoint');
        if (typeof end !== 'string' || typeof checkpoint !== 'string') return undefined;
        return { intervalEndMs: Number(end), checkpoint };
      }),
    compareAndSet: (runUid, expectedEndMs, next) =>
      reach(async () => {
        const args = [String(expectedEndMs), String(next.intervalEndMs), next.checkpoint, String(KEPT_SECONDS)];
        return (await evaluate(redis, keyOf(runUid), args)) === 1;
      }),
    remove: (runUid) =>
      reach(async () => {
        await redis.unlink(keyOf(runUid));
      }),
    close() {
      redis.disconnect();
      return Promise.resolve();
    },
  };
}

/** The script is small; sending it each time spares a second round trip after every restart of Redis. */
function evaluate(redis: Redis, key: string, args: readonly string[]): Promise<unknown> {
  return redis.eval(COMPARE_AND_SET, 1, key, ...args);
}
