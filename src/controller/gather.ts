/** All reads of one pass, as plain data for `release/decide.ts`, with the inputs that the adapters need to write. */
import { type Finding, type KubeObject, TYPES } from '../api/meta.ts';
import type { Release, TakenState } from '../api/release.ts';
import type { Clock } from '../clock.ts';
import { conflictOf } from '../release/claims.ts';
import { ordersOf } from '../release/gated/orders.ts';
import type { GateState, Observed, TrafficState, WorkloadState } from '../release/observed.ts';
import type { GateAnswer } from '../gates/port.ts';
import { isGatedSpec } from '../release/gated/plan.ts';
import { routesOf } from '../release/in-place.ts';
import { runNameOf } from '../release/transitions.ts';
import type { Router, TrafficInput } from '../traffic/port.ts';
import type { ObjectSet, WorkloadAdapter, WorkloadInput } from '../workloads/port.ts';
import { analysisSpecOf, isFinding } from './analysis-spec.ts';
import { fetchObjects, type ObjectReader } from './object-set.ts';
import { abortRevisionOf, requestOf } from './requests.ts';
import { runStateOf } from './run-state.ts';
import { parseRelease, wellFormed } from './spec.ts';

/** The adapters, by what a Release names. `main.ts` fills it. */
export interface Adapters {
  readonly workloadOf: (spec: Release['spec']) => WorkloadAdapter | Finding;
  readonly routerOf: (spec: Release['spec']) => Router | Finding;
  /** The router that wrote `status.taken.traffic`, even when the spec names another by now. */
  readonly routerThatTook: (taken: NonNullable<Release['status']>['taken']) => Router | undefined;
  /** The newest answer of the gate that the release stands at; see `gates/asking.ts`. */
  readonly gateAnswerOf?: (release: Release) => GateAnswer | undefined;
  readonly trafficHintOf: (workload: WorkloadState, traffic: TrafficState) => string | undefined;
}

export interface GatherDeps extends Adapters {
  readonly reader: ObjectReader;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly gridMs: number;
}

export interface Gathered {
  readonly observed: Observed;
  readonly reader: ObjectReader;
  readonly workload?: {
    readonly adapter: WorkloadAdapter;
    readonly input: WorkloadInput;
    readonly state: WorkloadState;
  };
  readonly traffic?: { readonly router: Router; readonly restorer: Router; readonly input: TrafficInput };
}

/** `undefined` when the Release does not exist (any more). */
export async function gather(deps: GatherDeps, key: string): Promise<Gathered | undefined> {
  const [namespace = '', name = ''] = key.split('/');
  const object = await deps.reader.get({ type: TYPES.release, namespace, name });
  if (object === undefined) return undefined;
  const { release, invalid } = parseRelease(object);
  const [seen, run, conflict] = await Promise.all([
    readTargets(deps, release),
    readRun(deps, release),
    readConflict(deps, release),
  ]);
  const analysis = await readAnalysis(deps, release, seen.workload?.state, run !== undefined);
  const [abortRevision, request] = [abortRevisionOf(release), requestOf(release)];
  const runState = runStateOf(run, release);
  const gateAnswer = invalid === undefined ? deps.gateAnswerOf?.(release) : undefined;
  return {
    reader: deps.reader,
    ...(seen.workload === undefined ? {} : { workload: seen.workload }),
    ...(seen.traffic === undefined ? {} : { traffic: seen.traffic }),
    observed: {
      release,
      ...seen.observed,
      ...(runState === undefined ? {} : { run: runState }),
      ...(analysis === undefined ? {} : { analysis }),
      ...(invalid === undefined ? {} : { invalid }),
      ...(conflict === undefined ? {} : { conflict }),
      ...(gateAnswer === undefined ? {} : { gateAnswer }),
      ...(abortRevision === undefined ? {} : { abortRevision }),
      ...(request === undefined ? {} : { request }),
      nowMs: deps.clock.nowMs(),
    },
  };
}

type Targets = Pick<Gathered, 'workload' | 'traffic'> & {
  readonly observed: Pick<
    Observed,
    | 'workload'
    | 'traffic'
    | 'isTrafficWritten'
    | 'isTrafficRestored'
    | 'isWorkloadRestored'
    | 'canScale'
    | 'snapshot'
    | 'order'
  >;
};

/** Workload and routes: what they hold, and what would be written. */
async function readTargets(deps: GatherDeps, release: Release): Promise<Targets> {
  const { spec, status } = release;
  const { namespace } = release.metadata;
  const adapter = deps.workloadOf(spec);
  if (isFinding(adapter)) return unreachable(adapter, adapter);
  if (isGatedSpec(spec)) return readGated(deps, release, adapter);
  const router = deps.routerOf(spec);
  const [workloadObjects, trafficObjects] = await Promise.all([
    fetchObjects(deps.reader, adapter.queries({ namespace, spec, status })),
    isFinding(router) ? router : fetchObjects(deps.reader, router.queries({ namespace, spec })),
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

/** Another controller moves pods and traffic: there are no routes to read, but perhaps something to ask it for. */
async function readGated(
  deps: GatherDeps,
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
  deps: GatherDeps,
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
    ...(status?.taken === undefined ? {} : { intendedWeight: routesOf(spec, status, state).canaryWeight }),
  };
}

function withTraffic(
  deps: GatherDeps,
  workload: NonNullable<Gathered['workload']>,
  router: Router,
  input: TrafficInput,
): Targets {
  const { status } = workload.input;
  const restorer = deps.routerThatTook(status?.taken) ?? router;
  const common = {
    ...scaling(workload),
    workload: workload.state,
    isTrafficRestored: status?.taken === undefined || restorer.write(input, { kind: 'restore' }).length === 0,
  };
  const traffic = router.read(input);
  const targets = { workload, traffic: { router, restorer, input } };
  if (isFinding(traffic))
    return { ...targets, observed: { ...common, traffic: finding(traffic), isTrafficWritten: false } };
  const weight = routesOf(workload.input.spec, status, workload.state);
  const isTrafficWritten = router.write(input, weight).length === 0;
  const snapshot = snapshotOf(workload, router, input);
  return { ...targets, observed: { ...common, traffic, isTrafficWritten, snapshot } };
}

function snapshotOf(workload: NonNullable<Gathered['workload']>, router: Router, input: TrafficInput): TakenState {
  const fromWorkload = workload.adapter.snapshot(workload.input);
  const fromRoutes = router.snapshot({ ...input, taken: undefined });
  return {
    ...(fromRoutes === undefined ? {} : { traffic: fromRoutes }),
    ...(fromWorkload === undefined ? {} : { workload: fromWorkload }),
  };
}

function scaling({
  adapter,
  input,
  state,
}: NonNullable<Gathered['workload']>): Pick<Observed, 'isWorkloadRestored' | 'canScale'> {
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

function readRun({ reader }: GatherDeps, { metadata, status }: Release): Promise<KubeObject | undefined> {
  const { canary } = status?.revision ?? {};
  const made =
    canary === undefined || status?.attempt === undefined
      ? undefined
      : runNameOf(metadata.name, canary, status.attempt);
  const name = status?.analysisRun ?? made;
  return name === undefined
    ? Promise.resolve(undefined)
    : reader.get({ type: TYPES.analysisRun, namespace: metadata.namespace, name });
}

async function readConflict({ reader }: GatherDeps, release: Release): Promise<Finding | undefined> {
  const others = await reader.list(TYPES.release, release.metadata.namespace);
  // Metadata is the API server's; of the spec only what is well-formed counts as a claim.
  const claimants = others.map((other) => ({
    metadata: other.metadata as Release['metadata'],
    spec: wellFormed(other['spec']),
  }));
  return conflictOf(release, claimants);
}

async function readAnalysis(
  deps: GatherDeps,
  release: Release,
  workload: WorkloadState | undefined,
  hasRun: boolean,
): Promise<Observed['analysis']> {
  if (release.spec.analysis === undefined || workload === undefined || hasRun) return undefined;
  const { revision, attempt } = release.status ?? {};
  const spec = await analysisSpecOf(deps.reader, {
    release,
    workload,
    revision: revision?.canary ?? 'none',
    attempt: attempt ?? 1,
    nowMs: deps.clock.nowMs(),
    gridMs: deps.gridMs,
  });
  return isFinding(spec) ? finding(spec) : { kind: 'resolved', digest: '' };
}
