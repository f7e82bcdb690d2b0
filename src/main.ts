#!/usr/bin/env -S node --max-semi-space-size=2
/**
 * The `serin` program: one file per command in `cli/`, each of which loads what is heavy only when it runs.
 * The small young generation of the first line saves some 25 MiB in a service that mostly waits.
 */
import { Command, CommanderError } from 'commander';
import { register as registerAct } from './cli/act.ts';
import { register as registerAnalyze } from './cli/analyze.ts';
import { register as registerConfig } from './cli/config.ts';
import { register as registerConvert } from './cli/convert.ts';
import { register as registerDemo } from './cli/demo.ts';
import { register as registerExplain } from './cli/explain.ts';
import { register as registerLint } from './cli/lint.ts';
import { register as registerPlan } from './cli/plan.ts';
import { register as registerQuery } from './cli/query.ts';
import { register as registerServe } from './cli/serve.ts';
import { register as registerStatus } from './cli/status.ts';
import { register as registerTest } from './cli/test.ts';
import { register as registerVersion } from './cli/version.ts';
import { errorCatalogue, messageOf, SerinError } from './errors.ts';

const commands = [
  registerDemo,
  registerServe,
  registerConfig,
  registerStatus,
  registerAct,
  registerAnalyze,
  registerPlan,
  registerLint,
  registerConvert,
  registerExplain,
  registerQuery,
  registerTest,
  registerVersion,
];

/** Data goes to stdout, errors to stderr; what the program ends with is documented in `errors.ts`. */
function exitCodeOf(thrown: unknown): number {
  // Commander has printed its own message; asking for help is no error.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : errorCatalogue.SERIN_E_USAGE.exitCode;
  process.stderr.write(`${thrown instanceof SerinError ? thrown.message : `serin: ${messageOf(thrown)}`}\n`);
  if (!(thrown instanceof SerinError) && thrown instanceof Error) process.stderr.write(`${thrown.stack ?? ''}\n`);
  return thrown instanceof SerinError ? thrown.exitCode : 1;
}

const program = new Command('serin')
  .description(
    'Decides, with a stated error probability, whether a new version may go on, and moves its traffic accordingly.',
  )
  .showSuggestionAfterError()
  .showHelpAfterError('(--help shows what is possible)')
  .exitOverride();
for (const register of commands) register(program);

try {
  await program.parseAsync();
} catch (thrown) {
  process.exitCode = exitCodeOf(thrown);
}
