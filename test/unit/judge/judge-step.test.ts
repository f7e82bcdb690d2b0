import { describe, expect, test } from 'vitest';
import type { AnalysisRunSpec } from '../../../src/api/analysis-run.ts';
import { type RunEvidence, observe, openEvidence } from '../../../src/judge/evidence.ts';
import { judgeStep } from '../../../src/judge/judge-step.ts';
import type { Observation } from '../../../src/judge/observation.ts';
import type { StepVerdict } from '../../../src/judge/verdict.ts';
import { seeded } from '../../support/random.ts';
import {
  INTERVAL_MS,
  START_MS,
  type Traffic,
  errorsMetric,
  histogram,
  historyOf,
  latencyMetric,
  proportion,
  runSpec,
} from './traffic.ts';

const busy: Traffic = { requestsPerInterval: 5000, weight: 10, canaryErrors: 0.01, stableErrors: 0.01 };

interface Run {
  readonly spec?: AnalysisRunSpec;
  readonly history?: ReadonlyMap<string, readonly Observation[]>;
  readonly intervals: number;
  readonly weight?: number;
  /** Observations of interval i; `undefined`: no batch at all. */
  readonly at: (i: number, endMs: number) => ReadonlyMap<string, Observation> | undefined;
}

function evidenceOf(run: Run): RunEvidence {
  const spec = run.spec ?? runSpec();
  let evidence = openEvidence(spec, run.history ?? new Map([['errors', historyOf(1, 60, busy)]]));
  for (let i = 0; i < run.intervals; i++) {
    const endMs = START_MS + (i + 1) * INTERVAL_MS;
    const observations = run.at(i, endMs);
    if (observations !== undefined)
      evidence = observe(evidence, { endMs, weight: run.weight ?? 10, step: 1, observations });
  }
  return evidence;
}

function ask(
  run: Run,
  over: { nowMs?: number; sinceMs?: number; atMostMs?: number; atLeastMs?: number } = {},
): StepVerdict {
  return judgeStep(evidenceOf(run), run.spec ?? runSpec(), {
    revision: 'r1',
    attempt: 1,
    step: 1,
    weight: run.weight ?? 10,
    sinceMs: START_MS,
    nowMs: START_MS + run.intervals * INTERVAL_MS + 1000,
    ...over,
  });
}

const errorsAt = (seed: number, traffic: Partial<Traffic>) => {
  const random = seeded(seed);
  return (_: number, endMs: number): ReadonlyMap<string, Observation> =>
    new Map([['errors', proportion(random, endMs, { ...busy, ...traffic })]]);
};
const skipped = (reason: Extract<Observation, { kind: 'skipped' }>['reason']) => (_: number, endMs: number) =>
  new Map<string, Observation>([['errors', { kind: 'skipped', endMs, reason }]]);

describe('the verdict of a step', () => {
  test('fails a canary with five times the errors, names the metric, the interval and the odds', () => {
    const verdict = ask({ intervals: 6, at: errorsAt(2, { canaryErrors: 0.05 }) });
    expect(verdict).toMatchObject({
      outcome: 'Fail',
      reason: 'ErrorsAboveStable',
      metric: 'errors',
      failedAtMs: START_MS + 30_000,
    });
    expect(verdict.odds).toBeGreaterThan(36);
    expect(verdict.metrics[0]?.tippedBy.length).toBeGreaterThan(0);
    expect(verdict.metrics[0]?.ratio?.interval.low).toBeGreaterThan(2);
    expect(verdict.says).toMatch(/^errors: canary \d.* against stable .*odds against a healthy canary .* : 1/);
  });

  test('stays failed when the canary recovers', () => {
    const [bad, good] = [errorsAt(2, { canaryErrors: 0.05 }), errorsAt(3, {})];
    const run = { intervals: 120, at: (i: number, endMs: number) => (i < 6 ? bad(i, endMs) : good(i, endMs)) };
    expect(ask(run).outcome).toBe('Fail');
  });

  test('passes an equal canary after the dwell time, and never before it', () => {
    const outcomes = [6, 12, 17, 40].map((intervals) => ask({ intervals, at: errorsAt(4, {}) }).outcome);
    expect(outcomes).toEqual(['Continue', 'Continue', 'Continue', 'Pass']);
  });

  test('waits for a longer dwell that the step asks for', () => {
    expect(ask({ intervals: 40, at: errorsAt(4, {}) }, { atLeastMs: 600_000 }).outcome).toBe('Continue');
  });

  test('starts the dwell and the requests anew with every step, though evidence goes on', () => {
    const verdict = ask({ intervals: 40, at: errorsAt(4, {}) }, { sinceMs: START_MS + 38 * INTERVAL_MS });
    expect(verdict).toMatchObject({ outcome: 'Continue', hadEnoughData: false });
  });

  test('says when it will pass', () => {
    const verdict = ask({ intervals: 6, at: errorsAt(4, {}) });
    expect(verdict.etaMs).toBeGreaterThan(60_000);
    expect(verdict.etaMs).toBeLessThan(900_000);
    expect(verdict.says).toMatch(/95 % sure that its error rate is at most .* pp above stable/);
  });

  test('warns after a fifth of the step that its time is too short at this traffic, and not before', () => {
    const little = { at: errorsAt(31, { requestsPerInterval: 100 }) };
    expect(ask({ ...little, intervals: 15 }, { atMostMs: 900_000 }).reason).not.toBe('TooShort');
    const verdict = ask({ ...little, intervals: 24 }, { atMostMs: 900_000 });
    expect(verdict).toMatchObject({ outcome: 'Continue', reason: 'TooShort' });
    expect(verdict.says).toMatch(/longer than the 11 min this step has left: raise its weight or give it more time/);
    expect(ask({ ...little, intervals: 24 }, { atMostMs: 36_000_000 }).reason).not.toBe('TooShort');
  });

  test('warns that it can never pass where the margins leave no room', () => {
    const spec = runSpec([errorsMetric({ pass: { ratio: 1, difference: 1e-9 }, fail: { ratio: 1, difference: 0 } })]);
    const verdict = ask({ spec, at: errorsAt(32, {}), intervals: 24 });
    expect(verdict).toMatchObject({ outcome: 'Continue', reason: 'TooShort' });
    expect(verdict.says).toMatch(/At this traffic it cannot pass|longer than/);
  });

  test('is inconclusive, with enough data, when the time is up without a decision', () => {
    const slight = { canaryErrors: 0.0135 };
    expect(ask({ intervals: 30, at: errorsAt(5, slight) }, { atMostMs: 300_000 })).toMatchObject({
      outcome: 'Inconclusive',
      reason: 'TimeIsUp',
      hadEnoughData: true,
    });
  });

  test('is inconclusive for want of requests, without "enough data", at two requests a minute', () => {
    const quiet = errorsAt(6, { requestsPerInterval: 0.3, weight: 10 });
    const verdict = ask({ intervals: 95, at: quiet, history: new Map() });
    expect(verdict).toMatchObject({ outcome: 'Inconclusive', reason: 'TooFewRequests', hadEnoughData: false });
    expect(verdict.blindSinceMs).toBeUndefined();
  });

  test.each([
    { name: 'the source is down', at: skipped('SourceUnavailable'), reason: 'SourceUnavailable' },
    { name: 'series are missing', at: skipped('NoData'), reason: 'NoData' },
    { name: 'counters jump', at: skipped('ImplausibleCounter'), reason: 'ImplausibleCounter' },
    {
      name: 'the canary gets nothing though its weight says it should',
      at: skipped('NoCanaryRequests'),
      reason: 'NoData',
    },
    { name: 'the metric is absent from the batch', at: () => new Map<string, Observation>(), reason: 'NoData' },
    { name: 'no batch comes at all', at: () => undefined, reason: 'NoData' },
  ])('holds and says since when it is blind when $name', ({ at, reason }) => {
    const healthy = errorsAt(7, {});
    const run = { intervals: 40, at: (i: number, endMs: number) => (i < 25 ? healthy(i, endMs) : at(i, endMs)) };
    expect(ask(run)).toMatchObject({
      outcome: 'Inconclusive',
      reason,
      hadEnoughData: false,
      blindSinceMs: START_MS + 25 * INTERVAL_MS,
    });
  });

  test('goes on when the data is back', () => {
    const healthy = errorsAt(7, {});
    const run = {
      intervals: 80,
      at: (i: number, endMs: number) => (i >= 20 && i < 40 ? undefined : healthy(i, endMs)),
    };
    expect(ask(run)).toMatchObject({ outcome: 'Pass' });
    expect(ask(run).metrics[0]?.skippedIntervals).toEqual({ NoData: 20 });
  });

  test('does not count warming up as missing, nor as dwell', () => {
    const healthy = errorsAt(7, {});
    const warm = skipped('WarmingUp');
    const run = (warmUp: number) => ({
      intervals: 40,
      at: (i: number, endMs: number) => (i < warmUp ? warm(i, endMs) : healthy(i, endMs)),
    });
    expect(ask(run(30)).outcome).toBe('Continue');
    expect(ask(run(30)).blindSinceMs).toBeUndefined();
    expect(ask(run(9)).outcome).toBe('Pass');
  });

  test('gives up on pods that never finish warming up', () => {
    const verdict = ask({ intervals: 100, at: skipped('WarmingUp') }, { atMostMs: 300_000 });
    expect(verdict).toMatchObject({ outcome: 'Inconclusive', reason: 'NoData', hadEnoughData: false });
    expect(verdict.says).toMatch(/^Only 0 s of usable data at 10 %/);
  });

  test('does not pass while there is smoke', () => {
    // Between the fail margin and a very wide pass margin: both kinds of evidence grow.
    const spec = runSpec([errorsMetric({ pass: { ratio: 3, difference: 0.05 } })]);
    const verdicts = Array.from({ length: 40 }, (_, n) =>
      ask({ spec, intervals: 18 + n, at: errorsAt(9, { canaryErrors: 0.0135 }) }),
    );
    const smoking = verdicts.filter(({ odds, outcome }) => odds >= 0.2 * 36 && outcome !== 'Fail');
    expect(smoking.length).toBeGreaterThan(0);
    expect(new Set(smoking.map(({ outcome }) => outcome))).toEqual(new Set(['Continue']));
    expect(new Set(smoking.map(({ metrics }) => metrics[0]?.outcome))).toEqual(new Set(['Pass']));
  });

  test('needs every metric to pass, and fails when one does', () => {
    const metrics = [errorsMetric({ share: 0.6 }), latencyMetric({ share: 0.4, sloMs: 250 })];
    const spec = runSpec(metrics);
    const both = (slower: number) => {
      const random = seeded(10);
      return (_: number, endMs: number): ReadonlyMap<string, Observation> =>
        new Map([
          ['errors', proportion(random, endMs, busy)],
          ['latency', histogram(random, endMs, busy, slower)],
        ]);
    };
    const passed = ask({ spec, intervals: 60, at: both(1) });
    expect(passed.outcome).toBe('Pass');
    expect(passed.says).toMatch(/^Within the margin on errors, latency\. On (errors|latency): We are .*\.$/);
    expect(ask({ spec, intervals: 60, at: both(1.5) })).toMatchObject({
      outcome: 'Fail',
      metric: 'latency',
      reason: 'LatencyAboveStable',
    });
    const onlyErrors = errorsAt(10, {});
    expect(ask({ spec, intervals: 60, at: onlyErrors }).outcome).toBe('Inconclusive');
  });

  test('an average of metrics fails though none would alone, and says so', () => {
    const metrics = ['a', 'b', 'c', 'd'].map((name) => errorsMetric({ name, share: 0.25 }));
    const random = seeded(11);
    const verdict = ask({
      spec: runSpec(metrics),
      history: new Map(metrics.map(({ name }) => [name, historyOf(1, 60, busy)])),
      intervals: 60,
      at: (_, endMs) =>
        new Map(metrics.map(({ name }) => [name, proportion(random, endMs, { ...busy, canaryErrors: 0.02 })])),
    });
    expect(verdict.outcome).toBe('Fail');
    expect(verdict.metrics).toHaveLength(4);
    // Each has a line of its own, at which it would abort alone.
    expect(verdict.metrics.map(({ abortAtOdds }) => abortAtOdds / verdict.abortAtOdds)).toEqual([4, 4, 4, 4]);
    expect(verdict.says).toMatch(/\(alone it aborts at \d+ : 1\)\.$/);
  });
});

describe('an uncalibrated run', () => {
  test.each([
    { name: 'no per-pod series', pods: 0, history: 60, dispersion: 3 },
    { name: 'one stable pod', pods: 1, history: 60, dispersion: 3 },
    { name: 'short history', pods: 4, history: 5, dispersion: 1 },
  ])('counts 25 % worse as healthy and says so: $name', ({ name, pods, history, dispersion }) => {
    const verdict = ask({
      history: new Map([['errors', historyOf(1, history, { ...busy, pods })]]),
      intervals: 10,
      at: errorsAt(12, { pods }),
    });
    expect(verdict.metrics[0]).toMatchObject({ uncalibrated: name, failRatio: 1.25 });
    expect(verdict.metrics[0]?.dispersion).toBeGreaterThanOrEqual(dispersion);
  });

  test('becomes calibrated by its own stable pods after 30 intervals', () => {
    const verdict = ask({ history: new Map(), intervals: 40, at: errorsAt(12, {}) });
    expect(verdict.metrics[0]?.uncalibrated).toBeUndefined();
    expect(verdict.metrics[0]?.failRatio).toBe(1.1);
  });
});
