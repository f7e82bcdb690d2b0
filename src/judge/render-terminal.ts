/** Pieces of a terminal picture as plain text, no colour: meter, sparkline, interval bar. Each is exactly as wide as asked. */

const EIGHTHS = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'] as const;
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/**
 * The evidence meter, `▕█████▎    ▏`: empty at odds 1 : 1 or less, full at the abort line, logarithmic between.
 * `width` counts the bar without its two edges.
 */
export function renderMeter(odds: number, abortAtOdds: number, width: number): string {
  const part = odds > 1 && abortAtOdds > 1 ? Math.log(odds) / Math.log(abortAtOdds) : 0;
  return `▕${renderBar(part, width)}▏`;
}

/** A bar of `width` characters, `part` (0–1) of it filled, to an eighth of a character. NaN is empty. */
export function renderBar(part: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, part || 0)) * width * 8);
  const full = Math.floor(eighths / 8);
  const rest = full < width ? (EIGHTHS[eighths % 8] ?? ' ') : '';
  return `${'█'.repeat(full)}${rest}`.padEnd(width, ' ');
}

/**
 * The newest `width` values as `▁▂▅█`, scaled from `low` to `high` (by default the smallest and largest value). Values that are
 * not finite leave a gap.
 */
export function renderSparkline(values: readonly number[], width: number, low?: number, high?: number): string {
  const shown = values.slice(-width);
  const finite = shown.filter(Number.isFinite);
  const from = low ?? Math.min(...finite);
  const to = high ?? Math.max(...finite);
  return shown
    .map((value) => {
      if (!Number.isFinite(value)) return ' ';
      const part = to > from ? (value - from) / (to - from) : 0;
      return LEVELS[Math.min(7, Math.max(0, Math.round(part * 7)))] ?? '▁';
    })
    .join('')
    .padEnd(width, ' ');
}

/** Odds over time as a sparkline: logarithmic, from 1 : 1 to the abort line. */
export function renderEvidence(odds: readonly number[], abortAtOdds: number, width: number): string {
  const logs = odds.map((value) => Math.log(Math.max(1, value)));
  return renderSparkline(logs, width, 0, Math.log(abortAtOdds));
}

export interface IntervalScale {
  /** Values at the two ends; the scale is logarithmic unless it says otherwise. */
  readonly low: number;
  readonly high: number;
  readonly isLinear?: true;
}

/**
 * An interval on a line with marks, `  ├──●────┤ │ `: ends, estimate, and `│` at each of `marks` (margins) that it does not cover.
 * What lies outside the scale is drawn as `◂` or `▸` at the edge.
 */
export function renderIntervalLine(
  interval: { readonly low: number; readonly estimate: number; readonly high: number },
  marks: readonly number[],
  scale: IntervalScale,
  width: number,
): string {
  const place = scale.isLinear === true ? (value: number): number => value : Math.log;
  const [start, end] = [place(scale.low), place(scale.high)];
  const at = (value: number): number => Math.round(((place(value) - start) / (end - start)) * (width - 1));
  const line = Array.from({ length: width }, () => ' ');
  const put = (position: number, character: string): void => {
    if (position >= 0 && position < width) line[position] = character;
  };
  for (const mark of marks) put(at(mark), '│');
  const [from, to] = [at(interval.low), at(interval.high)];
  for (let i = Math.max(0, from); i <= Math.min(width - 1, to); i++) put(i, '─');
  if (from < 0) put(0, '◂');
  else put(from, '├');
  if (to >= width) put(width - 1, '▸');
  else put(to, '┤');
  put(Math.min(width - 1, Math.max(0, at(interval.estimate))), '●');
  return line.join('');
}
