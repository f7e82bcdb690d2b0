/** What both dialects (VirtualService, HTTPRoute) compile to: an ordered list of rules per host. */
import type { HeaderOperations } from './objects.ts';

/** Who routes: a gateway (serving one Gateway object, or all of them when none is named), or the sidecar of a pod. */
export type Side =
  | {
      readonly kind: 'gateway';
      readonly gateway: { readonly namespace: string; readonly name: string } | 'all';
      readonly namespace: string;
      readonly port: number;
    }
  | { readonly kind: 'sidecar'; readonly namespace: string; readonly labels: Readonly<Record<string, string>> };

export interface MeshRequest {
  readonly method: string;
  /** The `Host` header. */
  readonly authority: string;
  /** With the query string. */
  readonly path: string;
  /** Lower-case names; repeated headers joined (cookies by `; `, others by `,`). */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** Address of the caller, for hashing by source. */
  readonly sourceIp?: string;
}

/** A request with its parts taken apart once. */
export interface ParsedRequest extends MeshRequest {
  readonly pathname: string;
  readonly query: URLSearchParams;
}

/** A match, and how much of the path it is that a prefix rewrite replaces. */
export interface Matched {
  readonly prefix: string | undefined;
}

export type Predicate = (request: ParsedRequest) => Matched | undefined;

export interface Target {
  /** Fully qualified host of the Service. */
  readonly host: string;
  readonly subset: string | undefined;
  readonly port: number | undefined;
  readonly weight: number;
  readonly requestHeaders: readonly HeaderOperations[];
  readonly responseHeaders: readonly HeaderOperations[];
}

export interface RetryPolicy {
  readonly attempts: number;
  readonly retryOn: ReadonlySet<string>;
  readonly perTryTimeoutMs: number | undefined;
}

type Rewrite = {
  readonly authority: string | undefined;
  readonly path: ((request: ParsedRequest, matched: Matched) => string) | undefined;
};

export interface ForwardAction {
  readonly kind: 'forward';
  readonly targets: readonly Target[];
  /** Answer when no target has weight, or a target's Service does not exist: 503 in Istio, 500 in Gateway API. */
  readonly missingStatus: number;
  readonly rewrite: Rewrite;
  readonly timeoutMs: number | undefined;
  readonly retries: RetryPolicy;
  readonly delay: { readonly fraction: number; readonly ms: number } | undefined;
  readonly abort: { readonly fraction: number; readonly status: number } | undefined;
  readonly mirrors: readonly { readonly target: Target; readonly fraction: number }[];
}

interface RespondAction {
  readonly kind: 'respond';
  readonly status: number;
  readonly body: string;
}

interface RedirectAction {
  readonly kind: 'redirect';
  readonly status: number;
  location(request: ParsedRequest, matched: Matched): string;
}

export interface Rule {
  readonly name: string;
  readonly matches: Predicate;
  readonly isCatchAll: boolean;
  readonly action: ForwardAction | RespondAction | RedirectAction;
}

/** Rules by host name; hosts may be exact, `*.suffix` or `*`. */
export type VirtualHosts = ReadonlyMap<string, readonly Rule[]>;

export const DEFAULT_RETRY_ON = 'connect-failure,refused-stream,unavailable,cancelled';
/** Istio's default since 1.24: two more tries, but not after a 503 that an upstream answered (it may have acted). */
export const DEFAULT_RETRIES: RetryPolicy = {
  attempts: 2,
  retryOn: new Set(DEFAULT_RETRY_ON.split(',')),
  perTryTimeoutMs: undefined,
};

export const ANYTHING: Predicate = () => ({ prefix: '/' });

/** Envoy's order: the exact host, then the longest wildcard suffix, then `*`. */
export function findHost(hosts: VirtualHosts, authority: string): readonly Rule[] | undefined {
  const name = authority.toLowerCase().replace(/:\d+$/, '');
  const exact = hosts.get(name);
  if (exact !== undefined) return exact;
  let from = name.indexOf('.');
  while (from !== -1) {
    const wildcard = hosts.get(`*${name.slice(from)}`);
    if (wildcard !== undefined) return wildcard;
    from = name.indexOf('.', from + 1);
  }
  return hosts.get('*');
}
