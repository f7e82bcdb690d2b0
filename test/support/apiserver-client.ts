/** A bare client for API servers, real or sandbox: status, headers and body of one request, and the events of a watch. */
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { parse } from 'yaml';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The body as JSON; `undefined` when it is something else. */
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into bodies freely
  readonly body: any;
}

export interface WatchLine {
  readonly type: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into objects freely
  readonly object: any;
}

interface Watching {
  readonly status: number;
  /** Everything seen so far. */
  readonly lines: readonly WatchLine[];
  /** Resolves when a line satisfies the test, with that line; rejects after 10 seconds. */
  until(test: (line: WatchLine) => boolean): Promise<WatchLine>;
  /** Resolves when the server ended the stream. */
  readonly ended: Promise<void>;
  stop(): void;
}

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it is instead of `body`. */
  readonly text?: string;
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiClient {
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  watch(path: string, options?: CallOptions): Promise<Watching>;
  close(): void;
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: Record<string, string> }[];
  readonly users: readonly { readonly user: Record<string, string> }[];
}

const decoded = (text: string | undefined): Buffer | undefined =>
  text === undefined ? undefined : Buffer.from(text, 'base64');

/** Talks to the first cluster of a kubeconfig as its first user. */
export function apiClient(kubeconfig: string): ApiClient {
  const config = parse(kubeconfig) as Kubeconfig;
  const cluster = config.clusters[0]?.cluster ?? {};
  const user = config.users[0]?.user ?? {};
  const base = cluster['server'] ?? '';
  const secure = base.startsWith('https:');
  const agent = secure
    ? new HttpsAgent({
        keepAlive: true,
        ca: decoded(cluster['certificate-authority-data']),
        cert: decoded(user['client-certificate-data']),
        key: decoded(user['client-key-data']),
      })
    : new HttpAgent({ keepAlive: true });
  const send = secure ? httpsRequest : httpRequest;

  const open = (method: string, path: string, options: CallOptions) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const text = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
      const request = send(
        base + path,
        {
          method,
          agent,
          headers: {
            Accept: options.accept ?? 'application/json',
            'User-Agent': 'conformance/1.0',
            ...(text === undefined
              ? {}
              : {
                  'Content-Type': options.type ?? 'application/json',
                  'Content-Length': String(Buffer.byteLength(text)),
                }),
            ...options.headers,
          },
        },
        resolve,
      );
      request.on('error', reject);
      request.end(text);
    });

  return {
    call: async (method, path, options = {}) => {
      const response = await open(method, path, options);
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString('utf8');
      return { status: response.statusCode ?? 0, headers: response.headers, text, body: jsonOf(text) };
    },
    watch: async (path, options = {}) => watching(await open('GET', path, options)),
    close: () => agent.destroy(),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function watching(response: IncomingMessage): Watching {
  const lines: WatchLine[] = [];
  const listeners = new Set<() => void>();
  let rest = '';
  response.setEncoding('utf8');
  response.on('data', (chunk: string) => {
    rest += chunk;
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) if (part !== '') lines.push(JSON.parse(part) as WatchLine);
    for (const listener of listeners) listener();
  });
  response.on('error', () => undefined);
  return {
    status: response.statusCode ?? 0,
    lines,
    ended: new Promise((resolve) => response.once('close', () => resolve())),
    until: (test) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          listeners.delete(look);
          reject(new Error(`no such event within 10 s; saw ${JSON.stringify(lines.map((line) => line.type))}`));
        }, 10_000);
        const look = (): void => {
          const found = lines.find(test);
          if (found === undefined) return;
          clearTimeout(timer);
          listeners.delete(look);
          resolve(found);
        };
        listeners.add(look);
        look();
      }),
    stop: () => response.destroy(),
  };
}
