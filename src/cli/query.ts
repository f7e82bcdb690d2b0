/** `serin query list|show|try`: the query library, and which of it has data in a Prometheus. Only `try` needs a network. */
import type { Command } from 'commander';
import { collected, parseOutput } from './connection.ts';
import { usage } from './usage.ts';

interface Flags {
  readonly library?: string;
  readonly output?: string;
  readonly source?: string;
  readonly measures?: string;
  readonly namespace?: string;
  readonly stable?: string;
  readonly canary?: string;
  readonly workload?: string;
  readonly prometheus?: string;
  readonly at?: string;
  readonly header?: readonly string[];
}

/** Nothing fits: no error, and nothing to use either. */
const NOTHING_FITS = 4;

const isJson = (flags: Flags): boolean => parseOutput(flags.output, ['text', 'json'] as const) === 'json';

async function libraryOf(flags: Flags) {
  const { libraryFolder, readLibrary } = await import('./query/library.ts');
  if (flags.library === undefined) return readLibrary(libraryFolder());
  const { validateQuery } = await import('../api/validate-query.ts');
  return readLibrary(flags.library, validateQuery);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function list(flags: Flags): Promise<void> {
  const wantsJson = isJson(flags);
  const library = await libraryOf(flags);
  const { MEASURES } = await import('./query/library.ts');
  if (flags.measures !== undefined && !MEASURES.some((measure) => measure === flags.measures)) {
    throw usage(`--measures ${flags.measures} is not known. Use one of: ${MEASURES.join(', ')}.`);
  }
  if (library.length === 0)
    throw usage(`--library ${flags.library ?? ''} holds no MetricQuery. Name a folder with YAML files of some.`);
  const sources = [...new Set(library.flatMap(({ spec }) => spec.source ?? []))].toSorted();
  if (flags.source !== undefined && !sources.includes(flags.source)) {
    throw usage(`--source ${flags.source} is not known. Use one of: ${sources.join(', ')}.`);
  }
  const chosen = library.filter(
    ({ measures, spec }) =>
      (flags.source === undefined || spec.source === flags.source) &&
      (flags.measures === undefined || measures === flags.measures),
  );
  const { columnsOf } = await import('./screen/style.ts');
  const { renderList } = await import('./query/render.ts');
  print(wantsJson ? JSON.stringify(chosen, null, 2) : renderList(chosen, columnsOf(process.stdout)));
}

async function show(name: string, flags: Flags): Promise<void> {
  const wantsJson = isJson(flags);
  const query = await queryNamed(name, flags);
  const { describeQuery, renderQuery } = await import('./query/render.ts');
  // Grafana's spelling of what is still open.
  const sides = {
    namespace: flags.namespace ?? '$namespace',
    stable: flags.stable ?? '$stable',
    canary: flags.canary ?? '$canary',
  };
  print(wantsJson ? JSON.stringify(describeQuery(query, sides), null, 2) : renderQuery(query, sides));
}

async function queryNamed(name: string, flags: Flags) {
  const { queryNames } = await import('./query/names.ts');
  if (flags.library === undefined && queryNames().includes(name)) {
    const { readOwnQuery } = await import('./query/library.ts');
    return readOwnQuery(name);
  }
  const library = await libraryOf(flags);
  const query = library.find((each) => each.name === name);
  if (query !== undefined) return query;
  const { didYouMean } = await import('../expression/problem.ts');
  const meant = didYouMean(
    name,
    library.map((each) => each.name),
  );
  const near = library.filter((each) => each.name.includes(name.split('-')[0] ?? name)).map((each) => each.name);
  const others =
    near.length === 0 ? '`serin query list` shows all.' : `Perhaps one of these is meant: ${near.join(', ')}.`;
  throw usage(`There is no query ${name} in the library. ${meant ?? others}`);
}

async function tryAll(flags: Flags): Promise<void> {
  const wantsJson = isJson(flags);
  const url = flags.prometheus;
  if (url === undefined) throw usage('Nothing says where to look. Give --prometheus URL.');
  const { parseTimeFlag } = await import('./analyze/flags.ts');
  const atMs = flags.at === undefined ? Date.now() : parseTimeFlag(flags.at, '--at', Date.now());
  const workloads = [flags.workload, flags.stable, flags.canary].filter((name) => name !== undefined);
  const library = await libraryOf(flags);
  const { createPrometheusSource } = await import('../metrics/prometheus.ts');
  const { checkReach, readHeaders } = await import('./query/reach.ts');
  const headers = await readHeaders(flags.header ?? []);
  const { findQueries, fittingTemplates, propose } = await import('./query/find.ts');
  const { readTemplates } = await import('./query/templates.ts');
  const { columnsOf } = await import('./screen/style.ts');
  const { renderFound } = await import('./query/render.ts');
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  process.once('SIGINT', interrupt);
  try {
    await checkReach(url, headers, stop.signal);
    const source = createPrometheusSource({ url, headers, timeoutMs: 30_000 });
    const wanted = { namespace: flags.namespace, workloads };
    const found = await findQueries(source, library, wanted, atMs, stop.signal);
    const templates = fittingTemplates(readTemplates(), found);
    if (wantsJson) {
      const proposed = Object.fromEntries(
        Object.entries(propose(found)).map(([measure, { query }]) => [measure, query.name]),
      );
      const rows = found.map(({ query, ...rest }) => ({ name: query.name, measures: query.measures, ...rest }));
      print(JSON.stringify({ found: rows, proposed, templates: templates.map(({ name }) => name) }, null, 2));
    } else {
      print(renderFound(found, templates, workloads.length > 0, columnsOf(process.stdout)));
    }
    if (!found.some(({ state }) => state === 'fits')) process.exitCode = NOTHING_FITS;
  } finally {
    process.off('SIGINT', interrupt);
  }
}

export function register(program: Command): void {
  const query = program.command('query').description('the query library: what can be measured, and what has data');
  query
    .command('list')
    .description('all queries')
    .option('--source <name>', 'only of this source, such as istio')
    .option('--measures <what>', 'only success-rate, latency, volume or saturation')
    .option('--library <folder>', 'MetricQueries in YAML (default: those that come with Serin)')
    .option('-o, --output <format>', 'text or json')
    .action(list);
  query
    .command('show <query>')
    .description('one query: its PromQL for both sides, the labels it needs, where its names come from')
    .option('-n, --namespace <name>', 'namespace of the workloads')
    .option('--stable <workload>', 'workload to compare with')
    .option('--canary <workload>', 'workload to judge')
    .option('--library <folder>', 'MetricQueries in YAML (default: those that come with Serin)')
    .option('-o, --output <format>', 'text or json')
    .action(show);
  query
    .command('try')
    .description('which queries have data in a Prometheus; ends with 4 when none fits')
    .option('--prometheus <url>', 'where to look')
    .option('--header <line>', 'sent with every request: "Name: value", or @FILE; may be repeated', collected)
    .option('-n, --namespace <name>', 'namespace of the workloads')
    .option('--workload <name>', 'propose what to use for this workload')
    .option('--stable <workload>', 'propose what to use for this one …')
    .option('--canary <workload>', '… and this one')
    .option('--at <time>', 'look at this moment: 2026-01-05T12:00:00Z, seconds since 1970, or 2h (ago) (default: now)')
    .option('--library <folder>', 'MetricQueries in YAML (default: those that come with Serin)')
    .option('-o, --output <format>', 'text or json')
    .action(tryAll);
}
