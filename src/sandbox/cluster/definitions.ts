/**
 * Resource definitions of Istio and Gateway API kinds for an API server that has none: the right names and versions,
 * permissive schemas (unknown fields are kept, nothing is checked). A cluster that has the real ones keeps them.
 */
import { type KubeObject, type ResourceType, TYPES } from '../../api/meta.ts';
import { SANDBOX_TYPES } from '../types.ts';

export const DEFINITION: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};

const SHORT_NAMES: Readonly<Record<string, readonly string[]>> = {
  VirtualService: ['vs'],
  DestinationRule: ['dr'],
  Gateway: ['gw'],
};

const ROUTED: readonly { readonly type: ResourceType; readonly versions: readonly string[] }[] = [
  { type: TYPES.virtualService, versions: ['v1', 'v1beta1', 'v1alpha3'] },
  { type: TYPES.destinationRule, versions: ['v1', 'v1beta1', 'v1alpha3'] },
  { type: SANDBOX_TYPES.gateway, versions: ['v1', 'v1beta1', 'v1alpha3'] },
  { type: SANDBOX_TYPES.httpRoute, versions: ['v1', 'v1beta1'] },
  {
    type: { ...SANDBOX_TYPES.httpRoute, kind: 'Gateway', plural: 'gateways' },
    versions: ['v1', 'v1beta1'],
  },
];

export function meshDefinitions(): readonly KubeObject[] {
  return ROUTED.map(({ type, versions }) => definition(type, versions));
}

function definition({ group, kind, plural }: ResourceType, versions: readonly string[]): KubeObject {
  const permissive = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      // The group k8s.io is protected; the real definitions carry their approval here as well.
      annotations: { 'api-approved.kubernetes.io': 'unapproved, sandbox only' },
    },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        kind,
        plural,
        singular: kind.toLowerCase(),
        listKind: `${kind}List`,
        shortNames: SHORT_NAMES[kind] ?? [],
      },
      versions: versions.map((name, index) => ({
        name,
        served: true,
        storage: index === 0,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', properties: { spec: permissive, status: permissive } } },
      })),
    },
  };
}
