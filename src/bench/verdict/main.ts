/**
 * `npm run bench:verdict`: what the verdict rules of Serin and its peers do on simulated traffic. Prints tables; `--markdown FILE`
 * also writes them. Quick by default (under two minutes), `--full` takes as long as it takes.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { equal } from './sections/equal.ts';
import { latency } from './sections/latency.ts';
import { metrics } from './sections/metrics.ts';
import { passing } from './sections/passing.ts';
import { planner } from './sections/planner.ts';
import { detection, onset } from './sections/regressions.ts';
import type { Effort, Section } from './sections/section.ts';
import { settings } from './sections/settings.ts';
import { speed } from './sections/speed.ts';
import { renderMarkdown, renderText } from './table.ts';

const SECTIONS: Readonly<Record<string, Section>> = {
  equal,
  detection,
  onset,
  passing,
  latency,
  metrics,
  settings,
  planner,
  speed,
};

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
    runs: { type: 'string', default: '1' },
    markdown: { type: 'string' },
  },
});
const times = Number(values.runs);
const scale = (quick: number, full: number): number => Math.max(1, Math.round((values.full ? full : quick) * times));
const effort: Effort = {
  seed: 1_000_003 * Number(values.seed),
  equalRuns: scale(300, 2000),
  worstRuns: scale(300, 20_000),
  cellRuns: scale(60, 400),
};
const mode = values.full ? 'full' : 'quick';
console.log(
  `bench:verdict, ${mode}, seed ${values.seed}: ${effort.equalRuns} runs a scenario, ${effort.cellRuns} a cell`,
);
const pages: string[] = [];
for (const [name, section] of Object.entries(SECTIONS)) {
  if (values.only !== undefined && !values.only.includes(name)) continue;
  const started = performance.now();
  for (const table of section(effort)) {
    console.log(renderText(table));
    pages.push(renderMarkdown(table));
  }
  console.log(`${name}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
}
if (values.markdown !== undefined) {
  const command = `npm run bench:verdict -- ${values.full ? '--full ' : ''}--seed ${values.seed}`;
  writeFileSync(values.markdown, `# Verdict benchmark\n\nPrinted by \`${command}\`.\n\n${pages.join('\n')}`);
}
