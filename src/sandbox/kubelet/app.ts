/**
 * The app in a sandbox pod with its sidecar's inbound side: waits, fails, calls other Services as its behaviour says,
 * and counts what it answered as Istio's destination reporter.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Identity, UNKNOWN } from '../mesh/identity.ts';
import type { IstioMetrics } from '../mesh/istio-metrics.ts';
import type { Proxy } from '../mesh/proxy.ts';
import { PEER_HEADER } from '../mesh/upstream.ts';
import type { Behaviour } from './behaviour.ts';

export interface AppOptions {
  readonly identity: Identity;
  readonly behaviour: Behaviour;
  readonly metrics: IstioMetrics;
  readonly outbound: Proxy;
  readonly random: () => number;
  /** Host of the Service by which this pod is reached. */
  readonly host: () => string;
  readonly peer: (name: string) => Identity | undefined;
  /** Milliseconds since the app started, in the sandbox's time. */
  readonly ageMs: () => number;
  readonly signal: AbortSignal;
}

interface AppAnswer {
  readonly status: number;
  readonly body: string;
}

export type App = (request: IncomingMessage, response: ServerResponse) => void;

export function createApp(options: AppOptions): App {
  const { identity, behaviour, metrics, host, peer } = options;
  return (request, response) => {
    const isProbe = request.headers['user-agent']?.startsWith('kube-probe/') === true;
    if (isProbe) {
      response.writeHead(options.ageMs() >= behaviour.readyAfterMs ? 200 : 503).end();
      return;
    }
    const startedMs = performance.now();
    const name = request.headers[PEER_HEADER];
    delete request.headers[PEER_HEADER];
    const source = (typeof name === 'string' ? peer(name) : undefined) ?? UNKNOWN;
    let isRecorded = false;
    const record = (): void => {
      if (isRecorded) return;
      isRecorded = true;
      metrics.record({
        reporter: 'destination',
        source,
        destination: identity,
        host: host(),
        status: response.headersSent ? response.statusCode : 0,
        flags: response.writableFinished ? '-' : 'DC',
        durationMs: performance.now() - startedMs,
      });
    };
    response.once('finish', record);
    response.once('close', record);
    request.resume();
    void answer(options, request).then(({ status, body }) => {
      if (response.destroyed) return;
      response.writeHead(status, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'x-pod': identity.pod,
        'x-version': behaviour.version,
      });
      response.end(body);
    });
  };
}

async function answer(options: AppOptions, request: IncomingMessage): Promise<AppAnswer> {
  const { behaviour, identity, random, signal } = options;
  const age = options.ageMs();
  const isError = random() < behaviour.errorRate(age);
  const latencyMs = behaviour.latency(age)(random);
  if (latencyMs > 0) await wait(latencyMs);
  const calls: unknown[] = [];
  let isBroken = false;
  for (const { authority, path } of behaviour.calls) {
    const answered = await call(options, request, authority, path, signal);
    calls.push(answered.said);
    isBroken ||= answered.status >= 500;
  }
  const seen = request.url?.startsWith('/echo') === true ? { path: request.url, headers: request.headers } : {};
  const body = JSON.stringify({
    pod: identity.pod,
    workload: identity.workload,
    version: behaviour.version,
    ...(calls.length === 0 ? {} : { calls }),
    ...seen,
  });
  return { status: isError || isBroken ? behaviour.errorStatus : 200, body: `${body}\n` };
}

async function call(
  { outbound, behaviour }: AppOptions,
  request: IncomingMessage,
  authority: string,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly said: unknown }> {
  const headers = Object.fromEntries(
    behaviour.propagate.flatMap((name) => (request.headers[name] === undefined ? [] : [[name, request.headers[name]]])),
  );
  const answered = await outbound.request({ method: 'GET', authority, path, headers }, signal);
  const { status, body, finish } = answered;
  if (typeof body === 'string') {
    finish('complete');
    return { status, said: { authority, status } };
  }
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(chunk as Buffer); // no encoding is set on the response
    finish('complete');
    return { status, said: parseJson(Buffer.concat(chunks).toString('utf8')) ?? { authority, status } };
  } catch {
    finish('cut by pod');
    return { status: 503, said: { authority, status: 503 } };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Ends early for nobody: an app that is told to stop still finishes what it has begun. */
function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
