/** Times and durations: `now()`, `date("2026-11-21")`, `duration("1h30m")`. */
import { DURATION, type Nature, TIME } from '../nature.ts';
import { Instant, Span } from '../value.ts';
import { CallFailed, type ExpressionFunction, textOf, typed } from './signature.ts';

const UNIT_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const WHOLE = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/;
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;

/** As Go's `time.ParseDuration`, negative ones too; `undefined` when it is none. */
export function parseSpan(text: string): Span | undefined {
  const [, sign, amount = ''] = (text.length <= 64 && WHOLE.exec(text)) || [];
  if (sign === undefined) return undefined;
  let ns = 0;
  for (const [, number, unit] of amount.matchAll(PART)) ns += Number(number) * (UNIT_NS[unit ?? ''] ?? 0);
  if (!(ns < 2 ** 63)) return undefined;
  return new Span(BigInt(Math.round(sign === '-' ? -ns : ns)));
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const DAY_AND_TIME = /^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$/;
const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
const RFC1123 = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} (GMT|UTC)$/;

function parseDate(text: string): Instant {
  const iso = DAY.test(text) ? `${text}T00:00:00Z` : DAY_AND_TIME.test(text) ? `${text.replace(' ', 'T')}Z` : text;
  const ms = RFC3339.test(iso) || RFC1123.test(iso) ? Date.parse(iso) : Number.NaN;
  // 30 February is no day; JavaScript would take it for the first of March.
  const isReal =
    !RFC3339.test(iso) || !iso.endsWith('Z') || new Date(ms || 0).toISOString().slice(0, 10) === iso.slice(0, 10);
  if (Number.isNaN(ms) || !isReal) {
    throw new CallFailed(
      `invalid date ${text.slice(0, 40)}: write 2026-11-21, 2026-11-21 10:00:00 or 2026-11-21T10:00:00Z`,
    );
  }
  return new Instant(BigInt(ms) * 1_000_000n);
}

export const TIME_FUNCTIONS: readonly ExpressionFunction[] = [
  typed(
    'now',
    { usage: 'now()', takes: [], gives: TIME },
    (_, { nowMs }) => new Instant(BigInt(Math.round(nowMs * 1e6))),
  ),
  typed('duration', { usage: 'duration("1h30m")', takes: ['string'], gives: DURATION }, ([text]) => {
    const span = parseSpan(textOf(text));
    if (span === undefined) throw new CallFailed(`invalid duration ${JSON.stringify(textOf(text).slice(0, 40))}`);
    return span;
  }),
  {
    ...typed('date', { usage: 'date("2026-11-21")', takes: ['string'], gives: TIME }, ([text]) =>
      parseDate(textOf(text)),
    ),
    check: ([text, layout]: readonly Nature[]) => {
      if (layout !== undefined) return 'layouts of dates are not supported: write the date as 2026-11-21T10:00:00Z';
      if (text === undefined) return 'invalid number of arguments (expected at least 1, got 0)';
      return text.kind === 'string' || text.kind === 'unknown' ? TIME : `cannot use ${text.kind} as a date`;
    },
  },
];
