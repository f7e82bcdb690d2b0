/** Gateway API HTTPRoutes as rules per host, most specific match first (GEP-718 precedence, `HTTPRouteRule` docs). */
import type { KubeObject } from '../../api/meta.ts';
import { readDurationMs } from '../../api/units.ts';
import { serviceHost } from './hosts.ts';
import { wholeRegex } from './match.ts';
import { byAge, type HeaderOperations, specOf } from './objects.ts';
import { ANYTHING, DEFAULT_RETRIES, type ForwardAction, type Matched, type ParsedRequest } from './rule.ts';
import type { Predicate, Rule, Side, Target, VirtualHosts } from './rule.ts';

interface NamedValue {
  readonly type?: string;
  readonly name: string;
  readonly value: string;
}

interface RouteMatch {
  readonly path?: { readonly type?: string; readonly value?: string };
  readonly method?: string;
  readonly headers?: readonly NamedValue[];
  readonly queryParams?: readonly NamedValue[];
}

interface BackendRef {
  readonly name: string;
  readonly namespace?: string;
  readonly port?: number;
}

interface HeaderFilter {
  readonly set?: readonly NamedValue[];
  readonly add?: readonly NamedValue[];
  readonly remove?: readonly string[];
}

interface Filter {
  readonly type: string;
  readonly requestHeaderModifier?: HeaderFilter;
  readonly responseHeaderModifier?: HeaderFilter;
  readonly requestMirror?: {
    readonly backendRef: BackendRef;
    readonly percent?: number;
    readonly fraction?: { readonly numerator: number; readonly denominator?: number };
  };
  readonly requestRedirect?: {
    readonly scheme?: string;
    readonly hostname?: string;
    readonly path?: PathModifier;
    readonly statusCode?: number;
  };
  readonly urlRewrite?: { readonly hostname?: string; readonly path?: PathModifier };
}

interface PathModifier {
  readonly type: string;
  readonly replaceFullPath?: string;
  readonly replacePrefixMatch?: string;
}

interface RouteRule {
  readonly name?: string;
  readonly matches?: readonly RouteMatch[];
  readonly filters?: readonly Filter[];
  readonly backendRefs?: readonly (BackendRef & { readonly weight?: number; readonly filters?: readonly Filter[] })[];
  readonly timeouts?: { readonly request?: string; readonly backendRequest?: string };
}

interface HTTPRouteSpec {
  readonly parentRefs?: readonly { readonly name: string; readonly namespace?: string; readonly kind?: string }[];
  readonly hostnames?: readonly string[];
  readonly rules?: readonly RouteRule[];
}

/** Rules by host of the HTTPRoutes attached to this gateway; sidecars are not addressed by HTTPRoutes here. */
export function httpRouteHosts(routes: readonly KubeObject[], side: Side): VirtualHosts {
  const hosts = new Map<string, { readonly rule: Rule; readonly rank: readonly number[] }[]>();
  if (side.kind !== 'gateway') return new Map();
  for (const object of routes.toSorted(byAge)) {
    const spec = specOf<HTTPRouteSpec>(object);
    const namespace = object.metadata.namespace ?? 'default';
    const isAttached = (spec.parentRefs ?? []).some(
      (parent) =>
        (parent.kind ?? 'Gateway') === 'Gateway' &&
        (side.gateway === 'all' ||
          (parent.name === side.gateway.name && (parent.namespace ?? namespace) === side.gateway.namespace)),
    );
    if (!isAttached) continue;
    for (const host of spec.hostnames ?? ['*']) {
      const ranked = hosts.get(host) ?? [];
      hosts.set(host, ranked);
      for (const [index, rule] of (spec.rules ?? []).entries()) {
        const name = `${namespace}/${object.metadata.name}/${rule.name ?? index}`;
        const action = actionOf(rule, namespace);
        for (const match of rule.matches ?? [{}]) {
          const { predicate, rank } = compileMatch(match);
          ranked.push({ rule: { name, matches: predicate, isCatchAll: false, action }, rank });
        }
      }
    }
  }
  return new Map(
    [...hosts].map(([host, ranked]) => [
      host,
      ranked.toSorted((a, b) => compareRanks(a.rank, b.rank)).map((each) => each.rule),
    ]),
  );
}

/** Larger first, element by element; the sort is stable, so age and order decide ties. */
function compareRanks(left: readonly number[], right: readonly number[]): number {
  for (const [index, value] of left.entries()) {
    const other = right[index] ?? 0;
    if (value !== other) return other - value;
  }
  return 0;
}

function compileMatch(match: RouteMatch): { predicate: Predicate; rank: readonly number[] } {
  const path = match.path ?? {};
  const type = path.type ?? 'PathPrefix';
  const value = path.value ?? '/';
  const pathTest = pathPredicate(type, value);
  const headers = (match.headers ?? []).map((each) => ({
    ...each,
    name: each.name.toLowerCase(),
    test: valueTest(each),
  }));
  const params = (match.queryParams ?? []).map((each) => ({ ...each, test: valueTest(each) }));
  return {
    rank: [
      type === 'Exact' ? 1 : 0,
      type === 'PathPrefix' ? value.replace(/\/$/, '').length : type === 'RegularExpression' ? value.length : 0,
      match.method === undefined ? 0 : 1,
      headers.length,
      params.length,
    ],
    predicate: (request) => {
      if (match.method !== undefined && match.method !== request.method) return undefined;
      if (!headers.every(({ name, test }) => test(request.headers[name]))) return undefined;
      if (!params.every(({ name, test }) => test(request.query.get(name) ?? undefined))) return undefined;
      return pathTest(request);
    },
  };
}

function valueTest(match: NamedValue): (value: string | undefined) => boolean {
  if (match.type !== 'RegularExpression') return (value) => value === match.value;
  const whole = wholeRegex(match.value);
  return (value) => value !== undefined && whole?.test(value) === true;
}

function pathPredicate(type: string, value: string): Predicate {
  if (type === 'Exact') return ({ pathname }) => (pathname === value ? { prefix: undefined } : undefined);
  if (type === 'RegularExpression') {
    const whole = wholeRegex(value);
    return ({ pathname }) => (whole?.test(pathname) === true ? { prefix: undefined } : undefined);
  }
  const prefix = value.replace(/\/$/, '');
  if (prefix === '') return ANYTHING;
  return ({ pathname }) => (pathname === prefix || pathname.startsWith(`${prefix}/`) ? { prefix } : undefined);
}

function actionOf(rule: RouteRule, namespace: string): Rule['action'] {
  const filters = rule.filters ?? [];
  const redirect = filters.find((filter) => filter.requestRedirect !== undefined)?.requestRedirect;
  if (redirect !== undefined) {
    const path = redirect.path === undefined ? undefined : modifiedPath(redirect.path);
    return {
      kind: 'redirect',
      status: redirect.statusCode ?? 302,
      location: (request, matched) =>
        `${redirect.scheme ?? 'http'}://${redirect.hostname ?? request.authority}${path?.(request, matched) ?? request.path}`,
    };
  }
  return forwardOf(rule, filters, namespace);
}

function forwardOf(rule: RouteRule, filters: readonly Filter[], namespace: string): ForwardAction {
  const rewrite = filters.find((filter) => filter.urlRewrite !== undefined)?.urlRewrite;
  const timeoutMs = readDurationMs(rule.timeouts?.request) ?? readDurationMs(rule.timeouts?.backendRequest);
  return {
    kind: 'forward',
    targets: (rule.backendRefs ?? []).map((ref) =>
      targetOf(ref, namespace, ref.weight ?? 1, [...(ref.filters ?? []), ...filters]),
    ),
    missingStatus: 500,
    rewrite: {
      authority: rewrite?.hostname,
      path: rewrite?.path === undefined ? undefined : modifiedPath(rewrite.path),
    },
    timeoutMs: timeoutMs === undefined || timeoutMs <= 0 ? undefined : timeoutMs,
    retries: DEFAULT_RETRIES,
    delay: undefined,
    abort: undefined,
    mirrors: filters.flatMap(({ requestMirror: mirror }) => {
      if (mirror === undefined) return [];
      const { percent, fraction } = mirror;
      const share =
        fraction === undefined ? (percent ?? 100) / 100 : fraction.numerator / (fraction.denominator ?? 100);
      return [{ target: targetOf(mirror.backendRef, namespace, 1, []), fraction: share }];
    }),
  };
}

function targetOf(ref: BackendRef, namespace: string, weight: number, filters: readonly Filter[]): Target {
  return {
    host: serviceHost(ref.name, ref.namespace ?? namespace),
    subset: undefined,
    port: ref.port,
    weight,
    requestHeaders: filters.flatMap((filter) => headerOperations(filter.requestHeaderModifier)),
    responseHeaders: filters.flatMap((filter) => headerOperations(filter.responseHeaderModifier)),
  };
}

function headerOperations(filter: HeaderFilter | undefined): readonly HeaderOperations[] {
  if (filter === undefined) return [];
  const pairs = (values: readonly NamedValue[] = []): Record<string, string> =>
    Object.fromEntries(values.map(({ name, value }) => [name, value]));
  return [{ set: pairs(filter.set), add: pairs(filter.add), remove: filter.remove ?? [] }];
}

function modifiedPath(modifier: PathModifier): (request: ParsedRequest, matched: Matched) => string {
  const query = (request: ParsedRequest): string => request.path.slice(request.pathname.length);
  if (modifier.type === 'ReplaceFullPath') return (request) => `${modifier.replaceFullPath ?? '/'}${query(request)}`;
  const replacement = (modifier.replacePrefixMatch ?? '/').replace(/\/$/, '');
  return (request, matched) => {
    const rest = request.pathname.slice((matched.prefix ?? '').replace(/\/$/, '').length);
    return `${`${replacement}${rest}` || '/'}${query(request)}`;
  };
}
