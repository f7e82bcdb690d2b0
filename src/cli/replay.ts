/** `serin replay`: a run judged once more, look by look, from what Prometheus kept, and whether it comes to the same. */
import type { Command } from 'commander';
import type { AnalysisRun } from '../api/analysis-run.ts';
import type { Release } from '../api/release.ts';
import { connect, parseOutput, withConnection, type ConnectionFlags } from './connection.ts';
import { usage } from './usage.ts';

interface ReplayFlags extends ConnectionFlags {
  readonly filename?: string;
  readonly prometheus?: string;
  readonly metric?: string;
  readonly all?: boolean;
  readonly output?: string;
}

interface Found {
  readonly run: AnalysisRun;
  readonly release?: Release;
}

/** The replay ends otherwise than the run did. */
const ANOTHER_OUTCOME = 5;

async function replay(name: string | undefined, flags: ReplayFlags): Promise<void> {
  const output = parseOutput(flags.output, ['text', 'json', 'svg'] as const) ?? 'text';
  const { prometheus } = flags;
  if (prometheus === undefined || prometheus === '')
    throw usage('--prometheus is missing. Give the address of the Prometheus that the run was judged from.');
  const { run, release } = await find(name, flags);
  const { createPrometheusSource } = await import('../metrics/prometheus.ts');
  const { replayRun } = await import('./replay/replay-run.ts');
  const source = createPrometheusSource({ url: prometheus, headers: {}, timeoutMs: 30_000 });
  const found = await replayRun(run, release, source, AbortSignal.timeout(600_000));
  const { compareReplay } = await import('./replay/compare.ts');
  const { columnsOf } = await import('./screen/style.ts');
  const { leadingName, pictureOfLooks, renderReplay } = await import('./replay/render.ts');
  const comparison = compareReplay(found);
  const { looks, notes } = found;
  if (output === 'json') {
    process.stdout.write(`${JSON.stringify({ ...comparison, looks, notes }, null, 2)}\n`);
  } else if (output === 'svg') {
    const last = looks.at(-1)?.verdict;
    const metric = flags.metric ?? (last === undefined ? undefined : leadingName(last));
    const picture = metric === undefined ? undefined : pictureOfLooks(looks, metric);
    if (picture === undefined) {
      const names = last?.metrics.map((each) => each.name).join(', ') ?? '';
      throw usage(`${run.metadata.name} has no metric ${metric ?? ''}. Write --metric with one of: ${names}.`);
    }
    const { renderSvg } = await import('../judge/render-svg.ts');
    process.stdout.write(renderSvg(picture));
  } else {
    process.stdout.write(`${renderReplay(looks, comparison, flags.all === true, notes, columnsOf(process.stdout))}\n`);
  }
  process.exitCode = comparison.isSameOutcome ? 0 : ANOTHER_OUTCOME;
}

async function find(name: string | undefined, flags: ReplayFlags): Promise<Found> {
  const { runInCluster, runInText } = await import('./explain/find-run.ts');
  const { at, stringAt } = await import('../api/fields.ts');
  if (flags.filename === undefined) {
    if (name === undefined)
      throw usage('Nothing says which run is meant. Name an AnalysisRun or a Release, or give -f.');
    const { TYPES } = await import('../api/meta.ts');
    const connection = await connect(flags);
    const run = await runInCluster(connection, name);
    const { namespace } = run.metadata;
    const release = await connection.kube.get({ type: TYPES.release, namespace, name: run.spec.release.name });
    return release === undefined ? { run } : { run, release: release as unknown as Release }; // the server checked it
  }
  const { readInput } = await import('./analyze/flags.ts');
  const { parseAllDocuments } = await import('yaml');
  const text = await readInput(flags.filename, '--filename');
  const parsed = parseAllDocuments(text);
  const documents = [...parsed].map((document): unknown => document.toJS());
  const run = runInText(text, flags.filename, documents, name);
  const items = documents.flatMap((document) => {
    const list = at(document, 'items');
    return Array.isArray(list) ? (list as readonly unknown[]) : [document];
  });
  const release = items.find(
    (item) => at(item, 'kind') === 'Release' && stringAt(item, 'metadata', 'name') === run.spec.release.name,
  );
  return release === undefined ? { run } : { run, release: release as Release }; // its weights are looked at with care
}

export function register(program: Command): void {
  withConnection(
    program
      .command('replay [run]')
      .description('judge a run once more from Prometheus, look by look, and compare with what it says'),
  )
    .option(
      '-f, --filename <file>',
      'an AnalysisRun (and its Release) in YAML or JSON instead of the cluster’s; - is stdin',
    )
    .option('--prometheus <url>', 'address of the Prometheus that has its metrics')
    .option('--metric <name>', 'the metric of the SVG; else the one that decided')
    .option('--all', 'every look instead of about two dozen')
    .option('-o, --output <format>', 'text, json or svg')
    .addHelpText(
      'after',
      `
RUN is the name of an AnalysisRun, or of a Release: then the run that decided is replayed. Prometheus must still have its samples.
Exits with 0 if the run ends as it did, with 5 if not. Scrapes that came late, and restarts, which runs do not keep, may make
single intervals differ; they are named.

Examples:
  serin replay web -n shop --prometheus http://localhost:9090
  kubectl get analysisrun web-bf669489b2-1 -o yaml | serin replay -f - --prometheus http://localhost:9090 -o svg > web.svg`,
    )
    .action(replay);
}
