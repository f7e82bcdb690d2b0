/** What the screen shows beside status: quantiles from Prometheus and pods from the API, read about once a second and never judged. */
import { TYPES } from '../../api/meta.ts';
import type { Release } from '../../api/release.ts';
import type { KubeReader } from '../../kube/port.ts';
import type { MetricSource } from '../../metrics/port.ts';
import type { ArmNumbers } from '../screen/view.ts';
import { DEMO_NAMESPACE } from './objects.ts';

const QUANTILES = { p50Ms: 0.5, p95Ms: 0.95, p99Ms: 0.99 } as const;

export type Quantiles = ReadonlyMap<string, Partial<Record<keyof typeof QUANTILES, number>>>;

/** Latency quantiles by Deployment, over the last 15 s; empty while Prometheus is away. */
export async function readQuantiles(source: MetricSource, nowMs: number, signal: AbortSignal): Promise<Quantiles> {
  const found = new Map<string, Partial<Record<keyof typeof QUANTILES, number>>>();
  const buckets =
    'sum by (le, destination_workload) (rate(istio_request_duration_milliseconds_bucket{reporter="destination"}[15s]))';
  for (const [key, quantile] of Object.entries(QUANTILES)) {
    const { series } = await source.instant(`histogram_quantile(${quantile}, ${buckets})`, nowMs, signal);
    for (const { labels, samples } of series) {
      const workload = labels['destination_workload'];
      const value = samples.at(-1)?.value;
      if (workload === undefined || value === undefined || !Number.isFinite(value)) continue;
      found.set(workload, { ...found.get(workload), [key]: value });
    }
  }
  return found;
}

/** Running pods by the Deployment-like prefix of their names. */
export async function readPodCounts(kube: KubeReader, signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const { items } = await kube.list(TYPES.pod, { namespace: DEMO_NAMESPACE }, signal);
  for (const { metadata } of items) {
    const deployment = metadata.name.split('-').slice(0, -2).join('-');
    counts.set(deployment, (counts.get(deployment) ?? 0) + 1);
  }
  return counts;
}

/** Which member is which in the release that is shown: the live one is its stable; once it is promoted, its canary is live. */
export function membersOf({ spec, status }: Pick<Release, 'spec' | 'status'>): {
  readonly stable: string;
  readonly canary: string;
} {
  const [first = '', second = ''] = spec.workload.pair?.members ?? [];
  const live = status?.pair?.live ?? first;
  const idle = live === first ? second : first;
  return status?.phase === 'Promoted' ? { stable: idle, canary: live } : { stable: live, canary: idle };
}

export function armNumbers(member: string, quantiles: Quantiles, pods: ReadonlyMap<string, number>): ArmNumbers {
  const count = pods.get(member);
  return { ...quantiles.get(member), ...(count === undefined ? {} : { pods: count }) };
}
