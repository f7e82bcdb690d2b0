/**
 * HTTP to one API server: the official client decides who we are and whom we trust (kubeconfig, in-cluster, exec
 * plugins, tokens that rotate), node:http(s) carries the requests. No retries but the ones the server asks for.
 */
import { createHash } from 'node:crypto';
import http, { type IncomingMessage } from 'node:http';
import https, { type RequestOptions } from 'node:https';

import type { Clock } from '../clock.ts';
import { messageOf, SerinError } from '../errors.ts';
import { KubeConfig } from './kube-config.ts';

export interface TransportOptions {
  /** Path of a kubeconfig file. Absent: `KUBECONFIG`, `~/.kube/config`, then the service account of the pod. */
  readonly kubeconfig?: string;
  /** Context in it; absent: its current one. */
  readonly context?: string;
  /** Address of an API server that needs no authentication; replaces the kubeconfig. */
  readonly server?: string;
  readonly clock: Clock;
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Path and query below the server's address, starting with `/`. */
  readonly path: string;
  readonly body?: string;
  readonly contentType?: string;
  /** Until the response's headers arrive. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface Transport {
  readonly server: string;
  /** Namespace of the context; `default` where it names none. */
  readonly namespace: string;
  /** Any status code is an answer; throws `SERIN_E_KUBERNETES` when there is none and `SERIN_E_ABORTED` on abort. */
  request(request: TransportRequest): Promise<IncomingMessage>;
  close(): void;
}

/** Credentials are asked for again this often; files and exec plugins have caches of their own. */
const CREDENTIALS_MS = 5_000;
/** A server that says `Retry-After` is obeyed this often and this long before its answer is passed on. */
const RETRIES = 3;
const LONGEST_RETRY_AFTER_MS = 10_000;

function loadConfig(options: TransportOptions): KubeConfig {
  const config = new KubeConfig();
  if (options.server !== undefined) {
    config.loadFromClusterAndUser({ name: 'server', server: options.server, skipTLSVerify: true }, { name: 'nobody' });
    return config;
  }
  try {
    if (options.kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(options.kubeconfig);
  } catch (cause) {
    throw new SerinError(
      'SERIN_E_CONFIG',
      `The kubeconfig ${options.kubeconfig ?? 'of this account'} cannot be read: ${messageOf(cause)}. Give the path of a readable kubeconfig file.`,
      { cause },
    );
  }
  if (options.kubeconfig === undefined && isNothing(config)) {
    throw new SerinError(
      'SERIN_E_CONFIG',
      'No kubeconfig was found: KUBECONFIG is not set, ~/.kube/config is not there, and this is no pod with a service account. Set KUBECONFIG, or give --kubeconfig FILE.',
    );
  }
  if (options.context !== undefined) {
    if (config.getContextObject(options.context) === null) {
      const known = config.contexts.map((context) => context.name).join(', ');
      throw new SerinError(
        'SERIN_E_CONFIG',
        `The kubeconfig has no context "${options.context}". Use one of: ${known === '' ? '(it has none)' : known}.`,
      );
    }
    config.setCurrentContext(options.context);
  }
  return config;
}

/** What the client makes up where it finds nothing: a server of this machine that nobody named. */
const isNothing = ({ clusters, currentContext }: KubeConfig): boolean =>
  currentContext === 'loaded-context' && clusters[0]?.server === 'http://localhost:8080' && clusters.length === 1;

/** The client refuses plain http without `skipTLSVerify`, and ignores the certificate authority of a context without user. */
function relax(config: KubeConfig): { server: string; proxied: boolean } {
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new SerinError('SERIN_E_CONFIG', withoutCluster(config));
  }
  const isPlain = cluster.server.startsWith('http:');
  const context = config.getContextObject(config.currentContext);
  const user = config.getCurrentUser() ?? { name: 'nobody' };
  config.loadFromOptions({
    clusters: [{ ...cluster, skipTLSVerify: isPlain || cluster.skipTLSVerify }],
    users: [user],
    contexts: [{ ...context, name: 'serin', cluster: cluster.name, user: user.name }],
    currentContext: 'serin',
  });
  return { server: cluster.server.replace(/\/+$/, ''), proxied: cluster.proxyUrl !== undefined };
}

function withoutCluster(config: KubeConfig): string {
  const { currentContext, contexts } = config;
  const named = config.getContextObject(currentContext)?.cluster;
  const known = contexts.map(({ name }) => name).join(', ');
  if (currentContext === undefined || currentContext === '')
    return `The kubeconfig has no current-context. Set it, or give --context${known === '' ? '' : ` (it has: ${known})`}.`;
  if (named === undefined)
    return `The kubeconfig has no context "${currentContext}", which is its current one. Use one of: ${known === '' ? '(it has none)' : known}.`;
  return `The context "${currentContext}" of the kubeconfig names cluster "${named}", which is not in it. Add that cluster, or use another context.`;
}

const TLS_KEYS = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'servername'] as const;

function digestOf(options: RequestOptions): string {
  const hash = createHash('sha256');
  for (const key of TLS_KEYS) {
    const value = options[key];
    hash.update(`;${key}=`).update(Buffer.isBuffer(value) ? value : JSON.stringify(value ?? null));
  }
  return hash.digest('hex');
}

/** A connection pool that is replaced when the client certificate or the trusted authority changes. */
class Pool {
  #agent: http.Agent | https.Agent | undefined;
  #digest = '';
  readonly #isPlain: boolean;

  constructor(isPlain: boolean) {
    this.#isPlain = isPlain;
  }

  agentFor(options: RequestOptions): http.Agent | https.Agent {
    const digest = this.#isPlain ? 'plain' : digestOf(options);
    if (this.#agent === undefined || digest !== this.#digest) {
      // Open streams of the old agent go on; idle sockets time out by themselves.
      const keepAlive = { keepAlive: true, keepAliveMsecs: 30_000, timeout: 0, scheduling: 'lifo' } as const;
      const tls = Object.fromEntries(TLS_KEYS.filter((key) => options[key] !== undefined).map((k) => [k, options[k]]));
      this.#agent = this.#isPlain ? new http.Agent(keepAlive) : new https.Agent({ ...keepAlive, ...tls });
      this.#digest = digest;
    }
    return this.#agent;
  }

  close(): void {
    this.#agent?.destroy();
  }
}

function send(
  url: URL,
  options: RequestOptions,
  request: TransportRequest,
): { answer: Promise<IncomingMessage>; stop: (reason: Error) => void } {
  const outgoing = (url.protocol === 'http:' ? http : https).request(url, { ...options, method: request.method });
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  outgoing.on('socket', (socket) => socket.setKeepAlive(true, 30_000));
  outgoing.end(request.body);
  return { answer, stop: (reason) => outgoing.destroy(reason) };
}

function retryAfterMs(answer: IncomingMessage): number | undefined {
  const status = answer.statusCode ?? 0;
  if (status !== 429 && status < 500) return undefined;
  const seconds = Number(answer.headers['retry-after']);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1_000, LONGEST_RETRY_AFTER_MS) : undefined;
}

export function createTransport(options: TransportOptions): Transport {
  const config = loadConfig(options);
  const namespace = config.getContextObject(config.currentContext)?.namespace ?? 'default';
  const { server, proxied } = relax(config);
  const pool = new Pool(server.startsWith('http:'));
  let cached: { readonly options: RequestOptions; readonly untilMs: number } | undefined;

  const credentials = async (): Promise<RequestOptions> => {
    if (cached !== undefined && options.clock.nowMs() < cached.untilMs) return cached.options;
    const fresh: RequestOptions = { headers: {} };
    try {
      await config.applyToHTTPSOptions(fresh);
    } catch (cause) {
      throw new SerinError(
        'SERIN_E_KUBERNETES',
        `No credentials for the API server ${server}: ${messageOf(cause)}. Check the user in the kubeconfig.`,
        { cause },
      );
    }
    if (!proxied) fresh.agent = pool.agentFor(fresh);
    cached = { options: fresh, untilMs: options.clock.nowMs() + CREDENTIALS_MS };
    return fresh;
  };

  const once = async (request: TransportRequest): Promise<IncomingMessage> => {
    const auth = await credentials();
    const headers: http.OutgoingHttpHeaders = {
      ...(auth.headers as http.OutgoingHttpHeaders), // the client fills an object, never the array form
      'user-agent': 'serin',
      accept: 'application/json',
    };
    if (request.body !== undefined) {
      headers['content-type'] = request.contentType ?? 'application/json';
      headers['content-length'] = Buffer.byteLength(request.body);
    }
    const { answer, stop } = send(new URL(server + request.path), { ...auth, headers }, request);
    const onAbort = (): void => stop(new Error('aborted'));
    const timer = setTimeout(() => stop(new Error(`no answer within ${request.timeoutMs} ms`)), request.timeoutMs);
    if (request.signal?.aborted) onAbort();
    request.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const response = await answer;
      // Until the body ends the signal still tears the stream down.
      response.once('close', () => request.signal?.removeEventListener('abort', onAbort));
      return response;
    } catch (cause) {
      request.signal?.removeEventListener('abort', onAbort);
      throw cause;
    } finally {
      clearTimeout(timer);
    }
  };

  const attempt = async (request: TransportRequest): Promise<IncomingMessage> => {
    try {
      return await once(request);
    } catch (cause) {
      throw transportError(server, request, cause);
    }
  };

  return {
    server,
    namespace,
    request: async (request) => {
      let answer = await attempt(request);
      if (answer.statusCode === 401) {
        // A rotated token: ask once more with fresh credentials.
        answer.resume();
        cached = undefined;
        answer = await attempt(request);
      }
      for (let retry = 0; retry < RETRIES; retry++) {
        const waitMs = retryAfterMs(answer);
        if (waitMs === undefined) break;
        answer.resume();
        await options.clock.sleep(waitMs, request.signal).catch((cause: unknown) => {
          throw transportError(server, request, cause);
        });
        answer = await attempt(request);
      }
      return answer;
    },
    close: () => pool.close(),
  };
}

/** Why a request or a stream broke, in a sentence. Never carries headers: they hold tokens. */
export function transportError(
  server: string,
  request: Pick<TransportRequest, 'method' | 'path' | 'signal'>,
  cause: unknown,
): SerinError {
  if (cause instanceof SerinError) return cause;
  // Only the origin: a path before the API may hold a secret.
  const where = `${request.method} ${new URL(server).origin}${request.path.split('?', 1)[0] ?? ''}`;
  if (request.signal?.aborted) {
    return new SerinError('SERIN_E_ABORTED', `${where} was cancelled. Nothing has to be done.`, { cause });
  }
  // Node reports refused connections as an AggregateError without a message.
  const why = cause instanceof AggregateError ? cause.errors.map(messageOf).join('; ') : messageOf(cause);
  return new SerinError(
    'SERIN_E_KUBERNETES',
    `The API server did not answer ${where}: ${why}. Check that it runs and can be reached from here.`,
    { cause },
  );
}
