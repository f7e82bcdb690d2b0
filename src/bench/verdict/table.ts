/** Tables as plain text and as Markdown. */
import { type Delays, quantile, within } from './measure.ts';

export interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What the numbers are and what to make of them. */
  readonly note?: string;
}

export function renderText({ title, head, rows, note }: Table): string {
  const all = [head, ...rows];
  const widths = head.map((_, k) => Math.max(...all.map((row) => (row[k] ?? '').length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, k) => (k === 0 ? cell.padEnd(widths[k] ?? 0) : cell.padStart(widths[k] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return [`\n${title}`, line(head), rule, ...rows.map(line), ...(note === undefined ? [] : [note]), ''].join('\n');
}

export function renderMarkdown({ title, head, rows, note }: Table): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const rule = line(head.map((_, k) => (k === 0 ? '---' : '--:')));
  return [`## ${title}`, '', line(head), rule, ...rows.map(line), '', ...(note === undefined ? [] : [note, ''])].join(
    '\n',
  );
}

export const percent = (part: number): string => {
  const value = part * 100;
  return value === 0 || value >= 9.95 ? value.toFixed(0) : value >= 0.995 ? value.toFixed(1) : value.toFixed(2);
};

export const seconds = (value: number): string => {
  if (!Number.isFinite(value)) return '–';
  return value < 600 ? `${Math.round(value)} s` : `${Math.round(value / 60)} min`;
};

/** Median and a higher quantile, or the power within an hour where that is below a half. */
export function spoke(delay: Delays, high: number): string {
  const power = within(delay, 3600);
  if (power < 0.5) return `(${percent(power)} %)`;
  return `${seconds(quantile(delay, 0.5))} / ${seconds(quantile(delay, high))}`;
}
