import { describe, expect, test } from 'vitest';
import type { AnalysisRunSpec, ResolvedMetric } from '../../../src/api/analysis-run.ts';
import { parseEvidence, serialiseEvidence } from '../../../src/judge/checkpoint.ts';
import { type RunEvidence, observe, openEvidence } from '../../../src/judge/evidence.ts';
import { judgeStep } from '../../../src/judge/judge-step.ts';
import type { Observation, ProportionCounts } from '../../../src/judge/observation.ts';
import type { StepVerdict } from '../../../src/judge/verdict.ts';
import { type SeededRandom, seeded } from '../../support/random.ts';
import { INTERVAL_MS, START_MS, errorsMetric, histogram, proportion, runSpec } from './traffic.ts';

type At = (i: number, endMs: number) => Observation;

interface Judged {
  readonly verdict: StepVerdict;
  /** Number of intervals to the first outcome that is not Continue. */
  readonly decided: number | undefined;
}

/** Feeds one metric `m` interval by interval; evidence goes through its checkpoint at every poll and must not change by that. */
function judge(spec: AnalysisRunSpec, observations: Readonly<Record<string, At>>, intervals = 80): Judged {
  let [evidence, restored] = [openEvidence(spec, new Map()), openEvidence(spec, new Map())];
  let decided: number | undefined;
  for (let i = 0; i < intervals; i++) {
    const endMs = START_MS + (i + 1) * INTERVAL_MS;
    const batch = {
      endMs,
      weight: 10,
      step: 1,
      observations: new Map(Object.entries(observations).map(([name, at]) => [name, at(i, endMs)])),
    };
    evidence = observe(evidence, batch);
    restored = observe(parseEvidence(serialiseEvidence(restored)), batch);
    const verdict = ask(spec, evidence);
    expect(ask(spec, restored)).toEqual(verdict);
    if (verdict.outcome !== 'Continue') decided ??= i + 1;
    if (verdict.outcome === 'Fail') return { verdict, decided };
  }
  return { verdict: ask(spec, evidence), decided };
}

function ask(spec: AnalysisRunSpec, evidence: RunEvidence): StepVerdict {
  return judgeStep(evidence, spec, {
    revision: 'r1',
    attempt: 1,
    step: 1,
    weight: 10,
    sinceMs: START_MS,
    nowMs: evidence.endMs + 1000,
  });
}

const counts = (
  random: SeededRandom,
  canary: readonly [total: number, rate: number],
  stable: readonly [total: number, rate: number],
): ProportionCounts => {
  const stablePods = Array.from({ length: 4 }, (_, k) => ({
    pod: `p${k}`,
    total: stable[0] / 4,
    bad: random.poisson((stable[0] / 4) * stable[1]),
  }));
  return {
    canary: { total: canary[0], bad: random.poisson(canary[0] * canary[1]) },
    stable: { total: stable[0], bad: stablePods.reduce((sum, { bad }) => sum + bad, 0) },
    stablePods,
  };
};
const streaming = (
  seed: number,
  canary: readonly [total: number, rate: number],
  stable: readonly [total: number, rate: number],
): At => {
  const random = seeded(seed);
  return (_, endMs) => ({ kind: 'proportion', endMs, canaryPods: 2, counts: counts(random, canary, stable) });
};

describe('against an absolute bound', () => {
  const bounded = (over: Partial<ResolvedMetric> = {}): ResolvedMetric =>
    errorsMetric({
      name: 'm',
      fail: { ratio: 1, difference: 0 },
      pass: { ratio: 1, difference: 0 },
      against: { constant: 0.01 },
      ...over,
    });

  test('fails a canary above it though stable is as bad', () => {
    const { verdict } = judge(runSpec([bounded()]), { m: streaming(1, [500, 0.03], [4500, 0.03]) });
    expect(verdict).toMatchObject({ outcome: 'Fail', reason: 'AboveBound' });
    expect(verdict.says).toMatch(/^m: canary [23]\.\d+ % against the bound of 1\.00 % \(.*×\), at least \d/);
    expect(verdict.metrics[0]).toMatchObject({ bound: 0.01, failRatio: 1 });
    expect(verdict.metrics[0]?.ratio?.interval.low).toBeGreaterThan(1);
  });

  test('passes a canary below it though stable is far better', () => {
    const { verdict } = judge(runSpec([bounded()]), { m: streaming(2, [500, 0.003], [4500, 0.0001]) });
    expect(verdict).toMatchObject({ outcome: 'Pass' });
    expect(verdict.says).toMatch(/its error rate is at least 0\.\d+ pp below the bound \(best estimate −0\.\d+ pp\)/);
  });

  test('needs no stable at all', () => {
    const only = (rate: number): At => {
      const random = seeded(3);
      return (_, endMs) => ({
        kind: 'proportion',
        endMs,
        canaryPods: 2,
        counts: {
          canary: { total: 2000, bad: random.poisson(2000 * rate) },
          stable: { total: 0, bad: 0 },
          stablePods: [],
        },
      });
    };
    expect(judge(runSpec([bounded()]), { m: only(0.05) }).verdict.outcome).toBe('Fail');
    const good = judge(runSpec([bounded()]), { m: only(0.002) }).verdict;
    expect(good.outcome).toBe('Pass');
    // Without comparable pods three errors count as one, but a promise is not widened.
    expect(good.metrics[0]).toMatchObject({ failRatio: 1, dispersion: 3, uncalibrated: 'no per-pod series' });
  });

  test('never decides on the line itself within an hour', () => {
    const outcomes = Array.from(
      { length: 8 },
      (_, seed) => judge(runSpec([bounded()]), { m: streaming(100 + seed, [500, 0.01], [4500, 0.01]) }, 80).verdict,
    ).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'Fail' || outcome === 'Pass').length).toBeLessThanOrEqual(1);
  });

  test('bounds the requests slower than a duration, and looks at that boundary only', () => {
    const slow = (slower: number): At => {
      const random = seeded(4);
      const traffic = { requestsPerInterval: 5000, weight: 10, canaryErrors: 0, stableErrors: 0 };
      return (_, endMs) => histogram(random, endMs, traffic, slower);
    };
    const metric = bounded({ sloMs: 250, against: { constant: 0.05 } });
    const fine = judge(runSpec([metric]), { m: slow(1) });
    expect(fine.verdict).toMatchObject({ outcome: 'Pass' });
    expect(fine.verdict.metrics[0]?.boundaryMs).toBe(250);
    expect(judge(runSpec([metric]), { m: slow(3) }).verdict).toMatchObject({ outcome: 'Fail', reason: 'AboveBound' });
  });
});

describe('direction', () => {
  const orders = (direction: 'lower' | 'either', over: Partial<ResolvedMetric> = {}): ResolvedMetric =>
    errorsMetric({ name: 'm', direction, pass: { ratio: 1.5, difference: 0 }, ...over });

  test('lower: fails a canary that sells less, and not one that sells more', () => {
    const spec = runSpec([orders('lower')]);
    const { verdict } = judge(spec, { m: streaming(5, [500, 0.05], [4500, 0.1]) });
    expect(verdict).toMatchObject({ outcome: 'Fail', reason: 'BelowStable' });
    expect(verdict.says).toMatch(/at most 0\.\d+× \(higher is better\); odds against/);
    expect(verdict.metrics[0]).toMatchObject({ isLower: true });
    expect(verdict.metrics[0]?.ratio?.interval.high).toBeLessThan(1);
    expect(verdict.metrics[0]?.failRatio).toBeLessThan(1);
    expect(judge(spec, { m: streaming(6, [500, 0.2], [4500, 0.1]) }).verdict.outcome).toBe('Pass');
  });

  test('either: fails both, passes an equal one only when it is neither', () => {
    const spec = runSpec([orders('either')]);
    expect(judge(spec, { m: streaming(7, [500, 0.05], [4500, 0.1]) }).verdict).toMatchObject({
      outcome: 'Fail',
      reason: 'BelowStable',
    });
    expect(judge(spec, { m: streaming(8, [500, 0.2], [4500, 0.1]) }).verdict).toMatchObject({
      outcome: 'Fail',
      reason: 'ErrorsAboveStable',
    });
    expect(judge(spec, { m: streaming(9, [2000, 0.1], [18_000, 0.1]) }).verdict.outcome).toBe('Pass');
  });

  test('lower against a bound: fails below it, passes above it', () => {
    const metric = orders('lower', {
      fail: { ratio: 1, difference: 0 },
      pass: { ratio: 1, difference: 0 },
      against: { constant: 0.05 },
    });
    expect(judge(runSpec([metric]), { m: streaming(10, [500, 0.02], [4500, 0.1]) }).verdict).toMatchObject({
      outcome: 'Fail',
      reason: 'BelowBound',
    });
    expect(judge(runSpec([metric]), { m: streaming(11, [500, 0.1], [4500, 0.1]) }).verdict.outcome).toBe('Pass');
  });
});

describe('rates', () => {
  const exceptions = errorsMetric({
    name: 'm',
    query: { summary: 's', labels: { workload: 'w' }, rate: { events: { metric: 'exceptions_total' } } },
    pass: { ratio: 1.5, difference: 0 },
  });

  test('may exceed one, and are compared in their own unit', () => {
    const { verdict } = judge(runSpec([exceptions]), { m: streaming(12, [100, 6], [900, 3]) });
    expect(verdict).toMatchObject({ outcome: 'Fail', reason: 'AboveStable' });
    expect(verdict.says).toMatch(
      /^m: canary [56]\.?\d* \/s against stable [23]\.?\d* \/s \(\d\.\d+×\), at least 1\.\d+× and \+\d\.\d+ \/s/,
    );
    const fine = judge(runSpec([exceptions]), { m: streaming(13, [100, 3], [900, 3]) }).verdict;
    expect(fine.outcome).toBe('Pass');
    expect(fine.says).toMatch(
      /its rate \(lower is better\) is at most \+0\.\d+ \/s above stable \(best estimate \+0\.\d+ \/s; 1\.0\d×, at most 1\.0\d×\)/,
    );
  });

  test('of proportions are refused where the events exceed the requests', () => {
    const { verdict } = judge(runSpec([errorsMetric({ name: 'm' })]), { m: streaming(12, [100, 6], [900, 3]) }, 12);
    expect(verdict.metrics[0]?.skippedIntervals).toEqual({ ImplausibleCounter: 12 });
  });
});

describe('gauges', () => {
  const gauge = (over: Partial<ResolvedMetric> = {}): ResolvedMetric =>
    errorsMetric({
      name: 'g',
      critical: false,
      query: { summary: 's', labels: { workload: 'w' }, gauge: { metric: 'memory_bytes' } },
      fail: { ratio: 1.1, difference: 0 },
      pass: { ratio: 1.5, difference: 0 },
      ...over,
    });
  /** Shared swings, own noise. */
  const memory = (seed: number, ratio: number, scale = 1e8, offset = 0, swing = 0.3): At => {
    const random = seeded(seed);
    return (i, endMs) => {
      const load = 1 + swing * Math.sin(i / 7);
      const value = (times: number): number => offset + scale * times * load * Math.exp(0.03 * random.normal());
      return { kind: 'gauge', endMs, canaryPods: 2, means: { canary: value(ratio), stable: value(1) } };
    };
  };

  test('fail a critical canary that uses half as much again, after blocks of six intervals', () => {
    const { verdict, decided } = judge(runSpec([gauge({ critical: true })]), { g: memory(1, 1.5) });
    expect(verdict).toMatchObject({ outcome: 'Fail', reason: 'AboveStable' });
    expect((decided ?? 0) % 6).toBe(0);
    expect(decided).toBeGreaterThanOrEqual(24);
    expect(verdict.says).toMatch(/canary 1\d\d.000.000 against stable .* \(1\.[45]\d×\); odds/);
  });

  test('pass an equal one, whatever the load does', () => {
    expect(judge(runSpec([gauge({ critical: true })]), { g: memory(2, 1) }).verdict.outcome).toBe('Pass');
    expect(judge(runSpec([gauge({ critical: true })]), { g: memory(3, 1.05) }).verdict.outcome).toBe('Pass');
  });

  test('do not abort alone unless critical, but add to others', () => {
    const errors = errorsMetric({ share: 0.5 });
    const alone = runSpec([errors, gauge({ share: 0.5, required: false })]);
    const fine = proportionStream(20, 0.01);
    const { verdict } = judge(alone, { errors: fine, g: memory(4, 3) });
    expect(verdict.outcome).not.toBe('Fail');
    expect(verdict.metrics[1]?.odds).toBeGreaterThan(1000);
    expect(verdict.odds).toBeGreaterThan(0.4 * 36);
    const both = judge(alone, { errors: proportionStream(21, 0.016), g: memory(4, 3) }).verdict;
    expect(both.outcome).toBe('Fail');
  });

  test('may be zero or negative where the margin is a difference', () => {
    const degrees = gauge({ critical: true, fail: { ratio: 1, difference: 2 }, pass: { ratio: 1, difference: 4 } });
    expect(judge(runSpec([degrees]), { g: memory(5, 2, 10, -12, 0.02) }).verdict.outcome).toBe('Fail');
    const fine = judge(runSpec([degrees]), { g: memory(6, 1, 10, -12, 0.02) }).verdict;
    expect(fine.outcome).toBe('Pass');
    expect(fine.says).toMatch(/its mean \(lower is better\) is at most \+0\.\d+ above stable/);
  });

  test('that are zero have no ratio: said as such, never a pass', () => {
    const { verdict } = judge(runSpec([gauge({ critical: true })]), { g: memory(7, 1, 0) });
    expect(verdict.outcome).not.toBe('Pass');
    expect(verdict.metrics[0]?.skippedIntervals).toEqual({ NotPositive: 80 });
  });

  test('can be held against a constant', () => {
    const metric = gauge({
      critical: true,
      fail: { ratio: 1, difference: 0 },
      pass: { ratio: 1, difference: 0 },
      against: { constant: 2e8 },
    });
    expect(judge(runSpec([metric]), { g: memory(8, 4, 1e8, 0, 0) }).verdict).toMatchObject({ reason: 'AboveBound' });
    expect(judge(runSpec([metric]), { g: memory(9, 1, 1e8, 0, 0) }).verdict.outcome).toBe('Pass');
  });

  test('equal workloads are aborted at most once in 40 runs of an hour', () => {
    const failed = Array.from({ length: 40 }, (_, seed) => aged(gauge({ critical: true }), memory(300 + seed, 1.1)));
    expect(failed.filter(Boolean).length).toBeLessThanOrEqual(1);
  });

  function aged(metric: ResolvedMetric, at: At): boolean {
    const spec = runSpec([metric]);
    let evidence = openEvidence(spec, new Map());
    for (let i = 0; i < 360 && evidence.failed === undefined; i++) {
      const endMs = START_MS + (i + 1) * INTERVAL_MS;
      evidence = observe(evidence, { endMs, weight: 10, observations: new Map([['g', at(i, endMs)]]) });
    }
    return evidence.failed !== undefined;
  }
});

function proportionStream(seed: number, canaryErrors: number): At {
  const random = seeded(seed);
  const traffic = { requestsPerInterval: 5000, weight: 10, canaryErrors, stableErrors: 0.01 };
  return (_, endMs) => proportion(random, endMs, traffic);
}

describe('which metrics decide', () => {
  const optional = errorsMetric({ name: 'b', share: 0.5, required: false });
  const required = errorsMetric({ name: 'a', share: 0.5 });

  test('a step passes without a metric that is not required, though that has no data', () => {
    const missing: At = (_, endMs) => ({ kind: 'skipped', endMs, reason: 'NoData' });
    const { verdict } = judge(runSpec([required, optional]), { a: proportionStream(30, 0.01), b: missing });
    expect(verdict.outcome).toBe('Pass');
    expect(verdict.metrics[1]).toMatchObject({ isOptional: true, outcome: 'Inconclusive' });
    expect(verdict.blindSinceMs).toBeUndefined();
  });

  test('a metric that is not required still aborts', () => {
    const { verdict } = judge(runSpec([required, optional]), {
      a: proportionStream(31, 0.01),
      b: proportionStream(32, 0.05),
    });
    expect(verdict).toMatchObject({ outcome: 'Fail', metric: 'b' });
  });

  test('a metric without weight is judged and reported, and decides nothing', () => {
    const report = errorsMetric({ name: 'b', share: 0, required: false });
    const { verdict } = judge(runSpec([errorsMetric({ name: 'a', share: 1 }), report]), {
      a: proportionStream(33, 0.01),
      b: proportionStream(34, 0.3),
    });
    expect(verdict.outcome).toBe('Pass');
    expect(verdict.metrics[1]?.odds).toBeGreaterThan(1000);
  });

  test('nothing passes where nothing is required', () => {
    const { verdict } = judge(runSpec([errorsMetric({ name: 'a', required: false })]), {
      a: proportionStream(35, 0.01),
    });
    expect(verdict.outcome).not.toBe('Pass');
  });
});

describe('a margin in time (slower)', () => {
  /** Native boundaries, 2^(1/8) apart; latencies are log-normal around 100 ms. */
  const native = (seed: number, canarySlower: number): At => {
    const random = seeded(seed);
    const boundaries = Array.from({ length: 17 }, (_, k) => 62.5 * 2 ** (k / 4));
    const draw = (n: number, times: number): number[] =>
      Array.from({ length: n }, () => 100 * times * Math.exp(0.5 * random.normal()));
    return (_, endMs) => {
      const [canary, stable] = [draw(200, canarySlower), draw(1800, 1)];
      const beyond = (values: readonly number[], at: number): number => values.filter((value) => value > at).length;
      return {
        kind: 'histogram',
        endMs,
        canaryPods: 2,
        boundaries: boundaries.map((boundaryMs) => ({
          boundaryMs,
          counts: {
            canary: { total: canary.length, bad: beyond(canary, boundaryMs) },
            stable: { total: stable.length, bad: beyond(stable, boundaryMs) },
            stablePods: [0, 1].map((k) => {
              const own = stable.slice(900 * k, 900 * (k + 1));
              return { pod: `p${k}`, total: 900, bad: beyond(own, boundaryMs) };
            }),
          },
        })),
      };
    };
  };
  const metric = errorsMetric({ name: 'm', fail: { ratio: 1, difference: 0 }, slower: 2 ** (2 / 8) - 1 });

  test('lets a canary be 19 % slower, and fails one that is 60 % slower', () => {
    expect(judge(runSpec([metric]), { m: native(1, 1.15) }, 40).verdict.outcome).not.toBe('Fail');
    expect(judge(runSpec([metric]), { m: native(2, 1) }, 40).verdict.outcome).toBe('Pass');
    expect(judge(runSpec([metric]), { m: native(3, 1.6) }, 40).verdict).toMatchObject({
      outcome: 'Fail',
      reason: 'LatencyAboveStable',
    });
  });
});
