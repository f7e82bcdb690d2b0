/** Release windows, freezes, and what is tried again by itself. */
import { describe, expect, test } from 'vitest';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import { nextAction } from '../../../src/release/decide.ts';
import { closedCause, windowFindings } from '../../../src/release/windows.ts';
import { anAnalysis, ask, aSpec, judge, observe, pass, released, settle, START_MS, type World } from './world.ts';

const HOUR = 3_600_000;
const MINUTE = 60_000;
const said = (world: World): string => `${world.status?.phase} ${world.status?.weight} ${world.status?.reason}`;
const toldOf = (world: World): readonly string[] => world.told.map(({ what }) => what);
type Windows = NonNullable<ReleaseSpec['windows']>;
type Freezes = NonNullable<ReleaseSpec['freezes']>;

const OFFICE: Windows = [{ days: ['Mon', 'Tue', 'Wed', 'Thu'], from: '09:00', to: '16:00', timeZone: 'Europe/Berlin' }];
const NIGHT: Windows = [{ days: ['Fri'], from: '22:00', to: '04:00' }];

describe('a window', () => {
  test.each([
    ['on its day, in its hours', OFFICE, '2026-11-23T08:00:00Z', 'open'],
    ['at its first minute', OFFICE, '2026-11-24T08:00:30Z', 'open'],
    ['a minute before it', OFFICE, '2026-11-24T07:59:59Z', 'Tue 09:00'],
    ['at its last minute', OFFICE, '2026-11-24T14:59:59Z', 'open'],
    ['when it has closed', OFFICE, '2026-11-24T15:00:00Z', 'Wed 09:00'],
    ['on another day', OFFICE, '2026-11-27T10:00:00Z', 'Mon 09:00'],
    ['in summer, when the same clock time is another instant', OFFICE, '2026-07-20T07:00:00Z', 'open'],
    ['over midnight, on the evening', NIGHT, '2026-11-27T23:00:00Z', 'open'],
    ['over midnight, on the next morning', NIGHT, '2026-11-28T03:59:00Z', 'open'],
    ['over midnight, after it', NIGHT, '2026-11-28T04:00:00Z', 'Fri 22:00'],
    ['over midnight, on the evening after', NIGHT, '2026-11-28T22:30:00Z', 'Fri 22:00'],
    ['over the end of the week', [{ days: ['Sat'], from: '23:00', to: '01:00' }], '2026-11-29T00:30:00Z', 'open'],
    ['of a whole day', [{ days: ['Sat'], from: '00:00', to: '24:00' }], '2026-11-28T23:59:59Z', 'open'],
    [
      'of a whole day, the next day',
      [{ days: ['Sat'], from: '00:00', to: '24:00' }],
      '2026-11-29T00:00:00Z',
      'Sat 00:00',
    ],
    ['without days', [{ from: '09:00', to: '10:00' }], '2026-11-29T12:00:00Z', 'Mon 09:00'],
    ['beside one that is open', [...OFFICE, ...NIGHT], '2026-11-27T23:00:00Z', 'open'],
    ['beside one that opens sooner', [...OFFICE, ...NIGHT], '2026-11-27T10:00:00Z', 'Fri 22:00'],
    [
      'where the zone’s clocks skip its first hour',
      [{ from: '02:00', to: '03:30', timeZone: 'Europe/Berlin' }],
      '2026-03-29T01:10:00Z',
      'open',
    ],
  ] as const)('%s', (_name, windows, at, expected) => {
    const cause = closedCause(aSpec({ windows: windows as Windows }), Date.parse(at));
    if (expected === 'open') expect(cause).toBeUndefined();
    else
      expect(cause).toMatchObject({ reason: 'OutsideWindow', message: expect.stringContaining(`opens ${expected}`) });
  });

  test('is the same moment in every zone: each minute of a week is open or closed as its own clock says', () => {
    for (let minute = 0; minute < 7 * 24 * 60; minute += 7) {
      const at = Date.parse('2026-11-22T00:00:00Z') + minute * MINUTE;
      const local = new Date(at + HOUR); // Berlin is one hour ahead in winter
      const isOpen = [1, 2, 3, 4].includes(local.getUTCDay()) && local.getUTCHours() >= 9 && local.getUTCHours() < 16;
      expect(closedCause(aSpec({ windows: OFFICE }), at) === undefined).toBe(isOpen);
    }
  });

  test.each([
    [
      { windows: [{ from: '09:00', to: '16:00', timeZone: 'Mars/Olympus' }] },
      'spec.windows[0].timeZone is "Mars/Olympus"',
    ],
    [{ windows: [{ from: '09:00', to: '09:00' }] }, 'spec.windows[0] opens and closes at 09:00'],
    [
      { freezes: [{ from: '2026-12-24T00:00:00Z', to: '2026-12-01T00:00:00Z' }] },
      'spec.freezes[0] ends at "2026-12-01T00:00:00Z"',
    ],
    [{ freezes: [{ from: 'soon', to: '2026-12-01T00:00:00Z' }] }, 'spec.freezes[0] ends at'],
  ])('that cannot be is named: %j', (change, message) => {
    expect(windowFindings(aSpec(change))).toMatchObject([
      { reason: 'InvalidSpec', message: expect.stringContaining(message) },
    ]);
  });
});

/** The world begins on a Thursday at midnight. */
const MORNING: Windows = [{ days: ['Thu', 'Fri'], from: '08:00', to: '12:00' }];

describe('a release with windows', () => {
  test('waits at 0 % until one opens, and goes on by itself', () => {
    const world = released({ spec: aSpec({ windows: MORNING }) });
    expect(said(world)).toBe('Held 0 OutsideWindow');
    expect(world.route).toBe(0);
    pass(world, 8 * HOUR);
    settle(world);
    expect(said(world)).toBe('Progressing 10 Judging');
  });

  test('stays where it is when the window closes, whatever passes, and an abort works', () => {
    const world = released({ spec: aSpec({ windows: MORNING }), nowMs: START_MS + 11.9 * HOUR });
    judge(world, 'Pass');
    expect(said(world)).toBe('Progressing 25 Judging');
    pass(world, HOUR);
    judge(world, 'Pass');
    expect(said(world)).toBe('Held 25 OutsideWindow');
    judge(world, 'Fail');
    expect(said(world)).toBe('Aborted 0 ErrorsAboveStable');
  });

  test('a person may leave a step all the same', () => {
    const world = released({ spec: aSpec({ windows: MORNING }), nowMs: START_MS + 11.9 * HOUR });
    pass(world, HOUR);
    judge(world, 'Continue');
    ask(world, 'resume');
    expect(world.status?.handledRequest).toMatchObject({
      result: 'refused',
      message: 'Release windows or a freeze hold it; promote leaves this step all the same.',
    });
    ask(world, 'promote');
    expect(world.status).toMatchObject({ phase: 'Held', weight: 25, reason: 'OutsideWindow' });
    ask(world, 'promote-full', 'ccc', 'full');
    expect(said(world)).toBe('Promoted 0 PromotedByPerson');
  });

  test('going back to what was stable before waits for no window', () => {
    const world = released({ spec: aSpec({ windows: MORNING }), nowMs: START_MS + 8 * HOUR });
    for (let i = 0; i < 3; i++) judge(world, 'Pass');
    expect(world.status?.phase).toBe('Promoted');
    pass(world, 6 * HOUR);
    ask(world, 'promote', 'aaa');
    expect(said(world)).toBe('Promoted 0 RolledBackToPrevious');
  });

  test('closed hours do not count against the deadline', () => {
    const world = released({ spec: aSpec({ windows: MORNING, progressDeadline: '2h' }) });
    pass(world, 8 * HOUR);
    settle(world);
    expect(said(world)).toBe('Progressing 10 Judging');
    expect(world.status).toMatchObject({ closedSeconds: 8 * 3600 });
    expect(world.status?.closedSince).toBeUndefined();
    pass(world, HOUR);
    judge(world, 'Continue');
    expect(world.status?.phase).toBe('Progressing');
    pass(world, HOUR);
    judge(world, 'Continue');
    expect(said(world)).toBe('Held 10 DeadlineExceeded');
  });

  test('a freeze holds like a closed window, and says until when and why', () => {
    const freezes: Freezes = [{ from: '2026-01-01T00:00:00Z', to: '2026-01-05T00:00:00Z', because: 'inventory' }];
    const world = released({ spec: aSpec({ freezes }) });
    expect(said(world)).toBe('Held 0 Frozen');
    expect(world.status?.message).toContain('Frozen until 2026-01-05T00:00:00Z (inventory)');
    world.spec = aSpec({ freezes: [] });
    settle(world);
    expect(said(world)).toBe('Progressing 10 Judging');
  });
});

describe('a revision that failed', () => {
  const failed = (change: Partial<NonNullable<ReleaseSpec['analysis']>> = {}): World => {
    const world = released({
      spec: aSpec({ analysis: { ...anAnalysis, retryAfter: '10m', retryLimit: 2, ...change } }),
    });
    judge(world, 'Fail');
    return world;
  };

  test('is tried again after the time that the spec says, then after twice as long, up to the limit', () => {
    const world = failed();
    expect(said(world)).toBe('Aborted 0 ErrorsAboveStable');
    pass(world, 5 * MINUTE);
    settle(world);
    expect(nextAction(observe(world))).toEqual({ kind: 'wait', requeueAfterMs: 5 * MINUTE });
    pass(world, 5 * MINUTE - 1);
    settle(world);
    expect(world.status?.phase).toBe('Aborted');
    pass(world, 1);
    settle(world);
    expect(world.status).toMatchObject({ phase: 'Progressing', weight: 10, attempt: 2, analysisRun: 'web-ccc-2' });
    judge(world, 'Fail');
    pass(world, 19 * MINUTE);
    settle(world);
    expect(world.status?.phase).toBe('Aborted');
    pass(world, MINUTE);
    settle(world);
    expect(world.status).toMatchObject({ phase: 'Progressing', attempt: 3 });
    judge(world, 'Fail');
    pass(world, 10 * HOUR);
    settle(world);
    expect(world.status).toMatchObject({ phase: 'Aborted', attempt: 3 });
    expect(nextAction(observe(world))).toEqual({ kind: 'wait' });
    expect(toldOf(world).filter((what) => what === 'started')).toHaveLength(3);
  });

  test.each([
    ['nobody asks for it in the spec', (world: World) => void (world.spec = aSpec())],
    ['another revision came', (world: World) => void (world.members['web-v2'].revision = 'bbb')],
    ['the annotation still gives it up', (world: World) => void (world.abortRevision = 'ccc')],
    ['Serin only observes', (world: World) => void (world.spec = { ...world.spec, mode: 'observe' })],
    [
      'a freeze is on',
      (world: World) =>
        void (world.spec = { ...world.spec, freezes: [{ from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z' }] }),
    ],
  ])('is left alone when %s', (_name, change) => {
    const world = failed();
    change(world);
    pass(world, HOUR);
    settle(world);
    expect(['Aborted', 'Idle']).toContain(world.status?.phase);
    expect(world.status).toMatchObject({ attempt: 1, weight: 0 });
  });

  test('that a person gave up comes back only when a person asks', () => {
    const world = released({ spec: aSpec({ analysis: { ...anAnalysis, retryAfter: '10m' } }) });
    world.abortRevision = 'ccc';
    settle(world);
    world.abortRevision = undefined;
    pass(world, HOUR);
    settle(world);
    expect(said(world)).toBe('Aborted 0 AbortedByPerson');
  });
});
