/** One suite of behaviours for the sandbox's API server and for the real control plane: what holds for one holds for the other. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readBuiltinSchemas } from '../../src/sandbox/apiserver/schema/builtin.ts';
import { startApiServer } from '../../src/sandbox/apiserver/server.ts';
import { type ApiClient, apiClient } from '../support/apiserver-client.ts';
import { onApply } from '../support/apiserver-on-apply.ts';
import { onCustomKinds } from '../support/apiserver-on-custom-kinds.ts';
import { onDeletion } from '../support/apiserver-on-deletion.ts';
import { onObjects } from '../support/apiserver-on-objects.ts';
import { onPatches } from '../support/apiserver-on-patches.ts';
import { onWatches } from '../support/apiserver-on-watches.ts';
import { builtinDefinitions } from '../support/apiserver-schemas.ts';
import { thingsDefinition } from '../support/apiserver-things.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { describeWith } from '../support/tools.ts';

interface Server {
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

function conformance(start: () => Promise<Server>, more?: (current: () => ApiClient) => void): void {
  let server: Server | undefined;
  let client: ApiClient | undefined;
  const current = (): ApiClient => {
    if (client === undefined) throw new Error('the server is not up');
    return client;
  };
  beforeAll(async () => {
    server = await start();
    client = apiClient(server.kubeconfig);
    const body = thingsDefinition;
    const made = await client.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', { body });
    expect(made.status, made.text).toBe(201);
    const list = '/apis/conformance.serin.dev/v1/namespaces/default/things';
    await vi.waitFor(async () => expect((await current().call('GET', list)).status).toBe(200), { timeout: 20_000 });
  });
  afterAll(async () => {
    client?.close();
    await server?.stop();
  });
  describe('objects', () => onObjects(current));
  describe('patches', () => onPatches(current));
  describe('server-side apply', () => onApply(current));
  describe('lists and watches', () => onWatches(current));
  describe('custom kinds', () => onCustomKinds(current));
  describe('deletion', () => onDeletion(current));
  more?.(current);
}

describe('the API server of the sandbox', () => conformance(() => startApiServer()));

describeWith(['kube-apiserver', 'kube-controller-manager', 'etcd'], 'the real control plane', () => {
  conformance(
    async () => {
      const plane = await startControlPlane();
      return { kubeconfig: readFileSync(plane.kubeconfig, 'utf8'), stop: () => plane.stop() };
    },
    (current) => {
      test('its schemas of the built-in kinds are the ones that the sandbox ships', async () => {
        expect(readBuiltinSchemas().raw).toEqual(await builtinDefinitions(current()));
      });
    },
  );
});
