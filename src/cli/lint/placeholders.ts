/**
 * `{{args.name}}` in queries and conditions, replaced by something of the same length that can stand there, so that what follows keeps its
 * place: a duration in brackets, a number and blanks behind an operator, letters in a string or name. Pure.
 */

const PLACEHOLDER = /\{\{[^{}]*\}\}|\$\{[A-Za-z]+\}/g;

export interface Filled {
  readonly text: string;
  /** Where placeholders stood. */
  readonly places: readonly { readonly from: number; readonly to: number; readonly written: string }[];
}

export function fillQuery(query: string): Filled {
  return fill(query, (before, length, isInString) => {
    if (isInString) return 'x'.repeat(length);
    if (/(\[|:|offset|@)\s*$/.test(before)) return `${'1'.repeat(length - 1)}m`;
    if (isInBraces(before)) return matcher(length);
    return /([-+*/%^<>=(,]|\bbool)\s*$/.test(before) ? number(before, length) : 'x'.repeat(length);
  });
}

export function fillExpression(expression: string): Filled {
  return fill(expression, (before, length, isInString) => (isInString ? 'x'.repeat(length) : number(before, length)));
}

/** One digit and blanks: as many digits as a placeholder is long would be more than an integer can hold. */
const number = (before: string, length: number): string =>
  /[\w.]$/.test(before) ? '1'.padEnd(length) : '1'.padStart(length);

function fill(text: string, make: (before: string, length: number, isInString: boolean) => string): Filled {
  const places: { from: number; to: number; written: string }[] = [];
  let filled = '';
  let at = 0;
  for (const match of text.matchAll(PLACEHOLDER)) {
    filled += text.slice(at, match.index);
    const [written] = match;
    places.push({ from: match.index, to: match.index + written.length, written });
    filled += make(filled, written.length, isOpenString(filled));
    at = match.index + written.length;
  }
  return { text: filled + text.slice(at), places };
}

/** `${subset}` and the like: Serin's own matchers for one side. */
function matcher(length: number): string {
  return length < 6 ? 'x'.repeat(length) : `x="${'x'.repeat(length - 4)}"`;
}

function isInBraces(before: string): boolean {
  return before.lastIndexOf('{') > before.lastIndexOf('}') && /[{,]\s*$/.test(before);
}

/** Whether a quote is still open at the end. */
export function isOpenString(text: string): boolean {
  return openQuote(text) !== undefined;
}

/** Where the quote stands that is never closed. */
export function openQuote(text: string): number | undefined {
  let open: { readonly quote: string; readonly at: number } | undefined;
  for (let k = 0; k < text.length; k += 1) {
    const character = text[k] ?? '';
    if (open !== undefined) {
      if (character === '\\' && open.quote !== '`') k += 1;
      else if (character === open.quote) open = undefined;
      // Only between backticks may a line end.
      else if (character === '\n' && open.quote !== '`') return open.at;
    } else if (character === '#') {
      // A comment ends with its line; quotes in it mean nothing.
      const end = text.indexOf('\n', k);
      if (end < 0) return undefined;
      k = end;
    } else if (character === '"' || character === "'" || character === '`') open = { quote: character, at: k };
  }
  return open?.at;
}
