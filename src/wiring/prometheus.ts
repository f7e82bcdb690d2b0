/**
 * Prometheus with the headers that files name: they are read again when they change, so that a rotated token needs no
 * restart. Values never leave this file but in requests.
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import type { Config } from '../config-settings.ts';
import { messageOf, SerinError } from '../errors.ts';
import type { MetricSource } from '../metrics/port.ts';
import { createPrometheusSource } from '../metrics/prometheus.ts';

type PrometheusConfig = Pick<
  Config,
  'prometheusUrl' | 'prometheusTimeoutMs' | 'prometheusHeadersFile' | 'prometheusBearerTokenFile'
>;

/** Files are looked at again after this long. */
const REREAD_MS = 10_000;

/** Throws `SERIN_E_CONFIG` when a file cannot be read or has a line that is no header. */
export async function readHeaders(config: PrometheusConfig): Promise<Readonly<Record<string, string>>> {
  const headers: Record<string, string> = {};
  const { prometheusHeadersFile: headersFile, prometheusBearerTokenFile: tokenFile } = config;
  if (headersFile !== undefined) {
    const lines = (await readText('prometheusHeadersFile', headersFile)).split('\n');
    for (const [index, line] of lines.entries()) {
      if (line.trim() === '' || line.startsWith('#')) continue;
      const [, name, value] = /^([\w-]+):\s*(.*?)\s*$/.exec(line) ?? [];
      if (name === undefined || value === undefined) {
        throw new SerinError(
          'SERIN_E_CONFIG',
          `${headersFile}:${index + 1} is no header. Write \`Name: value\`, one a line.`,
        );
      }
      headers[name] = value;
    }
  }
  if (tokenFile !== undefined) {
    headers['Authorization'] = `Bearer ${(await readText('prometheusBearerTokenFile', tokenFile)).trim()}`;
  }
  return headers;
}

async function readText(setting: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new SerinError('SERIN_E_CONFIG', `${setting}: ${messageOf(cause)}. Name a file that can be read.`, { cause });
  }
}

/** Told of every query, for metrics. */
export type OnQuery = (result: 'ok' | 'error', durationMs: number) => void;

export async function openPrometheus(config: PrometheusConfig, clock: Clock, onQuery: OnQuery): Promise<MetricSource> {
  let headers = await readHeaders(config);
  let source = createPrometheusSource({ url: config.prometheusUrl, timeoutMs: config.prometheusTimeoutMs, headers });
  let readAtMs = clock.nowMs();
  const isFixed = config.prometheusHeadersFile === undefined && config.prometheusBearerTokenFile === undefined;

  const current = async (): Promise<MetricSource> => {
    if (isFixed || clock.nowMs() - readAtMs < REREAD_MS) return source;
    readAtMs = clock.nowMs();
    const fresh = await readHeaders(config);
    if (JSON.stringify(fresh) !== JSON.stringify(headers)) {
      headers = fresh;
      source = createPrometheusSource({ url: config.prometheusUrl, timeoutMs: config.prometheusTimeoutMs, headers });
    }
    return source;
  };
  const measured = async <T>(ask: (now: MetricSource) => Promise<T>): Promise<T> => {
    const startMs = clock.nowMs();
    try {
      const answer = await ask(await current());
      onQuery('ok', clock.nowMs() - startMs);
      return answer;
    } catch (thrown) {
      onQuery('error', clock.nowMs() - startMs);
      throw thrown;
    }
  };
  return {
    instant: (promql, timeMs, signal) => measured((now) => now.instant(promql, timeMs, signal)),
    range: (promql, startMs, endMs, stepMs, signal) =>
      measured((now) => now.range(promql, startMs, endMs, stepMs, signal)),
  };
}
