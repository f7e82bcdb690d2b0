/**
 * One suite for every provider: what it measures, and what it says when it cannot. Prometheus, the HTTP services and the API servers are
 * real; nothing that goes wrong rejects, and no secret is in what it says.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Fields } from '../../src/api/fields.ts';
import { systemClock } from '../../src/clock.ts';
import { createPrometheusProvider } from '../../src/providers/prometheus.ts';
import type { MeasureRequest, Provider, Reading } from '../../src/providers/port.ts';
import { createWebProvider } from '../../src/providers/web.ts';
import { freePort } from '../../src/sandbox/free-port.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import { type ExporterLab, type PrometheusLab, startExporter, startPrometheus, until } from '../support/prometheus.ts';
import { describeWith } from '../support/tools.ts';

const SECRETS = ['hunter2-pa$$', 'tok/en+42', 'header-s3cret'];

const requestOf = (settings: Fields): MeasureRequest => ({
  run: { name: 'web-abc-1', namespace: 'shop', uid: 'u1' },
  metric: 'm',
  number: 1,
  settings,
});

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A real HTTP server that answers what the test says and keeps what it was asked. */
interface WebLab {
  readonly url: string;
  readonly asked: Asked[];
  answer: (asked: Asked, response: ServerResponse) => void;
  close(): Promise<void>;
}

async function startWeb(): Promise<WebLab> {
  const asked: Asked[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const one = { method, url, headers, body };
      asked.push(one);
      lab.answer(one, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const lab: WebLab = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer: (_, response) => response.end('{}'),
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return lab;
}

const json =
  (value: unknown, status = 200) =>
  (_: unknown, response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(value));
  };
const text =
  (value: string, status = 200) =>
  (_: unknown, response: ServerResponse): void => {
    response.writeHead(status);
    response.end(value);
  };

interface Kind {
  readonly name: string;
  readonly create: () => Provider;
  /** Settings that lead to an address, with a limit of seconds. */
  readonly settings: (url: string, timeoutS?: number) => Fields;
  /** An answer that can be measured. */
  readonly good: unknown;
}

const ownServer = () => Promise.reject(new Error('no own server here'));
const KINDS: readonly Kind[] = [
  {
    name: 'prometheus',
    create: () => createPrometheusProvider({ clock: systemClock, ownServer }),
    settings: (url, timeoutS) => ({
      address: url,
      query: 'up',
      ...(timeoutS === undefined ? {} : { timeout: timeoutS }),
    }),
    good: { status: 'success', data: { resultType: 'vector', result: [{ metric: {}, value: [1, '1'] }] } },
  },
  {
    name: 'web',
    create: createWebProvider,
    settings: (url, timeoutS) => ({
      url,
      jsonPath: '{.data.resultType}',
      ...(timeoutS === undefined ? {} : { timeoutSeconds: timeoutS }),
    }),
    good: { data: { resultType: 'vector' } },
  },
];

describe.each(KINDS)('provider $name', ({ create, settings, good }) => {
  let web: WebLab;
  const provider = create();
  const never = new AbortController().signal;
  const measure = (more: Fields = {}, url = web.url): Promise<Reading> =>
    provider.measure(requestOf({ ...settings(url), ...more }), never);

  beforeAll(async () => {
    web = await startWeb();
  });
  afterEach(() => {
    web.asked.length = 0;
    web.answer = json(good);
  });
  afterAll(() => web.close());

  test('measures what the server answers', async () => {
    web.answer = json(good);
    expect(await measure()).toMatchObject({ kind: 'value' });
  });

  test('sends the headers that are written', async () => {
    await measure({ headers: [{ key: 'X-Scope-OrgID', value: 'tenant' }] });
    expect(web.asked[0]?.headers['x-scope-orgid']).toBe('tenant');
  });

  test('refuses a header that would break the request, without its value', async () => {
    const reading = await measure({ headers: [{ key: 'X-A', value: 'b\r\nX-C: header-s3cret' }] });
    expect(reading).toMatchObject({ kind: 'error', message: expect.stringMatching(/^headers has one .*\(X-A\)/) });
    expect(JSON.stringify(reading)).not.toContain('s3cret');
    expect(web.asked).toEqual([]);
  });

  test('fetches an OAuth2 token for each measurement, first with the client in the header, then in the body', async () => {
    web.answer = (asked, response) => {
      if (asked.url !== '/token') return json(good)(asked, response);
      const isInBody = new URLSearchParams(asked.body).get('client_secret') === SECRETS[0];
      return isInBody
        ? json({ access_token: 'tok123' })(asked, response)
        : json({ error: 'invalid_client' }, 401)(asked, response);
    };
    const oauth2 = { tokenUrl: `${web.url}/token`, clientId: 'id', clientSecret: SECRETS[0], scopes: ['a', 'b'] };
    expect(await measure({ authentication: { oauth2 } })).toMatchObject({ kind: 'value' });
    expect(web.asked.map(({ url }) => url.replace(/^\/api.*/, '/'))).toEqual(['/token', '/token', '/']);
    expect(web.asked[0]?.headers.authorization).toMatch(/^Basic /);
    expect(new URLSearchParams(web.asked[1]?.body).get('scope')).toBe('a b');
    expect(web.asked[2]?.headers.authorization).toBe('Bearer tok123');
  });

  test('says that there is no token, and nothing of the client', async () => {
    web.answer = json({ error: `bad ${SECRETS[0]}` }, 400);
    const oauth2 = { tokenUrl: `${web.url}/token`, clientId: 'id', clientSecret: SECRETS[0] };
    const reading = await measure({ authentication: { oauth2 } });
    expect(reading).toMatchObject({ kind: 'error', message: expect.stringContaining('gives no token (status 400)') });
    expect(JSON.stringify(reading)).not.toContain('hunter2');
  });

  test('a connection that is refused is an error', async () => {
    const reading = await measure({}, `http://127.0.0.1:${await freePort()}`);
    expect(reading).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(/cannot be reached \(ECONNREFUSED\)/),
    });
  });

  test('a name that does not exist is an error, and so is what is no address', async () => {
    expect(await measure({}, 'http://nowhere.invalid')).toMatchObject({ kind: 'error' });
    for (const url of ['not a url', 'ftp://x', 'file:///etc/passwd', 'http://']) {
      expect(await measure({}, url)).toMatchObject({
        kind: 'error',
        message: expect.stringContaining('no http:// or https:// URL'),
      });
    }
  });

  test.for([
    'http://169.254.169.254/latest',
    'http://[fe80::1]/',
    'http://[::ffff:169.254.169.254]/',
    'http://0.0.0.0/',
  ])('nothing is asked at %s', async (url) => {
    expect(await measure({}, url)).toMatchObject({ kind: 'error', message: expect.stringContaining('link-local') });
  });

  test('a server that does not answer is an error when its time is over', async () => {
    web.answer = () => undefined;
    const reading = await provider.measure(requestOf(settings(web.url, 1)), never);
    expect(reading).toMatchObject({ kind: 'error', message: expect.stringContaining('did not answer within 1 s') });
  });

  test('a server that answers in drops is an error when its time is over', async () => {
    let drip: NodeJS.Timeout | undefined;
    web.answer = (_, response) => {
      response.writeHead(200);
      drip = setInterval(() => response.write(' '), 50);
    };
    const reading = await provider.measure(requestOf(settings(web.url, 1)), never);
    clearInterval(drip);
    expect(reading).toMatchObject({ kind: 'error', message: expect.stringContaining('did not answer within 1 s') });
  });

  test('an answer that is cut off is an error', async () => {
    web.answer = (_, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write('{"da');
      setTimeout(() => response.destroy(), 20);
    };
    expect(await measure()).toMatchObject({ kind: 'error' });
  });

  test('an answer without end is an error', async () => {
    web.answer = (_, response) => response.end('x'.repeat(5 * 1024 * 1024));
    expect(await measure()).toMatchObject({ kind: 'error', message: expect.stringContaining('more than 4 MiB') });
  });

  test('an empty object is no measurement', async () => {
    web.answer = json({});
    expect(await measure()).toMatchObject({ kind: 'error' });
  });

  test('another status is no measurement', async () => {
    web.answer = text('<html>', 503);
    expect(await measure()).toMatchObject({ kind: 'error', message: expect.stringContaining('503') });
  });

  test('no secret is in what is said, whatever goes wrong', async () => {
    const [password, token, header] = SECRETS;
    const more = {
      headers: [{ key: 'X-Key', value: header }],
      authentication: { basicAuth: { username: 'u', password } },
    };
    const urls = [
      `http://127.0.0.1:${await freePort()}/?t=${token}`,
      `${web.url}/?t=${token}`,
      `http:///${token}`,
      `http://nowhere.invalid/${token}`,
    ];
    web.answer = text('gone', 500);
    for (const url of urls) {
      const said = JSON.stringify(await measure(more, url));
      for (const secret of SECRETS) expect(said).not.toContain(secret);
      expect(said).toContain('"error"');
    }
  });

  test('rejects with the reason of the signal, and only then', async () => {
    web.answer = () => controller.abort(new Error('stopping'));
    const controller = new AbortController();
    await expect(provider.measure(requestOf(settings(web.url)), controller.signal)).rejects.toThrow('stopping');
    await expect(
      provider.measure(requestOf(settings(web.url)), AbortSignal.abort(new Error('before'))),
    ).rejects.toThrow('before');
  });
});

describe('provider web', () => {
  let web: WebLab;
  const provider = createWebProvider();
  const measure = (settings: Fields): Promise<Reading> =>
    provider.measure(requestOf({ url: web.url, ...settings }), new AbortController().signal);

  beforeAll(async () => {
    web = await startWeb();
  });
  afterAll(() => web.close());

  test.for<{ answer: string; jsonPath?: string; value: unknown; shown: string }>([
    { answer: '{"b":1,"a":{"d":2,"c":[]}}', value: { b: 1, a: { d: 2, c: [] } }, shown: '{"a":{"c":[],"d":2},"b":1}' },
    { answer: '{"rate":0.5}', jsonPath: '{$.rate}', value: 0.5, shown: '0.5' },
    { answer: '{"is":true}', jsonPath: '{.is}', value: true, shown: 'true' },
    { answer: '{"x":null}', jsonPath: '{.x}', value: null, shown: 'null' },
    { answer: '[1,2]', value: [1, 2], shown: '[1,2]' },
    { answer: 'ok', value: 'ok', shown: 'ok' },
    { answer: '', value: '', shown: '' },
    { answer: '{"broken":', jsonPath: '{.x}', value: '{"broken":', shown: '{"broken":' },
  ])('$answer at $jsonPath is $shown', async ({ answer, jsonPath, value, shown }) => {
    web.answer = text(answer);
    const reading = await measure(jsonPath === undefined ? {} : { jsonPath });
    expect(reading).toEqual({ kind: 'value', measured: { kind: 'json', value }, shown });
  });

  test('a path that leads nowhere is an error', async () => {
    web.answer = json({ a: 1 });
    const message = expect.stringContaining('Could not find JSONPath in body: b is not found');
    expect(await measure({ jsonPath: '{.b}' })).toMatchObject({ kind: 'error', message });
  });

  test('sends text or JSON with POST and PUT', async () => {
    web.asked.length = 0;
    web.answer = json({});
    await measure({ method: 'POST', body: 'plain' });
    await measure({ method: 'PUT', jsonBody: { a: ['b'] } });
    expect(web.asked.map(({ method, body, headers }) => [method, body, headers['content-type']])).toEqual([
      ['POST', 'plain', undefined],
      ['PUT', '{"a":["b"]}', 'application/json'],
    ]);
  });

  test('follows redirects of GET, own headers only to the same host; not those of POST', async () => {
    const other = await startWeb();
    other.answer = json({ here: 'other' });
    web.asked.length = 0;
    web.answer = ({ url }, response) => {
      if (url === '/away') response.writeHead(302, { location: `${other.url}/end` }).end();
      else if (url === '/round') response.writeHead(301, { location: '/round' }).end();
      else if (url === '/') response.writeHead(308, { location: '/away' }).end();
    };
    const headers = [{ key: 'X-Key', value: 'k' }];
    expect(await measure({ headers, jsonPath: '{.here}' })).toMatchObject({ shown: '"other"' });
    expect(web.asked.map((asked) => asked.headers['x-key'])).toEqual(['k', 'k']);
    expect(other.asked[0]?.headers['x-key']).toBeUndefined();
    expect(await measure({ method: 'POST' })).toMatchObject({ kind: 'error', message: expect.stringContaining('308') });
    expect(await measure({ url: `${web.url}/round` })).toMatchObject({ message: expect.stringContaining('10 times') });
    web.answer = (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    expect(await measure({})).toMatchObject({ message: expect.stringContaining('link-local') });
    await other.close();
  });
});

describeWith(['kube-apiserver'], 'certificates', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ controllers: false });
  });
  afterAll(() => plane?.stop());

  test('of a server that nobody vouches for are refused unless insecure says so', async () => {
    const signal = new AbortController().signal;
    const url = `${plane.url}/livez`;
    const provider = createWebProvider();
    expect(await provider.measure(requestOf({ url }), signal)).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(/cannot be reached \([A-Z_]*(CERT|VERIFY)[A-Z_]*\)/),
    });
    expect(await provider.measure(requestOf({ url, insecure: true }), signal)).toMatchObject({
      kind: 'value',
      shown: 'ok',
    });
  });
});

describeWith(['prometheus'], 'provider prometheus on a real server', () => {
  let exporter: ExporterLab;
  let prometheus: PrometheusLab;
  let provider: Provider;
  const never = new AbortController().signal;
  const measure = (settings: Fields): Promise<Reading> =>
    provider.measure(requestOf({ address: prometheus.url, ...settings }), never);

  beforeAll(async () => {
    exporter = await startExporter();
    exporter.pods.set('a', () => 'requests_total 5\nrate 0.25\n');
    exporter.pods.set('b', () => 'requests_total 7\nrate 0.75\n');
    prometheus = await startPrometheus(exporter, 1000);
    await prometheus.scrape(['a', 'b']);
    provider = createPrometheusProvider({
      clock: systemClock,
      ownServer: () => Promise.resolve({ url: prometheus.url, headers: {} }),
    });
    await until(
      async () =>
        (await measure({ query: 'count(rate) == 2' })).kind === 'value' &&
        shownOf(await measure({ query: 'count(rate)' })) === '[2]',
      30_000,
      'scrapes',
    );
  });
  afterAll(async () => {
    await prometheus?.close();
    await exporter?.close();
  });
  const shownOf = (reading: Reading): string => (reading.kind === 'value' ? reading.shown : '');

  test.for<{ query: string; measured: unknown; shown: string }>([
    { query: 'scalar(sum(requests_total))', measured: { kind: 'number', value: 12 }, shown: '12' },
    { query: '1.5', measured: { kind: 'number', value: 1.5 }, shown: '1.5' },
    { query: 'sum(requests_total)', measured: { kind: 'numbers', values: [12] }, shown: '[12]' },
    { query: 'sort(rate)', measured: { kind: 'numbers', values: [0.25, 0.75] }, shown: '[0.25,0.75]' },
    { query: 'vector(0) / 0', measured: { kind: 'numbers', values: [Number.NaN] }, shown: '[NaN]' },
    { query: 'vector(1) / 0', measured: { kind: 'numbers', values: [Infinity] }, shown: '[+Inf]' },
    { query: 'vector(-1) / 0', measured: { kind: 'numbers', values: [-Infinity] }, shown: '[-Inf]' },
    { query: 'nothing_at_all', measured: { kind: 'numbers', values: [] }, shown: '[]' },
    { query: 'vector(1e-9)', measured: { kind: 'numbers', values: [1e-9] }, shown: '[0.000000001]' },
    { query: 'vector(1.5e22)', measured: { kind: 'numbers', values: [1.5e22] }, shown: '[15000000000000000000000]' },
  ])('$query is $shown', async ({ query, measured, shown }) => {
    expect(await measure({ query })).toEqual({ kind: 'value', measured, shown });
  });

  test('a range is all its samples in one list', async () => {
    const rangeQuery = { start: 'now() - duration("2s")', end: 'now()', step: '1s' };
    expect(await measure({ query: 'vector(3)', rangeQuery })).toMatchObject({ shown: '[3,3,3]' });
  });

  test.for<{ rangeQuery: Fields; says: RegExp }>([
    { rangeQuery: { start: 'yesterday', end: 'now()', step: '1s' }, says: /rangeQuery\.start is no time: .*yesterday/ },
    { rangeQuery: { start: 'now()', end: 'now()', step: 'x' }, says: /rangeQuery\.step is no duration/ },
    {
      rangeQuery: { start: 'now() - duration("1h")', end: 'now()', step: '1ms' },
      says: /bad_data: exceeded maximum resolution/,
    },
  ])('a range that cannot be asked is an error: $says', async ({ rangeQuery, says }) => {
    expect(await measure({ query: 'up', rangeQuery })).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(says),
    });
  });

  test('what Prometheus refuses is told in its words', async () => {
    expect(await measure({ query: 'sum(' })).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(/^bad_data: .*parse error/),
    });
    expect(await measure({ query: '"text"' })).toMatchObject({
      kind: 'error',
      message: expect.stringContaining('string that is no number'),
    });
  });

  test('without an address the service’s own is asked', async () => {
    expect(await measure({ address: '', query: 'vector(4)' })).toMatchObject({ shown: '[4]' });
  });

  test.for<{ timeout: unknown; says: RegExp }>([
    { timeout: 0, says: /timeout is 0/ },
    { timeout: -1, says: /no number of seconds/ },
    { timeout: 'soon', says: /no number of seconds/ },
  ])('a timeout of $timeout is an error', async ({ timeout, says }) => {
    expect(await measure({ query: 'up', timeout })).toMatchObject({
      kind: 'error',
      message: expect.stringMatching(says),
    });
  });
});
