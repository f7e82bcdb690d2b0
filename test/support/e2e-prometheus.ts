/** Stands between `serin serve` and a Prometheus, and answers in its stead as broken ones do. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** What it answers instead of Prometheus' own words. */
export type Answer = 'as it is' | '503' | 'html' | 'empty' | 'NaN';

export interface PrometheusFront {
  readonly url: string;
  answerWith(answer: Answer): void;
  close(): Promise<void>;
}

export async function startPrometheusFront(target: string): Promise<PrometheusFront> {
  let answer: Answer = 'as it is';
  const server = http.createServer((request, response) => {
    const upstream = http.request(
      new URL(request.url ?? '/', target),
      { method: request.method, headers: { ...request.headers, 'accept-encoding': 'identity' } },
      (answered) => {
        const chunks: Buffer[] = [];
        answered.on('data', (chunk: Buffer) => chunks.push(chunk));
        answered.once('end', () => {
          const { status, body } = changed(answer, answered.statusCode ?? 502, Buffer.concat(chunks).toString('utf8'));
          const type = answered.headers['content-type'] ?? 'application/json';
          response.writeHead(status, { 'content-type': answer === 'html' ? 'text/html' : type }).end(body);
        });
      },
    );
    upstream.once('error', () => response.destroy());
    request.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  return {
    url: `http://127.0.0.1:${port}`,
    answerWith: (next) => {
      answer = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Result {
  readonly metric: Readonly<Record<string, string>>;
  readonly value?: readonly [number, string];
  readonly values?: readonly (readonly [number, string])[];
}

function changed(answer: Answer, status: number, body: string): { readonly status: number; readonly body: string } {
  if (answer === 'as it is') return { status, body };
  if (answer === '503') return { status: 503, body: 'upstream connect error' };
  if (answer === 'html') return { status: 200, body: '<html><title>Sign in</title></html>' };
  const said = JSON.parse(body) as { readonly status: string; readonly data: { readonly result: readonly Result[] } };
  const result = answer === 'empty' ? [] : said.data.result.map(withoutNumbers);
  return { status, body: JSON.stringify({ ...said, data: { ...said.data, result } }) };
}

const withoutNumbers = ({ metric, value, values }: Result): Result => ({
  metric,
  ...(value === undefined ? {} : { value: [value[0], 'NaN'] }),
  ...(values === undefined ? {} : { values: values.map(([time]) => [time, 'NaN'] as const) }),
});
