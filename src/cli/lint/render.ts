/** Findings as text for people, as JSON, and as annotations of GitHub workflows. Pure. */
import type { Excerpt, LintFinding } from './finding.ts';
import type { LintReport } from './lint.ts';
import type { Severity } from './rules.ts';

export function renderText({ files, findings }: LintReport): string {
  const places = findings.map(({ place }) => `${place.file}:${place.line}:${place.column}`);
  const width = Math.max(0, ...places.map(({ length }) => length));
  const lines = findings.flatMap((found, k) => {
    const head = `${(places[k] ?? '').padEnd(width)}  ${found.severity.padEnd(8)} `;
    const tail = `${found.message}  [${found.rule}]`;
    return found.excerpt === undefined ? [`${head}${tail}`] : withCaret(head, found.excerpt, tail);
  });
  return [...lines, summaryOf(files, findings)].join('\n');
}

/** Longest part of a line that is shown. */
const WIDEST = 100;
/** Longer marks push the message off the screen. */
const MOST_CARETS = 30;

/** The user's line, and what is wrong below the part that is meant. */
function withCaret(head: string, { field, line, from, to }: Excerpt, tail: string): readonly string[] {
  const cut = from > WIDEST - 20 ? from - 20 : 0;
  const shown = `${cut > 0 ? '…' : ''}${line.slice(cut, cut + WIDEST)}${line.length > cut + WIDEST ? '…' : ''}`;
  const start = `${head}${field}: `;
  const before = from - cut + (cut > 0 ? 1 : 0);
  const carets = '^'.repeat(Math.max(1, Math.min(to - from, shown.length - before, MOST_CARETS)));
  return [`${start}${shown}`, `${' '.repeat(start.length + before)}${carets} ${tail}`];
}

function summaryOf(files: number, findings: readonly LintFinding[]): string {
  const count = (severity: Severity): number => findings.filter((found) => found.severity === severity).length;
  const say = (number: number, word: string): string => `${number} ${word}${number === 1 ? '' : 's'}`;
  const notes = count('note');
  return [
    say(files, 'file'),
    ...(findings.length === 0 ? ['nothing wrong'] : [say(count('error'), 'error'), say(count('warning'), 'warning')]),
    ...(notes === 0 ? [] : [say(notes, 'note')]),
  ].join(', ');
}

export function renderJson({ files, objects, findings }: LintReport): string {
  const flat = findings.map(({ rule, severity, place, message }) => ({ ...place, severity, rule, message }));
  return JSON.stringify({ files, objects, findings: flat }, null, 2);
}

const LEVELS: Readonly<Record<Severity, string>> = { error: 'error', warning: 'warning', note: 'notice' };

/** Workflow commands (docs.github.com, "Workflow commands"): properties and text are escaped differently. */
export function renderGithub({ findings }: LintReport): string {
  return findings
    .map(({ rule, severity, place, message }) => {
      const properties = {
        file: place.file,
        line: place.line,
        endLine: place.endLine,
        col: place.column,
        ...(place.endLine === place.line ? { endColumn: place.endColumn } : {}),
        title: `serin lint: ${rule}`,
      };
      return annotation(LEVELS[severity], properties, message);
    })
    .join('\n');
}

/** One workflow command. */
export function annotation(
  level: string,
  properties: Readonly<Record<string, string | number>>,
  message: string,
): string {
  const written = Object.entries(properties).map(([key, value]) => `${key}=${escapeProperty(String(value))}`);
  return `::${level} ${written.join(',')}::${escapeText(message)}`;
}

const escapeText = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapeProperty = (text: string): string => escapeText(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
