import { expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { slim } from '../../../src/controller/slim.ts';

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const metadata = {
  name: 'web',
  namespace: 'shop',
  uid: 'u',
  resourceVersion: '7',
  labels: { app: 'web' },
  ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'r', controller: true }],
};
const object = (kind: string, extra: object, rest: object = {}): KubeObject =>
  ({
    apiVersion: 'v1',
    kind,
    metadata: { ...metadata, ...extra },
    spec: { a: 1 },
    status: { b: 2 },
    ...rest,
  }) as KubeObject;

test.each([
  {
    name: 'a pod keeps metadata and status',
    given: object('Pod', { managedFields: [1], annotations: { note: 'x' } }),
    then: { apiVersion: 'v1', kind: 'Pod', metadata, status: { b: 2 } },
  },
  {
    name: 'a pod keeps that it was changed in place, but not how',
    given: object('Pod', { annotations: { note: 'x', 'apps.kruise.io/inplace-update-state': '{"revision":"web-2"}' } }),
    then: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, annotations: { 'apps.kruise.io/inplace-update-state': '' } },
      status: { b: 2 },
    },
  },
  {
    name: 'a Deployment keeps all but kubectl’s copy and the field managers',
    given: object(
      'Deployment',
      { managedFields: [1], annotations: { note: 'x', [LAST_APPLIED]: '{}' } },
      { unknown: 3 },
    ),
    then: object('Deployment', { annotations: { note: 'x' } }, { unknown: 3 }),
  },
  {
    name: 'a VirtualService keeps its field managers',
    given: object('VirtualService', { managedFields: [1], annotations: { [LAST_APPLIED]: '{}' } }),
    then: object('VirtualService', { managedFields: [1], annotations: {} }),
  },
])('$name', ({ given, then }) => {
  expect(slim(given)).toEqual(then);
});

test('what has nothing to lose is not copied', () => {
  const plain = object('Release', { annotations: { note: 'x' } });
  expect(slim(plain)).toBe(plain);
});
