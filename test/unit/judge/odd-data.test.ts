/**
 * Odd data, one table: what every kind of it comes to after a quarter of an hour, and why. Nothing here may pass or fail by accident;
 * mostly the answer is "not known", with a reason a person can act on.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnalysisRunSpec, ResolvedMetric } from '../../../src/api/analysis-run.ts';
import { parseEvidence, serialiseEvidence } from '../../../src/judge/checkpoint.ts';
import { observe, openEvidence } from '../../../src/judge/evidence.ts';
import { judgeStep } from '../../../src/judge/judge-step.ts';
import type { Counts, Observation, ProportionCounts } from '../../../src/judge/observation.ts';
import type { Outcome, StepVerdict } from '../../../src/judge/verdict.ts';
import { seeded } from '../../support/random.ts';
import { INTERVAL_MS, START_MS, errorsMetric, historyOf, runSpec } from './traffic.ts';

/** The observation of interval `i` (from 0), which ends at `endMs`; `undefined`: no batch came at all. */
type At = (i: number, endMs: number) => Observation | undefined;

interface Odd {
  readonly what: string;
  readonly at: At;
  readonly metric?: Partial<ResolvedMetric>;
  /** Polls; 90 are a quarter of an hour, when a step's time is up. */
  readonly polls?: number;
  readonly history?: boolean;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly skipped?: Readonly<Record<string, number>>;
  readonly uncalibrated?: string;
  readonly says?: RegExp;
}

const random = seeded(1);
const pods = (count: number, total: number, rate: number): (Counts & { readonly pod: string })[] =>
  Array.from({ length: count }, (_, k) => ({ pod: `p${k}`, total, bad: random.poisson(total * rate) }));
const sum = (each: readonly Counts[]): Counts => ({
  bad: each.reduce((all, { bad }) => all + bad, 0),
  total: each.reduce((all, { total }) => all + total, 0),
});
/** Canary and `count` stable pods with so many requests each. */
const traffic =
  (canary: Counts | (() => Counts), count = 4, total = 500, rate = 0.01): At =>
  (_, endMs) => {
    const stablePods = pods(count, total, rate);
    const counts: ProportionCounts = {
      canary: typeof canary === 'function' ? canary() : canary,
      stable: count === 0 ? { total: 2000, bad: random.poisson(2000 * rate) } : sum(stablePods),
      stablePods,
    };
    return { kind: 'proportion', endMs, canaryPods: 1, counts };
  };
const poisson =
  (total: number, rate: number): (() => Counts) =>
  () => ({ total, bad: Math.min(total, random.poisson(total * rate)) });
const healthy = traffic(poisson(500, 0.01));
const gauge =
  (canary: (i: number) => number, stable: (i: number) => number): At =>
  (i, endMs) => ({ kind: 'gauge', endMs, canaryPods: 1, means: { canary: canary(i), stable: stable(i) } });
const ofGauge = {
  critical: true,
  query: { summary: '', labels: {}, gauge: { metric: 'm' } },
  fail: { ratio: 1.1, difference: 0 },
  pass: { ratio: 1.5, difference: 0 },
} satisfies Partial<ResolvedMetric>;
const ofRate = {
  query: { summary: '', labels: { pod: 'pod' }, rate: { events: { metric: 'm' } } },
  pass: { ratio: 1.5, difference: 0 },
} satisfies Partial<ResolvedMetric>;

const TABLE: readonly Odd[] = [
  { what: 'ordinary data, to compare with', at: healthy, outcome: 'Pass', reason: 'WithinMargin' },
  {
    what: 'no error on either side, much traffic',
    at: traffic({ bad: 0, total: 500 }, 4, 500, 0),
    outcome: 'Pass',
    reason: 'WithinMargin',
    says: /at most \+0\.0\d+ pp/,
  },
  {
    what: 'no error on either side, 20 canary requests an interval',
    at: traffic({ bad: 0, total: 20 }, 4, 500, 0),
    outcome: 'Inconclusive',
    reason: 'TimeIsUp',
  },
  {
    what: 'one request a minute',
    at: (i, endMs) => traffic({ bad: 0, total: i % 6 === 0 ? 1 : 0 }, 4, 2, 0.01)(i, endMs),
    history: false,
    outcome: 'Inconclusive',
    reason: 'TooFewRequests',
    skipped: { NoCanaryRequests: 75 },
  },
  {
    what: 'one request a minute that always fails',
    at: (i, endMs) => traffic({ bad: i % 6 === 0 ? 1 : 0, total: i % 6 === 0 ? 1 : 0 }, 4, 5000, 0.001)(i, endMs),
    outcome: 'Fail',
    reason: 'ErrorsAboveStable',
  },
  {
    what: 'one stable pod, much traffic: three errors count as one',
    at: traffic(poisson(500, 0.01), 1, 2000),
    history: false,
    outcome: 'Pass',
    reason: 'WithinMargin',
    uncalibrated: 'one stable pod',
  },
  {
    what: 'no history',
    at: healthy,
    history: false,
    polls: 10,
    outcome: 'Continue',
    reason: 'Judging',
    uncalibrated: 'short history',
  },
  {
    what: 'no series by pod, much traffic: three errors count as one',
    at: traffic(poisson(500, 0.01), 0),
    history: false,
    outcome: 'Pass',
    reason: 'WithinMargin',
    uncalibrated: 'no per-pod series',
  },
  {
    what: 'numbers that are not whole',
    at: traffic(() => ({ total: 500.25, bad: random.poisson(5) * 0.97 }), 4, 499.7),
    outcome: 'Pass',
    reason: 'WithinMargin',
  },
  ...[Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1].flatMap((bad): readonly Odd[] => [
    {
      what: `${bad} canary errors`,
      at: traffic({ bad, total: 500 }),
      outcome: 'Inconclusive',
      reason: 'ImplausibleCounter',
      skipped: { ImplausibleCounter: 90 },
    },
    {
      what: `${bad} canary requests`,
      at: traffic({ bad: 0, total: bad }),
      outcome: 'Inconclusive',
      reason: 'ImplausibleCounter',
      skipped: { ImplausibleCounter: 90 },
    },
    {
      what: `a gauge that is ${bad}`,
      at: gauge(
        () => bad,
        () => 100,
      ),
      metric: ofGauge,
      outcome: 'Inconclusive',
      reason: Number.isFinite(bad) ? 'TimeIsUp' : 'NoData',
      skipped: Number.isFinite(bad) ? { NotPositive: 90 } : { NoData: 90 },
    },
    {
      what: `a rate of ${bad}`,
      at: traffic({ bad, total: 60 }),
      metric: ofRate,
      outcome: 'Inconclusive',
      reason: 'ImplausibleCounter',
      skipped: { ImplausibleCounter: 90 },
    },
  ]),
  {
    what: 'NaN of a single stable pod',
    at: (i, endMs) => {
      const seen = healthy(i, endMs) as Extract<Observation, { kind: 'proportion' }>;
      return { ...seen, counts: { ...seen.counts, stablePods: [{ pod: 'p0', bad: Number.NaN, total: 1 }] } };
    },
    outcome: 'Inconclusive',
    reason: 'ImplausibleCounter',
  },
  {
    what: 'more errors than requests',
    at: traffic({ bad: 501, total: 500 }),
    outcome: 'Inconclusive',
    reason: 'ImplausibleCounter',
  },
  {
    what: 'counters that reset without a restart every fourth interval',
    at: (i, endMs) => (i % 4 === 0 ? { kind: 'skipped', endMs, reason: 'ImplausibleCounter' } : healthy(i, endMs)),
    outcome: 'Inconclusive',
    reason: 'ImplausibleCounter',
  },
  {
    what: 'counters that reset once in a while',
    at: (i, endMs) => (i % 20 === 0 ? { kind: 'skipped', endMs, reason: 'ImplausibleCounter' } : healthy(i, endMs)),
    outcome: 'Pass',
    reason: 'WithinMargin',
  },
  {
    what: '10⁹ requests an interval, equal',
    at: traffic(poisson(1e9, 0.01), 4, 1e9),
    outcome: 'Pass',
    reason: 'WithinMargin',
  },
  {
    what: '10⁹ requests an interval, twice as bad',
    at: traffic(poisson(1e9, 0.02), 4, 1e9),
    outcome: 'Fail',
    reason: 'ErrorsAboveStable',
  },
  {
    what: 'more requests than numbers can count',
    at: traffic({ bad: 1e17, total: 1e18 }),
    outcome: 'Inconclusive',
    reason: 'ImplausibleCounter',
  },
  {
    what: 'a clock that goes back an hour and stays there',
    at: (i, endMs) => (i < 3 ? healthy(i, endMs + 3_600_000) : healthy(i, endMs)),
    outcome: 'Inconclusive',
    reason: 'NoData',
  },
  {
    what: 'a clock that goes ahead an hour after two minutes: an hour without data, then as before',
    at: (i, endMs) => healthy(i, i < 12 ? endMs : endMs + 3_600_000),
    skipped: { NoData: 360 },
    outcome: 'Pass',
    reason: 'WithinMargin',
  },
  {
    what: 'every interval twice, and again late',
    at: (i) => healthy(i, START_MS + (1 + Math.floor(i / 3)) * INTERVAL_MS),
    outcome: 'Inconclusive',
    reason: 'NoData',
  },
  { what: 'no batch at all', at: () => undefined, outcome: 'Inconclusive', reason: 'NoData' },
  {
    what: 'a canary that nobody reaches, at much traffic',
    at: traffic({ bad: 0, total: 0 }),
    outcome: 'Inconclusive',
    reason: 'NoData',
    skipped: { NoCanaryRequests: 90 },
  },
  {
    what: 'stable without requests',
    at: traffic(poisson(500, 0.01), 4, 0),
    outcome: 'Inconclusive',
    reason: 'NoData',
    skipped: { NoStableRequests: 90 },
  },
  {
    what: 'two kinds of data in turn',
    at: (i, endMs) =>
      i % 2 === 0
        ? healthy(i, endMs)
        : gauge(
            () => 1,
            () => 1,
          )(i, endMs),
    outcome: 'Inconclusive',
    reason: 'ImplausibleCounter',
  },
  {
    what: 'a gauge that never moves, equal',
    at: gauge(
      () => 100,
      () => 100,
    ),
    metric: ofGauge,
    outcome: 'Pass',
    reason: 'WithinMargin',
  },
  {
    what: 'a gauge that never moves, twice as high',
    at: gauge(
      () => 200,
      () => 100,
    ),
    metric: ofGauge,
    outcome: 'Fail',
    reason: 'AboveStable',
  },
  {
    what: 'a gauge that is zero on both sides',
    at: gauge(
      () => 0,
      () => 0,
    ),
    metric: ofGauge,
    outcome: 'Inconclusive',
    reason: 'TimeIsUp',
    skipped: { NotPositive: 90 },
  },
  {
    what: 'a gauge of 1e300',
    at: gauge(
      () => 1e300,
      () => 1e300,
    ),
    metric: ofGauge,
    outcome: 'Inconclusive',
    reason: 'ImplausibleCounter',
    skipped: { ImplausibleCounter: 90 },
  },
  {
    what: 'a rate with no event on either side',
    at: traffic({ bad: 0, total: 20 }, 4, 20, 0),
    metric: ofRate,
    outcome: 'Inconclusive',
    reason: 'TimeIsUp',
  },
  {
    what: 'a rate with no event on either side and a margin in its own unit',
    at: traffic({ bad: 0, total: 20 }, 4, 20, 0),
    metric: { ...ofRate, pass: { ratio: 1.5, difference: 0.05 } },
    outcome: 'Pass',
    reason: 'WithinMargin',
  },
  {
    what: 'a bound, and no stable',
    at: (_, endMs) => ({
      kind: 'proportion',
      endMs,
      canaryPods: 1,
      counts: { canary: { bad: 1, total: 2000 }, stable: { bad: 0, total: 0 }, stablePods: [] },
    }),
    history: false,
    metric: { against: { constant: 0.01 }, fail: { ratio: 1, difference: 0 }, pass: { ratio: 1, difference: 0 } },
    outcome: 'Pass',
    reason: 'WithinMargin',
  },
];

describe('odd data', () => {
  test.each(TABLE)('$what: $outcome, $reason', ({ at, metric, polls = 90, history = true, ...expected }) => {
    const spec = runSpec([errorsMetric({ name: 'm', ...metric })]);
    const verdict = judge(spec, at, polls, history && metric === undefined);
    expect({ outcome: verdict.outcome, reason: verdict.reason }).toEqual({
      outcome: expected.outcome,
      reason: expected.reason,
    });
    const [found] = verdict.metrics;
    if (expected.skipped !== undefined) expect(found?.skippedIntervals).toEqual(expected.skipped);
    if (expected.uncalibrated !== undefined) expect(found?.uncalibrated).toBe(expected.uncalibrated);
    if (expected.says !== undefined) expect(verdict.says).toMatch(expected.says);
    expect(everyNumber(verdict)).toEqual([]);
  });
});

/** Polls every interval and asks at the end; the first Pass or Fail counts, as in a release. */
function judge(spec: AnalysisRunSpec, at: At, polls: number, history: boolean): StepVerdict {
  const past = historyOf(9, 60, { requestsPerInterval: 2000, weight: 0, canaryErrors: 0, stableErrors: 0.01 });
  let evidence = openEvidence(spec, history ? new Map([['m', past]]) : new Map());
  let verdict: StepVerdict | undefined;
  for (let i = 0; i < polls; i++) {
    const nowMs = START_MS + (i + 1) * INTERVAL_MS;
    const observation = at(i, nowMs);
    if (observation !== undefined) {
      const observations = new Map([['m', observation]]);
      evidence = observe(evidence, { endMs: observation.endMs, weight: 10, step: 1, observations });
      evidence = parseEvidence(serialiseEvidence(evidence));
    }
    const question = { revision: 'r1', attempt: 1, step: 1, weight: 10, sinceMs: START_MS };
    verdict = judgeStep(evidence, spec, { ...question, nowMs: Math.max(nowMs, evidence.endMs) });
    if (verdict.outcome === 'Pass' || verdict.outcome === 'Fail') break;
  }
  if (verdict === undefined) throw new Error('no poll');
  return verdict;
}

const weird = fc.oneof(
  { weight: 3, arbitrary: fc.double({ min: 0, max: 1000, noNaN: true }) },
  fc.constantFrom(Number.NaN, Infinity, -Infinity, -1, 1e9, 1e17, 1e300, 1e-300, 5e-324, 0, -0),
  fc.double(),
);
const margin = fc.record({
  ratio: fc.double({ min: 1, max: 100, noNaN: true }),
  difference: fc.constantFrom(0, 0.01, 5),
});
const shape = fc.constantFrom<ResolvedMetric['query']>(
  { summary: '', labels: {}, gauge: { metric: 'm' } },
  { summary: '', labels: { pod: 'p' }, rate: { events: { metric: 'm' } } },
  { summary: '', labels: {}, counts: { total: { metric: 'm' }, bad: { metric: 'm' } } },
  { summary: '', labels: {}, histogram: { metric: 'm', native: true } },
);
const metrics = fc
  .record({
    query: shape,
    fail: margin,
    pass: margin,
    direction: fc.constantFrom('higher' as const, 'lower' as const, 'either' as const),
    constant: fc.option(fc.constantFrom(0.01, 5, 1e9, 1e-300), { nil: undefined }),
    slower: fc.option(fc.constantFrom(0.2, 1), { nil: undefined }),
    critical: fc.boolean(),
    required: fc.boolean(),
  })
  .map(
    ({ constant, slower, ...rest }): ResolvedMetric => ({
      name: 'm',
      share: 1,
      ...rest,
      ...(constant === undefined ? {} : { against: { constant } }),
      ...(slower === undefined ? {} : { slower }),
    }),
  );
const arm = fc.record({ bad: weird, total: weird });
const proportion = fc.record({
  canary: arm,
  stable: arm,
  stablePods: fc.array(fc.record({ pod: fc.constantFrom('a', 'b', 'c'), bad: weird, total: weird }), { maxLength: 3 }),
});
const observations = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('gauge' as const),
      canaryPods: weird,
      means: fc.record({ canary: weird, stable: weird }),
    }),
    fc.record({ kind: fc.constant('proportion' as const), canaryPods: weird, counts: proportion }),
    fc.record({
      kind: fc.constant('histogram' as const),
      canaryPods: weird,
      boundaries: fc.array(fc.record({ boundaryMs: weird, counts: proportion }), { maxLength: 4 }),
    }),
  ),
  { maxLength: 40 },
);

describe('whatever the shape, the direction and the control', () => {
  test('no number of a verdict is NaN or infinite, and a checkpoint changes nothing', () => {
    fc.assert(
      fc.property(metrics, observations, (metric, list) => {
        const spec = runSpec([metric]);
        const at: At = (i, endMs) => (list[i] === undefined ? undefined : { ...list[i], endMs });
        const verdict = judge(spec, at, Math.max(1, list.length), false);
        expect(everyNumber(verdict)).toEqual([]);
        expect(verdict.says).not.toMatch(/NaN|undefined|Infinity/);
      }),
      { numRuns: 300 },
    );
  });

  test('nothing passes before it was measured for three minutes, and nothing fails in fewer than three intervals', () => {
    fc.assert(
      fc.property(metrics, observations, (metric, list) => {
        const at: At = (i, endMs) => (list[i] === undefined ? undefined : { ...list[i], endMs });
        const verdict = judge(runSpec([{ ...metric, required: true }]), at, Math.max(1, list.length), false);
        const used = verdict.metrics[0]?.usedIntervals ?? 0;
        if (verdict.outcome === 'Pass') expect(used).toBeGreaterThanOrEqual(1);
        if (verdict.outcome === 'Fail') expect(used).toBeGreaterThanOrEqual(3);
      }),
      { numRuns: 300 },
    );
  });
});

function everyNumber(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [path];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => everyNumber(inner, `${path}.${key}`));
}
