/**
 * Istio's standard metrics as its proxies expose them (istio.io "Istio Standard Metrics"; Envoy's default buckets).
 * Own code instead of a metrics library: one label set is built per (peer, code, flags), then counting is one lookup.
 */
import type { Identity } from './identity.ts';

/** Envoy's default histogram boundaries, milliseconds. */
export const BUCKETS_MS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];

interface RequestRecord {
  readonly reporter: 'source' | 'destination';
  readonly source: Identity;
  readonly destination: Identity;
  /** Fully qualified host of the Service, or `unknown`. */
  readonly host: string;
  /** 0 where no response was sent. */
  readonly status: number;
  /** Envoy's response flags, `-` for none. */
  readonly flags: string;
  readonly durationMs: number;
}

interface Series {
  readonly labels: string;
  count: number;
  sumMs: number;
  /** Per boundary, not cumulative; the last is +Inf. */
  readonly buckets: number[];
}

export interface IstioMetrics {
  record(request: RequestRecord): void;
  /** Text exposition format. */
  text(): string;
  /** Sum of `istio_requests_total`, for tests and displays. */
  total(): number;
}

export function createIstioMetrics(): IstioMetrics {
  const all = new Map<string, Series>();
  return {
    record: (request) => {
      const { reporter, source, destination, host, status, flags, durationMs } = request;
      const key = `${reporter} ${source.pod} ${destination.pod} ${source.workload} ${destination.workload} ${host} ${status} ${flags}`;
      let series = all.get(key);
      if (series === undefined) {
        series = {
          labels: labelsOf(request),
          count: 0,
          sumMs: 0,
          buckets: Array.from({ length: BUCKETS_MS.length + 1 }, () => 0),
        };
        all.set(key, series);
      }
      series.count += 1;
      series.sumMs += durationMs;
      const found = BUCKETS_MS.findIndex((boundary) => durationMs <= boundary);
      const bucket = found === -1 ? BUCKETS_MS.length : found;
      series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
    },
    text: () => render(merged(all.values())),
    total: () => [...all.values()].reduce((sum, series) => sum + series.count, 0),
  };
}

/** Two pods of one workload are one label set: Istio's labels name workloads, not pods. */
function merged(all: Iterable<Series>): readonly Series[] {
  const byLabels = new Map<string, Series>();
  for (const series of all) {
    const same = byLabels.get(series.labels);
    if (same === undefined) {
      byLabels.set(series.labels, { ...series, buckets: [...series.buckets] });
      continue;
    }
    same.count += series.count;
    same.sumMs += series.sumMs;
    for (const [index, count] of series.buckets.entries()) same.buckets[index] = (same.buckets[index] ?? 0) + count;
  }
  return [...byLabels.values()];
}

function render(all: readonly Series[]): string {
  if (all.length === 0) return '';
  const lines = ['# TYPE istio_requests_total counter'];
  for (const { labels, count } of all) lines.push(`istio_requests_total{${labels}} ${count}`);
  lines.push('# TYPE istio_request_duration_milliseconds histogram');
  for (const { labels, count, sumMs, buckets } of all) {
    let cumulative = 0;
    for (const [index, boundary] of BUCKETS_MS.entries()) {
      cumulative += buckets[index] ?? 0;
      lines.push(`istio_request_duration_milliseconds_bucket{${labels},le="${boundary}"} ${cumulative}`);
    }
    lines.push(`istio_request_duration_milliseconds_bucket{${labels},le="+Inf"} ${count}`);
    lines.push(`istio_request_duration_milliseconds_sum{${labels}} ${sumMs}`);
    lines.push(`istio_request_duration_milliseconds_count{${labels}} ${count}`);
  }
  return `${lines.join('\n')}\n`;
}

function labelsOf({ reporter, source, destination, host, status, flags }: RequestRecord): string {
  const [serviceName = 'unknown', serviceNamespace = 'unknown'] = host.split('.');
  return formatLabels({
    reporter,
    source_workload: source.workload,
    source_workload_namespace: source.namespace,
    source_principal: 'unknown',
    source_app: source.app,
    source_version: source.version,
    source_canonical_service: source.canonicalService,
    source_canonical_revision: source.canonicalRevision,
    source_cluster: 'Kubernetes',
    destination_workload: destination.workload,
    destination_workload_namespace: destination.namespace,
    destination_principal: 'unknown',
    destination_app: destination.app,
    destination_version: destination.version,
    destination_service: host,
    destination_canonical_service: destination.canonicalService,
    destination_canonical_revision: destination.canonicalRevision,
    destination_service_name: serviceName,
    destination_service_namespace: serviceNamespace,
    destination_cluster: 'Kubernetes',
    request_protocol: 'http',
    response_code: String(status),
    grpc_response_status: '',
    response_flags: flags,
    connection_security_policy: reporter === 'destination' ? 'none' : 'unknown',
  });
}

/** `a="1",b="2"` with values escaped as the exposition format asks. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`))}"`)
    .join(',');
}
