/** Discovery: which groups, versions and resources there are, in the old form and in the aggregated one that kubectl asks for. */
import type { JsonObject } from '../json.ts';
import type { Registry } from '../kinds/registry.ts';
import type { Resource } from '../kinds/resource.ts';

const AGGREGATED = /application\/json;g=apidiscovery\.k8s\.io;v=v2;as=APIGroupDiscoveryList/;

export const AGGREGATED_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export const wantsAggregated = (accept: string | undefined): boolean => AGGREGATED.test(accept ?? '');

interface Group {
  readonly name: string;
  readonly versions: readonly { readonly version: string; readonly resources: readonly Resource[] }[];
}

const AUTHORIZATION = 'authorization.k8s.io';
const REVIEWS = ['SelfSubjectAccessReview', 'SelfSubjectRulesReview', 'SubjectAccessReview'] as const;

export function groupsOf(registry: Registry): Group[] {
  const groups = new Map<string, Map<string, Resource[]>>();
  for (const resource of registry.all()) {
    const versions = groups.get(resource.group) ?? new Map<string, Resource[]>();
    versions.set(resource.version, [...(versions.get(resource.version) ?? []), resource]);
    groups.set(resource.group, versions);
  }
  const found = [...groups].map(([name, versions]) => ({
    name,
    versions: [...versions]
      .map(([version, resources]) => ({ version, resources }))
      .sort((a, b) => versionRank(b.version) - versionRank(a.version)),
  }));
  return [...found, { name: AUTHORIZATION, versions: [{ version: 'v1', resources: [] }] }];
}

/** GA before beta before alpha, higher numbers first. */
function versionRank(version: string): number {
  const match = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version);
  if (match === null) return -1;
  const stage = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0;
  return stage * 1_000_000 + Number(match[1]) * 1000 + Number(match[3] ?? 0);
}

const groupVersion = (group: string, version: string): string => (group === '' ? version : `${group}/${version}`);

export const coreVersions = (host: string): JsonObject => ({
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: host }],
});

export function groupList(registry: Registry): JsonObject {
  const groups = groupsOf(registry).filter(({ name }) => name !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupBody) };
}

export function oneGroup(registry: Registry, name: string): JsonObject | undefined {
  const group = groupsOf(registry).find((candidate) => candidate.name === name && name !== '');
  return group === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupBody(group) };
}

function groupBody({ name, versions }: Group): JsonObject {
  const list = versions.map(({ version }) => ({ groupVersion: groupVersion(name, version), version }));
  const [preferred] = list;
  return { name, versions: list, ...(preferred === undefined ? {} : { preferredVersion: preferred }) };
}

export function resourceList(registry: Registry, group: string, version: string): JsonObject | undefined {
  const found = groupsOf(registry)
    .find((candidate) => candidate.name === group)
    ?.versions.find((candidate) => candidate.version === version);
  if (found === undefined) return undefined;
  const resources =
    group === AUTHORIZATION ? REVIEWS.map(reviewEntry) : found.resources.flatMap((resource) => entriesOf(resource));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: groupVersion(group, version), resources };
}

const reviewEntry = (kind: string): JsonObject => ({
  name: `${kind.toLowerCase()}s`,
  singularName: kind.toLowerCase(),
  namespaced: false,
  kind,
  verbs: ['create'],
});

function entriesOf(resource: Resource): JsonObject[] {
  const { plural, singular, namespaced, kind, verbs, shortNames, categories } = resource;
  const entries: JsonObject[] = [
    {
      name: plural,
      singularName: singular,
      namespaced,
      kind,
      verbs: [...verbs],
      ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
      ...(categories.length === 0 ? {} : { categories: [...categories] }),
    },
  ];
  for (const { name, response } of subresourcesOf(resource)) {
    entries.push({
      name: `${plural}/${name}`,
      singularName: '',
      namespaced,
      ...(response === undefined ? {} : { group: response.group, version: response.version }),
      kind: response?.kind ?? kind,
      verbs: ['get', 'patch', 'update'],
    });
  }
  return entries;
}

interface SubresourceEntry {
  readonly name: string;
  readonly response: { readonly group: string; readonly version: string; readonly kind: string } | undefined;
}

function subresourcesOf(resource: Resource): SubresourceEntry[] {
  const entries: SubresourceEntry[] = [];
  if (resource.scale !== undefined) {
    entries.push({ name: 'scale', response: { group: 'autoscaling', version: 'v1', kind: 'Scale' } });
  }
  if (resource.hasStatus) entries.push({ name: 'status', response: undefined });
  return resource.custom ? entries.reverse() : entries;
}

/** `core` chooses between what `/api` and what `/apis` answer. */
export function aggregated(registry: Registry, core: boolean): JsonObject {
  const groups = groupsOf(registry).filter(({ name }) => (name === '') === core);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: { ...(name === '' ? {} : { name }), creationTimestamp: null },
      versions: versions.map(({ version, resources }) => ({
        version,
        resources: name === AUTHORIZATION ? REVIEWS.map(reviewItem) : resources.map(aggregatedResource),
        freshness: 'Current',
      })),
    })),
  };
}

const reviewItem = (kind: string): JsonObject => ({
  resource: `${kind.toLowerCase()}s`,
  responseKind: { group: '', version: '', kind },
  scope: 'Cluster',
  singularResource: kind.toLowerCase(),
  verbs: ['create'],
});

function aggregatedResource(resource: Resource): JsonObject {
  const { group, version, plural, singular, namespaced, kind, verbs, shortNames, categories } = resource;
  const subresources = subresourcesOf(resource).map(({ name, response }) => ({
    subresource: name,
    responseKind: response === undefined ? { group, version, kind } : { ...response },
    verbs: ['get', 'patch', 'update'],
  }));
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: [...verbs],
    ...(shortNames.length === 0 ? {} : { shortNames: [...shortNames] }),
    ...(categories.length === 0 ? {} : { categories: [...categories] }),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}
