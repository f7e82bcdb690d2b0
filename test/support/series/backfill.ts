/** A real Prometheus that starts with a past: samples with times of their own, written by promtool as blocks. */
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { systemClock } from '../../../src/clock.ts';
import { createPrometheus } from '../../../src/sandbox/prometheus/prometheus.ts';
import { requireTool } from '../tools.ts';

export interface Backfilled {
  readonly url: string;
  close(): Promise<void>;
}

/** `texts` are whole lines of OpenMetrics, each with its time in seconds; those of one series in order of time. */
export async function startBackfilled(texts: Iterable<string>): Promise<Backfilled> {
  const dir = await mkdtemp(join(tmpdir(), 'serin-backfill-'));
  const stop = new AbortController();
  const prometheus = await createPrometheus({
    binary: requireTool('prometheus'),
    dir,
    scrapeIntervalMs: 15_000,
    clock: systemClock,
    signal: stop.signal,
  });
  const close = async (): Promise<void> => {
    await prometheus.kill();
    stop.abort();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const file = join(dir, 'past.txt');
    await pipeline(Readable.from(withEnd(texts)), createWriteStream(file));
    const blocks = ['tsdb', 'create-blocks-from', 'openmetrics', '--quiet', file, join(dir, 'tsdb')];
    await promisify(execFile)(requireTool('promtool'), blocks);
    await prometheus.start();
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return { url: prometheus.url, close };
}

function* withEnd(texts: Iterable<string>): Generator<string> {
  yield* texts;
  yield '# EOF\n';
}
