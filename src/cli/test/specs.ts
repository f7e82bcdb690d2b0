/** Templates, queries and Releases that a test file names: its own files before Serin's library. */
import { dirname, join } from 'node:path';
import { type Fields, isFields } from '../../api/fields.ts';
import { readFiles, readLibrary } from '../lint/files.ts';
import { readSource } from '../lint/source.ts';
import { type TestFileSource, wrong } from './test-file.ts';

export async function specsFor({ file, templateFiles, line }: TestFileSource): Promise<ReadonlyMap<string, Fields>> {
  const specs = new Map(await readLibrary());
  if (templateFiles.length === 0) return specs;
  const folder = file === 'stdin' ? '.' : dirname(file);
  for (const { file: name, text } of await readFiles(templateFiles.map((path) => join(folder, path)))) {
    const { objects, problems } = readSource(name, text);
    const [problem] = problems;
    if (problem !== undefined)
      throw wrong(`${name}:${problem.place.line}: ${problem.message} (${file}:${line('template_files')} names it.)`);
    for (const { kind, name: object, value } of objects) {
      const { spec } = value;
      if (isFields(spec)) specs.set(`${kind}/${object}`, spec);
    }
  }
  return specs;
}
