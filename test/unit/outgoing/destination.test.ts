import { describe, expect, test } from 'vitest';
import { isAllowedAddress } from '../../../src/outgoing/addresses.ts';
import { destinationOf, isNamedHost } from '../../../src/outgoing/destination.ts';

describe('addresses that messages may go to', () => {
  test.each([
    ['203.0.113.9', true, true],
    ['2001:db8::1', true, true],
    ['10.1.2.3', false, true],
    ['127.0.0.1', false, true],
    ['172.31.255.255', false, true],
    ['172.32.0.1', true, true],
    ['192.168.1.1', false, true],
    ['100.64.0.1', false, true],
    ['::1', false, true],
    ['fd12::1', false, true],
    ['169.254.169.254', false, false],
    ['169.254.170.2', false, false],
    ['100.100.100.200', false, false],
    ['0.0.0.0', false, false],
    ['::', false, false],
    ['fe80::1', false, false],
    ['fd00:ec2::254', false, false],
    ['224.0.0.1', false, false],
    ['255.255.255.255', false, false],
    ['::ffff:169.254.169.254', false, false],
    ['::ffff:a9fe:a9fe', false, false],
    ['64:ff9b::a9fe:a9fe', false, false],
    ['::ffff:10.0.0.1', false, true],
    ['::ffff:127.0.0.1', false, true],
    ['not an address', false, false],
    ['', false, false],
  ])('%s: %s by itself, %s when its host is named', (address, byItself, named) => {
    expect(isAllowedAddress(address, false)).toBe(byItself);
    expect(isAllowedAddress(address, true)).toBe(named);
  });

  test.each([
    ['https://hooks.example.com/x', 'hooks.example.com', true],
    ['https://HOOKS.example.com/x', 'Hooks.Example.com', true],
    ['https://hooks.example.com/x', '*.example.com', true],
    ['https://example.com/x', '*.example.com', false],
    ['https://evil-example.com/x', '*.example.com', false],
    ['https://hooks.example.com.evil.net/x', 'hooks.example.com', false],
    ['http://127.0.0.1:8080/x', '127.0.0.1', true],
    ['http://127.0.0.1:8080/x', '127.0.0.1:8080', true],
    ['http://127.0.0.1:8081/x', '127.0.0.1:8080', false],
    ['https://hooks.example.com/x', 'hooks.example.com:443', true],
    ['http://[::1]:9/x', '[::1]:9', true],
  ])('%s is named by %s: %s', (url, pattern, expected) => {
    expect(isNamedHost(new URL(url), [pattern])).toBe(expected);
  });

  test.each([
    ['no URL', 'hooks.example.com/x', []],
    ['another scheme', 'file:///etc/passwd', []],
    ['a private address', 'http://10.0.0.1/x', []],
    ['a private address in other digits', 'http://0x7f.1/x', []],
    ['one number', 'http://2130706433/x', []],
    ['the metadata service', 'http://169.254.169.254/latest/meta-data', []],
    ['the metadata service, even when named', 'http://169.254.169.254/latest', ['169.254.169.254']],
    ['IPv6 with IPv4 in it', 'http://[::ffff:169.254.169.254]/', []],
    ['a host that is not on the list', 'https://hooks.example.com/secret-path', ['*.example.org']],
  ])('%s is refused for good, without repeating the address', (_name, address, hosts) => {
    const open = (): unknown => destinationOf(address, hosts);
    expect(open).toThrow(expect.objectContaining({ code: 'SERIN_E_INVALID_SPEC', retryable: false }));
    expect(open).not.toThrow(/secret-path|meta-data|passwd/);
  });

  test('a name is judged by the addresses it has', async () => {
    const ask = (hosts: readonly string[]): Promise<Error | null> =>
      new Promise((resolve) => {
        destinationOf('http://localhost/x', hosts).lookup('localhost', {}, (error) => resolve(error));
      });
    expect(await ask([])).toMatchObject({ code: 'SERIN_E_INVALID_SPEC' });
    expect(await ask(['localhost'])).toBeNull();
  });
});
