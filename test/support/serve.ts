/** `serin serve` as users run it: a real process, with its log at hand. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../src/sandbox/free-port.ts';

export interface ServeProcess {
  readonly pid: number;
  readonly url: string;
  /** Everything it wrote so far. */
  output(): string;
  signal(name: NodeJS.Signals): void;
  /** Resolves when `/readyz` answers 200; throws with the log when the process ends first. */
  ready(): Promise<void>;
  readonly exit: Promise<number | NodeJS.Signals>;
}

const SOURCE = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Of the programs that tests start: nobody's own settings, and nothing that another user of the machine left behind. */
export const TEST_HOME = fileURLToPath(new URL('../../.cache/home', import.meta.url));

/** Starts the program with these settings as flags (`prometheusUrl` → `--prometheus-url`). */
export async function startServe(settings: Readonly<Record<string, string>>, main = SOURCE): Promise<ServeProcess> {
  const port = await freePort();
  const all: Record<string, string> = { httpHost: '127.0.0.1', httpPort: String(port), ...settings };
  const flags = Object.entries(all).flatMap(([key, value]) => [
    `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    value,
  ]);
  const child = spawn(process.execPath, ['--max-semi-space-size=2', main, 'serve', ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: TEST_HOME },
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const exit = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 1));
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    pid: child.pid ?? 0,
    url,
    output: () => output,
    signal: (name) => void child.kill(name),
    exit,
    ready: async () => {
      for (const untilMs = Date.now() + 180_000; Date.now() < untilMs; ) {
        if (child.exitCode !== null || child.signalCode !== null) throw new Error(`serve ended early:\n${output}`);
        const answer = await fetch(`${url}/readyz`).catch(() => undefined);
        if (answer?.ok === true) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`serve did not become ready:\n${output}`);
    },
  };
}

/** A kubeconfig without credentials for one server, in a folder that `remove` takes away. */
export async function writeKubeconfig(server: string): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'serin-kubeconfig-'));
  const path = join(folder, 'config');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server } }],
    users: [{ name: 'test', user: {} }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test', namespace: 'default' } }],
  };
  await writeFile(path, JSON.stringify(config));
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}
