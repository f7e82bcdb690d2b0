/** One value of a Secret, read when it is used: never listed, never watched, never kept. */
import { TYPES } from '../api/meta.ts';
import { messageOf, SerinError } from '../errors.ts';
import { grantFor } from './grant.ts';
import type { KubeReader } from './port.ts';

export interface SecretKey {
  readonly name: string;
  readonly key: string;
}

/**
 * Without the line break that `echo` leaves at its end. Throws `SERIN_E_FORBIDDEN` with the commands that allow it, and
 * `SERIN_E_NOT_FOUND`; no message holds anything of the value.
 */
export async function readSecret(
  kube: Pick<KubeReader, 'get'>,
  namespace: string,
  { name, key }: SecretKey,
  signal: AbortSignal,
): Promise<string> {
  let secret: Awaited<ReturnType<KubeReader['get']>>;
  try {
    secret = await kube.get({ type: TYPES.secret, namespace, name }, signal);
  } catch (thrown) {
    if (!(thrown instanceof SerinError) || thrown.code !== 'SERIN_E_FORBIDDEN') throw thrown;
    throw new SerinError(
      'SERIN_E_FORBIDDEN',
      `Secret ${namespace}/${name} may not be read. Allow it: ${grantFor(namespace, name, messageOf(thrown))}`,
      { cause: thrown },
    );
  }
  if (secret === undefined) {
    throw new SerinError(
      'SERIN_E_NOT_FOUND',
      `Secret ${namespace}/${name} does not exist. Create it, or name another one.`,
    );
  }
  const data = secret['data'] as Readonly<Record<string, string>> | undefined;
  const value = Buffer.from(data?.[key] ?? '', 'base64')
    .toString('utf8')
    .trim();
  if (value === '') {
    throw new SerinError(
      'SERIN_E_NOT_FOUND',
      `Secret ${namespace}/${name} has no key "${key}". Add it, or name another key.`,
    );
  }
  return value;
}
