/** Which addresses Serin speaks to: never metadata services, private ones only where the configuration names the host. */
import { lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

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

/**
 * Looks names up so that the addresses that are connected to are the ones that were judged. `refusal` is the error for a name
 * that has no allowed address.
 */
export function lookupAmongAllowed(isNamed: boolean, refusal: () => Error): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return done(error, []);
      const allowed = found.filter(({ address }) => isAllowedAddress(address, isNamed));
      const [first] = allowed;
      if (first === undefined) return done(refusal(), []);
      return options.all === true ? done(null, allowed) : done(null, first.address, first.family);
    });
  };
}

/** An address as a URL has it, without the brackets of IPv6; `undefined` for a name. */
export function literalOf({ hostname }: URL): string | undefined {
  const literal = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(literal) === 0 ? undefined : literal;
}
