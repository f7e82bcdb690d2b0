/** The built-in kinds that the sandbox serves. Long because it is one table, a few lines for each kind. */
import type { StoredObject } from '../object.ts';
import { decodeProblem } from '../schema/decode-check.ts';
import type { Definitions } from '../schema/schema.ts';
import { BUILTIN_CHECKS } from './checks.ts';
import { BUILTIN_COLUMNS, FALLBACK_COLUMNS } from './columns.ts';
import { BUILTIN_DEFAULTS } from './defaults.ts';
import { eventConversion } from './event-conversion.ts';
import { BUILTIN_PREPARATIONS } from './preparations.ts';
import { ALL_VERBS, type GenerationRule, type Resource, type ScalePaths, storageKey } from './resource.ts';

interface Row {
  readonly kind: string;
  readonly plural: string;
  readonly definition: string;
  readonly short?: readonly string[];
  readonly categories?: readonly string[];
  readonly cluster?: boolean;
  readonly status?: boolean;
  readonly scale?: boolean;
  readonly generation?: GenerationRule;
  readonly fields?: readonly string[];
  readonly createOnUpdate?: boolean;
  /** PUT needs a resourceVersion. */
  readonly conditionalUpdate?: boolean;
  /** DELETE answers with the object instead of a Status. */
  readonly returnsDeleted?: boolean;
  readonly storage?: string;
}

const CORE: readonly Row[] = [
  { kind: 'ConfigMap', plural: 'configmaps', definition: 'core.v1.ConfigMap', short: ['cm'] },
  { kind: 'Endpoints', plural: 'endpoints', definition: 'core.v1.Endpoints', short: ['ep'], createOnUpdate: true },
  {
    kind: 'Event',
    plural: 'events',
    definition: 'core.v1.Event',
    short: ['ev'],
    createOnUpdate: true,
    fields: [
      'involvedObject.kind',
      'involvedObject.namespace',
      'involvedObject.name',
      'involvedObject.uid',
      'involvedObject.apiVersion',
      'involvedObject.resourceVersion',
      'involvedObject.fieldPath',
      'reason',
      'reportingComponent',
      'source',
      'type',
    ],
  },
  {
    kind: 'Namespace',
    plural: 'namespaces',
    definition: 'core.v1.Namespace',
    short: ['ns'],
    cluster: true,
    returnsDeleted: true,
    status: true,
    fields: ['status.phase'],
  },
  {
    kind: 'Node',
    plural: 'nodes',
    definition: 'core.v1.Node',
    short: ['no'],
    cluster: true,
    status: true,
    fields: ['spec.unschedulable'],
  },
  {
    kind: 'Pod',
    plural: 'pods',
    definition: 'core.v1.Pod',
    short: ['po'],
    returnsDeleted: true,
    categories: ['all'],
    status: true,
    generation: 'spec',
    fields: [
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'spec.hostNetwork',
      'status.phase',
      'status.podIP',
      'status.podIPs',
      'status.nominatedNodeName',
    ],
  },
  { kind: 'Secret', plural: 'secrets', definition: 'core.v1.Secret', fields: ['type'] },
  {
    kind: 'ServiceAccount',
    plural: 'serviceaccounts',
    definition: 'core.v1.ServiceAccount',
    short: ['sa'],
    returnsDeleted: true,
  },
  {
    kind: 'Service',
    plural: 'services',
    definition: 'core.v1.Service',
    short: ['svc'],
    returnsDeleted: true,
    createOnUpdate: true,
    categories: ['all'],
    status: true,
    fields: ['spec.clusterIP', 'spec.type'],
  },
];

const APPS: readonly Row[] = [
  {
    kind: 'Deployment',
    plural: 'deployments',
    definition: 'apps.v1.Deployment',
    short: ['deploy'],
    categories: ['all'],
    status: true,
    scale: true,
    generation: 'spec',
  },
  {
    kind: 'ReplicaSet',
    plural: 'replicasets',
    definition: 'apps.v1.ReplicaSet',
    short: ['rs'],
    categories: ['all'],
    status: true,
    scale: true,
    generation: 'spec',
    fields: ['status.replicas'],
  },
];

/** In the order in which the real server lists its groups. */
const GROUPS: readonly { readonly group: string; readonly version: string; readonly rows: readonly Row[] }[] = [
  { group: '', version: 'v1', rows: CORE },
  { group: 'apps', version: 'v1', rows: APPS },
  {
    group: 'events.k8s.io',
    version: 'v1',
    rows: [
      {
        kind: 'Event',
        plural: 'events',
        definition: 'events.v1.Event',
        short: ['ev'],
        createOnUpdate: true,
        storage: storageKey('', 'events'),
        fields: ['reason', 'regarding.kind', 'regarding.name', 'regarding.namespace', 'regarding.uid', 'type'],
      },
    ],
  },
  {
    group: 'autoscaling',
    version: 'v2',
    rows: [
      {
        kind: 'HorizontalPodAutoscaler',
        plural: 'horizontalpodautoscalers',
        definition: 'autoscaling.v2.HorizontalPodAutoscaler',
        short: ['hpa'],
        categories: ['all'],
        status: true,
      },
    ],
  },
  {
    group: 'networking.k8s.io',
    version: 'v1',
    rows: [
      {
        kind: 'NetworkPolicy',
        plural: 'networkpolicies',
        definition: 'networking.v1.NetworkPolicy',
        short: ['netpol'],
        generation: 'spec',
      },
    ],
  },
  {
    group: 'policy',
    version: 'v1',
    rows: [
      {
        kind: 'PodDisruptionBudget',
        plural: 'poddisruptionbudgets',
        definition: 'policy.v1.PodDisruptionBudget',
        short: ['pdb'],
        conditionalUpdate: true,
        status: true,
        generation: 'spec',
      },
    ],
  },
  {
    group: 'rbac.authorization.k8s.io',
    version: 'v1',
    rows: [
      {
        kind: 'ClusterRoleBinding',
        plural: 'clusterrolebindings',
        definition: 'rbac.v1.ClusterRoleBinding',
        cluster: true,
        createOnUpdate: true,
      },
      {
        kind: 'ClusterRole',
        plural: 'clusterroles',
        definition: 'rbac.v1.ClusterRole',
        cluster: true,
        createOnUpdate: true,
      },
      { kind: 'RoleBinding', plural: 'rolebindings', definition: 'rbac.v1.RoleBinding', createOnUpdate: true },
      { kind: 'Role', plural: 'roles', definition: 'rbac.v1.Role', createOnUpdate: true },
    ],
  },
  {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    rows: [
      {
        kind: 'CustomResourceDefinition',
        plural: 'customresourcedefinitions',
        definition: 'apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
        short: ['crd', 'crds'],
        categories: ['api-extensions'],
        cluster: true,
        status: true,
        generation: 'spec',
      },
    ],
  },
  {
    group: 'coordination.k8s.io',
    version: 'v1',
    rows: [
      {
        kind: 'Lease',
        plural: 'leases',
        definition: 'coordination.v1.Lease',
        createOnUpdate: true,
        conditionalUpdate: true,
      },
    ],
  },
  {
    group: 'discovery.k8s.io',
    version: 'v1',
    rows: [
      { kind: 'EndpointSlice', plural: 'endpointslices', definition: 'discovery.v1.EndpointSlice', generation: 'spec' },
    ],
  },
];

const SCALE: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
};

const ENDPOINTS_DEPRECATED = 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice';

const STATUS_KEEPS: Readonly<Record<string, Resource['statusKeeps']>> = {
  Deployment: ['labels'],
  Pod: ['ownerReferences'],
};

const NOTHING = (): void => undefined;

export function builtinResources(definitions: Definitions): Resource[] {
  return GROUPS.flatMap(({ group, version, rows }) => rows.map((row) => toResource(group, version, row, definitions)));
}

function toResource(group: string, version: string, row: Row, definitions: Definitions): Resource {
  const preparation = BUILTIN_PREPARATIONS[row.kind];
  const modernEvent = row.kind === 'Event' && group !== '';
  return {
    group,
    version,
    kind: row.kind,
    listKind: `${row.kind}List`,
    plural: row.plural,
    singular: row.kind.toLowerCase(),
    shortNames: row.short ?? [],
    categories: row.categories ?? [],
    namespaced: row.cluster !== true,
    custom: false,
    storage: row.storage ?? storageKey(group, row.plural),
    verbs: row.kind === 'Namespace' ? ALL_VERBS.filter((verb) => verb !== 'deletecollection') : ALL_VERBS,
    schema: definitions[definitionName(row.definition)],
    hasStatus: row.status === true,
    statusKeeps: STATUS_KEEPS[row.kind] ?? [],
    scale: row.scale === true ? SCALE : undefined,
    generation: row.generation ?? 'none',
    unconditionalUpdate: row.conditionalUpdate !== true,
    returnsDeleted: row.returnsDeleted === true,
    createOnUpdate: row.createOnUpdate === true,
    columns: BUILTIN_COLUMNS[row.kind] ?? FALLBACK_COLUMNS,
    selectableFields: row.fields ?? [],
    applyDefaults: BUILTIN_DEFAULTS[row.kind] ?? NOTHING,
    check: modernEvent ? () => [] : (BUILTIN_CHECKS[row.kind] ?? (() => [])),
    decodeProblem: (object) => decodeProblem(object, definitions[definitionName(row.definition)], '', row.kind),
    prepareCreate: preparation?.create ?? NOTHING,
    prepareUpdate: preparation?.update ?? NOTHING,
    ...(row.kind === 'Endpoints' ? { deprecation: ENDPOINTS_DEPRECATED } : {}),
    ...(modernEvent ? { convert: eventConversion } : {}),
    ...(row.kind === 'Pod' ? { gracePeriodSeconds: podGracePeriodSeconds } : {}),
  };
}

const definitionName = (short: string): string =>
  short.startsWith('apiextensions') ? `io.k8s.${short}` : `io.k8s.api.${short}`;

/** A pod that no node has, or that has ended, goes at once; otherwise its kubelet gets time. */
function podGracePeriodSeconds(pod: StoredObject, requested: number | undefined): number {
  const spec = pod.spec as Record<string, unknown> | undefined;
  const status = pod.status as Record<string, unknown> | undefined;
  const own = spec?.['terminationGracePeriodSeconds'];
  const period = requested ?? (typeof own === 'number' ? own : 30);
  const unscheduled = spec?.['nodeName'] === undefined || spec['nodeName'] === '';
  const ended = status?.['phase'] === 'Failed' || status?.['phase'] === 'Succeeded';
  return unscheduled || ended ? 0 : Math.max(0, period);
}
