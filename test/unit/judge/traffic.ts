/** Simulated runs for the judge's tests: a run's spec, and seeded observations of two workloads. */
import type { AnalysisRunSpec, ResolvedMetric } from '../../../src/api/analysis-run.ts';
import type { Counts, Observation, ProportionCounts } from '../../../src/judge/observation.ts';
import { levelOfAttempt, presetRule } from '../../../src/judge/preset.ts';
import { type SeededRandom, seeded } from '../../support/random.ts';

export const START_MS = 1_700_000_000_000;
export const INTERVAL_MS = 10_000;

export const errorsMetric = (over: Partial<ResolvedMetric> = {}): ResolvedMetric => ({
  name: 'errors',
  critical: true,
  share: 1,
  query: { summary: 'errors', labels: { pod: 'pod' } },
  fail: presetRule('recommended', true).fail,
  pass: { ratio: 1.5, difference: 0.0005 },
  ...over,
});

export const latencyMetric = (over: Partial<ResolvedMetric> = {}): ResolvedMetric => ({
  ...errorsMetric({ name: 'latency', critical: false }),
  ...over,
});

export function runSpec(
  metrics: readonly ResolvedMetric[] = [errorsMetric()],
  rule: Partial<AnalysisRunSpec['rule']> = {},
): AnalysisRunSpec {
  return {
    release: { name: 'web', uid: 'uid' },
    revision: 'r1',
    attempt: 1,
    arms: { stable: { workload: 'web-a' }, canary: { workload: 'web-b' } },
    metrics: [...metrics],
    rule: {
      preset: 'recommended',
      falseAbort: levelOfAttempt(0.05, 1),
      falsePass: 0.05,
      intervalMs: INTERVAL_MS,
      warmUpMs: 90_000,
      dwellMs: 180_000,
      atMostMs: 900_000,
      minRequests: 200,
      historyMs: 1_800_000,
      horizonMs: 3_600_000,
      ...rule,
    },
    startedAt: new Date(START_MS).toISOString(),
  };
}

export interface Traffic {
  readonly requestsPerInterval: number;
  readonly weight: number;
  readonly canaryErrors: number;
  readonly stableErrors: number;
  readonly pods?: number;
}

/** Counts of one interval with `pods` stable pods. */
export function proportionOf(random: SeededRandom, given: Traffic): ProportionCounts {
  const pods = given.pods ?? 4;
  const total = random.poisson(given.requestsPerInterval);
  const canaryTotal = Math.round((total * given.weight) / 100);
  const perPod = Math.round((total - canaryTotal) / Math.max(1, pods));
  const draw = (count: number, p: number): Counts => ({
    bad: Math.min(count, random.poisson(count * p)),
    total: count,
  });
  const stablePods = Array.from({ length: pods }, (_, k) => ({
    pod: `web-a-${k}`,
    ...draw(perPod, given.stableErrors),
  }));
  const stable = pods === 0 ? draw(total - canaryTotal, given.stableErrors) : sum(stablePods);
  return { canary: draw(canaryTotal, given.canaryErrors), stable, stablePods };
}

export function proportion(random: SeededRandom, endMs: number, given: Traffic): Observation {
  return { kind: 'proportion', endMs, canaryPods: 2, counts: proportionOf(random, given) };
}

/** Share of stable's requests that are slower, per boundary (ms). */
export const SLOWER: readonly (readonly [boundaryMs: number, share: number])[] = [
  [10, 0.95],
  [50, 0.45],
  [100, 0.15],
  [250, 0.03],
  [500, 0.005],
  [1000, 0.0006],
  [5000, 0],
];

/** A histogram whose canary is slower at every boundary by the factor `slower`. */
export function histogram(random: SeededRandom, endMs: number, given: Traffic, slower: number): Observation {
  const boundaries = SLOWER.map(([boundaryMs, share]) => ({
    boundaryMs,
    counts: proportionOf(random, { ...given, stableErrors: share, canaryErrors: Math.min(1, share * slower) }),
  }));
  // All boundaries of one interval count the same requests.
  const totals = boundaries[0]?.counts as ProportionCounts;
  const same = (counts: ProportionCounts): ProportionCounts => ({
    canary: clip(counts.canary, totals.canary.total),
    stable: clip(counts.stable, totals.stable.total),
    stablePods: counts.stablePods.map((pod, k) => ({ pod: pod.pod, ...clip(pod, totals.stablePods[k]?.total ?? 0) })),
  });
  return {
    kind: 'histogram',
    endMs,
    canaryPods: 2,
    boundaries: boundaries.map(({ boundaryMs, counts }) => ({ boundaryMs, counts: same(counts) })),
  };
}

/** `intervals` of stable alone, ending at `START_MS`. */
export function historyOf(seed: number, intervals: number, given: Traffic): Observation[] {
  const random = seeded(seed);
  return Array.from({ length: intervals }, (_, i) =>
    proportion(random, START_MS - (intervals - 1 - i) * INTERVAL_MS, { ...given, weight: 0 }),
  );
}

function clip({ bad }: Counts, total: number): Counts {
  return { bad: Math.min(bad, total), total };
}

function sum(list: readonly Counts[]): Counts {
  return list.reduce((all, { bad, total }) => ({ bad: all.bad + bad, total: all.total + total }), { bad: 0, total: 0 });
}
