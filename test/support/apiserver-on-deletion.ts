/** Conformance: deletion, finalizers, grace periods, preconditions, garbage collection, namespaces that end. */
import { describe, expect, test } from 'vitest';
import type { ApiClient } from './apiserver-client.ts';
import { configMap, expectRefusal, type Refusal, suiteOn, thing } from './apiserver-suite.ts';

const REFUSED: readonly (Refusal & { readonly query?: string; readonly body?: object })[] = [
  {
    title: 'another uid',
    body: { preconditions: { uid: 'nope' } },
    status: 409,
    reason: 'Conflict',
    says: 'the UID in the precondition (nope) does not match the UID in record (',
  },
  {
    title: 'another resource version',
    body: { preconditions: { resourceVersion: '1' } },
    status: 409,
    reason: 'Conflict',
    says: 'the ResourceVersion in the precondition (1) does not match the ResourceVersion in record (',
  },
  {
    title: 'an unknown propagation',
    query: '?propagationPolicy=Foo',
    status: 422,
    reason: 'Invalid',
    says: 'propagationPolicy: Unsupported value: "Foo": supported values: "Foreground", "Background", "Orphan", "nil"',
  },
];

export function onDeletion(client: () => ApiClient): void {
  const suite = suiteOn(client, 'on-deletion');
  const maps = () => `${suite.core()}/configmaps`;
  const statusOf = async (path: string): Promise<number> => (await suite.call('GET', path)).status;

  test('answers with a Status that names what is gone; a second time is 404', async () => {
    const made = await suite.ok('POST', maps(), { body: configMap('plain') });
    const answer = await suite.call('DELETE', `${maps()}/plain`);
    expect(answer.body).toMatchObject({
      kind: 'Status',
      status: 'Success',
      details: { name: 'plain', kind: 'configmaps', uid: made.metadata.uid },
    });
    expect((await suite.call('DELETE', `${maps()}/plain`)).status).toBe(404);
  });

  test.each(REFUSED)('refuses $title', async (row) => {
    await suite.call('POST', maps(), { body: configMap('guarded') });
    const options = row.body === undefined ? {} : { body: row.body };
    expectRefusal(await suite.call('DELETE', `${maps()}/guarded${row.query ?? ''}`, options), row);
    expect(await statusOf(`${maps()}/guarded`)).toBe(200);
  });

  test('with the right uid goes through', async () => {
    const made = await suite.ok('POST', maps(), { body: configMap('exact') });
    await suite.ok('DELETE', `${maps()}/exact`, { body: { preconditions: { uid: made.metadata.uid } } });
  });

  describe('with finalizers', () => {
    test('marks the object, keeps it until the last finalizer goes, and lets no new one in', async () => {
      const path = `${suite.custom()}/things/held`;
      await suite.ok('POST', `${suite.custom()}/things`, {
        body: thing('held', {}, { finalizers: ['a.b/c', 'a.b/d'] }),
      });
      const marked = await suite.ok('DELETE', path);
      expect(marked.metadata).toMatchObject({
        deletionTimestamp: expect.any(String),
        deletionGracePeriodSeconds: 0,
        generation: 2,
      });
      const again = await suite.ok('DELETE', path);
      expect(again.metadata.resourceVersion).toBe(marked.metadata.resourceVersion);
      const added = await suite.merge(path, { metadata: { finalizers: ['a.b/c', 'x.y/z'] } });
      expect(added.body.message).toContain(
        'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x.y/z"}',
      );
      expect((await suite.merge(path, { metadata: { finalizers: ['a.b/d'] } })).status).toBe(200);
      expect((await suite.merge(path, { metadata: { finalizers: null } })).status).toBe(200);
      expect(await statusOf(path)).toBe(404);
    });

    test('a watcher sees the mark as a change and the end as DELETED', async () => {
      const path = `${maps()}/watched`;
      const made = await suite.ok('POST', maps(), { body: configMap('watched', {}, { finalizers: ['a.b/c'] }) });
      const watch = await suite
        .client()
        .watch(
          `${maps()}?watch=1&resourceVersion=${made.metadata.resourceVersion}&fieldSelector=metadata.name%3Dwatched`,
        );
      await suite.ok('DELETE', path);
      await suite.merge(path, { metadata: { finalizers: null } });
      const last = await watch.until(({ type }) => type === 'DELETED');
      watch.stop();
      expect(watch.lines.map(({ type }) => type)).toEqual(['MODIFIED', 'DELETED']);
      expect(last.object.metadata.deletionTimestamp).toBeDefined();
    });
  });

  describe('of pods', () => {
    const pod = (name: string, spec: object = {}) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: { containers: [{ name: 'c', image: 'x' }], ...spec },
    });

    test('without a node is immediate', async () => {
      await suite.ok('POST', `${suite.core()}/pods`, { body: pod('unscheduled') });
      expect((await suite.ok('DELETE', `${suite.core()}/pods/unscheduled`)).kind).toBe('Pod');
      expect(await statusOf(`${suite.core()}/pods/unscheduled`)).toBe(404);
    });

    test('with a node waits for the kubelet, which ends it with a grace period of 0', async () => {
      const path = `${suite.core()}/pods/running`;
      await suite.ok('POST', `${suite.core()}/pods`, { body: pod('running', { terminationGracePeriodSeconds: 7 }) });
      const target = { apiVersion: 'v1', kind: 'Node', name: 'node-1' };
      await suite.ok('POST', `${path}/binding`, {
        body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: 'running' }, target },
      });
      expect((await suite.ok('GET', path)).spec.nodeName).toBe('node-1');
      const marked = await suite.ok('DELETE', path);
      expect(marked.metadata.deletionGracePeriodSeconds).toBe(7);
      expect(await statusOf(path)).toBe(200);
      await suite.ok('DELETE', `${path}?gracePeriodSeconds=0`);
      expect(await statusOf(path)).toBe(404);
    });
  });

  test('of a collection takes what the selector matches', async () => {
    for (const name of ['c1', 'c2'])
      await suite.ok('POST', maps(), { body: configMap(name, {}, { labels: { sweep: 'yes' } }) });
    await suite.ok('POST', maps(), { body: configMap('c3') });
    const list = await suite.ok('DELETE', `${maps()}?labelSelector=sweep%3Dyes`);
    expect(list.kind).toBe('ConfigMapList');
    expect(list.items).toHaveLength(2);
    expect([await statusOf(`${maps()}/c1`), await statusOf(`${maps()}/c3`)]).toEqual([404, 200]);
  });

  describe('garbage collection', () => {
    const child = (name: string, owner: { uid: string; name: string }) =>
      configMap(
        name,
        {},
        {
          ownerReferences: [
            { apiVersion: 'v1', kind: 'ConfigMap', name: owner.name, uid: owner.uid, blockOwnerDeletion: true },
          ],
        },
      );
    const family = async (name: string): Promise<string> => {
      const owner = await suite.ok('POST', maps(), { body: configMap(name) });
      await suite.ok('POST', maps(), { body: child(`${name}-child`, owner.metadata) });
      return `${maps()}/${name}`;
    };

    test('takes dependents after their owner', async () => {
      const owner = await family('background');
      await suite.ok('DELETE', owner);
      await expect.poll(() => statusOf(`${owner}-child`), { timeout: 20_000 }).toBe(404);
    });

    test('leaves orphans when asked, without their owner reference', async () => {
      const owner = await family('orphan');
      await suite.ok('DELETE', `${owner}?propagationPolicy=Orphan`);
      await expect.poll(() => statusOf(owner), { timeout: 20_000 }).toBe(404);
      const left = await suite.ok('GET', `${owner}-child`);
      expect(left.metadata.ownerReferences).toBeUndefined();
    });

    test('in the foreground takes dependents first', async () => {
      const owner = await family('foreground');
      const marked = await suite.ok('DELETE', `${owner}?propagationPolicy=Foreground`);
      expect(marked.metadata.finalizers).toEqual(['foregroundDeletion']);
      await expect.poll(() => statusOf(owner), { timeout: 20_000 }).toBe(404);
      expect(await statusOf(`${owner}-child`)).toBe(404);
    });
  });

  test('a namespace is emptied, takes nothing new meanwhile, and goes', async () => {
    const path = '/api/v1/namespaces/ending';
    await suite.ok('POST', '/api/v1/namespaces', {
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ending' } },
    });
    await suite.ok('POST', `${path}/configmaps`, { body: configMap('held', {}, { finalizers: ['a.b/c'] }) });
    const marked = await suite.ok('DELETE', path);
    expect(marked.status.phase).toBe('Terminating');
    const refused = await suite.call('POST', `${path}/configmaps`, { body: configMap('late') });
    expect(refused.body).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(refused.body.message).toBe(
      'configmaps "late" is forbidden: unable to create new content in namespace ending because it is being terminated',
    );
    await expect
      .poll(async () => (await suite.call('GET', `${path}/configmaps/held`)).body.metadata.deletionTimestamp, {
        timeout: 20_000,
      })
      .toBeDefined();
    await suite.merge(`${path}/configmaps/held`, { metadata: { finalizers: null } });
    await expect.poll(() => statusOf(path), { timeout: 40_000 }).toBe(404);
  });
}
