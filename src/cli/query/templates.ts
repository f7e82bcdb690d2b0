/** The ready-made templates that come with the program. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { packageFile } from '../../package-files.ts';
import { type TemplateFile, templateOf } from './find.ts';

/** Those that only ask queries of the library. */
export function readTemplates(): readonly TemplateFile[] {
  const folder = packageFile('analyses');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .flatMap((file) => templateOf(parse(readFileSync(join(folder, file), 'utf8'))) ?? []);
}
