/** An app whose pods a rollout controller moves, with real pods, routes of the mesh, requests, and a Release of it. */
import { at, fieldsAt } from '../../../src/api/fields.ts';
import type { KubeObject, ResourceType } from '../../../src/api/meta.ts';
import { TYPES } from '../../../src/api/meta.ts';
import { type App, appOf, type Behaviour, clearAway, HEALTHY, releaseFor, type Stand, until } from '../e2e.ts';
import { restingHash, throughWebhook, WORKLOADS } from './kruise.ts';

/** `argo reference`: the template is in a Deployment without pods, and there are no routes: pods are the weight. */
export type Kind =
  | 'argo canary'
  | 'argo reference'
  | 'argo blue-green'
  | 'kruise canary'
  | 'kruise partition'
  | 'kruise clone-set'
  | 'kruise blue-green';

export interface GatedOptions {
  /** Requests per second (default 80). */
  readonly rps?: number;
  /** Of an Argo canary: how long the pauses at 40 % and at 60 % last; absent: until somebody opens them. */
  readonly pauses?: readonly [string, string];
  readonly holdTimedPauses?: true;
}

export interface GatedApp extends App {
  /** Somebody changes the pod template. */
  deploy(build: string, behaviour: Behaviour): Promise<void>;
  get(type: ResourceType, name?: string): Promise<KubeObject>;
  /** The Rollout as its controller has it. */
  rollout(): Promise<KubeObject>;
  /** What has the pod template. */
  workload(): Promise<KubeObject>;
}

const REPLICAS = 3;
/** 40 and 60 % of them are whole pods. */
const REPLICAS_AS_WEIGHTS = 5;
const ISTIO = 'networking.istio.io/v1';

/** Definitions of the controllers, with any fields and status as a subresource. */
export function definitions(): readonly KubeObject[] {
  const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  const types = [TYPES.argoRollout, TYPES.kruiseRollout, TYPES.cloneSet, TYPES.controllerRevision];
  return types.map(({ group, version, kind, plural }) => ({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { ...anything, properties: { spec: anything, status: anything } } },
          subresources: { status: {} },
        },
      ],
    },
  }));
}

const behaving = (build: string, behaviour: Behaviour): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries({ ...behaviour, build, version: build }).map(([key, value]) => [`sandbox.serin.dev/${key}`, value]),
  );

/** What people have in Git. */
function objectsFor(kind: Kind, name: string, namespace: string, { pauses }: GatedOptions): readonly KubeObject[] {
  const metadata = { name, namespace };
  const template = {
    metadata: { labels: { app: name }, annotations: behaving('0', HEALTHY) },
    spec: {
      terminationGracePeriodSeconds: 5,
      containers: [
        { name: 'app', image: `sandbox.serin.dev/${name}:1`, ports: [{ name: 'http', containerPort: 8080 }] },
      ],
    },
  };
  const pods = { replicas: REPLICAS, selector: { matchLabels: { app: name } }, template };
  const service = (called: string): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: called, namespace },
    spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  });
  const routes = (...hosts: readonly string[]): readonly KubeObject[] => [
    {
      apiVersion: ISTIO,
      kind: 'Gateway',
      metadata: { name: 'public', namespace },
      spec: {
        selector: { istio: 'ingressgateway' },
        servers: [{ hosts: ['*'], port: { name: 'http', number: 80, protocol: 'HTTP' } }],
      },
    },
    {
      apiVersion: ISTIO,
      kind: 'VirtualService',
      metadata,
      spec: {
        hosts: [`${name}.${namespace}.example`],
        gateways: ['public'],
        http: [
          {
            name: 'main',
            route: hosts.map((host, index) => ({ destination: { host }, weight: index === 0 ? 100 : 0 })),
          },
        ],
      },
    },
  ];
  const argo = (strategy: object, from: object = pods): KubeObject => ({
    apiVersion: 'argoproj.io/v1alpha1',
    kind: 'Rollout',
    metadata,
    spec: { ...from, strategy },
  });
  const [first, second] = [0, 1].map((index) => (pauses === undefined ? {} : { duration: pauses[index] }));
  const steps = [{ setWeight: 40 }, { pause: first }, { setWeight: 60 }, { pause: second }];
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { ...metadata, labels: { team: 'shop' } } };
  const kruise = (
    style: 'canary' | 'blueGreen',
    strategy: object,
    workload: KubeObject = { ...deployment, spec: pods },
  ): readonly KubeObject[] => {
    const trafficRoutings = [
      { service: name, customNetworkRefs: [{ apiVersion: ISTIO, kind: 'VirtualService', name }] },
    ];
    return [
      service(name),
      ...routes(name),
      workload,
      {
        apiVersion: 'rollouts.kruise.io/v1beta1',
        kind: 'Rollout',
        metadata,
        spec: {
          workloadRef: { apiVersion: workload.apiVersion, kind: workload.kind, name },
          strategy: { [style]: { trafficRoutings, ...strategy } },
        },
      },
    ];
  };
  const step = (replicas: string, traffic: string): object => ({ replicas, traffic, pause: {} });
  switch (kind) {
    case 'argo canary':
      return [
        service(`${name}-stable`),
        service(`${name}-canary`),
        ...routes(`${name}-stable`, `${name}-canary`),
        argo({
          canary: {
            stableService: `${name}-stable`,
            canaryService: `${name}-canary`,
            trafficRouting: { istio: { virtualService: { name, routes: ['main'] } } },
            steps,
          },
        }),
      ];
    case 'argo reference':
      return [
        service(name),
        ...routes(name),
        { ...deployment, spec: { ...pods, replicas: 0 } },
        argo(
          { canary: { steps } },
          { replicas: REPLICAS_AS_WEIGHTS, workloadRef: { apiVersion: 'apps/v1', kind: 'Deployment', name } },
        ),
      ];
    case 'argo blue-green':
      return [
        service(name),
        service(`${name}-preview`),
        ...routes(name),
        argo({ blueGreen: { activeService: name, previewService: `${name}-preview`, autoPromotionEnabled: false } }),
      ];
    case 'kruise canary':
      return kruise('canary', { enableExtraWorkloadForCanary: true, steps: [step('40%', '40%'), step('60%', '60%')] });
    case 'kruise partition':
      return kruise('canary', { steps: [step('30%', '40%'), step('50%', '60%')] });
    case 'kruise clone-set':
      return kruise(
        'canary',
        { steps: [step('30%', '40%'), step('50%', '60%')] },
        {
          apiVersion: 'apps.kruise.io/v1alpha1',
          kind: 'CloneSet',
          metadata: { ...metadata, labels: { team: 'shop' } },
          spec: { ...pods, updateStrategy: { partition: 0 } },
        },
      );
    case 'kruise blue-green':
      return kruise('blueGreen', { steps: [step('100%', '0%'), step('100%', '40%'), step('100%', '100%')] });
    default:
      return kind satisfies never;
  }
}

const besideIt = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, name: `${object.metadata.name}-canary` },
});

/** Up, with requests, and a Release that Serin has taken notice of. Its controller must be there. */
export async function startGated(
  stand: Stand,
  kind: Kind,
  name: string,
  options: GatedOptions = {},
): Promise<GatedApp> {
  const { sandbox, namespace } = stand;
  const isKruise = kind.startsWith('kruise');
  const rolloutType = isKruise ? TYPES.kruiseRollout : TYPES.argoRollout;
  const get = async (type: ResourceType, called = name): Promise<KubeObject> => {
    const found = await sandbox.kube.get({ type, namespace, name: called });
    if (found === undefined) throw new Error(`${type.kind} ${called} is gone`);
    return found;
  };
  const rollout = (): Promise<KubeObject> => get(rolloutType);
  const objects = objectsFor(kind, name, namespace, options);
  // What its controller makes beside them goes as well.
  const beside = objects.filter((object) => ['Service', 'Deployment'].includes(object.kind)).map(besideIt);
  await clearAway(stand, name, [...objects, ...beside]);
  await sandbox.apply(objects);
  await until(
    `${name} is at rest`,
    async () => at(await rollout(), 'status', 'phase') === 'Healthy',
    () => kind,
  );
  await sandbox.startLoad({ name, rps: options.rps ?? 80, host: `${name}.${namespace}.example` });
  const { holdTimedPauses } = options;
  const argoRollout = { name, ...(holdTimedPauses === undefined ? {} : { holdTimedPauses }) };
  const workload = isKruise ? { kruiseRollout: { name } } : { argoRollout };
  const spec = { workload, traffic: undefined, strategy: undefined };
  await sandbox.apply([releaseFor(name, namespace, { spec })]);
  const app = appOf(stand, name);
  await app.until('it is taken notice of', ({ revision }) => revision.stable !== undefined);
  const type = objects.flatMap((object) => WORKLOADS[object.kind] ?? [])[0] ?? TYPES.argoRollout;
  return {
    ...app,
    get,
    rollout,
    workload: () => get(type),
    deploy: async (build, behaviour) => {
      const before = await get(type);
      const template = fieldsAt(before, 'spec', 'template');
      const annotations = behaving(build, behaviour);
      const changed = { ...template, metadata: { ...fieldsAt(template, 'metadata'), annotations } };
      const next = { ...before, spec: { ...fieldsAt(before, 'spec'), template: changed } };
      const hash = isKruise ? await restingHash({ kube: sandbox.kube, namespace }, before) : '';
      // There is no webhook on this API server, so the write has what it adds to it already.
      const { metadata, spec: admitted } = isKruise
        ? throughWebhook(before, next, hash)
        : { ...next, metadata: before.metadata };
      await sandbox.kube.patch({
        kind: 'json',
        target: { type, namespace, name },
        operations: [
          { op: 'add', path: '/metadata/labels', value: metadata.labels ?? {} },
          { op: 'add', path: '/metadata/annotations', value: metadata.annotations ?? {} },
          { op: 'add', path: '/spec', value: admitted },
        ],
        fieldManager: 'kubectl-edit',
      });
    },
  };
}
