import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import { systemClock } from '../../src/clock.ts';
import { type InformerTimes, type Informers, startInformers } from '../../src/controller/informer.ts';
import { type ConnectedKubeClient, createKubeClient } from '../../src/kube/client.ts';
import { silentLog } from '../../src/logger.ts';
import { apiStatus, eventually, startStubApiServer, type StubApiServer } from '../support/stub-api-server.ts';

const pod = (name: string, resourceVersion: string, over: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'shop', resourceVersion },
  ...over,
});

let server: StubApiServer;
let kube: ConnectedKubeClient;
let informers: Informers;
let seen: string[];
let restarts: string[];

beforeEach(async () => {
  server = await startStubApiServer();
  kube = createKubeClient({ server: server.url, watchIdleMs: 60_000 });
  seen = [];
  restarts = [];
});

afterEach(async () => {
  await informers.stop();
  kube.close();
  await server.close();
});

function start(times: Partial<InformerTimes> = {}, namespaces: readonly string[] = []): void {
  informers = startInformers(
    {
      kube,
      clock: systemClock,
      random: () => 0.5,
      log: silentLog,
      namespaces,
      telemetry: { watchRestarted: (_, reason) => restarts.push(reason), heard: () => undefined },
      times: { backoffBaseMs: 20, backoffCapMs: 100, missingMs: 50, ...times },
    },
    [TYPES.pod],
  );
  informers.subscribe((event, { metadata }) => seen.push(`${event} ${metadata.name}@${metadata.resourceVersion}`));
}

const names = () => informers.list(TYPES.pod).map((each) => `${each.metadata.name}@${each.metadata.resourceVersion}`);
const lists = () => server.requests.filter((request) => request.query.get('watch') === null).length;

describe('informer', () => {
  test('lists, then follows the watch from the list’s version', async () => {
    server.items = [pod('a', '3')];
    server.resourceVersion = '5';
    start();
    await informers.synced();
    await eventually('a watch', () => server.watches.length === 1);
    expect(server.watches[0]?.request.query.get('resourceVersion')).toBe('5');
    server.watches[0]?.send('ADDED', pod('b', '6'));
    server.watches[0]?.send('MODIFIED', pod('a', '7'));
    server.watches[0]?.send('DELETED', pod('b', '8'));
    await eventually('the events', () => seen.length === 4);
    expect(seen).toEqual(['added a@3', 'added b@6', 'modified a@7', 'deleted b@8']);
    expect(names()).toEqual(['a@7']);
    expect(informers.get({ type: TYPES.pod, namespace: 'shop', name: 'a' })?.metadata.resourceVersion).toBe('7');
  });

  test('a watch that the server ends goes on where it was, bookmarks included, without a new list', async () => {
    start();
    await eventually('a watch', () => server.watches.length === 1);
    server.watches[0]?.send('ADDED', pod('a', '6'));
    server.watches[0]?.send('BOOKMARK', { metadata: { resourceVersion: '9' } });
    server.watches[0]?.end();
    await eventually('the next watch', () => server.watches.length === 2);
    expect(server.watches[1]?.request.query.get('resourceVersion')).toBe('9');
    expect(lists()).toBe(1);
  });

  test('cut connections are watched again, again and again, and nothing is told twice', async () => {
    server.items = [pod('a', '3')];
    start();
    for (let round = 0; round < 5; round++) {
      await eventually('a watch', () => server.watches.length === round + 1);
      server.watches[round]?.send('MODIFIED', pod('a', `${10 + round}`));
      await eventually('the event', () => seen.at(-1) === `modified a@${10 + round}`);
      server.watches[round]?.cut();
    }
    await eventually('another watch', () => server.watches.length === 6);
    expect(server.watches[5]?.request.query.get('resourceVersion')).toBe('14');
    expect(seen).toHaveLength(6);
    expect(lists()).toBe(1);
  });

  test('410 reads the list again and tells the difference, also what was deleted meanwhile', async () => {
    server.items = [pod('a', '3'), pod('b', '4')];
    start();
    await eventually('a watch', () => server.watches.length === 1);
    server.items = [pod('a', '3'), pod('c', '8')];
    server.watches[0]?.send('ERROR', apiStatus(410, 'Expired', 'too old resource version'));
    await eventually('the next watch', () => server.watches.length === 2);
    expect(seen).toEqual(['added a@3', 'added b@4', 'deleted b@4', 'added c@8']);
    expect(restarts).toContain('gone');
  });

  test('a silent stall is noticed: a watch without even bookmarks is replaced by a list', async () => {
    start({ silenceMs: 100 });
    await eventually('a watch', () => server.watches.length === 1);
    server.items = [pod('missed', '7')];
    await eventually('the list', () => seen.includes('added missed@7'));
    expect(restarts).toContain('silent');
    expect(server.watches[0]?.isOpen).toBe(false);
  });

  test('bookmarks keep a quiet watch alive', async () => {
    start({ silenceMs: 200 });
    await eventually('a watch', () => server.watches.length === 1);
    for (let round = 0; round < 10; round++) {
      server.watches[0]?.send('BOOKMARK', { metadata: { resourceVersion: `${round + 10}` } });
      await systemClock.sleep(50);
    }
    expect(server.watches).toHaveLength(1);
    expect(informers.stalenessMs()).toBeLessThan(200);
  });

  test('everything is listed again now and then, in case an event was lost', async () => {
    start({ relistMs: 150 });
    await eventually('a watch', () => server.watches.length === 1);
    server.items = [pod('lost', '7')];
    await eventually('the list', () => seen.includes('added lost@7'));
    expect(restarts).toContain('relist');
  });

  test('a kind that the server does not know counts as empty and is looked for again', async () => {
    server.fault = () => ({ status: 404, body: 'page not found' });
    start();
    await informers.synced();
    expect(names()).toEqual([]);
    server.fault = undefined;
    server.items = [pod('a', '3')];
    await eventually('the objects', () => seen.includes('added a@3'));
  });

  test('a kind that goes away takes its objects along', async () => {
    server.items = [pod('a', '3')];
    start();
    await eventually('a watch', () => server.watches.length === 1);
    server.fault = () => ({ status: 404, body: 'page not found' });
    server.watches[0]?.cut();
    await eventually('the removal', () => seen.includes('deleted a@3'));
  });

  test('is not synced while the server refuses or fails, and says why; then it is', async () => {
    server.fault = () => ({ status: 403, body: apiStatus(403, 'Forbidden', 'pods is forbidden') });
    start();
    await eventually('the refusal', () => restarts.includes('forbidden'));
    expect(informers.unsynced()).toEqual([{ kind: 'Pod', because: expect.stringContaining('pods is forbidden') }]);
    server.fault = () => ({ status: 500 });
    await eventually('the failure', () => restarts.includes('broken'));
    server.fault = undefined;
    await informers.synced();
    expect(informers.unsynced()).toEqual([]);
  });

  test('a server that ends every watch at once is not asked in a tight loop', async () => {
    start({ backoffBaseMs: 50, backoffCapMs: 400 });
    const ending = setInterval(() => server.watches.at(-1)?.end(), 1);
    await systemClock.sleep(600);
    clearInterval(ending);
    expect(server.watches.length).toBeLessThan(10);
    expect(server.watches.length).toBeGreaterThan(1);
  });

  test('only the named namespaces are read', async () => {
    start({}, ['shop', 'test']);
    await informers.synced();
    await eventually('two watches', () => server.watches.length === 2);
    const paths = server.watches.map((watch) => watch.request.path).toSorted();
    expect(paths).toEqual(['/api/v1/namespaces/shop/pods', '/api/v1/namespaces/test/pods']);
  });

  test('managed fields are left out, everything else is kept', async () => {
    server.items = [pod('a', '3', { metadata: { name: 'a', managedFields: [1], labels: { x: 'y' } }, unknown: 1 })];
    start();
    await informers.synced();
    expect(informers.list(TYPES.pod)).toEqual([
      pod('a', '3', { metadata: { name: 'a', labels: { x: 'y' } }, unknown: 1 }),
    ]);
  });

  test('a listener that throws stops neither the watch nor the others', async () => {
    start();
    informers.subscribe(() => {
      throw new Error('bug');
    });
    const others: string[] = [];
    informers.subscribe((event) => others.push(event));
    await eventually('a watch', () => server.watches.length === 1);
    server.watches[0]?.send('ADDED', pod('a', '6'));
    server.watches[0]?.send('MODIFIED', pod('a', '7'));
    await eventually('both events', () => others.length === 2);
  });

  test('stopping closes the connections', async () => {
    start();
    await eventually('a watch', () => server.watches.length === 1);
    await informers.stop();
    await eventually('the watch is closed', () => server.watches[0]?.isOpen === false);
  });
});
