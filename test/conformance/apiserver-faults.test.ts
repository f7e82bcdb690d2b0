/** What the sandbox's API server does wrong on command, and who may talk to it. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type ApiServer, startApiServer } from '../../src/sandbox/apiserver/server.ts';
import { type ApiClient, apiClient } from '../support/apiserver-client.ts';
import { configMap } from '../support/apiserver-suite.ts';

let server: ApiServer;
let client: ApiClient;
const MAPS = '/api/v1/namespaces/default/configmaps';

beforeAll(async () => {
  server = await startApiServer({ history: 50 });
  client = apiClient(server.kubeconfig);
});
afterEach(() => server.faults.clear());
afterAll(async () => {
  client.close();
  await server.stop();
});

test.each([
  [500, 'InternalError'],
  [503, 'ServiceUnavailable'],
  [403, 'Forbidden'],
  [409, 'Conflict'],
])('answers %d on command, as a Status with reason %s', async (status, reason) => {
  server.faults.set({ status });
  const answer = await client.call('GET', MAPS);
  expect(answer.body).toMatchObject({ kind: 'Status', code: status, reason, status: 'Failure' });
  server.faults.clear();
  expect((await client.call('GET', MAPS)).status).toBe(200);
});

test('429 says when to come back', async () => {
  server.faults.set({ status: 429 });
  const answer = await client.call('GET', MAPS);
  expect(answer.headers['retry-after']).toBe('1');
  expect(answer.body).toMatchObject({ reason: 'TooManyRequests', details: { retryAfterSeconds: 1 } });
});

test('meets only the paths and verbs that are named, and only so often', async () => {
  server.faults.set({ status: 500, path: '/configmaps', verbs: ['create'], times: 2 });
  const create = (name: string) => client.call('POST', MAPS, { body: configMap(name) });
  expect((await client.call('GET', MAPS)).status).toBe(200);
  expect((await client.call('GET', '/api/v1/namespaces')).status).toBe(200);
  const statuses = [(await create('f1')).status, (await create('f1')).status, (await create('f1')).status];
  expect(statuses).toEqual([500, 500, 201]);
});

test('a partition drops connections and watches, and ends', async () => {
  const watch = await client.watch(`${MAPS}?watch=1`);
  server.faults.set({ partition: true });
  await watch.ended;
  await expect(client.call('GET', MAPS)).rejects.toThrow();
  server.faults.clear();
  expect((await client.call('GET', MAPS)).status).toBe(200);
});

test('a delay delays', async () => {
  server.faults.set({ delayMs: 120 });
  const startMs = performance.now();
  expect((await client.call('GET', MAPS)).status).toBe(200);
  expect(performance.now() - startMs).toBeGreaterThan(100);
});

test('gone: lists without a resource version work, watches from one are 410', async () => {
  server.faults.set({ gone: true });
  expect((await client.call('GET', MAPS)).status).toBe(200);
  const answer = await client.call('GET', `${MAPS}?watch=1&resourceVersion=${server.store.revision}`);
  expect(answer.body).toMatchObject({ code: 410, reason: 'Expired' });
});

test('cut watches end, and the next one goes on', async () => {
  const watch = await client.watch(`${MAPS}?watch=1`);
  expect(server.openWatches).toBe(1);
  server.faults.set({ cutWatches: true });
  await watch.ended;
  expect(server.openWatches).toBe(0);
  const again = await client.watch(`${MAPS}?watch=1&resourceVersion=${server.store.revision}`);
  await client.call('POST', MAPS, { body: configMap('after-cut') });
  await again.until(({ type }) => type === 'ADDED');
  again.stop();
});

test('a write whose answer is lost has happened all the same', async () => {
  server.faults.set({ dropAfterWrite: true, verbs: ['create'], times: 1 });
  await expect(client.call('POST', MAPS, { body: configMap('lost-answer') })).rejects.toThrow();
  expect((await client.call('GET', `${MAPS}/lost-answer`)).status).toBe(200);
});

test('a compacted history is 410 for old watches and old pages', async () => {
  const page = await client.call('GET', `${MAPS}?limit=1`);
  const since = server.store.revision;
  server.store.compact();
  await client.call('POST', MAPS, { body: configMap('after-compaction') });
  server.store.compact();
  const watch = await client.watch(`${MAPS}?watch=1&resourceVersion=${since - 1}`);
  expect(await watch.until(() => true)).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
  const next = await client.call('GET', `${MAPS}?limit=1&continue=${page.body.metadata.continue}`);
  expect(next.body).toMatchObject({ code: 410, reason: 'Expired' });
});

test('without the secret path or the token nobody gets in', async () => {
  const origin = new URL(server.url).origin;
  const status = async (url: string, headers: Record<string, string> = {}): Promise<number> =>
    (await fetch(url, { headers })).status;
  expect(await status(`${origin}${MAPS}`)).toBe(401);
  expect(await status(`${origin}/sandbox-wrong${MAPS}`)).toBe(401);
  expect(await status(`${origin}${MAPS}`, { Authorization: 'Bearer wrong' })).toBe(401);
  expect(await status(`${origin}${MAPS}`, { Authorization: `Bearer ${server.token}` })).toBe(200);
  expect(await status(`${server.url}${MAPS}`)).toBe(200);
  expect(await status(`${origin}/healthz`)).toBe(200);
});

test('a body of more than 3 MiB is 413', async () => {
  const answer = await client.call('POST', MAPS, { body: configMap('huge', { a: 'x'.repeat(3 * 1024 * 1024) }) });
  expect(answer.body).toMatchObject({ code: 413, reason: 'RequestEntityTooLarge' });
});

test('stops twice, and takes its watches along', async () => {
  const other = await startApiServer();
  const asking = apiClient(other.kubeconfig);
  const watch = await asking.watch(`${MAPS}?watch=1`);
  await Promise.all([other.stop(), watch.ended]);
  await other.stop();
  asking.close();
});
