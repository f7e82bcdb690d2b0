/** Gauges, rates, baselines and bounds from rows to observations, without a Prometheus: what is left out and why, and that nothing is invented. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ResolvedMetric } from '../../../src/api/analysis-run.ts';
import type { MetricQuerySpec } from '../../../src/api/metric-query.ts';
import type { Observation } from '../../../src/judge/observation.ts';
import type { RunPods } from '../../../src/metrics/intervals.ts';
import type { LedgerPod } from '../../../src/metrics/ledger.ts';
import { readMetric } from '../../../src/metrics/observing.ts';
import { PART, PARTS, type Part, SIDE } from '../../../src/metrics/promql.ts';
import { type IntervalRows, readRows } from '../../../src/metrics/rows.ts';
import { nativeBoundaries, sumsExpression } from '../../../src/metrics/shapes.ts';
import { boundariesToAsk } from '../../../src/metrics/sides.ts';
import { SerinError } from '../../../src/errors.ts';

const END = 1_000_000;
const span = { endMs: END, intervalMs: 10_000, lookbackMs: 60_000 };
const labels = { workload: 'workload', pod: 'pod' };
const gauge: MetricQuerySpec = { summary: '', labels, gauge: { metric: 'memory' } };
const rate: MetricQuerySpec = { summary: '', labels, rate: { events: { metric: 'restarts' } } };
const metricOf = (query: MetricQuerySpec, over: Partial<ResolvedMetric> = {}): ResolvedMetric => {
  const margins = { fail: { ratio: 1.1, difference: 0 }, pass: { ratio: 1.5, difference: 0 } };
  return { name: 'm', critical: true, share: 1, query, ...margins, ...over };
};
const pod = (name: string, arm: 'stable' | 'canary', over: Partial<LedgerPod> = {}): LedgerPod => ({
  name,
  uid: name,
  arm,
  startedAtMs: 1,
  ...over,
});
const run: RunPods = {
  namespace: 'shop',
  arms: { stable: { workload: 'v1' }, canary: { workload: 'v2' } },
  ledger: [pod('s1', 'stable'), pod('s2', 'stable'), pod('c1', 'canary')],
  warmUpMs: 0,
};

type Row = readonly [workload: string, pod: string, value: number, part?: Part, side?: 'total' | 'bad'];
function rowsOf(query: MetricQuerySpec, rows: readonly Row[]): IntervalRows | undefined {
  const series = rows.map(([workload, name, value, part = 'plain', side = 'total']) => ({
    labels: { workload, pod: name, [PART]: part, [SIDE]: side },
    samples: [{ timeMs: END, value }],
  }));
  return readRows(query, { series, warnings: [] }).get(END);
}
const read = (metric: ResolvedMetric, rows: readonly Row[], over: Partial<RunPods> = {}): Observation =>
  readMetric(metric, rowsOf(metric.query, rows), { ...run, ...over }, span).observation;
const skipped = (reason: string) => ({ kind: 'skipped', endMs: END, reason });

describe('a gauge', () => {
  const usual: readonly Row[] = [
    ['v1', 's1', 100],
    ['v1', 's2', 200],
    ['v2', 'c1', 300],
  ];

  test('is the mean over the pods of each side', () => {
    expect(read(metricOf(gauge), usual)).toEqual({
      kind: 'gauge',
      endMs: END,
      canaryPods: 1,
      means: { canary: 300, stable: 150 },
    });
  });

  test.each<{ name: string; rows: readonly Row[]; over?: Partial<RunPods>; reason: string }>([
    { name: 'no answer', rows: [], reason: 'NoData' },
    { name: 'no stable', rows: usual.slice(2), reason: 'NoData' },
    { name: 'no canary', rows: usual.slice(0, 2), reason: 'NoData' },
    { name: 'NaN', rows: [...usual.slice(0, 2), ['v2', 'c1', Number.NaN]], reason: 'NoData' },
    { name: 'infinity', rows: [['v1', 's1', Number.POSITIVE_INFINITY], ...usual.slice(1)], reason: 'NoData' },
    { name: 'a pod of nobody', rows: [...usual, ['v2', 'c9', 1]], reason: 'UnknownPod' },
    {
      name: 'a canary that is warming up',
      rows: usual,
      over: {
        warmUpMs: 90_000,
        ledger: [...run.ledger.slice(0, 2), pod('c1', 'canary', { startedAtMs: END - 80_000 })],
      },
      reason: 'WarmingUp',
    },
  ])('is left out for $name', ({ rows, over, reason }) => {
    expect(read(metricOf(gauge), rows, over)).toEqual(skipped(reason));
  });

  test('beside a bound needs no stable', () => {
    const metric = metricOf(gauge, { against: { constant: 500 } });
    expect(read(metric, usual.slice(2))).toMatchObject({ kind: 'gauge', means: { canary: 300, stable: Number.NaN } });
    expect(read(metric, usual.slice(0, 2))).toEqual(skipped('NoData'));
  });

  test('without a pod label and with one workload for both sides tells nothing', () => {
    const arms = { stable: { workload: 'v1' }, canary: { workload: 'v1' } };
    const query = { ...gauge, labels: { workload: 'workload' } };
    expect(read(metricOf(query), [['v1', '', 5]], { arms })).toEqual(skipped('UnknownPod'));
  });
});

describe('a rate per pod and second', () => {
  const counted = (name: string, workload: string, events: number): readonly Row[] => [
    [workload, name, events],
    [workload, name, events, 'plain', 'bad'],
    [workload, name, 1, 'fresh'],
  ];
  const usual = [...counted('s1', 'v1', 3), ...counted('s2', 'v1', 0), ...counted('c1', 'v2', 40)];

  test('counts the seconds its pods ran, of those that began or ended in between only a part', () => {
    expect(read(metricOf(rate), usual)).toMatchObject({
      counts: { canary: { bad: 40, total: 10 }, stable: { bad: 3, total: 20 } },
    });
    const ledger = [pod('s1', 'stable', { endedAtMs: END - 7_500 }), pod('s2', 'stable'), pod('c1', 'canary')];
    expect(read(metricOf(rate), usual, { ledger })).toMatchObject({ counts: { stable: { bad: 3, total: 12.5 } } });
    const later = [pod('s1', 'stable'), pod('s2', 'stable'), pod('c1', 'canary', { startedAtMs: END - 4_000 })];
    expect(read(metricOf(rate), usual, { ledger: later })).toMatchObject({ counts: { canary: { total: 4 } } });
  });

  test('of pods that are long gone counts no second', () => {
    const ledger = [pod('s1', 'stable', { endedAtMs: END - 50_000 }), pod('s2', 'stable'), pod('c1', 'canary')];
    expect(read(metricOf(rate), usual, { ledger })).toMatchObject({ counts: { stable: { total: 10 } } });
  });

  test('against a baseline looks at its pods, not at stable’s of the same workload as the canary', () => {
    const arms = { stable: { workload: 'one' }, canary: { workload: 'one' } };
    const ledger = [pod('s1', 'stable'), pod('b1', 'stable'), pod('c1', 'canary')];
    const rows = [...counted('s1', 'one', 9), ...counted('b1', 'base', 2), ...counted('c1', 'one', 5)];
    const metric = metricOf(rate, { against: { workload: 'base' } });
    expect(read(metric, rows, { arms, ledger })).toMatchObject({
      counts: { canary: { bad: 5, total: 10 }, stable: { bad: 2, total: 10 }, stablePods: [{ pod: 'b1' }] },
    });
  });
});

describe('boundaries to ask for', () => {
  const seconds: MetricQuerySpec = { summary: '', labels, histogram: { metric: 'd', unit: 's', native: true } };

  test('are all of a classic histogram, until the judge has chosen', () => {
    const classic = { ...seconds, histogram: { metric: 'd', unit: 's' as const } };
    expect(boundariesToAsk(metricOf(classic), [])).toBeUndefined();
    expect(boundariesToAsk(metricOf(classic), [250, 100])).toEqual([0.1, 0.25]);
  });

  test('of a native one are powers of two, with the SLO among them, and shifted twins', () => {
    expect(boundariesToAsk(metricOf(seconds), [])).toEqual(nativeBoundaries(seconds));
    expect(nativeBoundaries(seconds)).toContain(0.25);
    expect(boundariesToAsk(metricOf(seconds, { sloMs: 300 }), [])).toContain(0.3);
    expect(boundariesToAsk(metricOf(seconds, { slower: 1 }), [250])).toEqual([0.25, 0.5]);
  });
});

describe('whatever the rows', () => {
  const value = fc.oneof(
    fc.integer({ min: 0, max: 1000 }),
    fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 1e-12, 1e300),
  );
  const rows = fc.array(
    fc.tuple(
      fc.constantFrom('v1', 'v2', 'base', 'other'),
      fc.constantFrom('s1', 's2', 'c1', 'b1', 'x9'),
      value,
      fc.constantFrom(...PARTS),
      fc.constantFrom('total' as const, 'bad' as const),
    ),
    { maxLength: 20 },
  );
  const against = fc.constantFrom<ResolvedMetric['against']>(undefined, { constant: 1 }, { workload: 'base' });

  test('an observation has finite numbers ≥ 0 of known pods, or a reason', () => {
    fc.assert(
      fc.property(fc.constantFrom(gauge, rate), against, rows, (query, control, list) => {
        const metric = metricOf(query, control === undefined ? {} : { against: control });
        const observation = read(metric, list);
        if (observation.kind === 'gauge') expect(Number.isFinite(observation.means.canary)).toBe(true);
        if (observation.kind !== 'proportion') return;
        for (const { bad, total } of [observation.counts.canary, observation.counts.stable]) {
          expect(Number.isFinite(bad) && bad >= 0).toBe(true);
          expect(total % 10).toBe(0); // whole seconds of pods that ran throughout
        }
      }),
      { numRuns: 400 },
    );
  });
});

test('a query that PromQL cannot be made of is refused before it is asked', () => {
  const unsound = { ...gauge, gauge: { metric: 'memory{job="x"}' } };
  const options = { intervalMs: 10_000, lookbackMs: 60_000, workloads: [] };
  expect(() => sumsExpression(unsound, options)).toThrow(SerinError);
});
