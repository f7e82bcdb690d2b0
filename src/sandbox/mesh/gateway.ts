/** A gateway listener: one HTTP server on a loopback port that hands every request to its proxy. */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Ending, Proxy, ProxyAnswer } from './proxy.ts';

/** Larger request bodies are refused: they are kept in memory for retries and mirrors. */
const LONGEST_BODY = 1_048_576;

/** Envoy's `idle_timeout` (HttpProtocolOptions): a client that comes back within the hour meets no connection that closes before it. */
const IDLE_TIMEOUT_MS = 3_600_000;

export interface Gateway {
  readonly port: number;
  readonly url: string;
  close(): Promise<void>;
}

export async function startGateway(proxy: Proxy, port = 0): Promise<Gateway> {
  const server = http.createServer({ keepAliveTimeout: IDLE_TIMEOUT_MS }, (request, response) => {
    void pass(proxy, request, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', 1_024, resolve);
  });
  const address = server.address() as AddressInfo; // a TCP server that listens has one
  return {
    port: address.port,
    url: `http://127.0.0.1:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Passes one request on and its answer back; never throws. */
async function pass(proxy: Proxy, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  const body = await bodyOf(request);
  if (body === 'too large') {
    response.writeHead(413).end();
    return;
  }
  const answer = await proxy.request(
    {
      method: request.method ?? 'GET',
      authority: request.headers.host ?? '',
      path: request.url ?? '/',
      headers: request.headers,
      ...(request.socket.remoteAddress === undefined ? {} : { sourceIp: request.socket.remoteAddress }),
      ...(body === undefined ? {} : { body }),
    },
    gone.signal,
  );
  reply(answer, response);
}

function reply({ status, headers, body, finish }: ProxyAnswer, response: ServerResponse): void {
  let isRecorded = false;
  const record = (ending: Ending): void => {
    if (isRecorded) return;
    isRecorded = true;
    finish(ending);
  };
  if (response.destroyed) {
    record('unanswered');
    if (typeof body !== 'string') body.destroy();
    return;
  }
  response.once('finish', () => record('complete'));
  response.once('close', () => record('cut by client'));
  response.writeHead(status, headers);
  if (typeof body === 'string') {
    response.end(body);
    return;
  }
  body.on('data', (chunk: Buffer) => response.write(chunk));
  body.once('end', () => response.end());
  body.once('error', () => {
    record('cut by pod');
    response.destroy();
  });
}

async function bodyOf(request: IncomingMessage): Promise<Buffer | 'too large' | undefined> {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
  if ((length === undefined || length === '0') && encoding === undefined) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      const bytes = chunk as Buffer; // no encoding is set on the request
      size += bytes.length;
      if (size > LONGEST_BODY) return 'too large';
      chunks.push(bytes);
    }
  } catch {
    // The client went away in the middle; the request is passed on with what came and ends with its signal.
  }
  return Buffer.concat(chunks);
}
