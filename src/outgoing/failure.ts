/** What is said of a connection that failed. */
import { messageOf } from '../errors.ts';

/** A short code such as `ECONNREFUSED`: the whole message would hold the address. */
export function codeOf(cause: unknown): string {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : messageOf(cause).split(/[\s:]/, 1).join('');
}
