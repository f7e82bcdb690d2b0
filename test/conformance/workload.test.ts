/** What every workload adapter must do, on every store: in memory, on the sandbox's API server and on the real one. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { reasons } from '../../src/api/reasons.ts';
import type { ReleaseSpec, ReleaseStatus } from '../../src/api/release.ts';
import type { WorkloadIntent, WorkloadState } from '../../src/release/observed.ts';
import { pair } from '../../src/workloads/pair.ts';
import type { WorkloadAdapter, WorkloadInput } from '../../src/workloads/port.ts';
import { controlPlaneStore, memoryStore, type ObjectStore, sandboxStore } from '../support/object-store.ts';
import { autoscaler, deployment, frozen, NAMESPACE } from '../support/objects.ts';
import { describeWith } from '../support/tools.ts';

/** An adapter with a world in which a new version waits without pods, and one in which something is missing. */
interface Lab {
  readonly adapter: WorkloadAdapter;
  readonly workload: ReleaseSpec['workload'];
  readonly objects: readonly KubeObject[];
  readonly broken: readonly KubeObject[];
  /** What `status` says once the new version is live. */
  readonly promoted: Partial<ReleaseStatus>;
}

const labs: readonly Lab[] = [
  {
    adapter: pair,
    workload: { pair: { members: ['web-v1', 'web-v2'] } },
    objects: [deployment('web-v1', { replicas: 3 }), deployment('web-v2', { replicas: 0 })],
    broken: [deployment('web-v1')],
    promoted: { pair: { live: 'web-v2' } },
  },
];

const stores: readonly { readonly title: string; readonly start: () => Promise<ObjectStore> }[] = [
  { title: 'in memory', start: async () => memoryStore() },
  { title: 'on the sandbox’s API server', start: sandboxStore },
];

for (const { title, start } of stores) describe(`workloads ${title}`, () => suites(start));
describeWith(['kube-apiserver'], 'workloads on the real API server', () => suites(controlPlaneStore));

function suites(start: () => Promise<ObjectStore>): void {
  let store: ObjectStore;
  beforeAll(async () => {
    store = await start();
  });
  afterAll(async () => store?.stop());
  describe.each(labs.map((lab) => ({ ...lab, name: lab.adapter.name })))('$name', (lab) => suite(lab, () => store));
}

const IDLE: ReleaseStatus = { phase: 'Idle', revision: { rejected: [] }, weight: 0, conditions: [] };

function suite(lab: Lab, storeNow: () => ObjectStore): void {
  const { adapter } = lab;
  beforeEach(() => storeNow().reset(lab.objects));

  const view = async (status: ReleaseStatus = IDLE): Promise<WorkloadInput> => ({
    namespace: NAMESPACE,
    spec: {
      workload: lab.workload,
      traffic: { istio: { virtualService: { name: 'web' } } },
      strategy: { canary: { stepWeights: [5] } },
    },
    status,
    objects: await storeNow().read(),
    nowMs: Date.parse('2026-01-01T01:00:00Z'),
  });
  const read = async (status?: ReleaseStatus): Promise<WorkloadState> => {
    const state = adapter.read(await view(status));
    if (!('kind' in state)) throw new Error(state.message);
    return state;
  };
  const withTaken = async (): Promise<ReleaseStatus> => {
    const taken = adapter.snapshot(await view());
    return taken === undefined ? IDLE : { ...IDLE, taken: { workload: taken } };
  };
  const scale = (replicas: number): WorkloadIntent => ({ kind: 'scaleCanary', replicas });

  test('declares what it asks for and what it writes', async () => {
    const input = await view();
    const verbsOf = (kind: string, subresource?: string) =>
      adapter.needs
        .filter((need) => need.type.kind === kind && need.subresource === subresource)
        .flatMap((need) => need.verbs);
    for (const query of adapter.queries(input)) {
      const type = query.kind === 'object' ? query.ref.type : query.type;
      const asked = query.kind === 'onDemand' ? ['list'] : ['get', 'list', 'watch'];
      expect(verbsOf(type.kind)).toEqual(expect.arrayContaining(asked));
    }
    const patches = adapter.write(input, scale(3));
    expect(patches.length).toBeGreaterThan(0);
    for (const patch of patches) {
      if (patch.kind !== 'delete') expect(patch.fieldManager).toBe('serin-workload');
      const verb = patch.kind === 'create' || patch.kind === 'delete' ? patch.kind : 'patch';
      expect(verbsOf(patch.target.type.kind, patch.kind === 'json' ? patch.subresource : undefined)).toContain(verb);
      expect(patch.kind === 'json' ? patch.operations[0]?.op : 'test').toBe('test');
    }
  });

  test('tells two arms with revisions of their own apart', async () => {
    const { stable, canary } = await read();
    expect(stable.workload).not.toBe(canary?.workload);
    expect(stable.revision).not.toBe(canary?.revision);
    expect(stable.revision).toMatch(/^[a-z0-9]{6,64}$/);
    expect(stable.podLabels).not.toEqual(canary?.podLabels);
    expect(stable.desiredReplicas).toBe(3);
    // Nobody runs pods here.
    expect([stable.readyReplicas, canary?.readyReplicas]).toEqual([0, 0]);
  });

  test('the revision is the same on every reading, and does not move when replicas do', async () => {
    const before = await read();
    await storeNow().apply(adapter.write(await view(), scale(2)));
    const after = await read();
    expect(after.canary?.desiredReplicas).toBe(2);
    expect(after.canary?.revision).toBe(before.canary?.revision);
    expect(after.stable.revision).toBe(before.stable.revision);
  });

  test('is not settled before its controller has seen the newest spec', async () => {
    await storeNow().apply(adapter.write(await view(), scale(2)));
    expect((await read()).canary?.isSettled).toBe(false);
  });

  test('scales the waiting version up, changes its mind, and gives it back exactly', async () => {
    const status = await withTaken();
    for (const replicas of [3, 5, 1]) {
      await storeNow().apply(adapter.write(await view(status), scale(replicas)));
      expect((await read(status)).canary?.desiredReplicas).toBe(replicas);
      expect(adapter.write(await view(status), scale(replicas))).toEqual([]);
    }
    const restore: WorkloadIntent = { kind: 'restore', taken: status.taken?.workload };
    await storeNow().apply(adapter.write(await view(status), restore));
    expect((await read(status)).canary?.desiredReplicas).toBe(0);
    expect(adapter.write(await view(status), restore)).toEqual([]);
  });

  test('two writers with the same reading do no more than one', async () => {
    const patches = adapter.write(await view(), scale(3));
    await storeNow().apply(patches);
    await expect(storeNow().apply(patches)).rejects.toThrow();
    expect((await read()).canary?.desiredReplicas).toBe(3);
  });

  test('never takes pods from what is live', async () => {
    const status = await withTaken();
    await storeNow().apply(adapter.write(await view(status), scale(3)));
    const promoted: ReleaseStatus = { ...status, ...lab.promoted };
    expect(adapter.write(await view(promoted), { kind: 'restore', taken: status.taken?.workload })).toEqual([]);
    expect((await read(promoted)).stable.desiredReplicas).toBe(3);
  });

  test('leaves replicas to an autoscaler', async () => {
    const state = await read();
    await storeNow().reset([...lab.objects, autoscaler(state.canary?.workload ?? '')]);
    // Kubernetes' own autoscaler leaves alone what has no pods; waking it up is asked of the adapter.
    await storeNow().apply(adapter.write(await view(), scale(2)));
    expect(await read()).toMatchObject({ isAutoscaled: true, canary: { desiredReplicas: 2 } });
    expect(adapter.write(await view(), scale(3))).toEqual([]);
  });

  test('refuses in words what it cannot find, and writes nothing there', async () => {
    await storeNow().reset(lab.broken);
    const finding = adapter.read(await view());
    expect(finding).not.toHaveProperty('kind');
    if ('kind' in finding) return;
    expect(Object.keys(reasons)).toContain(finding.reason);
    expect(finding.message).toMatch(/\. [A-Z].*\.$/s);
    expect(adapter.write(await view(), scale(3))).toEqual([]);
  });

  test('remembers as JSON, and changes nothing that it is given', async () => {
    const input = frozen({ ...(await view()) });
    const taken = adapter.snapshot(input);
    expect(JSON.parse(JSON.stringify(taken ?? null))).toEqual(taken ?? null);
    adapter.read(input);
    adapter.write(input, scale(3));
    adapter.write(input, { kind: 'restore', taken: frozen(taken) });
  });
}
