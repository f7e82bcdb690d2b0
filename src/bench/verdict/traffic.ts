/**
 * Simulated traffic of a canary and the stable pods beside it, interval by interval, with every disturbance that real metrics show.
 * One stream is drawn per run and shown to all rules, so they differ only in what they make of it.
 */
import type { Random } from './random.ts';

export interface Traffic {
  /** Requests per second of the whole service, and stable's share of bad ones. */
  readonly rps: number;
  readonly p: number;
  /** Canary ÷ stable, from `onset` on (interval; 0 = from the start). */
  readonly effect?: number;
  readonly onset?: number;
  /** Percent per interval; default 10 throughout. */
  readonly weightAt?: (interval: number) => number;
  readonly stablePods?: number;
  readonly canaryPods?: number;
  readonly historyIntervals?: number;
  readonly intervals?: number;
  readonly intervalSeconds?: number;
  /** Bad requests come in clusters of this mean size (geometric). */
  readonly burst?: number;
  /** Shocks that hit both arms: sd of ln p, correlated over five minutes. */
  readonly shock?: number;
  /** Chance per interval of a one-minute incident that multiplies p on both arms by 20. */
  readonly incident?: number;
  /** Slow noise of each pod: sd of ln p, and its time constant in intervals. */
  readonly podNoise?: { readonly sd: number; readonly intervals: number };
  /** Pods that are always better or worse: sd of ln p. */
  readonly podEffect?: number;
  /** The canary's users differ: sd of ln p of the whole canary. */
  readonly mix?: number;
  /** The canary's pods start cold: p times this for so many intervals. */
  readonly cold?: { readonly factor: number; readonly intervals: number };
  /** Intervals left out at the start (warm-up excluded at the edge). */
  readonly warmUp?: number;
  /** Relative noise of every count, as `increase()` adds it: sd. */
  readonly noise?: number;
  /** Chance that an interval is missing. */
  readonly missed?: number;
  /** The classic misuse: each interval is the mean of the last so many, read every interval. */
  readonly overlap?: number;
  /** p drifts by this much (ln p) over an hour, on both arms. */
  readonly drift?: number;
  /** Stable pods are replaced one by one, each after so many intervals. */
  readonly churn?: number;
}

/** One run: history (stable only) first, then the analysed intervals. Pods are rows of `podBad`. */
export interface Stream {
  readonly history: number;
  readonly intervals: number;
  readonly pods: number;
  readonly canaryPods: number;
  readonly canaryBad: Float64Array;
  readonly canaryTotal: Float64Array;
  readonly podBad: Float64Array;
  readonly podTotal: Float64Array;
  readonly weight: Float64Array;
  readonly usable: Uint8Array;
  /** Names per interval and pod: index into a growing list, for churn. */
  readonly podName: Uint32Array;
}

export function drawStream(traffic: Traffic, random: Random): Stream {
  const history = traffic.historyIntervals ?? 180;
  const intervals = traffic.intervals ?? 360;
  const pods = traffic.stablePods ?? 10;
  const canaryPods = traffic.canaryPods ?? 2;
  const all = history + intervals;
  const seconds = traffic.intervalSeconds ?? 10;
  const stream: Stream = {
    history,
    intervals,
    pods,
    canaryPods,
    canaryBad: new Float64Array(all),
    canaryTotal: new Float64Array(all),
    podBad: new Float64Array(all * pods),
    podTotal: new Float64Array(all * pods),
    weight: new Float64Array(all),
    usable: new Uint8Array(all).fill(1),
    podName: new Uint32Array(all * pods),
  };
  const noise = new Float64Array(pods + canaryPods);
  const fixed = new Float64Array(pods + canaryPods);
  const keep = traffic.podNoise === undefined ? 0 : Math.exp(-1 / traffic.podNoise.intervals);
  for (let k = 0; k < pods + canaryPods; k++) {
    if (traffic.podNoise) noise[k] = traffic.podNoise.sd * random.normal();
    if (traffic.podEffect) fixed[k] = traffic.podEffect * random.normal();
  }
  const mix = traffic.mix ? traffic.mix * random.normal() : 0;
  let shock = traffic.shock ? traffic.shock * random.normal() : 0;
  const keepShock = Math.exp(-1 / 30);
  let incidentLeft = 0;
  for (let i = 0; i < all; i++) {
    const at = i - history;
    const weight = at < 0 ? 0 : (traffic.weightAt?.(at) ?? 10);
    stream.weight[i] = weight;
    if (traffic.shock) shock = keepShock * shock + traffic.shock * Math.sqrt(1 - keepShock ** 2) * random.normal();
    if (traffic.incident && incidentLeft === 0 && random.next() < traffic.incident) incidentLeft = 6;
    let level = traffic.p * Math.exp(shock + ((traffic.drift ?? 0) * at) / 360);
    if (incidentLeft > 0) {
      level = Math.min(0.5, level * 20);
      incidentLeft--;
    }
    if (traffic.podNoise) {
      const { sd } = traffic.podNoise;
      for (let k = 0; k < noise.length; k++) {
        noise[k] = keep * (noise[k] as number) + sd * Math.sqrt(1 - keep * keep) * random.normal();
      }
    }
    const perSecond = (traffic.rps * seconds) / 100;
    for (let k = 0; k < pods; k++) {
      const generation = traffic.churn ? Math.floor((i + (k * traffic.churn) / pods) / traffic.churn) : 0;
      const total = random.poisson((perSecond * (100 - weight)) / pods);
      const p = level * Math.exp((noise[k] as number) + (fixed[k] as number));
      stream.podTotal[i * pods + k] = total;
      stream.podBad[i * pods + k] = drawBad(random, total, p, traffic.burst ?? 1);
      stream.podName[i * pods + k] = generation * pods + k;
    }
    if (at < 0) continue;
    const isWorse = at >= (traffic.onset ?? 0);
    const cold = traffic.cold !== undefined && at < traffic.cold.intervals ? traffic.cold.factor : 1;
    const factor = (isWorse ? (traffic.effect ?? 1) : 1) * cold * Math.exp(mix);
    let total = 0;
    let bad = 0;
    for (let k = 0; k < canaryPods; k++) {
      const part = random.poisson((perSecond * weight) / canaryPods);
      const p = level * factor * Math.exp((noise[pods + k] as number) + (fixed[pods + k] as number));
      total += part;
      bad += drawBad(random, part, p, traffic.burst ?? 1);
    }
    stream.canaryTotal[i] = total;
    stream.canaryBad[i] = bad;
    if (traffic.missed && random.next() < traffic.missed) stream.usable[i] = 0;
    if (traffic.warmUp && at < traffic.warmUp) stream.usable[i] = 0;
  }
  if (traffic.noise) addNoise(stream, traffic.noise, random);
  if (traffic.overlap) overlap(stream, traffic.overlap);
  return stream;
}

function drawBad(random: Random, total: number, p: number, burst: number): number {
  if (burst <= 1) return random.binomial(total, p);
  let bad = 0;
  for (let cluster = random.poisson((total * p) / burst); cluster > 0; cluster--) bad += random.geometric(burst);
  return Math.min(total, bad);
}

/** What extrapolation does to counts: every number is off by a few percent, and none is whole. */
function addNoise(stream: Stream, sd: number, random: Random): void {
  const jitter = (totals: Float64Array, bads: Float64Array): void => {
    for (let i = 0; i < totals.length; i++) {
      totals[i] = (totals[i] as number) * Math.max(0.2, 1 + sd * random.normal());
      bads[i] = Math.min(totals[i] as number, (bads[i] as number) * Math.max(0.2, 1 + sd * random.normal()));
    }
  };
  jitter(stream.canaryTotal, stream.canaryBad);
  jitter(stream.podTotal, stream.podBad);
}

/** `rate(x[n intervals])` asked every interval: each event is seen n times, at 1/n. */
function overlap(stream: Stream, windows: number): void {
  const smear = (values: Float64Array, stride: number, from: number): void => {
    const before = values.slice();
    for (let i = 0; i < values.length / stride; i++) {
      for (let k = 0; k < stride; k++) {
        let sum = 0;
        let count = 0;
        for (let back = 0; back < windows && i - back >= from; back++, count++)
          sum += before[(i - back) * stride + k] as number;
        values[i * stride + k] = count === 0 ? 0 : sum / count;
      }
    }
  };
  smear(stream.canaryTotal, 1, stream.history);
  smear(stream.canaryBad, 1, stream.history);
  smear(stream.podTotal, stream.pods, 0);
  smear(stream.podBad, stream.pods, 0);
}
