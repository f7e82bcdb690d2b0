/** `npm run generate`: writes definitions, reference pages and what the chart takes from elsewhere. Prints what changed of the first two. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from '../api/generate/files.ts';
import { chartFiles } from './chart.ts';
import { generatedPages } from './pages.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const chart = join(root, 'deploy/charts/serin');

function write(target: string, text: string): void {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
}

// The chart takes the definitions from their files, so these come first.
for (const [path, text] of [...generatedFiles(), ...generatedPages()]) {
  const target = join(root, path);
  const before = existsSync(target) ? readFileSync(target, 'utf8') : undefined;
  if (before === text) continue;
  write(target, text);
  process.stdout.write(`${before === undefined ? 'made' : 'changed'} ${path}\n`);
}
rmSync(join(chart, 'files'), { recursive: true, force: true });
for (const [path, text] of chartFiles(root)) write(join(chart, path), text);
