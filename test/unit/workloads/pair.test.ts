import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { ReleaseStatus } from '../../../src/api/release.ts';
import { revisionOf } from '../../../src/release/revision.ts';
import { pair } from '../../../src/workloads/pair.ts';
import type { WorkloadInput } from '../../../src/workloads/port.ts';
import {
  applied,
  autoscaler,
  childrenOf,
  deployment,
  type DeploymentShape,
  NAMESPACE,
  objectSet,
} from '../../support/objects.ts';

const NOW_MS = Date.parse('2026-01-01T01:00:00Z');
const IDLE: ReleaseStatus = { phase: 'Idle', revision: { rejected: [] }, weight: 0, conditions: [] };

function inputOf(objects: readonly KubeObject[], more: Partial<WorkloadInput> = {}): WorkloadInput {
  return {
    namespace: NAMESPACE,
    spec: {
      workload: { pair: { members: ['web-v1', 'web-v2'] } },
      traffic: { istio: { virtualService: { name: 'web' } } },
      strategy: { canary: { stepWeights: [10] } },
    },
    status: undefined,
    objects: objectSet(objects),
    nowMs: NOW_MS,
    ...more,
  };
}

const withChildren = (...deployments: readonly KubeObject[]): readonly KubeObject[] =>
  deployments.flatMap((one) => [one, ...childrenOf(one)]);

const both = (v1: DeploymentShape = {}, v2: DeploymentShape = {}): readonly KubeObject[] =>
  withChildren(deployment('web-v1', v1), deployment('web-v2', v2));

describe('which member is live', () => {
  test.each([
    { name: 'status decides', status: { ...IDLE, pair: { live: 'web-v2' } }, hint: 'web-v1', live: 'web-v2' },
    { name: 'then the traffic', status: IDLE, hint: 'web-v2', live: 'web-v2' },
    {
      name: 'a status about another member does not count',
      status: { ...IDLE, pair: { live: 'web-v0' } },
      hint: 'web-v2',
      live: 'web-v2',
    },
    { name: 'then the one with more available pods', v1: { replicas: 0 }, live: 'web-v2' },
    { name: 'then the first', live: 'web-v1' },
    { name: 'a hint that is no member does not count', hint: 'other', live: 'web-v1' },
  ])('$name', ({ status, hint, v1, live }) => {
    const input = inputOf(both(v1), { status, ...(hint === undefined ? {} : { trafficHint: hint }) });
    expect(pair.read(input)).toMatchObject({
      kind: 'workload',
      stable: { workload: live },
      canary: { workload: live === 'web-v1' ? 'web-v2' : 'web-v1' },
    });
  });
});

describe('an arm', () => {
  test('has revision, labels, counts and pods', () => {
    const objects = both();
    expect(pair.read(inputOf(objects))).toEqual({
      kind: 'workload',
      stable: {
        workload: 'web-v1',
        revision: revisionOf((objects[0]?.['spec'] as { template: unknown } | undefined)?.template),
        podLabels: { app: 'web', version: 'v1' },
        desiredReplicas: 2,
        readyReplicas: 2,
        isSettled: true,
        pods: [0, 1].map((index) => ({
          name: `web-v1-abc-${index}`,
          uid: `pod-web-v1-abc-${index}`,
          ip: `10.0.0.${index + 1}`,
          startedAtMs: Date.parse('2026-01-01T00:00:00Z'),
          readySinceMs: Date.parse('2026-01-01T00:00:05Z'),
          restartCount: 0,
          isCrashLooping: false,
        })),
      },
      canary: expect.objectContaining({ workload: 'web-v2' }),
      isAutoscaled: false,
    });
  });

  test.each([
    { name: 'the controller has not seen the newest template', status: { observedGeneration: 0 } },
    { name: 'old pods are left', status: { replicas: 3 } },
    { name: 'not all are new', status: { updatedReplicas: 1 } },
    { name: 'not all are available', status: { availableReplicas: 1 } },
    { name: 'nothing is known', status: { observedGeneration: undefined, replicas: undefined } },
  ])('is not settled while $name', ({ status }) => {
    expect(pair.read(inputOf(both({}, { status })))).toMatchObject({ canary: { isSettled: false } });
  });

  test('is not settled while a pod is not ready, whatever the Deployment says', () => {
    const v2 = deployment('web-v2');
    const unready = childrenOf(v2, (index) =>
      index === 0 ? { conditions: [{ type: 'Ready', status: 'False' }] } : {},
    );
    const objects = [...withChildren(deployment('web-v1')), v2, ...unready];
    expect(pair.read(inputOf(objects))).toMatchObject({ canary: { isSettled: false, readyReplicas: 1 } });
  });

  test('has no pods before the ReplicaSet of its newest template exists', () => {
    const v2 = deployment('web-v2');
    const newer = deployment('web-v2', { image: 'web:newer' });
    const objects = [...withChildren(deployment('web-v1')), newer, ...childrenOf(v2)];
    expect(pair.read(inputOf(objects))).toMatchObject({ canary: { isSettled: false, readyReplicas: 0, pods: [] } });
  });

  test('does not count pods that are going away or have ended', () => {
    const v2 = deployment('web-v2');
    const [set, first, second] = childrenOf(v2, (index) => (index === 1 ? { phase: 'Failed' } : {}));
    const leaving = {
      ...first,
      metadata: { ...first?.metadata, deletionTimestamp: '2026-01-01T00:59:00Z' },
    } as KubeObject;
    const objects = [...withChildren(deployment('web-v1')), v2, set, leaving, second] as KubeObject[];
    expect(pair.read(inputOf(objects))).toMatchObject({ canary: { pods: [], readyReplicas: 0, isSettled: false } });
  });

  test('without replicas it is settled, with nobody ready', () => {
    expect(pair.read(inputOf(both({}, { replicas: 0 })))).toMatchObject({
      canary: { desiredReplicas: 0, readyReplicas: 0, isSettled: true, pods: [] },
    });
  });

  test.each([
    {
      name: 'in back-off',
      container: { restartCount: 1, state: { waiting: { reason: 'CrashLoopBackOff' } } },
      is: true,
    },
    {
      name: 'between two crashes',
      container: { restartCount: 3, lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:55:00Z' } } },
      is: true,
    },
    {
      name: 'crashed long ago',
      container: { restartCount: 9, lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:05:00Z' } } },
      is: false,
    },
    {
      name: 'crashed once',
      container: { restartCount: 1, lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:59:00Z' } } },
      is: false,
    },
    {
      name: 'ended well again and again',
      container: { restartCount: 5, lastState: { terminated: { exitCode: 0, finishedAt: '2026-01-01T00:59:00Z' } } },
      is: false,
    },
    {
      name: 'cannot pull its image',
      container: { restartCount: 0, state: { waiting: { reason: 'ImagePullBackOff' } } },
      is: false,
    },
  ])('a pod that $name: crash-looping is $is', ({ container, is }) => {
    const v2 = deployment('web-v2', { replicas: 1 });
    const objects = [
      ...withChildren(deployment('web-v1')),
      v2,
      ...childrenOf(v2, () => ({ containerStatuses: [container] })),
    ];
    expect(pair.read(inputOf(objects))).toMatchObject({ canary: { pods: [{ isCrashLooping: is }] } });
  });

  test.each([
    { autoscaled: 'web-v2', replicas: 2, is: true },
    // It only wakes up once it has pods.
    { autoscaled: 'web-v2', replicas: 0, is: false },
    // The live member's is not in the way.
    { autoscaled: 'web-v1', replicas: 2, is: false },
  ])('an autoscaler of $autoscaled scales an idle web-v2 with $replicas pods: $is', ({ autoscaled, replicas, is }) => {
    const objects = [...both({}, { replicas }), autoscaler(autoscaled)];
    expect(pair.read(inputOf(objects))).toMatchObject({ isAutoscaled: is });
  });
});

describe('scaling an idle member', () => {
  const scaleTo2 = { kind: 'scaleCanary', replicas: 2 } as const;
  const replicasOf = (objects: readonly KubeObject[], name: string) =>
    (
      objects.find((one) => one.kind === 'Deployment' && one.metadata.name === name)?.['spec'] as
        | { replicas: number }
        | undefined
    )?.replicas;

  test('one without pods is scaled up, and back on abort', () => {
    const objects = both({}, { replicas: 0 });
    const taken = pair.snapshot(inputOf(objects));
    expect(taken).toEqual({ member: 'web-v2', uid: 'uid-web-v2', replicas: 0 });
    const status = { ...IDLE, taken: { workload: taken ?? {} } };
    const up = applied(objects, pair.write(inputOf(objects, { status }), scaleTo2));
    expect(replicasOf(up, 'web-v2')).toBe(2);
    expect(pair.write(inputOf(up, { status, trafficHint: 'web-v1' }), scaleTo2)).toEqual([]);
    const down = applied(up, pair.write(inputOf(up, { status, trafficHint: 'web-v1' }), { kind: 'restore', taken }));
    expect(replicasOf(down, 'web-v2')).toBe(0);
    expect(pair.write(inputOf(down, { status }), { kind: 'restore', taken })).toEqual([]);
  });

  test('from 0 the patch is guarded by the resourceVersion, because Scale leaves 0 out', () => {
    const [patch] = pair.write(inputOf(both({}, { replicas: 0 })), scaleTo2);
    expect(patch).toMatchObject({
      subresource: 'scale',
      fieldManager: 'serin-workload',
      operations: [
        { op: 'test', path: '/metadata/resourceVersion', value: '11' },
        { op: 'add', path: '/spec/replicas', value: 2 },
      ],
    });
  });

  test.each([{ name: 'it has pods of its own', objects: both({}, { replicas: 3 }) }])(
    'is left alone where $name',
    ({ objects }) => {
      expect(pair.write(inputOf(objects), scaleTo2)).toEqual([]);
    },
  );

  test('is left to the replicas router where there is no other', () => {
    const { traffic: _traffic, ...spec } = inputOf([]).spec;
    expect(pair.write(inputOf(both({}, { replicas: 0 }), { spec }), scaleTo2)).toEqual([]);
  });

  test('nothing is taken from a member with pods', () => {
    expect(pair.snapshot(inputOf(both()))).toBeUndefined();
  });

  test('the member that became live keeps its pods, and so does one that was made anew', () => {
    const taken = { member: 'web-v2', uid: 'uid-web-v2', replicas: 0 };
    const promoted = inputOf(both(), { status: { ...IDLE, pair: { live: 'web-v2' } } });
    expect(pair.write(promoted, { kind: 'restore', taken })).toEqual([]);
    expect(pair.write(inputOf(both()), { kind: 'restore', taken: { ...taken, uid: 'another' } })).toEqual([]);
    expect(pair.write(inputOf(both()), { kind: 'restore', taken: undefined })).toEqual([]);
  });
});

describe('what cannot be a pair is said with the field and the fix', () => {
  test.each([
    {
      name: 'a missing member',
      objects: withChildren(deployment('web-v1')),
      reason: 'WorkloadNotFound',
      says: 'spec.workload.pair.members names Deployment "web-v2", which does not exist in namespace shop. Create it; to name another, delete this Release and make it anew.',
    },
    {
      name: 'the same member twice',
      objects: both(),
      members: ['web-v1', 'web-v1'],
      reason: 'InvalidSpec',
      says: 'Name two different Deployments.',
    },
    {
      name: 'pods that cannot be told apart',
      objects: both({ labels: { app: 'web' } }, { labels: { app: 'web' } }),
      reason: 'InvalidSpec',
      says: "have the same labels, so each selects the other's pods. Give the pod templates of the two members of spec.workload.pair a label that differs, e.g. version.",
    },
  ])('$name', ({ objects, members, reason, says }) => {
    const input = inputOf(objects);
    const spec = { ...input.spec, workload: { pair: { members: members ?? ['web-v1', 'web-v2'] } } };
    const finding = pair.read({ ...input, spec });
    expect(finding).toMatchObject({ reason, message: expect.stringContaining(says) });
    expect(pair.write({ ...input, spec }, { kind: 'scaleCanary', replicas: 2 })).toEqual([]);
    expect(pair.snapshot({ ...input, spec })).toBeUndefined();
  });

  test('selectors that overlap are no harm while the pods differ in a label', () => {
    const selector = { app: 'web' };
    expect(pair.read(inputOf(both({ selector }, { selector })))).toMatchObject({
      stable: { pods: [{}, {}] },
      canary: { pods: [{}, {}] },
    });
  });
});
