/** What every router must do, on every store: in memory, on the sandbox's API server and on the real one. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { KubeObject, Patch } from '../../src/api/meta.ts';
import { reasons } from '../../src/api/reasons.ts';
import type { ReleaseSpec } from '../../src/api/release.ts';
import type { Beside } from '../../src/release/steps.ts';
import type { ArmState, TrafficIntent } from '../../src/release/observed.ts';
import { istio } from '../../src/traffic/istio.ts';
import type { Router, TrafficInput } from '../../src/traffic/port.ts';
import { replicas } from '../../src/traffic/replicas.ts';
import type { ObjectSet } from '../../src/workloads/port.ts';
import { replicasOf } from '../../src/workloads/scale.ts';
import { TYPES } from '../../src/api/meta.ts';
import { controlPlaneStore, memoryStore, type ObjectStore, sandboxStore } from '../support/object-store.ts';
import {
  arm,
  autoscaler,
  deployment,
  destinationRule,
  frozen,
  NAMESPACE,
  service,
  virtualService,
} from '../support/objects.ts';
import { describeWith } from '../support/tools.ts';

/** A router with a small world in which it works, and one in which it cannot. */
interface Lab {
  readonly router: Router;
  readonly traffic: ReleaseSpec['traffic'];
  readonly objects: readonly KubeObject[];
  readonly broken: readonly KubeObject[];
  /** Somebody's edit that takes requests from where Serin put them. */
  readonly edit: Patch;
  /** It knows one request from another. */
  readonly tellsApart: boolean;
}

const labels = (version: string) => ({ app: 'web', version });
const pairOf = (v1: number, v2: number) => [
  deployment('web-v1', { replicas: v1 }),
  deployment('web-v2', { replicas: v2 }),
];
const destination = (subset: string) => ({ host: 'web', subset });
const routes = virtualService([
  { name: 'static', match: [{ uri: { prefix: '/static' } }], route: [{ destination: { host: 'cdn' } }] },
  {
    name: 'main',
    timeout: '3s',
    route: [{ destination: destination('v1'), headers: { request: { set: { a: '1' } } } }],
  },
  {
    route: [
      { destination: destination('v1'), weight: 80 },
      { destination: { host: 'cdn' }, weight: 20 },
      { destination: destination('v2'), weight: 0 },
    ],
  },
]);
const services = [service('web', { app: 'web' }), service('cdn', { app: 'cdn' })];
const subsets = destinationRule('web', { v1: { version: 'v1' }, v2: { version: 'v2' } });

const labs: readonly Lab[] = [
  {
    router: istio,
    tellsApart: true,
    traffic: { istio: { virtualService: { name: 'web' } } },
    objects: [...pairOf(4, 4), ...services, subsets, routes],
    broken: [...pairOf(4, 4), ...services, routes],
    edit: {
      kind: 'json',
      target: { type: TYPES.virtualService, namespace: NAMESPACE, name: 'web' },
      operations: [{ op: 'add', path: '/spec/http/1/route/0/weight', value: 7 }],
      fieldManager: 'somebody',
    },
  },
  {
    router: replicas,
    tellsApart: false,
    traffic: undefined,
    objects: [...pairOf(20, 0), ...services],
    broken: [...pairOf(20, 0), ...services, autoscaler('web-v2')],
    edit: {
      kind: 'json',
      target: { type: TYPES.deployment, namespace: NAMESPACE, name: 'web-v2' },
      operations: [{ op: 'replace', path: '/spec/replicas', value: 19 }],
      fieldManager: 'somebody',
    },
  },
];

const stores: readonly { readonly title: string; readonly start: () => Promise<ObjectStore> }[] = [
  { title: 'in memory', start: async () => memoryStore() },
  { title: 'on the sandbox’s API server', start: sandboxStore },
];

for (const { title, start } of stores) describe(`routers ${title}`, () => suites(start));
describeWith(['kube-apiserver'], 'routers on the real API server', () => suites(controlPlaneStore));

function suites(start: () => Promise<ObjectStore>): void {
  let store: ObjectStore;
  beforeAll(async () => {
    store = await start();
  });
  afterAll(async () => store?.stop());
  describe.each(labs.map((lab) => ({ ...lab, name: lab.router.name })))('$name', (lab) => suite(lab, () => store));
}

type Taken = TrafficInput['taken'];
interface View {
  readonly taken?: Taken;
  readonly swapped?: boolean;
  readonly intendedWeight?: number;
  readonly intendedBeside?: Beside;
}

function suite(lab: Lab, storeNow: () => ObjectStore): void {
  const { router } = lab;
  beforeEach(() => storeNow().reset(lab.objects));

  const armOf = (objects: ObjectSet, version: string): ArmState => {
    const member = objects.find(TYPES.deployment, NAMESPACE, `web-${version}`);
    return arm(`web-${version}`, labels(version), member === undefined ? 0 : replicasOf(member));
  };
  const inputOf = (
    objects: ObjectSet,
    { taken, swapped = false, intendedWeight, intendedBeside }: View = {},
  ): TrafficInput => ({
    namespace: NAMESPACE,
    spec: {
      workload: { pair: { members: ['web-v1', 'web-v2'] } },
      ...(lab.traffic === undefined ? {} : { traffic: lab.traffic }),
      strategy: { canary: { stepWeights: [5, 25, 50] } },
    },
    objects,
    stable: armOf(objects, swapped ? 'v2' : 'v1'),
    canary: armOf(objects, swapped ? 'v1' : 'v2'),
    taken,
    ...(intendedWeight === undefined ? {} : { intendedWeight }),
    ...(intendedBeside === undefined ? {} : { intendedBeside }),
  });
  const view = async (more?: View): Promise<TrafficInput> => inputOf(await storeNow().read(), more);

  /** Writes until nothing is left to write, as the controller does; counts the passes. */
  const settle = async (intent: TrafficIntent, more: View): Promise<number> => {
    for (let passes = 0; ; passes++) {
      const patches = router.write(await view(more), intent);
      if (patches.length === 0 || passes > 5) return passes;
      await storeNow().apply(patches);
    }
  };
  const weight = (canaryWeight: number): TrafficIntent => ({ kind: 'weight', canaryWeight });
  const specs = (objects: ObjectSet): unknown =>
    [TYPES.virtualService, TYPES.destinationRule, TYPES.service, TYPES.deployment].flatMap((type) =>
      objects.all(type, NAMESPACE).map((object) => ({ name: object.metadata.name, spec: object['spec'] })),
    );

  /** With the annotations, of which nothing may stay either. */
  const everything = async (): Promise<unknown> => {
    const objects = await storeNow().read();
    const marks = objects.all(TYPES.virtualService, NAMESPACE).map(({ metadata }) => metadata.annotations ?? {});
    return { specs: specs(objects), marks };
  };

  test('declares what it asks for and what it writes', async () => {
    const input = await view();
    const verbsOf = (kind: string, subresource?: string) =>
      router.needs
        .filter((need) => need.type.kind === kind && need.subresource === subresource)
        .flatMap((need) => need.verbs);
    for (const query of router.queries(input)) {
      const type = query.kind === 'object' ? query.ref.type : query.type;
      expect(verbsOf(type.kind)).toEqual(expect.arrayContaining(['get', 'list', 'watch']));
    }
    const patches = router.write(input, weight(50));
    expect(patches.length).toBeGreaterThan(0);
    for (const patch of patches) {
      expect(patch.fieldManager).toBe('serin-traffic');
      const subresource = patch.kind === 'json' ? patch.subresource : undefined;
      expect(verbsOf(patch.target.type.kind, subresource)).toContain('patch');
    }
  });

  test('guards every patch by what it read', async () => {
    for (const patch of router.write(await view(), weight(50))) {
      expect(patch.kind === 'json' ? patch.operations[0]?.op : 'apply').toMatch(/^(test|apply)$/);
    }
  });

  test('sees no canary before the first write', async () => {
    expect(router.read(await view())).toEqual({ kind: 'traffic', canaryWeight: 0, drift: [] });
    expect(router.write(await view(), weight(0))).toEqual([]);
  });

  test('brings every weight about, up and down, and then has nothing left to write', async () => {
    const taken = router.snapshot(await view());
    for (const canaryWeight of [5, 25, 50, 75, 100, 20, 0, 100, 0]) {
      expect(await settle(weight(canaryWeight), { taken })).toBeLessThanOrEqual(2);
      expect(router.read(await view({ taken, intendedWeight: canaryWeight }))).toEqual({
        kind: 'traffic',
        canaryWeight,
        drift: [],
      });
    }
  });

  test('two writers with the same reading do no more than one', async () => {
    const before = specs(await storeNow().read());
    const taken = router.snapshot(await view());
    const patches = router.write(await view({ taken }), weight(25));
    await storeNow().apply(patches);
    await storeNow()
      .apply(patches)
      .catch(() => undefined);
    await settle(weight(25), { taken });
    expect(router.read(await view({ taken, intendedWeight: 25 }))).toMatchObject({ canaryWeight: 25, drift: [] });
    await settle({ kind: 'restore' }, { taken });
    expect(specs(await storeNow().read())).toEqual(before);
  });

  test('gives back exactly what was there after an abort', async () => {
    const before = specs(await storeNow().read());
    const taken = router.snapshot(await view());
    for (const canaryWeight of [5, 50]) await settle(weight(canaryWeight), { taken });
    await settle({ kind: 'restore' }, { taken });
    expect(router.write(await view({ taken }), { kind: 'restore' })).toEqual([]);
    expect(specs(await storeNow().read())).toEqual(before);
  });

  const ASKED: readonly Beside[] = [
    { mirror: 10 },
    { mirror: 25, match: { headers: { 'x-canary': { exact: '1' } } } },
    { match: { cookies: { group: { prefix: 'b' } }, share: 50 } },
    {},
  ];
  test('brings about what is asked for beside weights, or leaves it alone where it cannot tell requests apart', async () => {
    const before = await everything();
    const taken = router.snapshot(await view());
    for (const beside of ASKED) {
      expect(await settle({ kind: 'weight', canaryWeight: 25, beside }, { taken })).toBeLessThanOrEqual(2);
      const plainly = router.write(await view({ taken }), weight(25));
      const isAsked = Object.keys(beside).length > 0;
      expect(plainly.length > 0).toBe(lab.tellsApart && isAsked);
      const seen = { taken, intendedWeight: 25, intendedBeside: beside };
      expect(router.read(await view(seen))).toEqual({ kind: 'traffic', canaryWeight: 25, drift: [] });
    }
    await settle({ kind: 'weight', canaryWeight: 25, beside: ASKED[1] ?? {} }, { taken });
    await settle({ kind: 'restore' }, { taken });
    expect(await everything()).toEqual(before);
  });

  test('after a promotion all requests stay with what is stable now, also when everything is given back', async () => {
    const taken = router.snapshot(await view());
    await settle(weight(100), { taken });
    const swapped = { taken, swapped: true };
    await settle(weight(0), swapped);
    expect(router.read(await view({ ...swapped, intendedWeight: 0 }))).toMatchObject({ canaryWeight: 0, drift: [] });
    await settle({ kind: 'restore' }, swapped);
    expect(router.read(await view({ swapped: true }))).toMatchObject({ canaryWeight: 0 });
    expect(router.write(await view(swapped), { kind: 'restore' })).toEqual([]);
  });

  test('three releases in a row', async () => {
    for (const swapped of [false, true, false]) {
      const taken = router.snapshot(await view({ swapped }));
      for (const canaryWeight of [25, 100]) await settle(weight(canaryWeight), { taken, swapped });
      await settle(weight(0), { taken, swapped: !swapped });
      await settle({ kind: 'restore' }, { taken, swapped: !swapped });
      expect(router.read(await view({ swapped: !swapped }))).toMatchObject({ canaryWeight: 0 });
    }
  });

  test('says what somebody changed, and puts it back', async () => {
    const taken = router.snapshot(await view());
    await settle(weight(25), { taken });
    await storeNow().apply([lab.edit]);
    const read = router.read(await view({ taken, intendedWeight: 25 }));
    expect(read).toMatchObject({ kind: 'traffic', drift: [expect.stringMatching(/ instead of .*\.$/)] });
    await settle(weight(25), { taken });
    expect(router.read(await view({ taken, intendedWeight: 25 }))).toEqual({
      kind: 'traffic',
      canaryWeight: 25,
      drift: [],
    });
  });

  test('refuses in words what it cannot steer, and writes nothing there', async () => {
    await storeNow().reset(lab.broken);
    const finding = router.read(await view());
    expect(finding).not.toHaveProperty('kind');
    if ('kind' in finding) return;
    expect(Object.keys(reasons)).toContain(finding.reason);
    expect(finding.message).toMatch(/\. [A-Z].*\.$/s);
    expect(router.write(await view(), weight(50))).toEqual([]);
  });

  test('remembers as JSON, and changes nothing that it is given', async () => {
    const input = frozen({ ...(await view()) });
    const taken = router.snapshot(input);
    expect(JSON.parse(JSON.stringify(taken))).toEqual(taken);
    router.read(input);
    router.write(input, weight(50));
    router.write({ ...input, taken: frozen(taken) }, { kind: 'restore' });
  });

  test('gives back nothing where nothing was taken', async () => {
    if (router.name === 'replicas') return;
    expect(router.write(await view(), { kind: 'restore' })).toEqual([]);
  });
}
