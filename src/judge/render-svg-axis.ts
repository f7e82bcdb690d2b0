/** The axis of the band: ratios on a logarithmic scale, or differences in the unit of the metric. Pure. */
import { formatChange } from './format.ts';
import { type Quantity, quantityOf } from './format-quantity.ts';
import { type Box, linear, logarithmic, roundTicks, ticksBetween } from './render-svg-scale.ts';
import type { MarginLines, MetricVerdict } from './verdict.ts';

export interface Band {
  readonly low: number;
  readonly estimate: number;
  readonly high: number;
}

/** Of a difference; `largest`: of the values that stand beside each other. */
export type Unit = Pick<MetricVerdict, 'shape' | 'unit' | 'isPerSecond'> & { readonly largest: number };

interface Plotted {
  readonly points: readonly { readonly band?: Band }[];
  readonly margins: readonly MarginLines[];
  readonly unit?: Unit;
}

/** No ratio beyond these is drawn: what lies outside ends at the edge. */
const LEAST_RATIO = 1 / 16;
const MOST_RATIO = 32;

/** Heights of values, and how they are written beside it. */
export interface Axis {
  readonly y: (value: number) => number;
  readonly ticks: readonly number[];
  readonly write: (value: number) => string;
  /** Whether a margin can stand on it. */
  readonly holds: (value: number) => boolean;
  /** Of its unit; empty for ratios and plain numbers. */
  readonly name: string;
}

function ratioAxis({ points, margins }: Plotted, box: Box): Axis {
  // Ends of the range that was looked at are not known.
  const known = points.flatMap(({ band }) => (band === undefined || isOpen(band) ? [] : [band.low, band.high]));
  const lines = margins.flatMap(({ fail, pass }) => [fail, pass]);
  const inside = [...known, ...lines, 1].filter((value) => value > 0 && value < Infinity);
  const low = Math.max(LEAST_RATIO, Math.min(0.5, ...inside));
  const high = Math.min(MOST_RATIO, Math.max(2, ...inside));
  return {
    y: logarithmic(low, high, box.bottom, box.top),
    ticks: ticksBetween(low, high),
    write: (value) => `${value}×`,
    holds: (value) => value > 0 && value < Infinity,
    name: '',
  };
}

const isOpen = ({ low, high }: Band): boolean => low <= 0.0201 && high >= 99.9;

/** Early intervals are too wide to show beside the margins: they end at the edge. */
function differenceAxis({ points, margins }: Plotted, { axis }: Quantity, box: Box): Axis {
  const holds = (value: number): boolean => Math.abs(value) < MOST_DIFFERENCE;
  const near = points.flatMap(({ band }) => (band === undefined ? [] : [band.estimate])).filter(holds);
  const last = points.findLast(({ band }) => band !== undefined && holds(band.low) && holds(band.high))?.band;
  const lines = margins.flatMap(({ fail, pass }) => [fail, pass]).filter(holds);
  const inside = [0, ...lines, ...near, ...(last === undefined ? [] : [last.low, last.high])];
  const [least, most] = [Math.min(...inside), Math.max(...inside)];
  const room = 0.15 * (most - least) || 1;
  const [low, high] = [least - room, most + room];
  const { size, name } = axis(Math.max(-low, high));
  return {
    y: linear(low, high, box.bottom, box.top),
    ticks: roundTicks(low / size, high / size).map((tick) => tick * size),
    write: (value) => formatChange(value / size),
    holds,
    name,
  };
}

/** Beyond it nothing is known. */
const MOST_DIFFERENCE = 1e100;

/** Differences where a unit is given, else ratios. */
export function axisOf(picture: Plotted, box: Box): Axis {
  const { unit } = picture;
  return unit === undefined ? ratioAxis(picture, box) : differenceAxis(picture, quantityOf(unit, unit.largest), box);
}
