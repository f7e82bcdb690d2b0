/** An HTTP server that answers like a Kubernetes API server as each test tells it: lists, watches, faults on command. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { KubeObject } from '../../src/api/meta.ts';

export interface StubRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface StubWatch {
  readonly request: StubRequest;
  send(type: string, object: unknown): void;
  /** Ends the stream as a server does when its time is up. */
  end(): void;
  /** Tears the connection down. */
  cut(): void;
  readonly isOpen: boolean;
}

export interface StubApiServer {
  readonly url: string;
  readonly requests: StubRequest[];
  /** Every watch since the start, newest last. */
  readonly watches: StubWatch[];
  /** What lists answer. */
  items: KubeObject[];
  resourceVersion: string;
  /** Answers before anything else when it returns a status. */
  fault:
    | ((
        request: StubRequest,
      ) => { status: number; body?: unknown; headers?: Record<string, string> } | 'hang' | 'cut' | undefined)
    | undefined;
  /** Answers anything that is not a list or a watch. */
  answer: (request: StubRequest) => { status: number; body: unknown };
  close(): Promise<void>;
}

export const apiStatus = (code: number, reason: string, message: string, details?: object) => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  reason,
  message,
  ...(details === undefined ? {} : { details }),
});

export async function startStubApiServer(): Promise<StubApiServer> {
  const server = http.createServer();
  const stub: StubApiServer = {
    url: '',
    requests: [],
    watches: [],
    items: [],
    resourceVersion: '1',
    fault: undefined,
    answer: () => ({ status: 404, body: apiStatus(404, 'NotFound', 'nothing here') }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  const watch = (request: StubRequest, response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    let isOpen = true;
    response.on('close', () => {
      isOpen = false;
    });
    stub.watches.push({
      request,
      send: (type, object) => response.write(`${JSON.stringify({ type, object })}\n`),
      end: () => response.end(),
      cut: () => response.socket?.destroy(),
      get isOpen() {
        return isOpen;
      },
    });
  };

  const respond = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const url = new URL(incoming.url ?? '/', 'http://stub');
    const request = {
      method: incoming.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString('utf8'),
    };
    stub.requests.push(request);
    const fault = stub.fault?.(request);
    if (fault === 'hang') return;
    if (fault === 'cut') {
      incoming.socket.destroy();
      return;
    }
    const send = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    };
    if (fault !== undefined)
      send(fault.status, fault.body ?? apiStatus(fault.status, 'Fault', 'a fault'), fault.headers);
    else if (request.query.get('watch') === 'true') watch(request, response);
    else if (request.method === 'GET' && !/\/[^/]+\/[^/]+\/[^/]+\/[^/]+\/[^/]+\/[^/]+$/.test(request.path)) {
      send(200, { kind: 'List', metadata: { resourceVersion: stub.resourceVersion }, items: stub.items });
    } else {
      const { status, body } = stub.answer(request);
      send(status, body);
    }
  };
  server.on('request', (incoming, response) => {
    respond(incoming, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(stub, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

/** Polls until it holds; fails with what it was waiting for. */
export async function eventually(what: string, holds: () => boolean, timeoutMs = 5_000): Promise<void> {
  const untilMs = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > untilMs) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
