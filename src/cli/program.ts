/** The tree of commands: one file per command, each of which loads what is heavy only when it runs. */
import { basename } from 'node:path';
import { Command, CommanderError } from 'commander';
import { errorCatalogue, messageOf, SerinError } from '../errors.ts';
import { register as registerAct } from './act.ts';
import { register as registerAnalyze } from './analyze.ts';
import { register as registerCompletion } from './completion.ts';
import { register as registerConfig } from './config.ts';
import { register as registerConvert } from './convert.ts';
import { register as registerDemo } from './demo.ts';
import { register as registerExplain } from './explain.ts';
import { register as registerLint } from './lint.ts';
import { register as registerPlan } from './plan.ts';
import { register as registerQuery } from './query.ts';
import { register as registerReplay } from './replay.ts';
import { register as registerServe } from './serve.ts';
import { register as registerStatus } from './status.ts';
import { register as registerTest } from './test.ts';
import { register as registerVersion } from './version.ts';

const commands = [
  registerDemo,
  registerServe,
  registerConfig,
  registerStatus,
  registerAct,
  registerAnalyze,
  registerPlan,
  registerLint,
  registerTest,
  registerConvert,
  registerExplain,
  registerReplay,
  registerQuery,
  registerCompletion,
  registerVersion,
];

/** `name`: how it was called, `serin` or as a plugin `kubectl serin`. */
export function createProgram(name = 'serin'): Command {
  const program = new Command(name)
    .description(
      'Decides, with a stated error probability, whether a new version may go on, and moves its traffic accordingly.',
    )
    .showSuggestionAfterError()
    .showHelpAfterError('(--help shows what is possible)')
    .exitOverride();
  for (const register of commands) register(program);
  return program;
}

/** Runs one command line and answers with what the process ends with; `undefined`: what the command itself has set. */
export async function runProgram(argv: readonly string[]): Promise<number | undefined> {
  const calledAs = basename(argv[1] ?? '');
  const program = createProgram(calledAs === 'kubectl-serin' ? 'kubectl serin' : 'serin');
  // kubectl completes its plugins through an executable of this name; it speaks as `serin __complete` does.
  const words = calledAs === 'kubectl_complete-serin' ? ['__complete', ...argv.slice(2)] : argv.slice(2);
  if (words[0] === '__complete') {
    const { completionsOf, renderCompletions } = await import('./completion/complete.ts');
    const { queryNames, queryNamesIn, querySources } = await import('./query/names.ts');
    const ofLibrary = (given: ReadonlyMap<string, string>): readonly string[] => {
      const folder = given.get('library');
      return folder === undefined ? queryNames() : queryNamesIn(folder);
    };
    const known = {
      query: ofLibrary,
      source: (given: ReadonlyMap<string, string>) => querySources(given.get('library')),
    };
    process.stdout.write(renderCompletions(completionsOf(program, words.slice(1), known)));
    return 0;
  }
  try {
    await program.parseAsync(words, { from: 'user' });
    return undefined;
  } catch (thrown) {
    return exitCodeOf(thrown);
  }
}

/** Data goes to stdout, errors to stderr; what the program ends with is documented in `errors.ts`. */
function exitCodeOf(thrown: unknown): number {
  // Commander has printed its own message; asking for help is no error.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : errorCatalogue.SERIN_E_USAGE.exitCode;
  process.stderr.write(`${thrown instanceof SerinError ? thrown.message : `serin: ${messageOf(thrown)}`}\n`);
  if (!(thrown instanceof SerinError) && thrown instanceof Error) process.stderr.write(`${thrown.stack ?? ''}\n`);
  return thrown instanceof SerinError ? thrown.exitCode : 1;
}
