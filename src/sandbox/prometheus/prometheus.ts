/** A real Prometheus as a child process, on data of its own that survives being stopped, killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../clock.ts';
import { SerinError } from '../../errors.ts';
import { freePort } from '../free-port.ts';
import { prometheusConfig, type ScrapeTarget, targetsFile } from './config.ts';

export interface PrometheusOptions {
  readonly binary: string;
  /** An empty folder; removing it is the caller's part. */
  readonly dir: string;
  readonly scrapeIntervalMs: number;
  /** How long data is kept, by its newest; default 6h. */
  readonly retention?: string;
  /** Its configuration; absent: one is written that scrapes what `setTargets` names. */
  readonly configFile?: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface Prometheus {
  readonly url: string;
  /** Process id while it runs. */
  pid(): number | undefined;
  setTargets(targets: readonly ScrapeTarget[]): Promise<void>;
  start(): Promise<void>;
  /** Ends it in order, so that everything scraped is on disk. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT: connections are accepted and never answered. */
  hang(): void;
  unhang(): void;
}

const START_TIMEOUT_MS = 30_000;

/** Prepares folder and port; `start` runs it. */
export async function createPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const { binary, dir, scrapeIntervalMs, clock, signal } = options;
  const configFile = options.configFile ?? join(dir, 'prometheus.yml');
  const file = join(dir, 'targets.json');
  await mkdir(dir, { recursive: true });
  if (options.configFile === undefined) await writeFile(configFile, prometheusConfig(scrapeIntervalMs, file));
  await writeFile(file, '[]');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  let said = '';
  let writes: Promise<void> = Promise.resolve();

  const end = async (how: NodeJS.Signals): Promise<void> => {
    const ending = child;
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => ending.once('exit', () => resolve()));
    ending.kill('SIGCONT');
    ending.kill(how);
    const late = setTimeout(() => ending.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(late);
    child = undefined;
  };

  return {
    url,
    pid: () => child?.pid,
    setTargets: (targets) => {
      writes = writes.then(async () => {
        const draft = `${file}.new`;
        await writeFile(draft, targetsFile(targets));
        await rename(draft, file);
      });
      return writes;
    },
    start: async () => {
      if (child !== undefined) return;
      const started = spawn(
        binary,
        [
          `--config.file=${configFile}`,
          `--storage.tsdb.path=${join(dir, 'tsdb')}`,
          `--web.listen-address=127.0.0.1:${port}`,
          `--storage.tsdb.retention.time=${options.retention ?? '6h'}`,
          '--log.level=warn',
        ],
        { stdio: ['ignore', 'ignore', 'pipe'], env: { GOMAXPROCS: '2' } },
      );
      child = started;
      said = '';
      started.stderr.on('data', (chunk: Buffer) => {
        said = `${said}${chunk.toString('utf8')}`.slice(-2_000);
      });
      started.once('error', (error) => {
        said = error.message;
      });
      const untilMs = clock.nowMs() + START_TIMEOUT_MS;
      while (!(await isUp(url))) {
        if (
          started.exitCode !== null ||
          started.signalCode !== null ||
          started.pid === undefined ||
          clock.nowMs() > untilMs
        ) {
          await end('SIGKILL');
          child = undefined;
          throw new SerinError(
            'SERIN_E_PROMETHEUS',
            `Prometheus (${binary}) did not start: ${said.trim() || 'it said nothing'}. Check that the program runs here.`,
          );
        }
        await clock.sleep(50, signal);
      }
    },
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    hang: () => void child?.kill('SIGSTOP'),
    unhang: () => void child?.kill('SIGCONT'),
  };
}

/** Ready, by its own words: another program on this port would also answer something. */
async function isUp(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(1_000) });
    return answer.ok && (await answer.text()).includes('Prometheus');
  } catch {
    return false;
  }
}
