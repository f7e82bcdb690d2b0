/**
 * How long short commands take from start to end, of the bundle as packages carry it and of the sources: wall time of whole processes,
 * on this machine as it is. `npm run bundle` comes first. Ratios are against the bare start of Node.
 */
import { spawnSync } from 'node:child_process';
import { formatTable } from '../../cli/table.ts';
import { packageFile } from '../../package-files.ts';

const RUNS = 15;
const root = packageFile('');
const PROGRAMS = { bundle: packageFile('dist/main.js'), sources: packageFile('src/main.ts') };

const COMMANDS: readonly (readonly string[])[] = [
  ['--help'],
  ['version'],
  ['__complete', 'lint', '-'],
  ['query', 'show', 'istio-requests'],
  ['query', 'list'],
  ['lint', `${root}queries/istio-requests.yaml`],
  ['lint', `${root}deploy/examples/pair/istio.yaml`],
  ['convert', `${root}test/unit/cli/lint/argo.yaml`],
  ['plan', '--weights', '5,25,50', '--rps', '100', '--baseline', '0.5%'],
  ['test', `${root}deploy/examples/tests`],
];

/** Sorted, ms. The first run, which may fill the cache, is left out. */
function measure(words: readonly string[]): readonly number[] {
  const times: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const startedAt = performance.now();
    const { status } = spawnSync(process.execPath, words, { stdio: 'ignore' });
    // 4: convert says that something could not be carried over.
    if (status !== 0 && status !== 4) throw new Error(`${words.join(' ')} ended with ${status}`);
    if (run > 0) times.push(performance.now() - startedAt);
  }
  return times.toSorted((a, b) => a - b);
}

const median = (times: readonly number[]): number => times[Math.floor(times.length / 2)] ?? 0;
const ms = (time: number): string => String(Math.round(time));

const bare = measure(['-e', '0']);
const rows = COMMANDS.map((words) => {
  const [bundle, sources] = [PROGRAMS.bundle, PROGRAMS.sources].map((main) => median(measure([main, ...words])));
  const ratio = (bundle ?? 0) / median(bare);
  return [`serin ${words.join(' ').replaceAll(root, '')}`, ms(bundle ?? 0), ms(sources ?? 0), `× ${ratio.toFixed(1)}`];
});
const table = formatTable(
  ['COMMAND', 'BUNDLE MS', 'SOURCES MS', 'BUNDLE ÷ NODE'],
  [['node -e 0', ms(median(bare)), ms(median(bare)), '× 1.0'], ...rows],
);
process.stdout.write(`Medians of ${RUNS} runs\n${table}\n`);
