/**
 * The mesh against observations of real Istio and Envoy: 94 sets of objects, each with requests and who answered them.
 * Ours is run often enough to know its shares well; the observed counts must lie within binomial bounds of them.
 */
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { chooseEndpoint } from '../../../src/sandbox/mesh/balance.ts';
import type { Endpoint, MeshObjects } from '../../../src/sandbox/mesh/objects.ts';
import { compileRoutes, type RouteDecision } from '../../../src/sandbox/mesh/route.ts';
import type { Side } from '../../../src/sandbox/mesh/rule.ts';
import { createRandom } from '../../../src/sandbox/random.ts';
import observed from './data/routing-observed.json' with { type: 'json' };

interface ObservedRequest {
  readonly via: string;
  readonly host: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly method?: string;
  readonly n?: number;
}

interface ObservedCase {
  readonly name: string;
  readonly objects: readonly KubeObject[];
  readonly requests: readonly {
    readonly request: ObservedRequest;
    readonly observed: Readonly<Record<string, number>>;
  }[];
}

/** As written in the file's `what`: the same workloads and Services behind every case. */
const cases = (observed as unknown as { readonly cases: readonly ObservedCase[] }).cases;

function pod(app: string, version: string, index: number): Endpoint {
  const name = `${app}-${version}-${index}`;
  return { name, namespace: 'default', ip: name, labels: { app, version }, ports: { http: 8080 } };
}

const endpoints = [
  pod('web', 'v1', 0),
  pod('web', 'v1', 1),
  pod('web', 'v2', 0),
  pod('api', 'v1', 0),
  pod('api', 'v2', 0),
];

function object(kind: string, name: string, spec: unknown): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: 'default' }, spec };
}

const service = (name: string, selector: Record<string, string>): KubeObject =>
  object('Service', name, { selector, ports: [{ port: 80, targetPort: 'http' }] });

const services = [
  service('web', { app: 'web' }),
  service('web-stable', { app: 'web', version: 'v1' }),
  service('web-canary', { app: 'web', version: 'v2' }),
  service('api', { app: 'api' }),
];

const subsets = [
  { name: 'v1', labels: { version: 'v1' } },
  { name: 'v2', labels: { version: 'v2' } },
];

function meshOf(given: readonly KubeObject[]): MeshObjects {
  const of = (kind: string): readonly KubeObject[] => given.filter((each) => each.kind === kind);
  const rules = ['web', 'api']
    .filter((name) => !of('DestinationRule').some((rule) => rule.metadata.name === name))
    .map((host) => object('DestinationRule', host, { host, subsets }));
  return {
    virtualServices: of('VirtualService'),
    destinationRules: [...rules, ...of('DestinationRule')],
    httpRoutes: of('HTTPRoute'),
    gateways: [object('Gateway', 'gw', { servers: [{ hosts: ['*'] }] })],
    services,
    endpoints,
  };
}

const sides: Readonly<Record<string, Side>> = {
  gateway: { kind: 'gateway', gateway: { namespace: 'default', name: 'gw' }, namespace: 'istio-system', port: 18_000 },
  gapi: { kind: 'gateway', gateway: { namespace: 'default', name: 'gapi' }, namespace: 'istio-system', port: 80 },
  'client-v1': { kind: 'sidecar', namespace: 'default', labels: { app: 'client', version: 'v1' } },
  'client-v2': { kind: 'sidecar', namespace: 'default', labels: { app: 'client', version: 'v2' } },
};

function headersOf(headers: ObservedRequest['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      typeof value === 'string' ? value : (value ?? []).join(name.toLowerCase() === 'cookie' ? '; ' : ','),
    ]),
  );
}

/** What the client of the recording would have noted; the upstream there fails on /fail and is slow on /slow. */
function answerOf(decision: RouteDecision, path: string, random: () => number): { answer: string; pod: string } {
  if (decision.kind === 'respond') return { answer: String(decision.status), pod: '' };
  const candidate = chooseEndpoint(decision.cluster, decision.hashKey, new Map(), new Set(), random);
  if (candidate === undefined) return { answer: '503', pod: '' };
  if (path === '/slow' && decision.timeoutMs !== undefined) return { answer: '504', pod: '' };
  const { labels, name } = candidate.endpoint;
  const workload = `${labels['app']}-${labels['version']}`;
  return { answer: path === '/fail' ? `503 ${workload}` : workload, pod: name };
}

const RUNS = 20_000;

function sharesOf(given: ObservedCase, request: ObservedRequest): { shares: Map<string, number>; pods: Set<string> } {
  const side = sides[request.via];
  if (side === undefined) throw new Error(`unknown via ${request.via}`);
  const routes = compileRoutes(meshOf(given.objects), side);
  const random = createRandom(given.name);
  const runs = (request.n ?? 1) > 1 ? RUNS : 20;
  const counts = new Map<string, number>();
  const pods = new Set<string>();
  for (let run = 0; run < runs; run += 1) {
    const decision = routes.route(
      {
        method: request.method ?? 'GET',
        authority: request.host,
        path: request.path,
        headers: headersOf(request.headers),
      },
      random,
    );
    const { answer, pod: name } = answerOf(decision, request.path, random);
    counts.set(answer, (counts.get(answer) ?? 0) + 1);
    pods.add(name);
  }
  return { shares: new Map([...counts].map(([answer, count]) => [answer, count / runs])), pods };
}

describe('routing as observed on real Istio', () => {
  test('the file holds all 94 cases', () => {
    expect(cases).toHaveLength(94);
  });

  test.each(cases)('$name', (given) => {
    for (const { request, observed: expected } of given.requests) {
      const { shares, pods } = sharesOf(given, request);
      const said = JSON.stringify(request);
      if (expected['distinctPods'] !== undefined) {
        expect(pods.size, said).toBe(expected['distinctPods']);
        continue;
      }
      expect([...shares.keys()].toSorted(), said).toEqual(Object.keys(expected).toSorted());
      const n = Object.values(expected).reduce((sum, count) => sum + count, 0);
      for (const [answer, count] of Object.entries(expected)) {
        const share = shares.get(answer) ?? 0;
        // 4 standard deviations: a right share is refused once in 16 000 comparisons.
        const bound = 4 * Math.sqrt(n * share * (1 - share));
        expect(Math.abs(count - n * share), `${answer} ${said}`).toBeLessThanOrEqual(bound + 1e-9);
      }
    }
  });
});
