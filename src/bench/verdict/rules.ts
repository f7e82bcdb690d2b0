/** Serin's rule as the product runs it, fed with simulated streams. */
import { type Comparison, addInterval, oddsOf, openComparison, passOddsOf } from '../../judge/comparison.ts';
import type { ProportionCounts } from '../../judge/observation.ts';
import { type MarginNumbers, levelOfAttempt } from '../../judge/preset.ts';
import { FEWEST_INTERVALS } from '../../stats/rule.ts';
import type { Stream } from './traffic.ts';

/** Interval (0-based) at which a rule aborts, −1 for never. */
export type Rule = (stream: Stream) => number;

/** One interval of a stream as the judge sees it. */
export function countsAt(stream: Stream, i: number): ProportionCounts {
  const stablePods = [];
  let bad = 0;
  let total = 0;
  for (let k = i * stream.pods; k < (i + 1) * stream.pods; k++) {
    const pod = { pod: `p${stream.podName[k]}`, bad: stream.podBad[k] as number, total: stream.podTotal[k] as number };
    bad += pod.bad;
    total += pod.total;
    stablePods.push(pod);
  }
  const canary = { bad: stream.canaryBad[i] as number, total: stream.canaryTotal[i] as number };
  return { canary, stable: { bad, total }, stablePods };
}

export interface SerinOptions {
  readonly fail?: MarginNumbers;
  readonly pass?: MarginNumbers;
  /** Probability of a false abort of this attempt. */
  readonly falseAbort?: number;
  /** Leave the per-pod series out, as a source without a pod label does. */
  readonly isPodless?: boolean;
  readonly share?: number;
  /** Longest run, in intervals. */
  readonly horizon?: number;
}

const RECOMMENDED: MarginNumbers = { ratio: 1.1, difference: 0 };
const PASS: MarginNumbers = { ratio: 1.5, difference: 0.0005 };

/** Walks a stream with the product's own code; `visit` is asked after every usable interval and may end it. */
export function walk(
  stream: Stream,
  options: SerinOptions,
  visit: (comparison: Comparison, interval: number, used: number) => boolean,
): void {
  const strip = (counts: ProportionCounts): ProportionCounts =>
    options.isPodless ? { ...counts, stablePods: [] } : counts;
  const history = Array.from({ length: stream.history }, (_, i) => strip(countsAt(stream, i)));
  const comparison = openComparison({ share: options.share ?? 1, mustPass: true }, history);
  const terms = {
    fail: options.fail ?? RECOMMENDED,
    pass: options.pass ?? PASS,
    threshold: 1 / (options.falseAbort ?? levelOfAttempt(0.05, 1)),
    horizon: options.horizon ?? 360,
  };
  let used = 0;
  for (let at = 0; at < stream.intervals; at++) {
    const i = stream.history + at;
    if (stream.usable[i] === 0) continue;
    const counts = strip(countsAt(stream, i));
    if (!(counts.canary.total > 0) || !(counts.stable.total > 0)) continue;
    addInterval(comparison, counts, stream.canaryPods, { ...terms, index: at, weight: stream.weight[i] as number });
    used++;
    if (visit(comparison, at, used)) return;
  }
}

/** Serin's fail side. */
export function serin(options: SerinOptions = {}): Rule {
  const threshold = 1 / (options.falseAbort ?? levelOfAttempt(0.05, 1));
  return (stream) => {
    let aborted = -1;
    walk(stream, options, (comparison, at, used) => {
      if (used >= FEWEST_INTERVALS && oddsOf(comparison) >= threshold) aborted = at;
      return aborted >= 0;
    });
    return aborted;
  };
}

/** First interval (of at least `floor`) at which Serin would pass, −1 for never. */
export function serinPass(options: SerinOptions = {}, falsePass = 0.05, floor = 6): Rule {
  const needed = Math.log(1 / falsePass);
  const pass = options.pass ?? PASS;
  return (stream) => {
    let passed = -1;
    walk(stream, options, (comparison, at) => {
      if (at + 1 >= floor && passOddsOf(comparison, { pass }) >= needed) passed = at;
      return passed >= 0;
    });
    return passed;
  };
}

/** Several metrics of one run: aborts when the average of their odds by share reaches the line. */
export function averaged(streams: readonly Stream[], shares: readonly number[], falseAbort: number): number {
  const odds = streams.map((stream, m) => {
    const trail: number[] = [];
    walk(stream, { falseAbort, share: shares[m] ?? 0 }, (comparison, at) => {
      trail[at] = oddsOf(comparison);
      return false;
    });
    return trail;
  });
  const last = shares.map(() => 1);
  for (let at = FEWEST_INTERVALS - 1; at < (streams[0]?.intervals ?? 0); at++) {
    let sum = 0;
    for (const [m, share] of shares.entries()) {
      last[m] = odds[m]?.[at] ?? last[m] ?? 1;
      sum += share * (last[m] as number);
    }
    if (sum >= 1 / falseAbort) return at;
  }
  return -1;
}
