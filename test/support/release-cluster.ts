/**
 * A namespace with a pair, a route and a Release on any `KubeClient`, a deployment controller that settles at once, and a judge that says
 * what the test wants: for tests of the reconcile loop from outside.
 */
import { at } from '../../src/api/fields.ts';
import {
  API_VERSION,
  type JsonPatchOperation,
  type KubeObject,
  type ObjectRef,
  type ResourceType,
  TYPES,
} from '../../src/api/meta.ts';
import type { Release, ReleaseSpec } from '../../src/api/release.ts';
import type { AnalysisRun } from '../../src/api/analysis-run.ts';
import { createReconcileRelease, type ReconcileDeps } from '../../src/controller/reconcile-release.ts';
import { SerinError } from '../../src/errors.ts';
import type { StepVerdict } from '../../src/judge/verdict.ts';
import type { KubeClient } from '../../src/kube/port.ts';
import { silentLog } from '../../src/logger.ts';
import type { ReleaseMessage } from '../../src/notify/port.ts';
import { routerOf, routerThatTook, trafficHintOf } from '../../src/traffic/registry.ts';
import { workloadAdapterOf } from '../../src/workloads/registry.ts';
import type { MemoryKube } from './memory-kube.ts';
import { childrenOf, deployment, destinationRule, service, virtualService } from './objects.ts';

const KEY = 'shop/web';
const GRID_MS = 10_000;

export const istioSpec: ReleaseSpec = {
  workload: { pair: { members: ['web-v1', 'web-v2'] } },
  traffic: { istio: { virtualService: { name: 'web', routes: ['main'] }, destinationRule: { name: 'web' } } },
  strategy: { canary: { stepWeights: [10, 50] } },
  analysis: { templates: [{ name: 'web' }] },
};

/** Judged before the switch and after it, by a bound. */
export const blueGreenSpec: ReleaseSpec = {
  workload: istioSpec.workload,
  traffic: { service: { name: 'shop' } },
  strategy: {
    blueGreen: {
      preview: 'shop-preview',
      analysis: { before: { templates: [{ name: 'bound' }] }, after: { templates: [{ name: 'bound' }] } },
    },
  },
};

/** One version is stopped before the other starts; judged afterwards, by a bound. */
export const recreateSpec: ReleaseSpec = {
  workload: istioSpec.workload,
  strategy: { recreate: { analysis: { after: { templates: [{ name: 'bound' }] } } } },
};

/** What a test puts into the cluster before the first look. */
export function clusterObjects(spec: ReleaseSpec = istioSpec, name = 'web'): readonly KubeObject[] {
  const routes = [
    { name: 'api', match: [{ uri: { prefix: '/api' } }], route: [{ destination: { host: 'api' } }], timeout: '3s' },
    {
      name: 'main',
      route: [
        { destination: { host: 'web', subset: 'v1' }, weight: 100 },
        { destination: { host: 'web', subset: 'v2' }, weight: 0 },
      ],
    },
  ];
  return [
    service('web', { app: 'web' }),
    service('shop', { app: 'web', version: 'v1' }),
    service('shop-preview', { app: 'web', version: 'v1' }),
    destinationRule('web', { v1: { version: 'v1' }, v2: { version: 'v2' } }),
    virtualService(routes, { gateways: ['mesh'] }),
    deployment('web-v1'),
    deployment('web-v2'),
    analysisTemplate(),
    analysisTemplate('bound', { constant: '1%' }),
    {
      apiVersion: API_VERSION,
      kind: 'Release',
      metadata: { name, namespace: 'shop', creationTimestamp: '2026-01-01T00:00:00Z' },
      spec,
    },
  ];
}

/** `against`: absent, compared with stable. */
export function analysisTemplate(name = 'web', against?: { readonly constant: string }): KubeObject {
  const counts = {
    total: { metric: 'istio_requests_total' },
    bad: { metric: 'istio_requests_total', match: { response_code: { regex: '5..' } } },
  };
  const inline = {
    summary: 'Requests',
    source: 'istio',
    unit: 'requests',
    labels: { workload: 'destination_workload', namespace: 'destination_workload_namespace', pod: 'pod' },
    counts,
  };
  return {
    apiVersion: API_VERSION,
    kind: 'AnalysisTemplate',
    metadata: { name, namespace: 'shop' },
    spec: { metrics: [{ name: 'errors', compare: { inline, ...(against === undefined ? {} : { against }) } }] },
  };
}

export interface ReleaseCluster {
  /** Looks at the Release as the worker would, again after each look that changed something, until it only waits. */
  reconcile(signal?: AbortSignal): Promise<number | undefined>;
  release(name?: string): Promise<Release>;
  get(type: ResourceType, name: string): Promise<KubeObject>;
  /** Somebody changes an object: a field by JSON pointer. */
  edit(
    type: ResourceType,
    name: string,
    operations: readonly JsonPatchOperation[],
    subresource?: 'status',
  ): Promise<void>;
  /** Gives a member a new image; its pods are there at once. */
  deploy(member: string, image: string): Promise<void>;
  /** Says this about the release as it stands now. */
  judge(outcome: StepVerdict['outcome'], change?: Partial<StepVerdict>, of?: 'release' | 'step'): Promise<void>;
  /** Weights of the steered route, or of the Service that is switched: `[v1, v2]`. */
  weights(): Promise<readonly [number, number]>;
  readonly messages: ReleaseMessage[];
}

export interface ReleaseClusterOptions {
  readonly clock: { nowMs(): number };
  readonly cache?: ReconcileDeps['cache'];
  readonly key?: string;
}

/** Puts Deployments, ReplicaSets and pods in step, as their controllers would. */
export type Settle = (kube: KubeClient) => Promise<void>;

/** What looks at Releases with the real adapters, and tells nobody. */
export function lookingAt(kube: KubeClient, { clock, cache }: Omit<ReleaseClusterOptions, 'key'>): ReconcileDeps {
  return {
    kube,
    ...(cache === undefined ? {} : { cache }),
    adapters: {
      workloadOf: workloadAdapterOf,
      routerOf,
      routerThatTook,
      trafficHintOf,
    },
    clock,
    log: silentLog,
    gridMs: GRID_MS,
    identity: 'test',
    notify: async () => undefined,
  };
}

export function releaseCluster(kube: KubeClient, settle: Settle, options: ReleaseClusterOptions): ReleaseCluster {
  const messages: ReleaseMessage[] = [];
  const key = options.key ?? KEY;
  let writes = 0;
  const reconcile = createReconcileRelease({
    ...lookingAt(kube, options),
    onAction: () => void (writes += 1),
    notify: async (message) => void messages.push(message),
  });
  const get = async (type: ResourceType, name: string): Promise<KubeObject> => {
    const found = await kube.get({ type, ...(type.namespaced ? { namespace: 'shop' } : {}), name });
    if (found === undefined) throw new Error(`${type.kind} ${name} is not there`);
    return found;
  };
  const edit: ReleaseCluster['edit'] = async (type, name, operations, subresource) => {
    const target: ObjectRef = { type, namespace: 'shop', name };
    await kube.patch({
      kind: 'json',
      target,
      operations,
      fieldManager: 'somebody',
      ...(subresource === undefined ? {} : { subresource }),
    });
  };
  const release = async (name = 'web'): Promise<Release> => (await get(TYPES.release, name)) as unknown as Release;
  return {
    messages,
    get,
    edit,
    release,
    reconcile: async (signal = new AbortController().signal) => {
      for (let looks = 0; looks < 50; looks++) {
        const before = writes;
        const again = await reconcile(key, signal);
        if (again !== 0 && writes === before) return again;
        await settle(kube);
      }
      throw new Error('The Release never comes to rest.');
    },
    deploy: async (member, image) => {
      await edit(TYPES.deployment, member, [
        { op: 'replace', path: '/spec/template/spec/containers/0/image', value: image },
      ]);
      await settle(kube);
    },
    judge: async (outcome, change = {}, of = 'release') => {
      const { status } = await release();
      const name = of === 'release' ? status?.analysisRun : status?.stepRuns?.at(-1);
      const run = (await get(TYPES.analysisRun, name ?? '')) as unknown as AnalysisRun;
      const verdict: StepVerdict = {
        outcome,
        revision: status?.revision.canary ?? '',
        attempt: status?.attempt ?? 0,
        step: status?.step?.index ?? 0,
        weight: status?.weight ?? 0,
        intervalEndMs: options.clock.nowMs(),
        reason: outcome === 'Fail' ? 'ErrorsAboveStable' : outcome === 'Pass' ? 'WithinMargin' : 'Judging',
        says: 'The judge of this test says so.',
        odds: 1,
        abortAtOdds: 20,
        hadEnoughData: true,
        metrics: [],
        ...change,
      };
      const value = { ...run.status, phase: 'Running', verdict };
      await edit(TYPES.analysisRun, run.metadata.name, [{ op: 'add', path: '/status', value }], 'status');
    },
    weights: async () => {
      const steered = await kube.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
      const switched = at((await get(TYPES.service, 'shop'))['spec'], 'selector', 'version');
      // A Release that is gone has given the Service back, or never had it.
      const isSwitched = at(steered, 'spec', 'traffic', 'service') !== undefined || switched !== 'v1';
      if (isSwitched) return switched === 'v1' ? [100, 0] : switched === 'v2' ? [0, 100] : [0, 0];
      const route = (await get(TYPES.virtualService, 'web'))['spec'];
      const rules = at(route, 'http') as readonly {
        readonly name?: string;
        readonly route: readonly { readonly destination: { readonly subset?: string }; readonly weight?: number }[];
      }[];
      const main = rules.find(({ name }) => name === 'main')?.route ?? [];
      const weightOf = (subset: string): number =>
        main.find(({ destination }) => destination.subset === subset)?.weight ?? 0;
      return [weightOf('v1'), weightOf('v2')];
    },
  };
}

/** For a `KubeClient` without controllers: every Deployment is rolled out at once. */
export function settleAtOnce(memory: MemoryKube): Settle {
  const done = new Set<string>();
  return async (kube) => {
    for (const each of (await kube.list(TYPES.deployment, { namespace: 'shop' })).items) {
      const replicas = (at(each, 'spec', 'replicas') as number | undefined) ?? 1;
      const generation = each.metadata.generation ?? 1;
      const counts = { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas };
      const settled: KubeObject = { ...each, status: { observedGeneration: generation, ...counts } };
      const isSettled = JSON.stringify(settled) === JSON.stringify(each);
      if (isSettled && done.has(`${each.metadata.name} ${generation}`)) continue;
      done.add(`${each.metadata.name} ${generation}`);
      if (!isSettled) memory.put(settled);
      for (const type of [TYPES.replicaSet, TYPES.pod]) {
        for (const child of (await kube.list(type, { namespace: 'shop' })).items) {
          if (child.metadata.name.startsWith(`${each.metadata.name}-`))
            memory.drop({ type, namespace: 'shop', name: child.metadata.name });
        }
      }
      const [set, ...pods] = childrenOf(settled);
      if (set === undefined) continue;
      const uid = memory.put(set).metadata.uid ?? '';
      for (const pod of pods) {
        const ownerReferences = pod.metadata.ownerReferences?.map((owner) => ({ ...owner, uid })) ?? [];
        memory.put({ ...pod, metadata: { ...pod.metadata, ownerReferences } });
      }
    }
  };
}

/** Dies before or after the `at`-th write: what a kill -9 at that moment leaves behind. */
export function dyingClient(
  kube: KubeClient,
  at: number,
  when: 'before' | 'after',
): { readonly kube: KubeClient; readonly writes: string[] } {
  const writes: string[] = [];
  const dying = async <T>(what: string, write: () => Promise<T>): Promise<T> => {
    writes.push(what);
    const isNow = writes.length === at + 1;
    if (isNow && when === 'before')
      throw new SerinError('SERIN_E_ABORTED', 'The process was killed. It is started again.');
    const result = await write();
    if (isNow) throw new SerinError('SERIN_E_ABORTED', 'The process was killed. It is started again.');
    return result;
  };
  return {
    writes,
    kube: {
      get: (ref, signal) => kube.get(ref, signal),
      list: (type, options, signal) => kube.list(type, options, signal),
      watch: (type, options, signal) => kube.watch(type, options, signal),
      create: (object, manager, signal) => dying(`create ${object.kind}`, () => kube.create(object, manager, signal)),
      patch: (patch, signal) =>
        dying(`patch ${patch.target.type.kind} ${patch.subresource ?? ''}`, () => kube.patch(patch, signal)),
      delete: (ref, preconditions, signal) =>
        dying(`delete ${ref.type.kind}`, () => kube.delete(ref, preconditions, signal)),
    },
  };
}
