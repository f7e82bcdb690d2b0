/** The service's settings as flags, for the commands that need them. The table is loaded only when such a command runs. */
import type { Command } from 'commander';
import type { Config } from '../config.ts';

/** Adds a flag for every setting, just before the command is parsed: the table of settings brings typebox along. */
export function withSettings(program: Command, command: Command): void {
  command.option('--config <file>', 'YAML file with settings (SERIN_CONFIG)');
  program.hook('preSubcommand', async (_, chosen) => {
    if (chosen === command) await addFlags(command);
  });
}

/** For commands below another one, which the hook of the program does not see. */
export async function addFlags(command: Command): Promise<void> {
  const { CONFIG_KEYS, defaults, envOf, flagOf, formatSetting, keywordsOf } = await import('../config-settings.ts');
  const { Option } = await import('commander');
  const before = defaults({ POD_NAME: 'the pod’s name' });
  for (const key of CONFIG_KEYS) {
    const value = before[key];
    const shown =
      value === undefined || (Array.isArray(value) && value.length === 0)
        ? ''
        : ` (default: ${formatSetting(key, value)})`;
    const description = `${String(keywordsOf(key)['description'])}${shown} [${envOf(key)}]`;
    command.addOption(new Option(`${flagOf(key)} <value>`, description));
  }
}

/** Flags, environment and file, merged and checked. `isLookedAt`: nothing is started with them. */
export async function readSettings(flags: Readonly<Record<string, unknown>>, isLookedAt = false): Promise<Config> {
  const { loadConfig } = await import('../config.ts');
  const { config: file, ...rest } = flags;
  return loadConfig({ flags: rest, isLookedAt, ...(typeof file === 'string' ? { file } : {}) });
}
