/** How long short commands take from start to end: `node src/bench/start/main.ts`. Wall time of whole processes, on this machine as it is. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { formatTable } from '../../cli/table.ts';

const RUNS = 15;
const root = fileURLToPath(new URL('../../..', import.meta.url));
const main = `${root}src/main.ts`;

const COMMANDS: readonly (readonly string[])[] = [
  ['--help'],
  ['version'],
  ['__complete', 'lint', '-'],
  ['query', 'show', 'istio-requests'],
  ['query', 'list'],
  ['lint', `${root}queries/istio-requests.yaml`],
  ['test', `${root}deploy/examples/tests`],
];

/** Sorted, ms. The first run, which may fill the cache, is left out. */
function measure(words: readonly string[]): readonly number[] {
  const times: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const startedAt = performance.now();
    const { status } = spawnSync(process.execPath, words, { stdio: 'ignore' });
    if (status !== 0) throw new Error(`${words.join(' ')} ended with ${status}`);
    if (run > 0) times.push(performance.now() - startedAt);
  }
  return times.toSorted((a, b) => a - b);
}

const row = (name: string, times: readonly number[]): readonly string[] => [
  name,
  String(Math.round(times[0] ?? 0)),
  String(Math.round(times[Math.floor(times.length / 2)] ?? 0)),
];

const rows = [
  row('node -e 0', measure(['-e', '0'])),
  ...COMMANDS.map((words) => row(`serin ${words.join(' ').replaceAll(root, '')}`, measure([main, ...words]))),
];
process.stdout.write(`${formatTable(['COMMAND', 'BEST MS', 'MEDIAN MS'], rows)}\n`);
