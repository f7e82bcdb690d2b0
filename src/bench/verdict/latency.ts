/** Latency histograms: lognormal response times in the default buckets, four slowdowns, and what each rule makes of them. */
import { addObservation, metricOdds, openMetric } from '../../judge/metric-evidence.ts';
import type { Observation, ProportionCounts } from '../../judge/observation.ts';
import { levelOfAttempt } from '../../judge/preset.ts';
import { mannWhitney, shiftScore } from '../../stats/mann-whitney.ts';
import { FEWEST_INTERVALS } from '../../stats/rule.ts';
import { upperTail } from '../../stats/special.ts';
import { type Outcome, outcomeOf } from './measure.ts';
import { Random } from './random.ts';

/** Default buckets of the Go client, ms. */
const BUCKETS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const;
const MEDIAN_MS = 50;
/** p99 = 202 ms. */
const SIGMA = 0.6;

export interface Slowdown {
  readonly name: string;
  /** All requests take this times as long. */
  readonly scale: number;
  /** This part of requests takes `tailScale` times as long instead. */
  readonly tail: number;
  readonly tailScale: number;
}

export const SLOWDOWNS: readonly Slowdown[] = [
  { name: 'all +20 %', scale: 1.2, tail: 0, tailScale: 1 },
  { name: 'all +50 %', scale: 1.5, tail: 0, tailScale: 1 },
  { name: 'tail only, p99 +20 %', scale: 1, tail: 0.05, tailScale: 2.39 },
  { name: 'tail only, p99 +50 %', scale: 1, tail: 0.05, tailScale: 3.45 },
];
export const SAME: Slowdown = { name: 'none', scale: 1, tail: 0, tailScale: 1 };

export interface LatencyTraffic {
  readonly rps: number;
  readonly weight: number;
  readonly slowdown: Slowdown;
  /** Shared shocks of ln scale, and slow noise of each pod's ln scale (over 2 min): sd. */
  readonly shock?: number;
  readonly podNoise?: number;
  readonly intervals?: number;
}

export interface LatencyStream {
  readonly history: readonly Observation[];
  readonly intervals: readonly Observation[];
  readonly weight: number;
}

const PODS = 5;
const HISTORY = 90;
const INTERVAL_MS = 10_000;
const START_MS = 1_800_000_000_000;

export function drawLatency(traffic: LatencyTraffic, random: Random): LatencyStream {
  const noise = new Float64Array(PODS + 1).map(() => (traffic.podNoise ?? 0) * random.normal());
  let shock = (traffic.shock ?? 0) * random.normal();
  const keep = Math.exp(-1 / 12);
  const fresh = Math.sqrt(1 - keep * keep);
  const draw = (i: number, weight: number): Observation => {
    if (traffic.podNoise)
      for (let k = 0; k <= PODS; k++)
        noise[k] = keep * (noise[k] as number) + fresh * traffic.podNoise * random.normal();
    if (traffic.shock) shock = keep * shock + fresh * traffic.shock * random.normal();
    const perPod = (traffic.rps * 10 * (100 - weight)) / 100 / PODS;
    const pods = Array.from({ length: PODS }, (_, k) =>
      exceeding(random, random.poisson(perPod), SAME, shock + (noise[k] as number)),
    );
    const canary = exceeding(
      random,
      random.poisson((traffic.rps * 10 * weight) / 100),
      traffic.slowdown,
      shock + (noise[PODS] as number),
    );
    const boundaries = BUCKETS.map((boundaryMs, b) => {
      const stablePods = pods.map(({ total, slower }, k) => ({ pod: `p${k}`, total, bad: slower[b] as number }));
      const stable = stablePods.reduce((sum, pod) => ({ bad: sum.bad + pod.bad, total: sum.total + pod.total }), {
        bad: 0,
        total: 0,
      });
      const counts: ProportionCounts = {
        canary: { bad: canary.slower[b] as number, total: canary.total },
        stable,
        stablePods,
      };
      return { boundaryMs, counts };
    });
    return { kind: 'histogram', endMs: START_MS + (i + 1) * INTERVAL_MS, canaryPods: 2, boundaries };
  };
  const history = Array.from({ length: HISTORY }, (_, i) => draw(i - HISTORY, 0));
  const intervals = Array.from({ length: traffic.intervals ?? 360 }, (_, i) => draw(i, traffic.weight));
  return { history, intervals, weight: traffic.weight };
}

/** How many of `total` requests are slower than each bucket: a chain of binomials. */
function exceeding(
  random: Random,
  total: number,
  slowdown: Slowdown,
  logScale: number,
): { total: number; slower: number[] } {
  let left = total;
  let before = 1;
  const slower = BUCKETS.map((boundaryMs) => {
    const p = exceedance(boundaryMs, slowdown, logScale);
    left = before > 0 ? random.binomial(left, Math.min(1, p / before)) : 0;
    before = p;
    return left;
  });
  return { total, slower };
}

function exceedance(boundaryMs: number, { scale, tail, tailScale }: Slowdown, logScale: number): number {
  const above = (factor: number): number => {
    const z = (Math.log(boundaryMs / MEDIAN_MS / factor) - logScale) / SIGMA;
    return z >= 0 ? tailOf(z) : 1 - tailOf(-z);
  };
  return (1 - tail) * above(scale) + (tail === 0 ? 0 : tail * above(tailScale));
}

/** P(Z > z), z ≥ 0: fast enough to be asked a million times (error below 1e-7), exact far out. */
function tailOf(z: number): number {
  if (z > 6) return upperTail(z);
  const t = 1 / (1 + 0.2316419 * z);
  const poly = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 0.3989422804014327 * Math.exp((-z * z) / 2) * poly;
}

export type LatencyRule = (stream: LatencyStream) => number;

/** Serin's own path through histograms: boundaries chosen from the history, averaged. */
export function serinLatency(options: { readonly ratio?: number; readonly sloMs?: number } = {}): LatencyRule {
  const { ratio = 1.1, sloMs } = options;
  const rule = {
    name: 'latency',
    critical: false,
    share: 1,
    fail: { ratio, difference: 0 },
    pass: { ratio: 1.5, difference: 0.0005 },
    ...(sloMs === undefined ? {} : { sloMs }),
  };
  const threshold = 1 / levelOfAttempt(0.05, 1);
  return (stream) => {
    const metric = openMetric(rule, stream.history);
    for (const [index, observation] of stream.intervals.entries()) {
      addObservation(metric, observation, observation.endMs, {
        threshold,
        index,
        horizon: 360,
        weight: stream.weight,
      });
      if (metric.used >= FEWEST_INTERVALS && metricOdds(metric) >= threshold) return index;
    }
    return -1;
  };
}

/** Kayenta on p99 per minute. */
export const kayentaP99: LatencyRule = (stream) => {
  const canary: number[] = [];
  const stable: number[] = [];
  for (let end = 6; end <= stream.intervals.length; end += 6) {
    const minute = stream.intervals.slice(end - 6, end);
    const [c, s] = [p99(minute, 'canary'), p99(minute, 'stable')];
    if (Number.isFinite(c)) canary.push(c);
    if (Number.isFinite(s)) stable.push(s);
    if (canary.length < 5 || stable.length < 5 || !(shiftScore(canary, stable, 0, true) > 2.3263)) continue;
    const found = mannWhitney(canary, stable, 0.98, { isEstimateCorrected: true });
    if (found !== undefined && found.low > 0.25 * Math.abs(found.estimate)) return end - 1;
  }
  return -1;
};

/** Flagger: canary p99 of the last minute ≤ 500 ms, five failed checks. */
export const flaggerP99: LatencyRule = (stream) => {
  let failed = 0;
  for (let end = 6; end <= stream.intervals.length; end += 6) {
    if (p99(stream.intervals.slice(end - 6, end), 'canary') > 500) failed++;
    if (failed >= 5) return end - 1;
  }
  return -1;
};

/** `histogram_quantile(0.99, …)`: linear within the bucket. */
function p99(minute: readonly Observation[], arm: 'canary' | 'stable'): number {
  const slower = BUCKETS.map(() => 0);
  let total = 0;
  for (const observation of minute) {
    if (observation.kind !== 'histogram') continue;
    observation.boundaries.forEach(({ counts }, b) => {
      slower[b] = (slower[b] as number) + counts[arm].bad;
    });
    total += observation.boundaries[0]?.counts[arm].total ?? 0;
  }
  if (total === 0) return NaN;
  const target = 0.01 * total;
  const b = slower.findIndex((count) => count <= target);
  if (b < 0) return BUCKETS.at(-1) as number;
  const [low, high] = [b === 0 ? 0 : (BUCKETS[b - 1] as number), BUCKETS[b] as number];
  const [above, below] = [b === 0 ? total : (slower[b - 1] as number), slower[b] as number];
  return above === below ? high : low + ((high - low) * (above - target)) / (above - below);
}

/** Delay of every rule over runs `from` to below `to`. */
export function latencyDelays(
  rules: Readonly<Record<string, LatencyRule>>,
  traffic: LatencyTraffic,
  from: number,
  to: number,
  seed: number,
): Outcome {
  return outcomeOf(Object.keys(rules), from, to, 10, 0, (run) => {
    const stream = drawLatency(traffic, new Random(seed, run));
    return (name) => (rules[name] as LatencyRule)(stream);
  });
}
