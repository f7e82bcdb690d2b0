/** Numbers as people read them on the screen: thin groups, percent with two digits, `1m 40s`. */

export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ');
}

export function percentOf(bad: number | undefined, total: number | undefined): string {
  if (bad === undefined || total === undefined || !(total > 0)) return '–';
  return `${((100 * bad) / total).toFixed(2)} %`;
}

export function milliseconds(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

/** `40s`, `1m 40s`, `2h 05m`. */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${String(seconds % 60).padStart(2, '0')}s`;
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, '0')}m`;
}

/** `10.1×`, `1.02×`. */
export function times(ratio: number): string {
  if (!Number.isFinite(ratio)) return '∞×';
  return `${ratio >= 10 ? ratio.toFixed(1) : ratio.toFixed(2)}×`;
}

/** `3 100 : 1`; odds below one read `1 : 4`. */
export function oddsText(odds: number): string {
  if (!(odds > 0)) return '0 : 1';
  if (odds >= 1) return odds > 1e9 ? '> 10⁹ : 1' : `${odds < 10 ? odds.toFixed(1) : grouped(odds)} : 1`;
  const inverse = 1 / odds;
  return inverse > 1e9 ? '1 : > 10⁹' : `1 : ${inverse < 10 ? inverse.toFixed(1) : grouped(inverse)}`;
}
