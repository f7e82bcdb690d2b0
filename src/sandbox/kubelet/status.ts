/** Pod status as a kubelet reports it, from what the sandbox knows of a running pod. Pure. */
import type { KubeObject } from '../../api/meta.ts';
import { podSpec, podStatus, type PodCondition } from '../pod.ts';

interface ContainerEnd {
  readonly reason: string;
  readonly exitCode: number;
  readonly startedAt: string;
  readonly finishedAt: string;
}

type ContainerState =
  | { readonly kind: 'waiting'; readonly reason: string; readonly message: string }
  | { readonly kind: 'running'; readonly startedAt: string }
  | ({ readonly kind: 'terminated' } & ContainerEnd);

export interface PodPicture {
  readonly ip: string | undefined;
  readonly startTime: string;
  readonly state: ContainerState;
  readonly lastEnd: ContainerEnd | undefined;
  readonly restartCount: number;
  readonly isReady: boolean;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
}

/** Other controllers say yes to each of the pod's readiness gates; true where it has none. */
function areGatesOpen(pod: KubeObject): boolean {
  return (podSpec(pod).readinessGates ?? []).every(({ conditionType }) => hasCondition(pod, conditionType));
}

const hasCondition = (pod: KubeObject, name: string): boolean =>
  podStatus(pod).conditions?.some(({ type, status }) => type === name && status === 'True') ?? false;

/** Somebody opened or closed a readiness gate since the status of this pod, whose containers are ready, was written. */
export function isReadinessStale(pod: KubeObject): boolean {
  return hasGates(pod) && hasCondition(pod, 'Ready') !== areGatesOpen(pod);
}

/** Others write conditions of this pod too. */
export const hasGates = (pod: KubeObject): boolean => (podSpec(pod).readinessGates ?? []).length > 0;

/** The whole `status`, keeping fields that others wrote (QoS class, readiness gates' conditions). */
export function statusOf(pod: KubeObject, picture: PodPicture, now: string): unknown {
  const before = podStatus(pod);
  const gatesOpen = areGatesOpen(pod);
  const containers = flag(picture.isReady);
  const ours = [
    condition('PodReadyToStartContainers', flag(picture.ip !== undefined)),
    condition('Initialized', 'True'),
    condition(
      'Ready',
      flag(picture.isReady && gatesOpen),
      picture.isReady ? 'ReadinessGatesNotReady' : 'ContainersNotReady',
    ),
    condition('ContainersReady', containers, 'ContainersNotReady'),
    condition('PodScheduled', 'True'),
  ].map((each) => keepTransition(each, before.conditions ?? [], now));
  const names = new Set(ours.map(({ type }) => type));
  return {
    ...before,
    phase: picture.phase,
    conditions: [...ours, ...(before.conditions ?? []).filter(({ type }) => !names.has(type))],
    hostIP: '127.0.0.1',
    hostIPs: [{ ip: '127.0.0.1' }],
    ...(picture.ip === undefined ? {} : { podIP: picture.ip, podIPs: [{ ip: picture.ip }] }),
    startTime: picture.startTime,
    containerStatuses: (podSpec(pod).containers ?? []).map(({ name, image = '' }) => ({
      name,
      image,
      imageID: image,
      containerID: `sandbox://${pod.metadata.uid ?? ''}/${name}/${picture.restartCount}`,
      ready: picture.isReady,
      started: picture.state.kind === 'running',
      restartCount: picture.restartCount,
      state: wireState(picture.state),
      lastState: picture.lastEnd === undefined ? {} : { terminated: picture.lastEnd },
    })),
  };
}

function flag(isTrue: boolean): 'True' | 'False' {
  return isTrue ? 'True' : 'False';
}

function condition(type: string, status: 'True' | 'False', reason?: string): PodCondition {
  if (status === 'True' || reason === undefined) return { type, status };
  return { type, status, reason, message: 'containers or readiness gates of the pod are not ready' };
}

function keepTransition(next: PodCondition, before: readonly PodCondition[], now: string): PodCondition {
  const same = before.find(({ type, status }) => type === next.type && status === next.status);
  return { ...next, lastTransitionTime: same?.lastTransitionTime ?? now };
}

function wireState(state: ContainerState): unknown {
  const { kind, ...rest } = state;
  return { [kind]: rest };
}
