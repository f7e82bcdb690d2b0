/** What the recorded observations do not show: rewrites, headers, mirrors, faults, retries and odd objects. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { chooseEndpoint } from '../../../src/sandbox/mesh/balance.ts';
import type { Endpoint, HTTPRule, MeshObjects } from '../../../src/sandbox/mesh/objects.ts';
import { compileRoutes, type RouteDecision } from '../../../src/sandbox/mesh/route.ts';
import type { MeshRequest, Side } from '../../../src/sandbox/mesh/rule.ts';
import { createRandom } from '../../../src/sandbox/random.ts';

const gateway: Side = { kind: 'gateway', gateway: 'all', namespace: 'istio-system', port: 80 };

function object(kind: string, name: string, spec: unknown, namespace = 'shop'): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name, namespace }, spec };
}

function endpoint(version: string, index: number): Endpoint {
  const name = `web-${version}-${index}`;
  return { name, namespace: 'shop', ip: name, labels: { app: 'web', version }, ports: { http: 8_080, admin: 9_000 } };
}

function mesh(http: readonly HTTPRule[], more: Partial<MeshObjects> = {}): MeshObjects {
  return {
    virtualServices: [object('VirtualService', 'web', { hosts: ['*'], gateways: ['public'], http })],
    destinationRules: [
      object('DestinationRule', 'web', {
        host: 'web',
        subsets: ['v1', 'v2'].map((name) => ({ name, labels: { version: name } })),
      }),
    ],
    gateways: [object('Gateway', 'public', { servers: [{ hosts: ['*'] }] })],
    httpRoutes: [],
    services: [
      object('Service', 'web', {
        selector: { app: 'web' },
        ports: [
          { name: 'http', port: 80, targetPort: 'http' },
          { name: 'admin', port: 81, targetPort: 'admin' },
        ],
      }),
    ],
    endpoints: [endpoint('v1', 0), endpoint('v1', 1), endpoint('v2', 0)],
    ...more,
  };
}

const get = (path = '/', more: Partial<MeshRequest> = {}): MeshRequest => ({
  method: 'GET',
  authority: 'shop.example',
  path,
  headers: {},
  ...more,
});
const to = (subset: string): NonNullable<HTTPRule['route']>[number] => ({ destination: { host: 'web', subset } });

function route(objects: MeshObjects, request: MeshRequest = get(), random: () => number = () => 0.5): RouteDecision {
  return compileRoutes(objects, gateway).route(request, random);
}

function forwarded(decision: RouteDecision): RouteDecision & { kind: 'forward' } {
  if (decision.kind !== 'forward') throw new Error(`answered ${decision.status}`);
  return decision;
}

describe('routing', () => {
  test.each([
    {
      title: 'a prefix, the rest stays',
      match: { uri: { prefix: '/old' } },
      path: '/old/x?q=1',
      rewritten: '/new/x?q=1',
    },
    {
      title: 'a prefix in the middle of a word',
      match: { uri: { prefix: '/old' } },
      path: '/oldish',
      rewritten: '/newish',
    },
    { title: 'an exact path', match: { uri: { exact: '/old' } }, path: '/old?q=1', rewritten: '/new?q=1' },
    { title: 'a regex', match: { uri: { regex: '/o.*' } }, path: '/old/x', rewritten: '/new' },
  ])('rewrite of $title', ({ match, path, rewritten }) => {
    const decision = route(mesh([{ match: [match], rewrite: { uri: '/new' }, route: [to('v2')] }]), get(path));
    expect(forwarded(decision).path).toBe(rewritten);
  });

  test.each([
    { prefix: '/new', path: '/old/x?q=1', rewritten: '/new/x?q=1' },
    { prefix: '/', path: '/old/x', rewritten: '/x' },
    { prefix: '/', path: '/old', rewritten: '/' },
  ])('Gateway API: prefix /old becomes $prefix', ({ prefix, path, rewritten }) => {
    const rule = {
      matches: [{ path: { type: 'PathPrefix', value: '/old' } }],
      filters: [
        { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: prefix } } },
      ],
      backendRefs: [{ name: 'web', port: 80 }],
    };
    const httpRoutes = [object('HTTPRoute', 'web', { parentRefs: [{ name: 'any' }], rules: [rule] })];
    expect(forwarded(route(mesh([], { virtualServices: [], httpRoutes }), get(path))).path).toBe(rewritten);
  });

  test('a redirect keeps what it does not name', () => {
    const decision = route(mesh([{ redirect: { authority: 'new.example' } }]), get('/a?b=1'));
    expect(decision).toMatchObject({ kind: 'respond', status: 301, headers: { location: 'http://new.example/a?b=1' } });
  });

  test('the port of the destination picks the port of the pod', () => {
    const decision = route(mesh([{ route: [{ destination: { host: 'web', port: { number: 81 } } }] }]));
    expect(forwarded(decision).cluster.endpoints.map(({ port }) => port)).toEqual([9_000, 9_000, 9_000]);
    expect(route(mesh([{ route: [{ destination: { host: 'web', port: { number: 82 } } }] }]))).toMatchObject({
      status: 503,
      flags: 'NC',
    });
  });

  test.each([
    { percent: undefined, share: 0 },
    { percent: { value: 0 }, share: 0 },
    { percent: { value: 25 }, share: 0.25 },
    { percent: { value: 100 }, share: 1 },
  ])('an abort fault of $percent hits $share of the requests', ({ percent, share }) => {
    const fault = { abort: { httpStatus: 555, ...(percent === undefined ? {} : { percentage: percent }) } };
    const routes = compileRoutes(mesh([{ fault, route: [to('v1')] }]), gateway);
    const random = createRandom('abort');
    const hit = Array.from({ length: 4_000 }, () => routes.route(get(), random)).filter(
      (each) => each.kind === 'respond',
    );
    expect(Math.abs(hit.length / 4_000 - share)).toBeLessThan(0.03);
    expect(hit.every((each) => each.kind === 'respond' && each.status === 555 && each.flags === 'FI')).toBe(true);
  });

  test.each([
    { rule: { mirror: { host: 'web', subset: 'v2' } }, share: 1 },
    { rule: { mirror: { host: 'web', subset: 'v2' }, mirrorPercentage: { value: 20 } }, share: 0.2 },
    { rule: { mirrors: [{ destination: { host: 'web', subset: 'v2' }, percentage: { value: 50 } }] }, share: 0.5 },
    { rule: { mirror: { host: 'nobody' } }, share: 0 },
  ])('a mirror gets $share of the requests', ({ rule, share }) => {
    const routes = compileRoutes(mesh([{ ...rule, route: [to('v1')] }]), gateway);
    const random = createRandom('mirror');
    const all = Array.from({ length: 4_000 }, () => forwarded(routes.route(get(), random)));
    const mirrored = all.filter(({ mirrors }) => mirrors.length > 0);
    expect(Math.abs(mirrored.length / 4_000 - share)).toBeLessThan(0.03);
    expect(mirrored.every(({ mirrors }) => mirrors[0]?.cluster.subset === 'v2')).toBe(true);
    expect(all.every(({ cluster }) => cluster.subset === 'v1')).toBe(true);
  });

  test('retries: two by default, not after a 503 that was answered; as written otherwise', () => {
    expect(forwarded(route(mesh([{ route: [to('v1')] }]))).retries).toEqual({
      attempts: 2,
      retryOn: new Set(['connect-failure', 'refused-stream', 'unavailable', 'cancelled']),
      perTryTimeoutMs: undefined,
    });
    const retries = { attempts: 5, retryOn: '5xx, reset', perTryTimeout: '1.5s' };
    expect(forwarded(route(mesh([{ retries, route: [to('v1')] }]))).retries).toEqual({
      attempts: 5,
      retryOn: new Set(['5xx', 'reset']),
      perTryTimeoutMs: 1_500,
    });
  });

  test('a regex that does not compile matches nothing', () => {
    const decision = route(
      mesh([{ match: [{ headers: { a: { regex: '(' } } }], route: [to('v2')] }]),
      get('/', { headers: { a: '(' } }),
    );
    expect(decision).toMatchObject({ status: 404, flags: 'NR' });
  });

  test('an inline flag of RE2 is understood', () => {
    const objects = mesh([{ match: [{ headers: { a: { regex: '(?i)canary' } } }], route: [to('v2')] }]);
    expect(route(objects, get('/', { headers: { a: 'CANARY' } })).kind).toBe('forward');
  });

  test('a Gateway that serves another host does not serve this one', () => {
    const gateways = [object('Gateway', 'public', { servers: [{ hosts: ['other.example', '*.shop.example'] }] })];
    const virtualServices = [
      object('VirtualService', 'web', {
        hosts: ['shop.example', 'a.shop.example'],
        gateways: ['public'],
        http: [{ route: [to('v1')] }],
      }),
    ];
    const objects = mesh([], { gateways, virtualServices });
    expect(route(objects, get('/', { authority: 'shop.example' }))).toMatchObject({ status: 404 });
    expect(route(objects, get('/', { authority: 'a.shop.example' })).kind).toBe('forward');
  });

  test('a VirtualService of another namespace names the Gateway in full', () => {
    const rule = { hosts: ['*'], http: [{ route: [{ destination: { host: 'web.shop.svc.cluster.local' } }] }] };
    const named = (gateways: readonly string[]): MeshObjects =>
      mesh([], { virtualServices: [object('VirtualService', 'x', { ...rule, gateways }, 'elsewhere')] });
    expect(route(named(['shop/public'])).kind).toBe('forward');
    expect(route(named(['public']))).toMatchObject({ status: 404 });
  });

  test('weights: whatever they are, shares follow them and zero gets nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 2, maxLength: 2 }),
        fc.integer(),
        (weights, seed) => {
          const [a = 0, b = 0] = weights;
          const rule = {
            route: [
              { ...to('v1'), weight: a },
              { ...to('v2'), weight: b },
            ],
          };
          const routes = compileRoutes(mesh([rule]), gateway);
          const random = createRandom(seed);
          const all = Array.from({ length: 300 }, () => routes.route(get(), random));
          if (a + b === 0) return all.every((each) => each.kind === 'respond' && each.status === 503);
          const v2 = all.filter((each) => each.kind === 'forward' && each.cluster.subset === 'v2').length;
          const share = b / (a + b);
          return Math.abs(v2 - 300 * share) <= 5.5 * Math.sqrt(300 * share * (1 - share)) + 1e-9;
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('choice of a pod', () => {
  const { cluster } = forwarded(route(mesh([{ route: [{ destination: { host: 'web' } }] }])));

  test('the less busy of two', () => {
    const busy = new Map([
      ['web-v1-0', 50],
      ['web-v1-1', 50],
    ]);
    const random = createRandom('busy');
    const chosen = Array.from(
      { length: 900 },
      () => chooseEndpoint(cluster, undefined, busy, new Set(), random)?.endpoint.ip,
    );
    // The idle one wins whenever it is one of the two: 5 of 9.
    expect(Math.abs(chosen.filter((ip) => ip === 'web-v2-0').length / 900 - 5 / 9)).toBeLessThan(0.07);
  });

  test('one that was tried already only when there is no other', () => {
    const tried = new Set(['web-v1-0', 'web-v1-1']);
    const random = createRandom('tried');
    expect(chooseEndpoint(cluster, undefined, new Map(), tried, random)?.endpoint.ip).toBe('web-v2-0');
    expect(chooseEndpoint(cluster, undefined, new Map(), new Set([...tried, 'web-v2-0']), random)).toBeDefined();
  });

  test('by hash: evenly over keys, and a pod that goes moves only its own keys', () => {
    const keys = Array.from({ length: 3_000 }, (_, index) => `user-${index}`);
    const pick = (from: typeof cluster, key: string): string | undefined =>
      chooseEndpoint(from, key, new Map(), new Set(), Math.random)?.endpoint.ip;
    const smaller = { ...cluster, endpoints: cluster.endpoints.filter(({ endpoint: { ip } }) => ip !== 'web-v2-0') };
    const counts = new Map<string, number>();
    for (const key of keys) {
      const before = pick(cluster, key) ?? '';
      counts.set(before, (counts.get(before) ?? 0) + 1);
      if (before !== 'web-v2-0') expect(pick(smaller, key)).toBe(before);
    }
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(130);
  });
});
