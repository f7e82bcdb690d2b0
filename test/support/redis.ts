/** A Redis of one's own for tests: on a port that the system gives, in memory, ended with the test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from '../../src/sandbox/free-port.ts';
import { requireTool } from './tools.ts';

export interface TestRedis {
  readonly url: string;
  flush(): Promise<void>;
  /** Ends it without warning (`SIGKILL`), as a lost machine would. */
  kill(): Promise<void>;
  /** Starts it again, empty, on the same port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedis(): Promise<TestRedis> {
  const port = await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'serin-redis-'));
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess;

  const ask = async <T>(question: (redis: Redis) => Promise<T>): Promise<T> => {
    const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
    redis.on('error', () => undefined);
    try {
      await redis.connect();
      return await question(redis);
    } finally {
      redis.disconnect();
    }
  };
  const start = async (): Promise<void> => {
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir];
    child = spawn(requireTool('redis-server'), args, { stdio: 'ignore' });
    for (let tries = 0; ; tries += 1) {
      try {
        await ask((redis) => redis.ping());
        return;
      } catch (error) {
        if (tries > 200 || child.exitCode !== null) throw error;
        await sleep(25);
      }
    }
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };

  await start();
  return {
    url,
    flush: async () => {
      await ask((redis) => redis.flushall());
    },
    kill,
    start,
    stop: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
