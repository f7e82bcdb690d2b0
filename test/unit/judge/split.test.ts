/** How requests are counted for the share that the canary gets: since the weight changed, newer ones more than older ones. */
import { describe, expect, test } from 'vitest';
import { parseEvidence, serialiseEvidence } from '../../../src/judge/checkpoint.ts';
import { observe, openEvidence, type RunEvidence } from '../../../src/judge/evidence.ts';
import { judgeStep } from '../../../src/judge/judge-step.ts';
import type { Observation } from '../../../src/judge/observation.ts';
import type { Split } from '../../../src/judge/split.ts';
import { errorsMetric, INTERVAL_MS, latencyMetric, runSpec, START_MS } from './traffic.ts';

/** So many intervals with these requests of each side, at this weight and step. */
interface Stretch {
  readonly count: number;
  readonly canary: number;
  readonly stable: number;
  readonly weight: number;
  readonly step?: number;
}

const spec = runSpec([errorsMetric({ share: 0.5 }), latencyMetric({ share: 0.5 })]);

function counted(endMs: number, canary: number, stable: number): Observation {
  const counts = { canary: { bad: 0, total: canary }, stable: { bad: 0, total: stable }, stablePods: [] };
  return { kind: 'proportion', endMs, canaryPods: 1, counts };
}

function after(stretches: readonly Stretch[], run = spec): RunEvidence {
  let evidence = openEvidence(run, new Map());
  let endMs = START_MS;
  for (const { count, canary, stable, weight, step = 1 } of stretches) {
    for (let i = 0; i < count; i++) {
      endMs += INTERVAL_MS;
      const observations = new Map(run.metrics.map(({ name }) => [name, counted(endMs, canary, stable)]));
      evidence = observe(evidence, { endMs, weight, step, observations });
    }
  }
  return evidence;
}

function splitAt(evidence: RunEvidence, run = spec): Split | undefined {
  const { weight, step, endMs } = evidence;
  const question = { revision: 'r1', attempt: 1, step, weight, sinceMs: START_MS, nowMs: endMs };
  return judgeStep(evidence, run, question).split;
}

const TEN = { canary: 10, stable: 90, weight: 10 };

describe('the split of requests', () => {
  test.each<{ name: string; stretches: readonly Stretch[]; is: Split | undefined }>([
    { name: 'is unknown while requests of before may be among them', stretches: [{ ...TEN, count: 2 }], is: undefined },
    { name: 'is counted from then on', stretches: [{ ...TEN, count: 3 }], is: { canary: 10, stable: 90 } },
    {
      name: 'begins again when the weight changes',
      stretches: [
        { ...TEN, count: 50 },
        { canary: 500, stable: 500, weight: 50, count: 3 },
      ],
      is: { canary: 500, stable: 500 },
    },
    {
      name: 'begins again with another step',
      stretches: [
        { ...TEN, count: 50 },
        { canary: 20, stable: 80, weight: 10, step: 2, count: 3 },
      ],
      is: { canary: 20, stable: 80 },
    },
    {
      name: 'knows intervals in which the canary had no request',
      stretches: [
        { ...TEN, count: 2 },
        { canary: 0, stable: 100, weight: 10, count: 1 },
      ],
      is: { canary: 0, stable: 100 },
    },
  ])('$name', ({ stretches, is }) => {
    expect(splitAt(after(stretches))).toEqual(is);
  });

  test('forgets: what was wrong for an hour is right again after some minutes', () => {
    const wrong = { canary: 90, stable: 10, weight: 10, count: 360 };
    const share = (count: number): number => {
      const { canary = 0, stable = 1 } = splitAt(after([wrong, { ...TEN, count }])) ?? {};
      return canary / (canary + stable);
    };
    expect(share(0)).toBe(0.9);
    expect(share(60)).toBeLessThan(0.25);
    expect(share(150)).toBeCloseTo(0.1, 1);
  });

  test('is of the metric that counts most requests, and of none that counts time, a baseline, or one side', () => {
    const few = errorsMetric({ name: 'few', share: 0.2 });
    const baseline = errorsMetric({ name: 'baseline', share: 0.2, against: { workload: 'web-baseline' } });
    const bound = errorsMetric({ name: 'bound', share: 0.2, against: { constant: 0.01 } });
    const rate = errorsMetric({
      name: 'rate',
      share: 0.2,
      query: { summary: 'Restarts', labels: { pod: 'pod' }, rate: { events: { metric: 'restarts' } } },
    });
    const run = runSpec([few, baseline, bound, rate, errorsMetric({ share: 0.2 })]);
    const requests: Readonly<Record<string, readonly [number, number]>> = { few: [1, 1], errors: [10, 90] };
    let evidence = openEvidence(run, new Map());
    for (let i = 1; i <= 3; i++) {
      const endMs = START_MS + i * INTERVAL_MS;
      const observations = new Map(
        run.metrics.map(({ name }) => {
          const [canary, stable] = requests[name] ?? [5000, 5000];
          return [name, counted(endMs, canary, stable)] as const;
        }),
      );
      evidence = observe(evidence, { endMs, weight: 10, step: 1, observations });
    }
    expect(splitAt(evidence, run)).toEqual({ canary: 10, stable: 90 });
  });

  test('is nobody’s while the Release is at another step already', () => {
    const evidence = after([{ ...TEN, count: 9 }]);
    const question = { revision: 'r1', attempt: 1, step: 2, weight: 10, sinceMs: START_MS, nowMs: evidence.endMs };
    expect(judgeStep(evidence, spec, question).split).toBeUndefined();
  });

  test('is kept in checkpoints, and begins with the next interval after one that lacks it', () => {
    const evidence = after([{ ...TEN, count: 9 }]);
    expect(splitAt(parseEvidence(serialiseEvidence(evidence)))).toEqual(splitAt(evidence));
    const { split: _split, ...older } = evidence;
    expect(splitAt(parseEvidence(serialiseEvidence(older)))).toBeUndefined();
  });
});
