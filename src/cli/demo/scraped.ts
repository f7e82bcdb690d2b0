/** With somebody else's Prometheus: waits until it scrapes the demo's pods, or says what it must be told. */
import type { Clock } from '../../clock.ts';
import { SerinError } from '../../errors.ts';
import { createPrometheusSource } from '../../metrics/prometheus.ts';
import { DEMO_NAMESPACE } from './objects.ts';

const WITHIN_MS = 45_000;

/** What goes into `prometheus.yml`; the paths of the metrics are in the targets. */
export const scrapeConfig = (targetsFile: string, intervalMs: number): string => `scrape_configs:
  - job_name: serin-demo
    scrape_interval: ${intervalMs}ms
    scrape_timeout: ${intervalMs}ms
    file_sd_configs:
      - files: [${JSON.stringify(targetsFile)}]
        refresh_interval: 1s`;

/** Throws with the lines that are missing in its configuration when nothing was scraped in time. */
export async function untilScraped(
  options: { readonly url: string; readonly targetsFile: string; readonly intervalMs: number; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const { url, targetsFile, intervalMs, clock } = options;
  const source = createPrometheusSource({ url, timeoutMs: 1_500 });
  let trouble = '';
  for (const endMs = clock.nowMs() + WITHIN_MS; clock.nowMs() < endMs; await clock.sleep(500, signal)) {
    try {
      const { series } = await source.instant(`up{namespace="${DEMO_NAMESPACE}"} == 1`, clock.nowMs(), signal);
      if (series.length > 0) return;
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      trouble = thrown instanceof SerinError ? `${thrown.message}\n` : '';
    }
  }
  throw new SerinError(
    'SERIN_E_PROMETHEUS',
    `Nothing of the demo was scraped within ${WITHIN_MS / 1000} s.\n${trouble}This Prometheus must run on this machine and have in its prometheus.yml:\n\n${scrapeConfig(targetsFile, intervalMs)}\n`,
  );
}
