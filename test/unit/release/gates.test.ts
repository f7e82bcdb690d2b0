/** Steps that ask somebody outside, and steps that only tell. */
import { describe, expect, test } from 'vitest';
import { ask, aSpec, judge, pass, released, settle, type World } from './world.ts';

const said = (world: World): string => `${world.status?.phase} ${world.status?.weight} ${world.status?.reason}`;
const GATE = { gate: { url: 'https://gate.example/web' } };
const gated = (): World =>
  released({ spec: aSpec({ strategy: { canary: { steps: [{ setWeight: 5 }, GATE, { setWeight: 50 }] } } }) });

describe('a gate', () => {
  test('keeps the release where it is until it says yes; then it is judged as ever', () => {
    const world = gated();
    expect(said(world)).toBe('Progressing 5 WaitingForGate');
    expect(world.status?.step).toMatchObject({ index: 2, waitingFor: 'gate' });
    world.gateAnswer = { isOpen: false, says: 'It answered 403; 2xx would open it.' };
    pass(world, 60_000);
    settle(world);
    expect(said(world)).toBe('Progressing 5 WaitingForGate');
    expect(world.status?.message).toContain('It answered 403');
    world.gateAnswer = { isOpen: true, says: 'It answered 200.' };
    settle(world);
    expect(said(world)).toBe('Progressing 5 Judging');
    judge(world, 'Pass');
    expect(said(world)).toBe('Progressing 50 Judging');
  });

  test('that was open does not excuse from being judged, and closed does not keep an abort', () => {
    const world = gated();
    world.gateAnswer = { isOpen: true, says: 'It answered 200.' };
    settle(world);
    expect(world.status?.weight).toBe(5);
    const other = gated();
    judge(other, 'Fail');
    expect(said(other)).toBe('Aborted 0 ErrorsAboveStable');
  });

  test('is left by a person who promotes', () => {
    const world = gated();
    ask(world, 'promote');
    expect(world.status).toMatchObject({ weight: 5, step: { index: 3, waitingFor: 'judge' } });
  });

  test('that never answers runs into the deadline', () => {
    const world = released({
      spec: aSpec({ strategy: { canary: { steps: [{ setWeight: 5 }, GATE] } }, progressDeadline: '10m' }),
    });
    pass(world, 600_000);
    settle(world);
    expect(said(world)).toBe('Held 5 DeadlineExceeded');
  });
});

test('a note is told once, and nothing waits for it', () => {
  const steps = [{ setWeight: 5 }, { notify: { message: 'Five percent of users have it.' } }, { pause: {} }];
  const world = released({ spec: aSpec({ strategy: { canary: { steps } } }) });
  expect(world.status).toMatchObject({ phase: 'Held', weight: 5, step: { index: 3 } });
  const notes = world.told.filter(({ what }) => what === 'noted');
  expect(notes).toMatchObject([{ reason: 'Noted', message: 'Five percent of users have it.', severity: 'Normal' }]);
});
