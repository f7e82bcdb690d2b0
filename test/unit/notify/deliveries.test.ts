import { describe, expect, test } from 'vitest';
import { deliveriesOf, parseDelivery } from '../../../src/notify/deliveries.ts';
import { grantFor } from '../../../src/kube/grant.ts';
import { shortDuration } from '../../../src/notify/texts.ts';
import { aborted } from './messages.ts';

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
    'kubectl create role serin-read-slack -n shop --verb=get --resource=secrets --resource-name=slack && ' +
      'kubectl create rolebinding serin-read-slack -n shop --role=serin-read-slack --serviceaccount=ops:serin-1',
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
