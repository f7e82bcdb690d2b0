/** The parts of Kubernetes objects that the pure core reads. Unknown fields are kept by everyone who copies an object. */

export const GROUP = 'serin.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

/** Field managers, one per concern (conventions.md 4). */
export const FIELD_MANAGERS = {
  children: 'serin',
  status: 'serin-status',
  measurements: 'serin-measurements',
  traffic: 'serin-traffic',
  workload: 'serin-workload',
} as const;

export const FINALIZER = 'serin.dev/traffic';

/** Annotations by which people ask for something (api.md). */
export const ANNOTATIONS = {
  /** `promote/<revision>/<unique id>`; verbs: promote, promote-full, pause, resume, retry, skip-step. */
  request: 'serin.dev/request',
  /** A revision; sticky, beats every other request. */
  abort: 'serin.dev/abort',
  /** Who asked, shown in status and messages; set by the CLI. */
  actor: 'serin.dev/actor',
} as const;

/** Put on a pod by OpenKruise when it changes it in place, which ends containers as a crash would, with an exit code of their own. */
export const CHANGED_IN_PLACE = 'apps.kruise.io/inplace-update-state';

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** Any Kubernetes object, as it came over the wire. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** A kind of object and how the API server spells it. */
export interface ResourceType {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** One object, named. */
export interface ObjectRef {
  readonly type: ResourceType;
  readonly namespace?: string;
  readonly name: string;
}

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete';

/** What an adapter reads and writes; informers, RBAC and `serin doctor` come from this. */
export interface ResourceNeed {
  readonly type: ResourceType;
  readonly verbs: readonly Verb[];
  readonly subresource?: 'status' | 'scale';
  /** Why, in words; printed beside the RBAC rule. */
  readonly because: string;
  /** Read straight from the API server, and only where its adapter is in use: granted with what that may change. */
  readonly isOnDemand?: true;
  /** Only where a Release asks for it: in a Role of its own, in namespaces that the chart's values name. */
  readonly isOptIn?: true;
}

export type JsonPatchOperation =
  | { readonly op: 'test' | 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string };

/** One guarded write. `json` carries its own `test` operations; `apply` is server-side apply of a minimal object. */
export type Patch =
  | {
      readonly kind: 'json';
      readonly target: ObjectRef;
      readonly subresource?: 'status' | 'scale';
      readonly operations: readonly JsonPatchOperation[];
      readonly fieldManager: string;
    }
  | {
      readonly kind: 'apply';
      readonly target: ObjectRef;
      readonly subresource?: 'status';
      readonly object: KubeObject;
      readonly fieldManager: string;
      /** Only for objects that Serin created. */
      readonly force: boolean;
    };

/** Makes an object; a conflict when it is there already. */
export interface Creation {
  readonly kind: 'create';
  readonly target: ObjectRef;
  readonly object: KubeObject;
  readonly fieldManager: string;
}

/** Removes the very object that was read, with everything that hangs on it. */
export interface Removal {
  readonly kind: 'delete';
  readonly target: ObjectRef;
  readonly uid: string;
}

/** What an adapter may ask for. Creations and removals are of objects that Serin made. */
export type Write = Patch | Creation | Removal;

/** metav1.Condition. `lastTransitionTime` moves only when `status` does. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}

/** Something that keeps a part from working, as data: a CamelCase reason of `api/reasons.ts` and a sentence with the fix. */
export interface Finding {
  readonly reason: string;
  readonly message: string;
}

/** How a name in a Release is exchanged: those of an existing one stay (`kept` of `release.ts`). */
export const ANEW = 'delete this Release and make it anew';

/** What a user wrote cannot be carried out; the message names the field and the fix. */
export function invalid(message: string): Finding {
  return { reason: 'InvalidSpec', message };
}

export const TYPES = {
  release: { group: GROUP, version: VERSION, kind: 'Release', plural: 'releases', namespaced: true },
  analysisTemplate: {
    group: GROUP,
    version: VERSION,
    kind: 'AnalysisTemplate',
    plural: 'analysistemplates',
    namespaced: true,
  },
  clusterAnalysisTemplate: {
    group: GROUP,
    version: VERSION,
    kind: 'ClusterAnalysisTemplate',
    plural: 'clusteranalysistemplates',
    namespaced: false,
  },
  argoAnalysisTemplate: {
    group: 'argoproj.io',
    version: 'v1alpha1',
    kind: 'AnalysisTemplate',
    plural: 'analysistemplates',
    namespaced: true,
  },
  argoClusterAnalysisTemplate: {
    group: 'argoproj.io',
    version: 'v1alpha1',
    kind: 'ClusterAnalysisTemplate',
    plural: 'clusteranalysistemplates',
    namespaced: false,
  },
  analysisRun: { group: GROUP, version: VERSION, kind: 'AnalysisRun', plural: 'analysisruns', namespaced: true },
  metricQuery: { group: GROUP, version: VERSION, kind: 'MetricQuery', plural: 'metricqueries', namespaced: false },
  deployment: { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', namespaced: true },
  replicaSet: { group: 'apps', version: 'v1', kind: 'ReplicaSet', plural: 'replicasets', namespaced: true },
  job: { group: 'batch', version: 'v1', kind: 'Job', plural: 'jobs', namespaced: true },
  pod: { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true },
  service: { group: '', version: 'v1', kind: 'Service', plural: 'services', namespaced: true },
  endpointSlice: {
    group: 'discovery.k8s.io',
    version: 'v1',
    kind: 'EndpointSlice',
    plural: 'endpointslices',
    namespaced: true,
  },
  configMap: { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
  secret: { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true },
  namespace: { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false },
  event: { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true },
  lease: { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', plural: 'leases', namespaced: true },
  virtualService: {
    group: 'networking.istio.io',
    version: 'v1',
    kind: 'VirtualService',
    plural: 'virtualservices',
    namespaced: true,
  },
  destinationRule: {
    group: 'networking.istio.io',
    version: 'v1',
    kind: 'DestinationRule',
    plural: 'destinationrules',
    namespaced: true,
  },
  statefulSet: { group: 'apps', version: 'v1', kind: 'StatefulSet', plural: 'statefulsets', namespaced: true },
  daemonSet: { group: 'apps', version: 'v1', kind: 'DaemonSet', plural: 'daemonsets', namespaced: true },
  controllerRevision: {
    group: 'apps',
    version: 'v1',
    kind: 'ControllerRevision',
    plural: 'controllerrevisions',
    namespaced: true,
  },
  cloneSet: { group: 'apps.kruise.io', version: 'v1alpha1', kind: 'CloneSet', plural: 'clonesets', namespaced: true },
  advancedStatefulSet: {
    group: 'apps.kruise.io',
    version: 'v1beta1',
    kind: 'StatefulSet',
    plural: 'statefulsets',
    namespaced: true,
  },
  advancedDaemonSet: {
    group: 'apps.kruise.io',
    version: 'v1alpha1',
    kind: 'DaemonSet',
    plural: 'daemonsets',
    namespaced: true,
  },
  kruiseRollout: {
    group: 'rollouts.kruise.io',
    version: 'v1beta1',
    kind: 'Rollout',
    plural: 'rollouts',
    namespaced: true,
  },
  kruiseTrafficRouting: {
    group: 'rollouts.kruise.io',
    version: 'v1alpha1',
    kind: 'TrafficRouting',
    plural: 'trafficroutings',
    namespaced: true,
  },
  argoRollout: { group: 'argoproj.io', version: 'v1alpha1', kind: 'Rollout', plural: 'rollouts', namespaced: true },
  horizontalPodAutoscaler: {
    group: 'autoscaling',
    version: 'v2',
    kind: 'HorizontalPodAutoscaler',
    plural: 'horizontalpodautoscalers',
    namespaced: true,
  },
} as const satisfies Record<string, ResourceType>;
