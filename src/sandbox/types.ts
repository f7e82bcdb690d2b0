/** Kinds that only the sandbox reads or writes. */
import type { KubeObject, ResourceType } from '../api/meta.ts';

export const SANDBOX_TYPES = {
  node: { group: '', version: 'v1', kind: 'Node', plural: 'nodes', namespaced: false },
  endpoints: { group: '', version: 'v1', kind: 'Endpoints', plural: 'endpoints', namespaced: true },
  gateway: { group: 'networking.istio.io', version: 'v1', kind: 'Gateway', plural: 'gateways', namespaced: true },
  httpRoute: {
    group: 'gateway.networking.k8s.io',
    version: 'v1',
    kind: 'HTTPRoute',
    plural: 'httproutes',
    namespaced: true,
  },
} as const satisfies Record<string, ResourceType>;

/** `namespace/name`, or the name alone. */
export function keyOf({ metadata }: Pick<KubeObject, 'metadata'>): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}
