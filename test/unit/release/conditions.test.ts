/** Phase × conditions: the one truth table, as CI, kubectl wait and kstatus read it. */
import { describe, expect, test } from 'vitest';
import type { Phase } from '../../../src/api/release.ts';
import { reasons } from '../../../src/api/reasons.ts';
import { nextAction } from '../../../src/release/decide.ts';
import { NO_STATUS } from '../../../src/release/situation.ts';
import {
  HOLDS_FOR_A_PERSON,
  OBSTACLES,
  PHASE_CONDITIONS,
  type StatusDraft,
  statusOf,
} from '../../../src/release/conditions.ts';
import { apply, ask, aSpec, aWorld, conditionOf, judge, observe, pass, released, settle, type World } from './world.ts';

const TYPES = ['Ready', 'Completed', 'Progressing', 'Stalled', 'TrafficRouted', 'AnalysisSucceeded'];
const context = {
  generation: 3,
  now: '2026-01-01T00:00:00.000Z',
  routed: { status: 'True', reason: 'Routed' },
} as const;
const aDraft = (change: Partial<StatusDraft>): StatusDraft => ({
  phase: 'Idle',
  revision: { rejected: [] },
  weight: 0,
  ...change,
});
const truths = (draft: StatusDraft): string =>
  statusOf(draft, NO_STATUS, context)
    .conditions.map(({ type, status }) => `${type}=${status}`)
    .join(' ');

test.each([
  ['Idle', {}, 'Ready=True Completed=False Progressing=False Stalled=False'],
  ['Waiting', {}, 'Ready=False Completed=False Progressing=True Stalled=False'],
  ['Progressing', {}, 'Ready=False Completed=False Progressing=True Stalled=False'],
  ['Held', { reason: 'PausedByPerson' }, 'Ready=False Completed=False Progressing=False Stalled=False'],
  ['Held', { reason: 'SourceUnavailable' }, 'Ready=False Completed=False Progressing=False Stalled=False'],
  ['Held', { reason: 'TooFewRequests' }, 'Ready=False Completed=False Progressing=False Stalled=True'],
  ['Held', { reason: 'TrafficContested' }, 'Ready=False Completed=False Progressing=False Stalled=True'],
  ['Promoting', {}, 'Ready=False Completed=False Progressing=True Stalled=False'],
  ['Promoted', { history: 'Promoted' }, 'Ready=True Completed=True Progressing=False Stalled=False'],
  ['Aborting', {}, 'Ready=False Completed=False Progressing=True Stalled=False'],
  ['Aborted', { history: 'Aborted' }, 'Ready=True Completed=True Progressing=False Stalled=False'],
  [
    'Aborted',
    { history: 'Aborted', reason: 'TooFewRequests' },
    'Ready=True Completed=True Progressing=False Stalled=False',
  ],
  ['Idle', { reason: 'InvalidSpec' }, 'Ready=False Completed=False Progressing=False Stalled=True'],
  [
    'Aborted',
    { history: 'Aborted', reason: 'InvalidSpec' },
    'Ready=False Completed=True Progressing=False Stalled=True',
  ],
] as const)('%s %j', (phase, { history, reason }: { history?: string; reason?: string }, expected) => {
  const entry = {
    revision: 'ccc',
    outcome: history ?? '',
    startedAt: context.now,
    endedAt: context.now,
    attempt: 1,
    weight: 10,
  };
  const draft = aDraft({
    phase,
    ...(reason === undefined ? {} : { reason }),
    ...(history === undefined ? {} : { history: [entry] }),
  });
  expect(truths(draft)).toMatch(expected);
});

test('every phase has every condition once, each with the generation it speaks of and a message', () => {
  for (const phase of Object.keys(PHASE_CONDITIONS) as Phase[]) {
    const { conditions, observedGeneration } = statusOf(aDraft({ phase }), NO_STATUS, context);
    expect(conditions.map(({ type }) => type)).toEqual(TYPES);
    expect(observedGeneration).toBe(3);
    for (const condition of conditions) {
      expect(condition.observedGeneration).toBe(3);
      expect(condition.reason).toMatch(/^[A-Z][A-Za-z]*$/);
      expect(condition.message).not.toBe('');
    }
  }
});

test('lastTransitionTime moves only with status', () => {
  const first = statusOf(aDraft({ phase: 'Progressing' }), NO_STATUS, context);
  const second = statusOf(aDraft({ phase: 'Promoting' }), first, { ...context, now: '2026-01-02T00:00:00.000Z' });
  const third = statusOf(aDraft({ phase: 'Promoted' }), second, { ...context, now: '2026-01-03T00:00:00.000Z' });
  const times = (type: string): readonly (string | undefined)[] =>
    [first, second, third].map(({ conditions }) =>
      conditions.find((condition) => condition.type === type)?.lastTransitionTime.slice(8, 10),
    );
  expect(times('Progressing')).toEqual(['01', '01', '03']);
  expect(times('Ready')).toEqual(['01', '01', '03']);
  expect(times('TrafficRouted')).toEqual(['01', '01', '01']);
});

test.each([
  ['Pass', 'True'],
  ['Fail', 'False'],
  ['Continue', 'Unknown'],
  ['Inconclusive', 'Unknown'],
  ['Unjudged', 'Unknown'],
  ['Initial', 'Unknown'],
] as const)('AnalysisSucceeded of %s is %s', (outcome, expected) => {
  expect(truths(aDraft({ verdict: { outcome } }))).toContain(`AnalysisSucceeded=${expected}`);
});

test('reasons that need a person are in the catalogue, and a pause is not among them', () => {
  const all = new Set([...OBSTACLES, ...HOLDS_FOR_A_PERSON]);
  for (const reason of all) expect(Object.keys(reasons)).toContain(reason);
  for (const reason of ['Paused', 'PausedByPerson', 'NoData', 'SourceUnavailable', 'WaitingForPods'])
    expect(all.has(reason)).toBe(false);
});

describe('for CI, Completed says how it ended, and only when it has', () => {
  const ends: readonly (readonly [string, (world: World) => void, string])[] = [
    ['promoted', (world) => [1, 2, 3].forEach(() => judge(world, 'Pass')), 'True Promoted'],
    ['aborted', (world) => judge(world, 'Fail'), 'True Aborted'],
    [
      'superseded',
      (world) => {
        world.members['web-v2'].revision = 'bbb';
        settle(world);
      },
      'True Superseded',
    ],
    ['under way', () => undefined, 'False Progressing'],
    ['held', (world) => ask(world, 'pause'), 'False Held'],
  ];
  test.each(ends)('%s', (_name, act, expected) => {
    const world = released();
    act(world);
    expect(conditionOf(world, 'Completed')).toBe(expected);
  });
});

test('Completed is about the template before until the first write that knows the new one, and about none after the first deployment', () => {
  const world = aWorld();
  settle(world);
  expect(conditionOf(world, 'Completed')).toBe('False Idle');
  world.members['web-v2'].revision = 'ccc';
  settle(world);
  [1, 2, 3].forEach(() => judge(world, 'Pass'));
  expect(conditionOf(world, 'Completed')).toBe('True Promoted');
  world.members['web-v1'].revision = 'ddd';
  const seen = observe(world);
  apply(world, seen, nextAction(seen));
  expect(world.status?.revision.canary).toBe('ddd');
  expect(conditionOf(world, 'Completed')).toBe('False Waiting');
});

describe('Ready is for a judged revision', () => {
  const UNJUDGED = 'False StableChanged';
  const changed = (): World => {
    const world = aWorld();
    settle(world);
    world.members['web-v1'].revision = 'fff';
    settle(world);
    return world;
  };
  const letOut = (world: World, revision: string): void => {
    world.members['web-v2'].revision = revision;
    settle(world);
  };
  const rows: readonly (readonly [string, (world: World) => void, string])[] = [
    ['not while somebody else put another one in its place', () => undefined, UNJUDGED],
    ['nor after an abort of the next one', (world) => (letOut(world, 'ccc'), judge(world, 'Fail')), UNJUDGED],
    ['nor with a third one', (world) => ((world.members['web-v1'].revision = 'ggg'), settle(world)), UNJUDGED],
    [
      'again when it is put back',
      (world) => ((world.members['web-v1'].revision = 'aaa'), settle(world)),
      'True UpToDate',
    ],
    [
      'again when the next one is promoted',
      (world) => (letOut(world, 'ccc'), [1, 2, 3].forEach(() => judge(world, 'Pass'))),
      'True Promoted',
    ],
  ];
  test.each(rows)('%s', (_name, act, expected) => {
    const world = changed();
    act(world);
    expect(conditionOf(world, 'Ready')).toBe(expected);
  });

  test('and says whose place was taken, whatever ended since', () => {
    const world = changed();
    letOut(world, 'ccc');
    judge(world, 'Fail');
    expect(world.status).toMatchObject({ phase: 'Aborted', reason: 'ErrorsAboveStable' });
    expect(world.status?.conditions.find(({ type }) => type === 'Ready')?.message).toBe(
      'fff took the place of aaa directly; nothing judged that. Release the next version, or put aaa back.',
    );
  });
});

test('pods that become ready one after the other are no news', () => {
  const world = aWorld();
  settle(world);
  Object.assign(world.members['web-v2'], { revision: 'ccc', isReady: false });
  settle(world);
  expect(world.status?.step?.waitingFor).toBe('pods');
  for (let ready = 1; ready < 4; ready++) {
    const { workload, ...seen } = observe(world);
    if (workload.kind !== 'workload' || workload.canary === undefined) throw new Error('no canary');
    const canary = { ...workload.canary, readyReplicas: ready };
    expect(nextAction({ ...seen, workload: { ...workload, canary } }).kind).toBe('wait');
  }
});

test('a generation that changed nothing else is still observed', () => {
  const world = aWorld();
  settle(world);
  world.spec = aSpec({ progressDeadline: '3h' });
  world.generation = 2;
  settle(world);
  expect(world.status?.observedGeneration).toBe(2);
  expect(world.status?.conditions.every(({ observedGeneration }) => observedGeneration === 2)).toBe(true);
});

test('numbers of a verdict are written at once with its outcome, otherwise about once a minute', () => {
  const world = released();
  const writes: number[] = [];
  for (let second = 10; second <= 300; second += 10) {
    const count = judge(world, 'Continue', { says: `after ${second} s` }).length;
    if (count > 0) writes.push(second);
  }
  expect(writes.length).toBeGreaterThan(2);
  expect(writes.length).toBeLessThan(7);
  pass(world, 1_000);
  expect(judge(world, 'Continue', { reason: 'TooFewRequests', says: 'now' }).length).toBe(1);
  expect(world.status?.message).toBe('now');
});

test('the step as kubectl shows it follows the step, and goes with it', () => {
  const step = { index: 3, of: 6, since: context.now, waitingFor: 'judge' };
  const during = statusOf(aDraft({ phase: 'Progressing', step }), NO_STATUS, context);
  expect(during.stepText).toBe('3/6');
  const { conditions: _conditions, observedGeneration: _generation, step: _step, ...draft } = during;
  expect(statusOf(draft, during, context).stepText).toBeUndefined();
});
