/** `serin test`: users' own unit tests for templates. Series in, verdicts out, by the judge that releases have. Offline. */
import type { Command } from 'commander';
import { parseOutput } from './connection.ts';

async function runTests(names: readonly string[], flags: { readonly output?: string }): Promise<void> {
  const output = parseOutput(flags.output, ['text', 'json', 'github'] as const) ?? 'text';
  const { readFiles } = await import('./lint/files.ts');
  const { specsFor } = await import('./test/specs.ts');
  const { looksLikeTests, readTestFile, wrong } = await import('./test/test-file.ts');
  const { runTest } = await import('./test/run-test.ts');
  const { hasPassed, renderGithub, renderJson, renderText } = await import('./test/render.ts');
  const files = await readFiles(names);
  const chosen = files.filter(({ file, text }) => file === 'stdin' || names.includes(file) || looksLikeTests(text));
  if (chosen.length === 0) throw wrong(`There are no tests in ${names.join(', ')}. Name a file with \`tests:\`.`);
  const ran = [];
  for (const { file, text } of chosen) {
    const source = readTestFile(file, text);
    const specs = await specsFor(source);
    for (const [index, test] of source.tests.entries()) {
      ran.push({ source, index, name: test.name, result: runTest(test, source.interval, specs) });
    }
  }
  const text = { text: renderText, json: renderJson, github: renderGithub }[output](ran);
  if (text !== '') process.stdout.write(`${text}\n`);
  if (!ran.every(hasPassed)) process.exitCode = 1;
}

export function register(program: Command): void {
  program
    .command('test <files...>')
    .description('unit tests for templates: given series, is the verdict as expected?')
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
