/** `serin serve` as a process to be measured: its polls from its log, its memory from /proc. */
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../clock.ts';
import type { PollMeasure } from '../../controller/poll.ts';

export interface ActionEntry {
  /** `<namespace>/<name>` */
  readonly release: string;
  readonly action: string;
  readonly atMs: number;
}

export interface MeasuredService {
  readonly pid: number;
  /** One entry for each poll that was done, oldest first. */
  readonly polls: readonly PollMeasure[];
  /** Every action that reconciling carried out, oldest first. */
  readonly actions: readonly ActionEntry[];
  /** Warnings and errors of its log. */
  readonly troubles: readonly string[];
  /** Resident memory of the process itself, MiB. */
  rssMiB(): Promise<number>;
  /** Lines of its /metrics about the heap, for a closer look. */
  heap(): Promise<string>;
  /** Seconds of processor time so far. */
  cpuSeconds(): Promise<number>;
  stop(): Promise<void>;
}

interface LogEntry {
  readonly level: number;
  readonly time: string;
  readonly msg: string;
  readonly url?: string;
  readonly release?: string;
  readonly action?: string;
}

const main = fileURLToPath(new URL('../../main.ts', import.meta.url));
const TICKS_PER_SECOND = 100;
/** As in the image, in a container that may have 512 MiB. */
const NODE_FLAGS = ['--max-semi-space-size=2', '--max-old-space-size=320'];

export async function startMeasuredService(
  flags: Readonly<Record<string, string>>,
  nodeFlags: readonly string[] = NODE_FLAGS,
): Promise<MeasuredService> {
  const polls: PollMeasure[] = [];
  const actions: ActionEntry[] = [];
  const troubles: string[] = [];
  const all = { httpHost: '127.0.0.1', httpPort: '0', logLevel: 'debug', ...flags };
  const args = Object.entries(all).flatMap(([key, value]) => [
    `--${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`,
    value,
  ]);
  const child = spawn(process.execPath, [...nodeFlags, main, 'serve', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let url = '';
  const ready = Promise.withResolvers<void>();
  child.once('exit', () => ready.reject(new Error(`serve ended before it was ready: ${troubles.join('\n')}`)));
  createInterface({ input: child.stdout }).on('line', (line) => {
    const entry = JSON.parse(line) as LogEntry;
    if (entry.msg === 'Serin starts.') url = entry.url ?? '';
    if (entry.msg === 'Serin works.') ready.resolve();
    if (entry.msg === 'An action was carried out.') {
      const { release = '', action = '' } = entry;
      actions.push({ release, action, atMs: Date.parse(entry.time) });
    }
    if (entry.msg === 'A poll is done.') polls.push(entry as unknown as PollMeasure);
    if (entry.level >= 40) troubles.push(line.slice(0, 400));
  });
  await ready.promise;
  const pid = child.pid ?? 0;
  return {
    pid,
    polls,
    actions,
    troubles,
    rssMiB: async () => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
    },
    heap: async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      return text
        .split('\n')
        .filter((line) =>
          /^(nodejs_heap_size|nodejs_external|process_resident|nodejs_gc_duration_seconds_(sum|count)|serin_(provider|reconcile|poll)\w*_(sum|count))/.test(
            line,
          ),
        )
        .join('\n');
    },
    cpuSeconds: async () => {
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    },
    stop: async () => {
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), 30_000);
      await ended;
      clearTimeout(late);
    },
  };
}

/** Waits until it holds; throws with what it was waiting for. */
export async function until(what: string, holds: () => boolean, timeoutMs: number): Promise<void> {
  const untilMs = systemClock.nowMs() + timeoutMs;
  while (!holds()) {
    if (systemClock.nowMs() > untilMs) throw new Error(`not within ${timeoutMs / 1_000} s: ${what}`);
    await systemClock.sleep(100);
  }
}
