/**
 * Every quantity as people write it and as the code holds it (contracts, "Units"). One table: parsers, schema patterns,
 * reference pages and tests read it. Inside: milliseconds, fractions 0–1, integer weights 0–100, odds as E.
 */
import { SerinError } from '../errors.ts';

/** Longest duration that is accepted: ten years. Longer ones are typing mistakes, and Go's own limit is 292 years. */
const MAX_DURATION_MS = 10 * 365 * 24 * 3_600_000;

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

const DURATION = /^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const DURATION_PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

/**
 * Milliseconds of a Go duration (`1h30m`, `1.5h`, `250ms`, `0`), as `time.ParseDuration` reads it, but never negative.
 * `undefined` for anything else, and for more than ten years.
 */
export function readDurationMs(value: unknown): number | undefined {
  if (typeof value !== 'string' || value.length > 64) return undefined;
  if (value === '0') return 0;
  if (!DURATION.test(value)) return undefined;
  let total = 0;
  for (const [, amount, unit] of value.matchAll(DURATION_PART)) {
    total += Number(amount) * (DURATION_UNITS_MS[unit ?? ''] ?? Number.NaN);
  }
  // Sums of decimal fractions carry binary dust: 1.1 s must be 1100 ms.
  const rounded = Math.round(total * 1e6) / 1e6;
  return rounded <= MAX_DURATION_MS ? rounded : undefined;
}

/** Fraction 0–1 of a percentage such as `5%` or `0.05%`; `undefined` for anything else or beyond 100 %. */
export function readPercent(value: unknown): number | undefined {
  return readSuffixed(value, /^(\d{1,9}(?:\.\d{1,9})?)%$/);
}

/** Fraction 0–1 of percentage points such as `0.05pp`; `undefined` for anything else or beyond 100 points. */
export function readPoints(value: unknown): number | undefined {
  return readSuffixed(value, /^(\d{1,9}(?:\.\d{1,9})?)pp$/);
}

/** An integer 0–100; `undefined` for anything else. */
export function readWeight(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 100 ? value : undefined;
}

function readSuffixed(value: unknown, pattern: RegExp): number | undefined {
  if (typeof value !== 'string') return undefined;
  const number = Number(pattern.exec(value)?.[1] ?? Number.NaN);
  // Dividing the digits, not the binary value: 0.05pp must be 0.0005 exactly as written.
  const fraction = Number((number / 100).toPrecision(15));
  return fraction >= 0 && fraction <= 1 ? fraction : undefined;
}

/** One row of the table: how it is written, what it is inside, and examples that tests and pages share. */
export interface Unit {
  readonly title: string;
  readonly written: string;
  readonly inside: string;
  readonly examples: readonly { readonly text: string | number; readonly value: number }[];
  readonly refused: readonly (string | number)[];
  readonly read: (value: unknown) => number | undefined;
}

export const units = {
  duration: {
    title: 'Duration',
    written: 'a Go-style duration such as 90s, 1h30m, 1.5h or 250ms',
    inside: 'milliseconds',
    examples: [
      { text: '250ms', value: 250 },
      { text: '90s', value: 90_000 },
      { text: '1h30m', value: 5_400_000 },
      { text: '1.5h', value: 5_400_000 },
      { text: '1m0.5s', value: 60_500 },
      { text: '1.1s', value: 1_100 },
      { text: '0s', value: 0 },
    ],
    refused: ['', '5', '-5m', '5 m', '1d', '5m ', 'm', '1e3s', '99999999h', 'NaNs', '１m'],
    read: readDurationMs,
  },
  percent: {
    title: 'Percentage',
    written: 'a percentage such as 5% or 0.05%',
    inside: 'fraction 0–1',
    examples: [
      { text: '5%', value: 0.05 },
      { text: '0.05%', value: 0.0005 },
      { text: '100%', value: 1 },
      { text: '0%', value: 0 },
    ],
    refused: ['', '5', '101%', '-1%', '5 %', '%', '5pp', '1e1%', 'NaN%'],
    read: readPercent,
  },
  points: {
    title: 'Percentage points',
    written: 'percentage points such as 0.05pp',
    inside: 'fraction 0–1',
    examples: [
      { text: '0.05pp', value: 0.0005 },
      { text: '1pp', value: 0.01 },
      { text: '0pp', value: 0 },
    ],
    refused: ['', '0.05', '101pp', '-1pp', '1 pp', 'pp', '5%'],
    read: readPoints,
  },
  weight: {
    title: 'Weight',
    written: 'a whole number from 0 to 100',
    inside: 'integer 0–100, percent of requests for the canary',
    examples: [
      { text: 0, value: 0 },
      { text: 25, value: 25 },
      { text: 100, value: 100 },
    ],
    refused: [-1, 101, 150, 2.5, Number.NaN, '25'],
    read: readWeight,
  },
} as const satisfies Record<string, Unit>;

/** Milliseconds; throws `SERIN_E_INVALID_SPEC` naming `field` (e.g. `Release shop/web: spec.progressDeadline`). */
export function parseDurationMs(text: unknown, field: string): number {
  return readDurationMs(text) ?? refuse(text, field, units.duration);
}

/** A fraction 0–1 from `5%`; throws `SERIN_E_INVALID_SPEC` naming `field`. */
export function parsePercent(text: unknown, field: string): number {
  return readPercent(text) ?? refuse(text, field, units.percent);
}

/** A fraction 0–1 from `0.05pp`; throws `SERIN_E_INVALID_SPEC` naming `field`. */
export function parsePoints(text: unknown, field: string): number {
  return readPoints(text) ?? refuse(text, field, units.points);
}

/** An integer 0–100; throws `SERIN_E_INVALID_SPEC` naming `field`. */
export function parseWeight(value: unknown, field: string): number {
  return readWeight(value) ?? refuse(value, field, units.weight);
}

function refuse(value: unknown, field: string, unit: Unit): never {
  throw new SerinError('SERIN_E_INVALID_SPEC', `${field} is ${quote(value)}. Write ${unit.written}.`);
}

/**
 * A value as it may appear in a message: one line of at most 60 characters. Objects and lists inside are shown as `{…}` and
 * `[…]`, so that neither a megabyte nor ten thousand levels of bad input get into a status.
 */
export function quote(value: unknown): string {
  const shown = Array.isArray(value) ? `[${value.slice(0, 8).map(brief).join(', ')}]` : brief(value);
  return shown.length <= 60 ? shown : `${shown.slice(0, 59)}…`;
}

function brief(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  if (Array.isArray(value)) return '[…]';
  if (typeof value === 'object' && value !== null) return '{…}';
  return String(value);
}

/** `1h30m`, `45s`, `250ms`: what `parseDurationMs` reads back to the millisecond. Negative and NaN become `0s`. */
export function formatDuration(ms: number): string {
  if (!(ms >= 1)) return '0s';
  const whole = Math.round(ms);
  const parts: readonly (readonly [string, number])[] = [
    ['h', Math.floor(whole / 3_600_000)],
    ['m', Math.floor(whole / 60_000) % 60],
    ['s', Math.floor(whole / 1_000) % 60],
    ['ms', whole % 1_000],
  ];
  return parts
    .filter(([, amount]) => amount > 0)
    .map(([unit, amount]) => `${amount}${unit}`)
    .join('');
}
