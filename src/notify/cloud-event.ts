/** A release's message for programs: a CloudEvents 1.0 envelope in structured mode (https://github.com/cloudevents/spec, JSON format). */
import type { ReleaseMessage } from './port.ts';

export const CLOUD_EVENT_TYPE = 'application/cloudevents+json; charset=utf-8';

export interface CloudEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  /** Versioned: fields are only added within `v1`. */
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly data: {
    readonly namespace: string;
    readonly release: string;
    readonly event: string;
    readonly severity: string;
    readonly reason: string;
    readonly message: string;
    readonly revision: { readonly stable?: string; readonly canary?: string };
    readonly weight: number;
    readonly elapsedSeconds?: number;
    readonly facts: readonly string[];
  };
}

export function cloudEvent(message: ReleaseMessage): CloudEvent {
  const { announcement, namespace, release, revision, weight, elapsedMs, timeMs, facts } = message;
  return {
    specversion: '1.0',
    id: announcement.id,
    source: `/apis/serin.dev/namespaces/${namespace}/releases/${release}`,
    type: `dev.serin.release.${announcement.what}.v1`,
    subject: `${namespace}/${release}`,
    time: new Date(timeMs).toISOString(),
    datacontenttype: 'application/json',
    data: {
      namespace,
      release,
      event: announcement.what,
      severity: announcement.severity,
      reason: announcement.reason,
      message: announcement.message,
      revision,
      weight,
      ...(elapsedMs === undefined ? {} : { elapsedSeconds: elapsedMs / 1_000 }),
      facts,
    },
  };
}
