/** What every part of the API-server conformance suite needs: a server to ask, a namespace of its own, and objects to send. */
import { beforeAll, expect } from 'vitest';
import type { Answer, ApiClient, CallOptions } from './apiserver-client.ts';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC = 'application/strategic-merge-patch+json';
export const APPLY = 'application/apply-patch+yaml';
export const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

export interface Suite {
  readonly client: () => ApiClient;
  /** Path of the namespace in the core group, e.g. `/api/v1/namespaces/x`. */
  readonly core: () => string;
  readonly apps: () => string;
  readonly custom: () => string;
  readonly namespace: () => string;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** As `call`, and fails unless the answer is 2xx. Returns the body. */
  ok(method: string, path: string, options?: CallOptions): Promise<Answer['body']>;
  merge(path: string, body: unknown): Promise<Answer>;
  apply(path: string, manager: string, body: unknown, force?: boolean): Promise<Answer>;
}

/** Makes a namespace for the suite that calls it. */
export function suiteOn(client: () => ApiClient, name: string): Suite {
  const call: Suite['call'] = (method, path, options) => client().call(method, path, options);
  const suite: Suite = {
    client,
    namespace: () => name,
    core: () => `/api/v1/namespaces/${name}`,
    apps: () => `/apis/apps/v1/namespaces/${name}`,
    custom: () => `/apis/conformance.serin.dev/v1/namespaces/${name}`,
    call,
    ok: async (method, path, options) => {
      const answer = await call(method, path, options);
      expect(answer.status, `${method} ${path}: ${answer.text}`).toBeLessThan(300);
      return answer.body;
    },
    merge: (path, body) => call('PATCH', path, { type: MERGE_PATCH, body }),
    apply: (path, manager, body, force = false) =>
      call('PATCH', `${path}?fieldManager=${manager}&force=${force}`, { type: APPLY, body }),
  };
  beforeAll(async () => {
    await suite.ok('POST', '/api/v1/namespaces', { body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } });
  });
  return suite;
}

export const configMap = (name: string, data?: Readonly<Record<string, string>>, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  ...(data === undefined ? {} : { data }),
});

export const deployment = (name: string, spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 0,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'app', image: 'app:1', ports: [{ containerPort: 80 }] }] },
    },
    ...spec,
  },
});

export const thing = (name: string, spec: object = {}, metadata: object = {}) => ({
  apiVersion: 'conformance.serin.dev/v1',
  kind: 'Thing',
  metadata: { name, ...metadata },
  spec,
});

/** A refusal as the table-driven tests expect it. */
export interface Refusal {
  readonly title: string;
  readonly status: number;
  readonly reason: string | undefined;
  /** Part of the message; all of it where it is short. */
  readonly says: string;
}

export function expectRefusal(answer: Answer, { status, reason, says }: Refusal): void {
  expect({ status: answer.status, reason: answer.body?.reason }).toEqual({ status, reason });
  expect(answer.body).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: status });
  expect(answer.body.message).toContain(says);
}

/** managedFields in short: `manager/operation[/subresource]` → fields. */
export function owners(object: Answer['body']): Record<string, unknown> {
  const entries: [string, unknown][] = (object.metadata.managedFields ?? []).map(
    (entry: { manager: string; operation: string; subresource?: string; fieldsV1: unknown }) => [
      [entry.manager, entry.operation, entry.subresource].filter((part) => part !== undefined).join('/'),
      entry.fieldsV1,
    ],
  );
  return Object.fromEntries(entries);
}
