/** What somebody asked for cannot be done as it was asked. */
import { SerinError } from '../errors.ts';

/** `message`: what is wrong, then what to write instead. Ends with the exit code of wrong usage. */
export function usage(message: string): SerinError {
  return new SerinError('SERIN_E_USAGE', message);
}
