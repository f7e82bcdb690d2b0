import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MetricQuerySpec } from '../../../src/api/metric-query.ts';
import { type Reading, readInterval, type RunPods } from '../../../src/metrics/intervals.ts';
import type { LedgerPod } from '../../../src/metrics/ledger.ts';
import { PART, type Part, SIDE } from '../../../src/metrics/promql.ts';
import { readRows } from '../../../src/metrics/rows.ts';
import { libraryQuery } from '../../support/library.ts';

const END = 1_000_000;
const span = { endMs: END, intervalMs: 10_000, lookbackMs: 60_000 };
const counts = libraryQuery('istio-requests');
const histogram = libraryQuery('istio-latency');

type Row = readonly [pod: string, part: Part, side: string, value: number];
const LONG_AGO = 1000;

function answer(query: MetricQuerySpec, rows: readonly Row[], le?: readonly string[]) {
  const series = rows.map(([pod, part, side, value], index) => ({
    labels: {
      destination_workload_namespace: 'shop',
      destination_workload: pod.startsWith('s') ? 'web-v1' : 'web-v2',
      ...(query.labels.pod === undefined ? {} : { pod }),
      [PART]: part,
      [SIDE]: side,
      ...(le?.[index] === undefined ? {} : { le: le[index] }),
    },
    samples: [{ timeMs: END, value }],
  }));
  return readRows(query, { series, warnings: [] }).get(END);
}

const stablePod: LedgerPod = { name: 's1', uid: 'u1', arm: 'stable', startedAtMs: LONG_AGO };
const canaryPod: LedgerPod = { name: 'c1', uid: 'u2', arm: 'canary', startedAtMs: LONG_AGO };

function read(rows: readonly Row[], change: Partial<LedgerPod> = {}, run: Partial<RunPods> = {}): Reading {
  return readInterval(
    counts,
    answer(counts, rows),
    {
      namespace: 'shop',
      arms: { stable: { workload: 'web-v1' }, canary: { workload: 'web-v2' } },
      ledger: [stablePod, { ...canaryPod, ...change }],
      warmUpMs: 0,
      ...run,
    },
    span,
  );
}

/** A stable pod with 100 requests and one error, and a canary pod that was scraped. */
const usual: readonly Row[] = [
  ['s1', 'plain', 'total', 100],
  ['s1', 'plain', 'bad', 1],
  ['s1', 'fresh', 'total', 2],
  ['c1', 'fresh', 'total', 2],
];
const skipped = (reason: string) => ({ kind: 'skipped', endMs: END, reason });

describe('the observation of an interval', () => {
  test('counts both arms, and stable per pod', () => {
    expect(read([...usual, ['c1', 'plain', 'total', 10], ['c1', 'plain', 'bad', 2]]).observation).toEqual({
      kind: 'proportion',
      endMs: END,
      canaryPods: 1,
      counts: {
        canary: { bad: 2, total: 10 },
        stable: { bad: 1, total: 100 },
        stablePods: [{ pod: 's1', bad: 1, total: 100 }],
      },
    });
  });

  test('no series of bad events is no bad event', () => {
    const { observation } = read([...usual, ['c1', 'plain', 'total', 10]]);
    expect(observation).toMatchObject({ counts: { canary: { bad: 0, total: 10 } } });
  });

  test.each<{ name: string; rows: readonly Row[]; change?: Partial<LedgerPod>; reason: string }>([
    { name: 'nothing at all', rows: [], reason: 'NoData' },
    {
      name: 'no series of stable',
      rows: [
        ['c1', 'plain', 'total', 10],
        ['c1', 'fresh', 'total', 1],
      ],
      reason: 'NoData',
    },
    {
      name: 'no scrape of stable in it',
      rows: [
        ['s1', 'plain', 'total', 0],
        ['c1', 'plain', 'total', 10],
        ['c1', 'fresh', 'total', 1],
      ],
      reason: 'NoData',
    },
    {
      name: 'no scrape of the canary in it',
      rows: [...usual.slice(0, 3), ['c1', 'plain', 'total', 0]],
      reason: 'NoData',
    },
    {
      name: 'NaN in a counter',
      rows: [...usual, ['c1', 'plain', 'total', 10], ['c1', 'plain', 'bad', Number.NaN]],
      reason: 'NoData',
    },
    {
      name: 'an infinite counter',
      rows: [...usual, ['c1', 'plain', 'total', Number.POSITIVE_INFINITY]],
      reason: 'NoData',
    },
    {
      name: 'a drop that no restart explains',
      rows: [...usual, ['c1', 'reset', 'total', 5]],
      reason: 'ImplausibleCounter',
    },
    {
      name: 'a drop long after a restart',
      rows: [...usual, ['c1', 'reset', 'total', 5]],
      change: { restartedAtMs: END - 71_000 },
      reason: 'ImplausibleCounter',
    },
    {
      name: 'an old pod that appears with its whole past',
      rows: [...usual, ['c1', 'born', 'total', 1e6]],
      reason: 'ImplausibleCounter',
    },
    {
      name: 'series that change their labels',
      rows: [...usual, ['c1', 'plain', 'total', 3], ['c1', 'silent', 'total', 900], ['c1', 'born', 'total', 910]],
      reason: 'ImplausibleCounter',
    },
    {
      name: 'a pod that no arm claims',
      rows: [...usual, ['c1', 'plain', 'total', 10], ['c9', 'plain', 'total', 1]],
      reason: 'UnknownPod',
    },
  ])('is left out for $name', ({ rows, change, reason }) => {
    expect(read(rows, change).observation).toEqual(skipped(reason));
  });

  test.each<{ name: string; rows: readonly Row[]; change?: Partial<LedgerPod>; canary: object }>([
    {
      name: 'a drop after a restart',
      rows: [
        ['c1', 'reset', 'total', 5],
        ['c1', 'plain', 'total', 2],
      ],
      change: { restartedAtMs: END - 4000 },
      canary: { bad: 0, total: 7 },
    },
    {
      name: 'the first series of a pod that just started',
      rows: [
        ['c1', 'born', 'total', 9],
        ['c1', 'born', 'bad', 4],
      ],
      change: { startedAtMs: END - 6000 },
      canary: { bad: 4, total: 9 },
    },
    {
      name: 'the first error of an old pod',
      rows: [
        ['c1', 'plain', 'total', 8],
        ['c1', 'born', 'total', 2],
        ['c1', 'born', 'bad', 2],
      ],
      canary: { bad: 2, total: 10 },
    },
    {
      name: 'the first error of an old pod while another series ends',
      rows: [
        ['c1', 'plain', 'total', 8],
        ['c1', 'born', 'total', 2],
        ['c1', 'born', 'bad', 2],
        ['c1', 'silent', 'total', 50],
      ],
      canary: { bad: 2, total: 10 },
    },
    {
      name: 'an unknown pod without events',
      rows: [
        ['c1', 'plain', 'total', 8],
        ['c9', 'plain', 'total', 0],
      ],
      canary: { bad: 0, total: 8 },
    },
    { name: 'no series of the canary yet', rows: [], canary: { bad: 0, total: 0 } },
  ])('counts $name', ({ rows, change, canary }) => {
    const all = rows.length === 0 ? usual.slice(0, 3) : [...usual, ...rows];
    expect(read(all, change).observation).toMatchObject({ kind: 'proportion', counts: { canary } });
  });

  test.each([
    { ageMs: 99_999, reason: 'WarmingUp' },
    { ageMs: 100_000, reason: undefined },
  ])('a pod of $ageMs ms counts once the whole interval lies behind its warm-up', ({ ageMs, reason }) => {
    const rows: readonly Row[] = [...usual, ['c1', 'plain', 'total', 10]];
    const { observation } = read(rows, { startedAtMs: END - ageMs }, { warmUpMs: 90_000 });
    expect(observation.kind === 'skipped' ? observation.reason : undefined).toBe(reason);
  });

  test('a pod that never told its start stays cold, a young pod beside a warm one is left out alone', () => {
    const rows: readonly Row[] = [
      ...usual,
      ['c1', 'plain', 'total', 10],
      ['c2', 'plain', 'total', 99],
      ['c2', 'fresh', 'total', 1],
    ];
    const ledger = [stablePod, canaryPod, { name: 'c2', uid: 'u3', arm: 'canary' as const }];
    expect(read(rows, {}, { ledger, warmUpMs: 90_000 }).observation).toMatchObject({
      canaryPods: 1,
      counts: { canary: { bad: 0, total: 10 } },
    });
  });

  test('what stable counted while the canary was not scraped is pending, not lost', () => {
    const { observation, pending } = read([...usual.slice(0, 3), ['c1', 'plain', 'total', 0]]);
    expect(observation).toEqual(skipped('NoData'));
    expect(pending).toMatchObject({ counts: { stable: { bad: 1, total: 100 }, canary: { total: 0 } } });
  });

  test('never invents: canary and stable are at most what the rows say, whatever they say', () => {
    const part = fc.constantFrom<Part>('plain', 'reset', 'born', 'strange', 'silent', 'fresh');
    const row = fc.tuple(
      fc.constantFrom('s1', 's2', 'c1', 'c2', 'x9'),
      part,
      fc.constantFrom('total', 'bad'),
      fc.oneof(fc.integer({ min: 0, max: 1000 }), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1)),
    );
    const key = ([pod, p, side]: Row): string => `${pod} ${p} ${side}`;
    fc.assert(
      fc.property(fc.uniqueArray(row, { selector: key, maxLength: 25 }), fc.boolean(), (rows, hasRestarted) => {
        const change = hasRestarted ? { restartedAtMs: END - 1000 } : {};
        const { observation } = read(rows, change);
        if (observation.kind !== 'proportion') return;
        const { canary, stable } = observation.counts;
        const most = rows
          .filter(([pod, p, side]) => pod.startsWith('c') && side === 'total' && ['plain', 'reset', 'born'].includes(p))
          .reduce((sum, [, , , value]) => sum + value, 0);
        expect(canary.total).toBeLessThanOrEqual(most);
        for (const { bad, total } of [canary, stable]) {
          expect(bad).toBeLessThanOrEqual(total);
          expect(Number.isFinite(total)).toBe(true);
        }
      }),
    );
  });
});

describe('the observation of a histogram', () => {
  const boundaries = ['100', '250.0', '500', '+Inf'];
  const buckets = (pod: string, values: readonly number[]): Row[] =>
    values.map((value) => [pod, 'plain', 'bucket', value]);
  const readBuckets = (rows: readonly Row[], le: readonly string[], query = histogram) =>
    readInterval(
      query,
      answer(query, rows, le),
      {
        namespace: 'shop',
        arms: { stable: { workload: 'web-v1' }, canary: { workload: 'web-v2' } },
        ledger: [stablePod, canaryPod],
        warmUpMs: 0,
      },
      span,
    ).observation;
  const fresh: Row[] = [
    ['s1', 'fresh', 'bucket', 1],
    ['c1', 'fresh', 'bucket', 1],
  ];

  test('counts what is slower than each boundary, whatever its spelling, in milliseconds', () => {
    const rows = [...buckets('s1', [60, 90, 99, 100]), ...buckets('c1', [5, 8, 10, 10]), ...fresh];
    expect(readBuckets(rows, [...boundaries, ...boundaries])).toMatchObject({
      kind: 'histogram',
      boundaries: [
        { boundaryMs: 100, counts: { canary: { bad: 5, total: 10 }, stable: { bad: 40, total: 100 } } },
        { boundaryMs: 250, counts: { canary: { bad: 2, total: 10 }, stable: { bad: 10, total: 100 } } },
        { boundaryMs: 500, counts: { canary: { bad: 0, total: 10 }, stable: { bad: 1, total: 100 } } },
      ],
    });
  });

  test('seconds become milliseconds without dust', () => {
    const query: MetricQuerySpec = { ...histogram, histogram: { metric: 'h', unit: 's' } };
    const le = ['0.07', '0.3', '1.1', '+Inf'];
    const rows = [...buckets('s1', [1, 2, 3, 4]), ...buckets('c1', [1, 2, 3, 4]), ...fresh];
    const observation = readBuckets(rows, [...le, ...le], query);
    expect(observation.kind === 'histogram' ? observation.boundaries.map((b) => b.boundaryMs) : []).toEqual([
      70, 300, 1100,
    ]);
  });

  test('a boundary that only one side has is not compared', () => {
    const rows = [...buckets('s1', [60, 90, 99, 100]), ...buckets('c1', [5, 10]), ...fresh];
    const observation = readBuckets(rows, [...boundaries, '100', '+Inf']);
    expect(observation.kind === 'histogram' ? observation.boundaries.map((b) => b.boundaryMs) : []).toEqual([100]);
  });
});

describe('a query without pods', () => {
  const source = libraryQuery('istio-requests-source');
  const run: RunPods = {
    namespace: 'shop',
    arms: { stable: { workload: 'web-v1' }, canary: { workload: 'web-v2' } },
    ledger: [stablePod, canaryPod],
    warmUpMs: 0,
  };
  const readSource = (rows: readonly Row[], change: Partial<RunPods> = {}) =>
    readInterval(source, answer(source, rows), { ...run, ...change }, span).observation;

  test('compares the workloads as a whole, without dispersion of pods', () => {
    expect(readSource([...usual, ['c1', 'plain', 'total', 10]])).toMatchObject({
      counts: { canary: { total: 10 }, stable: { total: 100 }, stablePods: [] },
    });
  });

  test('leaves out series of targets that were not there before', () => {
    expect(readSource([...usual, ['c1', 'plain', 'total', 10], ['c1', 'strange', 'total', 500]])).toEqual(
      skipped('ImplausibleCounter'),
    );
  });

  test('cannot tell two sides of one workload apart', () => {
    const arms = { stable: { workload: 'web-v1' }, canary: { workload: 'web-v1' } };
    expect(readSource(usual, { arms })).toEqual(skipped('UnknownPod'));
  });
});
