/** External programs of the benchmarks, found by the set-up. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../clock.ts';
import { SerinError } from '../../errors.ts';
import { connectRedis } from '../../queue/redis-store.ts';
import { freePort } from '../../sandbox/free-port.ts';
import { readRecord } from '../../setup/tools.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));

export function programPath(name: string): string {
  const path = readRecord(root)[name];
  if (path === undefined) {
    throw new SerinError('SERIN_E_MISSING_TOOL', `${name} is not set up. Run \`npm test\` once, it gets it.`);
  }
  return path;
}

/** A Redis of one's own, in memory. */
export async function startOwnRedis(dir: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', dir];
  const child = spawn(programPath('redis-server'), args, { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = `redis://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    try {
      (await connectRedis(url, () => undefined)).disconnect();
      break;
    } catch (thrown) {
      if (tries > 50) throw thrown;
      await systemClock.sleep(50);
    }
  }
  return {
    url,
    stop: async () => {
      child.kill();
      await ended;
    },
  };
}
