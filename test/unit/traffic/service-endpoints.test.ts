/** When requests have followed a Service that was switched: as its EndpointSlices say. */
import { expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { fetchObjects } from '../../../src/controller/object-set.ts';
import { SerinError } from '../../../src/errors.ts';
import type { ArmState, TrafficIntent } from '../../../src/release/observed.ts';
import type { TrafficInput } from '../../../src/traffic/port.ts';
import { service as router } from '../../../src/traffic/service.ts';
import type { ObjectSet } from '../../../src/workloads/port.ts';
import { arm, NAMESPACE, objectSet } from '../../support/objects.ts';

const armOf = (workload: string, pods: readonly string[]): ArmState => ({
  ...arm(workload, { app: 'web' }),
  pods: pods.map((name) => ({
    name,
    uid: name,
    restartCount: 0,
    isCrashLooping: false,
    ...(name.endsWith('?') ? {} : { readySinceMs: 1 }),
  })),
});
const OLD = armOf('web-v1', ['a1', 'a2']);
const NEW = armOf('web-v2', ['b1', 'b2', 'b3?']);

/** Pods with a `!` are in it and not ready. */
function slice(pods: readonly string[], service = 'web', index = 0): KubeObject {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-${index}`, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': service } },
    endpoints: pods.map((pod) => ({
      targetRef: { kind: 'Pod', name: pod.replace('!', '') },
      conditions: { ready: !pod.endsWith('!') },
    })),
  };
}

function awaited(objects: ObjectSet, intent: TrafficIntent): string | undefined {
  const input: TrafficInput = {
    namespace: NAMESPACE,
    spec: {
      workload: { pair: { members: ['web-v1', 'web-v2'] } },
      traffic: { service: { name: 'web' } },
      strategy: { blueGreen: {} },
    },
    objects,
    stable: OLD,
    canary: NEW,
    taken: { router: 'service' },
  };
  return router.awaits?.(input, intent);
}

const SAYS = 'The endpoints of Service "web" do not follow its selector: ';
const to = (canaryWeight: number, isOpen = false): TrafficIntent => ({ kind: 'weight', canaryWeight, isOpen });

test.each<{ name: string; slices: readonly KubeObject[]; intent?: TrafficIntent; says: string | undefined }>([
  { name: 'all new, none old', slices: [slice(['b1', 'b2'])], says: undefined },
  { name: 'in two slices', slices: [slice(['b1']), slice(['b2'], 'web', 1)], says: undefined },
  { name: 'old ones on their way out', slices: [slice(['a1!', 'b1', 'b2'])], says: undefined },
  { name: 'one missing', slices: [slice(['b1', 'b2!'])], says: `${SAYS}not all pods of web-v2 are there yet.` },
  { name: 'old ones left', slices: [slice(['a1', 'b1', 'b2'])], says: `${SAYS}some of web-v1 still are.` },
  {
    name: 'not begun',
    slices: [slice(['a1', 'a2'])],
    says: `${SAYS}not all pods of web-v2 are there yet, some of web-v1 still are.`,
  },
  {
    name: 'of another Service',
    slices: [slice([]), slice(['b1', 'b2'], 'shop')],
    says: expect.stringContaining('not all pods of web-v2'),
  },
  { name: 'back on stable', slices: [slice(['a1', 'a2'])], intent: to(0), says: undefined },
  {
    name: 'back, and not there',
    slices: [slice(['b1', 'b2'])],
    intent: to(0),
    says: expect.stringContaining('of web-v1'),
  },
  { name: 'both may be met', slices: [slice(['a1'])], intent: to(0, true), says: undefined },
  { name: 'given back', slices: [slice(['a1'])], intent: { kind: 'restore' }, says: undefined },
  { name: 'nobody keeps slices', slices: [], says: undefined },
])('$name', ({ slices, intent = to(100), says }) => {
  expect(awaited(objectSet(slices), intent)).toEqual(says);
});

test('they are asked for only while requests are on their way, and by the Service’s name', () => {
  const spec = { workload: {}, traffic: { service: { name: 'web' } } };
  const kinds = (isOnTheWay: boolean): readonly unknown[] =>
    router.queries({ namespace: NAMESPACE, spec, isOnTheWay }).map((query) => query.kind);
  expect(kinds(false)).toEqual(['all']);
  expect(kinds(true)).toEqual(['all', 'onDemand']);
});

test.each<{ name: string; list: undefined | (() => Promise<readonly KubeObject[]>); says: string | undefined }>([
  { name: 'a glance at the cache does not know them', list: undefined, says: undefined },
  {
    name: 'without the right to list them they are not waited for',
    list: () => Promise.reject(new SerinError('SERIN_E_FORBIDDEN', 'Not allowed. Allow it.')),
    says: undefined,
  },
  { name: 'the API server does', list: async () => [slice(['a1', 'a2'])], says: expect.stringContaining('web-v2') },
])('$name', async ({ list, says }) => {
  const queries = router.queries({
    namespace: NAMESPACE,
    spec: { workload: {}, traffic: { service: { name: 'web' } } },
    isOnTheWay: true,
  });
  const reader = {
    get: async () => undefined,
    list: async () => [],
    ...(list === undefined ? {} : { listOnDemand: list }),
  };
  const objects = await fetchObjects(reader, queries);
  expect('reason' in objects ? objects.message : awaited(objects, to(100))).toEqual(says);
});
