/** `serin test`: users' own unit tests for templates. Series in, verdicts out, by the judge that releases have. Offline. */
import type { Command } from 'commander';
import { SerinError } from '../errors.ts';
import { parseOutput } from './connection.ts';
import type { Evaluator } from './test/run-test.ts';

interface TestFlags {
  readonly output?: string;
  readonly prometheusBinary?: string;
  readonly askComparisons?: boolean;
}

async function runTests(names: readonly string[], flags: TestFlags): Promise<void> {
  const output = parseOutput(flags.output, ['text', 'json', 'github'] as const) ?? 'text';
  const { readFiles } = await import('./lint/files.ts');
  const { specsFor } = await import('./test/specs.ts');
  const { looksLikeTests, readTestFile, wrong } = await import('./test/test-file.ts');
  const { runTest } = await import('./test/run-test.ts');
  const { hasPassed, renderGithub, renderJson, renderText } = await import('./test/render.ts');
  const files = await readFiles(names);
  const chosen = files.filter(({ file, text }) => file === 'stdin' || names.includes(file) || looksLikeTests(text));
  if (chosen.length === 0) throw wrong(`There are no tests in ${names.join(', ')}. Name a file with \`tests:\`.`);
  const { evaluator, end } = await evaluatorFor(flags);
  const ran = [];
  try {
    for (const { file, text } of chosen) {
      const source = readTestFile(file, text);
      const specs = await specsFor(source);
      for (const [index, test] of source.tests.entries()) {
        const result = await runTest(test, source.interval, specs, evaluator);
        ran.push({ source, index, name: test.name, result });
      }
    }
  } finally {
    end();
  }
  const text = { text: renderText, json: renderJson, github: renderGithub }[output](ran);
  if (text !== '') process.stdout.write(`${text}\n`);
  if (!ran.every(hasPassed)) process.exitCode = 1;
}

/** A Prometheus is started for tests that need one only; Ctrl-C ends it, and then the command. */
async function evaluatorFor({
  prometheusBinary,
  askComparisons = false,
}: TestFlags): Promise<{ evaluator?: Evaluator; end: () => void }> {
  const { findPrograms, throwAwayPrometheus } = await import('./test/throw-away.ts');
  const { toolPath } = await import('./demo/tools.ts');
  const { searchPath } = await import('../config.ts');
  const programs = findPrograms(prometheusBinary, searchPath(), toolPath);
  if (programs === undefined && askComparisons)
    throw new SerinError(
      'SERIN_E_MISSING_TOOL',
      '--ask-comparisons needs a Prometheus, and there is none on PATH. Name one: --prometheus-binary FILE, with promtool beside it.',
    );
  if (programs === undefined) return { end: () => undefined };
  const stop = new AbortController();
  const interrupt = (): void => {
    stop.abort(new SerinError('SERIN_E_ABORTED', 'Interrupted. The Prometheus of the tests is ended.'));
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  return {
    evaluator: throwAwayPrometheus(programs, stop.signal, askComparisons),
    end: () => {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    },
  };
}

export function register(program: Command): void {
  program
    .command('test <files...>')
    .description('unit tests for templates: given series, is the verdict as expected?')
    .option(
      '--prometheus-binary <file>',
      'a Prometheus (promtool beside it) that evaluates queries of the provider prometheus; default: the one of PATH, if any',
    )
    .option(
      '--ask-comparisons',
      'comparisons ask that Prometheus too, as the service does; else they read the series without one',
    )
    .option('-o, --output <format>', 'text, json or github (annotations of a workflow)')
    .addHelpText(
      'after',
      `
Files are YAML with series in the notation of promtool and the verdicts that are expected; folders are searched, - is stdin.
deploy/docs/testing.md describes them, deploy/examples/tests/ has one to copy.

Ends with 0 when every verdict is as expected, 1 when one is not, 2 when a file cannot be read.

Examples:
  serin test tests/
  serin test checkout-test.yaml -o github`,
    )
    .action(runTests);
}
