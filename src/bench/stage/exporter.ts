/**
 * Istio's request counters of many pods behind a few scrape addresses, counted up with seeded noise at each scrape. Stands in for
 * the pods' sidecars where thousands of real ones would measure the machine instead of Serin.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BUCKETS_MS } from '../../sandbox/mesh/istio-metrics.ts';
import { normal } from '../../sandbox/random.ts';

export interface ExportedPod {
  readonly namespace: string;
  readonly name: string;
  readonly workload: string;
  readonly version: string;
}

export interface Exporter {
  readonly addresses: readonly string[];
  /** Adding a pod that is there keeps its counters. */
  add(pod: ExportedPod): void;
  remove(namespace: string, name: string): void;
  /** Requests a second of each pod of a workload, from now on. */
  setRate(namespace: string, workload: string, requestsPerSecond: number): void;
  /** Share of requests that fail, 0–1. */
  setErrors(namespace: string, workload: string, share: number): void;
  close(): Promise<void>;
}

interface Counters {
  readonly pod: ExportedPod;
  readonly labels: string;
  atMs: number;
  good: number;
  bad: number;
  sumMs: number;
  readonly buckets: number[];
}

interface Behaviour {
  requestsPerSecond: number;
  errorShare: number;
}

/** Shares of requests up to each boundary: a log-normal latency with a median of 30 ms. */
const CUMULATIVE = BUCKETS_MS.map((boundary) => 1 / (1 + (30 / boundary) ** 2.2));

export async function startExporter(shards: number, random: () => number): Promise<Exporter> {
  const pods = Array.from({ length: shards }, () => new Map<string, Counters>());
  const behaviours = new Map<string, Behaviour>();
  const behaviourOf = (namespace: string, workload: string): Behaviour => {
    const key = `${namespace}/${workload}`;
    const found = behaviours.get(key) ?? { requestsPerSecond: 0, errorShare: 0.005 };
    behaviours.set(key, found);
    return found;
  };
  const shardOf = (key: string): Map<string, Counters> => {
    let sum = 0;
    for (let at = 0; at < key.length; at++) sum = (sum * 31 + key.charCodeAt(at)) >>> 0;
    return pods[sum % shards] ?? new Map<string, Counters>();
  };
  const count = (counters: Counters): void => {
    const { requestsPerSecond, errorShare } = behaviourOf(counters.pod.namespace, counters.pod.workload);
    const nowMs = Date.now();
    const requests = poisson(((nowMs - counters.atMs) / 1_000) * requestsPerSecond, random);
    const bad = binomial(requests, errorShare, random);
    counters.atMs = nowMs;
    counters.good += requests - bad;
    counters.bad += bad;
    counters.sumMs += requests * 40;
    let left = requests;
    let below = 0;
    for (const [index, share] of CUMULATIVE.entries()) {
      const here = binomial(left, Math.min(1, (share - below) / Math.max(1e-9, 1 - below)), random);
      counters.buckets[index] = (counters.buckets[index] ?? 0) + here;
      left -= here;
      below = share;
    }
  };

  const servers = pods.map((shard) =>
    createServer((_request, response) => {
      const lines: string[] = [];
      for (const counters of shard.values()) {
        count(counters);
        expose(counters, lines);
      }
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' });
      response.end(`${lines.join('\n')}\n`);
    }),
  );
  await Promise.all(servers.map(listen));
  return {
    addresses: servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`),
    add: (pod) => {
      const key = `${pod.namespace}/${pod.name}`;
      const shard = shardOf(key);
      if (shard.has(key)) return;
      const labels = labelsOf(pod);
      shard.set(key, { pod, labels, atMs: Date.now(), good: 0, bad: 0, sumMs: 0, buckets: BUCKETS_MS.map(() => 0) });
    },
    remove: (namespace, name) => void shardOf(`${namespace}/${name}`).delete(`${namespace}/${name}`),
    setRate: (namespace, workload, requestsPerSecond) => {
      behaviourOf(namespace, workload).requestsPerSecond = requestsPerSecond;
    },
    setErrors: (namespace, workload, share) => {
      behaviourOf(namespace, workload).errorShare = share;
    },
    close: async () => {
      await Promise.all(servers.map(close));
    },
  };
}

function labelsOf({ namespace, name, workload, version }: ExportedPod): string {
  const labels = {
    reporter: 'destination',
    namespace,
    pod: name,
    destination_workload: workload,
    destination_workload_namespace: namespace,
    destination_version: version,
    source_workload: 'gateway',
    request_protocol: 'http',
    connection_security_policy: 'none',
  };
  return Object.entries(labels)
    .map(([key, value]) => `${key}="${value}"`)
    .join(',');
}

function expose({ labels, good, bad, sumMs, buckets }: Counters, lines: string[]): void {
  lines.push(`istio_requests_total{${labels},response_code="200"} ${good}`);
  lines.push(`istio_requests_total{${labels},response_code="503"} ${bad}`);
  let sum = 0;
  for (const [index, boundary] of BUCKETS_MS.entries()) {
    sum += buckets[index] ?? 0;
    lines.push(`istio_request_duration_milliseconds_bucket{${labels},le="${boundary}"} ${sum}`);
  }
  lines.push(`istio_request_duration_milliseconds_bucket{${labels},le="+Inf"} ${good + bad}`);
  lines.push(`istio_request_duration_milliseconds_sum{${labels}} ${sumMs}`);
  lines.push(`istio_request_duration_milliseconds_count{${labels}} ${good + bad}`);
}

/** Exact for small means, normal for large ones. */
function poisson(mean: number, random: () => number): number {
  if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  let count = -1;
  for (let product = 1; product > Math.exp(-mean); count++) product *= random();
  return Math.max(0, count);
}

function binomial(trials: number, share: number, random: () => number): number {
  const variance = trials * share * (1 - share);
  if (variance > 20)
    return Math.min(trials, Math.max(0, Math.round(trials * share + Math.sqrt(variance) * normal(random))));
  let hits = 0;
  for (let trial = 0; trial < trials; trial++) if (random() < share) hits += 1;
  return hits;
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
