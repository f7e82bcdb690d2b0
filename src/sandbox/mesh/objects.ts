/**
 * The fields of Istio, Gateway API and core objects that routing reads, and nothing else. Objects were validated by the
 * API server (or not: the sandbox installs permissive definitions), so every field is optional here.
 */
import type { KubeObject } from '../../api/meta.ts';

/** Istio `StringMatch`; all absent means "present with any value". */
export interface StringMatch {
  readonly exact?: string;
  readonly prefix?: string;
  readonly regex?: string;
}

export interface HeaderOperations {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

export interface Headers {
  readonly request?: HeaderOperations;
  readonly response?: HeaderOperations;
}

export interface Destination {
  readonly host: string;
  readonly subset?: string;
  readonly port?: { readonly number?: number };
}

export interface HTTPMatchRequest {
  readonly uri?: StringMatch;
  readonly scheme?: StringMatch;
  readonly method?: StringMatch;
  readonly authority?: StringMatch;
  readonly headers?: Readonly<Record<string, StringMatch>>;
  readonly withoutHeaders?: Readonly<Record<string, StringMatch>>;
  readonly queryParams?: Readonly<Record<string, StringMatch>>;
  readonly ignoreUriCase?: boolean;
  readonly port?: number;
  readonly sourceLabels?: Readonly<Record<string, string>>;
  readonly sourceNamespace?: string;
  readonly gateways?: readonly string[];
}

interface Percent {
  readonly value?: number;
}

export interface HTTPRule {
  readonly name?: string;
  readonly match?: readonly HTTPMatchRequest[];
  readonly route?: readonly {
    readonly destination: Destination;
    readonly weight?: number;
    readonly headers?: Headers;
  }[];
  readonly redirect?: {
    readonly uri?: string;
    readonly authority?: string;
    readonly scheme?: string;
    readonly port?: number;
    readonly redirectCode?: number;
  };
  readonly directResponse?: { readonly status: number; readonly body?: { readonly string?: string } };
  readonly delegate?: { readonly name: string; readonly namespace?: string };
  readonly rewrite?: { readonly uri?: string; readonly authority?: string };
  readonly timeout?: string;
  readonly retries?: { readonly attempts?: number; readonly perTryTimeout?: string; readonly retryOn?: string };
  readonly fault?: {
    readonly delay?: { readonly percentage?: Percent; readonly fixedDelay?: string };
    readonly abort?: { readonly percentage?: Percent; readonly httpStatus?: number };
  };
  readonly mirror?: Destination;
  readonly mirrorPercentage?: Percent;
  readonly mirrors?: readonly { readonly destination: Destination; readonly percentage?: Percent }[];
  readonly headers?: Headers;
}

export interface VirtualServiceSpec {
  readonly hosts?: readonly string[];
  readonly gateways?: readonly string[];
  readonly http?: readonly HTTPRule[];
}

export interface TrafficPolicy {
  readonly loadBalancer?: {
    readonly simple?: string;
    readonly consistentHash?: {
      readonly httpHeaderName?: string;
      readonly httpCookie?: { readonly name: string; readonly path?: string; readonly ttl?: string };
      readonly httpQueryParameterName?: string;
      readonly useSourceIp?: boolean;
    };
  };
}

export interface DestinationRuleSpec {
  readonly host?: string;
  readonly trafficPolicy?: TrafficPolicy;
  readonly subsets?: readonly {
    readonly name: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly trafficPolicy?: TrafficPolicy;
  }[];
}

export interface GatewaySpec {
  readonly servers?: readonly { readonly hosts?: readonly string[] }[];
}

export interface ServiceSpec {
  readonly selector?: Readonly<Record<string, string>>;
  readonly clusterIP?: string;
  readonly ports?: readonly {
    readonly name?: string;
    readonly port: number;
    readonly targetPort?: number | string;
  }[];
}

/** A ready pod as routing sees it. */
export interface Endpoint {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Container ports by name, for named target ports. */
  readonly ports: Readonly<Record<string, number>>;
}

export interface MeshObjects {
  readonly virtualServices: readonly KubeObject[];
  readonly destinationRules: readonly KubeObject[];
  readonly gateways: readonly KubeObject[];
  readonly httpRoutes: readonly KubeObject[];
  readonly services: readonly KubeObject[];
  readonly endpoints: readonly Endpoint[];
}

/** The spec of an object, trusted to have the shape that its kind says (every field of which may be absent). */
export function specOf<T>(object: KubeObject): T {
  return (object['spec'] ?? {}) as T;
}

/** Oldest first, then by namespace and name, as Istio sorts its configuration. */
export function byAge(left: KubeObject, right: KubeObject): number {
  const key = (object: KubeObject): string =>
    `${object.metadata.creationTimestamp ?? ''} ${object.metadata.namespace ?? ''} ${object.metadata.name}`;
  return key(left) < key(right) ? -1 : key(left) > key(right) ? 1 : 0;
}

export function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}
