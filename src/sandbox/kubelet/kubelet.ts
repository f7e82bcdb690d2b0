/** One node of the sandbox: runs every pod of the cluster as real HTTP servers in this process. */
import { TYPES, type KubeObject } from '../../api/meta.ts';
import type { Clock } from '../../clock.ts';
import { SerinError } from '../../errors.ts';
import type { KubeClient } from '../../kube/port.ts';
import { createEventRecorder, type RecordEvent } from '../events.ts';
import { startInformer } from '../informer.ts';
import { identityOf } from '../mesh/identity.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { identityPod, isActive } from '../pod.ts';
import { createRandom } from '../random.ts';
import { keyOf, SANDBOX_TYPES } from '../types.ts';
import { type Addresses, createAddresses } from './listeners.ts';
import type { NodeApi } from './node-api.ts';
import { type PodRun, runPod } from './pod-run.ts';

/** A pod to scrape. */
export interface PodTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface KubeletOptions {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly mesh: Mesh;
  readonly seed: string;
  /** Durations of manifests and behaviours pass this many times faster (1 = as written). */
  readonly speed: number;
  readonly signal: AbortSignal;
  readonly nodeApi: NodeApi;
  /** Called with all pods that can be scraped whenever one came or went. */
  readonly onTargets?: (targets: readonly PodTarget[]) => void;
  readonly onTrouble?: (sentence: string) => void;
  /** While false, the metrics of all pods answer 503, as in an outage of the network between them and Prometheus. */
  readonly isScrapable?: () => boolean;
  /** How the status of a pod shows the loopback address at which it listens; absent: as it is. */
  readonly shownIp?: (ip: string) => string;
}

export interface KubeletDeps extends Pick<KubeletOptions, 'kube' | 'clock' | 'mesh' | 'nodeApi'> {
  readonly isScrapable: () => boolean;
  readonly shownIp: (ip: string) => string;
  readonly record: RecordEvent;
  readonly nodeName: string;
  readonly addresses: Addresses;
  readonly pacedMs: (ms: number) => number;
  readonly randomFor: (...name: readonly (string | number)[]) => () => number;
  readonly onTarget: (pod: KubeObject, ip: string) => void;
  readonly onTargetGone: (pod: KubeObject) => void;
  readonly onTrouble: (sentence: string) => void;
}

export interface Kubelet {
  readonly targets: () => readonly PodTarget[];
  /** Ends the app of `namespace/pod` as a crash would; false when no such pod runs. */
  crash(key: string): boolean;
  /** Ends all pods; the signal must have been aborted before, so that none starts again. */
  stopped(): Promise<void>;
}

const NODE_NAME = 'sandbox';

export async function startKubelet(options: KubeletOptions): Promise<Kubelet> {
  const { kube, clock, mesh, seed, speed, signal, nodeApi, onTargets, onTrouble } = options;
  const runs = new Map<string, PodRun>();
  const targets = new Map<string, PodTarget>();
  const ordinals = new Map<string, number>();
  const endings = new Set<Promise<void>>();
  const deps: KubeletDeps = {
    kube,
    clock,
    mesh,
    nodeApi,
    record: createEventRecorder({ kube, clock, signal, component: 'kubelet' }),
    nodeName: NODE_NAME,
    addresses: createAddresses(Math.random),
    pacedMs: (ms) => ms / speed,
    randomFor: (...name) => createRandom(seed, ...name),
    onTarget: (pod, ip) => {
      const { name, namespace = 'default', labels = {}, uid = '' } = pod.metadata;
      targets.set(uid, { namespace, pod: name, ip, labels });
      onTargets?.([...targets.values()]);
    },
    onTargetGone: (pod) => {
      if (targets.delete(pod.metadata.uid ?? '')) onTargets?.([...targets.values()]);
    },
    onTrouble: onTrouble ?? (() => undefined),
    isScrapable: options.isScrapable ?? (() => true),
    shownIp: options.shownIp ?? ((ip) => ip),
  };

  const ordinalOf = (pod: KubeObject): number => {
    const { namespace, workload } = identityOf(identityPod(pod));
    const ordinal = ordinals.get(`${namespace}/${workload}`) ?? 0;
    ordinals.set(`${namespace}/${workload}`, ordinal + 1);
    return ordinal;
  };
  const end = (uid: string): void => {
    const run = runs.get(uid);
    runs.delete(uid);
    const ending = run?.stop().finally(() => endings.delete(ending ?? Promise.resolve()));
    if (ending !== undefined) endings.add(ending);
  };

  await registerNode(kube, clock);
  const informer = startInformer({
    kube,
    clock,
    type: TYPES.pod,
    signal,
    onTrouble,
    onChange: (change, pod) => {
      const uid = pod.metadata.uid ?? '';
      const run = runs.get(uid);
      if (change === 'deleted') end(uid);
      else if (run !== undefined) run.update(pod);
      else if (isActive(pod) || pod.metadata.deletionTimestamp !== undefined)
        runs.set(uid, runPod(pod, ordinalOf(pod), deps));
    },
  });
  signal.addEventListener('abort', () => [...runs.keys()].forEach(end), { once: true });
  await informer.synced;
  return {
    targets: () => [...targets.values()],
    crash: (key) => {
      const pod = informer.list().find((each) => keyOf(each) === key);
      const run = runs.get(pod?.metadata.uid ?? '');
      run?.crash();
      return run !== undefined;
    },
    stopped: async () => void (await Promise.all(endings)),
  };
}

/** Endpoint controllers skip pods whose Node does not exist. */
async function registerNode(kube: KubeClient, clock: Clock): Promise<void> {
  const metadata = { name: NODE_NAME, labels: { 'kubernetes.io/hostname': NODE_NAME, 'kubernetes.io/os': 'linux' } };
  try {
    await kube.create({ apiVersion: 'v1', kind: 'Node', metadata, spec: {} }, 'sandbox-kubelet');
  } catch (thrown) {
    if (!(thrown instanceof SerinError && thrown.code === 'SERIN_E_CONFLICT')) throw thrown;
  }
  const now = new Date(clock.nowMs()).toISOString().replace(/\.\d+Z$/, 'Z');
  const capacity = { cpu: '64', memory: '256Gi', pods: '1000' };
  const ready = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'the sandbox runs pods' };
  await kube.patch({
    kind: 'json',
    target: { type: SANDBOX_TYPES.node, name: NODE_NAME },
    subresource: 'status',
    fieldManager: 'sandbox-kubelet',
    operations: [
      {
        op: 'add',
        path: '/status',
        value: {
          capacity,
          allocatable: capacity,
          conditions: [{ ...ready, lastHeartbeatTime: now, lastTransitionTime: now }],
          addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
          nodeInfo: {
            machineID: '',
            systemUUID: '',
            bootID: '',
            kernelVersion: '',
            osImage: 'sandbox',
            containerRuntimeVersion: 'sandbox://1',
            kubeletVersion: 'v1.36.3',
            kubeProxyVersion: '',
            operatingSystem: 'linux',
            architecture: 'amd64',
          },
        },
      },
    ],
  });
}
