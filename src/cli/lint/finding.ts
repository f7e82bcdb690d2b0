/** What lint found, and how checks say it. */
import { didYouMean as meant } from '../../expression/problem.ts';
import type { Path, Place, SourceObject } from './source.ts';
import { type Rule, RULES, type Severity } from './rules.ts';

export interface LintFinding {
  readonly rule: Rule;
  readonly severity: Severity;
  readonly place: Place;
  /** One sentence on what is wrong, one on what to do. */
  readonly message: string;
  /** A line of the user's with the part that is meant: shown with a caret below it. */
  readonly excerpt?: Excerpt;
}

export interface Excerpt {
  /** Name of the field, e.g. `successCondition`. */
  readonly field: string;
  readonly line: string;
  /** From where to where in `line`. */
  readonly from: number;
  readonly to: number;
}

export function finding(rule: Rule, place: Place, message: string, excerpt?: Excerpt): LintFinding {
  const { severity } = RULES[rule];
  return { rule, severity, place, message, ...(excerpt === undefined ? {} : { excerpt }) };
}

/** A finding about characters `from` to `to` of the string at `path`. */
export function textFinding(
  rule: Rule,
  object: SourceObject,
  text: { readonly path: Path; readonly value: string },
  range: { readonly from: number; readonly to: number },
  message: string,
): LintFinding {
  const { path, value } = text;
  const from = Math.min(range.from, value.length);
  const to = Math.max(from + 1, Math.min(range.to, Math.max(value.length, from + 1)));
  const lineStart = value.lastIndexOf('\n', Math.max(0, from - 1)) + 1;
  const lineEnd = value.indexOf('\n', from);
  const line = value.slice(lineStart, lineEnd < 0 ? undefined : lineEnd);
  const excerpt = {
    field: String(path.at(-1) ?? ''),
    line,
    from: from - lineStart,
    to: Math.min(to - lineStart, Math.max(line.length, from - lineStart + 1)),
  };
  return finding(rule, object.textPlace(path, from, to), message, excerpt);
}

/** `spec.metrics[0].compare` as keys. */
export function pathOf(written: string): Path {
  const parts = written.match(/[^.[\]"]+|\["[^"]*"\]/g) ?? [];
  return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part.replace(/^\["|"\]$/g, '')));
}

const WRITTEN_PATH = /\bspec(?:\.[A-Za-z_][\w-]*|\[\d+\]|\["[^"]*"\])*/;

/** The first field that a sentence names, e.g. of validators: `spec.metrics[0].compare is …`. */
export function pathIn(message: string): Path {
  const found = WRITTEN_PATH.exec(message);
  return found === null ? [] : pathOf(found[0]);
}

/** `spec.metrics[0].compare`, from keys. */
export function writtenPath(path: Path): string {
  return path.map((key, k) => (typeof key === 'number' ? `[${key}]` : k === 0 ? key : `.${key}`)).join('');
}

/** ` Did you mean x?`, or nothing; goes behind a sentence. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const question = meant(word, known);
  return question === undefined ? '' : ` ${question}`;
}
