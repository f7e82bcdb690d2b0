/**
 * Rows of a table as measurements: what one side (or one pod of it) counted in one interval. Anything that cannot be a count is
 * refused by line and column; an empty cell or NaN is an interval without data. Pure.
 */
import type { Counts } from '../../judge/observation.ts';
import { quote } from '../../api/units.ts';
import { type Row, type Table, wrongInput } from './table-file.ts';

export type Arm = 'canary' | 'stable';

export interface Measurement {
  readonly where: string;
  /** End of the interval, ms since the epoch. */
  readonly endMs: number;
  /** Its start, where the file says so. */
  readonly startMs?: number;
  readonly arm: Arm;
  /** Empty where the file has no pods. */
  readonly pod: string;
  /** Percent of requests for the canary, where the file says so. */
  readonly weight?: number;
  /** `undefined`: there was no data. */
  readonly counts: Counts | undefined;
}

const LONG = ['time', 'arm', 'total', 'bad'] as const;
const WIDE = ['time', 'canary_total', 'canary_bad', 'stable_total', 'stable_bad'] as const;
const ARMS: readonly Arm[] = ['canary', 'stable'];

/** All measurements of a table, in its order; one shape or the other, told by the columns. */
export function readMeasurements(table: Table): readonly Measurement[] {
  if (table.rows.length === 0)
    throw wrongInput(
      `${table.file} has no rows. Add one for each interval${table.columns.length > 0 ? ' below the header' : ''}.`,
    );
  const isWide = table.columns.some((name) => name.startsWith('canary_') || name.startsWith('stable_'));
  const needed = isWide ? WIDE : LONG;
  const missing = needed.filter((name) => !table.columns.includes(name));
  if (missing.length > 0) {
    throw wrongInput(
      `${table.file} lacks the column${missing.length > 1 ? 's' : ''} ${missing.join(', ')} (it has ${table.columns.join(', ')}). ` +
        `Name the columns ${LONG.join(', ')} (and pod, weight, start if known), or ${WIDE.join(', ')}.`,
    );
  }
  return table.rows.flatMap((row) => (isWide ? wideRow(row) : [longRow(row)]));
}

function wideRow(row: Row): readonly Measurement[] {
  const common = commonOf(row);
  return ARMS.map((arm) => ({ ...common, arm, pod: '', counts: countsOf(row, `${arm}_total`, `${arm}_bad`) }));
}

function longRow(row: Row): Measurement {
  const written = cell(row, 'arm').toLowerCase();
  const arm = ARMS.find((name) => name === written);
  if (arm === undefined)
    throw wrongInput(`${row.where} column arm is ${quote(cell(row, 'arm'))}. Write canary or stable.`);
  return { ...commonOf(row), arm, pod: cell(row, 'pod'), counts: countsOf(row, 'total', 'bad') };
}

function commonOf(row: Row): Pick<Measurement, 'where' | 'endMs' | 'startMs' | 'weight'> {
  const endMs = timeOf(row, 'time');
  const startMs = cell(row, 'start') === '' ? undefined : timeOf(row, 'start');
  if (startMs !== undefined && startMs >= endMs) {
    throw wrongInput(
      `${row.where} column start is not before its time. Write where the interval starts, and its end as time.`,
    );
  }
  const weight = cell(row, 'weight') === '' ? undefined : weightOf(row);
  return {
    where: row.where,
    endMs,
    ...(startMs === undefined ? {} : { startMs }),
    ...(weight === undefined ? {} : { weight }),
  };
}

/** `2026-01-05T12:00:00Z`, seconds or milliseconds since 1970. */
function timeOf(row: Row, column: string): number {
  const written = cell(row, column);
  const number = written === '' ? Number.NaN : Number(written);
  const ms = Number.isFinite(number) ? Math.round(number < 1e11 ? number * 1000 : number) : readInstant(written);
  if (ms === undefined || !(ms > 0 && ms < 8.64e15)) {
    throw wrongInput(
      `${row.where} column ${column} is ${quote(written)}. Write a time such as 2026-01-05T12:00:00Z, or seconds or milliseconds since 1970.`,
    );
  }
  return ms;
}

/** A date and time with its zone; without one it is read as UTC, so that no machine's zone changes a verdict. */
export function readInstant(written: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)\s*(Z|[+-]\d\d:?\d\d)?)?$/i.exec(
    written.trim(),
  );
  if (match === null) return undefined;
  const [, day, clock = '00:00', zone = 'Z'] = match;
  const ms = Date.parse(`${day}T${clock}${zone.replace(/^([+-]\d\d)(\d\d)$/, '$1:$2').toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : ms;
}

function weightOf(row: Row): number {
  const weight = Number(cell(row, 'weight').replace(/\s*%$/, ''));
  if (weight >= 0 && weight <= 100) return weight;
  throw wrongInput(
    `${row.where} column weight is ${quote(cell(row, 'weight'))}. Write percent of requests for the canary, 0 to 100.`,
  );
}

function countsOf(row: Row, totalColumn: string, badColumn: string): Counts | undefined {
  const total = countOf(row, totalColumn);
  const bad = countOf(row, badColumn);
  if (total === undefined || bad === undefined) return undefined;
  if (bad > total * (1 + 1e-9)) {
    throw wrongInput(
      `${row.where} column ${badColumn} is ${bad}, more than ${totalColumn}, ${total}. Bad events are part of the total: write both as counts of the same interval.`,
    );
  }
  return { total, bad: Math.min(bad, total) };
}

function countOf(row: Row, column: string): number | undefined {
  const written = cell(row, column);
  if (written === '' || /^(nan|null|none|-)$/i.test(written)) return undefined;
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(written) ? Number(written) : Number.NaN;
  if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value;
  const fix =
    value < 0
      ? 'Counts cannot be negative: write what was counted in the interval'
      : `Write a count such as 1200 or 12.5; ${row.nothing} where there is no data`;
  throw wrongInput(`${row.where} column ${column} is ${quote(written)}. ${fix}.`);
}

function cell(row: Row, column: string): string {
  return row.cells.get(column) ?? '';
}
