/** Runs rules on streams and counts what they do. Every rule sees the same streams; seeds follow from the job and the run. */
import { Random } from './random.ts';
import type { Rule } from './rules.ts';
import { type Stream, type Traffic, drawStream } from './traffic.ts';

export type Rules = Readonly<Record<string, Rule>>;

/** When a rule spoke. */
export interface Delays {
  /** In intervals from 1, sorted; Infinity for never. Runs in which it spoke before the onset are not among them. */
  readonly sorted: readonly number[];
  readonly intervalSeconds: number;
  /** Runs in which it spoke before the onset. */
  readonly early: number;
}

/** By the rule's name. */
export type Outcome = Readonly<Record<string, Delays>>;

/** Delay of every rule over runs `from` to below `to`. `onset`: intervals before it are healthy, and delays count from there. */
export function delaysOf(rules: Rules, traffic: Traffic, from: number, to: number, seed: number): Outcome {
  const onset = traffic.onset ?? 0;
  return outcomeOf(Object.keys(rules), from, to, traffic.intervalSeconds ?? 10, onset, (run) => {
    const stream: Stream = drawStream(traffic, new Random(seed, run));
    return (name) => (rules[name] as Rule)(stream);
  });
}

/** `draw` makes the stream of one run and answers at which interval (0-based, −1 never) each rule speaks on it. */
export function outcomeOf(
  names: readonly string[],
  from: number,
  to: number,
  intervalSeconds: number,
  onset: number,
  draw: (run: number) => (name: string) => number,
): Outcome {
  const found = new Map(names.map((name) => [name, { delays: [] as number[], early: 0 }]));
  for (let run = from; run < to; run++) {
    const ask = draw(run);
    for (const [name, sum] of found) {
      const at = ask(name);
      if (at >= 0 && at < onset) sum.early++;
      else sum.delays.push(at < 0 ? Infinity : at + 1 - onset);
    }
  }
  return Object.fromEntries(
    [...found].map(([name, { delays, early }]) => [
      name,
      { sorted: delays.toSorted((a, b) => a - b), intervalSeconds, early },
    ]),
  );
}

/** Two outcomes of different runs as one. */
export function merge(a: Outcome, b: Outcome): Outcome {
  const one = (name: string): Delays => {
    const [first, second] = [a[name], b[name]];
    if (first === undefined || second === undefined) return (first ?? second) as Delays; // one of them has the name
    const sorted = [...first.sorted, ...second.sorted].toSorted((x, y) => x - y);
    return { sorted, intervalSeconds: first.intervalSeconds, early: first.early + second.early };
  };
  return Object.fromEntries([...new Set([...Object.keys(a), ...Object.keys(b)])].map((name) => [name, one(name)]));
}

/** Part that spoke before the onset. */
export function tooEarly({ sorted, early }: Delays): number {
  return early / Math.max(1, early + sorted.length);
}

/** Part that spoke within so many seconds. */
export function within({ sorted, intervalSeconds }: Delays, seconds: number): number {
  if (sorted.length === 0) return 0;
  return sorted.filter((delay) => delay * intervalSeconds <= seconds).length / sorted.length;
}

/** Seconds; Infinity where that part never spoke. */
export function quantile({ sorted, intervalSeconds }: Delays, part: number): number {
  if (sorted.length === 0) return Infinity;
  return (sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] as number) * intervalSeconds;
}

/**
 * Median as a number to divide by: the middle of a small window of order statistics, so that 10 s steps do not make ratios jump.
 */
export function smoothMedian({ sorted, intervalSeconds }: Delays): number {
  const [from, to] = [Math.floor(0.45 * sorted.length), Math.ceil(0.55 * sorted.length)];
  const middle = sorted.slice(from, to);
  return (middle.reduce((sum, value) => sum + value, 0) / middle.length) * intervalSeconds;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
