/**
 * A tiny world for the pure core: a pair of workloads behind one weighted route, runs with verdicts, people, a clock. It obeys Actions
 * as the API server would: a status write only over the version that was read, a route write only over the weights that were read.
 */
import type { Release, ReleaseSpec, ReleaseStatus } from '../../../src/api/release.ts';
import { sameJson } from '../../../src/api/fields.ts';
import { routesOf } from '../../../src/release/in-place.ts';
import type { Beside } from '../../../src/release/steps.ts';
import type { StepVerdict } from '../../../src/judge/verdict.ts';
import type { Action, Announcement } from '../../../src/release/action.ts';
import { nextAction } from '../../../src/release/decide.ts';
import { planOf } from '../../../src/release/plan.ts';
import { wasRouted } from '../../../src/release/situation.ts';
import { runPartOf, stepRunNameOf } from '../../../src/release/step-run.ts';
import type { ArmState, Observed, PersonRequest } from '../../../src/release/observed.ts';

export type Member = 'web-v1' | 'web-v2';

export interface Deployment {
  revision: string;
  replicas: number;
  isReady: boolean;
  isCrashLooping: boolean;
}

export interface World {
  nowMs: number;
  isGone: boolean;
  resourceVersion: number;
  generation: number;
  spec: ReleaseSpec;
  status: ReleaseStatus | undefined;
  finalizers: string[];
  deletionTimestamp: string | undefined;
  members: Record<Member, Deployment>;
  /** Percent for web-v2; the rest goes to web-v1. */
  route: number;
  /** What the routes give beside weights. */
  beside: Beside | undefined;
  isRouteMissing: boolean;
  runs: Map<string, { isFinished: boolean; share?: number; verdict?: StepVerdict }>;
  gateAnswer: Observed['gateAnswer'];
  /** What requests are waited for, while the routes are not said to carry the weight. */
  awaited: string | undefined;
  stepFinding: Observed['stepAnalysis'];
  abortRevision: string | undefined;
  request: PersonRequest | undefined;
  told: Announcement[];
}

export const START_MS = Date.parse('2026-01-01T00:00:00Z');

export const anAnalysis: NonNullable<ReleaseSpec['analysis']> = { templates: [{ name: 'web' }] };

export const aSpec = (change: Partial<ReleaseSpec> = {}): ReleaseSpec => ({
  workload: { pair: { members: ['web-v1', 'web-v2'] } },
  traffic: { istio: { virtualService: { name: 'web' } } },
  strategy: { canary: { stepWeights: [10, 25, 50] } },
  analysis: anAnalysis,
  ...change,
});

export const aWorld = (change: Partial<World> = {}): World => ({
  nowMs: START_MS,
  isGone: false,
  resourceVersion: 1,
  generation: 1,
  spec: aSpec(),
  status: undefined,
  finalizers: [],
  deletionTimestamp: undefined,
  members: {
    'web-v1': { revision: 'aaa', replicas: 4, isReady: true, isCrashLooping: false },
    'web-v2': { revision: 'bbb', replicas: 4, isReady: true, isCrashLooping: false },
  },
  route: 0,
  beside: undefined,
  isRouteMissing: false,
  runs: new Map(),
  gateAnswer: undefined,
  awaited: undefined,
  stepFinding: undefined,
  abortRevision: undefined,
  request: undefined,
  told: [],
  ...change,
});

export const liveOf = (world: World): Member => (world.status?.pair?.live === 'web-v2' ? 'web-v2' : 'web-v1');
export const idleOf = (world: World): Member => (liveOf(world) === 'web-v1' ? 'web-v2' : 'web-v1');
/** Percent that the member which is not live gets. */
export const canaryShare = (world: World): number => (idleOf(world) === 'web-v2' ? world.route : 100 - world.route);

export function observe(world: World): Observed {
  const share = canaryShare(world);
  const intended = world.status?.weight ?? 0;
  const isBeside = sameJson(
    world.beside,
    world.status === undefined ? undefined : routesOf(world.spec, world.status, undefined).beside,
  );
  const run = currentRun(world);
  const taken = world.status?.taken;
  return {
    release: releaseOf(world),
    workload: {
      kind: 'workload',
      stable: armOf(world, liveOf(world)),
      canary: armOf(world, idleOf(world)),
      isAutoscaled: false,
    },
    traffic: world.isRouteMissing
      ? { reason: 'RouteNotFound', message: 'There is no VirtualService "web". Create it.' }
      : {
          kind: 'traffic',
          canaryWeight: share,
          drift: share === intended && isBeside ? [] : [`web-v2 has ${world.route}`],
        },
    isTrafficWritten: share === intended && isBeside,
    // Routes that are gone hold nothing that could be given back.
    isTrafficRestored: world.isRouteMissing || (share === 0 && world.beside === undefined),
    isWorkloadRestored:
      taken?.workload === undefined || world.members[idleOf(world)].replicas === taken.workload['replicas'],
    canScale: world.members[idleOf(world)].replicas === 0 || taken?.workload !== undefined,
    snapshot: {
      traffic: { route: world.route },
      ...(world.members[idleOf(world)].replicas === 0 ? { workload: { replicas: 0 } } : {}),
    },
    ...(run === undefined ? {} : { run }),
    ...stepRunsOf(world),
    ...(world.awaited === undefined || world.status === undefined || wasRouted(world.status)
      ? {}
      : { awaited: world.awaited }),
    ...(world.stepFinding === undefined || world.status?.step === undefined ? {} : { stepAnalysis: world.stepFinding }),
    ...(world.spec.analysis === undefined ? {} : { analysis: { kind: 'resolved', digest: 'x' } }),
    ...(world.gateAnswer === undefined ? {} : { gateAnswer: world.gateAnswer }),
    ...(world.abortRevision === undefined ? {} : { abortRevision: world.abortRevision }),
    ...(world.request === undefined ? {} : { request: world.request }),
    nowMs: world.nowMs,
  };
}

function currentRun(world: World): Observed['run'] {
  const { status } = world;
  const name = status?.analysisRun ?? `web-${status?.revision.canary}-${status?.attempt}`;
  const run = world.runs.get(name);
  return run === undefined ? undefined : { name, ...run };
}

/** As the service reads them: the run of the step in force, and the oldest that is not. */
function stepRunsOf({ status, runs }: World): Pick<Observed, 'stepRun' | 'endingRun'> {
  const names = status?.stepRuns ?? [];
  const present = status === undefined ? undefined : stepRunNameOf('web', status);
  const read = (name: string | undefined): Observed['run'] => {
    const run = name === undefined ? undefined : runs.get(name);
    return run === undefined || name === undefined ? undefined : { name, ...run };
  };
  const [stepRun, endingRun] = [
    read(names.find((name) => name === present)),
    read(names.find((name) => name !== present)),
  ];
  return { ...(stepRun === undefined ? {} : { stepRun }), ...(endingRun === undefined ? {} : { endingRun }) };
}

function releaseOf(world: World): Release {
  return {
    apiVersion: 'serin.dev/v1alpha1',
    kind: 'Release',
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: '7f3c0000-0000',
      resourceVersion: String(world.resourceVersion),
      generation: world.generation,
      finalizers: world.finalizers,
      ...(world.deletionTimestamp === undefined ? {} : { deletionTimestamp: world.deletionTimestamp }),
    },
    spec: world.spec,
    ...(world.status === undefined ? {} : { status: world.status }),
  };
}

function armOf(world: World, member: Member): ArmState {
  const { revision, replicas, isReady, isCrashLooping } = world.members[member];
  return {
    workload: member,
    revision,
    podLabels: { app: 'web', version: member.slice(4) },
    desiredReplicas: replicas,
    readyReplicas: isReady ? replicas : 0,
    isSettled: isReady,
    pods: [
      { name: `${member}-1`, uid: '1', restartCount: isCrashLooping ? 5 : 0, isCrashLooping, startedAtMs: world.nowMs },
    ],
  };
}

/** Applies one Action that was decided on `seen`; a write over something that changed meanwhile is refused, as by the API server. */
export function apply(world: World, seen: Observed, action: Action): void {
  const isStale = seen.release.metadata.resourceVersion !== String(world.resourceVersion);
  switch (action.kind) {
    case 'writeStatus':
      if (!isStale) setStatus(world, action.status);
      return;
    case 'announce':
      world.told.push(...action.announcements);
      if (!isStale) setStatus(world, action.status);
      return;
    case 'addFinalizer':
    case 'removeFinalizer':
      if (isStale) return;
      world.finalizers = action.kind === 'addFinalizer' ? ['serin.dev/traffic'] : [];
      world.resourceVersion++;
      if (world.deletionTimestamp !== undefined && world.finalizers.length === 0) world.isGone = true;
      return;
    case 'createRun': {
      const plan = planOf(world.spec);
      const share = action.share ?? (plan.kind === 'plan' ? (runPartOf(plan, action.step).share ?? 1) : 1);
      if (!world.runs.has(action.name)) world.runs.set(action.name, { isFinished: false, share });
      return;
    }
    case 'finishRun': {
      const run = world.runs.get(action.name);
      if (run !== undefined) run.isFinished = true;
      return;
    }
    case 'writeTraffic': {
      const share = action.intent.kind === 'restore' ? 0 : action.intent.canaryWeight;
      // Giving back asks for no understanding of the routes as they are.
      const read = seen.traffic.kind === 'traffic' ? seen.traffic.canaryWeight : undefined;
      if (read === undefined ? action.intent.kind === 'restore' : read === canaryShare(world)) {
        setShare(world, share);
        world.beside = action.intent.kind === 'restore' ? undefined : action.intent.beside;
      }
      return;
    }
    case 'writeWorkload': {
      const { intent } = action;
      const replicas =
        intent.kind === 'restore'
          ? intent.taken?.['replicas']
          : intent.kind === 'scaleCanary'
            ? intent.replicas
            : undefined;
      if (typeof replicas === 'number') world.members[idleOf(world)].replicas = replicas;
      return;
    }
    case 'wait':
      return;
    default:
      action satisfies never;
  }
}

function setShare(world: World, share: number): void {
  world.route = idleOf(world) === 'web-v2' ? share : 100 - share;
}

function setStatus(world: World, status: ReleaseStatus): void {
  world.status = status;
  world.resourceVersion++;
}

/** A verdict whose identity fits the release as it stands, unless changed. */
export function aVerdict(world: World, change: Partial<StepVerdict> = {}): StepVerdict {
  return {
    outcome: 'Continue',
    revision: world.status?.revision.canary ?? '',
    attempt: world.status?.attempt ?? 0,
    step: world.status?.step?.index ?? 0,
    weight: world.status?.weight ?? 0,
    intervalEndMs: world.nowMs,
    reason: 'Judging',
    says: 'Evidence is being gathered.',
    odds: 1,
    abortAtOdds: 20,
    hadEnoughData: true,
    metrics: [],
    ...change,
  };
}

/** Release shop/web that steers already. */
export const releaseWith = (spec: ReleaseSpec, status: ReleaseStatus): Release => ({
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'Release',
  metadata: {
    name: 'web',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '1',
    generation: 1,
    finalizers: ['serin.dev/traffic'],
  },
  spec,
  status,
});

/** Decides and applies until there is only waiting left, without time passing, where besides `change` is seen. Throws when that never comes. */
export function settle(world: World, change: Partial<Observed> = {}, limit = 80): Action[] {
  const done: Action[] = [];
  while (!world.isGone) {
    const seen = { ...observe(world), ...change };
    const action = nextAction(seen);
    if (action.kind === 'wait') return done;
    apply(world, seen, action);
    done.push(action);
    if (done.length > limit)
      throw new Error(
        `never settles: ${done
          .slice(-6)
          .map((each) => JSON.stringify(each).slice(0, 300))
          .join('\n')}`,
      );
  }
  return done;
}

/** The judge speaks about the release as it stands, and Serin acts on it. */
export function judge(world: World, outcome: StepVerdict['outcome'], change: Partial<StepVerdict> = {}): Action[] {
  pass(world, 10_000);
  const run = world.runs.get(world.status?.analysisRun ?? '');
  if (run === undefined) throw new Error('There is no run to judge.');
  run.verdict = aVerdict(world, { outcome, ...REASONS[outcome], ...change });
  return settle(world);
}

const REASONS = {
  Pass: { reason: 'WithinMargin', says: 'The canary is no worse than stable.' },
  Fail: {
    reason: 'ErrorsAboveStable',
    says: 'errors: canary 5.06 % against stable 0.50 %.',
    metric: 'errors',
    odds: 3100,
  },
  Inconclusive: { reason: 'TooFewRequests', says: 'There is too little traffic.', hadEnoughData: false },
  Continue: { reason: 'Judging', says: 'Evidence is being gathered.' },
} as const satisfies Record<StepVerdict['outcome'], Partial<StepVerdict>>;

export function pass(world: World, ms: number): void {
  world.nowMs += ms;
}

/** A settled release of `web-v1` at revision aaa, then a new revision on the idle member. */
export function released(change: Partial<World> = {}, revision = 'ccc'): World {
  const world = aWorld(change);
  settle(world);
  world.members[idleOf(world)].revision = revision;
  settle(world);
  return world;
}

export function ask(
  world: World,
  verb: PersonRequest['verb'],
  revision = world.status?.revision.canary ?? '',
  id = `${verb}-${world.nowMs}`,
): Action[] {
  world.request = { verb, revision, id, actor: 'ada' };
  return settle(world);
}

export function conditionOf(world: World, type: string): string {
  const found = world.status?.conditions.find((condition) => condition.type === type);
  return found === undefined ? 'absent' : `${found.status} ${found.reason}`;
}
