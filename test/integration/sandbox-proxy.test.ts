/** One gateway and real pods without a cluster: what its router does with slow, broken and vanishing pods. */
import http, { type IncomingHttpHeaders, type RequestListener } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/api/meta.ts';
import { createAddresses, listen, type Listeners } from '../../src/sandbox/kubelet/listeners.ts';
import { type Gateway, startGateway } from '../../src/sandbox/mesh/gateway.ts';
import { type Identity, INGRESS_GATEWAY, UNKNOWN } from '../../src/sandbox/mesh/identity.ts';
import { createIstioMetrics, type IstioMetrics } from '../../src/sandbox/mesh/istio-metrics.ts';
import type { Endpoint, HTTPRule } from '../../src/sandbox/mesh/objects.ts';
import { createProxy, type Proxy } from '../../src/sandbox/mesh/proxy.ts';
import { compileRoutes, type Routes } from '../../src/sandbox/mesh/route.ts';
import { createRandom } from '../../src/sandbox/random.ts';

interface Seen {
  readonly pod: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const object = (kind: string, name: string, spec: unknown): KubeObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: 'shop' },
  spec,
});

let pods: Map<string, Listeners>;
let endpoints: Endpoint[];
let seen: Seen[];
let routes: Routes;
let metrics: IstioMetrics;
let proxy: Proxy;
let gateway: Gateway;

beforeEach(async () => {
  pods = new Map();
  endpoints = [];
  seen = [];
  metrics = createIstioMetrics();
  const identityAt = (ip: string): Identity | undefined => {
    const found = endpoints.find((endpoint) => endpoint.ip === ip);
    return found && { ...UNKNOWN, workload: found.labels['version'] ?? '', pod: found.name };
  };
  proxy = createProxy({
    identity: INGRESS_GATEWAY,
    metrics,
    random: createRandom('proxy'),
    routes: () => routes,
    identityAt,
  });
  gateway = await startGateway(proxy);
});

afterEach(async () => {
  await gateway.close();
  proxy.close();
  await Promise.all([...pods.values()].map((pod) => pod.close(0)));
});

const addresses = createAddresses(Math.random);

async function addPod(name: string, version: string, answer: RequestListener): Promise<void> {
  const listeners = await listen(addresses, {
    8080: (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.once('end', () => {
        seen.push({
          pod: name,
          path: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        });
        answer(request, response);
      });
    },
  });
  pods.set(name, listeners);
  endpoints.push({ name, namespace: 'shop', ip: listeners.ip, labels: { app: 'web', version }, ports: {} });
}

function use(rule: HTTPRule, trafficPolicy?: unknown): void {
  const subsets = ['v1', 'v2'].map((name) => ({ name, labels: { version: name } }));
  routes = compileRoutes(
    {
      virtualServices: [object('VirtualService', 'web', { hosts: ['*'], gateways: ['public'], http: [rule] })],
      destinationRules: [object('DestinationRule', 'web', { host: 'web', subsets, trafficPolicy })],
      gateways: [object('Gateway', 'public', { servers: [{ hosts: ['*'] }] })],
      httpRoutes: [],
      services: [object('Service', 'web', { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] })],
      endpoints,
    },
    { kind: 'gateway', gateway: 'all', namespace: 'istio-system', port: 80 },
  );
}

const to = (subset: string): NonNullable<HTTPRule['route']> => [{ destination: { host: 'web', subset } }];
const fine: RequestListener = (_request, response) => void response.end('fine');

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(options: http.RequestOptions = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: gateway.port, agent: false, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      response.once('error', reject);
    });
    request.once('error', reject);
    request.end(body);
  });
}

/** `code flags workload` of every request that the gateway recorded. */
function recorded(): readonly string[] {
  const label = (line: string, name: string): string => new RegExp(`[{,]${name}="([^"]*)"`).exec(line)?.[1] ?? '';
  return metrics
    .text()
    .split('\n')
    .filter((line) => line.startsWith('istio_requests_total{'))
    .map(
      (line) =>
        `${['response_code', 'response_flags', 'destination_workload'].map((name) => label(line, name)).join(' ')} ×${line.slice(line.lastIndexOf(' ') + 1)}`,
    )
    .toSorted();
}

describe('the gateway', () => {
  test('passes method, path, headers and body on, and the answer back', async () => {
    await addPod('a', 'v1', (_request, response) => {
      response.writeHead(201, { 'x-from': 'pod', 'set-cookie': ['a=1', 'b=2'] }).end('made');
    });
    use({ route: to('v1') });
    const answer = await ask(
      { method: 'POST', path: '/things?x=1', headers: { host: 'shop.example', 'x-lane': 'canary' } },
      'the body',
    );
    expect(answer).toMatchObject({
      status: 201,
      body: 'made',
      headers: { 'x-from': 'pod', 'set-cookie': ['a=1', 'b=2'] },
    });
    expect(seen).toMatchObject([
      { path: '/things?x=1', body: 'the body', headers: { host: 'shop.example', 'x-lane': 'canary' } },
    ]);
    expect(recorded()).toEqual(['201 - v1 ×1']);
  });

  test('sets, adds and removes headers, and rewrites the host', async () => {
    await addPod('a', 'v1', (_request, response) => void response.writeHead(200, { 'x-gone': '1' }).end());
    use({
      headers: {
        request: { set: { 'X-Lane': 'canary' }, add: { 'x-more': 'b' }, remove: ['x-secret'] },
        response: { set: { 'x-version': 'v1' }, remove: ['x-gone'] },
      },
      rewrite: { authority: 'inner' },
      route: to('v1'),
    });
    const answer = await ask({ headers: { 'x-lane': 'spoofed', 'x-more': 'a', 'x-secret': 's' } });
    expect(seen[0]?.headers).toMatchObject({ host: 'inner', 'x-lane': 'canary', 'x-more': 'a,b' });
    expect(seen[0]?.headers).not.toHaveProperty('x-secret');
    expect(answer.headers['x-version']).toBe('v1');
    expect(answer.headers).not.toHaveProperty('x-gone');
  });

  test('a pod slower than the timeout is a 504', async () => {
    await addPod('a', 'v1', () => undefined);
    use({ timeout: '100ms', route: to('v1') });
    expect(await ask()).toMatchObject({ status: 504, body: 'upstream request timeout' });
    expect(seen).toHaveLength(1);
    expect(recorded()).toEqual(['504 UT v1 ×1']);
  });

  test('a pod that refuses connections is tried no more than needed: another one answers', async () => {
    await addPod('dead', 'v1', fine);
    await addPod('alive', 'v1', fine);
    await pods.get('dead')?.close(0);
    use({ route: to('v1') });
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask()));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(recorded()).toEqual(['200 - v1 ×40']);
  });

  test('with nobody alive every request is a 503 that only the source can tell of', async () => {
    await addPod('dead', 'v2', fine);
    await pods.get('dead')?.close(0);
    use({ route: to('v2') });
    expect(await ask()).toMatchObject({ status: 503 });
    expect(recorded()).toEqual(['503 UF,URX v2 ×1']);
  });

  test('a subset without pods is a 503, no healthy upstream', async () => {
    await addPod('a', 'v1', fine);
    use({ route: to('v2') });
    expect(await ask()).toMatchObject({ status: 503, body: 'no healthy upstream' });
    expect(recorded()).toEqual(['503 UH unknown ×1']);
  });

  test.each([
    { title: 'not by default', rule: {}, tries: 1, flags: '-' },
    {
      title: 'as often as the rule says',
      rule: { retries: { attempts: 3, retryOn: '5xx' } },
      tries: 4,
      flags: '-,URX',
    },
    { title: 'by code', rule: { retries: { attempts: 1, retryOn: '503' } }, tries: 2, flags: '-,URX' },
    { title: 'never with 0 attempts', rule: { retries: { attempts: 0, retryOn: '5xx' } }, tries: 1, flags: '-' },
  ])('a 503 of the pod is tried again: $title', async ({ rule, tries, flags }) => {
    await addPod('a', 'v1', (_request, response) => void response.writeHead(503).end());
    use({ ...rule, route: to('v1') });
    expect(await ask()).toMatchObject({ status: 503 });
    expect(seen).toHaveLength(tries);
    expect(recorded()).toEqual([`503 ${flags === '-,URX' ? 'URX' : '-'} v1 ×1`]);
  });

  test('a pod that ends the connection in the middle of its answer ends the client’s too, recorded as cut by the pod', async () => {
    await addPod('a', 'v1', (_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half');
      setTimeout(() => response.destroy(), 30);
    });
    use({ route: to('v1') });
    await expect(ask()).rejects.toThrow();
    await until(() => recorded().length > 0);
    expect(recorded()).toEqual(['200 UC v1 ×1']);
  });

  test('a client that goes away frees the pod', async () => {
    let isClosed = false;
    await addPod('a', 'v1', (_request, response) => {
      response.once('close', () => {
        isClosed = true;
      });
    });
    use({ route: to('v1') });
    const request = http.get({ host: '127.0.0.1', port: gateway.port, agent: false });
    request.on('error', () => undefined);
    await until(() => seen.length === 1);
    request.destroy();
    await until(() => isClosed && recorded().length === 1);
    expect(recorded()).toEqual(['0 DC v1 ×1']);
  });

  test('mirrors a copy under a shadow host; the client sees one answer', async () => {
    await addPod('live', 'v1', fine);
    await addPod('shadow', 'v2', (_request, response) => void response.writeHead(500).end());
    use({ route: to('v1'), mirror: { host: 'web', subset: 'v2' } });
    expect(await ask({ headers: { host: 'shop.example' }, method: 'POST' }, 'twice')).toMatchObject({ status: 200 });
    await until(() => seen.length === 2);
    const shadow = seen.find(({ pod }) => pod === 'shadow');
    expect(shadow).toMatchObject({ body: 'twice', headers: { host: 'shop.example-shadow' } });
    expect(recorded()).toEqual(['200 - v1 ×1']);
  });

  test('hashing by a cookie sets it, and who sends it back stays on one pod', async () => {
    for (const name of ['a', 'b', 'c']) await addPod(name, 'v1', fine);
    use(
      { route: [{ destination: { host: 'web' } }] },
      { loadBalancer: { consistentHash: { httpCookie: { name: 'user', ttl: '1h' } } } },
    );
    const first = await ask();
    const [cookie = ''] = first.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^user=.+; Max-Age=3600; Path=\/; HttpOnly$/);
    for (let index = 0; index < 10; index += 1) await ask({ headers: { cookie: cookie.split(';')[0] } });
    expect(new Set(seen.map(({ pod }) => pod)).size).toBe(1);
    expect((await ask({ headers: { cookie: cookie.split(';')[0] } })).headers).not.toHaveProperty('set-cookie');
  });

  test('a body beyond 1 MiB is refused', async () => {
    await addPod('a', 'v1', fine);
    use({ route: to('v1') });
    const answer = await ask({ method: 'POST' }, 'x'.repeat(1_100_000)).catch(() => ({ status: 413 }));
    expect(answer.status).toBe(413);
    expect(seen).toEqual([]);
  });

  test('connections to pods are kept: a hundred requests need few', async () => {
    const sockets = new Set<unknown>();
    await addPod('a', 'v1', (request, response) => {
      sockets.add(request.socket);
      response.end();
    });
    use({ route: to('v1') });
    for (let index = 0; index < 100; index += 1) await ask();
    expect(sockets.size).toBe(1);
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !condition(); tries += 1) {
    await new Promise((resolve) => {
      setTimeout(resolve, 10);
    });
  }
  expect(condition()).toBe(true);
}
