/** A Release's spec at the door: what is wrong with it, and a copy that holds only what is well-formed. */
import { at, isFields, stringAt } from '../api/fields.ts';
import type { Finding, KubeObject } from '../api/meta.ts';
import type { Release, ReleaseSpec } from '../api/release.ts';
import { validateRelease } from '../api/validate.ts';

/** The Release, and what keeps its spec from working. Never throws, whatever the API server once accepted. */
export function parseRelease(object: KubeObject): { readonly release: Release; readonly invalid?: Finding } {
  const release = object as unknown as Release; // metadata is the API server's; spec is checked here
  const [invalid] = validateRelease(object['spec']);
  if (invalid === undefined) return { release };
  return { release: { ...release, spec: wellFormed(object['spec']) }, invalid };
}

/** Enough to give traffic back: what is steered, and how. */
export function wellFormed(spec: unknown): ReleaseSpec {
  const members = at(spec, 'workload', 'pair', 'members');
  const [first, second] = Array.isArray(members) ? (members as readonly unknown[]) : [];
  const isPair = typeof first === 'string' && typeof second === 'string';
  // How it is given back depends on it: never two versions at once.
  const isRecreated = isFields(at(spec, 'strategy', 'recreate'));
  const preview = stringAt(spec, 'strategy', 'blueGreen', 'preview');
  return {
    workload: isPair ? { pair: { members: [first, second] } } : rolloutOf(spec),
    ...(isFields(at(spec, 'traffic')) ? { traffic: trafficOf(spec) } : {}),
    strategy: isRecreated ? { recreate: {} } : preview === undefined ? {} : { blueGreen: { preview } },
    ...(at(spec, 'paused') === true ? { paused: true } : {}),
    ...(at(spec, 'mode') === 'observe' ? { mode: 'observe' } : {}),
  };
}

function rolloutOf(spec: unknown): ReleaseSpec['workload'] {
  const argo = stringAt(spec, 'workload', 'argoRollout', 'name');
  const deployment = stringAt(spec, 'workload', 'deployment', 'name');
  if (deployment !== undefined) return { deployment: { name: deployment } };
  const kruise = stringAt(spec, 'workload', 'kruiseRollout', 'name');
  if (kruise !== undefined) {
    const isPause = stringAt(spec, 'workload', 'kruiseRollout', 'onAbort') === 'pause';
    return { kruiseRollout: { name: kruise, ...(isPause ? { onAbort: 'pause' } : {}) } };
  }
  return argo === undefined ? {} : { argoRollout: { name: argo } };
}

function trafficOf(spec: unknown): NonNullable<ReleaseSpec['traffic']> {
  const virtualService = stringAt(spec, 'traffic', 'istio', 'virtualService', 'name');
  if (virtualService !== undefined) return { istio: istioOf(at(spec, 'traffic', 'istio'), virtualService) };
  const service = stringAt(spec, 'traffic', 'service', 'name');
  return service === undefined ? {} : { service: { name: service } };
}

function istioOf(istio: unknown, name: string): NonNullable<NonNullable<ReleaseSpec['traffic']>['istio']> {
  const routes = at(istio, 'virtualService', 'routes');
  const names = Array.isArray(routes) ? routes.filter((route): route is string => typeof route === 'string') : [];
  const destinationRule = stringAt(istio, 'destinationRule', 'name');
  return {
    virtualService: { name, ...(names.length === 0 ? {} : { routes: names }) },
    ...(destinationRule === undefined ? {} : { destinationRule: { name: destinationRule } }),
  };
}
