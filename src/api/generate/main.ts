/** `npm run generate`: writes CRDs and reference pages from the code. Prints what changed. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './files.ts';

const root = new URL('../../../', import.meta.url);

for (const [path, text] of generatedFiles()) {
  const file = fileURLToPath(new URL(path, root));
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (before === text) continue;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  process.stdout.write(`${before === undefined ? 'made' : 'changed'} ${path}\n`);
}
