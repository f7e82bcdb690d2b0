/** `serin config print`: the settings in force and where they go wrong, without starting anything. */
import type { Command } from 'commander';
import { addFlags, readSettings } from './settings.ts';

export function register(program: Command): void {
  const config = program.command('config').description('look at the settings of the service');
  const print = config
    .command('print')
    .description('print the settings in force, as a config file; secrets are left out')
    .option('--config <file>', 'YAML file with settings (SERIN_CONFIG)')
    .action(async (flags: Readonly<Record<string, unknown>>) => {
      const settings = await readSettings(flags, true);
      const { printConfig } = await import('../config.ts');
      process.stdout.write(`${printConfig(settings)}\n`);
    });
  config.hook('preSubcommand', async (_, chosen) => {
    if (chosen === print) await addFlags(print);
  });
}
