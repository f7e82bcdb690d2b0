/** The ready-made templates that come with the program. */
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type TemplateFile, templateOf } from './find.ts';

const FOLDER = new URL('../../../analyses/', import.meta.url);

/** Those that only ask queries of the library. */
export function readTemplates(): readonly TemplateFile[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => templateOf(parse(readFileSync(new URL(file, FOLDER), 'utf8'))) ?? []);
}
