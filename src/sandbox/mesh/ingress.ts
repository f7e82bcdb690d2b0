/** The ingress gateway of the sandbox: one listener for the traffic of all Gateways, one for its own metrics. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveMetrics } from '../kubelet/listeners.ts';
import { startGateway } from './gateway.ts';
import { INGRESS_GATEWAY } from './identity.ts';
import { createIstioMetrics } from './istio-metrics.ts';
import type { Mesh } from './mesh.ts';
import { createProxy } from './proxy.ts';
import type { Side } from './rule.ts';

export interface Ingress {
  readonly url: string;
  /** `host:port` of its metrics. */
  readonly metricsAddress: string;
  close(): Promise<void>;
}

export interface IngressOptions {
  readonly mesh: Mesh;
  readonly random: () => number;
  readonly isScrapable: () => boolean;
}

export async function startIngress({ mesh, random, isScrapable }: IngressOptions): Promise<Ingress> {
  const metrics = createIstioMetrics();
  const side: Side = { kind: 'gateway', gateway: 'all', namespace: INGRESS_GATEWAY.namespace, port: 80 };
  const proxy = createProxy({
    identity: INGRESS_GATEWAY,
    metrics,
    random,
    routes: () => mesh.routesFor(side),
    identityAt: (ip) => mesh.identityAt(ip),
  });
  const gateway = await startGateway(proxy);
  const scraped = http.createServer((request, response) => serveMetrics(request, response, metrics, isScrapable()));
  await new Promise<void>((resolve) => {
    scraped.listen(0, '127.0.0.1', resolve);
  });
  const { port } = scraped.address() as AddressInfo; // a TCP server that listens has one
  return {
    url: gateway.url,
    metricsAddress: `127.0.0.1:${port}`,
    close: async () => {
      await gateway.close();
      proxy.close();
      scraped.close();
      scraped.closeAllConnections();
    },
  };
}
