/** What is wrong with a Release of a Rollout is said in words that deploy/docs/argo-rollouts.md has, and nothing is written. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import { validateRelease } from '../../../src/api/validate.ts';
import { conflictOf } from '../../../src/release/claims.ts';
import type { GateOrder } from '../../../src/release/observed.ts';
import { argoRollout } from '../../../src/workloads/argo-rollout.ts';
import type { WorkloadInput } from '../../../src/workloads/port.ts';
import { objectSet } from '../../support/objects.ts';

const page = readFileSync(new URL('../../../deploy/docs/argo-rollouts.md', import.meta.url), 'utf8');
const workload = { argoRollout: { name: 'web' } };

const rollout = (spec: object, status?: object): KubeObject => ({
  apiVersion: 'argoproj.io/v1alpha1',
  kind: 'Rollout',
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', generation: 1 },
  spec,
  ...(status === undefined ? {} : { status }),
});
const steps = [{ setWeight: 20 }, { pause: {} }];
const seen = { observedGeneration: '1', currentPodHash: 'b', stableRS: 'a', currentStepIndex: 1 };

function inputOf(objects: readonly KubeObject[]): WorkloadInput {
  const status = { phase: 'Progressing' as const, revision: { canary: 'b', rejected: [] }, weight: 20, conditions: [] };
  return { namespace: 'shop', spec: { workload }, status, objects: objectSet(objects), nowMs: 0 };
}

const ORDERS: readonly GateOrder[] = [
  { kind: 'openGate', gate: 'b/1/CanaryPauseStep/x' },
  { kind: 'skipStep', step: 2 },
  { kind: 'goBack', from: 'b/1/CanaryPauseStep/x', step: 1 },
  { kind: 'promoteFull' },
  { kind: 'giveUp', taken: { uid: 'u1' } },
  { kind: 'tryAgain' },
  { kind: 'hold', isHeld: true, taken: { uid: 'u1' } },
];

describe('a Rollout that cannot be followed', () => {
  test.each([
    { why: 'is not there', objects: [], reason: 'WorkloadNotFound', says: 'which does not exist in namespace shop' },
    {
      why: 'has no controller',
      objects: [rollout({ strategy: { canary: { steps } } })],
      reason: 'WorkloadNotFound',
      says: 'has no status yet, so no controller looks after it',
    },
    {
      why: 'has no steps',
      objects: [rollout({ strategy: { canary: {} } }, seen)],
      reason: 'InvalidSpec',
      says: 'so a new version gets all pods at once and nothing can be gated',
    },
    {
      why: 'is refused by its controller',
      objects: [
        rollout(
          { strategy: { canary: { steps } } },
          { ...seen, conditions: [{ type: 'InvalidSpec', status: 'True', message: 'The Rollout is invalid.' }] },
        ),
      ],
      reason: 'InvalidSpec',
      says: 'Argo Rollouts refuses Rollout "web"',
    },
    {
      why: 'has the template of a Deployment that is released in place',
      objects: [
        rollout(
          { strategy: { canary: { steps } }, workloadRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } },
          seen,
        ),
        {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'web', namespace: 'shop', labels: { 'serin.dev/release': 'shop' } },
        },
      ],
      reason: 'TargetConflict',
      says: 'which Release "shop" releases in place',
    },
  ])('$why: $reason, and nothing is written', ({ objects, reason, says }) => {
    const input = inputOf(objects);
    const found = argoRollout.read(input);
    expect(found).toMatchObject({ reason, message: expect.stringContaining(says) });
    expect('message' in found ? found.message : '').toMatch(/\. [A-Z][^.]*\.$/);
    expect(page).toContain(says);
    for (const order of ORDERS) expect(argoRollout.write(input, order)).toEqual([]);
    expect(argoRollout.snapshot(input)).toBeUndefined();
  });

  test.each(['strategy', 'traffic'] as const)('%s beside it is refused before anything is read', (field) => {
    const extra = {
      strategy: { canary: { stepWeights: [5] } },
      traffic: { istio: { virtualService: { name: 'web' } } },
    };
    const messages = validateRelease({ workload, [field]: extra[field] }).map(({ message }) => message);
    expect(messages).toEqual([expect.stringContaining(`argoRollout and ${field} do not go together`)]);
  });

  test('two Releases on one Rollout: the older one keeps it', () => {
    const release = (name: string, creationTimestamp: string) => ({
      metadata: { name, namespace: 'shop', uid: name, creationTimestamp },
      spec: { workload },
    });
    const [older, newer] = [release('one', '2026-01-01T00:00:00Z'), release('two', '2026-01-02T00:00:00Z')];
    expect(conflictOf(newer as never, [older, newer] as never)?.message).toContain('Rollout web');
    expect(conflictOf(older as never, [older, newer] as never)).toBeUndefined();
  });
});

describe('patches', () => {
  const objects = [
    rollout(
      { strategy: { canary: { steps, trafficRouting: {} } } },
      { ...seen, controllerPause: true, pauseConditions: [{ reason: 'CanaryPauseStep', startTime: 'x' }] },
    ),
  ];

  test.each(ORDERS.filter(({ kind }) => kind !== 'tryAgain'))('$kind is guarded by what was read', (order) => {
    const patches = argoRollout.write(inputOf(objects), order);
    expect(patches).toHaveLength(1);
    const [patch] = patches;
    if (patch?.kind !== 'json') throw new Error('not a JSON Patch');
    const tests = patch.operations.filter(({ op }) => op === 'test').map(({ path }) => path);
    if (order.kind === 'hold') expect(tests).toEqual(['/metadata/generation']);
    else expect(tests).toEqual(expect.arrayContaining(['/status/currentPodHash', '/status/stableRS']));
    expect(patch.subresource).toBe(order.kind === 'hold' ? undefined : 'status');
  });

  test.each(ORDERS)('$kind is asked of no other revision than the one that is under way', (order) => {
    const input = inputOf(objects);
    const other = { ...input.status, revision: { canary: 'another', rejected: [] } } as never;
    expect(argoRollout.write({ ...input, status: other }, order)).toEqual([]);
  });

  test('what was paused before is not resumed, and what had no field gets none', () => {
    const held = (paused: boolean | undefined, before: unknown) => {
      const spec = { strategy: { canary: { steps } }, ...(paused === undefined ? {} : { paused }) };
      const taken = { uid: 'u1', paused: before };
      const patches = argoRollout.write(inputOf([rollout(spec, seen)]), { kind: 'hold', isHeld: false, taken });
      return patches.flatMap((patch) => (patch.kind === 'json' ? patch.operations.slice(1) : []));
    };
    expect(held(true, null)).toEqual([{ op: 'remove', path: '/spec/paused' }]);
    expect(held(true, false)).toEqual([{ op: 'replace', path: '/spec/paused', value: false }]);
    expect(held(undefined, null)).toEqual([]);
  });
});
