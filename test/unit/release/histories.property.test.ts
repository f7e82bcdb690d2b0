/** Random histories of a release: whatever people, judges, clocks and crashes do, traffic only rises for a stated reason. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Outcome } from '../../../src/judge/verdict.ts';
import { sameJson } from '../../../src/api/fields.ts';
import { nextAction } from '../../../src/release/decide.ts';
import { closedCause } from '../../../src/release/windows.ts';
import { isComparable, isRaised, planOf as planOfSpec } from '../../../src/release/plan.ts';
import type { PersonRequest } from '../../../src/release/observed.ts';
import {
  aSpec,
  anAnalysis,
  apply,
  aVerdict,
  aWorld,
  canaryShare,
  idleOf,
  liveOf,
  observe,
  settle,
  type World,
} from './world.ts';

type Event = (world: World, ghost: Ghost) => void;

/** What an outside observer remembers of the evidence: for which (revision, attempt, weight) a Pass was there to be seen. */
interface Ghost {
  readonly passed: Set<string>;
  readonly allowed: Set<string>;
  /** Analysis steps, by the name of their run, that may be left. */
  readonly leavable: Set<string>;
  requests: number;
}

const keyOf = (world: World): string => {
  const { revision, attempt, weight, beside } = world.status ?? aVerdictless;
  return `${revision.canary}/${attempt}/${weight}/${JSON.stringify(beside)}`;
};
const aVerdictless = { revision: { canary: '' }, attempt: 0, weight: 0, beside: undefined };

/** One pass of the service: decide, apply, and maybe die before or after the write. */
function reconcile(world: World, ghost: Ghost, isTwice: boolean): void {
  const seen = observe(world);
  remember(world, ghost, seen);
  const before = structuredClone(world);
  const action = nextAction(seen);
  apply(world, seen, action);
  if (isTwice) {
    const once = structuredClone({ ...world, told: [] });
    apply(world, seen, action);
    expect({ ...world, told: [] }).toEqual(once);
  }
  checkStep(before, world, ghost);
}

function remember(world: World, ghost: Ghost, { run, stepRun }: ReturnType<typeof observe>): void {
  const { status } = world;
  const isAllowed = world.spec.analysis?.onInconclusive === 'advance';
  if (stepRun?.verdict?.outcome === 'Pass' || (isAllowed && stepRun?.verdict?.outcome === 'Inconclusive'))
    ghost.leavable.add(stepRun.name);
  const verdict = run?.verdict;
  if (verdict === undefined || status?.step === undefined) return;
  const isThisOne =
    verdict.revision === status.revision.canary &&
    verdict.attempt === status.attempt &&
    verdict.step === status.step.index &&
    verdict.weight === status.weight;
  if (!isThisOne) return;
  if (verdict.outcome === 'Pass') ghost.passed.add(keyOf(world));
  if (verdict.outcome === 'Inconclusive' && verdict.hadEnoughData) ghost.allowed.add(keyOf(world));
}

function checkStep(before: World, after: World, ghost: Ghost): void {
  const weight = after.status?.weight ?? 0;
  expect(Number.isInteger(weight) && weight >= 0 && weight <= 100).toBe(true);
  expect(after.route >= 0 && after.route <= 100).toBe(true);
  if (before.status !== undefined && after.status !== undefined && isRaised(before.status, after.status))
    expect(whyRaised(before, after, ghost), JSON.stringify([before.status, after.status, before.spec])).not.toBe(
      'nothing',
    );
  if (isPastAnalysis(before, after)) {
    expect(ghost.leavable).toContain(before.status?.stepRuns?.at(-1));
  }
  // Routes only ever rise to what status says.
  const isSwap = liveOf(before) !== liveOf(after);
  if (!isSwap && canaryShare(after) > canaryShare(before)) expect(canaryShare(after)).toBeLessThanOrEqual(weight);
  // What stands beside weights is what status says, or is on its way out.
  if (!sameJson(before.beside, after.beside)) expect([undefined, after.status?.beside]).toContainEqual(after.beside);
  // A revision is promoted only from 100 %.
  if (isSwap && before.spec.mode !== 'observe')
    expect(before.status?.weight === 100 && canaryShare(before) === 100).toBe(true);
}

/** An analysis step was left for the next one, by nobody's request and with the same plan. */
function isPastAnalysis({ status, spec }: World, { status: after }: World): boolean {
  const plan = planOfSpec(spec);
  if (status?.step === undefined || after?.step === undefined || plan.kind !== 'plan' || spec.mode === 'observe')
    return false;
  const isAsked = after.handledRequest?.id !== status.handledRequest?.id;
  const isSamePlan = status.plan === plan.hash && after.plan === plan.hash && status.attempt === after.attempt;
  const isNext = after.step.index === status.step.index + 1;
  return plan.steps[status.step.index - 1]?.kind === 'analysis' && isNext && isSamePlan && !isAsked;
}

function whyRaised(before: World, after: World, ghost: Ghost): string {
  const { status } = before;
  if (status === undefined || after.status === undefined) return 'nothing';
  if (before.spec.mode === 'observe') return 'others';
  if (after.status.handledRequest?.id !== status.handledRequest?.id && after.status.handledRequest?.result === 'done')
    return 'a person';
  if (
    after.status.phase === 'Promoting' &&
    ['PromotedByPerson', 'RolledBackToPrevious'].includes(after.status.reason ?? '')
  )
    return 'a person';
  if (closedCause(before.spec, before.nowMs) !== undefined) return 'nothing';
  if (before.spec.analysis === undefined) return 'timetable';
  const isFirst =
    !isComparable(status.weight, status.beside ?? {}) &&
    after.status.step?.index !== undefined &&
    after.status.weight <= FIRST_WEIGHT[planOf(before)];
  if (isFirst && before.runs.has(status.analysisRun ?? '')) return 'the first step';
  if (ghost.passed.has(keyOf(before))) return 'a Pass';
  if (before.spec.analysis.onInconclusive === 'advance' && ghost.allowed.has(keyOf(before))) return 'policy';
  return 'nothing';
}

const MATCH = { headers: { 'x-canary': { exact: '1' } } };
const SMOKE = { analysis: { templates: [{ name: 'smoke' }] } };
const PLANS = {
  short: { stepWeights: [10, 25, 50] },
  long: {
    steps: [
      { setWeight: 5 },
      { pause: { duration: '1m' } },
      { setWeight: 40 },
      { judge: { atLeast: '1m' } },
      { pause: {} },
    ],
  },
  smoked: { steps: [SMOKE, { setWeight: 30 }, { judge: {} }, SMOKE, SMOKE, { setWeight: 60 }] },
  beside: {
    steps: [
      { mirror: 10 },
      { setWeight: 15 },
      { match: MATCH },
      { match: { ...MATCH, share: 50 } },
      { setWeight: 60 },
      { mirror: 0 },
      { pause: {} },
    ],
  },
  full: { steps: [{ setReplicas: '50%' }, { setWeight: 20 }, { setWeight: 100 }, { pause: { duration: '30s' } }] },
} as const;
type PlanName = keyof typeof PLANS;
const FIRST_WEIGHT: Readonly<Record<PlanName, number>> = { short: 10, long: 5, smoked: 30, beside: 0, full: 20 };

function planOf(world: World): PlanName {
  const canary = world.spec.strategy?.canary;
  if (canary?.stepWeights !== undefined) return 'short';
  if (canary?.steps?.length === 6) return 'smoked';
  if (canary?.steps?.length === 7) return 'beside';
  return canary?.steps?.length === 5 ? 'long' : 'full';
}

const revisions = fc.constantFrom('aaa', 'bbb', 'ccc', 'ddd', 'eee');
const outcomes = fc.constantFrom<Outcome[]>('Pass', 'Pass', 'Fail', 'Inconclusive', 'Continue');
const verbs = fc.constantFrom<PersonRequest['verb'][]>(
  'promote',
  'promote-full',
  'pause',
  'resume',
  'retry',
  'skip-step',
);

/** Windows and freezes; the last of each kind is always closed. */
const TIMES: readonly Pick<World['spec'], 'windows' | 'freezes'>[] = [
  { windows: [{ from: '00:00', to: '24:00' }] },
  { windows: [{ days: ['Sun'], from: '03:00', to: '04:00' }] },
  { freezes: [] },
  { freezes: [{ from: '2025-01-01T00:00:00Z', to: '2030-01-01T00:00:00Z' }] },
];

const editSpec = (world: World, change: Partial<World['spec']>): void => {
  world.spec = { ...world.spec, ...change };
  world.generation++;
  world.resourceVersion++;
};

const events: readonly fc.Arbitrary<Event>[] = [
  fc.boolean().map(
    (isTwice): Event =>
      (world, ghost) =>
        reconcile(world, ghost, isTwice),
  ),
  fc.integer({ min: 2, max: 12 }).map(
    (passes): Event =>
      (world, ghost) => {
        for (let i = 0; i < passes; i++) reconcile(world, ghost, false);
      },
  ),
  // A worker that decided on an old picture writes late.
  fc.constant<Event>((world, ghost) => {
    const seen = observe(structuredClone(world));
    const action = nextAction(seen);
    reconcile(world, ghost, false);
    const before = structuredClone(world);
    apply(world, seen, action);
    checkStep(before, world, ghost);
  }),
  fc.tuple(outcomes, fc.boolean(), fc.boolean(), fc.boolean()).map(
    ([outcome, isForeign, isBlind, hadEnoughData]): Event =>
      (world) => {
        const run = world.runs.get(world.status?.analysisRun ?? '');
        world.nowMs += 1_000;
        if (run === undefined) return;
        const blind = isBlind ? { blindSinceMs: world.nowMs - 120_000, outcome: 'Continue' as const } : {};
        run.verdict = aVerdict(world, { outcome, hadEnoughData, ...blind, ...(isForeign ? { step: 1 } : {}) });
      },
  ),
  fc.constantFrom(1_000, 10_000, 60_000, 180_000, 1_800_000).map(
    (ms): Event =>
      (world) => {
        world.nowMs += ms;
      },
  ),
  revisions.map(
    (revision): Event =>
      (world) => {
        world.members[idleOf(world)].revision = revision;
      },
  ),
  fc.constant<Event>((world) => {
    world.members[liveOf(world)].revision = 'fff';
  }),
  fc.tuple(fc.constantFrom('web-v1' as const, 'web-v2' as const), fc.boolean(), fc.boolean()).map(
    ([member, isReady, isCrashLooping]): Event =>
      (world) => {
        Object.assign(world.members[member], { isReady, isCrashLooping: isCrashLooping && !isReady });
      },
  ),
  fc.integer({ min: 0, max: 100 }).map(
    (route): Event =>
      (world) => {
        world.route = route;
      },
  ),
  fc.constantFrom<World['beside'][]>(undefined, { mirror: 90 }).map(
    (beside): Event =>
      (world) => {
        world.beside = beside;
      },
  ),
  fc.tuple(verbs, fc.boolean()).map(
    ([verb, isCurrent]): Event =>
      (world, ghost) => {
        const revision = isCurrent ? (world.status?.revision.canary ?? 'aaa') : 'ccc';
        world.request = { verb, revision, id: String(ghost.requests++), actor: 'ada' };
      },
  ),
  fc.boolean().map(
    (isSet): Event =>
      (world) => {
        world.abortRevision = isSet ? world.status?.revision.canary : undefined;
      },
  ),
  fc.boolean().map(
    (paused): Event =>
      (world) =>
        editSpec(world, { paused }),
  ),
  fc.constantFrom<PlanName[]>('short', 'long', 'smoked', 'beside', 'full').map(
    (plan): Event =>
      (world) =>
        editSpec(world, { strategy: { canary: structuredClone(PLANS[plan]) as never } }),
  ),
  fc.constant<Event>((world) => editSpec(world, { strategy: { canary: { stepWeights: [50, 10] } } })),
  fc.constantFrom('hold' as const, 'abort' as const, 'advance' as const).map(
    (onInconclusive): Event =>
      (world) =>
        editSpec(world, { analysis: { ...anAnalysis, onInconclusive } }),
  ),
  fc.constantFrom('act' as const, 'act' as const, 'observe' as const).map(
    (mode): Event =>
      (world) =>
        editSpec(world, { mode }),
  ),
  fc.constantFrom(...TIMES).map(
    (times): Event =>
      (world) =>
        editSpec(world, times),
  ),
  fc.constantFrom('10m', undefined).map(
    (retryAfter): Event =>
      (world) =>
        editSpec(world, { analysis: { ...anAnalysis, ...(retryAfter === undefined ? {} : { retryAfter }) } }),
  ),
  fc.boolean().map(
    (isMissing): Event =>
      (world) => {
        world.isRouteMissing = isMissing;
      },
  ),
  fc.constant<Event>((world) => world.runs.delete(world.status?.analysisRun ?? '')),
  fc.tuple(outcomes, fc.boolean(), fc.boolean()).map(
    ([outcome, isForeign, hadEnoughData]): Event =>
      (world) => {
        const run = world.runs.get(world.status?.stepRuns?.at(-1) ?? '');
        world.nowMs += 1_000;
        if (run !== undefined)
          run.verdict = aVerdict(world, { outcome, hadEnoughData, ...(isForeign ? { step: 1 } : {}) });
      },
  ),
  fc.boolean().map(
    (isDeleted): Event =>
      (world) => {
        const name = world.status?.stepRuns?.at(-1) ?? '';
        const run = world.runs.get(name);
        if (isDeleted) world.runs.delete(name);
        else if (run !== undefined) run.isFinished = true;
      },
  ),
];

/** A judge that passes what is there, and the service that goes on: without it hardly any history would get beyond its first step. */
const passes = fc.constant<Event>((world, ghost) => {
  world.nowMs += 61_000;
  for (const name of [world.status?.analysisRun, world.status?.stepRuns?.at(-1)]) {
    const run = world.runs.get(name ?? '');
    if (run !== undefined) run.verdict = aVerdict(world, { outcome: 'Pass' });
  }
  for (let i = 0; i < 8; i++) reconcile(world, ghost, false);
});

const history = fc.array(
  fc.oneof({ weight: 6, arbitrary: events[1] ?? fc.constant(() => {}) }, { weight: 12, arbitrary: passes }, ...events),
  {
    minLength: 5,
    maxLength: 60,
  },
);

function play(steps: readonly Event[], spec: World['spec'] = aSpec()): { world: World; ghost: Ghost } {
  const world = aWorld({ spec });
  const ghost: Ghost = { passed: new Set(), allowed: new Set(), leavable: new Set(), requests: 0 };
  for (let i = 0; i < 3; i++) reconcile(world, ghost, true);
  // Every second history begins in a release.
  if (steps.length % 2 === 0) {
    world.members['web-v2'].revision = 'ccc';
    for (let i = 0; i < 16; i++) reconcile(world, ghost, true);
  }
  for (const step of steps) step(world, ghost);
  return { world, ghost };
}

const plans = fc
  .constantFrom(...Object.values(PLANS))
  .map((plan) => aSpec({ strategy: { canary: structuredClone(plan) as never } }));

/** More on request: `SERIN_FC_RUNS=5000`. */
const RUNS = { numRuns: Number(process.env['SERIN_FC_RUNS'] ?? 300) };

test('weights stay within 0 and 100, and rise only after a Pass, by policy, by a person or at the first step', () => {
  fc.assert(
    fc.property(history, plans, (steps, spec) => void play(steps, spec)),
    RUNS,
  );
}, 300_000);

test('whatever happened, no run of a step is left to be measured once the release is over', () => {
  fc.assert(
    fc.property(history, (steps) => {
      const { world } = play(steps, aSpec({ strategy: { canary: structuredClone(PLANS.smoked) as never } }));
      world.isRouteMissing = false;
      world.abortRevision = world.members[idleOf(world)].revision;
      settle(world);
      const stepRuns = [...world.runs].filter(([name]) => /^web-[a-z]+-\d+-\d+-/.test(name));
      expect(stepRuns.filter(([, { isFinished }]) => !isFinished)).toEqual([]);
    }),
    RUNS,
  );
}, 300_000);

test('there is always an end: without new events, a few actions lead to waiting', () => {
  fc.assert(
    fc.property(history, plans, (steps, spec) => {
      const { world } = play(steps, spec);
      settle(world);
      const once = structuredClone(world);
      settle(world);
      expect(world).toEqual(once);
    }),
    RUNS,
  );
}, 300_000);

test('an abort always reaches 0 %, whatever went before', () => {
  fc.assert(
    fc.property(history, plans, (steps, spec) => {
      const { world } = play(steps, spec);
      world.isRouteMissing = false;
      world.abortRevision = world.members[idleOf(world)].revision;
      settle(world);
      const isOver = !['Waiting', 'Progressing', 'Held', 'Promoting', 'Aborting'].includes(world.status?.phase ?? '');
      expect(isOver).toBe(true);
      expect(world.status?.weight).toBe(0);
      // A route that nobody took is nobody's to put back.
      if (world.status?.taken !== undefined) expect(canaryShare(world)).toBe(0);
      if (world.status?.taken !== undefined) expect(world.beside).toBeUndefined();
    }),
    RUNS,
  );
}, 300_000);

test('a deletion always ends, with the canary at 0 % if Serin ever touched the routes', () => {
  fc.assert(
    fc.property(history, plans, fc.boolean(), (steps, spec, isRouteMissing) => {
      const { world } = play(steps, spec);
      const hadTaken = world.status?.taken !== undefined;
      world.isRouteMissing = isRouteMissing;
      world.deletionTimestamp = new Date(world.nowMs).toISOString();
      world.resourceVersion++;
      settle(world);
      expect(world.finalizers).toEqual([]);
      if (hadTaken && !isRouteMissing) expect(canaryShare(world)).toBe(0);
      if (hadTaken && !isRouteMissing) expect(world.beside).toBeUndefined();
    }),
    RUNS,
  );
}, 300_000);

test('people are told of every promotion, at least once', () => {
  fc.assert(
    fc.property(history, plans, (steps, spec) => {
      const { world } = play(steps, spec);
      world.isRouteMissing = false;
      settle(world);
      const ids = world.told.map(({ id }) => id);
      const ended = (world.status?.history ?? []).filter(({ outcome }) => outcome === 'Promoted');
      for (const { revision, attempt } of ended) {
        expect(ids.some((id) => id.endsWith(`/${revision}/${attempt}/promoted`))).toBe(true);
      }
    }),
    RUNS,
  );
}, 300_000);
