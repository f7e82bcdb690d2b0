/** What a canary gets beside its weight from Istio: requests that match, and copies; and that nothing of it is left. */
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { ReleaseSpec, Step } from '../../../src/api/release.ts';
import type { RequestMatch } from '../../../src/api/request-match.ts';
import type { Beside } from '../../../src/release/steps.ts';
import type { MeshObjects } from '../../../src/sandbox/mesh/objects.ts';
import { compileRoutes } from '../../../src/sandbox/mesh/route.ts';
import { istio } from '../../../src/traffic/istio.ts';
import type { TrafficInput } from '../../../src/traffic/port.ts';
import { applied, arm, destinationRule, NAMESPACE, objectSet, service, virtualService } from '../../support/objects.ts';

const OTHERS = [
  service('web', { app: 'web' }),
  service('api', { app: 'api' }),
  destinationRule('web', { v1: { version: 'v1' }, v2: { version: 'v2' } }),
];
const to = (subset: string, weight?: number) => ({
  destination: { host: 'web', subset },
  ...(weight === undefined ? {} : { weight }),
});
const canaryHeader: RequestMatch = { headers: { 'x-canary': { exact: '1' } } };
const groupB: RequestMatch = { cookies: { group: { exact: 'b' } } };

interface More extends Partial<TrafficInput> {
  readonly steps?: readonly Step[];
  readonly routes?: string[];
}
function inputOf(vs: KubeObject, { steps, routes, ...more }: More = {}): TrafficInput {
  const spec: ReleaseSpec = {
    workload: { pair: { members: ['web-v1', 'web-v2'] } },
    traffic: { istio: { virtualService: { name: 'web', ...(routes === undefined ? {} : { routes }) } } },
    strategy: { canary: { steps: [...(steps ?? [{ mirror: 10 }, { match: canaryHeader }, { setWeight: 20 }])] } },
  };
  return {
    namespace: NAMESPACE,
    spec,
    stable: arm('web-v1', { app: 'web', version: 'v1' }),
    canary: arm('web-v2', { app: 'web', version: 'v2' }),
    taken: undefined,
    objects: objectSet([vs, ...OTHERS]),
    ...more,
  };
}

const beside = (canaryWeight: number, what: Beside) => ({ kind: 'weight' as const, canaryWeight, beside: what });
function wrote(vs: KubeObject, canaryWeight: number, what: Beside, more: More = {}): KubeObject {
  return applied([vs], istio.write(inputOf(vs, more), beside(canaryWeight, what)))[0] as KubeObject;
}
const httpOf = (vs: KubeObject | undefined) =>
  (vs?.['spec'] as { http: readonly Readonly<Record<string, unknown>>[] } | undefined)?.http ?? [];

const API = { name: 'api', match: [{ uri: { prefix: '/api' } }], route: [{ destination: { host: 'api' } }] };
const MAIN = {
  name: 'main',
  timeout: '3s',
  headers: { request: { set: { a: '1' } } },
  route: [to('v1', 100), to('v2', 0)],
};
const plain = virtualService([API, MAIN]);

describe('requests that match', () => {
  test('have a route of their own before the steered one, like it in everything else', () => {
    const [api, own, main] = httpOf(wrote(plain, 5, { match: canaryHeader }));
    expect(api).toEqual(API);
    expect(own).toEqual({
      ...MAIN,
      name: expect.stringMatching(/^serin-match-[a-z0-9]{10}$/) as string,
      match: [{ headers: { 'x-canary': { exact: '1' } } }],
      route: [to('v2')],
    });
    expect(main).toEqual({ ...MAIN, route: [to('v1', 95), to('v2', 5)] });
  });

  test('narrow every alternative of a route that has conditions already', () => {
    const vs = virtualService([
      {
        name: 'main',
        match: [{ uri: { prefix: '/a' } }, { headers: { lang: { exact: 'de' } }, gateways: ['mesh'] }],
        route: [to('v1')],
      },
    ]);
    const [own] = httpOf(wrote(vs, 0, { match: canaryHeader }));
    expect(own?.['match']).toEqual([
      { uri: { prefix: '/a' }, headers: { 'x-canary': { exact: '1' } } },
      { headers: { lang: { exact: 'de' }, 'x-canary': { exact: '1' } }, gateways: ['mesh'] },
    ]);
  });

  test('with a share are split between the two versions, whatever the weight is', () => {
    const [, own] = httpOf(wrote(plain, 5, { match: { ...canaryHeader, share: 30 } }));
    expect(own?.['route']).toEqual([to('v1', 70), to('v2', 30)]);
  });

  test('go to the canary from every steered route, and from no other', () => {
    const vs = virtualService([{ ...MAIN, name: 'one' }, API, { route: [to('v1')] }]);
    const all = httpOf(wrote(vs, 0, { match: canaryHeader }));
    expect(all.map(({ name }) => String(name).slice(0, 11))).toEqual([
      'serin-match',
      'one',
      'api',
      'serin-match',
      'undefined',
    ]);
    const named = httpOf(wrote(vs, 0, { match: canaryHeader }, { routes: ['one'] }));
    expect(named).toHaveLength(4);
  });

  test('follow what somebody changes of the steered route, and another match replaces the first', () => {
    const taken = istio.snapshot(inputOf(plain));
    const first = wrote(plain, 0, { match: canaryHeader }, { taken });
    const edited = structuredClone(first);
    Object.assign(httpOf(edited)[2] as object, { timeout: '9s' });
    const followed = wrote(edited, 0, { match: canaryHeader }, { taken });
    expect(httpOf(followed)[1]).toMatchObject({ timeout: '9s' });
    const second = wrote(followed, 0, { match: { headers: { 'x-beta': { prefix: 'y' } } } }, { taken });
    expect(httpOf(second)).toHaveLength(3);
    expect(httpOf(second)[1]).toMatchObject({ match: [{ headers: { 'x-beta': { prefix: 'y' } } }] });
  });
});

describe('copies', () => {
  test('are of the steered routes, and an annotation says whose they are', () => {
    const vs = wrote(plain, 0, { mirror: 10 });
    expect(httpOf(vs)).toEqual([
      API,
      { ...MAIN, mirror: { host: 'web', subset: 'v2' }, mirrorPercentage: { value: 10 } },
    ]);
    expect(Object.keys(vs.metadata.annotations ?? {})).toEqual(['serin.dev/mirrored']);
    const more = wrote(vs, 5, { mirror: 30 });
    expect(httpOf(more)[1]).toMatchObject({ mirrorPercentage: { value: 30 }, route: [to('v1', 95), to('v2', 5)] });
    expect(wrote(more, 5, {})).toEqual(wrote(plain, 5, {}));
  });

  test('are not of the requests that match, and other annotations stay', () => {
    const annotated = { ...plain, metadata: { ...plain.metadata, annotations: { team: 'shop' } } };
    const vs = wrote(annotated, 0, { mirror: 10, match: canaryHeader });
    expect(httpOf(vs)[1]).not.toHaveProperty('mirror');
    expect(httpOf(vs)[2]).toHaveProperty('mirror');
    expect(vs.metadata.annotations).toMatchObject({ team: 'shop' });
    expect(wrote(vs, 0, {})).toEqual(annotated);
  });

  test.each([
    ['mirror', { mirror: { host: 'api' } }],
    ['mirrors', { mirrors: [{ destination: { host: 'api' } }] }],
    ['one to the canary', { mirror: { host: 'web', subset: 'v2' }, mirrorPercentage: { value: 10 } }],
  ])('of the user’s own are left alone, and refuse a plan that needs their place: %s', (_name, mirror) => {
    const vs = virtualService([{ ...MAIN, ...mirror }]);
    expect(istio.read(inputOf(vs))).toEqual({
      reason: 'RouteNotUnderstood',
      message:
        'VirtualService "web": http route "main" mirrors its requests already, and a route has room for one mirror. Take it out, or the mirror steps out of spec.strategy.',
    });
    expect(istio.write(inputOf(vs), beside(0, { mirror: 10 }))).toEqual([]);
    const steps = [{ match: canaryHeader }, { setWeight: 20 }];
    const taken = istio.snapshot(inputOf(vs, { steps }));
    const after = wrote(vs, 20, { match: canaryHeader }, { steps, taken });
    for (const rule of httpOf(after)) expect(rule).toMatchObject(mirror);
    expect(applied([after], istio.write(inputOf(after, { steps, taken }), { kind: 'restore' }))).toEqual([vs]);
  });
});

test('a route that asks something else of the same header is refused', () => {
  const vs = virtualService([{ ...MAIN, match: [{ headers: { 'x-canary': { exact: '2' } } }] }]);
  expect(istio.read(inputOf(vs))).toMatchObject({
    reason: 'RouteNotUnderstood',
    message: expect.stringContaining('"main" asks something else of the header x-canary than the match') as string,
  });
});

describe('what is given back', () => {
  const both: Beside = { match: canaryHeader, mirror: 10 };
  test.each([
    ['by weight 0', { kind: 'weight' as const, canaryWeight: 0 }],
    ['by restoring', { kind: 'restore' as const }],
  ])('is exactly what was there, also with its route gone, moved or doubled: %s', (_name, intent) => {
    const taken = istio.snapshot(inputOf(plain));
    const back = (vs: KubeObject) => applied([vs], istio.write(inputOf(vs, { taken }), intent))[0];
    const written = wrote(plain, 20, both, { taken });
    expect(back(written)).toEqual(plain);
    const moved = structuredClone(written);
    const rules = (moved['spec'] as { http: unknown[] }).http;
    rules.unshift(rules[1], rules[1]);
    expect(back(moved)).toEqual(plain);
    const without = structuredClone(written);
    (without['spec'] as { http: unknown[] }).http.splice(1, 1);
    expect(back(without)).toEqual(plain);
  });

  test('includes a route whose steered one somebody took away', () => {
    const taken = istio.snapshot(inputOf(plain));
    const vs = structuredClone(wrote(plain, 20, both, { taken }));
    (vs['spec'] as { http: unknown[] }).http.splice(2, 1);
    const [after] = applied([vs], istio.write(inputOf(vs, { taken }), { kind: 'restore' }));
    expect(httpOf(after)).toEqual([API]);
    expect(after?.metadata.annotations).toBeUndefined();
  });

  test('leaves the routes and marks of another Release alone', () => {
    const shared = virtualService([
      { ...structuredClone(MAIN), name: 'one' },
      { ...structuredClone(MAIN), name: 'two' },
    ]);
    const one = { routes: ['one'], taken: istio.snapshot(inputOf(shared, { routes: ['one'] })) };
    const two = { routes: ['two'], taken: istio.snapshot(inputOf(shared, { routes: ['two'] })) };
    const first = wrote(shared, 20, both, one);
    const mixed = wrote(first, 30, both, two);
    expect(httpOf(mixed)).toHaveLength(4);
    const [after] = applied([mixed], istio.write(inputOf(mixed, two), { kind: 'restore' }));
    expect(after).toEqual(first);
  });
});

describe('what somebody changes', () => {
  const taken = istio.snapshot(inputOf(plain));
  const what: Beside = { match: canaryHeader, mirror: 10 };
  const written = wrote(plain, 20, what, { taken });
  const edits: readonly (readonly [string, (http: Record<string, unknown>[]) => void, RegExp])[] = [
    [
      'takes the route away',
      (http) => void http.splice(1, 1),
      /the route serin-match-\w+, for requests that match, is gone/,
    ],
    ['moves it behind', (http) => void http.push(...http.splice(1, 1)), /is gone from its place/],
    [
      'lets it match more',
      (http) => void Object.assign(http[1] ?? {}, { match: [{}] }),
      /for requests that match, was changed/,
    ],
    ['sends it to stable', (http) => void Object.assign(http[1] ?? {}, { route: [to('v1')] }), /was changed/],
    [
      'mirrors more',
      (http) => void Object.assign(http[2] ?? {}, { mirrorPercentage: { value: 90 } }),
      /"main" does not mirror 10 %/,
    ],
    ['takes the mirror away', (http) => void delete http[2]?.['mirror'], /"main" does not mirror 10 %/],
  ];
  test.each(edits)('is told and put back: %s', (_name, edit, says) => {
    const vs = structuredClone(written);
    edit((vs['spec'] as { http: Record<string, unknown>[] }).http);
    const input = inputOf(vs, { taken, intendedWeight: 20, intendedBeside: what });
    const read = istio.read(input);
    expect('drift' in read ? read.drift : []).toEqual([expect.stringMatching(says)]);
    expect(applied([vs], istio.write(input, beside(20, what)))).toEqual([written]);
  });

  test('and what nobody changed is no drift', () => {
    const input = inputOf(written, { taken, intendedWeight: 20, intendedBeside: what });
    expect(istio.read(input)).toEqual({ kind: 'traffic', canaryWeight: 20, drift: [] });
    expect(istio.write(input, beside(20, what))).toEqual([]);
  });
});

test('of two workers with the same picture one writes, the other conflicts', () => {
  for (const vs of [plain, virtualService([{ route: [to('v1', 50), to('v2', 50)] }])]) {
    const patches = istio.write(inputOf(vs), beside(50, { match: { ...canaryHeader, share: 50 }, mirror: 10 }));
    const once = applied([vs], patches);
    expect(() => applied(once, patches)).toThrow();
  }
});

describe('in the mesh', () => {
  const endpoint = (version: string) => ({
    name: `web-${version}-0`,
    namespace: NAMESPACE,
    ip: version,
    labels: { app: 'web', version },
    ports: { http: 8080 },
  });
  const ports = [{ name: 'http', port: 80, targetPort: 'http' }];
  const sent = (vs: KubeObject, headers: Readonly<Record<string, string>>) => {
    const exposed = { ...vs, spec: { ...(vs['spec'] as object), hosts: ['*'], gateways: ['public'] } };
    const objects: MeshObjects = {
      virtualServices: [exposed],
      destinationRules: [OTHERS[2] as KubeObject],
      gateways: [
        {
          apiVersion: 'v1',
          kind: 'Gateway',
          metadata: { name: 'public', namespace: NAMESPACE },
          spec: { servers: [{ hosts: ['*'] }] },
        },
      ],
      httpRoutes: [],
      services: [{ ...service('web', { app: 'web' }), spec: { selector: { app: 'web' }, ports } }],
      endpoints: [endpoint('v1'), endpoint('v2')],
    };
    const routes = compileRoutes(objects, { kind: 'gateway', gateway: 'all', namespace: NAMESPACE, port: 80 });
    const decision = routes.route({ method: 'GET', authority: 'shop', path: '/', headers }, () => 0.5);
    if (decision.kind !== 'forward') throw new Error(`answered ${decision.status}`);
    return {
      to: decision.cluster.endpoints.map(({ endpoint: { ip } }) => ip).join(),
      copies: decision.mirrors.map(({ cluster }) => cluster.endpoints.map(({ endpoint: { ip } }) => ip).join()),
    };
  };

  test.each([
    [canaryHeader, { 'x-canary': '1' }, 'v2'],
    [canaryHeader, { 'x-canary': '11' }, 'v1'],
    [canaryHeader, {}, 'v1'],
    [{ headers: { 'x-canary': { prefix: 'be' } } }, { 'x-canary': 'beta' }, 'v2'],
    [{ headers: { 'x-canary': { regex: 'be|al' } } }, { 'x-canary': 'al' }, 'v2'],
    [{ headers: { 'x-canary': { regex: 'be|al' } } }, { 'x-canary': 'alpha' }, 'v1'],
    [groupB, { cookie: 'group=b' }, 'v2'],
    [groupB, { cookie: 'a=1; group=b; c=2' }, 'v2'],
    [groupB, { cookie: 'a=1;group=b' }, 'v2'],
    [groupB, { cookie: 'group=bb' }, 'v1'],
    [groupB, { cookie: 'xgroup=b' }, 'v1'],
    [groupB, { cookie: 'a=group=b' }, 'v1'],
    [{ cookies: { group: { exact: 'b.c' } } }, { cookie: 'group=bxc' }, 'v1'],
    [{ cookies: { group: { prefix: 'b' } } }, { cookie: 'group=beta; x=1' }, 'v2'],
    [{ cookies: { group: { prefix: 'b' } } }, { cookie: 'group=a; x=b' }, 'v1'],
    [{ cookies: { group: { regex: 'b|c' } } }, { cookie: 'group=c; x=1' }, 'v2'],
    [{ cookies: { group: { regex: 'b|c' } } }, { cookie: 'group=d' }, 'v1'],
  ] as const)('%j sends a request with %j to %s', (match, headers, version) => {
    expect(sent(wrote(plain, 0, { match }), headers as Record<string, string>).to).toBe(version);
  });

  test('copies go to the canary, and the answer is stable’s', () => {
    expect(sent(wrote(plain, 0, { mirror: 100 }), {})).toEqual({ to: 'v1', copies: ['v2'] });
    expect(sent(wrote(plain, 0, {}), {})).toEqual({ to: 'v1', copies: [] });
  });
});
