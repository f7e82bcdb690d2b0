/** Scales, ticks and polylines for pictures. Pure. */

export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface XY {
  readonly x: number;
  readonly y: number;
}

/** Maps `low…high` to `from…to`; what lies outside ends at the edge. */
export function linear(low: number, high: number, from: number, to: number): (value: number) => number {
  const span = high > low ? high - low : 1;
  return (value) => from + Math.min(1, Math.max(0, (value - low) / span)) * (to - from);
}

/** The same on a logarithmic scale; 0 and below are at the low edge. */
export function logarithmic(low: number, high: number, from: number, to: number): (value: number) => number {
  const scale = linear(Math.log(low), Math.log(high), from, to);
  return (value) => scale(value > 0 ? Math.log(value) : -Infinity);
}

const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20] as const;

/** Round ratios from `low` to `high`, both included. */
export function ticksBetween(low: number, high: number): readonly number[] {
  return STEPS.filter((value) => value >= low && value <= high);
}

/** About five round numbers from `low` to `high`. */
export function roundTicks(low: number, high: number): readonly number[] {
  const rough = (high - low) / 5;
  if (!(rough > 0 && rough < Infinity)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const ticks: number[] = [];
  for (let k = Math.ceil(low / step); k * step <= high && ticks.length < 20; k++) ticks.push(k * step);
  return ticks;
}

const TIME_STEPS_MS = [10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400].map((seconds) => seconds * 1000);

/** Round times between two, at most nine. */
export function timeTicks(startMs: number, endMs: number): readonly number[] {
  const span = endMs - startMs;
  const stepMs = TIME_STEPS_MS.find((step) => span / step <= 8) ?? Math.ceil(span / 8 / 86_400_000) * 86_400_000;
  const first = Math.ceil(startMs / stepMs) * stepMs;
  const ticks: number[] = [];
  for (let at = first; at <= endMs; at += stepMs) ticks.push(at);
  return ticks;
}

/** Unbroken runs of points as `x,y x,y …`; gaps and points that are not finite separate them. */
export function pathsOf(points: readonly (XY | undefined)[]): readonly string[] {
  const runs: string[][] = [];
  let isOpen = false;
  for (const point of points) {
    if (point === undefined || !Number.isFinite(point.x) || !Number.isFinite(point.y)) {
      isOpen = false;
      continue;
    }
    const pair = `${Number(point.x.toFixed(1))},${Number(point.y.toFixed(1))}`;
    if (isOpen) runs.at(-1)?.push(pair);
    else runs.push([pair]);
    isOpen = true;
  }
  return runs.map((pairs) => pairs.join(' '));
}
