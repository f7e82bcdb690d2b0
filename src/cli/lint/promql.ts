/** PromQL: its syntax tree, and the mistakes in it with their places. The grammar is Prometheus' own. */
import { parser } from '@prometheus-io/lezer-promql';
import { didYouMean } from './finding.ts';
import { fillQuery, openQuote } from './placeholders.ts';
import { KNOWN_FUNCTIONS } from './promql-functions.ts';
import type { QueryProblem, Tree } from './promql-tree.ts';
import { typeProblems } from './promql-types.ts';

export interface ParsedQuery {
  /** The query with placeholders filled in; as long as what was written. */
  readonly text: string;
  readonly tree: Tree;
  readonly problems: readonly QueryProblem[];
}

/** Never throws. At most one syntax error: what follows it is guesswork. */
export function parseQuery(written: string): ParsedQuery {
  const { text } = fillQuery(written);
  const tree = parser.parse(text);
  const wrong = bracketProblem(text) ?? syntaxProblem(text, tree);
  return { text, tree, problems: wrong === undefined ? typeProblems(text, tree) : [wrong] };
}

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

function bracketProblem(text: string): QueryProblem | undefined {
  const quote = openQuote(text);
  if (quote !== undefined) {
    return {
      from: quote,
      to: quote + 1,
      message: `The string that begins here never ends. Close it with ${text[quote] ?? ''}.`,
    };
  }
  const open: { readonly character: string; readonly at: number }[] = [];
  const bare = text.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`|#[^\n]*/g, (part) => ' '.repeat(part.length));
  for (let at = 0; at < bare.length; at += 1) {
    const character = bare[at] ?? '';
    if (CLOSING[character] !== undefined) open.push({ character, at });
    else if (')]}'.includes(character)) {
      const last = open.pop();
      if (last === undefined)
        return { from: at, to: at + 1, message: `Nothing is open that this ${character} could close. Take it away.` };
      if (CLOSING[last.character] !== character) {
        return {
          from: at,
          to: at + 1,
          message: `${last.character} is closed by ${character} here. Write ${CLOSING[last.character] ?? ''}.`,
        };
      }
    }
  }
  const never = open.at(-1);
  if (never === undefined) return undefined;
  return {
    from: never.at,
    to: never.at + 1,
    message: `This ${never.character} is never closed. Add ${CLOSING[never.character] ?? ''}.`,
  };
}

function syntaxProblem(text: string, tree: Tree): QueryProblem | undefined {
  if (text.trim() === '') return { from: 0, to: 1, message: 'The query is empty. Write PromQL.' };
  let found: { readonly from: number; readonly to: number } | undefined;
  tree.iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) found ??= { from, to };
      return found === undefined;
    },
  });
  return found === undefined ? undefined : { ...found, ...syntaxMessage(text, found.from) };
}

function syntaxMessage(
  text: string,
  at: number,
): { readonly from: number; readonly to: number; readonly message: string } {
  const rest = text.slice(at);
  const call = /([A-Za-z_][\w:]*)\s*$/.exec(text.slice(0, at));
  if (call?.[1] !== undefined && /^\s*\(/.test(rest) && !KNOWN_FUNCTIONS.includes(call[1].toLowerCase())) {
    const [name] = call[1].split(':');
    const hint = didYouMean(call[1], KNOWN_FUNCTIONS) || ' Functions are listed in the documentation of Prometheus.';
    return {
      from: call.index,
      to: call.index + call[1].length,
      message: `PromQL has no function ${name ?? ''}.${hint}`,
    };
  }
  if (rest.trim() === '') {
    const end = text.trimEnd().length;
    return { from: Math.max(0, end - 1), to: end, message: 'The query ends too early: something must follow here.' };
  }
  const duration = /\[\s*([^\]]*)$/.exec(text.slice(0, at));
  if (duration !== null && !text.slice(duration.index, at).includes(']')) {
    return { from: at, to: at + 1, message: 'This is no duration. Write e.g. 5m, 30s or 1h30m, without blanks.' };
  }
  const word = /^\s*([A-Za-z_][\w:]*|\S)/.exec(rest);
  const from = at + (rest.length - rest.trimStart().length);
  const shown = word?.[1] ?? '';
  const inBraces = text.lastIndexOf('{', at - 1) > text.lastIndexOf('}', at - 1);
  const fix = inBraces
    ? 'Write matchers as label="value", with commas between them.'
    : 'An operator or a comma may be missing before it.';
  return { from, to: from + Math.max(1, shown.length), message: `${shown} cannot stand here. ${fix}` };
}
