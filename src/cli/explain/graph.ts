/** Links to Prometheus' own page. Pure. */

/** Path and query of its graph: the whole run on it, and a little before; goes behind the URL. */
export function graphPath(query: string, fromMs: number, toMs: number): string {
  const minutes = Math.max(10, Math.ceil((toMs - fromMs) / 60_000) + 5);
  const end = new Date(toMs).toISOString().slice(0, 19).replace('T', ' ');
  const parameters = new URLSearchParams({
    'g0.expr': query,
    'g0.tab': '0',
    'g0.range_input': `${minutes}m`,
    'g0.end_input': end,
  });
  return `/graph?${parameters.toString().replaceAll('+', '%20')}`;
}
