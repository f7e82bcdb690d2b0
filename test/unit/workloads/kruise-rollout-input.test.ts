/** What is wrong with a Release of a Rollout of OpenKruise is said in words that deploy/docs/kruise-rollouts.md has, and nothing is written. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { KubeObject, Write } from '../../../src/api/meta.ts';
import type { ReleaseStatus } from '../../../src/api/release.ts';
import { validateRelease } from '../../../src/api/validate.ts';
import { conflictOf } from '../../../src/release/claims.ts';
import type { GateOrder, WorkloadState } from '../../../src/release/observed.ts';
import { kruiseRollout } from '../../../src/workloads/kruise-rollout.ts';
import type { WorkloadInput } from '../../../src/workloads/port.ts';
import { objectSet } from '../../support/objects.ts';

const page = readFileSync(new URL('../../../deploy/docs/kruise-rollouts.md', import.meta.url), 'utf8');
const workload = { kruiseRollout: { name: 'web' } };
const ID = 'rollouts.kruise.io/in-progressing';
const CONTROLLED = 'batchrelease.rollouts.kruise.io/control-info';

const template = (image: string, labels = {}) => ({
  metadata: { labels: { app: 'web', ...labels } },
  spec: { containers: [{ name: 'app', image }] },
});
const owner = (kind: string) => ({ ownerReferences: [{ kind, name: 'web', uid: `${kind}-uid`, controller: true }] });
const deployment = (image: string, metadata = {}): KubeObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop', uid: 'Deployment-uid', generation: 7, ...metadata },
    spec: { replicas: 5, template: template(image) },
  }) as unknown as KubeObject;
const replicaSet = (hash: string, image: string): KubeObject =>
  ({
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `web-${hash}`,
      namespace: 'shop',
      uid: `set-${hash}`,
      labels: { 'pod-template-hash': hash },
      ...owner('Deployment'),
    },
    spec: { replicas: 2, template: template(image, { 'pod-template-hash': hash }) },
  }) as unknown as KubeObject;

const ref = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const steps = [
  { replicas: '20%', traffic: '20%', pause: {} },
  { replicas: '50%', traffic: '50%', pause: {} },
  { replicas: '80%', traffic: '80%' },
];
const canarySpec = { workloadRef: ref, strategy: { canary: { steps, trafficRoutings: [{ service: 'web' }] } } };
const rollout = (spec: object = canarySpec, status?: object): KubeObject => ({
  apiVersion: 'rollouts.kruise.io/v1beta1',
  kind: 'Rollout',
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', generation: 1 },
  spec,
  ...(status === undefined ? {} : { status }),
});
const sub = {
  observedRolloutID: 'r2',
  observedWorkloadGeneration: 7,
  stableRevision: 'a',
  canaryRevision: 'fnv',
  podTemplateHash: 'b',
  currentStepIndex: 1,
  nextStepIndex: 2,
  currentStepState: 'StepPaused',
  lastUpdateTime: '2026-01-01T00:00:00Z',
};
const statusOf = (change: object = {}, reason = 'InRolling', phase = 'Progressing') => ({
  observedGeneration: 1,
  phase,
  conditions: [{ type: 'Progressing', status: 'True', reason }],
  canaryStatus: { ...sub, ...change },
});
const underWay = deployment('web:2', {
  annotations: { [ID]: '{}', [CONTROLLED]: '{}' },
  labels: { 'rollouts.kruise.io/stable-revision': 'a' },
});
const both = [replicaSet('a', 'web:1'), replicaSet('b', 'web:2')];
const atPause = [rollout(canarySpec, statusOf()), underWay, ...both];

function inputOf(objects: readonly KubeObject[], change: Partial<ReleaseStatus> = {}, extra = {}): WorkloadInput {
  const spec = { workload: { kruiseRollout: { ...workload.kruiseRollout, ...extra } } };
  const plain = { namespace: 'shop', spec, objects: objectSet(objects), nowMs: 0 };
  const seen = kruiseRollout.read({ ...plain, status: undefined });
  const canary = 'stable' in seen ? seen.canary?.revision : undefined;
  const revision = { ...(canary === undefined ? {} : { canary }), rejected: [] };
  const status: ReleaseStatus = {
    phase: 'Progressing',
    revision,
    weight: 20,
    conditions: [],
    taken: { workload: { uid: 'u1', paused: null } },
    ...change,
  };
  return { ...plain, status };
}

function read(input: WorkloadInput): WorkloadState {
  const state = kruiseRollout.read(input);
  if (!('stable' in state)) throw new Error(state.message);
  return state;
}

const operationsOf = (writes: readonly Write[]) =>
  writes.flatMap((each) => (each.kind === 'json' ? each.operations : []));
const changesOf = (writes: readonly Write[]) => operationsOf(writes).filter(({ op }) => op !== 'test');

const GATE = read(inputOf(atPause)).gate?.gate?.id ?? '';
const ORDERS: readonly GateOrder[] = [
  { kind: 'openGate', gate: GATE },
  { kind: 'skipStep', step: 1 },
  { kind: 'promoteFull' },
  { kind: 'giveUp', taken: undefined },
  { kind: 'hold', isHeld: true, taken: undefined },
];

describe('a Rollout that cannot be followed', () => {
  test.each([
    { why: 'is not there', objects: [], reason: 'WorkloadNotFound', says: 'which does not exist in namespace shop' },
    {
      why: 'has no controller',
      objects: [rollout()],
      reason: 'WorkloadNotFound',
      says: 'has no status yet, so no controller looks after it',
    },
    {
      why: 'has no workload',
      objects: [rollout(canarySpec, statusOf())],
      reason: 'WorkloadNotFound',
      says: 'is about Deployment "web", which does not exist',
    },
    {
      why: 'is about another kind',
      objects: [
        rollout(
          { ...canarySpec, workloadRef: { ...ref, apiVersion: 'apps.acme.io/v1', kind: 'StatefulSet' } },
          statusOf(),
        ),
      ],
      reason: 'InvalidSpec',
      says: 'which Serin does not read',
    },
    {
      why: 'lost its previous version',
      objects: [rollout(canarySpec, statusOf()), underWay, replicaSet('b', 'web:2')],
      reason: 'WorkloadNotFound',
      says: 'cannot be found among its revisions',
    },
  ])('$why: $reason, and nothing is written', ({ objects, reason, says }) => {
    const input = inputOf(objects);
    const found = kruiseRollout.read(input);
    expect(found).toMatchObject({ reason, message: expect.stringContaining(says) });
    expect('message' in found ? found.message : '').toMatch(/\. [A-Z][^.]*\.$|\. [A-Z].*\.$/);
    expect(page).toContain(says.replace('"web"', '"web"'));
    for (const order of ORDERS) expect(kruiseRollout.write(input, order)).toEqual([]);
    expect(kruiseRollout.snapshot(input)).toBeUndefined();
  });

  test.each(['strategy', 'traffic'] as const)('%s beside it is refused before anything is read', (field) => {
    const extra = {
      strategy: { canary: { stepWeights: [5] } },
      traffic: { istio: { virtualService: { name: 'web' } } },
    };
    const messages = validateRelease({ workload, [field]: extra[field] }).map(({ message }) => message);
    expect(messages).toEqual([expect.stringContaining(`kruiseRollout and ${field} do not go together`)]);
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

describe('an approval', () => {
  test('is guarded by everything that says which release and which visit of which step is meant', () => {
    const [write, ...rest] = kruiseRollout.write(inputOf(atPause), { kind: 'openGate', gate: GATE });
    expect(rest).toEqual([]);
    expect(write).toMatchObject({ kind: 'json', subresource: 'status' });
    const operations = operationsOf(write === undefined ? [] : [write]);
    expect(operations.filter(({ op }) => op === 'test')).toEqual(
      Object.entries(sub).map(([field, value]) => ({ op: 'test', path: `/status/canaryStatus/${field}`, value })),
    );
    expect(changesOf(write === undefined ? [] : [write])).toEqual([
      { op: 'replace', path: '/status/canaryStatus/currentStepState', value: 'StepReady' },
    ]);
  });

  test.each([
    { when: 'the step is not at its pause', status: statusOf({ currentStepState: 'StepUpgrade' }) },
    { when: 'it was given already', status: statusOf({ currentStepState: 'StepReady' }) },
    { when: 'the step is another one', status: statusOf({ currentStepIndex: 2, nextStepIndex: 3 }) },
    { when: 'it is another visit of the step', status: statusOf({ lastUpdateTime: '2026-01-01T00:00:09Z' }) },
    { when: 'its controller has not seen the newest template', status: statusOf({ observedWorkloadGeneration: 6 }) },
    { when: 'its controller has not seen the newest spec', status: { ...statusOf(), observedGeneration: 0 } },
    { when: 'the rollout is paused as a whole', status: statusOf({}, 'Paused') },
    { when: 'the version is being taken back', status: statusOf({}, 'Cancelling') },
    { when: 'the rollout is being finished', status: statusOf({}, 'Finalising') },
    { when: 'the rollout is being disabled', status: statusOf({}, 'InRolling', 'Disabling') },
    { when: 'the rollout is being deleted', status: statusOf({}, 'InRolling', 'Terminating') },
  ])('is not given when $when', ({ status }) => {
    const input = inputOf([rollout(canarySpec, status), underWay, ...both]);
    expect(kruiseRollout.write(input, { kind: 'openGate', gate: GATE })).toEqual([]);
  });

  test.each(ORDERS)('$kind is asked of no other revision than the one that is under way', (order) => {
    const input = inputOf(atPause, { revision: { canary: 'another', rejected: [] } });
    expect(kruiseRollout.write(input, order)).toEqual([]);
  });
});

describe('a jump', () => {
  test.each([
    { order: { kind: 'promoteFull' }, sub: {}, change: { path: '/status/canaryStatus/nextStepIndex', value: 3 } },
    {
      order: { kind: 'promoteFull' },
      sub: { currentStepIndex: 2, nextStepIndex: 3 },
      change: { path: '/status/canaryStatus/currentStepState', value: 'StepReady' },
    },
    {
      order: { kind: 'promoteFull' },
      sub: { currentStepIndex: 3, nextStepIndex: -1 },
      change: { path: '/status/canaryStatus/currentStepState', value: 'StepReady' },
    },
    { order: { kind: 'promoteFull' }, sub: { nextStepIndex: 3 }, change: undefined },
    { order: { kind: 'skipStep', step: 2 }, sub: {}, change: undefined },
  ] as const)('$order.kind with $sub', ({ order, sub: at, change }) => {
    const input = inputOf([rollout(canarySpec, statusOf(at)), underWay, ...both]);
    expect(changesOf(kruiseRollout.write(input, order))).toEqual(
      change === undefined ? [] : [{ op: 'replace', ...change }],
    );
  });

  test('back goes to an earlier step from the very pause only', () => {
    const here = inputOf([rollout(canarySpec, statusOf({ currentStepIndex: 2, nextStepIndex: 3 })), underWay, ...both]);
    const from = read(here).gate?.gate?.id ?? '';
    expect(changesOf(kruiseRollout.write(here, { kind: 'goBack', from, step: 1 }))).toEqual([
      { op: 'replace', path: '/status/canaryStatus/nextStepIndex', value: 1 },
    ]);
    expect(kruiseRollout.write(here, { kind: 'goBack', from: GATE, step: 1 })).toEqual([]);
  });
});

describe('an abort', () => {
  const giveUp: GateOrder = { kind: 'giveUp', taken: undefined };
  const paused = { ...canarySpec, strategy: { ...canarySpec.strategy, paused: true } };

  test('puts stable’s template back exactly, over the very template that was read', () => {
    const [write] = kruiseRollout.write(inputOf(atPause), giveUp);
    expect(write).toMatchObject({ target: { type: { kind: 'Deployment' }, name: 'web' } });
    expect(operationsOf(write === undefined ? [] : [write])).toEqual([
      { op: 'test', path: '/metadata/uid', value: 'Deployment-uid' },
      { op: 'test', path: '/spec/template', value: template('web:2') },
      { op: 'replace', path: '/spec/template', value: template('web:1') },
    ]);
  });

  test.each([
    {
      why: 'is only beginning: it would take stable’s template for the new version',
      status: statusOf({}, 'Initializing'),
    },
    { why: 'has not begun', status: statusOf({}, 'Completed', 'Healthy') },
    { why: 'is being finished', status: statusOf({}, 'Finalising') },
    { why: 'is being disabled', status: statusOf({}, 'InRolling', 'Disabling') },
    { why: 'is being deleted', status: statusOf({}, 'InRolling', 'Terminating') },
  ])('waits while the rollout $why', ({ status }) => {
    for (const onAbort of ['restore', 'pause']) {
      const input = inputOf([rollout(canarySpec, status), underWay, ...both], {}, { onAbort });
      expect(kruiseRollout.write(input, giveUp)).toEqual([]);
    }
  });

  const unmoved = deployment('web:2', { ...underWay.metadata, annotations: { [ID]: '{}' } });

  test('waits until its pods are moved: nobody would give the workload back before', () => {
    expect(kruiseRollout.write(inputOf([rollout(canarySpec, statusOf()), unmoved, ...both]), giveUp)).toEqual([]);
    const held = [rollout(paused, statusOf({}, 'Paused')), unmoved, ...both];
    expect(changesOf(kruiseRollout.write(inputOf(held), giveUp))).toEqual([
      { op: 'remove', path: '/spec/strategy/paused' },
    ]);
  });

  const isBack = deployment('web:1', underWay.metadata);
  test('of a rollout that is paused as a whole resumes it once the template is back', () => {
    const objects = [rollout(paused, statusOf({}, 'Paused')), isBack, ...both];
    expect(changesOf(kruiseRollout.write(inputOf(objects, { phase: 'Aborting' }), giveUp))).toEqual([
      { op: 'remove', path: '/spec/strategy/paused' },
    ]);
  });

  test('asks for nothing more while its controller goes back', () => {
    for (const reason of ['Cancelling', 'Completed', 'Finalising'])
      expect(
        kruiseRollout.write(inputOf([rollout(canarySpec, statusOf({}, reason)), isBack, ...both]), giveUp),
      ).toEqual([]);
  });

  test('with onAbort: pause pauses, and touches no template', () => {
    const input = inputOf(atPause, {}, { onAbort: 'pause' });
    expect(changesOf(kruiseRollout.write(input, giveUp))).toEqual([
      { op: 'add', path: '/spec/strategy/paused', value: true },
    ]);
    const held = [rollout(paused, statusOf({}, 'Paused')), underWay, ...both];
    expect(kruiseRollout.write(inputOf(held, { phase: 'Aborting' }, { onAbort: 'pause' }), giveUp)).toEqual([]);
    expect(read(inputOf(held, { phase: 'Aborting' }, { onAbort: 'pause' })).gate?.position).toBe('givenUp');
  });
});

describe('the weight of a step', () => {
  const weightsOf = (strategy: object, objects: readonly KubeObject[] = [], annotations = {}): unknown => {
    const one = rollout({ workloadRef: ref, strategy }, { phase: 'Healthy', observedGeneration: 1 });
    const marked = { ...one, metadata: { ...one.metadata, annotations } };
    return read(inputOf([marked, deployment('web:1'), ...objects])).gate?.steps.map(({ weight, pause }) => [
      weight,
      pause,
    ]);
  };
  const byPods = [
    { replicas: '25%', pause: {} },
    { replicas: 1, pause: { duration: 60 } },
    { replicas: '100%', pause: {} },
  ];
  const routing = (strategy: object): KubeObject => ({
    apiVersion: 'rollouts.kruise.io/v1alpha1',
    kind: 'TrafficRouting',
    metadata: { name: 'lane', namespace: 'shop' },
    spec: { strategy },
  });
  const trafficRoutings = [{ service: 'web' }];
  const lane = { 'rollouts.kruise.io/trafficrouting': 'lane' };

  test.each([
    {
      why: 'the share of pods that are replaced; the last 100% goes on by itself',
      strategy: { canary: { steps: byPods } },
      is: [
        [25, 'open'],
        [20, 60_000],
        [100, undefined],
      ],
    },
    {
      why: 'the share of pods beside the others',
      strategy: { canary: { steps: byPods, enableExtraWorkloadForCanary: true } },
      is: [
        [20, 'open'],
        [17, 60_000],
        [50, undefined],
      ],
    },
    {
      why: 'traffic without anything that routes it is none',
      strategy: { canary: { steps: [{ replicas: '50%', traffic: '5%' }] } },
      is: [[50, 'open']],
    },
    {
      why: 'of routes; who is chosen by a match is no share',
      strategy: {
        canary: {
          trafficRoutings,
          steps: [
            { replicas: 1, traffic: '5%' },
            { replicas: 1, traffic: '5%', matches: [{ headers: [] }] },
          ],
        },
      },
      is: [
        [5, 'open'],
        [0, 'open'],
      ],
    },
    {
      why: 'of blue-green, whose last step waits',
      strategy: {
        blueGreen: {
          trafficRoutings,
          steps: [
            { replicas: '100%', traffic: '0%' },
            { replicas: '100%', traffic: '100%' },
          ],
        },
      },
      is: [
        [0, 'open'],
        [100, 'open'],
      ],
    },
    {
      why: 'of a TrafficRouting',
      strategy: { canary: { steps: [{ replicas: 1 }] } },
      objects: [routing({ weight: 30 })],
      annotations: lane,
      is: [[30, 'open']],
    },
    {
      why: 'of a TrafficRouting by match',
      strategy: { canary: { steps: [{ replicas: 1 }] } },
      objects: [routing({ weight: 30, matches: [{ headers: [] }] })],
      annotations: lane,
      is: [[0, 'open']],
    },
    {
      why: 'of a TrafficRouting that is not there',
      strategy: { canary: { steps: [{ replicas: 1 }] } },
      annotations: lane,
      is: [[0, 'open']],
    },
  ])('$why', ({ strategy, objects, annotations, is }) => {
    expect(weightsOf(strategy, objects, annotations)).toEqual(is);
  });
});
