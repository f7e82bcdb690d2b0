import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  adoptByName,
  formatLedger,
  MOST_PODS,
  parseLedger,
  podAt,
  type PodLedger,
  updateLedger,
} from '../../../src/metrics/ledger.ts';

const pod = (name: string, startedAtMs = 1000) => ({ name, uid: `uid-${name}`, startedAtMs });
const none = { stable: [], canary: [] };

describe('the pod ledger', () => {
  test('keeps pods that are gone, with the time when that was noticed', () => {
    const before = updateLedger([], { stable: [pod('a')], canary: [pod('b')] }, 5000);
    const after = updateLedger(before, { stable: [pod('a')], canary: [] }, 9000);
    expect(after).toEqual([
      { name: 'a', uid: 'uid-a', arm: 'stable', startedAtMs: 1000 },
      { name: 'b', uid: 'uid-b', arm: 'canary', startedAtMs: 1000, endedAtMs: 9000 },
    ]);
    expect(updateLedger(after, none, 12_000).find(({ name }) => name === 'b')?.endedAtMs).toBe(9000);
  });

  test('a pod keeps its arm, also when the roles of the workloads change', () => {
    const before = updateLedger([], { stable: [], canary: [pod('b')] }, 5000);
    expect(updateLedger(before, { stable: [pod('b')], canary: [] }, 6000)[0]?.arm).toBe('canary');
  });

  test('a start that lies ahead, on a node with a wrong clock, counts from when it was first seen', () => {
    const early = pod('a', 4_000_000);
    const first = updateLedger([], { stable: [early], canary: [] }, 5000);
    const second = updateLedger(first, { stable: [{ ...early, restartedAtMs: 4_100_000 }], canary: [] }, 9000);
    const third = updateLedger(second, { stable: [{ ...early, restartedAtMs: 4_100_000 }], canary: [] }, 12_000);
    expect([first, second, third].map(([each]) => each?.startedAtMs)).toEqual([5000, 5000, 5000]);
    expect([second, third].map(([each]) => each?.restartedAtMs)).toEqual([9000, 9000]);
  });

  describe('a pod that gets another template in place', () => {
    const as = (revision: string, restartedAtMs?: number) => ({
      ...pod('a'),
      revision,
      ...(restartedAtMs === undefined ? {} : { restartedAtMs }),
    });
    const first = updateLedger([], { stable: [as('v1')], canary: [] }, 5000);

    test('changes sides, as young as its container', () => {
      const after = updateLedger(first, { stable: [], canary: [as('v2', 11_000)] }, 15_000);
      expect(after).toEqual([
        { name: 'a', uid: 'uid-a', arm: 'stable', revision: 'v1', startedAtMs: 1000, endedAtMs: 15_000 },
        { name: 'a', uid: 'uid-a', arm: 'canary', revision: 'v2', startedAtMs: 11_000, restartedAtMs: 11_000 },
      ]);
      expect([10_000, 20_000].map((atMs) => podAt(after, 'a', atMs)?.arm)).toEqual(['stable', 'canary']);
      const later = updateLedger(after, { stable: [], canary: [as('v2', 11_000)] }, 25_000);
      expect(later).toEqual(after);
    });

    test('without a restart counts from when it was noticed; a restart of before is none of it', () => {
      const before = updateLedger(first, { stable: [as('v1', 7000)], canary: [] }, 8000);
      const after = updateLedger(before, { stable: [], canary: [as('v2', 7000)] }, 15_000);
      expect(podAt(after, 'a', 16_000)).toMatchObject({ arm: 'canary', startedAtMs: 15_000 });
    });

    test('is known by its new template also when nobody saw it for a while', () => {
      const unseen = updateLedger(first, none, 10_000);
      const after = updateLedger(unseen, { stable: [], canary: [as('v2', 9000)] }, 20_000);
      expect(podAt(after, 'a', 21_000)).toMatchObject({ arm: 'canary', startedAtMs: 9000 });
    });

    test('goes back to where it was when its template does', () => {
      const there = updateLedger(first, { stable: [], canary: [as('v2', 11_000)] }, 15_000);
      const back = updateLedger(there, { stable: [as('v1', 31_000)], canary: [] }, 35_000);
      expect([20_000, 40_000].map((atMs) => podAt(back, 'a', atMs)?.arm)).toEqual(['canary', 'stable']);
    });

    test('keeps its side when the sides change their names', () => {
      const there = updateLedger(first, { stable: [], canary: [as('v2', 11_000)] }, 15_000);
      const promoted = updateLedger(there, { stable: [as('v2', 11_000)], canary: [] }, 35_000);
      expect(podAt(promoted, 'a', 40_000)?.arm).toBe('canary');
    });

    test('is the same pod as in a ledger that does not tell templates', () => {
      const old: PodLedger = [{ name: 'a', uid: 'uid-a', arm: 'stable', startedAtMs: 1000 }];
      expect(updateLedger(old, { stable: [as('v1')], canary: [] }, 9000)).toEqual([{ ...old[0], revision: 'v1' }]);
    });
  });

  test('a name that is used again belongs to the newest pod that had started by then', () => {
    const ledger: PodLedger = [
      { name: 'web-0', uid: 'old', arm: 'stable', startedAtMs: 1000, endedAtMs: 5000 },
      { name: 'web-0', uid: 'new', arm: 'canary', startedAtMs: 6000 },
    ];
    expect(podAt(ledger, 'web-0', 5500)?.uid).toBe('old');
    expect(podAt(ledger, 'web-0', 7000)?.uid).toBe('new');
    expect(podAt(ledger, 'web-1', 7000)).toBeUndefined();
  });

  test.each([
    { name: 'web-v2-59c4-zzzzz', arm: 'canary' },
    { name: 'web-v1-6f7d-zzzzz', arm: 'stable' },
    { name: 'web-v1-0000-zzzzz', arm: undefined },
    { name: 'web-v2', arm: undefined },
    { name: 'web-v2-59c4-toolong', arm: undefined },
  ])('a pod that nobody saw alive is adopted by its ReplicaSet: $name', ({ name, arm }) => {
    const ledger = updateLedger([], { stable: [pod('web-v1-6f7d-aaaaa')], canary: [pod('web-v2-59c4-bbbbb')] }, 1);
    const adopted = adoptByName(ledger, name, 9000);
    expect(adopted?.find((each) => each.name === name)?.arm).toBe(arm);
  });

  test('an adopted pod that shows up is the same pod', () => {
    const ledger = updateLedger([], { stable: [], canary: [pod('web-v2-59c4-bbbbb')] }, 1);
    const adopted = adoptByName(ledger, 'web-v2-59c4-zzzzz', 2) ?? [];
    const after = updateLedger(
      adopted,
      { stable: [], canary: [pod('web-v2-59c4-bbbbb'), pod('web-v2-59c4-zzzzz')] },
      3,
    );
    expect(after.filter(({ name }) => name === 'web-v2-59c4-zzzzz')).toHaveLength(1);
  });

  const manyPods = (count: number, prefix: string) => Array.from({ length: count }, (_, n) => pod(`${prefix}-${n}`));
  const countOf = (pods: readonly { readonly arm: string }[], arm: string) =>
    pods.filter((each) => each.arm === arm).length;

  test('forgets the longest gone of many, and none that is alive', () => {
    let ledger: PodLedger = updateLedger([], { stable: [pod('first')], canary: [] }, 1);
    ledger = updateLedger(ledger, { stable: manyPods(MOST_PODS, 'old'), canary: [] }, 2);
    ledger = updateLedger(ledger, { stable: manyPods(MOST_PODS + 88, 'new'), canary: [] }, 3);
    const gone = ledger.filter(({ endedAtMs }) => endedAtMs !== undefined);
    expect([ledger.length - gone.length, gone.length]).toEqual([MOST_PODS + 88, MOST_PODS / 2]);
    expect(gone.some(({ name }) => name === 'first')).toBe(false);
  });

  test.each([
    { stable: 600, canary: 6, kept: { stable: 506, canary: 6 } },
    { stable: 6, canary: 600, kept: { stable: 6, canary: 506 } },
    { stable: 600, canary: 300, kept: { stable: 256, canary: 256 } },
  ])('of $stable pods of stable and $canary of the canary each is known; status has room for $kept', (each) => {
    const live = { stable: manyPods(each.stable, 's'), canary: manyPods(each.canary, 'c') };
    const ledger = updateLedger([], live, 10);
    expect(
      Object.values(live)
        .flat()
        .every(({ name }) => podAt(ledger, name, 20) !== undefined),
    ).toBe(true);
    const stored = formatLedger(ledger);
    expect({ stable: countOf(stored, 'stable'), canary: countOf(stored, 'canary') }).toEqual(each.kept);
    const again = updateLedger(parseLedger(stored, 20), live, 20);
    expect({ stable: countOf(again, 'stable'), canary: countOf(again, 'canary') }).toEqual({
      stable: each.stable,
      canary: each.canary,
    });
  });

  test('a canary pod that died beside hundreds of stable ones stays, and so does one that is adopted', () => {
    const live = { stable: manyPods(600, 'web-v1-6f7d'), canary: [pod('web-v2-59c4-aaaaa')] };
    const ledger = updateLedger(updateLedger([], live, 10), { ...live, canary: [] }, 20);
    const adopted = adoptByName(ledger, 'web-v2-59c4-bbbbb', 30) ?? [];
    const later = parseLedger(formatLedger(updateLedger(adopted, { ...live, canary: [] }, 40)), 50);
    expect(countOf(later, 'canary')).toBe(2);
  });

  test('survives its way through status', () => {
    const pods = fc.uniqueArray(
      fc.record(
        {
          name: fc.stringMatching(/^[a-z]{1,8}$/),
          startedAtMs: fc.integer({ min: 0, max: 2e12 }),
          revision: fc.constantFrom('v1', 'v2'),
        },
        { requiredKeys: ['name', 'startedAtMs'] },
      ),
      { selector: ({ name }) => name, maxLength: 20 },
    );
    fc.assert(
      fc.property(pods, pods, (stable, canary) => {
        const live = (list: typeof stable, arm: string) => list.map((p) => ({ ...p, uid: `${arm}-${p.name}` }));
        const ledger = updateLedger([], { stable: live(stable, 's'), canary: live(canary, 'c') }, 10);
        expect(parseLedger(formatLedger(ledger), 99)).toEqual(ledger);
      }),
    );
  });
});
