/**
 * Where messages may go. Addresses come from Secrets that any namespace can write, so without this Serin could be made to
 * speak to the cloud's metadata service or to what listens inside the cluster. Names are judged by the addresses they have.
 */
import type { LookupFunction } from 'node:net';
import { SerinError } from '../errors.ts';
import { isAllowedAddress, literalOf, lookupAmongAllowed } from './addresses.ts';

/** `hosts` as in the configuration: `hooks.example.com`, `*.example.com`, `127.0.0.1`, each with a port where only that is meant. */
export function isNamedHost(url: URL, hosts: readonly string[]): boolean {
  const port = url.port === '' ? (url.protocol === 'http:' ? '80' : '443') : url.port;
  return hosts.some((pattern) => {
    const name = pattern.toLowerCase();
    const of = (host: string): boolean =>
      name.startsWith('*.') ? host.endsWith(name.slice(1)) && host.length > name.length - 1 : host === name;
    return of(url.hostname) || of(`${url.hostname}:${port}`);
  });
}

/** A refusal in two sentences; the address itself stays unsaid, for it may be a secret. */
const refused = (why: string): SerinError => new SerinError('SERIN_E_INVALID_SPEC', why);

/** A checked address and how to look its name up: the addresses that are connected to are the ones that were judged. */
export interface Destination {
  readonly url: URL;
  readonly lookup: LookupFunction;
}

/** Throws `SERIN_E_INVALID_SPEC` for what is no address of a receiver. `hosts` empty: all but private and link-local addresses. */
export function destinationOf(text: string, hosts: readonly string[]): Destination {
  if (!URL.canParse(text)) throw refused('The receiver’s address is no URL. Write its full https:// address.');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw refused('The receiver’s address is neither https:// nor http://. Use one of these.');
  }
  const isNamed = isNamedHost(url, hosts);
  if (hosts.length > 0 && !isNamed) {
    throw refused('The receiver’s host is not among those that Serin may send messages to. Add it to `notifyHosts`.');
  }
  const literal = literalOf(url);
  const reject = (): SerinError =>
    refused(
      'The receiver’s host has a private or link-local address. Name the host in `notifyHosts` if that is meant.',
    );
  if (literal !== undefined && !isAllowedAddress(literal, isNamed)) throw reject();
  return { url, lookup: lookupAmongAllowed(isNamed, reject) };
}
