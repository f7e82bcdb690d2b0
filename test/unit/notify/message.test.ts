import { describe, expect, test } from 'vitest';
import type { Release, ReleaseStatus } from '../../../src/api/release.ts';
import { deliveriesOf, parseDelivery } from '../../../src/notify/deliveries.ts';
import { grantFor } from '../../../src/notify/grant.ts';
import { messageOf } from '../../../src/notify/message.ts';
import { shortDuration } from '../../../src/notify/texts.ts';
import { aborted } from './messages.ts';

const release = (status: Partial<ReleaseStatus>): Release =>
  ({
    apiVersion: 'serin.dev/v1alpha1',
    kind: 'Release',
    metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '1', generation: 1 },
    spec: { workload: { pair: { members: ['a', 'b'] } }, strategy: {} },
    status: { phase: 'Aborted', revision: { rejected: [] }, weight: 0, conditions: [], ...status },
  }) as Release; // only what messages read

describe('what a message says of a release', () => {
  test('an aborted one: the weight it reached, how long it took, both revisions, the verdict once', () => {
    const status: Partial<ReleaseStatus> = {
      revision: { stable: 'old', canary: 'new', rejected: ['new'] },
      startedAt: '2026-11-21T14:00:51.000Z',
      endedAt: '2026-11-21T14:02:31.000Z',
      verdict: { outcome: 'Fail', metric: 'errors', says: 'canary 5 % against stable 0.5 %', odds: '37 : 1' },
      history: [
        {
          revision: 'new',
          outcome: 'Aborted',
          startedAt: '2026-11-21T14:00:51.000Z',
          endedAt: '2026-11-21T14:02:31.000Z',
          attempt: 1,
          weight: 25,
        },
      ],
    };
    const message = messageOf(release(status), aborted.announcement, Date.parse('2026-11-21T15:00:00Z'));
    expect(message).toMatchObject({ weight: 25, elapsedMs: 100_000, revision: { stable: 'old', canary: 'new' } });
    expect(message.timeMs).toBe(Date.parse('2026-11-21T14:02:31Z'));
    expect(message.facts).toEqual(['errors: canary 5 % against stable 0.5 % · odds 37 : 1']);
    const repeating = { ...aborted.announcement, message: 'Aborted: canary 5 % against stable 0.5 % · odds 37 : 1.' };
    expect(messageOf(release(status), repeating, 0).facts).toEqual([]);
  });

  test('a promoted one: what was replaced is the stable of before', () => {
    const status: Partial<ReleaseStatus> = {
      revision: { stable: 'new', previousStable: 'old', rejected: [] },
      endedAt: '2026-11-21T14:05:00.000Z',
      history: [
        {
          revision: 'new',
          outcome: 'Promoted',
          startedAt: '2026-11-21T14:00:00.000Z',
          endedAt: '2026-11-21T14:05:00.000Z',
          attempt: 1,
          weight: 100,
        },
      ],
    };
    const message = messageOf(release(status), { ...aborted.announcement, what: 'promoted' }, 0);
    expect(message).toMatchObject({ revision: { stable: 'old', canary: 'new' }, weight: 100, elapsedMs: 300_000 });
  });

  test('one that goes on: weight and time of now, and a status that says nothing breaks nothing', () => {
    const held = { ...aborted.announcement, what: 'held' } as const;
    const status: Partial<ReleaseStatus> = { weight: 10, startedAt: '2026-11-21T14:00:00Z' };
    const nowMs = Date.parse('2026-11-21T14:22:00Z');
    expect(messageOf(release(status), held, nowMs)).toMatchObject({
      weight: 10,
      elapsedMs: 22 * 60_000,
      timeMs: nowMs,
    });
    const { status: _status, ...bare } = release({});
    expect(messageOf(bare, held, nowMs)).toMatchObject({ weight: 0, timeMs: nowMs, facts: [] });
  });
});

describe('deliveries', () => {
  const sinks = [
    { slack: { secretRef: { name: 'slack', key: 'url' } } },
    { webhook: { secretRef: { name: 'hook', key: 'url' } } },
  ];

  test('are one per sink, with keys that a repeated announcement has again', () => {
    const jobs = deliveriesOf(aborted, sinks);
    expect(jobs.map(({ key }) => key)).toEqual(['uid-1/bf669489b/1/aborted/0', 'uid-1/bf669489b/1/aborted/1']);
    expect(deliveriesOf(aborted, sinks)).toEqual(jobs);
    expect(parseDelivery('key', jobs[1]?.payload)).toEqual({ message: aborted, sink: sinks[1], sinkIndex: 1 });
  });

  test('are none without sinks, and none for what only an Event tells', () => {
    expect(deliveriesOf(aborted)).toEqual([]);
    for (const what of ['advanced', 'driftRepaired'] as const) {
      expect(deliveriesOf({ ...aborted, announcement: { ...aborted.announcement, what } }, sinks)).toEqual([]);
    }
  });

  test.each([
    undefined,
    '',
    'null',
    '[]',
    '{"message":{}}',
    '{"message":{"namespace":"a"},"sink":{}}',
    'x'.repeat(10_000),
  ])('that cannot be read are dropped with a sentence: %s', (payload) => {
    expect(() => parseDelivery('key', payload)).toThrow(
      expect.objectContaining({ name: 'SerinError', retryable: false }),
    );
  });
});

test('the permission to read a Secret names the account that was refused', () => {
  const denial = 'secrets "slack" is forbidden: User "system:serviceaccount:ops:serin-1" cannot get resource "secrets"';
  expect(grantFor('shop', 'slack', denial)).toBe(
    'kubectl create role serin-notify-slack -n shop --verb=get --resource=secrets --resource-name=slack && ' +
      'kubectl create rolebinding serin-notify-slack -n shop --role=serin-notify-slack --serviceaccount=ops:serin-1',
  );
});

test.each([
  [0, '0 s'],
  [499, '0 s'],
  [59_600, '1 min'],
  [100_000, '1 min 40 s'],
  [3_600_000, '1 h'],
  [7_505_000, '2 h 5 min'],
  [90_061_000, '1 d 1 h'],
  [-5, '0 s'],
])('%d ms reads %s', (ms, text) => {
  expect(shortDuration(ms)).toBe(text);
});
