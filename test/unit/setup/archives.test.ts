import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { load } from './load.ts';

const { unzip, fileInTgz } = await load<{
  unzip: (zip: Buffer, folder: string, wanted?: (name: string) => string | undefined) => void;
  fileInTgz: (tgz: Buffer, name: string) => Buffer | undefined;
}>('archives.mjs');

interface Entry {
  readonly name: string;
  readonly text: string;
  readonly mode?: number;
  readonly packed?: boolean;
}

/** A zip archive as zip tools write it: local headers with an extra field, then the directory, then the end and a comment. */
function zipOf(entries: readonly Entry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, text, mode = 0o644, packed = true } of entries) {
    const body = packed ? deflateRawSync(text) : Buffer.from(text);
    const [nameBytes, extra] = [Buffer.from(name), Buffer.from([1, 2, 0, 0])];
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(packed ? 8 : 0, 4);
    common.writeUInt32LE(crc32(text), 10);
    common.writeUInt32LE(body.length, 14);
    common.writeUInt32LE(Buffer.byteLength(text), 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const local = Buffer.from(common);
    local.writeUInt16LE(extra.length, 24);
    const header = Buffer.concat([Buffer.from([0x50, 0x4b, 3, 4]), local, nameBytes, extra]);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    common.copy(central, 6);
    central.writeUInt32LE((mode << 16) >>> 0, 38);
    central.writeUInt32LE(at, 42);
    directory.push(central, nameBytes);
    parts.push(header, body);
    at += header.length + body.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...parts, list, end, Buffer.from('a comment')]);
}

function tarOf(entries: readonly { readonly name: string; readonly prefix?: string; readonly text: string }[]): Buffer {
  const blocks = entries.flatMap(({ name, prefix = '', text }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${Buffer.byteLength(text).toString(8).padStart(11, '0')}\0`, 124);
    header.write(prefix, 345);
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(text) / 512) * 512);
    body.write(text);
    return [header, body];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1_024)]));
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serin-archives-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('unzip', () => {
  test('writes packed and plain files, in folders, with the right to run where they have it', () => {
    const long = 'line\n'.repeat(10_000);
    unzip(
      zipOf([
        { name: 'bin/', text: '', packed: false },
        { name: 'bin/tool', text: long, mode: 0o755 },
        { name: 'note.txt', text: 'ümläut', packed: false },
        { name: 'empty', text: '', packed: false },
      ]),
      folder,
    );
    expect(readFileSync(join(folder, 'bin/tool'), 'utf8')).toBe(long);
    expect(readFileSync(join(folder, 'note.txt'), 'utf8')).toBe('ümläut');
    expect(statSync(join(folder, 'bin/tool')).mode & 0o111).toBe(0o111);
    expect(statSync(join(folder, 'note.txt')).mode & 0o111).toBe(0);
    expect(readFileSync(join(folder, 'empty'), 'utf8')).toBe('');
  });

  test('takes only what is wanted, under the name that is wanted', () => {
    const zip = zipOf([
      { name: 'kubectl/kubectl', text: 'k' },
      { name: 'other', text: 'o' },
    ]);
    unzip(zip, folder, (name) => (name === 'kubectl/kubectl' ? 'kubectl' : undefined));
    expect(readFileSync(join(folder, 'kubectl'), 'utf8')).toBe('k');
    expect(existsSync(join(folder, 'other'))).toBe(false);
  });

  test.each(['../outside', 'a/../../outside', '../../../../tmp/outside'])('refuses to leave its folder: %s', (name) => {
    const inner = join(folder, 'inner');
    expect(() => unzip(zipOf([{ name, text: 'x' }]), inner)).toThrow(/outside its folder/);
    expect(existsSync(join(folder, 'outside'))).toBe(false);
  });

  test('says that something is no archive', () => {
    expect(() => unzip(Buffer.from('<html>not found</html>'), folder)).toThrow(/no zip archive/);
    expect(() => unzip(Buffer.alloc(0), folder)).toThrow(/no zip archive/);
  });
});

describe('a file in a .tgz', () => {
  const tgz = tarOf([
    { name: 'package/package.json', text: '{}' },
    { name: 'layer.zip', prefix: 'package/lib', text: 'z'.repeat(1_000) },
    { name: 'package/last', text: 'last' },
  ]);

  test.each([
    ['package/package.json', '{}'],
    ['package/lib/layer.zip', 'z'.repeat(1_000)],
    ['package/last', 'last'],
    ['package/absent', undefined],
  ])('%s', (name, text) => {
    expect(fileInTgz(tgz, name)?.toString()).toBe(text);
  });
});
