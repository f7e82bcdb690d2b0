/**
 * A Prometheus that lives for one test: promtool writes the series as blocks, the server answers on a port of 127.0.0.1, and both are
 * gone afterwards, also when somebody interrupts. The provider is the service's own, asked with the time of the measurement.
 */
import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { fieldsAt } from '../../api/fields.ts';
import { systemClock } from '../../clock.ts';
import { take } from '../../controller/measure/taking.ts';
import { messageOf, SerinError } from '../../errors.ts';
import type { Series } from '../../metrics/port.ts';
import { createPrometheusSource } from '../../metrics/prometheus.ts';
import { createPrometheusProvider } from '../../providers/prometheus.ts';
import { createPrometheus } from '../../sandbox/prometheus/prometheus.ts';
import type { Ask } from './measured.ts';
import { openMetrics } from './open-metrics.ts';
import type { Evaluator } from './run-test.ts';
import { usage } from '../usage.ts';

export interface Programs {
  readonly prometheus: string;
  readonly promtool: string;
}

/** Both programs: the one named (promtool beside it), or as the set-up or PATH has them. `undefined`: there is none. */
export function findPrograms(
  named: string | undefined,
  path: string,
  setUp: (name: string) => string | undefined,
): Programs | undefined {
  if (named !== undefined) {
    const promtool = join(dirname(named), 'promtool');
    if (!existsSync(named)) throw usage(`--prometheus-binary ${named} does not exist. Name the program prometheus.`);
    if (!existsSync(promtool))
      throw usage(`Beside --prometheus-binary ${named} there is no promtool, which loads the series. Put it there.`);
    return { prometheus: named, promtool };
  }
  const find = (name: string): string | undefined =>
    setUp(name) ??
    path
      .split(delimiter)
      .filter((folder) => folder !== '')
      .map((folder) => join(folder, name))
      .find((file) => existsSync(file));
  const [prometheus, promtool] = [find('prometheus'), find('promtool')];
  return prometheus === undefined || promtool === undefined ? undefined : { prometheus, promtool };
}

/** `signal` ends whatever runs; what was opened is to be closed all the same. `isForAll`: comparisons ask it too. */
export function throwAwayPrometheus(programs: Programs, signal: AbortSignal, isForAll = false): Evaluator {
  return {
    isForAll,
    open: async (series) => {
      const dir = await mkdtemp(join(tmpdir(), 'serin-test-'));
      let kill = (): void => undefined;
      // A process that ends without a chance to wait leaves nothing behind either.
      const leave = (): void => {
        kill();
        rmSync(dir, { recursive: true, force: true });
      };
      process.once('exit', leave);
      const close = async (stop?: () => Promise<void>): Promise<void> => {
        await stop?.();
        await rm(dir, { recursive: true, force: true, maxRetries: 5 });
        process.off('exit', leave);
      };
      try {
        await load(programs.promtool, dir, series, signal);
        const server = await createPrometheus({
          binary: programs.prometheus,
          dir,
          scrapeIntervalMs: 60_000,
          retention: '100y',
          clock: systemClock,
          signal,
        });
        kill = () => {
          const pid = server.pid();
          if (pid !== undefined) process.kill(pid, 'SIGKILL');
        };
        try {
          await server.start();
        } catch (thrown) {
          await server.kill();
          throw thrown;
        }
        return {
          ask: askerOf(server.url, signal),
          source: createPrometheusSource({ url: server.url, timeoutMs: 30_000 }),
          close: () => close(() => server.stop()),
        };
      } catch (thrown) {
        await close();
        throw thrown;
      }
    },
  };
}

async function load(promtool: string, dir: string, series: readonly Series[], signal: AbortSignal): Promise<void> {
  const file = join(dir, 'series.om');
  const tsdb = join(dir, 'tsdb');
  await mkdir(tsdb);
  if (series.every(({ samples }) => samples.length === 0)) return;
  await writeFile(file, openMetrics(series));
  try {
    await promisify(execFile)(promtool, ['tsdb', 'create-blocks-from', 'openmetrics', file, tsdb], { signal });
  } catch (thrown) {
    signal.throwIfAborted();
    throw new SerinError(
      'SERIN_E_PROMETHEUS',
      `promtool (${promtool}) could not load the series of a test: ${messageOf(thrown).slice(0, 500)} Check that it runs here.`,
    );
  }
}

/** The query alone, to this server: address, headers and credentials of the template are for another one. */
function askerOf(url: string, signal: AbortSignal): Ask {
  return (measure, task, before, nowMs) => {
    const clock = { nowMs: () => nowMs };
    const prometheus = createPrometheusProvider({ clock, ownServer: async () => ({ url, headers: {} }) });
    const { query, rangeQuery } = fieldsAt(measure, 'provider', 'prometheus');
    const settings = { query, ...(rangeQuery === undefined ? {} : { rangeQuery }) };
    const run = {
      ref: { name: 'test', namespace: 'test', uid: 'test' },
      secrets: [],
      readSecret: () => Promise.reject(new Error('a test reads no Secrets')),
    };
    const asked = { ...measure, provider: { prometheus: settings } };
    return take(
      { providers: { prometheus, web: prometheus, job: prometheus }, clock },
      run,
      asked,
      task,
      before,
      signal,
    );
  };
}
