/** Which files a call means. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text as readAll } from 'node:stream/consumers';
import { messageOf } from '../../errors.ts';
import { usage } from '../usage.ts';

export interface ReadFile {
  readonly file: string;
  readonly text: string;
}

/** Files as they are named; of folders every YAML below, but nothing hidden, no dependencies and no templates of Helm charts. */
export async function readFiles(names: readonly string[]): Promise<readonly ReadFile[]> {
  const found = new Map<string, ReadFile>();
  for (const name of names) {
    if (name === '-') {
      const text = await readAll(process.stdin);
      // A failed `helm template |` must not look like files that are right.
      if (text.trim() === '') throw usage('stdin is empty. Check the command that should have written to it.');
      found.set('stdin', { file: 'stdin', text });
      continue;
    }
    for (const file of await filesOf(name)) if (!found.has(file)) found.set(file, { file, text: await read(file) });
  }
  if (found.size === 0)
    throw usage(`There is no YAML file in ${names.join(', ')}. Name a file, or a folder that holds one.`);
  return [...found.values()];
}

async function filesOf(name: string): Promise<readonly string[]> {
  let isFolder: boolean;
  try {
    isFolder = (await stat(name)).isDirectory();
  } catch (thrown) {
    throw usage(`${name} cannot be read: ${messageOf(thrown)}. Check the path.`);
  }
  return isFolder ? walk(name) : [name];
}

async function walk(folder: string): Promise<readonly string[]> {
  const entries = (await readdir(folder, { withFileTypes: true })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const isChart = entries.some(({ name }) => name === 'Chart.yaml');
  const found: string[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    if (entry.isDirectory() && !(isChart && entry.name === 'templates')) found.push(...(await walk(path)));
    else if (entry.isFile() && /\.ya?ml$/.test(entry.name)) found.push(path);
  }
  return found;
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (thrown) {
    throw usage(`${file} cannot be read: ${messageOf(thrown)}. Check the path.`);
  }
}
