/** What is wrong with an expression, and where: data, never thrown across the folder's edge. */

export interface ExpressionProblem {
  readonly kind: 'problem';
  /** `syntax`: not an expression; `type`: it can never work on such a result; `value`: it did not work on this result. */
  readonly phase: 'syntax' | 'type' | 'value';
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** One line without a full stop, in the words of expr-lang where it has some. */
  readonly message: string;
  /** What to write instead, as a sentence. */
  readonly suggestion?: string;
}

/** Thrown inside this folder only; `parse.ts`, `check.ts` and `evaluate.ts` turn it into a problem. */
export class Refusal extends Error {
  readonly start: number;
  readonly end: number;
  readonly suggestion: string | undefined;

  constructor(place: { readonly start: number; readonly end: number }, message: string, suggestion?: string) {
    super(message);
    this.start = place.start;
    this.end = place.end;
    this.suggestion = suggestion;
  }
}

/** Runs `work`; a Refusal becomes a problem, anything else is a bug and goes on. */
export function orProblem<T>(text: string, phase: ExpressionProblem['phase'], work: () => T): T | ExpressionProblem {
  try {
    return work();
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    const { start, end, message, suggestion } = thrown;
    return { kind: 'problem', phase, text, start, end, message, ...(suggestion === undefined ? {} : { suggestion }) };
  }
}

const MOST_SHOWN = 100;

/** The line with a caret under the place, and the suggestion, ready for a terminal; long lines are cut around the place. */
export function drawProblem(problem: ExpressionProblem): string {
  const { text, start, end, message, suggestion } = problem;
  const lineStart = text.lastIndexOf('\n', start - 1) + 1;
  const nextBreak = text.indexOf('\n', start);
  const lineEnd = nextBreak < 0 ? text.length : nextBreak;
  const from = Math.max(lineStart, Math.min(start - MOST_SHOWN / 2, lineEnd - MOST_SHOWN));
  const shown = text.slice(from, Math.min(lineEnd, from + MOST_SHOWN)).replaceAll('\t', ' ');
  const width = Math.max(1, Math.min(end, from + shown.length) - start);
  const caret = `${' '.repeat(Math.max(0, start - from))}${'^'.repeat(width)}`;
  return [message, `  ${shown}`, `  ${caret}`, ...(suggestion === undefined ? [] : [suggestion])].join('\n');
}

/** The known word that was probably meant, as a sentence; `undefined` when none is near. */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const most = word.length <= 3 ? 1 : 2;
  let best: { readonly name: string; readonly distance: number } | undefined;
  for (const name of known) {
    const distance = name.toLowerCase() === word.toLowerCase() ? 0.5 : editDistance(word, name, most);
    if (distance <= most && (best === undefined || distance < best.distance)) best = { name, distance };
  }
  return best === undefined ? undefined : `Did you mean ${best.name}?`;
}

/** Insertions, deletions, replacements and swaps of neighbours; more than `most` is told as Infinity. */
function editDistance(one: string, other: string, most: number): number {
  if (Math.abs(one.length - other.length) > most || one.length > 64) return Number.POSITIVE_INFINITY;
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, k) => k);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (isSame ? 0 : 1));
      const isSwap = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      if (isSwap) cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      next.push(cost);
    }
    before = row;
    row = next;
  }
  const distance = row.at(-1) ?? 0;
  return distance <= most ? distance : Number.POSITIVE_INFINITY;
}
