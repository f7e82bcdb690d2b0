/** `serin convert`: what other tools judge by, as Serin's own resources; what cannot be carried over is listed. Offline. */
import type { Command } from 'commander';
import { gistOf, SerinError } from '../errors.ts';
import { parseOutput } from './connection.ts';

/** Something means less or something else than before: a person should read the list. */
const LOSSES = 4;

async function convertFiles(names: readonly string[], flags: { readonly output?: string }): Promise<void> {
  const output = parseOutput(flags.output, ['yaml', 'json'] as const) ?? 'yaml';
  const { readInput } = await import('./analyze/flags.ts');
  const { parseAllDocuments, stringify } = await import('yaml');
  const { convert } = await import('./convert/convert.ts');
  const { refusedOf } = await import('./convert/refused.ts');
  const { openLibrary } = await import('./lint/library.ts');
  const documents: { file: string; value: unknown }[] = [];
  for (const name of names) {
    const file = name === '-' ? 'stdin' : name;
    for (const document of parseAllDocuments(await readInput(name, 'the file'))) {
      const [problem] = document.errors;
      if (problem !== undefined) {
        throw new SerinError(
          'SERIN_E_USAGE',
          `${file} is neither YAML nor JSON: ${gistOf(problem.message)}. Correct it there.`,
        );
      }
      const value: unknown = document.toJS();
      if (value !== null) documents.push({ file, value });
    }
  }
  const library = openLibrary();
  const { objects, losses: lost } = convert(documents, library);
  const losses = [...lost, ...refusedOf(objects, library)];
  for (const { where, message } of losses) process.stderr.write(`${where}: ${message}\n`);
  if (objects.length === 0) {
    throw new SerinError(
      'SERIN_E_INVALID_SPEC',
      `Nothing could be converted from ${names.join(', ')}. The lines above say why.`,
    );
  }
  const text =
    output === 'json'
      ? `${JSON.stringify(objects.length === 1 ? objects[0] : { apiVersion: 'v1', kind: 'List', items: objects }, null, 2)}\n`
      : objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
  process.stdout.write(text);
  if (losses.length > 0) process.exitCode = LOSSES;
}

export function register(program: Command): void {
  program
    .command('convert <files...>')
    .description('write what Kayenta, Flagger or Argo Rollouts judge by as resources of Serin')
    .option('-o, --output <format>', 'yaml or json')
    .addHelpText(
      'after',
      `
Understood are canary configs of Kayenta (JSON), Canary and MetricTemplate of Flagger, and AnalysisTemplate and
ClusterAnalysisTemplate of Argo Rollouts; - is stdin. A query whose series Serin's library knows becomes \`compare\`: canary against
stable at the same time, and the old threshold beside it as an absolute bound. Resources go to stdout; what cannot be carried over,
means something else, or would be refused by this version of Serin, goes to stderr, a line each.

Ends with 0 when everything was carried over, 4 when something was not, 1 when nothing could be converted, 2 when the command line
is wrong.

Examples:
  serin convert canary-config.json > template.yaml
  serin convert canary.yaml metric-template.yaml | kubectl apply --dry-run=server -f -
  kubectl get analysistemplates.argoproj.io -o yaml | serin convert -`,
    )
    .action(convertFiles);
}
