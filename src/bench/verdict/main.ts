/**
 * `npm run bench:verdict`: what the verdict rules of Serin and its peers do on simulated traffic, on all cores. Prints tables;
 * `--markdown FILE` also writes them, again and again while it works. Quick by default (under two minutes); `--full` takes its time.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { simulate } from './pool.ts';
import { SECTIONS } from './sections/all.ts';
import type { Effort } from './sections/section.ts';
import { renderMarkdown, renderText, type Table } from './table.ts';

/** What stands above this line of the file is kept. */
const MARK = '<!-- bench:verdict -->';
const WRITE_EVERY_MS = 15_000;

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
  equalRuns: scale(200, 2000),
  worstRuns: scale(200, 20_000),
  cellRuns: scale(40, 400),
};
const unknown = values.only?.find((name) => !SECTIONS.has(name));
if (unknown !== undefined) {
  console.error(`There is no section ${unknown}. Write one of: ${[...SECTIONS.keys()].join(', ')}.`);
  process.exit(2);
}
const names = [...SECTIONS.keys()].filter((name) => values.only === undefined || values.only.includes(name));
const file = values.markdown ?? (values.full ? 'verdict-full.md' : undefined);
const command = `npm run bench:verdict -- ${values.full ? '--full ' : ''}--seed ${values.seed}${times === 1 ? '' : ` --runs ${values.runs}`}`;
console.log(
  `${command}: ${effort.equalRuns} runs a scenario, ${effort.cellRuns} a cell${file === undefined ? '' : `; tables go to ${file}`}`,
);

const startedMs = performance.now();
const tables = new Map<string, readonly Table[]>();
let saidMs = startedMs;
await simulate(names, effort, (section, done, all) => {
  const isWhole = section.done === section.pieces;
  const nowMs = performance.now();
  if (isWhole) print(section.name, SECTIONS.get(section.name)?.tables(effort, section.found) ?? []);
  if (!isWhole && nowMs - saidMs < WRITE_EVERY_MS) return;
  saidMs = nowMs;
  if (!isWhole) tables.set(section.name, SECTIONS.get(section.name)?.tables(effort, section.found) ?? []);
  const restMs = ((nowMs - startedMs) / done) * (all - done);
  console.log(
    `${((100 * done) / all).toFixed(0)} % after ${clock(nowMs - startedMs)}, about ${clock(restMs)} to go (${section.name})`,
  );
  write(done === all ? undefined : `${section.name}, ${section.done} of ${section.pieces} pieces`);
});
for (const name of names) {
  const section = SECTIONS.get(name);
  // Nothing to simulate: it measures this machine, while no other thread works.
  if (section?.jobs(effort).length === 0) print(name, section.tables(effort, []));
}
write(undefined);

function print(name: string, found: readonly Table[]): void {
  tables.set(name, found);
  for (const table of found) console.log(renderText(table));
}

function write(unfinished: string | undefined): void {
  if (file === undefined) return;
  const pages = names.flatMap((name) => tables.get(name) ?? []).map(renderMarkdown);
  const note = unfinished === undefined ? '' : `\nNot finished: ${unfinished}.\n`;
  const text = `${MARK}\n\nPrinted by \`${command}\`.\n${note}\n${pages.join('\n')}`;
  writeFileSync(file, `${kept(file)}${text}`);
}

function kept(path: string): string {
  try {
    const before = readFileSync(path, 'utf8');
    return before.includes(MARK) ? before.slice(0, before.indexOf(MARK)) : '# Verdict benchmark\n\n';
  } catch {
    return '# Verdict benchmark\n\n';
  }
}

function clock(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
