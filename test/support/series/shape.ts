/**
 * How a source shows calls in Prometheus: which process counts them, and which series each call moves, with every label that the
 * real source has. Written after the sources' own documentation, not after the queries that are tested with it.
 */
import type { Arm } from '../../../src/metrics/ledger.ts';

export type Labels = Readonly<Record<string, string>>;

/** One call of a user, as it happened. */
export interface Call {
  readonly atMs: number;
  readonly arm: Arm;
  readonly namespace: string;
  readonly workload: string;
  readonly pod: string;
  readonly isBad: boolean;
  readonly durationMs: number;
  readonly path: string;
}

/** A counter that goes up by one, a histogram that takes a value, or a gauge that is set. */
export type Move =
  | { readonly name: string; readonly labels: Labels }
  | { readonly name: string; readonly labels: Labels; readonly set: number }
  | { readonly name: string; readonly labels: Labels; readonly value: number; readonly boundaries: readonly number[] };

export interface Shape {
  readonly source: string;
  /** The queries of the library that read it. */
  readonly queries: readonly string[];
  /** Whose process counts: the pod that answers, something in front of it, or one exporter for all. */
  readonly counts: 'pod' | 'gateway' | 'cloud';
  /** What service discovery knows of the process that is scraped, meta labels included. */
  readonly target: (process: string, call: Pick<Call, 'namespace' | 'workload'>) => Labels;
  readonly moves: (call: Call) => readonly Move[];
  /** Series that go up beside the calls and must not be counted: probes, other reporters, other workloads. */
  readonly noise: (call: Call) => readonly Move[];
}

/** Labels that service discovery and the operator's defaults bring for an application's pod. */
export function podTarget(pod: string, { namespace, workload }: Pick<Call, 'namespace' | 'workload'>): Labels {
  return {
    __meta_kubernetes_namespace: namespace,
    __meta_kubernetes_pod_name: pod,
    __meta_kubernetes_pod_controller_kind: 'ReplicaSet',
    __meta_kubernetes_pod_controller_name: pod.replace(/-[a-z0-9]{5}$/, ''),
    __meta_kubernetes_pod_label_app: workload,
    namespace,
    pod,
    container: 'app',
    endpoint: 'http',
    job: `${namespace}/${workload}`,
    instance: `${pod}:8080`,
  };
}

export function gatewayTarget(gateway: string): Labels {
  return {
    namespace: 'gateways',
    pod: gateway,
    container: 'gateway',
    endpoint: 'metrics',
    job: 'gateways/gateway',
    instance: `${gateway}:9100`,
  };
}

/** The same call to a workload or namespace that only looks alike. */
export function lookAlikes(call: Call): readonly Call[] {
  return [
    { ...call, workload: `${call.workload}0`, pod: `${call.workload}0-7f9c4d5b8-x2x4z` },
    { ...call, namespace: `${call.namespace}x` },
  ];
}

/** Gauges do not change here: what counts is that each side's own are read. */
export const LEVELS: Readonly<Record<Arm, number>> = { stable: 100, canary: 150 };
