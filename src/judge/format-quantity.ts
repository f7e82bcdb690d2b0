/** Values of a metric in its own unit: fractions as percent, bytes as MiB, seconds as ms, events per second. */
import { formatAmount, formatChange, formatPercent, formatPoints } from './format.ts';
import type { MetricVerdict } from './verdict.ts';

/** How the values of one metric are written. */
export interface Quantity {
  /** `5.06 %`, `612 MiB`, `41 ms`, `12.3 requests/s`. */
  readonly value: (value: number) => string;
  /** A difference with its sign: `+0.13 pp`, `−12 MiB`. */
  readonly change: (difference: number) => string;
  /** The unit in which an axis up to this value is written: how much one of it is, and its name. */
  readonly axis: (largest: number) => { readonly size: number; readonly name: string };
}

type Measured = Pick<MetricVerdict, 'shape' | 'unit' | 'isPerSecond'>;

/** `largest`: of the values that stand beside each other; rare events are then all written per minute, hour or day. */
export function quantityOf({ shape, unit, isPerSecond }: Measured, largest = Infinity): Quantity {
  if (shape === undefined) {
    return { value: formatPercent, change: formatPoints, axis: () => ({ size: 0.01, name: 'pp' }) };
  }
  // Events per something else that is counted are a quotient without a unit.
  if (shape === 'rate' && isPerSecond !== true) {
    return { value: formatAmount, change: formatChange, axis: () => ({ size: 1, name: '' }) };
  }
  const per = isPerSecond === true ? perOf(Math.abs(largest)) : ONCE;
  const write = (format: (value: number) => string) => (given: number) => {
    if (!Number.isFinite(given)) return '–';
    const { times, name } = scaleOf(unit?.trim() ?? '', given * per.times);
    return `${format(given * per.times * times)}${name === '' && per.name !== '' ? ' ' : name}${per.name}`;
  };
  return {
    value: write(formatAmount),
    change: write(formatChange),
    axis: (most) => {
      const { times, name } = scaleOf(unit?.trim() ?? '', most * per.times);
      return { size: 1 / (per.times * times), name: `${name.trim()}${per.name}` };
    },
  };
}

interface Scale {
  readonly times: number;
  /** With the space before it. */
  readonly name: string;
}

const ONCE: Scale = { times: 1, name: '' };

/** The shortest time in which there is a tenth of an event. */
function perOf(largest: number): Scale {
  const pers = [
    { times: 1, name: '/s' },
    { times: 60, name: '/min' },
    { times: 3600, name: '/h' },
  ];
  return pers.find(({ times }) => largest === 0 || largest * times >= 0.1) ?? { times: 86_400, name: '/d' };
}

const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

function scaleOf(unit: string, value: number): Scale {
  const size = Math.abs(value);
  switch (unit.toLowerCase()) {
    case 'b':
    case 'byte':
    case 'bytes': {
      const power = Math.min(BYTES.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, size)) / 10)));
      return { times: 1024 ** -power, name: ` ${BYTES[power] ?? 'B'}` };
    }
    case 's':
    case 'second':
    case 'seconds':
      return size < 10 ? { times: 1000, name: ' ms' } : { times: 1, name: ' s' };
    case 'ms':
    case 'millisecond':
    case 'milliseconds':
      return size < 10_000 ? { times: 1, name: ' ms' } : { times: 0.001, name: ' s' };
    case 'percent':
    case '%':
      return { times: 1, name: ' %' };
    case '':
    case '1':
    case 'ratio':
      return ONCE;
    default:
      return { times: 1, name: ` ${unit}` };
  }
}
