/** One proxy's requests to pods: kept-alive connections, retries on another pod, timeouts, as Envoy's router does them. */
import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import { type Candidate, chooseEndpoint } from './balance.ts';
import type { HeaderOperations } from './objects.ts';
import type { RouteDecision } from './route.ts';

export type Forward = RouteDecision & { readonly kind: 'forward' };

interface UpstreamRequest {
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer | undefined;
}

export interface UpstreamAnswer {
  readonly status: number;
  /** Envoy's flags: UH no healthy pod, UF connection failed, UC connection reset, UT timeout, URX retries used up, `-`. */
  readonly flags: string;
  /** The pod that answered or was tried last. */
  readonly candidate: Candidate | undefined;
  /** Absent when the proxy itself answers. */
  readonly message: IncomingMessage | undefined;
}

export interface Upstream {
  send(forward: Forward, request: UpstreamRequest, signal: AbortSignal): Promise<UpstreamAnswer>;
  /** Sends a copy and forgets it. */
  mirror(forward: Forward, request: UpstreamRequest): void;
  close(): void;
}

/** Name of the header by which proxies tell each other who they are; taken away before an app sees the request. */
export const PEER_HEADER = 'x-envoy-peer-metadata-id';

export function createUpstream(random: () => number): Upstream {
  const agent = new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY, scheduling: 'lifo' });
  const active = new Map<string, number>();

  const attempt = async (
    forward: Forward,
    candidate: Candidate,
    request: UpstreamRequest,
    signal: AbortSignal,
  ): Promise<{ readonly message: IncomingMessage } | { readonly failure: 'connect-failure' | 'reset' }> => {
    const { ip } = candidate.endpoint;
    active.set(ip, (active.get(ip) ?? 0) + 1);
    const answer = await dispatch(agent, forward, candidate, request, signal);
    const done = (): void => void active.set(ip, (active.get(ip) ?? 1) - 1);
    if ('message' in answer) answer.message.once('close', done);
    else done();
    return answer;
  };

  return {
    send: async (forward, request, outer) => {
      const { retries, timeoutMs } = forward;
      // A combined signal costs; most routes have no timeout.
      const deadline = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
      const tried = new Set<string>();
      let last: UpstreamAnswer = { status: 503, flags: 'UH', candidate: undefined, message: undefined };
      for (let tries = 0; tries <= retries.attempts; tries += 1) {
        const candidate = chooseEndpoint(forward.cluster, forward.hashKey, active, tried, random);
        if (candidate === undefined) return last;
        tried.add(candidate.endpoint.ip);
        const perTry = retries.perTryTimeoutMs === undefined ? undefined : AbortSignal.timeout(retries.perTryTimeoutMs);
        const signals = [outer, deadline, perTry].filter((each) => each !== undefined);
        const signal = signals.length === 1 ? outer : AbortSignal.any(signals);
        const answer = await attempt(forward, candidate, request, signal);
        if ('message' in answer) {
          const { message } = answer;
          const status = message.statusCode ?? 502;
          last = { status, flags: '-', candidate, message };
          if (!retriesStatus(retries.retryOn, status)) return last;
          if (tries < retries.attempts) message.resume();
        } else if (deadline?.aborted === true || perTry?.aborted === true) {
          last = { status: 504, flags: 'UT', candidate, message: undefined };
          if (deadline?.aborted === true || !retries.retryOn.has('5xx')) return last;
        } else {
          const flags = answer.failure === 'connect-failure' ? 'UF' : 'UC';
          last = { status: 503, flags, candidate, message: undefined };
          if (outer.aborted || !retriesFailure(retries.retryOn, answer.failure)) return last;
        }
      }
      return retries.attempts > 0 ? { ...last, flags: last.flags === '-' ? 'URX' : `${last.flags},URX` } : last;
    },

    mirror: (forward, request) => {
      for (const { cluster } of forward.mirrors) {
        const candidate = chooseEndpoint(cluster, undefined, active, new Set(), random);
        if (candidate === undefined) continue;
        const shadow = { ...forward, authority: `${forward.authority}-shadow` };
        void attempt(shadow, candidate, request, AbortSignal.timeout(15_000)).then((answer) => {
          if ('message' in answer) answer.message.resume().on('error', () => undefined);
        });
      }
    },

    close: () => agent.destroy(),
  };
}

function retriesStatus(retryOn: ReadonlySet<string>, status: number): boolean {
  return (
    (status >= 500 && retryOn.has('5xx')) ||
    (status >= 502 && status <= 504 && retryOn.has('gateway-error')) ||
    (status === 409 && retryOn.has('retriable-4xx')) ||
    retryOn.has(String(status))
  );
}

function retriesFailure(retryOn: ReadonlySet<string>, failure: 'connect-failure' | 'reset'): boolean {
  return retryOn.has(failure) || retryOn.has('5xx') || retryOn.has('gateway-error');
}

function dispatch(
  agent: http.Agent,
  forward: Forward,
  { endpoint, port }: Candidate,
  { method, headers, body }: UpstreamRequest,
  signal: AbortSignal,
  isSecondTry = false,
): Promise<{ readonly message: IncomingMessage } | { readonly failure: 'connect-failure' | 'reset' }> {
  return new Promise((resolve) => {
    const request = http.request({
      agent,
      host: endpoint.ip,
      port,
      method,
      path: forward.path,
      headers: { ...edited(headers, forward.requestHeaders), host: forward.authority },
      signal,
    });
    request.once('response', (message) => resolve({ message }));
    request.on('error', (error: NodeJS.ErrnoException) => {
      // A kept-alive connection that the pod had just closed: Envoy sees that before it sends, we only now.
      if (request.reusedSocket && !isSecondTry && !signal.aborted && error.code === 'ECONNRESET') {
        resolve(dispatch(agent, forward, { endpoint, port }, { method, headers, body }, signal, true));
        return;
      }
      resolve({ failure: error.syscall === 'connect' ? 'connect-failure' : 'reset' });
    });
    request.end(body);
  });
}

/** Header operations, the destination's own first. */
export function edited(headers: OutgoingHttpHeaders, operations: readonly HeaderOperations[]): OutgoingHttpHeaders {
  if (operations.length === 0) return headers;
  const result = { ...headers };
  for (const { set = {}, add = {}, remove = [] } of operations) {
    for (const name of remove) delete result[name.toLowerCase()];
    for (const [name, value] of Object.entries(set)) result[name.toLowerCase()] = value;
    for (const [name, value] of Object.entries(add)) {
      const before = result[name.toLowerCase()];
      result[name.toLowerCase()] = before === undefined ? value : `${String(before)},${value}`;
    }
  }
  return result;
}
