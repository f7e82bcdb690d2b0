/** Releases that are switched: by table what each situation leads to, by random histories that users are never switched unjudged. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import type { Outcome } from '../../../src/judge/verdict.ts';
import { nextAction } from '../../../src/release/decide.ts';
import type { PersonRequest } from '../../../src/release/observed.ts';
import { planOf } from '../../../src/release/plan.ts';
import {
  apply,
  ask,
  aVerdict,
  aWorld,
  canaryShare,
  conditionOf,
  idleOf,
  liveOf,
  observe,
  pass,
  released,
  settle,
  type World,
} from './world.ts';

type BlueGreen = NonNullable<NonNullable<ReleaseSpec['strategy']>['blueGreen']>;

const PHASE = { templates: [{ name: 'bound' }] };
const BOTH: BlueGreen = { analysis: { before: PHASE, after: PHASE } };

const switched = (blueGreen: BlueGreen = BOTH, change: Partial<ReleaseSpec> = {}): ReleaseSpec => ({
  workload: { pair: { members: ['web-v1', 'web-v2'] } },
  traffic: { service: { name: 'web' } },
  strategy: { blueGreen },
  ...change,
});

/** The analysis of the step in force says so. */
function says(world: World, outcome: Outcome, change: Parameters<typeof aVerdict>[1] = {}): void {
  pass(world, 10_000);
  const run = world.runs.get(world.status?.stepRuns?.at(-1) ?? '');
  if (run === undefined) throw new Error('There is no run to judge.');
  run.verdict = aVerdict(world, { outcome, ...change });
  settle(world);
}

const at = ({ status }: World): string =>
  `${status?.phase} ${status?.weight} ${status?.step?.index}/${status?.step?.of}`;

describe('the plan', () => {
  test.each<{ name: string; blueGreen: BlueGreen; steps: string }>([
    { name: 'nothing judged', blueGreen: {}, steps: 'setWeight' },
    { name: 'before', blueGreen: { analysis: { before: PHASE } }, steps: 'analysis setWeight' },
    { name: 'after', blueGreen: { analysis: { after: PHASE } }, steps: 'setWeight analysis' },
    { name: 'a pause', blueGreen: { pause: {}, ...BOTH }, steps: 'analysis pause setWeight analysis' },
  ])('$name: $steps', ({ blueGreen, steps }) => {
    const plan = planOf(switched(blueGreen));
    expect(plan.kind === 'plan' ? plan.steps.map(({ kind }) => kind).join(' ') : plan.message).toBe(steps);
  });

  test.each<{ name: string; recreate: NonNullable<NonNullable<ReleaseSpec['strategy']>['recreate']>; steps: string }>([
    { name: 'recreate', recreate: {}, steps: 'setWeight' },
    {
      name: 'recreate, judged',
      recreate: { pause: {}, analysis: { after: PHASE } },
      steps: 'pause setWeight analysis',
    },
  ])('$name: $steps', ({ recreate, steps }) => {
    const plan = planOf({ workload: { pair: { members: ['web-v1', 'web-v2'] } }, strategy: { recreate } });
    expect(plan.kind === 'plan' ? plan.steps.map(({ kind }) => kind).join(' ') : plan.message).toBe(steps);
  });

  test.each<{ name: string; spec: ReleaseSpec; message: RegExp }>([
    {
      name: 'an analysis of the whole release',
      spec: switched(BOTH, { analysis: PHASE }),
      message: /^spec\.analysis compares .* Move its templates to spec\.strategy\.blueGreen\.analysis/,
    },
    {
      name: 'an analysis of the whole release, recreated',
      spec: { workload: { pair: { members: ['a', 'b'] } }, strategy: { recreate: {} }, analysis: PHASE },
      message: /Move its templates to spec\.strategy\.recreate\.analysis/,
    },
    {
      name: 'an analysis of nothing',
      spec: switched({ analysis: {} }),
      message: /judges nothing\. Write before, after/,
    },
    { name: 'observing', spec: switched(BOTH, { mode: 'observe' }), message: /^spec\.mode is observe/ },
    {
      name: 'a preview beside a mesh route',
      spec: switched({ preview: 'p' }, { traffic: { istio: { virtualService: { name: 'web' } } } }),
      message: /blueGreen\.preview is a Service .* Leave preview out/,
    },
    {
      name: 'a preview that is the Service of users',
      spec: switched({ preview: 'web' }),
      message: /Name another Service/,
    },
    {
      name: 'two scale-downs',
      spec: switched(
        { scaleDownAfter: '1m' },
        { workload: { pair: { members: ['web-v1', 'web-v2'], scaleDownAfter: '1m' } } },
      ),
      message: /scaleDownAfter is written twice/,
    },
    {
      name: 'an unreadable pause',
      spec: switched({ pause: { duration: 'soon' } }),
      message: /^spec\.strategy\.blueGreen\.pause\.duration is "soon"/,
    },
  ])('refuses $name', ({ spec, message }) => {
    const plan = planOf(spec);
    expect(plan.kind === 'plan' ? 'a plan' : plan.message).toMatch(message);
  });
});

describe('a switch', () => {
  test('waits for a Pass before it, and for one after it', () => {
    const world = released({ spec: switched() });
    expect(at(world)).toBe('Progressing 0 1/3');
    expect(canaryShare(world)).toBe(0);
    says(world, 'Continue');
    expect(canaryShare(world)).toBe(0);
    says(world, 'Pass');
    expect([at(world), canaryShare(world)]).toEqual(['Progressing 100 3/3', 100]);
    expect(liveOf(world)).toBe('web-v1');
    says(world, 'Pass');
    expect([world.status?.phase, liveOf(world), world.route]).toEqual(['Promoted', 'web-v2', 100]);
  });

  test('has a run for each analysis, with its half of the error probability, and leaves none', () => {
    const world = released({ spec: switched() });
    says(world, 'Pass');
    says(world, 'Pass');
    expect([...world.runs.values()].map(({ isFinished }) => isFinished)).toEqual([true, true]);
    expect(world.status?.stepRuns).toBeUndefined();
  });

  test('without an analysis is made as soon as the pods are ready, and says that nothing was judged', () => {
    const world = aWorld({ spec: switched({}) });
    settle(world);
    Object.assign(world.members['web-v2'], { revision: 'ccc', isReady: false });
    settle(world);
    expect(canaryShare(world)).toBe(0);
    world.members['web-v2'].isReady = true;
    settle(world);
    expect([world.status?.phase, liveOf(world)]).toEqual(['Promoted', 'web-v2']);
    expect(world.status?.verdict).toMatchObject({ outcome: 'Unjudged' });
  });

  test('is made with as many pods as users have, which the analysis before it sees too', () => {
    const world = aWorld({ spec: switched() });
    settle(world);
    Object.assign(world.members['web-v2'], { revision: 'ccc', replicas: 0 });
    settle(world);
    expect([world.members['web-v2'].replicas, at(world)]).toEqual([4, 'Progressing 0 1/3']);
  });

  test.each<{ when: string; passes: number; reached: number }>([
    { when: 'before it', passes: 0, reached: 0 },
    { when: 'after it', passes: 1, reached: 100 },
  ])('is given up at once on a Fail $when', ({ passes, reached }) => {
    const world = released({ spec: switched() });
    for (let i = 0; i < passes; i++) says(world, 'Pass');
    expect(canaryShare(world)).toBe(reached);
    says(world, 'Fail', { reason: 'AboveBound', says: 'errors: 9 % against a bound of 1 %.' });
    expect([world.status?.phase, world.status?.reason, canaryShare(world)]).toEqual(['Aborted', 'AboveBound', 0]);
    expect(world.status?.revision.rejected).toEqual(['ccc']);
    expect(world.status?.history?.at(-1)).toMatchObject({ outcome: 'Aborted', weight: reached });
  });

  test('waits for a person where the spec says so, and not inside a freeze', () => {
    const freezes = [{ from: '2025-01-01T00:00:00Z', to: '2027-01-01T00:00:00Z' }];
    const world = released({ spec: switched({ ...BOTH, pause: {} }) });
    world.spec = switched({ ...BOTH, pause: {} }, { freezes });
    says(world, 'Pass');
    expect(world.status?.reason).toBe('Frozen');
    world.spec = switched({ ...BOTH, pause: {} });
    world.generation++;
    settle(world);
    expect([at(world), world.status?.reason, canaryShare(world)]).toEqual(['Held 0 2/4', 'Paused', 0]);
    ask(world, 'resume');
    expect([at(world), canaryShare(world)]).toEqual(['Progressing 100 4/4', 100]);
  });

  test('lasts on a pause with a time as long as it says', () => {
    const world = released({ spec: switched({ pause: { duration: '10m' } }) });
    pass(world, 599_000);
    settle(world);
    expect(canaryShare(world)).toBe(0);
    pass(world, 1_000);
    settle(world);
    expect(world.status?.phase).toBe('Promoted');
  });

  test('is taken back after long blindness, which is no Fail, and a person decides', () => {
    const world = released({ spec: switched() });
    says(world, 'Pass');
    says(world, 'Continue', { blindSinceMs: world.nowMs });
    pass(world, 30 * 60_000);
    settle(world);
    expect([at(world), world.status?.reason, canaryShare(world)]).toEqual(['Held 0 0/3', 'Blind', 0]);
    expect(world.status?.revision.rejected).toEqual([]);
    ask(world, 'resume');
    expect(at(world)).toBe('Progressing 0 1/3');
  });

  test.each<{ policy: 'hold' | 'abort' | 'advance'; ends: string }>([
    { policy: 'hold', ends: 'Held 0 1/3' },
    { policy: 'abort', ends: 'Aborted 0 1/3' },
    { policy: 'advance', ends: 'Progressing 100 3/3' },
  ])('without a decision before it: $policy', ({ policy, ends }) => {
    const analysis = { before: { ...PHASE, onInconclusive: policy }, after: PHASE };
    const world = released({ spec: switched({ analysis }) });
    says(world, 'Inconclusive', { reason: 'TimeIsUp', hadEnoughData: true });
    expect(at(world)).toBe(ends);
  });

  test('is not made while the analysis after it could not be', () => {
    const world = released({ spec: switched() });
    world.stepFinding = { reason: 'TemplateNotFound', message: 'There is no AnalysisTemplate bound. Create it.' };
    says(world, 'Pass');
    expect([at(world), world.status?.reason, canaryShare(world)]).toEqual(['Held 0 1/3', 'TemplateNotFound', 0]);
    world.stepFinding = undefined;
    settle(world);
    expect(canaryShare(world)).toBe(100);
  });

  test('counts from when the endpoints follow it', () => {
    const world = released({ spec: switched() });
    world.awaited = 'not all pods are there yet.';
    says(world, 'Pass');
    expect([at(world), canaryShare(world), world.status?.step?.waitingFor]).toEqual([
      'Progressing 100 2/3',
      100,
      'traffic',
    ]);
    expect(world.status).toMatchObject({
      reason: 'WaitingForEndpoints',
      message: 'not all pods are there yet. (step 2 of 3)',
    });
    expect(conditionOf(world, 'TrafficRouted')).toMatch(/^False/);
    expect(nextAction(observe(world))).toEqual({ kind: 'wait', requeueAfterMs: 1_000 });
    pass(world, 119_000);
    world.awaited = undefined;
    settle(world);
    expect([at(world), conditionOf(world, 'TrafficRouted')]).toEqual(['Progressing 100 3/3', 'True Routed']);
  });

  test('is taken back when the endpoints do not follow it for two minutes', () => {
    const world = released({ spec: switched() });
    world.awaited = 'not all pods are there yet.';
    says(world, 'Pass');
    pass(world, 119_999);
    settle(world);
    expect(canaryShare(world)).toBe(100);
    pass(world, 1);
    settle(world);
    expect([world.status?.reason, canaryShare(world)]).toEqual(['EndpointsBehind', 0]);
  });

  test('that is given up takes no pod away before requests have left it, but for two minutes at most', () => {
    const world = aWorld({ spec: switched() });
    settle(world);
    Object.assign(world.members['web-v2'], { revision: 'ccc', replicas: 0 });
    settle(world);
    says(world, 'Pass');
    world.awaited = 'some of web-v2 still are.';
    says(world, 'Fail');
    expect([world.status?.phase, canaryShare(world), world.members['web-v2'].replicas]).toEqual(['Aborting', 0, 4]);
    pass(world, 120_000);
    settle(world);
    expect([world.status?.phase, world.members['web-v2'].replicas]).toEqual(['Aborted', 0]);
  });

  test('back to what was stable before needs no analysis', () => {
    const world = released({ spec: switched() });
    says(world, 'Pass');
    says(world, 'Pass');
    ask(world, 'promote', 'aaa');
    expect([world.status?.phase, world.status?.reason, liveOf(world)]).toEqual([
      'Promoted',
      'RolledBackToPrevious',
      'web-v1',
    ]);
  });

  test('leaves the old pods until a while after the promotion', () => {
    const world = released({ spec: switched({ ...BOTH, scaleDownAfter: '10m' }) });
    says(world, 'Pass');
    expect(world.status?.pair?.scaleDownAt).toBeUndefined();
    says(world, 'Pass');
    expect(Date.parse(world.status?.pair?.scaleDownAt ?? '') - world.nowMs).toBe(600_000);
  });

  test('is tried again by itself, as often as its analysis allows', () => {
    const analysis = { ...BOTH.analysis, retryAfter: '10m', retryLimit: 1 };
    const world = released({ spec: switched({ analysis }) });
    says(world, 'Fail');
    pass(world, 600_000);
    settle(world);
    expect([at(world), world.status?.attempt]).toEqual(['Progressing 0 1/3', 2]);
    says(world, 'Fail');
    pass(world, 3_600_000);
    settle(world);
    expect([world.status?.phase, world.status?.attempt]).toEqual(['Aborted', 2]);
    ask(world, 'retry', 'ccc');
    expect(world.status?.handledRequest?.message).toContain('spec.strategy.blueGreen.analysis.retryLimit allows 1');
  });

  test('that somebody takes back is made again, counted and told, ten times at most', () => {
    const world = released({ spec: switched() });
    says(world, 'Pass');
    for (let i = 0; i < 12; i++) {
      world.route = 0;
      pass(world, 1_000);
      settle(world);
    }
    expect([world.status?.driftRepairs, world.status?.reason, world.route]).toEqual([10, 'TrafficContested', 0]);
    expect(world.told.filter(({ what }) => what === 'driftRepaired')).toHaveLength(10);
    expect(conditionOf(world, 'TrafficRouted')).toBe('Unknown TrafficContested');
    world.abortRevision = 'ccc';
    settle(world);
    expect([world.status?.phase, world.route]).toEqual(['Aborted', 0]);
  });
});

interface Ghost {
  /** Runs that said Pass, or what the spec lets pass, to the step that they are of. */
  readonly passed: Set<string>;
  /** Revision and attempt of which a person ended the analysis before, whatever it would have said. */
  readonly waved: Set<string>;
  requests: number;
}
type Event = (world: World, ghost: Ghost) => void;

function reconcile(world: World, ghost: Ghost, isTwice: boolean): void {
  const seen = observe(world);
  const { stepRun } = seen;
  if (stepRun?.verdict?.outcome === 'Pass') ghost.passed.add(stepRun.name);
  const before = structuredClone(world);
  const action = nextAction(seen);
  apply(world, seen, action);
  if (before.status?.step?.index === 1 && world.status?.reason === 'PromotedByPerson')
    ghost.waved.add(attemptOf(world));
  if (isTwice) {
    const once = structuredClone({ ...world, told: [] });
    apply(world, seen, action);
    expect({ ...world, told: [] }).toEqual(once);
  }
  check(before, world, ghost);
}

function check(before: World, after: World, ghost: Ghost): void {
  const [was, is] = [before.status?.weight ?? 0, after.status?.weight ?? 0];
  expect([0, 100]).toContain(is);
  if (is > was) expect(whySwitched(before, after, ghost)).not.toBe('nothing');
  const isSwap = liveOf(before) !== liveOf(after);
  if (!isSwap && canaryShare(after) > canaryShare(before)) expect(canaryShare(after)).toBeLessThanOrEqual(is);
  if (isSwap) expect([before.status?.weight, canaryShare(before)]).toEqual([100, 100]);
}

const attemptOf = ({ status }: World): string => `${status?.revision.canary}-${status?.attempt}`;

function whySwitched({ status, spec }: World, after: World, { passed, waved }: Ghost): string {
  if (after.status?.handledRequest?.id !== status?.handledRequest?.id) return 'a person';
  if (['PromotedByPerson', 'RolledBackToPrevious'].includes(after.status?.reason ?? '')) return 'a person';
  if (spec.strategy?.blueGreen?.analysis?.before === undefined) return 'not judged before';
  if (passed.has(status?.stepRuns?.at(-1) ?? '')) return 'a Pass';
  if (status?.step?.index !== 2) return 'nothing';
  // A pause came between.
  if (waved.has(attemptOf(after))) return 'a person';
  return [...passed].some((name) => name.startsWith(`web-${attemptOf(after)}-1-`)) ? 'a Pass' : 'nothing';
}

const outcomes = fc.constantFrom<Outcome[]>('Pass', 'Pass', 'Fail', 'Inconclusive', 'Continue');
const SPECS = [switched(), switched({ ...BOTH, pause: { duration: '1m' } }), switched({ analysis: { after: PHASE } })];

const events: readonly fc.Arbitrary<Event>[] = [
  fc.tuple(fc.integer({ min: 1, max: 12 }), fc.boolean()).map(
    ([passes, isTwice]): Event =>
      (world, ghost) => {
        for (let i = 0; i < passes; i++) reconcile(world, ghost, isTwice);
      },
  ),
  // A worker that decided on an old picture writes late.
  fc.constant<Event>((world, ghost) => {
    const seen = observe(structuredClone(world));
    reconcile(world, ghost, false);
    const before = structuredClone(world);
    apply(world, seen, nextAction(seen));
    check(before, world, ghost);
  }),
  fc.tuple(outcomes, fc.boolean(), fc.boolean()).map(
    ([outcome, isForeign, isBlind]): Event =>
      (world) => {
        world.nowMs += 1_000;
        const run = world.runs.get(world.status?.stepRuns?.at(-1) ?? '');
        const blind = isBlind ? { blindSinceMs: world.nowMs - 120_000, outcome: 'Continue' as const } : {};
        if (run !== undefined) run.verdict = aVerdict(world, { outcome, ...blind, ...(isForeign ? { step: 2 } : {}) });
      },
  ),
  fc.constantFrom(1_000, 60_000, 1_800_000).map(
    (ms): Event =>
      (world) => {
        world.nowMs += ms;
      },
  ),
  fc.constantFrom('aaa', 'bbb', 'ccc', 'ddd').map(
    (revision): Event =>
      (world) => {
        world.members[idleOf(world)].revision = revision;
      },
  ),
  fc.tuple(fc.constantFrom('web-v1' as const, 'web-v2' as const), fc.boolean()).map(
    ([member, isReady]): Event =>
      (world) => {
        Object.assign(world.members[member], { isReady });
      },
  ),
  fc.constantFrom(0, 100).map(
    (route): Event =>
      (world) => {
        world.route = route;
      },
  ),
  fc.constantFrom<PersonRequest['verb'][]>('promote', 'promote-full', 'pause', 'resume', 'retry').map(
    (verb): Event =>
      (world, ghost) => {
        world.request = { verb, revision: world.status?.revision.canary ?? 'ccc', id: String(ghost.requests++) };
      },
  ),
  fc.boolean().map(
    (isSet): Event =>
      (world) => {
        world.abortRevision = isSet ? world.status?.revision.canary : undefined;
      },
  ),
  fc.constantFrom(...SPECS).map(
    (spec): Event =>
      (world) => {
        Object.assign(world, { spec, generation: world.generation + 1, resourceVersion: world.resourceVersion + 1 });
      },
  ),
  fc.constant<Event>((world) => world.runs.delete(world.status?.stepRuns?.at(-1) ?? '')),
];

const history = fc.array(fc.oneof({ weight: 6, arbitrary: events[0] ?? fc.constant(() => {}) }, ...events), {
  minLength: 5,
  maxLength: 60,
});

function play(steps: readonly Event[], spec: ReleaseSpec): World {
  const world = aWorld({ spec });
  const ghost: Ghost = { passed: new Set(), waved: new Set(), requests: 0 };
  for (let i = 0; i < 3; i++) reconcile(world, ghost, true);
  for (const step of steps) step(world, ghost);
  return world;
}

const RUNS = { numRuns: Number(process.env['SERIN_FC_RUNS'] ?? 300) };

describe('random histories', () => {
  test('users are switched after a Pass of the analysis before, by a person, or to what was stable before', () => {
    fc.assert(
      fc.property(history, fc.constantFrom(...SPECS), (steps, spec) => void play(steps, spec)),
      RUNS,
    );
  }, 300_000);

  test('an abort always gives users the stable version, and leaves no run to be measured', () => {
    fc.assert(
      fc.property(history, fc.constantFrom(...SPECS), (steps, spec) => {
        const world = play(steps, spec);
        world.abortRevision = world.members[idleOf(world)].revision;
        settle(world);
        expect(['Idle', 'Promoted', 'Aborted']).toContain(world.status?.phase);
        expect(world.status?.weight).toBe(0);
        if (world.status?.taken !== undefined) expect(canaryShare(world)).toBe(0);
        expect([...world.runs.values()].filter(({ isFinished }) => !isFinished)).toEqual([]);
      }),
      RUNS,
    );
  }, 300_000);
});
