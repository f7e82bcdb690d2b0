/** Events as controllers and kubelets record them: for people with `kubectl describe`, never needed by anything, so never waited for. */
import type { KubeObject } from '../api/meta.ts';
import type { Clock } from '../clock.ts';
import type { KubeClient } from '../kube/port.ts';

export type RecordEvent = (object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string) => void;

export interface EventRecorderOptions {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** `deployment-controller`, `kubelet`: shown as the source. */
  readonly component: string;
}

export function createEventRecorder({ kube, clock, signal, component }: EventRecorderOptions): RecordEvent {
  let count = 0;
  return ({ apiVersion, kind, metadata }, type, reason, message) => {
    const { name, namespace = 'default', uid } = metadata;
    count += 1;
    const nowMs = clock.nowMs();
    const at = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${nowMs.toString(16)}${count.toString(16).padStart(4, '0')}`, namespace },
      involvedObject: { apiVersion, kind, name, namespace, ...(uid === undefined ? {} : { uid }) },
      type,
      reason,
      message,
      count: 1,
      firstTimestamp: at,
      lastTimestamp: at,
      source: { component },
      reportingComponent: component,
      reportingInstance: '',
    };
    void kube.create(event, component, signal).catch(() => undefined);
  };
}
