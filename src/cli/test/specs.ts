/** Templates, queries and Releases that a test file names: its own files before Serin's library. */
import { dirname, join } from 'node:path';
import { readFiles } from '../lint/files.ts';
import { readSource, type SourceObject } from '../lint/source.ts';
import { type Specs, specsOf } from '../specs/specs.ts';
import { type TestFileSource, wrong } from './test-file.ts';

export async function specsFor({ file, templateFiles, line }: TestFileSource): Promise<Specs> {
  if (templateFiles.length === 0) return specsOf([]);
  const all: SourceObject[] = [];
  const folder = file === 'stdin' ? '.' : dirname(file);
  for (const { file: name, text } of await readFiles(templateFiles.map((path) => join(folder, path)))) {
    const { objects, problems } = readSource(name, text);
    const [problem] = problems;
    if (problem !== undefined)
      throw wrong(`${name}:${problem.place.line}: ${problem.message} (${file}:${line('template_files')} names it.)`);
    all.push(...objects);
  }
  return specsOf(all);
}
