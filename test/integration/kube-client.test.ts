import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type KubeObject, type Patch, TYPES } from '../../src/api/meta.ts';
import { SerinError } from '../../src/errors.ts';
import { type ConnectedKubeClient, createKubeClient } from '../../src/kube/client.ts';
import type { WatchEvent } from '../../src/kube/port.ts';
import { apiStatus, eventually, startStubApiServer, type StubApiServer } from '../support/stub-api-server.ts';

const web = { type: TYPES.deployment, namespace: 'shop', name: 'web' };
const pod = (name: string, version: string): KubeObject =>
  ({ metadata: { name, namespace: 'shop', resourceVersion: version } }) as KubeObject; // as in lists: without kind

let server: StubApiServer;
let kube: ConnectedKubeClient;

beforeEach(async () => {
  server = await startStubApiServer();
  kube = createKubeClient({ server: server.url, requestTimeoutMs: 500 });
});

afterEach(async () => {
  kube.close();
  await server.close();
});

async function failure(promise: Promise<unknown>): Promise<SerinError> {
  const thrown: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(thrown instanceof SerinError)) throw new Error('no SerinError', { cause: thrown });
  return thrown;
}

describe('reading', () => {
  test('get answers the object, and undefined when it does not exist', async () => {
    server.answer = () => ({ status: 200, body: { kind: 'Deployment', metadata: { name: 'web' } } });
    expect((await kube.get(web))?.metadata.name).toBe('web');
    expect(server.requests[0]?.path).toBe('/apis/apps/v1/namespaces/shop/deployments/web');
    server.answer = () => ({ status: 404, body: apiStatus(404, 'NotFound', 'deployments.apps "web" not found') });
    expect(await kube.get(web)).toBeUndefined();
  });

  test('list follows pages and gives items of built-in kinds their kind', async () => {
    server.fault = ({ query }) => {
      const page = query.get('continue');
      const body =
        page === null
          ? { metadata: { resourceVersion: '7', continue: 'next' }, items: [pod('a', '1')] }
          : { metadata: { resourceVersion: '7' }, items: [pod('b', '2')] };
      return { status: 200, body };
    };
    const list = await kube.list(TYPES.pod, { namespace: 'shop', labelSelector: 'app in (a,b)' });
    expect(list.resourceVersion).toBe('7');
    expect(list.items.map((item) => `${item.apiVersion} ${item.kind} ${item.metadata.name}`)).toEqual([
      'v1 Pod a',
      'v1 Pod b',
    ]);
    expect(server.requests[0]?.query.get('labelSelector')).toBe('app in (a,b)');
  });

  test('a page token that expired half-way reads the list again in one piece', async () => {
    server.fault = ({ query }) => {
      if (query.get('continue') !== null) return { status: 410, body: apiStatus(410, 'Expired', 'token expired') };
      if (query.get('limit') !== null)
        return { status: 200, body: { metadata: { continue: 'x' }, items: [pod('a', '1')] } };
      return { status: 200, body: { metadata: { resourceVersion: '9' }, items: [pod('a', '1'), pod('b', '2')] } };
    };
    expect((await kube.list(TYPES.pod)).items).toHaveLength(2);
  });
});

describe('watching', () => {
  const signal = new AbortController().signal;

  test('gives events and bookmarks, and ends when the server ends it', async () => {
    const events: WatchEvent[] = [];
    const done = (async () => {
      for await (const event of kube.watch(TYPES.pod, { resourceVersion: '5', namespace: 'shop' }, signal))
        events.push(event);
    })();
    await eventually('a watch', () => server.watches.length === 1);
    const [watch] = server.watches;
    expect(watch?.request.query.get('allowWatchBookmarks')).toBe('true');
    expect(watch?.request.query.get('resourceVersion')).toBe('5');
    watch?.send('ADDED', pod('a', '6'));
    watch?.send('BOOKMARK', { metadata: { resourceVersion: '8' } });
    watch?.end();
    await done;
    expect(events).toMatchObject([
      { type: 'ADDED', object: { kind: 'Pod' } },
      { type: 'BOOKMARK', resourceVersion: '8' },
    ]);
  });

  const consume = async (client = kube, abort = signal): Promise<void> => {
    for await (const _ of client.watch(TYPES.pod, { resourceVersion: '5' }, abort));
  };

  test('says GONE when the server forgot the version, in the answer or in the stream', async () => {
    server.fault = () => ({ status: 410, body: apiStatus(410, 'Expired', 'too old') });
    expect((await failure(consume())).code).toBe('SERIN_E_GONE');
    server.fault = undefined;
    const failed = failure(consume());
    await eventually('a watch', () => server.watches.length === 1);
    server.watches[0]?.send('ERROR', apiStatus(410, 'Expired', 'too old resource version'));
    expect((await failed).code).toBe('SERIN_E_GONE');
  });

  test('throws when the connection breaks, also in the middle of an event', async () => {
    const failed = failure(consume());
    await eventually('a watch', () => server.watches.length === 1);
    server.watches[0]?.cut();
    expect((await failed).code).toBe('SERIN_E_KUBERNETES');
  });

  test('a stream that says nothing for too long ends quietly', async () => {
    const impatient = createKubeClient({ server: server.url, watchIdleMs: 50 });
    await consume(impatient);
    await eventually('the stream is closed', () => server.watches[0]?.isOpen === false);
    impatient.close();
  });

  test('an abort closes the connection', async () => {
    const stopping = new AbortController();
    const failed = failure(consume(kube, stopping.signal));
    await eventually('a watch', () => server.watches.length === 1);
    stopping.abort();
    expect((await failed).code).toBe('SERIN_E_ABORTED');
    await eventually('the stream is closed', () => server.watches[0]?.isOpen === false);
  });

  test('an event larger than one packet and split inside a character arrives whole', async () => {
    const events: WatchEvent[] = [];
    const done = (async () => {
      for await (const event of kube.watch(TYPES.pod, { resourceVersion: '5' }, signal)) events.push(event);
    })();
    await eventually('a watch', () => server.watches.length === 1);
    const annotations = { note: '€'.repeat(200_000) };
    server.watches[0]?.send('ADDED', { metadata: { name: 'a', annotations } });
    server.watches[0]?.end();
    await done;
    expect(events).toMatchObject([{ object: { metadata: { annotations } } }]);
  });
});

describe('writing', () => {
  const json: Patch = {
    kind: 'json',
    target: web,
    fieldManager: 'serin-workload',
    operations: [{ op: 'test', path: '/spec/replicas', value: 1 }],
  };
  const applied: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop' },
  };
  const apply: Patch = {
    kind: 'apply',
    target: web,
    object: applied,
    fieldManager: 'serin',
    force: true,
    subresource: 'status',
  };

  test('patches carry their content type, field manager, force and subresource', async () => {
    server.answer = () => ({ status: 200, body: applied });
    await kube.patch(json);
    await kube.patch(apply);
    const [first, second] = server.requests;
    expect(first?.headers['content-type']).toBe('application/json-patch+json');
    expect(first?.query.get('fieldManager')).toBe('serin-workload');
    expect(second?.path).toBe('/apis/apps/v1/namespaces/shop/deployments/web/status');
    expect(second?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(second?.query.get('force')).toBe('true');
  });

  test('delete sends its precondition, and deleting what is gone is fine', async () => {
    server.answer = () => ({ status: 404, body: apiStatus(404, 'NotFound', 'gone') });
    await kube.delete(web, { uid: 'u1' });
    expect(JSON.parse(server.requests[0]?.body ?? '')).toMatchObject({ preconditions: { uid: 'u1' } });
  });

  test('create finds how the server spells a kind that Serin does not know', async () => {
    server.fault = ({ path }) =>
      path === '/apis/example.com/v1'
        ? { status: 200, body: { resources: [{ name: 'mice', kind: 'Mouse', namespaced: true }] } }
        : undefined;
    server.answer = ({ body }) => ({ status: 201, body: JSON.parse(body) });
    await kube.create(
      { apiVersion: 'example.com/v1', kind: 'Mouse', metadata: { name: 'm', namespace: 'shop' } },
      'serin',
    );
    expect(server.requests.at(-1)?.path).toBe('/apis/example.com/v1/namespaces/shop/mice');
  });
});

describe('errors', () => {
  const patch: Patch = { kind: 'json', target: web, fieldManager: 'serin', operations: [] };

  test.each([
    {
      name: 'a taken resourceVersion',
      body: apiStatus(409, 'Conflict', 'the object has been modified'),
      code: 'SERIN_E_CONFLICT',
    },
    {
      name: 'a failed JSON Patch test',
      body: apiStatus(422, 'Invalid', 'the server rejected our request'),
      code: 'SERIN_E_CONFLICT',
    },
    {
      name: 'an invalid object',
      body: apiStatus(422, 'Invalid', 'spec.x: Required', { causes: [{ field: 'spec.x' }] }),
      code: 'SERIN_E_INVALID_SPEC',
    },
    { name: 'a missing permission', body: apiStatus(403, 'Forbidden', 'cannot patch'), code: 'SERIN_E_FORBIDDEN' },
    { name: 'a missing object', body: apiStatus(404, 'NotFound', 'not found'), code: 'SERIN_E_NOT_FOUND' },
    { name: 'a server error', body: apiStatus(500, 'InternalError', 'etcd'), code: 'SERIN_E_KUBERNETES' },
    { name: 'rejected credentials', body: apiStatus(401, 'Unauthorized', 'Unauthorized'), code: 'SERIN_E_KUBERNETES' },
  ])('$name is $code, with object and remedy', async ({ body, code }) => {
    server.fault = () => ({ status: body.code, body });
    const error = await failure(kube.patch(patch));
    expect(error.code).toBe(code);
    expect(error.message).toContain('Deployment shop/web');
    expect(error.message).toContain(body.message);
    expect(error.message.trim().split(/\. /).length).toBeGreaterThan(1);
  });

  test('a proxy’s HTML page becomes one line', async () => {
    server.fault = () => ({
      status: 502,
      body: '<html>Bad gateway\n<p>more',
      headers: { 'content-type': 'text/html' },
    });
    expect((await failure(kube.get(web))).message).toContain('<html>Bad gateway. ');
  });

  test('a server that says when to come back is obeyed', async () => {
    let tries = 0;
    server.answer = () => ({ status: 200, body: { metadata: { name: 'web' } } });
    server.fault = () => (++tries < 3 ? { status: 429, headers: { 'retry-after': '0' } } : undefined);
    expect(await kube.get(web)).toBeDefined();
    expect(tries).toBe(3);
  });

  test.each(['hang', 'cut'] as const)('a server that does %s is an error that says so, not a wait', async (fault) => {
    server.fault = () => fault;
    const error = await failure(kube.get(web));
    expect(error.code).toBe('SERIN_E_KUBERNETES');
    expect(error.retryable).toBe(true);
  });

  test('a server that is not there', async () => {
    const away = createKubeClient({ server: 'http://127.0.0.1:1' });
    expect((await failure(away.get(web))).message).toMatch(/did not answer GET http:\/\/127.0.0.1:1.*ECONNREFUSED/);
  });
});

describe('kubeconfig', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'serin-kube-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const write = async (text: string): Promise<string> => {
    const path = join(folder, 'config');
    await writeFile(path, text);
    return path;
  };
  const config = (user: string) => `
apiVersion: v1
kind: Config
current-context: a
clusters: [{name: c, cluster: {server: "${server.url}/"}}]
contexts: [{name: a, context: {cluster: c, user: u, namespace: shop}}, {name: b, context: {cluster: c, user: ''}}]
users: [{name: u, user: ${user}}]
`;

  test('plain http works without skipTLSVerify, with the user’s token and namespace', async () => {
    const client = createKubeClient({ kubeconfig: await write(config('{token: t1}')) });
    expect(client.server).toBe(server.url);
    expect(client.namespace).toBe('shop');
    await client.get(web);
    expect(server.requests[0]?.headers.authorization).toBe('Bearer t1');
    client.close();
  });

  test('another context, without a user', async () => {
    const client = createKubeClient({ kubeconfig: await write(config('{token: t1}')), context: 'b' });
    await client.get(web);
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
    client.close();
  });

  test('an exec plugin is asked for the token', async () => {
    const credential = JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 't2' },
    });
    const user = JSON.stringify({
      exec: { apiVersion: 'client.authentication.k8s.io/v1', command: 'echo', args: [credential] },
    });
    const client = createKubeClient({ kubeconfig: await write(config(user)) });
    await client.get(web);
    expect(server.requests[0]?.headers.authorization).toBe('Bearer t2');
    client.close();
  });

  test.each([
    { name: 'a missing file', make: async () => ({ kubeconfig: '/nonexistent/config' }), says: 'cannot be read' },
    {
      name: 'an unknown context',
      make: async () => ({ kubeconfig: await write(config('{}')), context: 'z' }),
      says: 'no context "z". Use one of: a, b',
    },
    {
      name: 'no current context',
      make: async () => ({ kubeconfig: await write('kind: Config\nclusters: []') }),
      says: 'has no current-context. Set it, or give --context',
    },
    {
      name: 'a current context that is not there',
      make: async () => ({
        kubeconfig: await write(config('{}').replace(/current-context: .*/, 'current-context: z')),
      }),
      says: 'no context "z", which is its current one. Use one of: a, b',
    },
    {
      name: 'a context whose cluster is not there',
      make: async () => ({ kubeconfig: await write(config('{}').replace(/^clusters:.*$/m, 'clusters: []')) }),
      says: 'names cluster ',
    },
    { name: 'not YAML', make: async () => ({ kubeconfig: await write('{{{') }), says: 'cannot be read' },
  ])('$name is a configuration error', async ({ make, says }) => {
    const options = await make();
    const error = await failure(Promise.resolve().then(() => createKubeClient(options)));
    expect(error.code).toBe('SERIN_E_CONFIG');
    expect(error.message).toContain(says);
  });
});
