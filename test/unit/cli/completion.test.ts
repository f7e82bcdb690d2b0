/** Completion answers from the tree of commands: what may come next there, and nothing else. */
import { describe, expect, test } from 'vitest';
import { completionsOf, renderCompletions } from '../../../src/cli/completion/complete.ts';
import { scriptFor } from '../../../src/cli/completion/scripts.ts';
import { SHELLS } from '../../../src/cli/completion/shells.ts';
import { createProgram } from '../../../src/cli/program.ts';
import { queryNames } from '../../../src/cli/query/names.ts';
import { queryNamesIn, querySources } from '../../../src/cli/query/names.ts';
import { libraryFolder, readLibrary } from '../../../src/cli/query/library.ts';
import { leavesOf } from '../../../src/generate/cli-page.ts';

const program = createProgram();
const known = {
  query: (given: ReadonlyMap<string, string>) =>
    given.has('library') ? ['istio-own'] : ['istio-requests', 'istio-latency', 'http-requests'],
  source: () => ['istio', 'nginx'],
};

const words = (line: string): readonly string[] =>
  completionsOf(program, line.split(' '), known).candidates.map(({ word }) => word);
const mayBeFile = (line: string): boolean => completionsOf(program, line.split(' '), known).mayBeFile;

describe('what may come next', () => {
  test.each([
    { line: 'li', is: ['lint'] },
    { line: 'pr', is: ['promote'] },
    { line: 'query ', is: ['list', 'show', 'try', 'help'] },
    { line: 'query l', is: ['list'] },
    { line: 'lint --st', is: ['--strict'] },
    { line: 'lint -o ', is: ['text', 'json', 'github'] },
    { line: 'lint -o j', is: ['json'] },
    { line: 'lint --output g', is: ['github'] },
    { line: 'lint --output=t', is: ['--output=text'] },
    { line: 'lint --output = t', is: ['--output=text'] },
    { line: 'lint --output =', is: ['--output=text', '--output=json', '--output=github'] },
    { line: 'lint --strict --st', is: [] },
    { line: 'lint --rps 5 --ba', is: ['--baseline'] },
    { line: 'lint --rps ', is: [] },
    { line: 'analyze --preset t', is: ['tolerant'] },
    { line: 'demo --only e', is: ['errors'] },
    { line: 'completion ', is: ['bash', 'zsh', 'fish'] },
    { line: 'completion bash ', is: [] },
    { line: 'query show istio', is: ['istio-requests', 'istio-latency'] },
    { line: 'query show -n shop h', is: ['http-requests'] },
    { line: 'query show --library own i', is: ['istio-own'] },
    { line: 'query show --library=own i', is: ['istio-own'] },
    { line: 'query list --source ', is: ['istio', 'nginx'] },
    { line: 'query list --measures la', is: ['latency'] },
    { line: 'plan --query h', is: ['http-requests'] },
    { line: 'help pl', is: ['plan'] },
    { line: 'help query ', is: ['list', 'show', 'try'] },
    { line: 'help plan ', is: [] },
    { line: 'nothing here', is: [] },
    { line: 'nothing ', is: [] },
  ])('$line', ({ line, is }) => {
    expect(words(line)).toEqual(is);
  });

  test('names and sources of the library are known without reading it as YAML', () => {
    const library = readLibrary(libraryFolder());
    expect(queryNamesIn(libraryFolder()).toSorted()).toEqual(library.map(({ name }) => name).toSorted());
    expect(querySources()).toEqual([...new Set(library.flatMap(({ spec }) => spec.source ?? []))].toSorted());
    expect(queryNamesIn('/nonexistent')).toEqual([]);
  });

  test('all commands are offered, hidden ones are not', () => {
    expect(words('')).toContain('serve');
    expect(words('').filter((word) => word.startsWith('_'))).toEqual([]);
  });

  test.each([
    { line: 'lint ', is: true },
    { line: 'lint a.yaml ', is: true },
    { line: 'analyze --csv ', is: true },
    { line: 'query try --library ', is: true },
    { line: 'status --kubeconfig ', is: true },
    { line: 'status -n ', is: false },
    { line: 'lint -o ', is: false },
    { line: 'query ', is: false },
  ])('$line files: $is', ({ line, is }) => {
    expect(mayBeFile(line)).toBe(is);
  });

  test('every option of every command is completed by its own command', () => {
    for (const { name, command } of leavesOf(program)) {
      const line = `${name.replace(/^serin /, '')} --`;
      const offered = words(line);
      const visible = command.options.flatMap(({ long, hidden }) => (hidden || long === undefined ? [] : [long]));
      expect(offered, line).toEqual([...visible, '--help']);
    }
  });

  test('the names of queries are those of the library', () => {
    expect(queryNames().toSorted()).toEqual(readLibrary(libraryFolder()).map(({ name }) => name));
  });
});

test('the answer is that of cobra: candidates with descriptions, then whether files are meant', () => {
  expect(renderCompletions(completionsOf(program, ['vers'], known))).toBe(
    'version\tprint the version of Serin and of Node\n:4\n',
  );
  expect(renderCompletions(completionsOf(program, ['lint', '-o', 'j'], known))).toBe('json\n:4\n');
  expect(renderCompletions(completionsOf(program, ['lint', 'x'], known))).toBe(':0\n');
});

test.each(SHELLS)('the script for %s asks the program', (shell) => {
  expect(scriptFor(shell)).toContain('serin __complete');
});

test.each(leavesOf(program))('$name says what it does, and so do its options', ({ command }) => {
  expect(command.description()).toMatch(/^[a-z].{10,}$/);
  for (const { flags, description } of command.options) expect(description, flags).not.toBe('');
});
