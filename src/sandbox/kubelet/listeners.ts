/** The network side of a pod: HTTP servers on one loopback address of its own, and addresses nobody else uses. */
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { IstioMetrics } from '../mesh/istio-metrics.ts';

/** Where Istio's sidecar merges and serves the pod's metrics. */
export const METRICS_PORT = 15_020;
export const METRICS_PATH = '/stats/prometheus';

export interface Listeners {
  readonly ip: string;
  /** Stops accepting, lets requests under way end for at most `drainMs`, then cuts. */
  close(drainMs: number): Promise<void>;
}

export type Addresses = () => string;

/** Addresses 127.a.b.c in order from a start that differs between processes; taken ones are found out by listening. */
export function createAddresses(random: () => number): Addresses {
  let next = Math.floor(random() * 200) * 65_536 + 256;
  return () => {
    next += 1;
    if ((next & 0xff) === 0 || (next & 0xff) === 0xff) next += 2;
    const high = 20 + (Math.floor(next / 65_536) % 230);
    return `127.${high}.${(next >> 8) & 0xff}.${next & 0xff}`;
  };
}

/** Listens on every port of the first free address. */
export async function listen(
  addresses: Addresses,
  ports: Readonly<Record<number, RequestListener>>,
  wanted?: string,
): Promise<Listeners> {
  for (let tries = 0; ; tries += 1) {
    const ip = tries === 0 && wanted !== undefined ? wanted : addresses();
    const servers: http.Server[] = [];
    try {
      for (const [port, listener] of Object.entries(ports)) servers.push(await open(ip, Number(port), listener));
      return {
        ip,
        close: async (drainMs) => void (await Promise.all(servers.map((server) => close(server, drainMs)))),
      };
    } catch (thrown) {
      await Promise.all(servers.map((server) => close(server, 0)));
      if (tries >= 100 || (thrown as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw thrown;
    }
  }
}

function open(ip: string, port: number, listener: RequestListener): Promise<http.Server> {
  const server = http.createServer({ keepAliveTimeout: 120_000 }, listener);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, ip, 1_024, () => resolve(server));
  });
}

function close(server: http.Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), drainMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    if (drainMs === 0) server.closeAllConnections();
  });
}

/** Answers a scrape. */
export function serveMetrics(
  request: IncomingMessage,
  response: ServerResponse,
  metrics: IstioMetrics,
  isScrapable: boolean,
): void {
  const isMetrics = request.url === METRICS_PATH || request.url === '/metrics';
  const status = !isMetrics ? 404 : isScrapable ? 200 : 503;
  response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4' });
  response.end(status === 200 ? metrics.text() : '');
}
