/** Options that would change nothing in this call are refused, so that nobody believes that they did. */
import type { Command } from 'commander';
import { SerinError } from '../errors.ts';

/** `options` as the program names them (`warmUp`); `where` ends the sentence: `without --prometheus`. */
export function refuseIdle(command: Command, options: readonly string[], where: string): void {
  const given = command.options.filter(
    (option) =>
      options.includes(option.attributeName()) && command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  if (given.length === 0) return;
  const names = given.map(({ long }) => long ?? '').join(', ');
  const [has, them] = given.length === 1 ? ['has', 'it'] : ['have', 'them'];
  throw new SerinError('SERIN_E_USAGE', `${names} ${has} no effect ${where}. Leave ${them} out.`);
}
