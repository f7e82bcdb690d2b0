/** Templates, queries and Releases that a test file names: its own files before Serin's library. */
import { dirname, join } from 'node:path';
import { type Fields, isFields } from '../../api/fields.ts';
import { readFiles } from '../lint/files.ts';
import { openLibrary } from '../lint/library.ts';
import { readSource } from '../lint/source.ts';
import type { Specs } from './setting.ts';
import { type TestFileSource, wrong } from './test-file.ts';

/** What a file itself holds, before Serin's library. What is no YAML in it is left out. */
export function specsIn(file: string, text: string): Specs {
  const library = openLibrary();
  const own = new Map(
    readSource(file, text).objects.map(({ kind, name, value }) => [`${kind}/${name}`, value['spec']]),
  );
  return {
    get: (key) => {
      const spec = own.get(key);
      return isFields(spec) ? spec : library.get(key);
    },
  };
}

export async function specsFor({ file, templateFiles, line }: TestFileSource): Promise<Specs> {
  const library = openLibrary();
  if (templateFiles.length === 0) return library;
  const specs = new Map<string, Fields>();
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
  return { get: (key) => specs.get(key) ?? library.get(key) };
}
