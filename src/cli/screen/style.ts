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

/** Cuts a line that would wrap; colour codes are dropped from a line that had to be cut in the middle of one. */
export function fit(line: string, width: number): string {
  if (widthOf(line) <= width) return line;
  const bare = Array.from(stripVTControlCharacters(line));
  return `${bare.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** Breaks plain text into lines of at most `width` columns, at spaces; at most `most` lines, the last one cut. */
export function wrap(text: string, width: number, most: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 1 + widthOf(word) <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.length <= most ? lines : [...lines.slice(0, most - 1), fit(lines.slice(most - 1).join(' '), width)];
}
