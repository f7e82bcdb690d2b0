/**
 * Where a request goes, as a pure function of the objects, the request and a random source: what Istio's gateways and
 * sidecars do with VirtualService, DestinationRule, HTTPRoute and Service objects. Compared with observations of real
 * Istio in test/unit/sandbox/routing-observed.test.ts.
 */
import type { Cluster } from './cluster.ts';
import { compileClusters } from './cluster.ts';
import { serviceHost, spellings } from './hosts.ts';
import { httpRouteHosts } from './http-route.ts';
import type { HeaderOperations, MeshObjects } from './objects.ts';
import type { ForwardAction, MeshRequest, ParsedRequest, RetryPolicy, Rule, Side, Target } from './rule.ts';
import { ANYTHING, DEFAULT_RETRIES, findHost } from './rule.ts';
import { virtualServiceHosts } from './virtual-service.ts';

interface Mirror {
  readonly cluster: Cluster;
}

export type RouteDecision =
  | {
      readonly kind: 'forward';
      readonly rule: string;
      readonly cluster: Cluster;
      readonly path: string;
      readonly authority: string;
      readonly requestHeaders: readonly HeaderOperations[];
      readonly responseHeaders: readonly HeaderOperations[];
      readonly timeoutMs: number | undefined;
      readonly retries: RetryPolicy;
      readonly delayMs: number;
      readonly mirrors: readonly Mirror[];
      readonly hashKey: string | undefined;
    }
  | {
      readonly kind: 'respond';
      readonly status: number;
      /** Envoy's response flag: NR no route, NC no cluster, FI fault injected, `-` none. */
      readonly flags: 'NR' | 'NC' | 'FI' | '-';
      /** The destination that was meant, for the metrics; `unknown` where there is none. */
      readonly host: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
      readonly delayMs: number;
    };

/** One proxy's view of the objects. */
export interface Routes {
  route(request: MeshRequest, random: () => number): RouteDecision;
}

export function compileRoutes(objects: MeshObjects, side: Side): Routes {
  const hosts = new Map<string, readonly Rule[]>(httpRouteHosts(objects.httpRoutes, side));
  for (const [host, rules] of virtualServiceHosts(objects.virtualServices, objects.gateways, side)) {
    hosts.set(host, [...(hosts.get(host) ?? []), ...rules]);
  }
  if (side.kind === 'sidecar') addServices(hosts, objects, side.namespace);
  const clusters = compileClusters(objects);
  return {
    route: (request, random) => {
      const rules = findHost(hosts, request.authority);
      if (rules === undefined) {
        // A sidecar lets unknown hosts through to the network, where nobody answers; a gateway has no route.
        return side.kind === 'sidecar' ? respond(503, 'NC') : respond(404, 'NR');
      }
      const parsed = parse(request);
      for (const rule of rules) {
        const matched = rule.matches(parsed);
        if (matched === undefined) continue;
        const { action } = rule;
        if (action.kind === 'respond') return { ...respond(action.status, '-'), body: action.body };
        if (action.kind === 'redirect') {
          return { ...respond(action.status, '-'), headers: { location: action.location(parsed, matched) } };
        }
        const decision = forward(action, parsed, clusters, random);
        if (decision.kind === 'respond') return decision;
        const path = action.rewrite.path?.(parsed, matched) ?? request.path;
        return { ...decision, rule: rule.name, path };
      }
      return respond(404, 'NR');
    },
  };
}

/** Every Service is reachable under its names, unless a VirtualService took the host. */
function addServices(hosts: Map<string, readonly Rule[]>, objects: MeshObjects, namespace: string): void {
  for (const { metadata } of objects.services) {
    const host = serviceHost(metadata.name, metadata.namespace ?? 'default');
    const target: Target = {
      host,
      subset: undefined,
      port: undefined,
      weight: 1,
      requestHeaders: [],
      responseHeaders: [],
    };
    const action: ForwardAction = {
      kind: 'forward',
      targets: [target],
      missingStatus: 503,
      rewrite: { authority: undefined, path: undefined },
      timeoutMs: undefined,
      retries: DEFAULT_RETRIES,
      delay: undefined,
      abort: undefined,
      mirrors: [],
    };
    const rule: Rule = { name: 'default', matches: ANYTHING, isCatchAll: true, action };
    for (const spelling of spellings(host, namespace)) if (!hosts.has(spelling)) hosts.set(spelling, [rule]);
  }
}

function parse(request: MeshRequest): ParsedRequest {
  const mark = request.path.indexOf('?');
  const pathname = mark === -1 ? request.path : request.path.slice(0, mark);
  return { ...request, pathname, query: new URLSearchParams(mark === -1 ? '' : request.path.slice(mark + 1)) };
}

function forward(
  action: ForwardAction,
  request: ParsedRequest,
  clusters: ReturnType<typeof compileClusters>,
  random: () => number,
): RouteDecision {
  const target = pick(action.targets, random);
  const delayMs = action.delay !== undefined && random() < action.delay.fraction ? action.delay.ms : 0;
  if (action.abort !== undefined && random() < action.abort.fraction) {
    return { ...respond(action.abort.status, 'FI', target?.host), delayMs };
  }
  const cluster = target && clusters(target);
  if (target === undefined || cluster === undefined) return respond(action.missingStatus, 'NC', target?.host);
  const mirrors = action.mirrors.flatMap((mirror) => {
    const mirrored = random() < mirror.fraction ? clusters(mirror.target) : undefined;
    return mirrored === undefined ? [] : [{ cluster: mirrored }];
  });
  return {
    kind: 'forward',
    rule: '',
    cluster,
    path: request.path,
    authority: action.rewrite.authority ?? request.authority,
    requestHeaders: target.requestHeaders,
    responseHeaders: target.responseHeaders,
    timeoutMs: action.timeoutMs,
    retries: action.retries,
    delayMs,
    mirrors,
    hashKey: cluster.hash?.keyOf(request),
  };
}

/** By weight; targets of weight 0 get nothing, weights need not add to 100. */
function pick(targets: readonly Target[], random: () => number): Target | undefined {
  const total = targets.reduce((sum, target) => sum + target.weight, 0);
  let left = random() * total;
  for (const target of targets) {
    if (target.weight <= 0) continue;
    left -= target.weight;
    if (left < 0) return target;
  }
  return targets.findLast((target) => target.weight > 0);
}

function respond(
  status: number,
  flags: 'NR' | 'NC' | 'FI' | '-',
  host = 'unknown',
): RouteDecision & { kind: 'respond' } {
  return { kind: 'respond', status, flags, host, headers: {}, body: '', delayMs: 0 };
}
