/** Which router steers a Release: by the field of `spec.traffic` that is present; without `traffic`, replica counts. */
import { isFields, stringAt } from '../api/fields.ts';
import type { Finding } from '../api/meta.ts';
import type { ReleaseSpec, TakenState } from '../api/release.ts';
import type { TrafficState, WorkloadState } from '../release/observed.ts';
import { istio } from './istio.ts';
import type { Router } from './port.ts';
import { replicas } from './replicas.ts';
import { service } from './service.ts';

export const routers: Readonly<Partial<Record<Router['name'], Router>>> = { istio, replicas, service };

/** The router of `spec.traffic`, or why there is none. */
export function routerOf(spec: Pick<ReleaseSpec, 'traffic'>): Router | Finding {
  if (spec.traffic === undefined) return replicas;
  const fields = isFields(spec.traffic) ? Object.keys(spec.traffic) : [];
  const named = Object.values(routers).filter((router) => router !== replicas);
  const only = named.find((router) => fields.length === 1 && fields[0] === router.name);
  if (only !== undefined) return only;
  const has = fields.length === 0 ? 'no field' : `the fields ${fields.join(', ')}`;
  return {
    reason: 'InvalidSpec',
    message: `spec.traffic has ${has}. Write exactly one of: ${named.map(({ name }) => name).join(', ')}; or leave \`traffic\` out to go by replica counts.`,
  };
}

/** The router that took something (`status.taken`): it gives it back even when the spec names another by now. */
export function routerThatTook(taken: TakenState | undefined): Router | undefined {
  const name = stringAt(taken?.traffic, 'router');
  return Object.values(routers).find((router) => router.name === name);
}

/**
 * Name of the workload that has the traffic, for `WorkloadInput.trafficHint` at adoption: read the workload without a hint,
 * the routes with its arms, and the workload again with this. `undefined` when the routes do not say.
 */
export function trafficHintOf(workload: WorkloadState, traffic: TrafficState): string | undefined {
  const { canaryWeight } = traffic;
  if (canaryWeight === undefined || canaryWeight === 50) return undefined;
  return canaryWeight > 50 ? workload.canary?.workload : workload.stable.workload;
}
