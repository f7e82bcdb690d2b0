/** Messages to real HTTP receivers: those that take them, those that are busy, broken, silent, or lead elsewhere. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { Finding, KubeObject } from '../../src/api/meta.ts';
import type { NotifySink } from '../../src/api/release.ts';
import { systemClock } from '../../src/clock.ts';
import { SerinError } from '../../src/errors.ts';
import type { KubeReader } from '../../src/kube/port.ts';
import { createDeliver, GIVE_UP_AFTER_MS } from '../../src/notify/deliver.ts';
import { deliveriesOf } from '../../src/notify/deliveries.ts';
import type { NotifyTarget } from '../../src/notify/port.ts';
import { createSlackNotifier } from '../../src/notify/slack.ts';
import { createWebhookNotifier } from '../../src/notify/webhook.ts';
import { openQueueBackend } from '../../src/queue/backend.ts';
import { aborted } from '../unit/notify/messages.ts';

interface Heard {
  readonly path: string;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((close) => close()));
});

async function receive(answer: RequestListener): Promise<{ url: string; heard: Heard[] }> {
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    request.on('end', () => {
      heard.push({ path: request.url ?? '', body, headers: request.headers });
      answer(request, response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.push(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  return { url: `http://127.0.0.1:${port}/services/T0/B0/hushhush`, heard };
}

const hosts = ['127.0.0.1'];
const slack = createSlackNotifier({ clock: systemClock, hosts });
const webhook = createWebhookNotifier({ clock: systemClock, hosts });
const send = (target: NotifyTarget, signal = AbortSignal.timeout(20_000)): Promise<void> =>
  slack.post(aborted, target, signal);

describe('a receiver', () => {
  test('that answers 200 gets the Slack message', async () => {
    const { url, heard } = await receive((_request, response) => response.end('ok'));
    await send({ url, channel: '#releases' });
    expect(heard).toHaveLength(1);
    expect(heard[0]?.path).toBe('/services/T0/B0/hushhush');
    expect(heard[0]?.headers['content-type']).toMatch(/^application\/json/);
    expect(JSON.parse(heard[0]?.body ?? '')).toMatchObject({
      channel: '#releases',
      text: expect.stringContaining('shop/web aborted at 25 %'),
    });
  });

  test('gets a signed CloudEvent that anybody with the key can check', async () => {
    const { url, heard } = await receive((_request, response) => response.writeHead(204).end());
    await webhook.post(aborted, { url, signingKey: 'ключ' }, AbortSignal.timeout(5_000));
    const { body = '', headers } = heard[0] ?? {};
    expect(JSON.parse(body)).toMatchObject({
      specversion: '1.0',
      id: 'uid-1/bf669489b/1/aborted',
      type: 'dev.serin.release.aborted.v1',
      source: '/apis/serin.dev/namespaces/shop/releases/web',
      time: '2026-11-21T14:02:31.000Z',
      data: { release: 'web', event: 'aborted', reason: 'ErrorsAboveStable', weight: 25, elapsedSeconds: 100 },
    });
    const [, seconds = '', signature = ''] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers?.['serin-signature'])) ?? [];
    expect(createHmac('sha256', 'ключ').update(`${seconds}.${body}`).digest('hex')).toBe(signature);
    expect(Math.abs(Number(seconds) - Date.now() / 1_000)).toBeLessThan(5);
    await webhook.post(aborted, { url }, AbortSignal.timeout(5_000));
    expect(heard[1]?.headers).not.toHaveProperty('serin-signature');
  });

  test.each([
    [429, { 'retry-after': '7' }, 7_000],
    [429, { 'retry-after': '86400' }, 300_000],
    [429, {}, undefined],
    [503, { 'retry-after': new Date(Date.now() + 60_000).toUTCString() }, 60_000],
    [500, {}, undefined],
  ] as const)('that answers %d is tried again later, when it says so (%j)', async (status, headers, waitMs) => {
    const { url } = await receive((_request, response) => response.writeHead(status, headers).end());
    const error = await send({ url }).catch((thrown: unknown) => thrown as SerinError);
    expect(error).toMatchObject({ code: 'SERIN_E_NOTIFY', retryable: true });
    const retryAfterMs = (error as SerinError).fields['retryAfterMs'];
    if (waitMs === undefined) expect(retryAfterMs).toBeUndefined();
    else expect(Math.abs(Number(retryAfterMs) - waitMs)).toBeLessThan(5_000);
  });

  test.each([400, 401, 403, 404, 410])('that answers %d refuses for good', async (status) => {
    const { url } = await receive((_request, response) => response.writeHead(status).end('no_service'));
    await expect(send({ url })).rejects.toMatchObject({ code: 'SERIN_E_INVALID_SPEC', retryable: false });
    await expect(send({ url })).rejects.toThrow(`refuses the message with ${status} (no_service)`);
  });

  test('that redirects is not followed, not even to itself', async () => {
    const elsewhere = await receive((_request, response) => response.end());
    const { url } = await receive((_request, response) => response.writeHead(307, { location: elsewhere.url }).end());
    await expect(send({ url })).rejects.toMatchObject({ code: 'SERIN_E_INVALID_SPEC' });
    expect(elsewhere.heard).toEqual([]);
  });

  test('that never answers is given up after 5 seconds', async () => {
    const { url } = await receive(() => undefined);
    const startedAt = Date.now();
    await expect(send({ url })).rejects.toThrow(/did not answer within 5 s/);
    expect(Date.now() - startedAt).toBeLessThan(6_500);
  });

  test('that answers without end is cut off', async () => {
    const { url } = await receive((_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'.repeat(4_096)), 5);
      response.on('close', () => clearInterval(timer));
    });
    const startedAt = Date.now();
    await send({ url });
    expect(Date.now() - startedAt).toBeLessThan(2_000);
  });

  test('that is not there is tried again later', async () => {
    await expect(send({ url: 'http://127.0.0.1:1/hushhush' })).rejects.toMatchObject({
      code: 'SERIN_E_NOTIFY',
      retryable: true,
    });
  });

  test('that nobody allowed is never spoken to', async () => {
    const { url, heard } = await receive((_request, response) => response.end());
    const cautious = createSlackNotifier({ clock: systemClock, hosts: [] });
    for (const address of [
      url,
      url.replace('127.0.0.1', 'localhost'),
      url.replace('127.0.0.1', '[::ffff:127.0.0.1]'),
    ]) {
      await expect(cautious.post(aborted, { url: address }, AbortSignal.timeout(5_000))).rejects.toMatchObject({
        code: 'SERIN_E_INVALID_SPEC',
      });
    }
    expect(heard).toEqual([]);
  });

  test('is left at once when the process stops', async () => {
    const { url } = await receive(() => undefined);
    const stopping = new AbortController();
    const posting = send({ url }, stopping.signal);
    setTimeout(() => stopping.abort(new Error('stopping')), 50);
    await expect(posting).rejects.toThrow('stopping');
  });

  test.each([
    'http://127.0.0.1:1/hushhush',
    'http://user:hushhush@127.0.0.1:1/',
    'http://hushhush.invalid/',
    'nohost/hushhush',
  ])('its address is in no error: %s', async (url) => {
    const error = await send({ url }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SerinError);
    expect(
      JSON.stringify([(error as SerinError).message, (error as SerinError).fields, (error as SerinError).cause]),
    ).not.toMatch(/hushhush/);
  });
});

const secretOf = (name: string, data: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'shop' },
  data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')])),
});

function deliverWith(secrets: readonly KubeObject[], nowMs = () => aborted.timeMs + 1_000) {
  const findings: Finding[] = [];
  const kept: (readonly [number, string | undefined])[] = [];
  const kube: Pick<KubeReader, 'get'> = {
    get: (ref) => {
      if (ref.name === 'locked') {
        const denial = `secrets "locked" is forbidden: User "system:serviceaccount:ops:serin" cannot get resource "secrets"`;
        return Promise.reject(new SerinError('SERIN_E_FORBIDDEN', denial));
      }
      return Promise.resolve(
        secrets.find(({ metadata }) => metadata.name === ref.name && metadata.namespace === ref.namespace),
      );
    },
  };
  const deliver = createDeliver({
    kube,
    clock: { nowMs },
    notifiers: { slack, webhook },
    report: (release, finding) => {
      expect(release).toEqual({ namespace: 'shop', name: 'web' });
      findings.push(finding);
      return Promise.resolve();
    },
    keep: (_release, sink, finding) => {
      kept.push([sink, finding?.reason]);
      return Promise.resolve();
    },
  });
  const run = (sink: NotifySink, message = aborted): Promise<number | undefined> => {
    const [job] = deliveriesOf(message, [sink]);
    return deliver(job?.key ?? '', AbortSignal.timeout(20_000), job?.payload);
  };
  return { run, deliver, findings, kept };
}

describe('delivery', () => {
  test('reads address and key from Secrets at the moment of sending', async () => {
    const { url, heard } = await receive((_request, response) => response.end());
    const { run, findings, kept } = deliverWith([secretOf('hook', { url: `${url}\n`, key: 's3cret\n' })]);
    await run({ webhook: { secretRef: { name: 'hook', key: 'url' }, signingSecretRef: { name: 'hook', key: 'key' } } });
    const { body = '', headers } = heard[0] ?? {};
    const [, seconds = '', signature = ''] =
      /^t=(\d+),v1=([0-9a-f]+)$/.exec(String(headers?.['serin-signature'])) ?? [];
    expect(createHmac('sha256', 's3cret').update(`${seconds}.${body}`).digest('hex')).toBe(signature);
    expect(findings).toEqual([]);
    expect(kept).toEqual([[0, undefined]]);
  });

  test.each([
    ['a Secret that does not exist', 'gone', 'url', 'Secret shop/gone does not exist'],
    ['a key that does not exist', 'slack', 'adress', 'Secret shop/slack has no key "adress"'],
    ['an empty value', 'slack', 'empty', 'Secret shop/slack has no key "empty"'],
    ['no URL', 'slack', 'nonsense', 'is no URL'],
  ])('of %s is given up and said on the Release', async (_name, name, key, says) => {
    const { run, findings } = deliverWith([secretOf('slack', { empty: '', nonsense: 'nonsense' })]);
    await expect(run({ slack: { secretRef: { name, key } } })).rejects.toMatchObject({ retryable: false });
    expect(findings).toHaveLength(1);
    expect(findings[0]?.reason).toBe('NotDelivered');
    expect(findings[0]?.message).toContain('Release shop/web: spec.notify[0]: ');
    expect(findings[0]?.message).toContain(says);
  });

  test('without permission says on the Release which commands give it, and is tried again', async () => {
    const { run, findings, kept } = deliverWith([]);
    await expect(run({ slack: { secretRef: { name: 'locked', key: 'url' } } })).rejects.toMatchObject({
      retryable: true,
    });
    expect(findings[0]?.reason).toBe('SecretForbidden');
    expect(kept).toEqual([[0, 'SecretForbidden']]);
    expect(findings[0]?.message).toContain('--resource-name=locked');
    expect(findings[0]?.message).toContain('--serviceaccount=ops:serin');
  });

  test('to a busy receiver waits as long as that asks, and is given up after a quarter of an hour', async () => {
    const { url } = await receive((_request, response) => response.writeHead(429, { 'retry-after': '20' }).end());
    const secrets = [secretOf('slack', { url })];
    const sink = { slack: { secretRef: { name: 'slack', key: 'url' } } };
    expect(await deliverWith(secrets).run(sink)).toBe(20_000);
    const late = deliverWith(secrets, () => aborted.timeMs + GIVE_UP_AFTER_MS + 1);
    await expect(late.run(sink)).rejects.toMatchObject({ retryable: false });
    expect(late.findings[0]?.reason).toBe('NotDelivered');
    expect(JSON.stringify(late.findings)).not.toMatch(/hushhush/);
  });

  test('goes through the queue once, however often it is announced and however the receiver stumbles', async () => {
    let answers = 0;
    const { url, heard } = await receive((_request, response) => {
      answers += 1;
      response
        .writeHead(answers === 1 ? 500 : answers === 2 ? 429 : 200, answers === 2 ? { 'retry-after': '1' } : {})
        .end();
    });
    const { deliver } = deliverWith([secretOf('slack', { url })]);
    const backend = await openQueueBackend({ kind: 'embedded' });
    opened.push(() => backend.close());
    const queue = backend.queue('notify');
    await queue.work(deliver, { concurrency: 2 });
    const [job] = deliveriesOf(aborted, [{ slack: { secretRef: { name: 'slack', key: 'url' } } }]);
    for (let count = 0; count < 3; count += 1)
      await queue.enqueue(job?.key ?? '', { once: true, payload: job?.payload ?? '' });
    await expect.poll(() => heard.length, { timeout: 15_000 }).toBe(3);
    await queue.enqueue(job?.key ?? '', { once: true, payload: job?.payload ?? '' });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(heard).toHaveLength(3);
    expect(new Set(heard.map(({ body }) => body)).size).toBe(1);
  });
});
