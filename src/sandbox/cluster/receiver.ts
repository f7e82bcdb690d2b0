/** Takes in what Serin posts (Slack and webhook notifications), so that the demo and tests can show it. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../clock.ts';

export interface ReceivedMessage {
  readonly path: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly receivedAtMs: number;
}

export interface Receiver {
  readonly url: string;
  messages(): readonly ReceivedMessage[];
  /** Answers every post with this status from now on; 200 is what Slack says. */
  answerWith(status: number): void;
  close(): Promise<void>;
}

export async function startReceiver(clock: Clock): Promise<Receiver> {
  const messages: ReceivedMessage[] = [];
  let status = 200;
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      if (status < 300) {
        const body = Buffer.concat(chunks).toString('utf8');
        const { url: path = '/', headers } = request;
        messages.push({ path, body, headers, receivedAtMs: clock.nowMs() });
      }
      response.writeHead(status, { 'content-type': 'text/plain' }).end(status < 300 ? 'ok' : 'refused');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  return {
    url: `http://127.0.0.1:${port}`,
    messages: () => [...messages],
    answerWith: (next) => {
      status = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
