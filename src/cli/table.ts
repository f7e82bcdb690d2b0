/** kubectl-style columns: padded to the widest cell, three spaces apart, nothing wrapped. Narrow terminals lose columns from the right. */

const GAP = 3;

/** `columns`: of the terminal; the first column stays whatever it has. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  columns = Infinity,
): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const shown = columnsWithin(widths, columns);
  const line = (cells: readonly string[]): string =>
    cells
      .slice(0, shown)
      .map((cell, column) => (column === shown - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join(' '.repeat(GAP))
      .trimEnd();
  return [header, ...rows].map(line).join('\n');
}

/** How many columns of these widths fit beside each other, at least one. */
export function columnsWithin(widths: readonly number[], columns: number): number {
  let taken = -GAP;
  const fitting = widths.findIndex((width) => {
    taken += width + GAP;
    return taken > columns;
  });
  return fitting < 0 ? widths.length : Math.max(1, fitting);
}

/** Age as kubectl prints it: `45s`, `3m`, `5h`, `12d`. */
export function formatAge(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 120) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}
