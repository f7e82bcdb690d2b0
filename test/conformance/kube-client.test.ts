import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type KubeObject, type ObjectRef, TYPES } from '../../src/api/meta.ts';
import { systemClock } from '../../src/clock.ts';
import { type Informers, startInformers } from '../../src/controller/informer.ts';
import { type Candidacy, runForLeader } from '../../src/controller/lease.ts';
import { SerinError } from '../../src/errors.ts';
import { type ConnectedKubeClient, createKubeClient } from '../../src/kube/client.ts';
import { silentLog } from '../../src/logger.ts';
import { startApiServer } from '../../src/sandbox/apiserver/server.ts';
import { startControlPlane } from '../support/control-plane.ts';
import { eventually } from '../support/stub-api-server.ts';
import { describeWith } from '../support/tools.ts';

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (thrown: unknown) => (thrown instanceof SerinError ? thrown.code : String(thrown)),
  );

const service = (name: string, port = 80): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { selector: { app: name }, ports: [{ name: 'http', port, protocol: 'TCP', targetPort: port }] },
});
const refOf = (name: string): ObjectRef => ({ type: TYPES.service, namespace: 'default', name });

/** A server to hold the client against. */
interface Server {
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

async function startSandboxServer(): Promise<Server> {
  const server = await startApiServer();
  const folder = await mkdtemp(join(tmpdir(), 'serin-kube-'));
  const path = join(folder, 'config');
  await writeFile(path, server.kubeconfig);
  return {
    kubeconfig: path,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}

describe('the client, informers and lease on the sandbox’s API server', () => suite(startSandboxServer));
describeWith(['kube-apiserver'], 'the client, informers and lease on the real API server', () =>
  suite(() => startControlPlane({ controllers: false })),
);

function suite(start: () => Promise<Server>): void {
  let server: Server;
  let kube: ConnectedKubeClient;
  const endings: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    server = await start();
    kube = createKubeClient({ kubeconfig: server.kubeconfig });
  });
  afterEach(async () => {
    for (const end of endings.splice(0)) await end();
  });
  afterAll(async () => {
    kube?.close();
    await server?.stop();
  });

  describe('writes', () => {
    test('an object is created, read, applied, patched and deleted', async () => {
      const created = await kube.create(service('a'), 'serin');
      expect(created.metadata.uid).toBeDefined();
      expect(await codeOf(kube.create(service('a'), 'serin'))).toBe('SERIN_E_CONFLICT');
      const labelled: KubeObject = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'a', namespace: 'default', labels: { x: 'y' } },
      };
      const applied = await kube.patch({
        kind: 'apply',
        target: refOf('a'),
        object: labelled,
        fieldManager: 'serin-traffic',
        force: false,
      });
      expect(applied.metadata.labels).toEqual({ x: 'y' });
      const patched = await kube.patch({
        kind: 'json',
        target: refOf('a'),
        fieldManager: 'serin-traffic',
        operations: [
          { op: 'test', path: '/metadata/resourceVersion', value: applied.metadata.resourceVersion },
          { op: 'replace', path: '/metadata/labels/x', value: 'z' },
        ],
      });
      expect(patched.metadata.labels).toEqual({ x: 'z' });
      await kube.delete(refOf('a'), { uid: created.metadata.uid ?? '' });
      expect(await kube.get(refOf('a'))).toBeUndefined();
      await kube.delete(refOf('a'));
    });

    test('what changed since it was read is a conflict', async () => {
      const { metadata } = await kube.create(service('b'), 'serin');
      const patch = (path: string, value: unknown) =>
        kube.patch({
          kind: 'json',
          target: refOf('b'),
          fieldManager: 'serin',
          operations: [{ op: 'test', path, value }],
        });
      expect(await codeOf(patch('/metadata/resourceVersion', '1'))).toBe('SERIN_E_CONFLICT');
      expect(await codeOf(patch('/spec/ports/0/port', 81))).toBe('SERIN_E_CONFLICT');
      expect(await codeOf(patch('/metadata/labels/gone', 'x'))).toBe('SERIN_E_CONFLICT');
      expect(await codeOf(patch('/metadata/resourceVersion', metadata.resourceVersion))).toBe('no error');
      expect(await codeOf(kube.delete(refOf('b'), { uid: '00000000-0000-0000-0000-000000000000' }))).toBe(
        'SERIN_E_CONFLICT',
      );
      const stolen = { ...service('b', 81), spec: { ports: [{ port: 80, protocol: 'TCP', name: 'other' }] } };
      expect(
        await codeOf(
          kube.patch({ kind: 'apply', target: refOf('b'), object: stolen, fieldManager: 'thief', force: false }),
        ),
      ).toBe('SERIN_E_CONFLICT');
    });

    test('what can never work is not tried again', async () => {
      const bad = { ...service('c'), spec: { ports: [{ port: 99_999 }] } };
      const error = await kube.create(bad, 'serin').catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'SERIN_E_INVALID_SPEC', retryable: false });
      expect((error as Error).message).toContain('spec.ports[0].port');
      const elsewhere = { ...service('c'), metadata: { name: 'c', namespace: 'nowhere' } };
      expect(await codeOf(kube.create(elsewhere, 'serin'))).toBe('SERIN_E_NOT_FOUND');
      expect(await codeOf(kube.list(TYPES.release))).toBe('SERIN_E_NOT_FOUND');
    });

    test('an event can be recorded', async () => {
      const event: KubeObject = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: 'web.1', namespace: 'default' },
        involvedObject: { kind: 'Service', name: 'web', namespace: 'default' },
        reason: 'Advanced',
        message: 'x',
        type: 'Normal',
      };
      expect((await kube.create(event, 'serin')).metadata.name).toBe('web.1');
    });
  });

  describe('reads', () => {
    test('a list longer than a page comes whole', async () => {
      const names = Array.from({ length: 520 }, (_, index) => `many-${index}`);
      const config = (name: string): KubeObject => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace: 'default' },
      });
      for (let at = 0; at < names.length; at += 20) {
        await Promise.all(names.slice(at, at + 20).map((name) => kube.create(config(name), 'serin')));
      }
      const configMap = { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };
      const { items } = await kube.list(configMap, { namespace: 'default' });
      expect(items.filter((item) => item.metadata.name.startsWith('many-'))).toHaveLength(520);
      expect(items.every((item) => item.kind === 'ConfigMap' && item.apiVersion === 'v1')).toBe(true);
    });

    test('informers follow, over the end of each watch', async () => {
      const brief = createKubeClient({ kubeconfig: server.kubeconfig, watchTimeoutMs: 1_000 });
      const informers: Informers = startInformers(
        { kube: brief, clock: systemClock, random: Math.random, log: silentLog },
        [TYPES.service, TYPES.release],
      );
      endings.push(async () => {
        await informers.stop();
        brief.close();
      });
      await informers.synced();
      expect(informers.missing()).toEqual(['Release']);
      const seen: string[] = [];
      informers.subscribe((event, object) => seen.push(`${event} ${object.metadata.name}`));
      for (const name of ['i1', 'i2', 'i3']) {
        await kube.create(service(name), 'serin');
        await eventually(`${name} is seen`, () => seen.includes(`added ${name}`));
        await systemClock.sleep(700);
      }
      await kube.delete(refOf('i1'));
      await eventually('the deletion is seen', () => seen.includes('deleted i1'));
      expect(new Set(seen).size).toBe(seen.length);
    });
  });

  test('the leader lease changes hands, and never has two holders', async () => {
    const leading = new Set<string>();
    let most = 0;
    const start = (identity: string): Candidacy => {
      // Long against the pauses of a busy machine: only a stop hands the lease over.
      const times = { durationMs: 15_000, renewDeadlineMs: 10_000, retryMs: 200 };
      const settings = { namespace: 'default', name: 'serin', identity, ...times };
      const candidacy = runForLeader(
        { kube, clock: systemClock, random: Math.random, log: silentLog },
        settings,
        async (signal) => {
          leading.add(identity);
          most = Math.max(most, leading.size);
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
          leading.delete(identity);
        },
      );
      endings.push(() => candidacy.stop());
      return candidacy;
    };
    const candidates = { a: start('a'), b: start('b') };
    await eventually('one leads', () => leading.size === 1);
    const [first] = leading;
    await systemClock.sleep(1_000);
    expect([...leading]).toEqual([first]);
    await candidates[first === 'a' ? 'a' : 'b'].stop();
    await eventually('the other leads', () => leading.size === 1 && !leading.has(first ?? ''), 10_000);
    expect(most).toBe(1);
    const lease = await kube.get({ type: TYPES.lease, namespace: 'default', name: 'serin' });
    expect(lease?.['spec']).toMatchObject({ leaseTransitions: 1, leaseDurationSeconds: 15 });
  });
}
