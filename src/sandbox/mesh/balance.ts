/** Which pod of a cluster gets a request. */
import type { Cluster } from './cluster.ts';

export type Candidate = Cluster['endpoints'][number];

/** Requests under way per pod address, kept by the proxy. */
export type ActiveRequests = ReadonlyMap<string, number>;

/**
 * Envoy's default, least request: the less busy of two pods taken at random. With a hash key: always the same pod
 * (highest random weight, so that pods that come and go move few keys). `avoid` names pods that already failed.
 */
export function chooseEndpoint(
  cluster: Cluster,
  hashKey: string | undefined,
  active: ActiveRequests,
  avoid: ReadonlySet<string>,
  random: () => number,
): Candidate | undefined {
  const fresh = cluster.endpoints.filter(({ endpoint }) => !avoid.has(endpoint.ip));
  const candidates = fresh.length > 0 ? fresh : cluster.endpoints;
  if (hashKey !== undefined) {
    return candidates.reduce<Candidate | undefined>(
      (best, each) => (best === undefined || score(hashKey, each) > score(hashKey, best) ? each : best),
      undefined,
    );
  }
  const first = candidates[Math.floor(random() * candidates.length)];
  if (cluster.balancer !== 'LEAST_REQUEST') return first;
  const second = candidates[Math.floor(random() * candidates.length)];
  if (first === undefined || second === undefined) return first;
  const busy = (candidate: Candidate): number => active.get(candidate.endpoint.ip) ?? 0;
  return busy(second) < busy(first) ? second : first;
}

/** 32-bit FNV-1a of key and pod name, mixed. */
function score(key: string, candidate: Candidate): number {
  let hash = 0x811c9dc5;
  for (const char of `${key}\0${candidate.endpoint.name}`) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) >>> 0;
}
