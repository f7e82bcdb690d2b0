/** The fields of Deployments and ReplicaSets that their controllers read, with the API server's defaults filled in. */
import type { KubeObject } from '../../api/meta.ts';
import type { PodCondition } from '../pod.ts';

type IntOrPercent = number | string;

export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export interface DeploymentSpec {
  readonly replicas: number;
  readonly selector: LabelSelector;
  readonly template: PodTemplate;
  readonly isRecreate: boolean;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
  readonly minReadySeconds: number;
  readonly paused: boolean;
  readonly progressDeadlineSeconds: number;
  readonly revisionHistoryLimit: number;
}

interface Counts {
  readonly replicas?: number;
  readonly readyReplicas?: number;
  readonly availableReplicas?: number;
  readonly terminatingReplicas?: number;
}

export interface DeploymentCondition extends PodCondition {
  readonly lastUpdateTime?: string;
}

export interface DeploymentStatus extends Counts {
  readonly observedGeneration?: number;
  readonly updatedReplicas?: number;
  readonly unavailableReplicas?: number;
  readonly collisionCount?: number;
  readonly conditions?: readonly DeploymentCondition[];
}

/** A ReplicaSet, taken apart. */
export interface ReplicaSetState {
  readonly object: KubeObject;
  readonly name: string;
  readonly replicas: number;
  readonly template: PodTemplate;
  readonly selector: LabelSelector;
  readonly minReadySeconds: number;
  readonly status: Counts & { readonly observedGeneration?: number; readonly fullyLabeledReplicas?: number };
  readonly revision: number;
  readonly desiredAnnotation: number | undefined;
  readonly maxAnnotation: number | undefined;
}

export const REVISION = 'deployment.kubernetes.io/revision';
export const DESIRED = 'deployment.kubernetes.io/desired-replicas';
export const MAX = 'deployment.kubernetes.io/max-replicas';
export const HASH = 'pod-template-hash';

interface WireDeploymentSpec {
  readonly replicas?: number;
  readonly selector?: LabelSelector;
  readonly template?: PodTemplate;
  readonly strategy?: {
    readonly type?: string;
    readonly rollingUpdate?: { readonly maxSurge?: IntOrPercent; readonly maxUnavailable?: IntOrPercent };
  };
  readonly minReadySeconds?: number;
  readonly paused?: boolean;
  readonly progressDeadlineSeconds?: number;
  readonly revisionHistoryLimit?: number;
}

export function deploymentSpec(object: KubeObject): DeploymentSpec {
  const spec = (object['spec'] ?? {}) as WireDeploymentSpec; // validated by the API server
  const replicas = spec.replicas ?? 1;
  const rolling = spec.strategy?.rollingUpdate;
  const isRecreate = spec.strategy?.type === 'Recreate';
  const surge = resolve(rolling?.maxSurge ?? '25%', replicas, Math.ceil);
  const unavailable = resolve(rolling?.maxUnavailable ?? '25%', replicas, Math.floor);
  return {
    replicas,
    selector: spec.selector ?? {},
    template: spec.template ?? {},
    isRecreate,
    maxSurge: isRecreate ? 0 : surge,
    // Both 0 would never move; the real controller takes one away then (deployment_util ResolveFenceposts).
    maxUnavailable: isRecreate ? 0 : Math.min(surge === 0 && unavailable === 0 ? 1 : unavailable, replicas),
    minReadySeconds: spec.minReadySeconds ?? 0,
    paused: spec.paused ?? false,
    progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600,
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
  };
}

function resolve(value: IntOrPercent, total: number, round: (value: number) => number): number {
  if (typeof value === 'number') return value;
  const percent = Number(value.replace(/%$/, ''));
  return Number.isFinite(percent) ? round((percent * total) / 100) : 0;
}

export function deploymentStatus(object: KubeObject): DeploymentStatus {
  return (object['status'] ?? {}) as DeploymentStatus; // written by this controller only
}

export function replicaSetState(object: KubeObject): ReplicaSetState {
  const spec = (object['spec'] ?? {}) as WireDeploymentSpec; // the two share the fields read here
  const annotations = object.metadata.annotations ?? {};
  const number = (name: string): number | undefined =>
    annotations[name] === undefined ? undefined : Number(annotations[name]);
  return {
    object,
    name: object.metadata.name,
    replicas: spec.replicas ?? 1,
    template: spec.template ?? {},
    selector: spec.selector ?? {},
    minReadySeconds: spec.minReadySeconds ?? 0,
    status: (object['status'] ?? {}) as ReplicaSetState['status'], // written by its controller only
    revision: number(REVISION) ?? 0,
    desiredAnnotation: number(DESIRED),
    maxAnnotation: number(MAX),
  };
}

export function matchesSelector(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  if (Object.keys(matchLabels).length === 0 && matchExpressions.length === 0) return false;
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = labels[key];
      if (operator === 'Exists') return value !== undefined;
      if (operator === 'DoesNotExist') return value === undefined;
      if (operator === 'In') return value !== undefined && values.includes(value);
      return operator === 'NotIn' && (value === undefined || !values.includes(value));
    })
  );
}

export function isControlledBy(object: KubeObject, owner: KubeObject): boolean {
  return (
    object.metadata.ownerReferences?.some((ref) => ref.controller === true && ref.uid === owner.metadata.uid) ?? false
  );
}

export function ownerReference(owner: KubeObject): Readonly<Record<string, unknown>> {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, controller: true, blockOwnerDeletion: true };
}

/** Oldest first, then by name. */
export function byCreation(left: ReplicaSetState, right: ReplicaSetState): number {
  const key = ({ object, name }: ReplicaSetState): string => `${object.metadata.creationTimestamp ?? ''} ${name}`;
  return key(left) < key(right) ? -1 : 1;
}
