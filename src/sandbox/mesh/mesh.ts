/** The mesh of one cluster: watches the objects that route, and gives every proxy its newest routes. */
import { TYPES } from '../../api/meta.ts';
import type { Clock } from '../../clock.ts';
import type { KubeReader } from '../../kube/port.ts';
import { startInformer } from '../informer.ts';
import { endpointOf, identityPod, ipOf } from '../pod.ts';
import { SANDBOX_TYPES } from '../types.ts';
import { serviceHost } from './hosts.ts';
import { type Identity, identityOf, INGRESS_GATEWAY, peerName } from './identity.ts';
import { byAge, type MeshObjects, selects, type ServiceSpec, specOf } from './objects.ts';
import { compileRoutes, type Routes } from './route.ts';
import type { Side } from './rule.ts';

export interface Mesh {
  readonly synced: Promise<void>;
  /** Routes as of now; kept per `side` object until one of the cluster's objects changes. */
  routesFor(side: Side): Routes;
  identityAt(ip: string): Identity | undefined;
  /** Identity of a proxy by `namespace/pod`. */
  identityNamed(key: string): Identity | undefined;
  /** Host of the oldest Service that selects these labels, `unknown` where none does. */
  hostOf(namespace: string, labels: Readonly<Record<string, string>>): string;
}

export interface MeshOptions {
  readonly kube: KubeReader;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onTrouble?: (sentence: string) => void;
}

export function startMesh({ kube, clock, signal, onTrouble }: MeshOptions): Mesh {
  let objects: MeshObjects | undefined;
  let routes = new WeakMap<Side, Routes>();
  const identities = new Map<string, Identity>();
  const names = new Map([[peerName(INGRESS_GATEWAY), INGRESS_GATEWAY]]);
  const hosts = new Map<string, string>();

  const forget = (): void => {
    objects = undefined;
    routes = new WeakMap();
    hosts.clear();
  };
  const basic = { kube, clock, signal, onTrouble, onChange: forget };
  const services = startInformer({ ...basic, type: TYPES.service });
  const optional = { ...basic, isOptional: true };
  const virtualServices = startInformer({ ...optional, type: TYPES.virtualService });
  const destinationRules = startInformer({ ...optional, type: TYPES.destinationRule });
  const gateways = startInformer({ ...optional, type: SANDBOX_TYPES.gateway });
  const httpRoutes = startInformer({ ...optional, type: SANDBOX_TYPES.httpRoute });
  const pods = startInformer({
    ...basic,
    type: TYPES.pod,
    onChange: (change, pod) => {
      forget();
      const identity = identityOf(identityPod(pod));
      const ip = ipOf(pod);
      if (change === 'changed') names.set(peerName(identity), identity);
      if (change === 'changed' && ip !== undefined) identities.set(ip, identity);
      // A pod that went stays known by name and address for a while: its last requests are still under way.
      if (change === 'deleted') {
        setTimeout(() => {
          names.delete(peerName(identity));
          if (ip !== undefined && identities.get(ip)?.pod === identity.pod) identities.delete(ip);
        }, 60_000).unref();
      }
    },
  });

  const current = (): MeshObjects => {
    objects ??= {
      virtualServices: virtualServices.list(),
      destinationRules: destinationRules.list(),
      gateways: gateways.list(),
      httpRoutes: httpRoutes.list(),
      services: services.list(),
      endpoints: pods.list().flatMap((pod) => endpointOf(pod) ?? []),
    };
    return objects;
  };
  const all = [services, virtualServices, destinationRules, gateways, httpRoutes, pods];
  return {
    synced: Promise.all(all.map((each) => each.synced)).then(() => undefined),
    routesFor: (side) => {
      let found = routes.get(side);
      if (found === undefined) {
        found = compileRoutes(current(), side);
        routes.set(side, found);
      }
      return found;
    },
    identityAt: (ip) => identities.get(ip),
    identityNamed: (key) => names.get(key),
    hostOf: (namespace, labels) => {
      const key = JSON.stringify([namespace, labels]);
      const known = hosts.get(key);
      if (known !== undefined) return known;
      const service = services
        .list()
        .filter(({ metadata }) => (metadata.namespace ?? 'default') === namespace)
        .filter((each) => {
          const { selector = {} } = specOf<ServiceSpec>(each);
          return Object.keys(selector).length > 0 && selects(selector, labels);
        })
        .toSorted(byAge)[0];
      const host = service === undefined ? 'unknown' : serviceHost(service.metadata.name, namespace);
      hosts.set(key, host);
      return host;
    },
  };
}
