/** `npm run generate`, second half: pages, and what the chart takes from elsewhere. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chartFiles } from './chart.ts';
import { generatedPages } from './pages.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const chart = join(root, 'deploy/charts/serin');
rmSync(join(chart, 'files'), { recursive: true, force: true });
for (const [path, content] of chartFiles(root)) {
  const target = join(chart, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content);
}
for (const [path, content] of generatedPages()) writeFileSync(join(root, path), content);
