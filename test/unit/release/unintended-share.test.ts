/** A canary that gets another share of the requests than its weight: what is far, what is held for it, and where nothing can be said. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Split } from '../../../src/judge/split.ts';
import type { Observed } from '../../../src/release/observed.ts';
import { farFrom } from '../../../src/release/rules/unintended-share.ts';
import { anAnalysis, ask, aSpec, conditionOf, judge, observe, pass, released, settle, type World } from './world.ts';

describe('far from its weight', () => {
  test.each<{ weight: number; canary: number; stable: number; is: ReturnType<typeof farFrom>; because: string }>([
    { weight: 10, canary: 100, stable: 900, is: undefined, because: 'as intended' },
    { weight: 10, canary: 200, stable: 900, is: undefined, because: 'twice as many is not far' },
    { weight: 10, canary: 500, stable: 500, is: 'more', because: 'a mesh that knows no weights and as many pods' },
    { weight: 10, canary: 10, stable: 990, is: 'fewer', because: 'ten times as much for stable by another way' },
    { weight: 10, canary: 1000, stable: 3000, is: undefined, because: 'three times as many, and no more' },
    { weight: 10, canary: 1100, stable: 3000, is: undefined, because: 'perhaps a little over three times' },
    { weight: 10, canary: 1300, stable: 3000, is: 'more', because: 'surely over three times' },
    { weight: 1, canary: 6, stable: 94, is: undefined, because: 'six times as many, of few' },
    { weight: 1, canary: 60, stable: 940, is: 'more', because: 'six times as many, of enough' },
    { weight: 50, canary: 90, stable: 910, is: 'fewer', because: 'half was meant' },
    { weight: 50, canary: 910, stable: 90, is: 'more', because: 'half was meant, the other way round' },
    { weight: 90, canary: 500, stable: 500, is: 'fewer', because: 'most was meant' },
    { weight: 10, canary: 0, stable: 1e6, is: undefined, because: 'none at all is said as want of data' },
    { weight: 90, canary: 1e6, stable: 0, is: undefined, because: 'none of stable likewise' },
    { weight: 0, canary: 500, stable: 500, is: undefined, because: 'nothing is split' },
    { weight: 100, canary: 500, stable: 500, is: undefined, because: 'nothing is split' },
    { weight: 10, canary: Number.NaN, stable: 500, is: undefined, because: 'no number' },
    { weight: Number.NaN, canary: 500, stable: 500, is: undefined, because: 'no weight' },
  ])('$canary of the canary beside $stable at $weight %: $because', ({ weight, canary, stable, is }) => {
    expect(farFrom(weight, { canary, stable })).toBe(is);
  });

  test('looks the same from both sides, and more of the same says no less', () => {
    const requests = fc.integer({ min: 0, max: 1e6 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 99 }), requests, requests, (weight, canary, stable) => {
        const far = farFrom(weight, { canary, stable });
        const other = { more: 'fewer', fewer: 'more' } as const;
        expect(farFrom(100 - weight, { canary: stable, stable: canary })).toBe(far && other[far]);
        if (far !== undefined) expect(farFrom(weight, { canary: 10 * canary, stable: 10 * stable })).toBe(far);
      }),
    );
  });

  test('is no share within a third and three times, however little was counted', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 99 }),
        fc.double({ min: 1 / 2.99, max: 2.99, noNaN: true }),
        fc.integer({ min: 1, max: 1e6 }),
        (weight, times, stable) => {
          const canary = (times * stable * weight) / (100 - weight);
          expect(farFrom(weight, { canary, stable })).toBeUndefined();
        },
      ),
    );
  });
});

const HALF: Split = { canary: 500, stable: 500 };
const AS_MEANT: Split = { canary: 100, stable: 900 };

function said(world: World): string {
  return `${world.status?.phase} ${world.status?.weight} ${world.status?.reason}`;
}

describe('at 10 %', () => {
  test('half of the requests hold a canary that passed, and are told once; at its share it goes on', () => {
    const world = released();
    judge(world, 'Pass', { split: HALF });
    judge(world, 'Pass', { split: { canary: 480, stable: 520 } });
    expect(said(world)).toBe('Held 10 UnintendedShare');
    expect(world.status?.message).toMatch(
      /^The canary gets about 48 % of the requests instead of 10 %\. Find what leads to/,
    );
    expect(conditionOf(world, 'Stalled')).toBe('True UnintendedShare');
    expect(conditionOf(world, 'AnalysisSucceeded')).toBe('True WithinMargin');
    expect(world.told.filter(({ what }) => what === 'held')).toHaveLength(1);
    judge(world, 'Pass', { split: AS_MEANT });
    expect(said(world)).toBe('Progressing 25 Judging');
  });

  test('a tenth of its share is said with what stable gets besides', () => {
    const world = released();
    judge(world, 'Continue', { split: { canary: 10, stable: 990 } });
    expect(world.status?.message).toContain(
      'about 1 % of the requests instead of 10 %. Find what leads to those of web-v1',
    );
  });

  test('a Fail counts all the same', () => {
    const world = released();
    judge(world, 'Fail', { split: HALF });
    expect(said(world)).toBe('Aborted 0 ErrorsAboveStable');
  });

  test('a policy for want of a decision does not advance it, nor give it up', () => {
    for (const onInconclusive of ['advance', 'abort'] as const) {
      const world = released({ spec: aSpec({ analysis: { ...anAnalysis, onInconclusive } }) });
      judge(world, 'Continue', { split: HALF });
      expect(said(world)).toBe('Held 10 UnintendedShare');
    }
    const world = released({ spec: aSpec({ analysis: { ...anAnalysis, onInconclusive: 'advance' } }) });
    judge(world, 'Inconclusive', { split: HALF, hadEnoughData: true });
    expect(said(world)).toBe('Held 10 UnintendedShare');
  });

  test('a pause that ends by itself does not end', () => {
    const world = released({
      spec: aSpec({
        strategy: { canary: { steps: [{ setWeight: 10 }, { pause: { duration: '1m' } }, { setWeight: 50 }] } },
      }),
    });
    judge(world, 'Pass', { split: AS_MEANT });
    pass(world, 60_000);
    judge(world, 'Pass', { split: HALF });
    expect(said(world)).toBe('Held 10 UnintendedShare');
  });

  test('resume says what it waits for; promote leaves the step', () => {
    const world = released();
    judge(world, 'Continue', { split: HALF });
    ask(world, 'resume');
    expect(world.status?.handledRequest).toMatchObject({
      result: 'refused',
      message:
        'It goes on by itself once the canary gets its share of the requests; promote leaves this step all the same.',
    });
    ask(world, 'promote');
    expect(said(world)).toMatch(/^Progressing 25 /);
  });
});

describe('nothing is said', () => {
  const withTraffic = (world: World, change: object): Partial<Observed> => ({
    traffic: { ...observe(world).traffic, ...change } as Observed['traffic'],
  });

  test('of routes that the spec leaves to others', () => {
    const world = released();
    const before = said(world);
    judge(world, 'Continue', { split: AS_MEANT });
    const run = world.runs.get(world.status?.analysisRun ?? '');
    if (run?.verdict !== undefined) run.verdict = { ...run.verdict, split: HALF };
    settle(world, withTraffic(world, { isPartial: true }));
    expect(said(world)).toBe(before);
  });

  test.each([
    ['where weights are replicas', { traffic: undefined }],
    ['before anybody counted', {}],
  ])('%s', (name, change) => {
    const { traffic, ...rest } = aSpec();
    const spec = 'traffic' in change ? rest : { ...rest, traffic };
    const world = released({ spec: spec as World['spec'] });
    judge(world, 'Continue', name === 'before anybody counted' ? {} : { split: HALF });
    expect(world.status?.reason).not.toBe('UnintendedShare');
    expect(world.status?.weight).toBe(10);
  });

  test('while the canary gets requests of a match besides', () => {
    const match = { headers: { 'x-canary': { exact: '1' } } };
    const world = released({
      spec: aSpec({ strategy: { canary: { steps: [{ setWeight: 10 }, { match }, { judge: {} }] } } }),
    });
    judge(world, 'Pass', { split: AS_MEANT });
    expect(world.status?.beside).toBeDefined();
    judge(world, 'Continue', { split: HALF });
    expect(said(world)).toMatch(/^Progressing 10 /);
  });
});
