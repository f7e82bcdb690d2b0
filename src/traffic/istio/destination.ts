/**
 * Which arm an Istio destination leads to: the Service's selector and the subset's labels, held against the arms' pod labels.
 * Istio completes a host only when it has no dot (`ResolveShortnameToFQDN`); `web.shop` is therefore no Service.
 */
import { labelsAt, listAt, stringAt } from '../../api/fields.ts';
import type { KubeObject } from '../../api/meta.ts';
import { hasLabels } from '../../workloads/selectors.ts';

type Labels = Readonly<Record<string, string>>;

export interface Destination {
  readonly host: string;
  readonly subset?: string;
}

export type Role = 'stable' | 'canary' | 'both' | 'other' | 'unknownSubset';

/** What is needed to follow a destination to pods. All objects are of the Release's namespace. */
export interface Mesh {
  readonly namespace: string;
  readonly services: readonly KubeObject[];
  readonly destinationRules: readonly KubeObject[];
  readonly stable: Labels;
  readonly canary: Labels | undefined;
  /** For giving back: what a destination led to, where it leads to neither arm any more, or its subset is not seen. */
  readonly remembered?: readonly Remembered[];
}

export interface Remembered {
  readonly destination: Destination;
  readonly role: 'stable' | 'canary';
}

/** `web`, `web.shop.svc.cluster.local` → `web.shop.svc`; anything else is left as it is (a ServiceEntry, another mesh). */
export function canonicalHost(host: string, namespace: string): string {
  if (!host.includes('.')) return `${host}.${namespace}.svc`;
  const [service, inNamespace, svc, ...domain] = host.split('.');
  return svc === 'svc' && domain.length > 0 ? `${service}.${inNamespace}.svc` : host;
}

export function roleOf(destination: Destination, mesh: Mesh): Role {
  const role = presentRole(destination, mesh);
  if (role === 'stable' || role === 'canary') return role;
  return mesh.remembered?.find((each) => isSame(each.destination, destination))?.role ?? role;
}

export const isSame = (one: Destination, other: Destination): boolean =>
  one.host === other.host && one.subset === other.subset;

function presentRole(destination: Destination, mesh: Mesh): Role {
  const labels = subsetLabels(destination, mesh);
  if (labels === undefined) return leadsToEither(destination, mesh) ? 'unknownSubset' : 'other';
  const selector = selectorOf(destination, mesh);
  const reaches = (pods: Labels | undefined): boolean =>
    pods !== undefined && selector !== undefined && hasLabels(pods, selector) && hasLabels(pods, labels);
  const isStable = reaches(mesh.stable);
  const isCanary = reaches(mesh.canary);
  if (isStable && isCanary) return 'both';
  if (isStable) return 'stable';
  return isCanary ? 'canary' : 'other';
}

/** True when the Service alone, without its subset, selects pods of an arm. */
function leadsToEither(destination: Destination, mesh: Mesh): boolean {
  const selector = selectorOf(destination, mesh);
  return (
    selector !== undefined &&
    (hasLabels(mesh.stable, selector) || (mesh.canary !== undefined && hasLabels(mesh.canary, selector)))
  );
}

/**
 * A destination for an arm, found beside one that exists: first another subset of the same host, then, where the existing
 * one names no subset, a Service that selects only this arm's pods.
 */
export function destinationOf(arm: 'stable' | 'canary', beside: Destination, mesh: Mesh): Destination | undefined {
  const subsets = rulesFor(beside.host, mesh)
    .flatMap((rule) => listAt(rule, 'spec', 'subsets'))
    .flatMap((subset) => stringAt(subset, 'name') ?? []);
  const candidates: readonly Destination[] = [
    ...subsets.map((subset) => ({ host: beside.host, subset })),
    ...mesh.services.map((service) => ({ host: hostLike(beside.host, service.metadata.name) })),
    ...(mesh.remembered ?? []).map(({ destination }) => destination).filter(({ host }) => host === beside.host),
  ];
  return candidates.find((candidate) => roleOf(candidate, mesh) === arm);
}

/** Another Service's host in the same spelling, short or fully qualified. */
function hostLike(host: string, service: string): string {
  const [, ...domain] = host.split('.');
  return [service, ...domain].join('.');
}

/** `subset "v2" of "web"` or `host "web-canary"`, for messages. */
export function describeDestination({ host, subset }: Destination): string {
  return subset === undefined ? `host "${host}"` : `subset "${subset}" of "${host}"`;
}

function rulesFor(host: string, mesh: Mesh): readonly KubeObject[] {
  const wanted = canonicalHost(host, mesh.namespace);
  return mesh.destinationRules.filter(
    (rule) => canonicalHost(stringAt(rule, 'spec', 'host') ?? '', mesh.namespace) === wanted,
  );
}

/** No subset: no further labels are asked for. `undefined`: no DestinationRule defines the subset. */
function subsetLabels({ host, subset }: Destination, mesh: Mesh): Labels | undefined {
  if (subset === undefined) return {};
  const found = rulesFor(host, mesh)
    .flatMap((rule) => listAt(rule, 'spec', 'subsets'))
    .find((candidate) => stringAt(candidate, 'name') === subset);
  return found === undefined ? undefined : labelsAt(found, 'labels');
}

/** Some DestinationRule that is there defines its subset, or it has none. */
export const isDefined = (destination: Destination, mesh: Mesh): boolean =>
  subsetLabels(destination, mesh) !== undefined;

/** `undefined` when the host is no Service of this namespace, or one without a selector. */
export function selectorOf({ host }: Destination, mesh: Pick<Mesh, 'namespace' | 'services'>): Labels | undefined {
  const wanted = canonicalHost(host, mesh.namespace);
  const service = mesh.services.find((one) => canonicalHost(one.metadata.name, mesh.namespace) === wanted);
  const selector = labelsAt(service, 'spec', 'selector');
  return Object.keys(selector).length === 0 ? undefined : selector;
}
