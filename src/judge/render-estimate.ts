/** The numbers of a metric in its own unit, the same in every table, sentence and picture. Nothing is decided here. */
import { formatCount, formatInterval, formatRatio } from './format.ts';
import { type Quantity, quantityOf } from './format-quantity.ts';
import type { Interval, MarginLines, MetricVerdict } from './verdict.ts';

/** What the canary's value stands against, in the metric's unit; `undefined` while there is none. */
export function controlValue({ bound, shape, gauge, stable }: Omit<MetricVerdict, 'says'>): number | undefined {
  if (bound !== undefined) return bound;
  if (shape === 'gauge') return gauge?.control;
  return stable.total > 0 ? stable.bad / stable.total : undefined;
}

/** The canary's value in the metric's unit; `undefined` while there is none. */
export function canaryValue({ shape, gauge, canary }: Pick<MetricVerdict, 'shape' | 'gauge' | 'canary'>) {
  if (shape === 'gauge') return gauge?.canary;
  return canary.total > 0 ? canary.bad / canary.total : undefined;
}

/** How the values of this metric are written. */
export function quantityFor(verdict: Omit<MetricVerdict, 'says'>): Quantity {
  const values = [canaryValue(verdict), controlValue(verdict)].map((value) => Math.abs(value ?? 0));
  return quantityOf(verdict, Math.max(...values));
}

/** `higher is better`, `lower is better`, or `neither higher nor lower is better`. */
export function sayDirection({ isLower, isEither }: Pick<MetricVerdict, 'isLower' | 'isEither'>): string {
  if (isEither === true) return 'neither higher nor lower is better';
  return isLower === true ? 'higher is better' : 'lower is better';
}

/** Whom it is compared with, as people call it. */
export function sayControl({ bound, isBaseline }: Pick<MetricVerdict, 'bound' | 'isBaseline'>): string {
  if (bound !== undefined) return 'the bound';
  return isBaseline === true ? 'the baseline' : 'stable';
}

/** A cell of a table: `91 of 18 204 (0.50 %)`, `410 MiB`, `12.3 requests/s`, `bound 1.00 %`. */
export function saySide(verdict: MetricVerdict, side: 'canary' | 'stable'): string {
  const { shape, bound } = verdict;
  const { value } = quantityFor(verdict);
  if (side === 'stable' && bound !== undefined) return `bound ${value(bound)}`;
  const found = side === 'canary' ? canaryValue(verdict) : controlValue(verdict);
  if (found === undefined) return shape === undefined ? 'no requests' : '–';
  if (shape !== undefined) return value(found);
  const { bad, total } = verdict[side];
  return `${formatCount(bad)} of ${formatCount(total)} (${value(found)})`;
}

/** `1.49× [1.31 … 1.70]`; `–` while it is not known. */
export function sayRatio({ ratio }: Pick<MetricVerdict, 'ratio'>): string {
  if (ratio === undefined) return '–';
  return `${formatRatio(ratio.estimate)} ${formatInterval(ratio.interval.low, ratio.interval.high)}`;
}

/** `+202 MiB [+150 MiB … +254 MiB]`, with open ends where nothing is known; `–` while not even the estimate is. */
export function sayDifference(verdict: MetricVerdict): string {
  const { difference } = verdict;
  if (difference === undefined) return '–';
  const { change } = quantityFor(verdict);
  const { low, high } = openEnds(verdict.shape, difference.interval);
  const [from, to] = [low === undefined ? '(' : `[${change(low)}`, high === undefined ? ')' : `${change(high)}]`];
  return `${change(difference.estimate)} ${from} … ${to}`;
}

/** Without the ends of the range that was looked at. */
function openEnds(shape: MetricVerdict['shape'], { low, high }: Interval): { low?: number; high?: number } {
  const most = shape === undefined ? 1 : Number.MAX_VALUE;
  return { ...(low > -most ? { low } : {}), ...(high < most ? { high } : {}) };
}

/** `healthy up to 451 MiB, passes surely below 615 MiB`; both ways where both count. Empty while the control is unknown. */
export function sayLines(verdict: MetricVerdict): string {
  const { lines } = verdict;
  if (lines === undefined || lines.length === 0) return '';
  const { value } = quantityFor(verdict);
  const of = ({ isLower, fail, pass }: MarginLines): string =>
    `healthy ${isLower === true ? 'down' : 'up'} to ${value(fail)}, passes when surely ${isLower === true ? 'above' : 'below'} ${value(pass)}`;
  return lines.map(of).join('; ');
}
