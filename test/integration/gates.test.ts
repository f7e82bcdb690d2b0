/** Gates over real HTTP: what opens them, and everything that does not. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpGate } from '../../src/gates/http.ts';

const never = new AbortController().signal;
const question = { namespace: 'shop', name: 'web', revision: 'ccc', attempt: 1, step: 2, weight: 5 };

describe('a gate over HTTP', () => {
  let server: Server;
  let url: string;
  const bodies: unknown[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        bodies.push({ method: request.method, type: request.headers['content-type'], ...JSON.parse(text) });
        const path = request.url ?? '';
        if (path === '/hangs') return;
        if (path === '/breaks') return void request.socket.destroy();
        const status = Number(path.slice(1));
        response.writeHead(status, status === 302 ? { location: `${url}/200` } : {}).end('words');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test.each([
    ['200', true, 'It answered 200.'],
    ['204', true, 'It answered 204.'],
    ['302', false, 'It answered 302; 2xx would open it.'],
    ['403', false, 'It answered 403; 2xx would open it.'],
    ['404', false, 'It answered 404; 2xx would open it.'],
    ['500', false, 'It answered 500; 2xx would open it.'],
    ['hangs', false, 'The receiver did not answer within 5 s. It is tried again later.'],
    ['breaks', false, 'The receiver cannot be reached (ECONNRESET). It is tried again later.'],
  ])('that answers %s: open is %s', async (path, isOpen, says) => {
    const ask = createHttpGate(['127.0.0.1']);
    expect(await ask({ ...question, url: `${url}/${path}` }, never)).toEqual({ isOpen, says });
    expect(bodies.at(-1)).toEqual({ method: 'POST', type: 'application/json', ...question });
  });

  test('on a host that the configuration does not allow is closed, and is not asked', async () => {
    const before = bodies.length;
    const answer = await createHttpGate([])({ ...question, url: `${url}/200` }, never);
    expect(answer).toMatchObject({ isOpen: false, says: expect.stringContaining('private or link-local address') });
    expect(bodies).toHaveLength(before);
  });

  test('where nobody listens is closed', async () => {
    const answer = await createHttpGate(['127.0.0.1'])({ ...question, url: 'http://127.0.0.1:1/' }, never);
    expect(answer).toMatchObject({ isOpen: false, says: expect.stringContaining('ECONNREFUSED') });
  });

  test('that is asked when the process stops is no answer', async () => {
    const stopping = new AbortController();
    const asking = createHttpGate(['127.0.0.1'])({ ...question, url: `${url}/hangs` }, stopping.signal);
    stopping.abort(new Error('stopping'));
    await expect(asking).rejects.toThrow('stopping');
  });
});
