/**
 * A proxy: routes one request, sends it to a pod and records it as Istio's source reporter does. The gateway and every
 * pod's sidecar are one of these each.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { type Identity, peerName, UNKNOWN } from './identity.ts';
import type { IstioMetrics } from './istio-metrics.ts';
import type { RouteDecision, Routes } from './route.ts';
import { createUpstream, edited, type Forward, PEER_HEADER, type UpstreamAnswer } from './upstream.ts';

interface ProxyRequest {
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly sourceIp?: string;
  readonly body?: Buffer;
}

export interface ProxyAnswer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  /** The pod's response to pass on, or text of the proxy's own. */
  readonly body: IncomingMessage | string;
  /** To be called once, when the response was passed on or could not be: records the request. */
  readonly finish: (ending: Ending) => void;
}

/** `unanswered`: the client went before the head of the response; `cut by …`: one side went in the middle of it. */
export type Ending = 'complete' | 'unanswered' | 'cut by client' | 'cut by pod';

export interface ProxyOptions {
  readonly identity: Identity;
  readonly metrics: IstioMetrics;
  readonly random: () => number;
  /** The newest routes for this proxy. */
  readonly routes: () => Routes;
  /** Identity of a pod by its address. */
  readonly identityAt: (ip: string) => Identity | undefined;
}

export interface Proxy {
  request(request: ProxyRequest, signal: AbortSignal): Promise<ProxyAnswer>;
  close(): void;
}

/** Headers that belong to one connection (RFC 9110, 7.6.1). */
const HOP_HEADERS = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'te', 'trailer', 'proxy-connection'];

export function createProxy({ identity, metrics, random, routes, identityAt }: ProxyOptions): Proxy {
  const upstream = createUpstream(random);
  return {
    close: () => upstream.close(),
    request: async (request, signal) => {
      const startedMs = performance.now();
      const decision = withCookie(routes().route({ ...request, headers: request.headers as Headers }, random), request);
      const record = (destination: Identity, host: string, status: number, flags: string): void => {
        const durationMs = performance.now() - startedMs;
        metrics.record({ reporter: 'source', source: identity, destination, host, status, flags, durationMs });
      };
      if (decision.delayMs > 0) await wait(decision.delayMs, signal);
      if (decision.kind === 'respond') {
        const { status, headers, body, flags, host } = decision;
        return {
          status,
          headers,
          body,
          finish: (ending) => record(UNKNOWN, host, ...outcomeOf(ending, status, flags)),
        };
      }
      const sent = {
        method: request.method,
        headers: {
          'x-request-id': randomUUID(),
          ...withoutHops(request.headers),
          [PEER_HEADER]: peerName(identity),
        },
        body: request.body,
      };
      if (decision.mirrors.length > 0) upstream.mirror(decision, sent);
      const answer = await upstream.send(decision, sent, signal);
      const destination = answer.candidate && identityAt(answer.candidate.endpoint.ip);
      return {
        ...responseOf(answer, decision),
        finish: (ending) =>
          record(destination ?? UNKNOWN, decision.cluster.host, ...outcomeOf(ending, answer.status, answer.flags)),
      };
    },
  };
}

/** Status and flags as Envoy logs them: what was sent counts, even if the rest of it was not. */
function outcomeOf(ending: Ending, status: number, flags: string): [number, string] {
  if (ending === 'complete') return [status, flags];
  if (ending === 'cut by pod') return [status, 'UC'];
  return [ending === 'unanswered' ? 0 : status, 'DC'];
}

type Headers = Readonly<Record<string, string | undefined>>;

type WithCookie = RouteDecision & { readonly setCookie?: string };

/** Hashing by a cookie that the client does not have yet: one is made up and set. */
function withCookie(decision: RouteDecision, request: ProxyRequest): WithCookie {
  if (decision.kind !== 'forward' || decision.hashKey !== undefined) return decision;
  const cookie = decision.cluster.hash?.cookie;
  if (cookie === undefined || request.headers.cookie?.includes(`${cookie.name}=`) === true) return decision;
  const value = randomUUID();
  const age = cookie.ttlMs > 0 ? `; Max-Age=${Math.round(cookie.ttlMs / 1_000)}` : '';
  return { ...decision, hashKey: value, setCookie: `${cookie.name}=${value}${age}; Path=${cookie.path}; HttpOnly` };
}

function responseOf(answer: UpstreamAnswer, decision: Forward & WithCookie): Omit<ProxyAnswer, 'finish'> {
  const cookie = decision.setCookie === undefined ? {} : { 'set-cookie': decision.setCookie };
  const headers = { ...withoutHops(answer.message?.headers ?? {}), ...cookie };
  return {
    status: answer.status,
    headers: edited(headers, decision.responseHeaders),
    body: answer.message ?? (answer.status === 504 ? 'upstream request timeout' : 'no healthy upstream'),
  };
}

function withoutHops(headers: OutgoingHttpHeaders | IncomingMessage['headers']): OutgoingHttpHeaders {
  const result: OutgoingHttpHeaders = { ...headers };
  for (const name of HOP_HEADERS) delete result[name];
  return result;
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
