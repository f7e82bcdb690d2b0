import { afterEach, describe, expect, test } from 'vitest';
import { SerinError } from '../../../src/errors.ts';
import { type HttpServer, type ReadinessCheck, startHttpServer } from '../../../src/server/http.ts';

const servers: HttpServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function start(...checks: readonly ReadinessCheck[]): Promise<HttpServer> {
  const telemetry = { expose: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'serin_up 1\n' }) };
  const server = await startHttpServer({ host: '127.0.0.1', port: 0, telemetry, checks, checkTimeoutMs: 50 });
  servers.push(server);
  return server;
}

async function ask(server: HttpServer, path: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(server.url + path);
  return { status: answer.status, text: await answer.text() };
}

const fine: ReadinessCheck = { name: 'queue', check: () => undefined };
const broken: ReadinessCheck = { name: 'kubernetes', check: () => Promise.reject(new Error('not there')) };
const slow: ReadinessCheck = { name: 'slow', check: () => new Promise(() => undefined) };
const leaky: ReadinessCheck = { name: 'leaky', check: () => Promise.reject(new Error('redis://u:hunter2@r is down')) };

describe('probes', () => {
  test('/livez does not ask anybody', async () => {
    expect(await ask(await start(broken, slow), '/livez')).toEqual({ status: 200, text: 'ok\n' });
  });

  test.each([
    { name: 'ready when all is well', checks: [fine], path: '/readyz', status: 200, text: 'ready\n' },
    {
      name: 'all checks are listed on request',
      checks: [fine],
      path: '/readyz?verbose',
      status: 200,
      text: '[+] queue ok\n[+] shutdown ok\nready\n',
    },
    {
      name: 'not ready says what is not',
      checks: [fine, broken],
      path: '/readyz',
      status: 503,
      text: '[-] kubernetes: not there\nnot ready\n',
    },
    {
      name: 'a check that hangs is not well',
      checks: [slow],
      path: '/readyz',
      status: 503,
      text: '[-] slow: no answer in time\nnot ready\n',
    },
    {
      name: 'secrets are not shown',
      checks: [leaky],
      path: '/readyz',
      status: 503,
      text: '[-] leaky: redis://[redacted]@r is down\nnot ready\n',
    },
  ])('$name', async ({ checks, path, status, text }) => {
    expect(await ask(await start(...checks), path)).toEqual({ status, text });
  });

  test('the time limit of a check that was answered harms nobody later', async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    await ask(await start(fine, broken), '/readyz');
    await new Promise((resolve) => setTimeout(resolve, 120));
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });

  test('a process that stops is not ready, but alive', async () => {
    const server = await start(fine);
    server.drain();
    expect((await ask(server, '/readyz')).text).toContain('[-] shutdown: the process is stopping');
    expect((await ask(server, '/livez')).status).toBe(200);
  });

  test('/metrics answers what telemetry exposes; anything else is not found', async () => {
    const server = await start();
    expect(await ask(server, '/metrics')).toEqual({ status: 200, text: 'serin_up 1\n' });
    expect((await ask(server, '/anything')).status).toBe(404);
  });

  test('a port that is taken is a configuration error with the port in it', async () => {
    const { port } = new URL((await start()).url);
    const telemetry = { expose: async () => ({ contentType: '', body: '' }) };
    const second = startHttpServer({ host: '127.0.0.1', port: Number(port), telemetry, checks: [] });
    await expect(second).rejects.toThrowError(SerinError);
    await expect(second).rejects.toThrowError(`Port ${port} on 127.0.0.1 cannot be listened on`);
  });
});
