import { describe, expect, test } from 'vitest';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import { routerOf, routerThatTook, trafficHintOf } from '../../../src/traffic/registry.ts';
import { workloadAdapterOf } from '../../../src/workloads/registry.ts';
import { arm } from '../../support/objects.ts';

const workload = {
  kind: 'workload' as const,
  stable: arm('web-v1', {}),
  canary: arm('web-v2', {}),
  isAutoscaled: false,
};

describe('adapters are found by the field that is present', () => {
  test.each([
    { traffic: undefined, found: { name: 'replicas' } },
    { traffic: { istio: { virtualService: { name: 'web' } } }, found: { name: 'istio' } },
    { traffic: {}, found: { reason: 'InvalidSpec', message: expect.stringContaining('Write exactly one of: istio') } },
    { traffic: { replicas: {} }, found: { reason: 'InvalidSpec' } },
    { traffic: { istio: {}, ingress: {} }, found: { message: expect.stringContaining('the fields istio, ingress') } },
  ])('router of $traffic', ({ traffic, found }) => {
    expect(routerOf({ traffic } as unknown as ReleaseSpec)).toMatchObject(found);
  });

  test.each([
    { workload: { pair: { members: ['a', 'b'] } }, found: { name: 'pair' } },
    { workload: {}, found: { reason: 'InvalidSpec' } },
    { workload: undefined, found: { reason: 'InvalidSpec' } },
    { workload: { deployment: { name: 'a' } }, found: { name: 'deployment' } },
    { workload: { kruise: { name: 'a' } }, found: { message: expect.stringContaining('the fields kruise') } },
  ])('adapter of $workload', ({ workload: named, found }) => {
    expect(workloadAdapterOf({ workload: named } as unknown as ReleaseSpec)).toMatchObject(found);
  });

  test('what was taken is given back by the router that took it', () => {
    expect(routerThatTook({ traffic: { router: 'istio' } })?.name).toBe('istio');
    expect(routerThatTook({ traffic: { router: 'replicas', total: 2 } })?.name).toBe('replicas');
    expect(routerThatTook(undefined)).toBeUndefined();
    expect(routerThatTook({ traffic: { router: 'gone' } })).toBeUndefined();
  });

  test.each([
    { canaryWeight: 0, hint: 'web-v1' },
    { canaryWeight: 49, hint: 'web-v1' },
    { canaryWeight: 100, hint: 'web-v2' },
    { canaryWeight: 50, hint: undefined },
    { canaryWeight: undefined, hint: undefined },
  ])('at $canaryWeight % the live one is $hint', ({ canaryWeight, hint }) => {
    expect(trafficHintOf(workload, { kind: 'traffic', canaryWeight, drift: [] })).toBe(hint);
  });
});
