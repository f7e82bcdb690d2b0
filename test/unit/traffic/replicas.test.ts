import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { TrafficInput } from '../../../src/traffic/port.ts';
import { replicaCounts, replicas } from '../../../src/traffic/replicas.ts';
import {
  applied,
  arm,
  autoscaler,
  deployment,
  type Labels,
  NAMESPACE,
  objectSet,
  service,
} from '../../support/objects.ts';

const LABELS: Readonly<Record<string, Labels>> = {
  'web-v1': { app: 'web', version: 'v1' },
  'web-v2': { app: 'web', version: 'v2' },
};

function inputOf(
  objects: readonly KubeObject[],
  more: { readonly readyCanary?: number; readonly swapped?: boolean } & Partial<TrafficInput> = {},
): TrafficInput {
  const countOf = (name: string): number => {
    const found = objects.find((object) => object.metadata.name === name) ?? deployment(name);
    return (found['spec'] as { replicas: number }).replicas;
  };
  const [stable, canary] = more.swapped === true ? ['web-v2', 'web-v1'] : ['web-v1', 'web-v2'];
  return {
    namespace: NAMESPACE,
    spec: {
      workload: { pair: { members: ['web-v1', 'web-v2'] } },
      strategy: { canary: { stepWeights: [10, 50] } },
    },
    stable: arm(stable as string, LABELS[stable as string] ?? {}, countOf(stable as string)),
    canary: {
      ...arm(canary as string, LABELS[canary as string] ?? {}, countOf(canary as string)),
      readyReplicas: more.readyCanary ?? countOf(canary as string),
    },
    taken: more.taken,
    ...(more.intendedWeight === undefined ? {} : { intendedWeight: more.intendedWeight }),
    objects: objectSet(objects),
  };
}

const both = (v1: number, v2: number): readonly KubeObject[] => [
  deployment('web-v1', { replicas: v1 }),
  deployment('web-v2', { replicas: v2 }),
];
const counts = (objects: readonly KubeObject[]) =>
  objects
    .filter(({ kind }) => kind === 'Deployment')
    .map((object) => (object['spec'] as { replicas: number }).replicas);

describe('replica counts', () => {
  test.each([
    { total: 10, weight: 0, stable: 10, canary: 0 },
    { total: 10, weight: 5, stable: 10, canary: 1 },
    { total: 10, weight: 10, stable: 10, canary: 1 },
    { total: 10, weight: 25, stable: 10, canary: 3 },
    { total: 10, weight: 50, stable: 10, canary: 10 },
    { total: 10, weight: 75, stable: 4, canary: 10 },
    { total: 10, weight: 100, stable: 1, canary: 10 },
    { total: 1, weight: 50, stable: 1, canary: 1 },
    { total: 1, weight: 99, stable: 1, canary: 1 },
  ])('$total pods at $weight %: $stable and $canary', ({ total, weight, stable, canary }) => {
    expect(replicaCounts(total, weight)).toEqual({ stable, canary });
  });

  test('never more than the weight but for the smallest step of one pod, and never less capacity than before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 0, max: 100 }), (total, weight) => {
        const { stable, canary } = replicaCounts(total, weight);
        expect(stable).toBeGreaterThanOrEqual(1);
        expect(stable + canary).toBeGreaterThanOrEqual(total);
        expect(stable + canary).toBeLessThanOrEqual(2 * total);
        const isSmallestStep = canary === 1 || stable === 1;
        expect(canary / (stable + canary) <= weight / 100 || isSmallestStep).toBe(true);
        expect(canary === 0).toBe(weight === 0);
      }),
    );
  });
});

describe('the router without a router', () => {
  test('stable is reduced only as far as canary pods are ready', () => {
    const objects = both(4, 0);
    const taken = replicas.snapshot(inputOf(objects));
    const step = (list: readonly KubeObject[], readyCanary: number) =>
      applied(list, replicas.write(inputOf(list, { taken, readyCanary }), { kind: 'weight', canaryWeight: 80 }));
    const first = step(objects, 0);
    expect(counts(first)).toEqual([4, 4]);
    const second = step(first, 2);
    expect(counts(second)).toEqual([2, 4]);
    const third = step(second, 4);
    expect(counts(third)).toEqual([1, 4]);
    expect(replicas.write(inputOf(third, { taken }), { kind: 'weight', canaryWeight: 80 })).toEqual([]);
  });

  test('abort scales the canary to 0 and stable to exactly what it had', () => {
    const objects = both(7, 0);
    const taken = replicas.snapshot(inputOf(objects));
    const at80 = applied(
      objects,
      replicas.write(inputOf(objects, { taken, readyCanary: 7 }), { kind: 'weight', canaryWeight: 80 }),
    );
    const back = applied(at80, replicas.write(inputOf(at80, { taken }), { kind: 'restore' }));
    expect(counts(back)).toEqual([7, 0]);
  });

  test('abort works even when an autoscaler took the pair over meanwhile: the canary goes, stable is left to it', () => {
    const taken = replicas.snapshot(inputOf(both(7, 0)));
    const objects = [...both(3, 7), autoscaler('web-v1')];
    const back = applied(objects, replicas.write(inputOf(objects, { taken }), { kind: 'restore' }));
    expect(counts(back)).toEqual([3, 0]);
  });

  test('after the promotion the roles are swapped and the old version goes to 0', () => {
    const taken = replicas.snapshot(inputOf(both(7, 0)));
    const at100 = both(1, 7);
    const input = inputOf(at100, { taken, swapped: true });
    const after = applied(at100, replicas.write(input, { kind: 'weight', canaryWeight: 0 }));
    expect(counts(after)).toEqual([0, 7]);
    expect(counts(applied(at100, replicas.write(input, { kind: 'restore' })))).toEqual([0, 7]);
  });

  test('it writes through the scale subresource, guarded by the count that was read', () => {
    const patches = replicas.write(inputOf(both(4, 1)), { kind: 'weight', canaryWeight: 50 });
    expect(patches).toEqual([
      {
        kind: 'json',
        target: expect.objectContaining({ name: 'web-v2', namespace: NAMESPACE }),
        subresource: 'scale',
        operations: [
          { op: 'test', path: '/spec/replicas', value: 1 },
          { op: 'replace', path: '/spec/replicas', value: 4 },
        ],
        fieldManager: 'serin-traffic',
      },
    ]);
    expect(() => applied(both(4, 2), patches)).toThrow();
  });

  test('the share is reported as it is, and as intended where no pod could be nearer', () => {
    expect(replicas.read(inputOf(both(3, 1)))).toMatchObject({ canaryWeight: 25, drift: [] });
    expect(replicas.read(inputOf(both(4, 1), { intendedWeight: 5 }))).toMatchObject({ canaryWeight: 5 });
    expect(replicas.read(inputOf(both(0, 0)))).toMatchObject({ canaryWeight: undefined });
  });

  test('counts that somebody else changed are drift; those on the way to the goal are not', () => {
    const taken = { router: 'replicas', total: 4 };
    expect(replicas.read(inputOf(both(4, 3), { taken, intendedWeight: 25 }))).toMatchObject({
      drift: ['Replicas are 4 of "web-v1" and 3 of "web-v2" instead of 4 and 1.'],
    });
    const onTheWay = inputOf(both(4, 4), { taken, intendedWeight: 80, readyCanary: 3 });
    expect(replicas.read(onTheWay)).toMatchObject({ drift: [] });
  });

  test.each([
    {
      name: 'an autoscaled member',
      more: [autoscaler('web-v2')],
      says: 'HorizontalPodAutoscaler "web-v2-hpa" sets those of Deployment "web-v2". Remove the autoscaler for the pair',
    },
    {
      name: 'a Service that selects one version only',
      more: [service('web', { app: 'web', version: 'v1' })],
      says: 'Service "web" selects only the pods of "web-v1". Let its selector match both versions',
    },
  ])('refuses $name', ({ more, says }) => {
    const input = inputOf([...both(2, 0), ...more]);
    expect(replicas.read(input)).toMatchObject({ message: expect.stringContaining(says) });
    expect(replicas.write(input, { kind: 'weight', canaryWeight: 50 })).toEqual([]);
  });

  test('one Service for both is fine, also beside one for each; so is none at all', () => {
    const each = [service('web', { app: 'web' }), service('web-v1', { app: 'web', version: 'v1' })];
    for (const more of [each, [], [service('other', { app: 'other' })]]) {
      expect(replicas.read(inputOf([...both(2, 0), ...more]))).toMatchObject({ kind: 'traffic' });
    }
  });
});
