/** The fields of pods that the sandbox reads, and the picture of a pod that its mesh routes to. */
import type { KubeObject } from '../api/meta.ts';
import type { IdentityPod } from './mesh/identity.ts';
import type { Endpoint } from './mesh/objects.ts';

export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly readinessProbe?: {
    readonly httpGet?: { readonly path?: string; readonly port: number | string };
    readonly initialDelaySeconds?: number;
    readonly periodSeconds?: number;
    readonly timeoutSeconds?: number;
    readonly successThreshold?: number;
    readonly failureThreshold?: number;
  };
}

export interface PodSpec {
  readonly nodeName?: string;
  readonly containers?: readonly Container[];
  readonly terminationGracePeriodSeconds?: number;
  readonly readinessGates?: readonly { readonly conditionType: string }[];
}

export interface PodCondition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly lastTransitionTime?: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface PodStatus {
  readonly phase?: string;
  readonly podIP?: string;
  readonly startTime?: string;
  readonly conditions?: readonly PodCondition[];
  readonly containerStatuses?: readonly { readonly name: string; readonly restartCount?: number }[];
}

export function podSpec(pod: KubeObject): PodSpec {
  return (pod['spec'] ?? {}) as PodSpec; // validated by the API server
}

export function podStatus(pod: KubeObject): PodStatus {
  return (pod['status'] ?? {}) as PodStatus; // written by kubelets only
}

export function isReady(pod: KubeObject): boolean {
  return podStatus(pod).conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

/**
 * The address at which a pod listens: a loopback one. Where its status shows one of a pod network instead (`outsideLoopback`), the
 * sandbox's proxies find it here all the same.
 */
export function ipOf(pod: KubeObject): string | undefined {
  return podStatus(pod).podIP?.replace(/^10\./, '127.');
}

/** `127.182.1.1` as `10.182.1.1`: a real API server takes no loopback address for an endpoint. */
export const outsideLoopback = (ip: string): string => ip.replace(/^127\./, '10.');

/** True while the pod's processes should run. */
export function isActive(pod: KubeObject): boolean {
  const { phase } = podStatus(pod);
  return phase !== 'Succeeded' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined;
}

/** A pod that may get traffic; `undefined` while it may not. */
export function endpointOf(pod: KubeObject): Endpoint | undefined {
  const ip = ipOf(pod);
  if (ip === undefined || !isReady(pod) || !isActive(pod)) return undefined;
  const ports = (podSpec(pod).containers ?? [])
    .flatMap((container) => container.ports ?? [])
    .flatMap(({ name, containerPort }) => (name === undefined ? [] : [[name, containerPort] as const]));
  return {
    name: pod.metadata.name,
    namespace: pod.metadata.namespace ?? 'default',
    ip,
    labels: pod.metadata.labels ?? {},
    ports: Object.fromEntries(ports),
  };
}

export function identityPod(pod: KubeObject): IdentityPod {
  const owner = pod.metadata.ownerReferences?.find((each) => each.controller === true);
  return {
    name: pod.metadata.name,
    namespace: pod.metadata.namespace ?? 'default',
    labels: pod.metadata.labels ?? {},
    owner: owner === undefined ? undefined : { kind: owner.kind, name: owner.name },
  };
}
