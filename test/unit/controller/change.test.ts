import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { isRelevantChange } from '../../../src/controller/change.ts';

const release = (over: Partial<KubeObject['metadata']> = {}, status: unknown = {}): KubeObject => ({
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'Release',
  metadata: { name: 'web', namespace: 'shop', uid: 'u', generation: 1, resourceVersion: '1', ...over },
  status,
});
const deployment = (over: Record<string, unknown> = {}, status: unknown = { readyReplicas: 1 }): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', uid: 'd', generation: 1, resourceVersion: '1', ...over },
  status,
});
const pod = (status: unknown): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', uid: 'p' },
  status,
});
const run = (status: unknown): KubeObject => ({
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'AnalysisRun',
  metadata: { name: 'web-1', uid: 'r', generation: 1 },
  status,
});
const waiting = (reason: string, restartCount: number) => ({
  containerStatuses: [{ name: 'app', ready: false, restartCount, state: { waiting: { reason } } }],
});

describe('a change wakes its releases', () => {
  test.each([
    { name: 'when the spec of a Release changes', before: release(), after: release({ generation: 2 }) },
    {
      name: 'when a person asks for something',
      before: release(),
      after: release({ annotations: { 'serin.dev/request': 'promote/a/1' } }),
    },
    { name: 'when a person aborts', before: release(), after: release({ annotations: { 'serin.dev/abort': 'a' } }) },
    {
      name: 'when a Release is being deleted',
      before: release(),
      after: release({ deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    { name: 'when an object was replaced under its name', before: release(), after: release({ uid: 'v' }) },
    {
      name: 'when a Deployment has more ready pods',
      before: deployment(),
      after: deployment({}, { readyReplicas: 2 }),
    },
    {
      name: 'when a pod starts crash looping',
      before: pod(waiting('ContainerCreating', 0)),
      after: pod(waiting('CrashLoopBackOff', 0)),
    },
    { name: 'when a container restarts', before: pod(waiting('x', 0)), after: pod(waiting('x', 1)) },
    {
      name: 'when a verdict falls',
      before: run({ verdict: { outcome: 'Continue' } }),
      after: run({ verdict: { outcome: 'Pass' } }),
    },
  ])('$name', ({ before, after }) => {
    expect(isRelevantChange('modified', after, before)).toBe(true);
  });

  test('always when it appears or goes', () => {
    expect(isRelevantChange('added', release(), undefined)).toBe(true);
    expect(isRelevantChange('deleted', release(), release())).toBe(true);
  });
});

describe('a change wakes nobody', () => {
  test.each([
    {
      name: 'when only the status of a Release changed: our own echo',
      before: release(),
      after: release({ resourceVersion: '2' }, { weight: 5 }),
    },
    { name: 'when only field managers changed', before: release(), after: release({ resourceVersion: '2' }) },
    {
      name: 'when somebody annotates a Release for themselves',
      before: release(),
      after: release({ annotations: { note: 'x' } }),
    },
    {
      name: 'when a Deployment’s conditions tick',
      before: deployment({}, { conditions: [1] }),
      after: deployment({ resourceVersion: '2' }, { conditions: [2] }),
    },
    {
      name: 'when only the numbers of an undecided verdict move',
      before: run({ verdict: { outcome: 'Continue', odds: 1 } }),
      after: run({ verdict: { outcome: 'Continue', odds: 2 } }),
    },
    {
      name: 'when a pod’s heartbeat moves',
      before: pod({ conditions: [{ type: 'Ready', status: 'True', lastProbeTime: 'a' }] }),
      after: pod({ conditions: [{ type: 'Ready', status: 'True', lastProbeTime: 'b' }] }),
    },
  ])('$name', ({ before, after }) => {
    expect(isRelevantChange('modified', after, before)).toBe(false);
  });
});
