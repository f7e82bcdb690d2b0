/** `npm run generate`, second half: copies into the chart what is generated or written elsewhere. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chartFiles } from './chart.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const chart = join(root, 'deploy/charts/serin');
rmSync(join(chart, 'files'), { recursive: true, force: true });
for (const [path, content] of chartFiles(root)) {
  const target = join(chart, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content);
}
