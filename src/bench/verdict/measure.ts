/** Runs rules on streams and counts what they do. Every rule sees the same streams; seeds follow from the section and the run. */
import { Random } from './random.ts';
import type { Rule } from './rules.ts';
import { type Stream, type Traffic, drawStream } from './traffic.ts';

export type Rules = Readonly<Record<string, Rule>>;

/** When a rule spoke, in intervals from 1; Infinity for never. Sorted. */
export interface Delays {
  readonly sorted: readonly number[];
  readonly intervalSeconds: number;
}

/** Delay of every rule over `runs` streams. `onset`: intervals before it are healthy, and delays count from there. */
export function delaysOf(
  rules: Rules,
  traffic: Traffic,
  runs: number,
  seed: number,
): Record<string, Delays & { early: number }> {
  const found = Object.fromEntries(Object.keys(rules).map((name) => [name, [] as number[]]));
  const early = Object.fromEntries(Object.keys(rules).map((name) => [name, 0]));
  for (let run = 0; run < runs; run++) {
    const stream: Stream = drawStream(traffic, new Random(seed, run));
    for (const [name, rule] of Object.entries(rules)) {
      const at = rule(stream);
      const onset = traffic.onset ?? 0;
      if (at >= 0 && at < onset) early[name] = (early[name] ?? 0) + 1;
      else found[name]?.push(at < 0 ? Infinity : at + 1 - onset);
    }
  }
  const intervalSeconds = traffic.intervalSeconds ?? 10;
  return Object.fromEntries(
    Object.entries(found).map(([name, list]) => [
      name,
      { sorted: list.toSorted((a, b) => a - b), intervalSeconds, early: (early[name] ?? 0) / runs },
    ]),
  );
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
