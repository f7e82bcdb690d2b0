/** Conformance: lists, pages, selectors and watches. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { ApiClient, WatchLine } from './apiserver-client.ts';
import { configMap, expectRefusal, type Refusal, suiteOn } from './apiserver-suite.ts';

const REFUSED: readonly (Refusal & { readonly query: string })[] = [
  {
    title: 'a label selector that cannot be read',
    query: 'labelSelector=a%20b%20c',
    status: 400,
    reason: 'BadRequest',
    says: "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
  },
  {
    title: 'a field that cannot be selected',
    query: 'fieldSelector=data.x%3D1',
    status: 400,
    reason: 'BadRequest',
    says: '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
  },
  {
    title: 'a field selector that cannot be read',
    query: 'fieldSelector=abc',
    status: 400,
    reason: 'BadRequest',
    says: "invalid selector: 'abc'; can't understand 'abc'",
  },
  {
    title: 'a resource version that is no number',
    query: 'resourceVersion=abc',
    status: 400,
    reason: 'BadRequest',
    says: 'invalid resource version',
  },
  {
    title: 'a match without a resource version',
    query: 'resourceVersionMatch=Exact',
    status: 422,
    reason: 'Invalid',
    says: 'resourceVersionMatch is forbidden unless resourceVersion is provided',
  },
  {
    title: 'a continue token that it never gave',
    query: 'continue=abc',
    status: 400,
    reason: 'BadRequest',
    says: 'invalid continue token: continue key is not valid',
  },
];

const shown = ({ type, object }: WatchLine): string => `${type} ${object.metadata.name}`;

export function onWatches(client: () => ApiClient): void {
  const suite = suiteOn(client, 'on-watches');
  const maps = () => `${suite.core()}/configmaps`;
  const names = (list: { items: { metadata: { name: string } }[] }) => list.items.map((item) => item.metadata.name);
  const version = async () => (await suite.ok('GET', `${maps()}?limit=1`)).metadata.resourceVersion as string;

  describe('lists', () => {
    beforeAll(async () => {
      for (const [name, labels] of Object.entries({
        l1: { a: '1', b: 'x' },
        l2: { a: '2' },
        l3: { a: '3', b: 'y' },
        l4: {},
      })) {
        await suite.ok('POST', maps(), { body: configMap(name, undefined, { labels: { list: 'yes', ...labels } }) });
      }
    });

    test.each([
      ['a=1', ['l1']],
      ['a!=1', ['l2', 'l3', 'l4']],
      ['a in (1,3)', ['l1', 'l3']],
      ['a notin (1,3)', ['l2', 'l4']],
      ['b', ['l1', 'l3']],
      ['!b', ['l2', 'l4']],
      ['a==3,b=y', ['l3']],
    ])('labelSelector %s', async (selector, expected) => {
      const list = await suite.ok('GET', `${maps()}?labelSelector=${encodeURIComponent(`list=yes,${selector}`)}`);
      expect(names(list)).toEqual(expected);
    });

    test('fieldSelector by name, and by what is not the name', async () => {
      expect(names(await suite.ok('GET', `${maps()}?fieldSelector=metadata.name%3Dl2`))).toEqual(['l2']);
      const others = names(
        await suite.ok('GET', `${maps()}?labelSelector=list%3Dyes&fieldSelector=metadata.name!%3Dl2`),
      );
      expect(others).toEqual(['l1', 'l3', 'l4']);
    });

    test('items of built-in kinds leave kind and apiVersion to the list', async () => {
      const list = await suite.ok('GET', `${maps()}?labelSelector=a%3D1`);
      expect(list).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1' });
      expect(list.items[0].kind).toBeUndefined();
      expect(list.metadata.resourceVersion).toMatch(/^\d+$/);
    });

    test('pages hold together: what is made meanwhile does not appear in them', async () => {
      const query = 'labelSelector=list%3Dyes';
      const first = await suite.ok('GET', `${maps()}?limit=2&${query}`);
      expect(names(first)).toEqual(['l1', 'l2']);
      await suite.ok('POST', maps(), { body: configMap('l35', undefined, { labels: { list: 'yes' } }) });
      const token = encodeURIComponent(first.metadata.continue);
      const second = await suite.ok('GET', `${maps()}?limit=2&${query}&continue=${token}`);
      expect(names(second)).toEqual(['l3', 'l4']);
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      await suite.ok('DELETE', `${maps()}/l35`);
    });

    test('a page without selectors tells how many are left', async () => {
      const page = await suite.ok('GET', `${maps()}?limit=1`);
      expect(page.metadata.remainingItemCount).toBeGreaterThan(2);
    });

    test('a future resource version is a timeout that asks to retry', async () => {
      const answer = await suite.call('GET', `${maps()}?resourceVersion=999999999&resourceVersionMatch=NotOlderThan`);
      expect(answer.body).toMatchObject({ code: 504, reason: 'Timeout', details: { retryAfterSeconds: 1 } });
      expect(answer.body.message).toContain('Too large resource version: 999999999, current: ');
    });

    test.each(REFUSED)('refuses $title', async (row) => {
      expectRefusal(await suite.call('GET', `${maps()}?${row.query}`), row);
    });
  });

  describe('watches', () => {
    test('see every change after the resource version, in order', async () => {
      const since = await version();
      await suite.ok('POST', maps(), { body: configMap('seen') });
      const watch = await suite
        .client()
        .watch(`${maps()}?watch=1&resourceVersion=${since}&fieldSelector=metadata.name%3Dseen`);
      await suite.merge(`${maps()}/seen`, { data: { a: '1' } });
      await suite.merge(`${maps()}/seen`, { data: { a: '2' } });
      await suite.ok('DELETE', `${maps()}/seen`);
      await watch.until(({ type }) => type === 'DELETED');
      watch.stop();
      expect(watch.lines.map(shown)).toEqual(['ADDED seen', 'MODIFIED seen', 'MODIFIED seen', 'DELETED seen']);
      const versions = watch.lines.map((line) => Number(line.object.metadata.resourceVersion));
      expect([...versions].sort((a, b) => a - b)).toEqual(versions);
      expect(watch.lines.at(-1)?.object.data).toEqual({ a: '2' });
    });

    test('without a resource version begin with what is there', async () => {
      await suite.ok('POST', maps(), { body: configMap('there') });
      const watch = await suite.client().watch(`${maps()}?watch=1&fieldSelector=metadata.name%3Dthere`);
      expect(shown(await watch.until(() => true))).toBe('ADDED there');
      watch.stop();
    });

    test('with a selector say ADDED when an object begins to match and DELETED when it no longer does', async () => {
      const since = await version();
      const watch = await suite.client().watch(`${maps()}?watch=1&resourceVersion=${since}&labelSelector=pick%3Dme`);
      await suite.ok('POST', maps(), { body: configMap('picked') });
      await suite.merge(`${maps()}/picked`, { metadata: { labels: { pick: 'me' } } });
      await suite.merge(`${maps()}/picked`, { data: { a: '1' } });
      await suite.merge(`${maps()}/picked`, { metadata: { labels: { pick: null } } });
      await watch.until(({ type }) => type === 'DELETED');
      watch.stop();
      expect(watch.lines.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'DELETED']);
    });

    test('end after timeoutSeconds, with a bookmark for those who asked', async () => {
      const since = await version();
      const watch = await suite
        .client()
        .watch(`${maps()}?watch=1&resourceVersion=${since}&allowWatchBookmarks=true&timeoutSeconds=4`);
      await suite.ok('POST', maps(), { body: configMap('marked') });
      await watch.ended;
      const last = watch.lines.at(-1);
      expect(last).toMatchObject({ type: 'BOOKMARK', object: { kind: 'ConfigMap', apiVersion: 'v1' } });
      expect(Number(last?.object.metadata.resourceVersion)).toBeGreaterThanOrEqual(Number(since));
    });

    test('that send the initial events say when these are over', async () => {
      await suite.ok('POST', maps(), { body: configMap('initial') });
      const query = 'watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan';
      const watch = await suite.client().watch(`${maps()}?${query}`);
      const mark = await watch.until(({ type }) => type === 'BOOKMARK');
      watch.stop();
      expect(mark.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
      expect(watch.lines.map(shown)).toContain('ADDED initial');
    });

    test('from a forgotten resource version get an ERROR event of 410 Expired', async () => {
      await suite.ok('POST', `${suite.custom()}/things`, {
        body: { apiVersion: 'conformance.serin.dev/v1', kind: 'Thing', metadata: { name: 'old' }, spec: {} },
      });
      const watch = await suite.client().watch(`${suite.custom()}/things?watch=1&resourceVersion=1`);
      const line = await watch.until(() => true);
      watch.stop();
      expect(watch.status).toBe(200);
      expect(line).toMatchObject({
        type: 'ERROR',
        object: { kind: 'Status', code: 410, reason: 'Expired', status: 'Failure' },
      });
      expect(line.object.message).toMatch(/^too old resource version: 1 \(\d+\)$/);
    });

    test('of all namespaces see all namespaces', async () => {
      const watch = await suite.client().watch(`/api/v1/configmaps?watch=1&resourceVersion=${await version()}`);
      await suite.ok('POST', maps(), { body: configMap('from-afar') });
      await watch.until((line) => shown(line) === 'ADDED from-afar');
      watch.stop();
    });

    test('as tables carry the columns once', async () => {
      const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
      const watch = await suite.client().watch(`${maps()}?watch=1&resourceVersion=${await version()}`, { accept });
      await suite.ok('POST', maps(), { body: configMap('row', { a: '1' }) });
      await suite.merge(`${maps()}/row`, { data: { b: '2' } });
      const changed = await watch.until(({ type }) => type === 'MODIFIED');
      watch.stop();
      expect(watch.lines[0]?.object.columnDefinitions).toHaveLength(3);
      expect(changed.object.columnDefinitions ?? []).toHaveLength(0);
      expect(changed.object.rows[0].cells.slice(0, 2)).toEqual(['row', 2]);
    });
  });
}
