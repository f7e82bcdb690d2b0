/** `serin explain`: why a verdict is what it is, with numbers, the intervals that tipped it, and queries for Prometheus. */
import type { Command } from 'commander';
import type { AnalysisRun } from '../api/analysis-run.ts';
import { gistOf, SerinError } from '../errors.ts';
import type { Siblings } from './explain/explanation.ts';
import { refuseIdle } from './idle-options.ts';
import { connect, parseOutput, withConnection, type ConnectionFlags } from './connection.ts';

interface ExplainFlags extends ConnectionFlags {
  readonly filename?: string;
  readonly prometheus?: string;
  readonly queries?: boolean;
  readonly output?: string;
}

/** Which cluster is meant is told by these. */
const OF_CLUSTER = ['kubeconfig', 'context', 'namespace'];

async function explain(name: string | undefined, flags: ExplainFlags, command: Command): Promise<void> {
  const output = parseOutput(flags.output, ['text', 'json'] as const) ?? 'text';
  if (flags.filename !== undefined) refuseIdle(command, OF_CLUSTER, 'on a run in a file');
  if (output === 'json') refuseIdle(command, ['prometheus', 'queries'], 'on JSON, which has all queries');
  const { run, siblings } = await find(name, flags);
  const { explainRun } = await import('./explain/explanation.ts');
  const explanation = explainRun(run, siblings);
  if (output === 'json') {
    process.stdout.write(`${JSON.stringify(explanation, null, 2)}\n`);
    return;
  }
  const { renderExplanation } = await import('./explain/render.ts');
  const { prometheus, queries = false } = flags;
  if (prometheus !== undefined && !/^https?:\/\/./.test(prometheus)) {
    throw new SerinError(
      'SERIN_E_USAGE',
      `--prometheus ${prometheus} is no URL. Write one such as http://localhost:9090.`,
    );
  }
  const { columnsOf } = await import('./screen/style.ts');
  const options = {
    hasAsked: queries,
    columns: columnsOf(process.stdout),
    ...(prometheus === undefined ? {} : { prometheus }),
  };
  process.stdout.write(`${renderExplanation(explanation, options)}\n`);
}

async function find(
  name: string | undefined,
  flags: ExplainFlags,
): Promise<{ readonly run: AnalysisRun; readonly siblings?: Siblings }> {
  const { runInCluster, runInText, siblingsOf } = await import('./explain/find-run.ts');
  if (flags.filename === undefined) {
    if (name === undefined) {
      throw new SerinError(
        'SERIN_E_USAGE',
        'Nothing says which run is meant. Name an AnalysisRun or a Release, or give -f FILE.',
      );
    }
    const connection = await connect(flags);
    const run = await runInCluster(connection, name);
    return { run, siblings: await siblingsOf(connection, run) };
  }
  const { readInput } = await import('./analyze/flags.ts');
  const { parseAllDocuments } = await import('yaml');
  const text = await readInput(flags.filename, '--filename');
  const documents = [...parseAllDocuments(text)];
  const [problem] = documents.flatMap(({ errors }) => errors);
  if (problem !== undefined) {
    throw new SerinError(
      'SERIN_E_USAGE',
      `${flags.filename} is no YAML: ${gistOf(problem.message)}. Correct it there.`,
    );
  }
  const run = runInText(
    text,
    flags.filename,
    documents.map((document): unknown => document.toJS()),
    name,
  );
  return { run };
}

export function register(program: Command): void {
  withConnection(
    program
      .command('explain [run]')
      .description('why a verdict is what it is: numbers, rules, and queries for Prometheus'),
  )
    .option('-f, --filename <file>', 'an AnalysisRun in YAML or JSON instead of the cluster’s; - is stdin')
    .option('--prometheus <url>', 'print links to this Prometheus beside the queries')
    .option('--queries', 'print the queries of the newest poll, word for word')
    .option('-o, --output <format>', 'text or json')
    .addHelpText(
      'after',
      `
RUN is the name of an AnalysisRun, or of a Release: then the run that decided is explained, or is to decide: that of the whole
release, or that of a step with an analysis of its own (also before and after a switch). The others are named.

Examples:
  serin explain web -n shop
  serin explain web --prometheus http://localhost:9090
  kubectl get analysisrun web-bf669489b2-1 -o yaml | serin explain -f -`,
    )
    .action(explain);
}
