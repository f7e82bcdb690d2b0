/** Numbers as people read them, the same in every sentence, table and message. */

const THIN = '\u202f';

/** `3 100 : 1`, `1.2 : 1`, `> 1 000 000 : 1`; below one `1 : 4`. */
export function formatOdds(odds: number): string {
  if (!(odds > 0)) return '0 : 1';
  if (odds > 1e6) return `> ${formatCount(1e6)} : 1`;
  if (odds >= 1) return `${formatRounded(odds)} : 1`;
  if (odds < 1e-6) return `1 : > ${formatCount(1e6)}`;
  return `1 : ${formatRounded(1 / odds)}`;
}

/** `18 204`, with thin spaces. Fractions are rounded. */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return '–';
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

/** Two significant digits below 100, whole hundreds above 1 000. */
function formatRounded(value: number): string {
  if (value < 10) return String(Number(value.toPrecision(2)));
  if (value < 1000) return String(Math.round(value));
  return formatCount(Number(value.toPrecision(2)));
}

/** A fraction as percent: `0.50 %`, `12 %`, `0.004 %`. */
export function formatPercent(fraction: number): string {
  return `${digits(fraction * 100)} %`;
}

/** A fraction as about so many percent: `48 %`, `0.3 %`. */
export function formatShare(fraction: number): string {
  return `${Number((fraction * 100).toPrecision(2))} %`;
}

/** A plain number of three digits in the metric's own unit: `0.0125`, `3.4`, `18 200`. */
export function formatAmount(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return `${value < 0 ? '−' : ''}${formatCount(Number(size.toPrecision(3)))}`;
  return (size < 1e-6 ? '0' : String(Number(value.toPrecision(3)))).replace('-', '−');
}

/** A difference in the metric's own unit, with its sign: `+0.13`. */
export function formatChange(difference: number): string {
  const amount = formatAmount(difference);
  return difference > 0 && amount !== '0' ? `+${amount}` : amount;
}

/** A difference of fractions in percentage points, with its sign: `+0.13 pp`. */
export function formatPoints(difference: number): string {
  const sign = difference > 0 ? '+' : difference < 0 ? '−' : '±';
  return `${sign}${digits(Math.abs(difference) * 100)} pp`;
}

/** `10.1×`, `1.02×`, `0.89×`: three digits from one on. */
export function formatRatio(ratio: number): string {
  if (!Number.isFinite(ratio)) return '–';
  return `${ratio >= 100 ? '≥ 100' : inThree(ratio)}×`;
}

/** `1 interval`, `12 intervals`. */
export function formatIntervals(count: number): string {
  return `${formatCount(count)} interval${count === 1 ? '' : 's'}`;
}

/** `9.96`, `10.0`: what rounds to ten is written as ten. */
const inThree = (value: number): string => value.toFixed(value >= 9.995 ? 1 : 2);

/** `[8.04 … 12.8]`, each edge as a ratio; an edge of what the interval can show is open: `[8.04 … )`. */
export function formatInterval(low: number, high: number): string {
  const from = low <= 0.0201 ? '(' : `[${inThree(low)}`;
  const to = high >= 99.9 ? ')' : `${inThree(high)}]`;
  return `${from} … ${to}`;
}

/** `40 s`, `3 min`, `1 h 20 min`: rounded up to what a person would wait for. */
export function formatWait(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 100) return 'more than 4 days';
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

function digits(value: number): string {
  if (value === 0) return '0';
  if (value >= 100) return value.toFixed(0);
  if (value >= 10) return value.toFixed(1);
  if (value >= 0.1) return value.toFixed(2);
  if (value < 1e-4) return '< 0.0001';
  return value.toPrecision(2);
}
