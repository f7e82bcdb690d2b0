/** Values into PromQL: nothing that a user or a cluster object says can leave its quotes. Source: Go string and RE2 syntax. */

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/**
 * A double-quoted PromQL string that holds exactly `text`. Other control characters are written as `\u00XX`;
 * lone surrogates, which UTF-8 cannot carry, become U+FFFD.
 */
export function quoted(text: string): string {
  const escaped = text
    .toWellFormed()
    .replace(/["\\\p{Cc}]/gu, (char) => ESCAPES[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `"${escaped}"`;
}

/** An RE2 expression that matches exactly `text`. */
export function literalRegex(text: string): string {
  return text.toWellFormed().replace(/[\\.+*?()|[\]{}^$/-]/g, (char) => `\\${char}`);
}

/** `250` → `250`, `250.0`, as Prometheus 2, Prometheus 3, Go and Envoy spell one boundary; numbers, not text, are compared. */
export function boundarySpellings(boundary: number): readonly string[] {
  if (boundary === Number.POSITIVE_INFINITY) return ['+Inf'];
  const plain = plainDecimal(boundary);
  const spellings = new Set([plain, exponential(boundary)]);
  if (Number.isInteger(boundary)) spellings.add(`${plain}.0`);
  return [...spellings];
}

/** Number of an `le` label; `undefined` for what is none. */
export function readBoundary(le: string): number | undefined {
  if (le === '+Inf' || le === 'Inf' || le === 'inf') return Number.POSITIVE_INFINITY;
  const value = le.trim() === '' ? Number.NaN : Number(le);
  return Number.isNaN(value) ? undefined : value;
}

function plainDecimal(value: number): string {
  const text = String(value);
  return /e/.test(text) ? value.toFixed(value < 1 ? 20 : 0).replace(/(\.\d*?)0+$/, '$1') : text;
}

/** Go's `strconv.FormatFloat(x, 'g', -1, 64)`: an exponent of at least two digits from 1e+06 on and below 1e-04. */
function exponential(value: number): string {
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 21 && !(power >= Math.max(digits.replace(/[-.]/g, '').length, 6)))
    return plainDecimal(value);
  return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}
