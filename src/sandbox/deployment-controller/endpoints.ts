/** Endpoints and EndpointSlices of Services with a selector, as the endpoint controllers write them. */
import { isDeepStrictEqual } from 'node:util';
import { type KubeObject, TYPES } from '../../api/meta.ts';
import type { Clock } from '../../clock.ts';
import type { KubeClient } from '../../kube/port.ts';
import { startInformer } from '../informer.ts';
import { selects, type ServiceSpec, specOf } from '../mesh/objects.ts';
import { isActive, isReady, podSpec, podStatus } from '../pod.ts';
import { keyOf, SANDBOX_TYPES } from '../types.ts';
import { createKeyedQueue } from './keyed-queue.ts';
import { ownerReference } from './objects.ts';

export interface EndpointControllerOptions {
  readonly kube: KubeClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onTrouble: (sentence: string) => void;
}

const MANAGER = 'endpointslice-controller';

export async function startEndpointController(options: EndpointControllerOptions): Promise<void> {
  const { kube, signal } = options;
  const sync = async (key: string): Promise<void> => {
    const service = services.get(key);
    if (service === undefined) return;
    const { selector = {} } = specOf<ServiceSpec>(service);
    if (Object.keys(selector).length === 0) return;
    const own = pods
      .list()
      .filter(({ metadata }) => metadata.namespace === service.metadata.namespace)
      .filter(({ metadata }) => selects(selector, metadata.labels ?? {}))
      .filter((pod) => podStatus(pod).podIP !== undefined && (isActive(pod) || podStatus(pod).phase === 'Running'))
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    for (const object of [sliceOf(service, own), endpointsOf(service, own)]) await put(kube, object, signal);
  };
  const queue = createKeyedQueue({ ...options, run: sync });
  const services = startInformer({
    ...options,
    type: TYPES.service,
    onChange: (_, service) => queue.add(keyOf(service)),
  });
  const pods = startInformer({
    ...options,
    type: TYPES.pod,
    onChange: (_, pod) => {
      for (const service of services.list()) {
        if (service.metadata.namespace === pod.metadata.namespace) queue.add(keyOf(service));
      }
    },
  });
  await Promise.all([services.synced, pods.synced]);
}

function sliceOf(service: KubeObject, pods: readonly KubeObject[]): KubeObject {
  const { name } = service.metadata;
  return {
    ...head(service, 'discovery.k8s.io/v1', 'EndpointSlice', `${name}-sandbox`, {
      'kubernetes.io/service-name': name,
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    }),
    addressType: 'IPv4',
    ports: portsOf(service, pods),
    endpoints: pods.map((pod) => ({
      addresses: [podStatus(pod).podIP],
      conditions: {
        ready: isReady(pod) && isActive(pod),
        serving: isReady(pod),
        terminating: pod.metadata.deletionTimestamp !== undefined,
      },
      nodeName: podSpec(pod).nodeName,
      targetRef: targetOf(pod),
    })),
  };
}

function endpointsOf(service: KubeObject, pods: readonly KubeObject[]): KubeObject {
  const addresses = (wanted: boolean): readonly unknown[] =>
    pods
      .filter(isActive)
      .filter((pod) => isReady(pod) === wanted)
      .map((pod) => ({ ip: podStatus(pod).podIP, nodeName: podSpec(pod).nodeName, targetRef: targetOf(pod) }));
  const [ready, notReady] = [addresses(true), addresses(false)];
  const subset = {
    ...(ready.length === 0 ? {} : { addresses: ready }),
    ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
    ports: portsOf(service, pods),
  };
  return {
    ...head(service, 'v1', 'Endpoints', service.metadata.name, {
      'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
    }),
    subsets: ready.length + notReady.length === 0 ? [] : [subset],
  };
}

function head(
  service: KubeObject,
  apiVersion: string,
  kind: string,
  name: string,
  labels: Readonly<Record<string, string>>,
): KubeObject {
  const { namespace } = service.metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...service.metadata.labels, ...labels },
      ownerReferences: [ownerReference(service) as never], // an OwnerReference whose uid is known to be set
    },
  };
}

function portsOf(service: KubeObject, pods: readonly KubeObject[]): readonly unknown[] {
  const named = (name: string): number | undefined =>
    pods
      .flatMap((pod) => podSpec(pod).containers ?? [])
      .flatMap((container) => container.ports ?? [])
      .find((port) => port.name === name)?.containerPort;
  return (specOf<ServiceSpec>(service).ports ?? []).flatMap(({ name, port, targetPort = port }) => {
    const number = typeof targetPort === 'number' ? targetPort : named(targetPort);
    return number === undefined ? [] : [{ ...(name === undefined ? {} : { name }), port: number, protocol: 'TCP' }];
  });
}

function targetOf({ metadata: { name, namespace, uid } }: KubeObject): unknown {
  return { kind: 'Pod', name, namespace, uid };
}

/** Server-side apply, when anything differs from what was applied last time. */
async function put(kube: KubeClient, object: KubeObject, signal: AbortSignal): Promise<void> {
  const type = object.kind === 'Endpoints' ? SANDBOX_TYPES.endpoints : TYPES.endpointSlice;
  const { name, namespace } = object.metadata;
  const target = { type, name, ...(namespace === undefined ? {} : { namespace }) };
  const before = await kube.get(target, signal);
  const fields = Object.keys(object).filter((field) => !['metadata', 'apiVersion', 'kind'].includes(field));
  const isEqual =
    before !== undefined && fields.every((field) => isDeepStrictEqual(before[field], plain(object[field])));
  if (!isEqual) await kube.patch({ kind: 'apply', target, object, fieldManager: MANAGER, force: true }, signal);
}

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
