import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseEvidence, serialiseEvidence } from '../../../src/judge/checkpoint.ts';
import { type RunEvidence, observe, openEvidence } from '../../../src/judge/evidence.ts';
import { judgeStep } from '../../../src/judge/judge-step.ts';
import type { Observation } from '../../../src/judge/observation.ts';
import type { Batch } from '../../../src/judge/question.ts';
import type { StepVerdict } from '../../../src/judge/verdict.ts';
import { SerinError } from '../../../src/errors.ts';
import { seeded } from '../../support/random.ts';
import {
  INTERVAL_MS,
  START_MS,
  errorsMetric,
  histogram,
  historyOf,
  latencyMetric,
  proportion,
  runSpec,
} from './traffic.ts';

const traffic = { requestsPerInterval: 2000, weight: 10, canaryErrors: 0.012, stableErrors: 0.01 };
const spec = runSpec([errorsMetric({ share: 0.6 }), latencyMetric({ share: 0.4, sloMs: 250 })]);
const history = new Map([['errors', historyOf(1, 40, traffic)]]);

function batches(seed: number, count: number): Batch[] {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, i) => {
    const endMs = START_MS + (i + 1) * INTERVAL_MS;
    const weight = [5, 10, 25, 50][Math.floor((4 * i) / count)] as number;
    const observations = new Map<string, Observation>([
      ['errors', proportion(random, endMs, { ...traffic, weight })],
      ['latency', histogram(random, endMs, { ...traffic, weight }, 1.05)],
    ]);
    if (i % 11 === 5) observations.set('errors', { kind: 'skipped', endMs, reason: 'SourceUnavailable' });
    return { endMs, weight, step: weight, observations };
  });
}

const ask = (evidence: RunEvidence, nowMs: number): StepVerdict =>
  judgeStep(evidence, spec, { revision: 'r1', attempt: 1, step: 1, weight: 10, sinceMs: START_MS, nowMs });

describe('evidence', () => {
  test('restored from its checkpoint at every poll gives the same verdicts, bit for bit', () => {
    let [kept, restored] = [openEvidence(spec, history), openEvidence(spec, history)];
    for (const batch of batches(2, 100)) {
      kept = observe(kept, batch);
      restored = observe(parseEvidence(serialiseEvidence(restored)), batch);
      expect(ask(restored, batch.endMs)).toEqual(ask(kept, batch.endMs));
    }
    expect(parseEvidence(serialiseEvidence(kept))).toEqual(kept);
  });

  test('does not change what it was given', () => {
    const [first, second] = batches(3, 2) as [Batch, Batch];
    const before = observe(openEvidence(spec, history), first);
    const text = serialiseEvidence(before);
    observe(before, second);
    expect(serialiseEvidence(before)).toBe(text);
  });

  test('ignores duplicates and late intervals', () => {
    const list = batches(4, 20);
    const once = list.reduce(observe, openEvidence(spec, history));
    const twice = list.flatMap((batch) => [batch, batch]).reduce(observe, openEvidence(spec, history));
    expect(serialiseEvidence(list.slice(0, 5).reduce(observe, twice))).toBe(serialiseEvidence(once));
  });

  test('of six metrics fits in 6.25 KB, and of one with eight boundaries in 6 KB', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const six = runSpec(names.map((name) => errorsMetric({ name, share: 1 / 6 })));
    const random = seeded(5);
    let evidence = openEvidence(six, new Map());
    for (const batch of batches(5, 200)) {
      const observations = new Map(names.map((name) => [name, proportion(random, batch.endMs, traffic)] as const));
      evidence = observe(evidence, { ...batch, observations });
    }
    expect(serialiseEvidence(evidence).length).toBeLessThan(6.25 * 1024);
    const one = runSpec([latencyMetric()]);
    expect(serialiseEvidence(batches(6, 200).reduce(observe, openEvidence(one, new Map()))).length).toBeLessThan(
      6 * 1024,
    );
  });

  test.each([
    { name: 'is not JSON', text: '{"v":1' },
    { name: 'is empty', text: '' },
    {
      name: 'lacks its numbers',
      text: '{"v":1,"metrics":[{"comparisons":[{"n":[1],"d":"","s":""}]}],"marks":[]}',
    },
    { name: 'is another version', text: '{"v":7}' },
    { name: 'is null', text: 'null' },
  ])('refuses a checkpoint that $name, and says what to do', ({ text }) => {
    expect(() => parseEvidence(text)).toThrow(SerinError);
    expect(() => parseEvidence(text)).toThrow(/Remove status\.checkpoint/);
  });
});

const weird = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 1000 }) },
  fc.constantFrom(NaN, Infinity, -Infinity, -1, 1e9, 1e300, 0.5, 3.7, 0, -0),
  fc.double(),
);
const counts = fc.record({ bad: weird, total: weird });
const proportions = fc.record({
  canary: counts,
  stable: counts,
  stablePods: fc.array(fc.record({ pod: fc.constantFrom('a', 'b', 'c'), bad: weird, total: weird }), { maxLength: 4 }),
});
const observation = fc.oneof(
  fc.record({ kind: fc.constant('proportion' as const), endMs: weird, canaryPods: weird, counts: proportions }),
  fc.record({
    kind: fc.constant('histogram' as const),
    endMs: weird,
    canaryPods: weird,
    boundaries: fc.array(fc.record({ boundaryMs: weird, counts: proportions }), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('skipped' as const),
    endMs: weird,
    reason: fc.constantFrom('NoData' as const, 'WarmingUp' as const),
  }),
);
const batch = fc.record({
  endMs: fc.oneof(weird, fc.integer({ min: START_MS, max: START_MS + 600_000 })),
  weight: weird,
  observations: fc
    .dictionary(fc.constantFrom('errors', 'latency', 'other'), observation)
    .map((o) => new Map(Object.entries(o))),
});

function everyNumber(value: unknown, path = ''): string[] {
  if (typeof value === 'number') return Number.isFinite(value) ? [] : [path];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => everyNumber(inner, `${path}.${key}`));
}

describe('whatever the source delivers', () => {
  test('no number of a verdict is NaN or infinite, nothing throws, and it survives a checkpoint', () => {
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 30 }), (list) => {
        const evidence = list.reduce(observe, openEvidence(spec, new Map()));
        const verdict = ask(evidence, START_MS + 600_000);
        expect(everyNumber(verdict)).toEqual([]);
        expect(ask(parseEvidence(serialiseEvidence(evidence)), START_MS + 600_000)).toEqual(verdict);
      }),
      { numRuns: 150 },
    );
  });

  test('a Pass never comes without used intervals, and a Fail never from fewer than three', () => {
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 40 }), (list) => {
        const evidence = list.reduce(observe, openEvidence(spec, new Map()));
        const verdict = ask(evidence, evidence.endMs);
        const used = verdict.metrics.map(({ usedIntervals }) => usedIntervals);
        if (verdict.outcome === 'Pass') expect(Math.min(...used)).toBeGreaterThanOrEqual(18);
        if (verdict.outcome === 'Fail') expect(Math.max(...used)).toBeGreaterThanOrEqual(3);
      }),
      { numRuns: 150 },
    );
  });

  test('a clock that jumps a day ahead costs a gap, not a verdict', () => {
    const list = batches(7, 30).map((b, i) => (i < 15 ? b : { ...b, endMs: b.endMs + 86_400_000 }));
    const evidence = list.reduce(observe, openEvidence(spec, history));
    expect(ask(evidence, evidence.endMs).outcome).not.toBe('Pass');
    expect(evidence.metrics[0]?.skipped.NoData).toBe(8640);
  });

  test('10⁹ requests an interval are judged like fewer', () => {
    const random = seeded(8);
    const huge = { requestsPerInterval: 1e9, weight: 10, canaryErrors: 0.02, stableErrors: 0.01 };
    let evidence = openEvidence(spec, new Map());
    for (let i = 1; i <= 4; i++) {
      const endMs = START_MS + i * INTERVAL_MS;
      evidence = observe(evidence, {
        endMs,
        weight: 10,
        observations: new Map([['errors', proportion(random, endMs, huge)]]),
      });
    }
    expect(ask(evidence, evidence.endMs)).toMatchObject({ outcome: 'Fail', metric: 'errors' });
  });
});

describe('with fixed seeds', () => {
  const run = (seed: number, canaryErrors: number): RunEvidence => {
    const random = seeded(seed);
    let evidence = openEvidence(runSpec(), new Map([['errors', historyOf(seed, 30, traffic)]]));
    for (let i = 1; i <= 60 && evidence.failed === undefined; i++) {
      const endMs = START_MS + i * INTERVAL_MS;
      const observations = new Map([['errors', proportion(random, endMs, { ...traffic, canaryErrors })]]);
      evidence = observe(evidence, { endMs, weight: 10, observations });
    }
    return evidence;
  };

  test('equal workloads are aborted at most once in 60 runs of 60 looks', () => {
    const aborted = Array.from({ length: 60 }, (_, seed) => run(1000 + seed, 0.01)).filter(({ failed }) => failed);
    expect(aborted.length).toBeLessThanOrEqual(1);
  });

  test('twice the errors are found within 10 minutes in at least 36 of 40 runs', () => {
    const aborted = Array.from({ length: 40 }, (_, seed) => run(2000 + seed, 0.02)).filter(({ failed }) => failed);
    expect(aborted.length).toBeGreaterThanOrEqual(36);
  });
});
