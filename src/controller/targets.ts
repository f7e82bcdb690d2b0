/** The workload and the routes of a Release in one pass: what they hold, what would be written, what must be remembered. */
import type { Finding } from '../api/meta.ts';
import type { Release, TakenState } from '../api/release.ts';
import type { Clock } from '../clock.ts';
import { ordersOf } from '../release/gated/orders.ts';
import { isGatedSpec } from '../release/gated/plan.ts';
import { routesOf } from '../release/in-place.ts';
import { wasRouted } from '../release/situation.ts';
import type { GateState, Observed, TrafficIntent, TrafficState, WorkloadState } from '../release/observed.ts';
import type { Router, TrafficInput } from '../traffic/port.ts';
import type { ObjectSet, WorkloadAdapter, WorkloadInput } from '../workloads/port.ts';
import { isFinding } from './analysis-spec.ts';
import { fetchObjects, type ObjectReader } from './object-set.ts';

/** The adapters, by what a Release names. */
export interface TargetDeps {
  readonly workloadOf: (spec: Release['spec']) => WorkloadAdapter | Finding;
  readonly routerOf: (spec: Release['spec']) => Router | Finding;
  /** The router that wrote `status.taken.traffic`, even when the spec names another by now. */
  readonly routerThatTook: (taken: NonNullable<Release['status']>['taken']) => Router | undefined;
  readonly trafficHintOf: (workload: WorkloadState, traffic: TrafficState) => string | undefined;
  readonly reader: ObjectReader;
  readonly clock: Pick<Clock, 'nowMs'>;
}

interface ReadWorkload {
  readonly adapter: WorkloadAdapter;
  readonly input: WorkloadInput;
  readonly state: WorkloadState;
}

export interface Targets {
  readonly workload?: ReadWorkload;
  readonly traffic?: { readonly router: Router; readonly restorer: Router; readonly input: TrafficInput };
  readonly observed: Pick<
    Observed,
    | 'workload'
    | 'traffic'
    | 'isTrafficWritten'
    | 'isTrafficWaiting'
    | 'awaited'
    | 'isTrafficRestored'
    | 'notRestored'
    | 'unseen'
    | 'isWorkloadRestored'
    | 'canScale'
    | 'snapshot'
    | 'order'
  >;
}

/** Workload and routes: what they hold, and what would be written. */
export async function readTargets(deps: TargetDeps, release: Release): Promise<Targets> {
  const { spec, status } = release;
  const { namespace } = release.metadata;
  const adapter = deps.workloadOf(spec);
  if (isFinding(adapter)) return unreachable(adapter, adapter);
  if (isGatedSpec(spec)) return readGated(deps, release, adapter);
  const router = deps.routerOf(spec);
  const [workloadObjects, trafficObjects] = await Promise.all([
    fetchObjects(deps.reader, adapter.queries({ namespace, spec, status })),
    isFinding(router)
      ? router
      : fetchObjects(deps.reader, router.queries({ namespace, spec, isOnTheWay: isOnTheWay(status) })),
  ]);
  if (isFinding(workloadObjects)) return unreachable(workloadObjects, workloadObjects);
  const { name, uid } = release.metadata;
  const plain: WorkloadInput = {
    namespace,
    spec,
    status,
    release: { name, uid },
    objects: workloadObjects,
    nowMs: deps.clock.nowMs(),
  };
  const first = adapter.read(plain);
  if (isFinding(first)) return unreachable(first, first);
  if (isFinding(router)) return withWorkload(adapter, plain, first, router);
  if (isFinding(trafficObjects)) return withWorkload(adapter, plain, first, trafficObjects);
  const { input, state } = hinted(deps, adapter, plain, first, router, trafficObjects);
  return withTraffic(deps, { adapter, input, state }, router, trafficInputOf(release, state, trafficObjects));
}

/** Only then is it looked at where requests go; what pods do later is their controllers' business. */
const isOnTheWay = (status: Release['status']): boolean => status?.taken !== undefined && !wasRouted(status);

/** Another controller moves pods and traffic: there are no routes to read, but perhaps something to ask it for. */
async function readGated(
  deps: TargetDeps,
  { metadata, spec, status }: Release,
  adapter: WorkloadAdapter,
): Promise<Targets> {
  const { namespace } = metadata;
  const objects = await fetchObjects(deps.reader, adapter.queries({ namespace, spec, status }));
  if (isFinding(objects)) return unreachable(objects, objects);
  const input: WorkloadInput = { namespace, spec, status, objects, nowMs: deps.clock.nowMs() };
  const state = adapter.read(input);
  if (isFinding(state)) return unreachable(state, state);
  const taken = adapter.snapshot(input);
  const order = ordersOf(status).find((each) => adapter.write(input, each).length > 0);
  return {
    workload: { adapter, input, state },
    observed: {
      workload: state,
      traffic: trafficOf(state.gate),
      isTrafficWritten: true,
      isTrafficRestored: true,
      isWorkloadRestored: true,
      canScale: false,
      snapshot: taken === undefined ? {} : { workload: taken },
      ...(order === undefined ? {} : { order }),
    },
  };
}

const trafficOf = (gate: GateState | undefined): TrafficState => ({
  kind: 'traffic',
  canaryWeight: gate?.weight ?? 0,
  drift: [],
});

/** At adoption the routes say which member is live; afterwards `status` does. */
function hinted(
  deps: TargetDeps,
  adapter: WorkloadAdapter,
  plain: WorkloadInput,
  first: WorkloadState,
  router: Router,
  objects: ObjectSet,
): { input: WorkloadInput; state: WorkloadState } {
  const as = { input: plain, state: first };
  if (plain.status?.revision.stable !== undefined) return as;
  const traffic = router.read({
    namespace: plain.namespace,
    spec: plain.spec,
    objects,
    stable: first.stable,
    canary: first.canary ?? first.inPlace?.idleCanary,
    taken: undefined,
  });
  const trafficHint = isFinding(traffic) ? undefined : deps.trafficHintOf(first, traffic);
  if (trafficHint === undefined) return as;
  const input = { ...plain, trafficHint };
  const state = adapter.read(input);
  return isFinding(state) ? as : { input, state };
}

function trafficInputOf({ metadata, spec, status }: Release, state: WorkloadState, objects: ObjectSet): TrafficInput {
  const taken = status?.taken?.traffic;
  return {
    namespace: metadata.namespace,
    spec,
    objects,
    stable: state.stable,
    // Between releases the routes to a canary that is not there are still to be told from others.
    canary: state.canary ?? state.inPlace?.idleCanary,
    taken,
    ...(status?.phase === 'Aborted' ? { isAborted: true } : {}),
    ...(status?.taken === undefined ? {} : intendedOf(routesOf(spec, status, state))),
  };
}

function intendedOf({
  canaryWeight,
  isOpen,
  beside,
}: ReturnType<typeof routesOf>): Pick<TrafficInput, 'intendedWeight' | 'isIntendedOpen' | 'intendedBeside'> {
  return {
    intendedWeight: canaryWeight,
    ...(isOpen === true ? { isIntendedOpen: true } : {}),
    ...(beside === undefined ? {} : { intendedBeside: beside }),
  };
}

function withTraffic(deps: TargetDeps, workload: ReadWorkload, router: Router, input: TrafficInput): Targets {
  const { status } = workload.input;
  const restorer = deps.routerThatTook(status?.taken) ?? router;
  const common = { ...scaling(workload), workload: workload.state, ...restoring(status, restorer, input) };
  const traffic = router.read(input);
  const targets = { workload, traffic: { router, restorer, input } };
  if (isFinding(traffic))
    return { ...targets, observed: { ...common, traffic: finding(traffic), isTrafficWritten: false } };
  const weight = routesOf(workload.input.spec, status, workload.state);
  const isTrafficWritten = isDone(router, input, weight);
  const isTrafficWaiting = router.isWaiting?.(input, weight) === true;
  const snapshot = snapshotOf(workload, router, input);
  const isLed = isTrafficWritten || (weight.canaryWeight === 0 && common.isTrafficRestored);
  const awaited = isLed && isOnTheWay(status) ? router.awaits?.(input, weight) : undefined;
  return {
    ...targets,
    observed: {
      ...common,
      traffic,
      isTrafficWritten,
      ...(isTrafficWaiting ? { isTrafficWaiting } : {}),
      ...(awaited === undefined ? {} : { awaited }),
      snapshot,
    },
  };
}

/** Done is what was read, not what was found nothing to write for. */
function restoring(
  status: Release['status'],
  restorer: Router,
  input: TrafficInput,
): Pick<Observed, 'isTrafficRestored' | 'notRestored' | 'unseen'> {
  // A pin on a Deployment's own pods is Serin's, and goes whether it was remembered or not.
  if (status?.taken === undefined && input.spec.workload.deployment === undefined) return { isTrafficRestored: true };
  if (!isDone(restorer, input, { kind: 'restore' })) return { isTrafficRestored: false };
  const left = restorer.unrestored?.(input);
  if (left !== undefined) return { isTrafficRestored: false, notRestored: left };
  const unseen = restorer.unseen?.(input);
  return { isTrafficRestored: true, ...(unseen === undefined ? {} : { unseen }) };
}

const isDone = (router: Router, input: TrafficInput, intent: TrafficIntent): boolean =>
  router.write(input, intent).length === 0 && router.isWaiting?.(input, intent) !== true;

function snapshotOf(workload: ReadWorkload, router: Router, input: TrafficInput): TakenState {
  const fromWorkload = workload.adapter.snapshot(workload.input);
  const fromRoutes = router.snapshot({ ...input, taken: undefined });
  return {
    ...(fromRoutes === undefined ? {} : { traffic: fromRoutes }),
    ...(fromWorkload === undefined ? {} : { workload: fromWorkload }),
  };
}

function scaling({ adapter, input, state }: ReadWorkload): Pick<Observed, 'isWorkloadRestored' | 'canScale'> {
  const taken = input.status?.taken?.workload;
  const another = { kind: 'scaleCanary', replicas: (state.canary?.desiredReplicas ?? 0) + 1 } as const;
  return {
    // What a Deployment in place has beside it is Serin's own, and goes whether it was remembered or not.
    isWorkloadRestored:
      (taken === undefined && state.inPlace === undefined) ||
      adapter.write(input, { kind: 'restore', taken }).length === 0,
    canScale: state.canary !== undefined && adapter.write(input, another).length > 0,
  };
}

function withWorkload(adapter: WorkloadAdapter, input: WorkloadInput, state: WorkloadState, traffic: Finding): Targets {
  const workload = { adapter, input, state };
  return {
    workload,
    observed: {
      workload: state,
      traffic: finding(traffic),
      isTrafficWritten: false,
      isTrafficRestored: false,
      ...scaling(workload),
    },
  };
}

function unreachable(workload: Finding, traffic: Finding): Targets {
  return {
    observed: {
      workload: finding(workload),
      traffic: finding(traffic),
      isTrafficWritten: false,
      isTrafficRestored: false,
      isWorkloadRestored: false,
      canScale: false,
    },
  };
}

const finding = ({ reason, message }: Finding): Finding => ({ reason, message });
