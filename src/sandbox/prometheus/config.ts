/** Configuration and target files for a real Prometheus that scrapes the sandbox as it would a cluster. Pure. */
import type { PodTarget } from '../kubelet/kubelet.ts';
import { METRICS_PATH, METRICS_PORT } from '../kubelet/listeners.ts';

export interface ScrapeTarget {
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** As in Istio's own Prometheus add-on: job `kubernetes-pods`, labels `namespace` and `pod`, and the pod's own labels. */
export function podTarget({ ip, namespace, pod, labels }: PodTarget): ScrapeTarget {
  const own = Object.entries(labels).map(([name, value]) => [name.replace(/[^a-zA-Z0-9_]/g, '_'), value]);
  return { address: `${ip}:${METRICS_PORT}`, labels: { ...Object.fromEntries(own), namespace, pod } };
}

/** YAML is a superset of JSON. */
export function prometheusConfig(scrapeIntervalMs: number, targetsFile: string): string {
  const interval = `${scrapeIntervalMs}ms`;
  return JSON.stringify(
    {
      global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
      scrape_configs: [
        {
          job_name: 'kubernetes-pods',
          file_sd_configs: [{ files: [targetsFile], refresh_interval: '30s' }],
        },
      ],
    },
    undefined,
    2,
  );
}

export function targetsFile(targets: readonly ScrapeTarget[]): string {
  return JSON.stringify(
    targets.map(({ address, labels }) => ({
      targets: [address],
      labels: { ...labels, __metrics_path__: METRICS_PATH },
    })),
  );
}
