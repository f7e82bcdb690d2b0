/**
 * `serin serve`: the background service, until SIGTERM or SIGINT. The first signal lets running work finish, the second
 * ends the process with 1.
 */
import type { Command } from 'commander';
import { readSettings, withSettings } from './settings.ts';

export function register(program: Command): void {
  const command = program.command('serve').description('run the service against a cluster, a Prometheus and a queue');
  withSettings(program, command);
  command.action(serve);
}

async function serve(flags: Readonly<Record<string, unknown>>): Promise<void> {
  const config = await readSettings(flags);
  const stopping = new AbortController();
  const asked = stopOnSignal(stopping);
  const { startService } = await import('../wiring.ts');
  try {
    const service = await startService(config, { signal: stopping.signal });
    await asked;
    await service.stop();
  } catch (thrown) {
    // Asked to stop while still starting: what was open is closed again, and that is all.
    if (!stopping.signal.aborted) throw thrown;
  }
  // Whatever still keeps the process alive is a bug, not a reason to hang in a shutdown.
  setTimeout(() => process.exit(), 1_000).unref();
}

/** Resolves at the first signal; the second ends the process at once. */
function stopOnSignal(stopping: AbortController): Promise<void> {
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals): void => {
      if (stopping.signal.aborted) {
        process.stderr.write(`serin: ${signal} again; ending without finishing.\n`);
        process.exit(1);
      }
      stopping.abort(new Error(`${signal} received`));
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}
