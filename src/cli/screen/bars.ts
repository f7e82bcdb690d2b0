/** Small plots made of characters: an evidence meter and a sparkline. */

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const;
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/** `▕█████▏`: `share` of `cells` filled, in eighths. */
export function meter(share: number, cells: number): string {
  const clamped = Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : share > 0 ? 1 : 0;
  const eighths = Math.round(clamped * cells * 8);
  const full = Math.floor(eighths / 8);
  const part = EIGHTHS[eighths % 8] ?? '';
  return `▕${`${'█'.repeat(full)}${part}`.padEnd(cells)}▏`;
}

/** The newest `cells` values between `low` and `high`; empty for no values. */
export function sparkline(values: readonly number[], cells: number, low: number, high: number): string {
  const span = high > low ? high - low : 1;
  return values
    .slice(-cells)
    .map((value) => {
      const share = Math.min(1, Math.max(0, (value - low) / span));
      return LEVELS[Math.min(LEVELS.length - 1, Math.round(share * (LEVELS.length - 1)))] ?? '▁';
    })
    .join('');
}

/** Share of the way to a verdict: ln odds between 1 : 1 and the abort line. */
export function evidenceShare(odds: number, abortAtOdds: number): number {
  if (!(odds > 1)) return 0;
  return Math.log(odds) / Math.log(Math.max(abortAtOdds, 1.0001));
}
