/** VirtualServices as rules per host, for one gateway or one sidecar (Istio `route.go`, `virtualservice.go`). */
import { readDurationMs } from '../../api/units.ts';
import type { KubeObject } from '../../api/meta.ts';
import { fullHost, spellings } from './hosts.ts';
import { compileMatches } from './match.ts';
import type { Destination, GatewaySpec, HTTPRule, HeaderOperations, Headers, VirtualServiceSpec } from './objects.ts';
import { byAge, specOf } from './objects.ts';
import type { ForwardAction, Matched, ParsedRequest, Rule, Side, Target, VirtualHosts } from './rule.ts';
import { DEFAULT_RETRIES, DEFAULT_RETRY_ON } from './rule.ts';

/** Rules by host. At a gateway, VirtualServices of one host are merged, oldest first; at a sidecar the oldest alone counts. */
export function virtualServiceHosts(
  virtualServices: readonly KubeObject[],
  gateways: readonly KubeObject[],
  side: Side,
): VirtualHosts {
  const hosts = new Map<string, Rule[]>();
  for (const object of virtualServices.toSorted(byAge)) {
    const spec = specOf<VirtualServiceSpec>(object);
    const namespace = object.metadata.namespace ?? 'default';
    const names = namesOf(side, gateways, namespace).filter((name) => (spec.gateways ?? ['mesh']).includes(name));
    if (names.length === 0) continue;
    const rules = compileRules(object, virtualServices, gateways, side);
    for (const host of (spec.hosts ?? []).map((each) => fullHost(each, namespace))) {
      for (const spelling of side.kind === 'sidecar' ? spellings(host, side.namespace) : [host]) {
        if (side.kind === 'gateway' && !isServed(spelling, names, gateways, namespace)) continue;
        const earlier = hosts.get(spelling);
        if (earlier === undefined) hosts.set(spelling, [...rules]);
        else if (side.kind === 'gateway') earlier.push(...rules);
      }
    }
  }
  // Catch-alls go last, so that the first of two merged VirtualServices does not hide the second.
  for (const [host, rules] of hosts) {
    hosts.set(host, [...rules.filter((rule) => !rule.isCatchAll), ...rules.filter((rule) => rule.isCatchAll)]);
  }
  return hosts;
}

/** How a VirtualService of `namespace` may spell the gateways that this proxy is. */
function namesOf(side: Side, gateways: readonly KubeObject[], namespace: string): readonly string[] {
  if (side.kind === 'sidecar') return ['mesh'];
  const { gateway } = side;
  const all = gateway === 'all' ? gateways.map((each) => placeOf(each)) : [gateway];
  return all.flatMap((each) => [
    `${each.namespace}/${each.name}`,
    ...(each.namespace === namespace ? [each.name] : []),
  ]);
}

function placeOf({ metadata }: KubeObject): { readonly namespace: string; readonly name: string } {
  return { namespace: metadata.namespace ?? 'default', name: metadata.name };
}

/** A gateway serves the hosts that one of its servers names; the namespace part of `ns/host` is not looked at. */
function isServed(host: string, names: readonly string[], gateways: readonly KubeObject[], namespace: string): boolean {
  const bound = gateways.filter((gateway) => {
    const place = placeOf(gateway);
    const isLocal = place.namespace === namespace && names.includes(place.name);
    return isLocal || names.includes(`${place.namespace}/${place.name}`);
  });
  return bound
    .flatMap((gateway) => specOf<GatewaySpec>(gateway).servers ?? [])
    .flatMap((server) => server.hosts ?? [])
    .some((each) => {
      const pattern = each.slice(each.indexOf('/') + 1);
      return pattern === '*' || pattern === host || (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)));
    });
}

function compileRules(
  object: KubeObject,
  all: readonly KubeObject[],
  gateways: readonly KubeObject[],
  side: Side,
): readonly Rule[] {
  const namespace = object.metadata.namespace ?? 'default';
  const rules: Rule[] = [];
  for (const [index, rule] of (specOf<VirtualServiceSpec>(object).http ?? []).entries()) {
    const match = compileMatches(rule.match, side, namesOf(side, gateways, namespace));
    if (match === undefined) continue;
    const name = `${namespace}/${object.metadata.name}/${rule.name ?? index}`;
    if (rule.delegate !== undefined) {
      rules.push(...delegated(rule, match, all, gateways, namespace, side));
    } else {
      rules.push({ name, matches: match.predicate, isCatchAll: match.isCatchAll, action: actionOf(rule, namespace) });
    }
    if (match.isCatchAll) break;
  }
  return rules;
}

/** The rules of the delegate VirtualService (one without hosts), each under the condition of the rule that delegates. */
function delegated(
  rule: HTTPRule,
  match: NonNullable<ReturnType<typeof compileMatches>>,
  all: readonly KubeObject[],
  gateways: readonly KubeObject[],
  namespace: string,
  side: Side,
): readonly Rule[] {
  const home = rule.delegate?.namespace ?? namespace;
  const child = all.find(
    ({ metadata }) => metadata.name === rule.delegate?.name && (metadata.namespace ?? 'default') === home,
  );
  if (child === undefined || (specOf<VirtualServiceSpec>(child).hosts ?? []).length > 0) return [];
  return compileRules(child, [], gateways, side).map((inner) => ({
    ...inner,
    isCatchAll: match.isCatchAll && inner.isCatchAll,
    matches: (request): Matched | undefined => {
      const outer = match.predicate(request);
      const matched = outer && inner.matches(request);
      return matched && { prefix: matched.prefix === '/' ? outer.prefix : matched.prefix };
    },
  }));
}

function actionOf(rule: HTTPRule, namespace: string): Rule['action'] {
  const { redirect, directResponse } = rule;
  if (redirect !== undefined) {
    return {
      kind: 'redirect',
      status: redirect.redirectCode ?? 301,
      location: (request) => {
        const port = redirect.port === undefined ? '' : `:${redirect.port}`;
        const host = `${redirect.authority ?? request.authority}${redirect.authority === undefined ? '' : port}`;
        return `${redirect.scheme ?? 'http'}://${host}${redirect.uri ?? request.path}`;
      },
    };
  }
  if (directResponse !== undefined) {
    return { kind: 'respond', status: directResponse.status, body: directResponse.body?.string ?? '' };
  }
  return forwardOf(rule, namespace);
}

function forwardOf(rule: HTTPRule, namespace: string): ForwardAction {
  const route = rule.route ?? [];
  const targets = route.map((each) =>
    targetOf(each.destination, namespace, route.length === 1 ? 1 : (each.weight ?? 0), [each.headers, rule.headers]),
  );
  const mirrors = [
    ...(rule.mirror === undefined ? [] : [{ destination: rule.mirror, percentage: rule.mirrorPercentage }]),
    ...(rule.mirrors ?? []),
  ];
  return {
    kind: 'forward',
    targets,
    missingStatus: 503,
    rewrite: {
      authority: rule.rewrite?.authority,
      path: rule.rewrite?.uri === undefined ? undefined : rewritePath(rule.rewrite.uri),
    },
    timeoutMs: positive(readDurationMs(rule.timeout)),
    retries: retriesOf(rule),
    delay: rule.fault?.delay && {
      fraction: (rule.fault.delay.percentage?.value ?? 0) / 100,
      ms: readDurationMs(rule.fault.delay.fixedDelay) ?? 0,
    },
    abort: rule.fault?.abort && {
      fraction: (rule.fault.abort.percentage?.value ?? 0) / 100,
      status: rule.fault.abort.httpStatus ?? 503,
    },
    mirrors: mirrors.map(({ destination, percentage }) => ({
      target: targetOf(destination, namespace, 1, []),
      fraction: (percentage?.value ?? 100) / 100,
    })),
  };
}

/** A prefix match replaces the prefix and keeps the rest (`/oldish` becomes `/newish`); any other match replaces the path. */
function rewritePath(uri: string): (request: ParsedRequest, matched: Matched) => string {
  return (request, matched) =>
    matched.prefix === undefined
      ? `${uri}${request.path.slice(request.pathname.length)}`
      : `${uri}${request.path.slice(matched.prefix === '/' ? 1 : matched.prefix.length)}`;
}

function targetOf(
  destination: Destination,
  namespace: string,
  weight: number,
  headers: readonly (Headers | undefined)[],
): Target {
  return {
    host: fullHost(destination.host, namespace),
    subset: destination.subset,
    port: destination.port?.number,
    weight,
    requestHeaders: operations(headers.map((each) => each?.request)),
    responseHeaders: operations(headers.map((each) => each?.response)),
  };
}

function operations(all: readonly (HeaderOperations | undefined)[]): readonly HeaderOperations[] {
  return all.filter((each) => each !== undefined);
}

function retriesOf({ retries }: HTTPRule): ForwardAction['retries'] {
  if (retries === undefined) return DEFAULT_RETRIES;
  return {
    attempts: retries.attempts ?? 2,
    retryOn: new Set((retries.retryOn || DEFAULT_RETRY_ON).split(',').map((each) => each.trim())),
    perTryTimeoutMs: positive(readDurationMs(retries.perTryTimeout)),
  };
}

function positive(ms: number | undefined): number | undefined {
  return ms === undefined || ms <= 0 ? undefined : ms;
}
