#!/usr/bin/env -S node --max-semi-space-size=2
/**
 * The `serin` program. Compiled code is kept from run to run, which halves the time that short commands take; in a folder of one's own,
 * so that nobody else can put code there. The small young generation of the first line saves some 25 MiB in a service that mostly waits.
 */
import { enableCompileCache } from 'node:module';
import { userCacheFolder } from './user-cache.ts';

try {
  enableCompileCache(userCacheFolder('code'));
} catch {
  // A user without a home: everything works, only later.
}
// Who reads may have seen enough (`serin analyze | head`): like other programs, end without a word, as after SIGPIPE.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(141);
});
const { runProgram } = await import('./cli/program.ts');
const exitCode = await runProgram(process.argv);
if (exitCode !== undefined) process.exitCode = exitCode;
