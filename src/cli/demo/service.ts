/** `serin serve` as the demo runs it: the same program in a process of its own, with its log in the sandbox's folder. */
import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../clock.ts';
import { SerinError } from '../../errors.ts';
import { freePort } from '../../sandbox/free-port.ts';
import type { Profile } from './objects.ts';
import { entryFile } from '../../package-files.ts';

export interface ServiceOptions {
  readonly dir: string;
  readonly kubeconfigPath: string;
  readonly prometheusUrl: string;
  readonly redisUrl?: string;
  readonly profile: Profile;
}

export interface RunningService {
  readonly pid: number;
  readonly url: string;
  readonly logPath: string;
  /** SIGTERM, and SIGKILL if it has not ended after 10 s. */
  stop(): Promise<void>;
}

const READY_WITHIN_MS = 180_000;

export function serveArguments(options: ServiceOptions, port: number): readonly string[] {
  const flags: Readonly<Record<string, string>> = {
    kubeconfig: options.kubeconfigPath,
    'prometheus-url': options.prometheusUrl,
    'prometheus-timeout': '2s',
    grid: `${options.profile.gridMs}ms`,
    lag: `${options.profile.lagMs}ms`,
    resync: '5s',
    'http-host': '127.0.0.1',
    'http-port': String(port),
    'notify-hosts': '127.0.0.1',
    'lease-namespace': 'default',
    ...(options.redisUrl === undefined ? { queue: 'embedded' } : { 'redis-url': options.redisUrl }),
  };
  return ['serve', ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])];
}

/** Starts the service and waits until it is ready; throws with the end of its log when it is not. */
export async function startServiceProcess(options: ServiceOptions, signal: AbortSignal): Promise<RunningService> {
  const port = await freePort();
  const logPath = join(options.dir, 'serin.log');
  const log = openSync(logPath, 'a');
  const main = entryFile('main');
  const child = spawn(process.execPath, ['--max-semi-space-size=2', main, ...serveArguments(options, port)], {
    stdio: ['ignore', log, log],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  };
  const url = `http://127.0.0.1:${port}`;
  const untilMs = systemClock.nowMs() + READY_WITHIN_MS;
  while (!signal.aborted) {
    if (child.exitCode !== null || systemClock.nowMs() > untilMs) {
      await stop();
      const tail = readFileSync(logPath, 'utf8').trim().split('\n').slice(-5).join('\n');
      throw new SerinError('SERIN_E_CONFIG', `The service did not become ready. The end of its log:\n${tail}`);
    }
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
    if (answer?.ok === true) return { pid: child.pid ?? 0, url, logPath, stop };
    await systemClock.sleep(200, signal);
  }
  await stop();
  throw new SerinError('SERIN_E_ABORTED', 'The demo was stopped while the service started.');
}
