/**
 * Where messages may go. Addresses come from Secrets that any namespace can write, so without this Serin could be made to
 * speak to the cloud's metadata service or to what listens inside the cluster. Names are judged by the addresses they have.
 */
import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { SerinError } from '../errors.ts';

/** Never, whatever the configuration says: link-local (with the metadata services in it), other clouds' metadata, no host at all. */
const NEVER = blockList(
  ['169.254.0.0/16', '100.100.100.200/32', '0.0.0.0/8', '224.0.0.0/4', '240.0.0.0/4'],
  ['fe80::/10', 'fd00:ec2::254/128', '::/128', 'ff00::/8'],
);
/** Only where the configuration names the host. */
const PRIVATE = blockList(
  ['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '198.18.0.0/15', '192.0.0.0/24'],
  ['::1/128', 'fc00::/7'],
);

function blockList(ipv4: readonly string[], ipv6: readonly string[]): BlockList {
  const list = new BlockList();
  for (const [ranges, family] of [
    [ipv4, 'ipv4'],
    [ipv6, 'ipv6'],
  ] as const) {
    for (const range of ranges) {
      const [address = '', bits] = range.split('/');
      list.addSubnet(address, Number(bits), family);
    }
  }
  return list;
}

/** `ipv6` addresses that carry an IPv4 one (`::ffff:10.0.0.1`, `64:ff9b::a00:1`) are judged by that. */
function innerIpv4(address: string): string | undefined {
  const dotted = /^(?:::ffff:|64:ff9b::)(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (dotted) return dotted[1];
  const hex = /^(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address);
  if (!hex) return undefined;
  const bits = (Number.parseInt(hex[1] ?? '', 16) * 65_536 + Number.parseInt(hex[2] ?? '', 16)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
}

/** Whether an IP address may be spoken to; `isNamed`: the configuration names this host. */
export function isAllowedAddress(address: string, isNamed: boolean): boolean {
  const plain = innerIpv4(address) ?? address;
  const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4';
  if (isIP(plain) === 0 || NEVER.check(plain, family)) return false;
  return isNamed || !PRIVATE.check(plain, family);
}

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
  const literal = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const reject = (): SerinError =>
    refused(
      'The receiver’s host has a private or link-local address. Name the host in `notifyHosts` if that is meant.',
    );
  if (isIP(literal) !== 0 && !isAllowedAddress(literal, isNamed)) throw reject();
  return {
    url,
    lookup: (hostname, options, done) => {
      resolve(hostname, { ...options, all: true }, (error, found) => {
        if (error) return done(error, []);
        const allowed = found.filter(({ address }) => isAllowedAddress(address, isNamed));
        const [first] = allowed;
        if (first === undefined) return done(reject(), []);
        return options.all === true ? done(null, allowed) : done(null, first.address, first.family);
      });
    },
  };
}
