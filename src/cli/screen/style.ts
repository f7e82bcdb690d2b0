/** Colour where a terminal has it (`util.styleText` honours NO_COLOR and non-terminals), and widths that ignore it. */
import { stripVTControlCharacters, styleText } from 'node:util';

export type Tone = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan' | 'magenta';

export type Paint = (tone: Tone, text: string) => string;

export const plain: Paint = (_tone, text) => text;
export const coloured: Paint = (tone, text) => styleText(tone, text, { validateStream: false });

/** `hasColors` is false on anything but a terminal, and honours NO_COLOR. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return stream.isTTY === true && stream.hasColors() ? coloured : plain;
}

/** Columns of the terminal; no limit where there is none, since what is piped is for programs. */
export const columnsOf = (stream: NodeJS.WriteStream): number =>
  stream.isTTY === true ? Math.max(40, stream.columns) : Infinity;

/** Prose, broken at spaces where the terminal is narrower. */
export const wrapped = (sentence: string, columns: number): string =>
  Number.isFinite(columns) ? wrap(sentence, columns, Infinity).join('\n') : sentence;

/** Columns that a string takes on a terminal. */
export function widthOf(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length;
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(text))) + text;
}

// oxlint-disable-next-line no-control-regex -- colour codes begin with ESC
const COLOUR = /(\u001b\[[0-9;]*m)/;

/** Cuts a line that would wrap, and keeps its colours. */
export function fit(line: string, width: number): string {
  if (widthOf(line) <= width) return line;
  let left = Math.max(0, width - 1);
  let isColoured = false;
  const kept = line.split(COLOUR).map((part, index) => {
    if (index % 2 === 1) {
      isColoured = true;
      return part;
    }
    const shown = Array.from(part).slice(0, left);
    left -= shown.length;
    return shown.join('');
  });
  return `${kept.join('')}${isColoured ? '\u001b[0m' : ''}…`;
}

/** Breaks plain text into lines of at most `width` columns, at spaces; at most `most` lines, the last one cut. */
export function wrap(text: string, width: number, most: number): readonly string[] {
  const lines: string[] = [];
  // Not at the thin spaces within numbers.
  for (const word of text.split(/[ \t\n]+/)) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.length <= most ? lines : [...lines.slice(0, most - 1), fit(lines.slice(most - 1).join(' '), width)];
}
