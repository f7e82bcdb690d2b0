import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import { istio } from '../../../src/traffic/istio.ts';
import type { TrafficInput } from '../../../src/traffic/port.ts';
import { applied, arm, destinationRule, NAMESPACE, objectSet, service, virtualService } from '../../support/objects.ts';

const V1 = arm('web-v1', { app: 'web', version: 'v1' });
const V2 = arm('web-v2', { app: 'web', version: 'v2' });
const SERVICES = [
  service('web', { app: 'web' }),
  service('web-stable', { app: 'web', version: 'v1' }),
  service('web-canary', { app: 'web', version: 'v2' }),
  service('api', { app: 'api' }),
];
const RULES = [destinationRule('web', { v1: { version: 'v1' }, v2: { version: 'v2' } })];

const to = (subset: string, weight?: number, host = 'web') => ({
  destination: { host, subset },
  ...(weight === undefined ? {} : { weight }),
});
const toHost = (host: string, weight?: number) => ({
  destination: { host },
  ...(weight === undefined ? {} : { weight }),
});

type Istio = NonNullable<NonNullable<ReleaseSpec['traffic']>['istio']>;

function inputOf(
  routes: KubeObject | readonly unknown[],
  more: Partial<TrafficInput> & {
    readonly istio?: Partial<Istio>;
    readonly others?: readonly KubeObject[];
    readonly stepWeights?: number[];
  } = {},
): TrafficInput & { readonly list: readonly KubeObject[] } {
  const vs = 'kind' in routes ? (routes as KubeObject) : virtualService(routes as readonly unknown[]);
  const list = [vs, ...(more.others ?? [...SERVICES, ...RULES])];
  return {
    namespace: NAMESPACE,
    spec: {
      workload: { pair: { members: ['web-v1', 'web-v2'] } },
      traffic: { istio: { virtualService: { name: 'web' }, ...more.istio } },
      strategy: { canary: { stepWeights: more.stepWeights ?? [5, 25, 50] } },
    },
    stable: more.stable ?? V1,
    canary: 'canary' in more ? more.canary : V2,
    taken: more.taken,
    ...(more.intendedWeight === undefined ? {} : { intendedWeight: more.intendedWeight }),
    objects: objectSet(list),
    list,
  };
}

function httpOf([vs]: readonly KubeObject[]): readonly { readonly route?: unknown }[] {
  const spec = vs?.['spec'] as { readonly http: readonly { readonly route?: unknown }[] } | undefined;
  return spec?.http ?? [];
}

function written(input: ReturnType<typeof inputOf>, canaryWeight: number): readonly KubeObject[] {
  return applied(input.list, istio.write(input, { kind: 'weight', canaryWeight }));
}

describe('weights', () => {
  test.each([
    {
      name: 'between subsets',
      route: [to('v1', 100), to('v2', 0)],
      weight: 25,
      then: [to('v1', 75), to('v2', 25)],
    },
    {
      name: 'between subsets, the canary first',
      route: [to('v2', 0), to('v1', 100)],
      weight: 25,
      then: [to('v2', 25), to('v1', 75)],
    },
    {
      name: 'between hosts',
      route: [toHost('web-stable', 100), toHost('web-canary', 0)],
      weight: 10,
      then: [toHost('web-stable', 90), toHost('web-canary', 10)],
    },
    {
      name: 'between a subset and a host',
      route: [to('v1', 100), toHost('web-canary', 0)],
      weight: 30,
      then: [to('v1', 70), toHost('web-canary', 30)],
    },
    {
      name: 'between fully qualified hosts',
      route: [toHost('web-stable.shop.svc.cluster.local', 100), toHost('web-canary.shop.svc.cluster.local')],
      weight: 10,
      then: [toHost('web-stable.shop.svc.cluster.local', 90), toHost('web-canary.shop.svc.cluster.local', 10)],
    },
    {
      name: 'a missing weight beside another is nothing, and gets one',
      route: [to('v1', 100), to('v2')],
      weight: 5,
      then: [to('v1', 95), to('v2', 5)],
    },
    {
      name: 'the only destination has everything; the canary is added beside it',
      route: [to('v1')],
      weight: 5,
      then: [to('v1', 95), to('v2', 5)],
    },
    {
      name: 'a Service of the canary is added where hosts are weighed',
      route: [toHost('web-stable')],
      weight: 5,
      then: [toHost('web-stable', 95), toHost('web-canary', 5)],
    },
    {
      name: 'a qualified host is completed in the same spelling',
      route: [toHost('web-stable.shop.svc.cluster.local')],
      weight: 5,
      then: [toHost('web-stable.shop.svc.cluster.local', 95), toHost('web-canary.shop.svc.cluster.local', 5)],
    },
    {
      name: 'parts that are no percentages become percentages',
      route: [to('v1', 3), to('v2', 1)],
      weight: 5,
      then: [to('v1', 95), to('v2', 5)],
    },
    {
      name: 'equal shares in other numbers are left alone',
      route: [to('v1', 3), to('v2', 1)],
      weight: 25,
      then: [to('v1', 3), to('v2', 1)],
    },
    {
      name: 'other destinations keep their share; the arms split theirs',
      route: [to('v1', 80), toHost('api', 20), to('v2', 0)],
      weight: 25,
      then: [to('v1', 60), toHost('api', 20), to('v2', 20)],
    },
    {
      name: 'a share that does not divide is rounded down: never more than was judged',
      route: [to('v1', 50), toHost('api', 50)],
      weight: 25,
      then: [to('v1', 38), toHost('api', 50), to('v2', 12)],
    },
    {
      name: 'weight 0 adds nothing',
      route: [to('v1')],
      weight: 0,
      then: [to('v1')],
    },
    {
      name: 'a route that leads to the canary only gets the stable version back',
      route: [to('v2')],
      weight: 0,
      then: [to('v2', 0), to('v1', 100)],
    },
    {
      name: '100 is all of it',
      route: [to('v1', 90), to('v2', 10)],
      weight: 100,
      then: [to('v1', 0), to('v2', 100)],
    },
  ])('$name', ({ route, weight, then }) => {
    const input = inputOf([{ route }], { stepWeights: [25] });
    const after = written(input, weight);
    expect(httpOf(after)[0]?.route).toEqual(then);
    const again = inputOf(after[0] as KubeObject, { stepWeights: [25] });
    expect(istio.write(again, { kind: 'weight', canaryWeight: weight })).toEqual([]);
  });

  test('an added destination keeps port, headers and unknown fields of the one it stands beside', () => {
    const entry = {
      destination: { host: 'web', subset: 'v1', port: { number: 80 } },
      headers: { request: { set: { a: '1' } } },
      later: true,
    };
    const after = written(inputOf([{ route: [entry] }]), 10);
    expect(httpOf(after)[0]?.route).toEqual([
      { ...entry, weight: 90 },
      { ...entry, destination: { ...entry.destination, subset: 'v2' }, weight: 10 },
    ]);
  });

  test('only the named routes are steered', () => {
    const http = [
      { name: 'main', route: [to('v1')] },
      { name: 'static', route: [to('v1')] },
    ];
    const input = inputOf(http, { istio: { virtualService: { name: 'web', routes: ['main'] } } });
    const after = written(input, 10);
    expect(httpOf(after)).toEqual([{ name: 'main', route: [to('v1', 90), to('v2', 10)] }, http[1]]);
  });

  test('without names every route that leads to the versions is steered, and no other', () => {
    const http = [
      { match: [{ uri: { prefix: '/old' } }], redirect: { uri: '/new' } },
      { match: [{ uri: { prefix: '/api' } }], route: [toHost('api')] },
      { match: [{ headers: { a: { exact: '1' } } }], route: [to('v1')] },
      { route: [to('v1'), to('v2', 100)], timeout: '3s', mirror: { host: 'web', subset: 'v2' } },
    ];
    const after = httpOf(written(inputOf(http), 10));
    expect(after.slice(0, 2)).toEqual(http.slice(0, 2));
    expect(after[2]).toEqual({ ...http[2], route: [to('v1', 90), to('v2', 10)] });
    expect(after[3]).toEqual({ ...http[3], route: [to('v1', 90), to('v2', 10)] });
  });

  test('less for the canary is guarded by the destinations alone, and written by serin-traffic', () => {
    const http = [
      { match: [{ uri: { prefix: '/x' } }], route: [toHost('api')] },
      { name: 'main', route: [to('v1', 90), to('v2', 10)] },
    ];
    expect(istio.write(inputOf(http), { kind: 'weight', canaryWeight: 5 })).toEqual([
      {
        kind: 'json',
        target: expect.objectContaining({ namespace: NAMESPACE, name: 'web' }),
        fieldManager: 'serin-traffic',
        operations: [
          { op: 'test', path: '/spec/http/1/name', value: 'main' },
          { op: 'test', path: '/spec/http/1/route/0/destination', value: { host: 'web', subset: 'v1' } },
          { op: 'test', path: '/spec/http/1/route/1/destination', value: { host: 'web', subset: 'v2' } },
          { op: 'replace', path: '/spec/http/1/route/0/weight', value: 95 },
          { op: 'replace', path: '/spec/http/1/route/1/weight', value: 5 },
        ],
      },
    ]);
  });

  test('more for the canary is refused where anybody wrote the weights since they were read; less is not', () => {
    const read = inputOf([{ route: [to('v1', 50), to('v2', 50)] }]);
    const aborted = inputOf([{ route: [to('v1', 100), to('v2', 0)] }]);
    const write = (canaryWeight: number) => istio.write(read, { kind: 'weight', canaryWeight });
    for (const raise of [75, 100]) expect(() => applied(aborted.list, write(raise))).toThrow();
    for (const lower of [25, 0]) expect(() => applied(aborted.list, write(lower))).not.toThrow();
  });

  test('a destination is added only to the list that was read, so two writers cannot add it twice', () => {
    const patches = istio.write(inputOf([{ route: [to('v1')] }]), { kind: 'weight', canaryWeight: 25 });
    const changed = inputOf([{ route: [to('v1', 75), to('v2', 25)] }]);
    expect(() => applied(changed.list, patches)).toThrow();
  });

  test('a weight is not written to a route that became another one since it was read', () => {
    const patches = istio.write(inputOf([{ route: [to('v1', 90), to('v2', 10)] }]), {
      kind: 'weight',
      canaryWeight: 25,
    });
    const changed = inputOf([{ route: [toHost('api', 90), to('v2', 10)] }]);
    expect(() => applied(changed.list, patches)).toThrow();
  });
});

describe('giving back', () => {
  test('remembers where each version is reached, also where no route led to it yet', () => {
    expect(istio.snapshot(inputOf([{ route: [to('v1')] }]))?.['destinations']).toEqual([
      { workload: 'web-v1', destination: { host: 'web', subset: 'v1' } },
      { workload: 'web-v2', destination: { host: 'web', subset: 'v2' } },
    ]);
  });

  test('a third destination whose subset is gone is nobody’s to give back', () => {
    const three = destinationRule('web', { v1: { version: 'v1' }, v2: { version: 'v2' }, v0: { version: 'v0' } });
    const route = [to('v1', 90), to('v2', 0), to('v0', 10)];
    const taken = istio.snapshot(inputOf([{ route }], { others: [...SERVICES, three] }));
    expect(istio.unrestored?.(inputOf([{ route }], { taken }))).toBeUndefined();
  });

  function roundTrip(http: readonly unknown[], swapped: boolean): readonly unknown[] {
    const first = inputOf(http, { stepWeights: [25] });
    const taken = istio.snapshot(first);
    const after = [25, 100].reduce<readonly KubeObject[]>(
      (list, weight) => written(inputOf(list[0] as KubeObject, { taken, stepWeights: [25] }), weight),
      first.list,
    );
    const arms = swapped ? { stable: V2, canary: V1 } : {};
    const input = inputOf(after[0] as KubeObject, { taken, stepWeights: [25], ...arms });
    return httpOf(applied(input.list, istio.write(input, { kind: 'restore' })));
  }

  test.each([
    { name: 'both with weights', route: [to('v1', 100), to('v2', 0)] },
    { name: 'parts that are no percentages', route: [to('v1', 7), to('v2', 0)] },
    { name: 'a canary without weight', route: [to('v1', 100), to('v2')] },
    { name: 'one destination without weight', route: [to('v1')] },
    { name: 'one destination with a weight', route: [to('v1', 100)] },
    { name: 'one destination with weight 0, which Istio reads as all', route: [to('v1', 0)] },
    { name: 'beside another destination', route: [to('v1', 80), toHost('api', 20)] },
  ])('after an abort everything is as it was: $name', ({ route }) => {
    expect(roundTrip([{ name: 'main', route }], false)).toEqual([{ name: 'main', route }]);
  });

  test.each([
    { name: 'both with weights', route: [to('v1', 100), to('v2', 0)], then: [to('v1', 0), to('v2', 100)] },
    { name: 'parts that are no percentages', route: [to('v1', 3), to('v2', 1)], then: [to('v1', 0), to('v2', 4)] },
    { name: 'a canary without weight', route: [to('v1', 100), to('v2')], then: [to('v1', 0), to('v2', 100)] },
    { name: 'one destination without weight', route: [to('v1')], then: [to('v2')] },
    { name: 'one destination with a weight', route: [to('v1', 100)], then: [to('v2', 100)] },
    {
      name: 'beside another destination',
      route: [to('v1', 80), toHost('api', 20)],
      then: [to('v2', 80), toHost('api', 20)],
    },
  ])('after a promotion the shape is as it was, with the traffic on the new stable: $name', ({ route, then }) => {
    expect(roundTrip([{ name: 'main', route }], true)).toEqual([{ name: 'main', route: then }]);
  });

  test('restoring twice writes nothing the second time', () => {
    const input = inputOf([{ route: [to('v1')] }], { stepWeights: [25] });
    const taken = istio.snapshot(input);
    const after = written(input, 25);
    const back = inputOf(after[0] as KubeObject, { taken });
    const restored = applied(back.list, istio.write(back, { kind: 'restore' }));
    expect(istio.write(inputOf(restored[0] as KubeObject, { taken }), { kind: 'restore' })).toEqual([]);
  });

  test('what others changed meanwhile stays: a rule before, a timeout, another destination', () => {
    const input = inputOf([{ name: 'main', route: [to('v1')] }]);
    const taken = istio.snapshot(input);
    const edited = [
      { name: 'new', route: [toHost('api')] },
      { name: 'main', timeout: '9s', route: [to('v1', 75), to('v2', 25)] },
    ];
    const back = inputOf(edited, { taken });
    expect(httpOf(applied(back.list, istio.write(back, { kind: 'restore' })))).toEqual([
      { name: 'new', route: [toHost('api')] },
      { name: 'main', timeout: '9s', route: [to('v1')] },
    ]);
  });

  test('it is the VirtualService that was taken that gets back, even when the spec names another by now', () => {
    const taken = istio.snapshot(inputOf([{ route: [to('v1')] }]));
    const back = inputOf([{ route: [to('v1', 75), to('v2', 25)] }], {
      taken,
      istio: { virtualService: { name: 'other' } },
    });
    expect(httpOf(applied(back.list, istio.write(back, { kind: 'restore' })))[0]?.route).toEqual([to('v1')]);
  });

  test('a rule that came later gives up the canary too', () => {
    const taken = istio.snapshot(inputOf([{ name: 'main', route: [to('v1')] }]));
    const edited = [
      { name: 'main', route: [to('v1', 75), to('v2', 25)] },
      { name: 'later', route: [to('v1', 75), to('v2', 25)] },
      { name: 'unrelated', route: [toHost('api')] },
    ];
    const back = inputOf(edited, { taken });
    expect(httpOf(applied(back.list, istio.write(back, { kind: 'restore' })))).toEqual([
      { name: 'main', route: [to('v1')] },
      { name: 'later', route: [to('v1', 100), to('v2', 0)] },
      edited[2],
    ]);
  });

  test('routes that cannot be steered any more still give up the canary', () => {
    const taken = istio.snapshot(inputOf([{ name: 'main', route: [to('v1')] }]));
    const broken = [{ name: 'main', route: [to('v1', 50), toHost('web-stable', 25), to('v2', 25)] }];
    const back = inputOf(broken, { taken });
    expect(istio.read(back)).toHaveProperty('reason');
    const [main] = httpOf(applied(back.list, istio.write(back, { kind: 'restore' })));
    expect(main?.route).toEqual([to('v1', 100), toHost('web-stable', 0)]);
  });

  test('a destination that somebody added beside the only one keeps its share', () => {
    const taken = istio.snapshot(inputOf([{ name: 'main', route: [to('v1')] }]));
    const back = inputOf([{ name: 'main', route: [to('v1', 75), to('v2', 25), toHost('api', 50)] }], { taken });
    const [main] = httpOf(applied(back.list, istio.write(back, { kind: 'restore' })));
    expect(main?.route).toEqual([to('v1', 100), toHost('api', 50)]);
  });

  test('a VirtualService that is gone gives nothing to write', () => {
    const taken = istio.snapshot(inputOf([{ route: [to('v1')] }]));
    const input = inputOf([], { taken });
    expect(istio.write({ ...input, objects: objectSet([]) }, { kind: 'restore' })).toEqual([]);
  });
});

describe('reading', () => {
  test.each([
    { name: 'no weight at all', http: [{ route: [to('v1')] }], weight: 0 },
    { name: 'all on the canary', http: [{ route: [to('v2')] }], weight: 100 },
    { name: 'a quarter', http: [{ route: [to('v1', 75), to('v2', 25)] }], weight: 25 },
    { name: 'a quarter in small parts', http: [{ route: [to('v1', 3), to('v2', 1)] }], weight: 25 },
    {
      name: 'rules that agree',
      http: [
        { match: [{ uri: { prefix: '/' } }], route: [to('v1', 3), to('v2', 1)] },
        { route: [to('v1', 75), to('v2', 25)] },
      ],
      weight: 25,
    },
    {
      name: 'rules that agree but for rounding',
      http: [
        { name: 'a', route: [to('v1', 38), toHost('api', 50), to('v2', 12)] },
        { name: 'b', route: [to('v1', 75), to('v2', 25)] },
      ],
      weight: 25,
    },
    {
      name: 'rules that disagree',
      http: [
        { name: 'a', route: [to('v1', 50), to('v2', 50)] },
        { name: 'b', route: [to('v1', 75), to('v2', 25)] },
      ],
      weight: undefined,
    },
    { name: 'no canary yet', http: [{ route: [to('v1')] }], weight: 0, canary: undefined },
  ])('$name: $weight', ({ http, weight, ...more }) => {
    expect(istio.read(inputOf(http, { stepWeights: [25], ...more }))).toMatchObject({
      kind: 'traffic',
      canaryWeight: weight,
    });
  });

  test.each<{ name: string; http: readonly unknown[]; routes?: string[]; is: boolean }>([
    {
      name: 'all routes to the versions are steered',
      http: [
        { name: 'a', route: [to('v1')] },
        { name: 'b', route: [to('v1')] },
        { name: 'api', route: [toHost('api')] },
      ],
      is: false,
    },
    {
      name: 'one of them is named',
      http: [
        { name: 'a', route: [to('v1')] },
        { name: 'b', route: [to('v1')] },
      ],
      routes: ['a'],
      is: true,
    },
    {
      name: 'the only one of them is named',
      http: [
        { name: 'a', route: [to('v1')] },
        { name: 'api', route: [toHost('api')] },
      ],
      routes: ['a'],
      is: false,
    },
    {
      name: 'another one is delegated',
      http: [
        { name: 'a', match: [{ uri: { prefix: '/a' } }], delegate: { name: 'child' } },
        { name: 'b', route: [to('v1')] },
      ],
      is: true,
    },
  ])('$name: part of the requests $is', ({ http, routes, is }) => {
    const istioSpec = { virtualService: { name: 'web', ...(routes === undefined ? {} : { routes }) } };
    const state = istio.read(inputOf(http, { istio: istioSpec }));
    expect(state).toMatchObject({ kind: 'traffic', canaryWeight: 0 });
    expect('isPartial' in state).toBe(is);
  });

  test('drift says what is different and who changed it', () => {
    const taken = istio.snapshot(inputOf([{ name: 'main', route: [to('v1', 100), to('v2', 0)] }]));
    const vs = virtualService([{ name: 'main', route: [to('v1', 50), to('v2', 50)] }]);
    const managedFields = [
      { manager: 'serin-traffic', time: '2026-01-01T10:00:00Z' },
      { manager: 'kubectl-edit', time: '2026-01-01T09:00:00Z' },
    ];
    const edited = { ...vs, metadata: { ...vs.metadata, managedFields } };
    expect(istio.read(inputOf(edited, { taken, intendedWeight: 25 }))).toMatchObject({
      drift: [
        'VirtualService "web": http route "main" has 50 weight for subset "v1" of "web" and 50 weight for subset "v2" of "web" instead of 75 weight for subset "v1" of "web" and 25 weight for subset "v2" of "web" (last changed by kubectl-edit at 2026-01-01T09:00:00Z).',
      ],
    });
    expect(istio.read(inputOf(edited, { taken, intendedWeight: 50 }))).toMatchObject({ drift: [] });
  });

  test('a steered route that was removed is drift', () => {
    const taken = istio.snapshot(
      inputOf([
        { name: 'main', route: [to('v1')] },
        { name: 'b', route: [to('v1')] },
      ]),
    );
    expect(istio.read(inputOf([{ name: 'b', route: [to('v1')] }], { taken, intendedWeight: 0 }))).toMatchObject({
      drift: ['VirtualService "web": the route name/main/0 is gone.'],
    });
  });
});

describe('what cannot be steered is said with the field and the fix', () => {
  const named = (...routes: string[]) => ({ istio: { virtualService: { name: 'web', routes } } });

  test.each([
    {
      name: 'no such VirtualService',
      http: [{ route: [to('v1')] }],
      more: { istio: { virtualService: { name: 'nope' } } },
      reason: 'RouteNotFound',
      says: 'spec.traffic.istio.virtualService.name is "nope", but namespace shop has no VirtualService of that name. Create it; to name another, delete this Release and make it anew.',
    },
    {
      name: 'no such DestinationRule',
      http: [{ route: [to('v1')] }],
      more: { istio: { destinationRule: { name: 'nope' } } },
      reason: 'RouteNotFound',
      says: 'spec.traffic.istio.destinationRule.name is "nope", but namespace shop has no DestinationRule of that name.',
    },
    {
      name: 'no such route',
      http: [
        { name: 'api', route: [to('v1')] },
        { name: 'static', route: [to('v1')] },
      ],
      more: named('main'),
      reason: 'RouteNotFound',
      says: 'spec.traffic.istio.virtualService "web" has no http route named "main" (it has: api, static). Name one of these, or leave `routes` out to steer all of them.',
    },
    {
      name: 'no route has a name',
      http: [{ route: [to('v1')] }],
      more: named('main'),
      reason: 'RouteNotFound',
      says: '(none of its http routes has a name)',
    },
    {
      name: 'a named route that is for something else',
      http: [{ name: 'api', route: [toHost('api')] }],
      more: named('api'),
      reason: 'RouteNotUnderstood',
      says: 'http route "api" gives no requests to web-v1 and web-v2.',
    },
    {
      name: 'no route for the versions at all',
      http: [{ name: 'api', route: [toHost('api')] }],
      more: {},
      reason: 'RouteNotFound',
      says: 'has no http route that leads to web-v1 and web-v2.',
    },
    {
      name: 'routes that are all delegated',
      http: [{ delegate: { name: 'web-child' } }],
      more: {},
      reason: 'RouteNotFound',
      says: 'it delegates to web-child. To name the one among these that routes to them, delete this Release and make it anew.',
    },
    {
      name: 'two destinations for one version',
      http: [{ route: [to('v1', 50), toHost('web-stable', 50)] }],
      more: {},
      reason: 'RouteNotUnderstood',
      says: 'http route #1 has two destinations for web-v1: subset "v1" of "web" and host "web-stable". Leave one of them.',
    },
    {
      name: 'a destination for both',
      http: [{ route: [toHost('web')] }],
      more: {},
      reason: 'RouteNotUnderstood',
      says: 'host "web", which selects the pods of web-v1 and web-v2 alike. Let it name a subset (or a Service) of each.',
    },
    {
      name: 'a subset that nobody defines',
      http: [{ route: [to('v1', 90), to('v9', 10)] }],
      more: {},
      reason: 'RouteNotUnderstood',
      says: 'subset "v9" of "web", which no DestinationRule defines.',
    },
    {
      name: 'no subset for the canary',
      http: [{ route: [to('v1')] }],
      more: { others: [service('web', { app: 'web' }), destinationRule('web', { v1: { version: 'v1' } })] },
      reason: 'RouteNotUnderstood',
      says: 'no subset of that host or Service selects the pods of web-v2 alone (labels app=web, version=v2). Add such a subset to the DestinationRule.',
    },
    {
      name: 'a DestinationRule for another host',
      http: [{ route: [to('v1')] }],
      more: {
        istio: { destinationRule: { name: 'api' } },
        others: [...SERVICES, ...RULES, destinationRule('api', { v1: { version: 'v1' } })],
      },
      reason: 'RouteNotUnderstood',
      says: 'which no DestinationRule defines',
    },
    {
      name: 'a named redirect',
      http: [{ name: 'main', redirect: { uri: '/x' } }],
      more: named('main'),
      reason: 'RouteNotUnderstood',
      says: 'has a `redirect` and no destinations to weigh.',
    },
    {
      name: 'a named delegate',
      http: [{ name: 'main', delegate: { name: 'web-child' } }],
      more: named('main'),
      reason: 'RouteNotUnderstood',
      says: 'has a `delegate` and no destinations to weigh. To name the VirtualService that it delegates to',
    },
    {
      name: 'only tcp and tls',
      http: virtualService([], { http: undefined, tcp: [{ route: [] }, {}], tls: [{}] }),
      more: {},
      reason: 'RouteNotUnderstood',
      says: 'has only tcp and tls routes. Serin steers http routes',
    },
    {
      name: 'parts too coarse for the plan',
      http: [{ route: [to('v1', 2), toHost('api', 1)] }],
      more: {},
      reason: 'RouteNotUnderstood',
      says: 'gives web-v1 and web-v2 2 parts together, too few for a weight of 5. Multiply all weights of this route by 100.',
    },
  ])('$name', ({ http, more, reason, says }) => {
    const input = inputOf(http, more);
    expect(istio.read(input)).toMatchObject({ reason, message: expect.stringContaining(says) });
    expect(istio.write(input, { kind: 'weight', canaryWeight: 50 })).toEqual([]);
  });

  test('nothing that stands in a VirtualService makes it throw', () => {
    for (const http of [null, 'x', {}, [null, 1, 'x', [], { route: null }, { route: [null, 1, {}] }, { route: 'x' }]]) {
      const input = inputOf(virtualService([], { http }));
      expect(istio.read(input)).toHaveProperty('reason');
      expect(istio.write(input, { kind: 'restore' })).toEqual([]);
    }
  });
});
