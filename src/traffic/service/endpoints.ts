/**
 * Requests follow a Service when its EndpointSlices do, usually within a second: then the ready pods of the version it leads to are in
 * them, and none of the other's.
 */
import { at, listAt, stringAt } from '../../api/fields.ts';
import { TYPES } from '../../api/meta.ts';
import { quote } from '../../api/units.ts';
import type { ArmState, TrafficIntent } from '../../release/observed.ts';
import type { ObjectQuery } from '../../workloads/port.ts';
import type { TrafficInput } from '../port.ts';

/** Set by the endpoint controller on every slice that it makes for a Service. */
const SERVICE_LABEL = 'kubernetes.io/service-name';

export const slicesOf = (namespace: string, service: string): ObjectQuery => ({
  kind: 'onDemand',
  type: TYPES.endpointSlice,
  namespace,
  labelSelector: `${SERVICE_LABEL}=${service}`,
});

/** What the users' Service does not show yet; `undefined` once it shows it, where both versions may be met, and where nobody keeps slices. */
export function endpointsLacking(input: TrafficInput, intent: TrafficIntent): string | undefined {
  const { objects, namespace, spec, stable, canary } = input;
  const name = spec.traffic?.service?.name ?? '';
  const isMixed = intent.kind === 'restore' || intent.isOpen === true;
  if (isMixed || objects.isKnown?.(TYPES.endpointSlice) === false) return undefined;
  const slices = objects
    .all(TYPES.endpointSlice, namespace)
    .filter(({ metadata }) => metadata.labels?.[SERVICE_LABEL] === name);
  // The controller makes one for every Service with a selector, even without pods.
  if (slices.length === 0) return undefined;
  const ready = new Set(
    slices
      .flatMap((slice) => listAt(slice, 'endpoints'))
      .filter((endpoint) => at(endpoint, 'conditions', 'ready') !== false)
      .flatMap((endpoint) => stringAt(endpoint, 'targetRef', 'name') ?? []),
  );
  const [to, from] = intent.canaryWeight >= 100 ? [canary, stable] : [stable, canary];
  const isMissing = readyPods(to).some((pod) => !ready.has(pod));
  const isLeft = readyPods(from).some((pod) => ready.has(pod));
  if (!isMissing && !isLeft) return undefined;
  // How many would be another status for each of them.
  const lacks = isMissing ? [`not all pods of ${to?.workload ?? ''} are there yet`] : [];
  const stays = isLeft ? [`some of ${from?.workload ?? ''} still are`] : [];
  return `The endpoints of Service ${quote(name)} do not follow its selector: ${[...lacks, ...stays].join(', ')}.`;
}

/** Pods on their way out are in neither arm, and not ready in the slices either. */
const readyPods = (arm: ArmState | undefined): readonly string[] =>
  (arm?.pods ?? []).filter(({ readySinceMs }) => readySinceMs !== undefined).map(({ name }) => name);
