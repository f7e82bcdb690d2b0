/** Destinations: a Service, a subset of its pods by DestinationRule, and how one of them is chosen. */
import type { KubeObject } from '../../api/meta.ts';
import { readDurationMs } from '../../api/units.ts';
import { fullHost, serviceHost } from './hosts.ts';
import type { DestinationRuleSpec, Endpoint, MeshObjects, ServiceSpec, TrafficPolicy } from './objects.ts';
import { byAge, selects, specOf } from './objects.ts';
import type { ParsedRequest, Target } from './rule.ts';

/** A Service, or a subset of it, with the ready pods behind it. */
export interface Cluster {
  readonly host: string;
  readonly service: string;
  readonly namespace: string;
  readonly subset: string | undefined;
  readonly endpoints: readonly { readonly endpoint: Endpoint; readonly port: number }[];
  /** Round robin gives the same shares as a random choice and is treated as one. */
  readonly balancer: 'LEAST_REQUEST' | 'RANDOM';
  readonly hash: HashPolicy | undefined;
}

interface HashPolicy {
  /** `undefined` where the request does not carry the value: any pod will do. */
  readonly keyOf: (request: ParsedRequest) => string | undefined;
  /** A cookie that is set when it is missing. */
  readonly cookie: { readonly name: string; readonly path: string; readonly ttlMs: number } | undefined;
}

export type Clusters = (target: Pick<Target, 'host' | 'subset' | 'port'>) => Cluster | undefined;

/** Finds clusters by name; `undefined` for a Service or subset that does not exist. Answers are kept. */
export function compileClusters(objects: MeshObjects): Clusters {
  const services = new Map<string, KubeObject>();
  for (const service of objects.services) {
    services.set(serviceHost(service.metadata.name, service.metadata.namespace ?? 'default'), service);
  }
  const rules = new Map<string, DestinationRuleSpec[]>();
  for (const object of objects.destinationRules.toSorted(byAge)) {
    const spec = specOf<DestinationRuleSpec>(object);
    const host = fullHost(spec.host ?? '', object.metadata.namespace ?? 'default');
    rules.set(host, [...(rules.get(host) ?? []), spec]);
  }
  const known = new Map<string, Cluster | undefined>();
  return ({ host, subset, port }) => {
    const key = `${host} ${subset ?? ''} ${port ?? ''}`;
    if (!known.has(key))
      known.set(key, build(services.get(host), rules.get(host) ?? [], objects.endpoints, host, subset, port));
    return known.get(key);
  };
}

function build(
  service: KubeObject | undefined,
  rules: readonly DestinationRuleSpec[],
  endpoints: readonly Endpoint[],
  host: string,
  subset: string | undefined,
  port: number | undefined,
): Cluster | undefined {
  if (service === undefined) return undefined;
  const wanted =
    subset === undefined ? undefined : rules.flatMap((rule) => rule.subsets ?? []).find((each) => each.name === subset);
  if (subset !== undefined && wanted === undefined) return undefined;
  const { selector, ports = [] } = specOf<ServiceSpec>(service);
  const servicePort = port === undefined ? ports[0] : ports.find((each) => each.port === port);
  if (servicePort === undefined) return undefined;
  const namespace = service.metadata.namespace ?? 'default';
  const policy = wanted?.trafficPolicy ?? rules.find((rule) => rule.trafficPolicy !== undefined)?.trafficPolicy;
  const chosen = endpoints
    .filter((endpoint) => endpoint.namespace === namespace)
    .filter(({ labels }) => selector !== undefined && Object.keys(selector).length > 0 && selects(selector, labels))
    .filter(({ labels }) => selects(wanted?.labels ?? {}, labels))
    .flatMap((endpoint) => {
      const target = servicePort.targetPort ?? servicePort.port;
      const number = typeof target === 'number' ? target : endpoint.ports[target];
      return number === undefined ? [] : [{ endpoint, port: number }];
    })
    .toSorted((a, b) => (a.endpoint.name < b.endpoint.name ? -1 : 1));
  return {
    host,
    service: service.metadata.name,
    namespace,
    subset,
    endpoints: chosen,
    balancer: balancerOf(policy),
    hash: hashPolicyOf(policy),
  };
}

function balancerOf(policy: TrafficPolicy | undefined): Cluster['balancer'] {
  const simple = policy?.loadBalancer?.simple;
  return simple === 'ROUND_ROBIN' || simple === 'RANDOM' ? 'RANDOM' : 'LEAST_REQUEST';
}

function hashPolicyOf(policy: TrafficPolicy | undefined): HashPolicy | undefined {
  const hash = policy?.loadBalancer?.consistentHash;
  if (hash === undefined) return undefined;
  const { httpHeaderName: header, httpCookie: cookie, httpQueryParameterName: parameter, useSourceIp } = hash;
  if (header !== undefined) return { keyOf: ({ headers }) => headers[header.toLowerCase()], cookie: undefined };
  if (parameter !== undefined) return { keyOf: ({ query }) => query.get(parameter) ?? undefined, cookie: undefined };
  if (cookie !== undefined) {
    const ttlMs = readDurationMs(cookie.ttl) ?? 0;
    return {
      keyOf: ({ headers }) => cookieOf(headers['cookie'], cookie.name),
      cookie: cookie.ttl === undefined ? undefined : { name: cookie.name, path: cookie.path ?? '/', ttlMs },
    };
  }
  return useSourceIp === true ? { keyOf: ({ sourceIp }) => sourceIp, cookie: undefined } : undefined;
}

function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? '').split(';')) {
    const [key, ...value] = part.trim().split('=');
    if (key === name) return value.join('=');
  }
  return undefined;
}
