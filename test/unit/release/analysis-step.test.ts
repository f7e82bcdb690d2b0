/** Steps with an analysis of their own: one run for each, which has to pass beside the run of the whole release. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Step } from '../../../src/api/release.ts';
import type { StepVerdict } from '../../../src/judge/verdict.ts';
import { planOf } from '../../../src/release/plan.ts';
import { shareLeft, sharesOf, stepRunNameOf } from '../../../src/release/step-run.ts';
import {
  anAnalysis,
  ask,
  aSpec,
  aVerdict,
  aWorld,
  judge,
  pass,
  released,
  settle,
  START_MS,
  type World,
} from './world.ts';

const said = (world: World): string => `${world.status?.phase} ${world.status?.weight} ${world.status?.reason}`;
const at = (world: World): string => `${world.status?.step?.index}/${world.status?.step?.of}`;
const SMOKE: Step = { analysis: { templates: [{ name: 'smoke' }] } };
const { analysis: _judged, ...unjudged } = aSpec();

const smoked = (steps: Step[] = [{ setWeight: 5 }, SMOKE, { setWeight: 50 }], isJudged = true): World =>
  released({ spec: { ...(isJudged ? aSpec() : unjudged), strategy: { canary: { steps } } } });

const runOf = (world: World): { isFinished: boolean; verdict?: StepVerdict } => {
  const run = world.runs.get(world.status?.stepRuns?.at(-1) ?? '');
  if (run === undefined) throw new Error('The step has no run.');
  return run;
};

/** The run of the step speaks. */
function smoke(world: World, outcome: StepVerdict['outcome'], change: Partial<StepVerdict> = {}): void {
  pass(world, 10_000);
  runOf(world).verdict = aVerdict(world, { outcome, reason: `Smoke${outcome}`, says: `smoke: ${outcome}.`, ...change });
  settle(world);
}

describe('an analysis step', () => {
  test('makes a run of its own, named after release, revision, attempt, step and when it began', () => {
    const world = smoked();
    expect(said(world)).toBe('Progressing 5 Judging');
    expect(at(world)).toBe('2/5');
    const [name] = world.status?.stepRuns ?? [];
    expect(name).toMatch(/^web-ccc-1-2-[a-z0-9]{5}$/);
    expect(name).toBe(world.status === undefined ? '' : stepRunNameOf('web', world.status));
    expect([...world.runs.keys()]).toEqual(['web-ccc-1', name]);
  });

  test('goes on with its Pass, ends its run, and the weight is judged by the release as ever', () => {
    const world = smoked();
    judge(world, 'Pass');
    expect(at(world)).toBe('2/5');
    const run = runOf(world);
    smoke(world, 'Pass');
    expect(at(world)).toBe('3/5');
    expect(run.isFinished).toBe(true);
    expect(world.status?.stepRuns).toBeUndefined();
    expect(world.status?.passedWeight).toBeUndefined();
    judge(world, 'Pass');
    expect(world.status).toMatchObject({ weight: 50, passedWeight: 5 });
  });

  test.each([
    ['its own Fail', (world: World) => smoke(world, 'Fail'), 'SmokeFail'],
    ['a Fail of the release', (world: World) => void judge(world, 'Fail'), 'ErrorsAboveStable'],
  ])('gives up on %s, and ends both runs', (_name, act, reason) => {
    const world = smoked();
    act(world);
    expect(said(world)).toBe(`Aborted 0 ${reason}`);
    expect(world.status?.revision.rejected).toEqual(['ccc']);
    expect([...world.runs.values()].map(({ isFinished }) => isFinished)).toEqual([true, true]);
    expect(world.status?.stepRuns).toBeUndefined();
  });

  test('that cannot decide is held, aborts or goes on as onInconclusive says', () => {
    const held = smoked();
    smoke(held, 'Inconclusive', { hadEnoughData: true });
    expect(said(held)).toBe('Held 5 SmokeInconclusive');
    expect(ask(held, 'resume').length).toBeGreaterThan(0);
    expect(at(held)).toBe('3/5');
    for (const [onInconclusive, expected] of [
      ['abort', 'Aborted 0 SmokeInconclusive'],
      ['advance', 'Progressing 5 SmokeInconclusive'],
    ] as const) {
      const world = released({
        spec: aSpec({
          strategy: { canary: { steps: [{ setWeight: 5 }, SMOKE, { setWeight: 50 }] } },
          analysis: { ...anAnalysis, onInconclusive },
        }),
      });
      smoke(world, 'Inconclusive', { hadEnoughData: true });
      expect(said(world)).toBe(expected);
    }
  });

  test.each([
    ['of another step', { step: 1 }],
    ['of another attempt', { attempt: 2 }],
    ['of another revision', { revision: 'bbb' }],
    ['from before the step began', { intervalEndMs: 0 }],
    ['of a run that sees nothing', { blindSinceMs: START_MS }],
  ])('does not go on by a Pass %s', (_name, change) => {
    const world = smoked();
    smoke(world, 'Pass', change);
    expect(at(world)).toBe('2/5');
  });

  test('waits for requests that nobody sees, also where its own templates do not look at them', () => {
    const world = smoked();
    pass(world, 240_000);
    judge(world, 'Continue', { blindSinceMs: world.nowMs - 200_000 });
    smoke(world, 'Pass');
    expect(said(world)).toBe('Held 5 SmokePass');
  });

  test('begins again where somebody ended or deleted its run before it had decided', () => {
    const world = smoked();
    const [first] = world.status?.stepRuns ?? [];
    pass(world, 1_000);
    runOf(world).isFinished = true;
    settle(world);
    const second = world.status?.stepRuns?.at(-1);
    expect(second).not.toBe(first);
    expect(world.status?.stepRuns).toEqual([second]);
    world.runs.delete(second ?? '');
    settle(world);
    expect(world.runs.get(second ?? '')).toMatchObject({ isFinished: false });
    smoke(world, 'Pass');
    expect(at(world)).toBe('3/5');
  });

  test('can come before any weight, and twice in a row', () => {
    const world = smoked([SMOKE, SMOKE, { setWeight: 5 }]);
    expect(at(world)).toBe('1/4');
    smoke(world, 'Pass');
    expect(at(world)).toBe('2/4');
    expect([...world.runs].filter(([, { isFinished }]) => isFinished)).toHaveLength(1);
    smoke(world, 'Pass');
    expect(world.status?.weight).toBe(5);
  });

  test('is left by a person, and its run is ended', () => {
    const world = smoked();
    const run = runOf(world);
    ask(world, 'promote');
    expect(at(world)).toBe('3/5');
    expect(run.isFinished).toBe(true);
  });

  test('judges a timetable at this step alone', () => {
    const world = smoked([{ setWeight: 5 }, SMOKE, { setWeight: 50 }, { pause: {} }], false);
    expect([...world.runs.keys()]).toEqual(world.status?.stepRuns);
    smoke(world, 'Pass');
    expect(world.status).toMatchObject({ weight: 50, verdict: { outcome: 'Unjudged' } });
    const bad = smoked(undefined, false);
    smoke(bad, 'Fail');
    expect(said(bad)).toBe('Aborted 0 SmokeFail');
  });

  test('that nobody carries out goes back, like blindness', () => {
    const world = smoked(undefined, false);
    pass(world, 31 * 60_000);
    settle(world);
    expect(said(world)).toBe('Held 0 Blind');
  });

  test('whose template is missing holds the release before the canary gets anything', () => {
    const stepFinding = { reason: 'TemplateNotFound', message: 'There is no AnalysisTemplate smoke. Create it.' };
    const world = aWorld({ spec: aSpec({ strategy: { canary: { steps: [{ setWeight: 5 }, SMOKE] } } }) });
    settle(world);
    world.members['web-v2'].revision = 'ccc';
    world.stepFinding = stepFinding;
    settle(world);
    expect(said(world)).toBe('Held 0 TemplateNotFound');
    world.stepFinding = undefined;
    settle(world);
    expect(at(world)).toBe('2/3');
  });
});

describe('shares of the error probability', () => {
  const sharesIn = (world: World): number[] => [...world.runs.values()].map(({ share = NaN }) => share);
  const total = (world: World): number => sharesIn(world).reduce((sum, share) => sum + share, 0);
  const edit = (world: World, steps: Step[]): void => {
    world.spec = { ...world.spec, strategy: { canary: { steps } } };
    settle(world);
  };

  test('are those of the plan, as long as it stays', () => {
    const world = smoked([{ setWeight: 5 }, SMOKE, SMOKE, { setWeight: 50 }]);
    smoke(world, 'Pass');
    smoke(world, 'Pass');
    expect(sharesIn(world)).toEqual([0.8, 0.1, 0.1]);
  });

  test('of a step that is added to a release under way are what is left: next to nothing, where none was planned', () => {
    const world = smoked([{ setWeight: 5 }, { pause: {} }, { setWeight: 50 }]);
    expect(sharesIn(world)).toEqual([1]);
    edit(world, [{ setWeight: 5 }, { pause: {} }, { setWeight: 50 }, SMOKE]);
    judge(world, 'Pass');
    expect(sharesIn(world)).toEqual([1, 0.001]);
    expect(world.status?.stepShares).toMatchObject({ attempt: 1, given: 0.001 });
  });

  test('of steps that are added beside others never come to more than the last fifth', () => {
    const world = smoked([{ setWeight: 5 }, SMOKE, { pause: {} }, { setWeight: 50 }]);
    smoke(world, 'Pass');
    expect(sharesIn(world)).toEqual([0.8, 0.2]);
    edit(world, [{ setWeight: 5 }, SMOKE, { pause: {} }, { setWeight: 50 }, SMOKE, SMOKE]);
    judge(world, 'Pass');
    smoke(world, 'Pass');
    smoke(world, 'Pass');
    expect(sharesIn(world)).toEqual([0.8, 0.2, 0.001, 0.001]);
  });

  test('of a step that begins again are what is left, and another attempt has its own', () => {
    const world = smoked();
    runOf(world).isFinished = true;
    pass(world, 1_000);
    settle(world);
    expect(total(world)).toBeCloseTo(1.001, 9);
    smoke(world, 'Fail');
    ask(world, 'retry');
    settle(world);
    expect(world.status?.attempt).toBe(2);
    expect(sharesIn(world).slice(3)).toEqual([0.8, 0.2]);
  });

  test('of the release’s run are what analysis steps left, where spec.analysis comes later', () => {
    const world = smoked([{ setWeight: 5 }, SMOKE, { pause: {} }, SMOKE, { setWeight: 50 }], false);
    smoke(world, 'Pass');
    expect(sharesIn(world)).toEqual([0.5]);
    world.spec = { ...world.spec, analysis: anAnalysis };
    settle(world);
    expect(sharesIn(world)).toEqual([0.5, 0.5]);
  });

  test('whatever begins when, are at most one together, but for a thousandth of each that finds nothing left', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.01, max: 1, noNaN: true }), { maxLength: 20 }), (planned) => {
        let had = 0;
        let poor = 0;
        for (const share of planned) {
          const given = shareLeft(share, had);
          if (given === 0.001 && share > 0.001) poor++;
          had += given;
        }
        expect(had).toBeLessThanOrEqual(1 + 0.001 * poor + 1e-7);
      }),
    );
  });
});

test.each([
  ['none', [{ setWeight: 5 }], true, 1, 0],
  ['one beside the release', [{ setWeight: 5 }, SMOKE], true, 0.8, 0.2],
  ['two beside the release', [SMOKE, { setWeight: 5 }, SMOKE], true, 0.8, 0.1],
  ['two alone', [SMOKE, { setWeight: 5 }, SMOKE], false, 1, 0.5],
] as const)('the error probability is shared by the plan: %s', (_name, steps, isJudged, whole, step) => {
  const plan = planOf({ ...(isJudged ? aSpec() : unjudged), strategy: { canary: { steps: [...steps] } } });
  expect(plan.kind === 'plan' ? sharesOf(plan) : plan).toEqual({ whole, step });
});
