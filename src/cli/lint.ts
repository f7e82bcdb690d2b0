/** `serin lint`: what is wrong with files before a cluster sees them. Offline; needs no cluster and no Prometheus. */
import type { Command } from 'commander';
import { parseOutput } from './connection.ts';

interface LintFlags {
  readonly output?: string;
  readonly strict?: boolean;
  readonly scrapeInterval: string;
  readonly grid: string;
  readonly rps?: string;
  readonly baseline: string;
}

async function lintFiles(names: readonly string[], flags: LintFlags): Promise<void> {
  const output = parseOutput(flags.output, ['text', 'json', 'github'] as const) ?? 'text';
  const { parseDurationFlag, parseNumberFlag, parsePercentFlag } = await import('./analyze/flags.ts');
  const { readFiles } = await import('./lint/files.ts');
  const { openLibrary } = await import('./lint/library.ts');
  const { lint } = await import('./lint/lint.ts');
  const { renderGithub, renderJson, renderText } = await import('./lint/render.ts');
  const options = {
    scrapeMs: parseDurationFlag(flags.scrapeInterval, '--scrape-interval'),
    gridMs: parseDurationFlag(flags.grid, '--grid', 1000),
    badShare: parsePercentFlag(flags.baseline, '--baseline'),
    ...(flags.rps === undefined ? {} : { requestsPerSecond: parseNumberFlag(flags.rps, '--rps', 1e-6, 1e9) }),
  };
  const report = lint({ files: await readFiles(names), library: openLibrary(), options });
  const text = { text: renderText, json: renderJson, github: renderGithub }[output](report);
  if (text !== '') process.stdout.write(`${text}\n`);
  const isWrong = report.findings.some(
    ({ severity }) => severity === 'error' || (severity === 'warning' && flags.strict === true),
  );
  if (isWrong) process.exitCode = 1;
}

export function register(program: Command): void {
  program
    .command('lint <files...>')
    .description('find mistakes in templates, queries and releases before a cluster does')
    .option('-o, --output <format>', 'text, json or github (annotations of a workflow)')
    .option('--strict', 'warnings count as errors')
    .option('--scrape-interval <duration>', 'how often Prometheus scrapes', '15s')
    .option('--grid <duration>', 'poll grid of the service (its setting grid): intervals are multiples of it', '10s')
    .option('--rps <number>', 'requests per second of the whole workload: can each step reach a verdict?')
    .option('--baseline <percent>', 'share of bad requests now, for the same question', '0.5%')
    .addHelpText(
      'after',
      `
Files are YAML, folders are searched, - is stdin. Names of other objects are looked up in all files of the call and in Serin's
own library. Templates of Argo Rollouts (argoproj.io) are checked as well.

A comment \`# serin-lint: ignore <rule>\` silences a rule on its line and the next one; on top of a file, in the whole file.

Ends with 0 when nothing is wrong (warnings and notes may be printed), 1 when there are errors (or warnings, with --strict),
2 when the command line is wrong or a file cannot be read.

Examples:
  serin lint deploy/
  helm template . | serin lint -
  serin lint release.yaml --rps 120 --baseline 0.5%`,
    )
    .action(lintFiles);
}
