import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { createReferenceIndex, deploymentOf } from '../../../src/controller/references.ts';

const release = (name: string, spec: Record<string, unknown>): KubeObject => ({
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'Release',
  metadata: { name, namespace: 'shop' },
  spec,
});
const object = (kind: string, name: string, over: Record<string, unknown> = {}, namespace = 'shop'): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, ...(namespace === '' ? {} : { namespace }), ...(over['metadata'] as object | undefined) },
  ...Object.fromEntries(Object.entries(over).filter(([key]) => key !== 'metadata')),
});
const owned = (kind: string, name: string, labels: Record<string, string> = {}) => ({
  metadata: { labels, ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: 'u', controller: true }] },
});

const web = release('web', {
  workload: { pair: { members: ['web-v1', 'web-v2'] } },
  traffic: { istio: { virtualService: { name: 'web' } } },
  analysis: { templates: [{ name: 'own' }, { name: 'shared', clusterScope: true }] },
});
const cart = release('cart', {
  workload: { pair: { members: ['cart-v1', 'cart-v2'] } },
  traffic: { istio: { virtualService: { name: 'cart' }, destinationRule: { name: 'cart' } } },
});

describe('a Rollout of OpenKruise, whose workload only it names', () => {
  const index = createReferenceIndex();
  index.put(release('web', { workload: { kruiseRollout: { name: 'web' } } }));
  index.put(cart);

  test.each([
    { of: object('Rollout', 'web'), keys: ['shop/web'] },
    { of: object('Rollout', 'other'), keys: [] },
    { of: object('Deployment', 'any'), keys: ['shop/web'] },
    { of: object('ReplicaSet', 'any-abc', owned('Deployment', 'any')), keys: ['shop/web'] },
    { of: object('StatefulSet', 'any'), keys: ['shop/web'] },
    { of: object('DaemonSet', 'any'), keys: ['shop/web'] },
    { of: object('CloneSet', 'any'), keys: ['shop/web'] },
    { of: object('ControllerRevision', 'any-abc', owned('StatefulSet', 'any')), keys: ['shop/web'] },
    { of: object('Pod', 'any-0', owned('StatefulSet', 'any')), keys: ['shop/web'] },
    { of: object('Pod', 'loose'), keys: ['shop/web'] },
    { of: object('TrafficRouting', 'lane'), keys: ['shop/web'] },
    { of: object('Pod', 'any-0', {}, 'test'), keys: [] },
  ])('$of.kind $of.metadata.name: $keys', ({ of, keys }) => {
    expect([...index.releasesOf(of)]).toEqual(keys);
  });
});

describe('references', () => {
  const index = createReferenceIndex();
  index.put(web);
  index.put(cart);

  test.each([
    { name: 'a member', of: object('Deployment', 'web-v2'), keys: ['shop/web'] },
    {
      name: 'a pod of a member',
      of: object('Pod', 'web-v1-abc-1', owned('ReplicaSet', 'web-v1-abc', { 'pod-template-hash': 'abc' })),
      keys: ['shop/web'],
    },
    {
      name: 'a ReplicaSet of a member',
      of: object('ReplicaSet', 'cart-v1-abc', owned('Deployment', 'cart-v1')),
      keys: ['shop/cart'],
    },
    { name: 'the VirtualService', of: object('VirtualService', 'web'), keys: ['shop/web'] },
    { name: 'another VirtualService', of: object('VirtualService', 'other'), keys: [] },
    {
      name: 'a DestinationRule, which one release names and the other leaves open',
      of: object('DestinationRule', 'cart'),
      keys: ['shop/cart', 'shop/web'],
    },
    { name: 'a template', of: object('AnalysisTemplate', 'own'), keys: ['shop/web'] },
    { name: 'a cluster template', of: object('ClusterAnalysisTemplate', 'shared', {}, ''), keys: ['shop/web'] },
    {
      name: 'a cluster template of a namespaced template’s name',
      of: object('ClusterAnalysisTemplate', 'own', {}, ''),
      keys: [],
    },
    { name: 'any query of the library', of: object('MetricQuery', 'istio-requests', {}, ''), keys: ['shop/web'] },
    {
      name: 'its run',
      of: object('AnalysisRun', 'web-x-1', { spec: { release: { name: 'web' } } }),
      keys: ['shop/web'],
    },
    {
      name: 'an autoscaler of a member',
      of: object('HorizontalPodAutoscaler', 'h', { spec: { scaleTargetRef: { kind: 'Deployment', name: 'cart-v2' } } }),
      keys: ['shop/cart'],
    },
    { name: 'the same names in another namespace', of: object('Deployment', 'web-v1', {}, 'test'), keys: [] },
    { name: 'itself', of: web, keys: ['shop/web'] },
    { name: 'a pod of nobody', of: object('Pod', 'loose'), keys: [] },
  ])('$name', ({ of, keys }) => {
    expect([...index.releasesOf(of)].sort()).toEqual(keys);
  });

  test('a Release that claims the same workload or route is woken with its rival', () => {
    const rivals = createReferenceIndex();
    rivals.put(web);
    const thief = release('thief', { workload: { pair: { members: ['x', 'web-v2'] } } });
    rivals.put(thief);
    expect([...rivals.releasesOf(thief)].sort()).toEqual(['shop/thief', 'shop/web']);
  });

  test('a changed spec lets go of its old references, a removed Release of all', () => {
    const changing = createReferenceIndex();
    changing.put(web);
    changing.put({ ...web, spec: { workload: { pair: { members: ['a', 'b'] } } } });
    expect(changing.releasesOf(object('Deployment', 'web-v1')).size).toBe(0);
    expect(changing.releasesOf(object('Deployment', 'a')).size).toBe(1);
    changing.remove(web);
    expect(changing.releasesOf(object('Deployment', 'a')).size).toBe(0);
  });

  test.each([
    { spec: undefined },
    { spec: {} },
    { spec: { workload: {}, traffic: { istio: {} }, analysis: { templates: [] } } },
  ])('a spec that an older schema let through breaks nothing: $spec', ({ spec }) => {
    const index = createReferenceIndex();
    index.put({ apiVersion: 'serin.dev/v1alpha1', kind: 'Release', metadata: { name: 'x', namespace: 'shop' }, spec });
    expect(index.releasesOf(object('Deployment', 'web')).size).toBe(0);
  });

  test('a Deployment whose name ends like a hash is found by the pod’s own hash label', () => {
    const pod = object('Pod', 'p', owned('ReplicaSet', 'web-v1-5449b8c487', { 'pod-template-hash': '5449b8c487' }));
    expect(deploymentOf(pod)).toBe('web-v1');
  });
});
