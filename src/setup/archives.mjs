/** Reads zip and gzipped tar archives with what Node brings, because a small machine has neither unzip nor more. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { gunzipSync, inflateRawSync } from 'node:zlib';

const END_OF_DIRECTORY = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;

/** Entries of a zip archive: name, Unix mode, and its bytes on demand. No zip64 (archives under 4 GB), no encryption. */
export function* zipEntries(/** @type {Buffer} */ zip) {
  let end = zip.length - 22;
  while (end >= 0 && zip.readUInt32LE(end) !== END_OF_DIRECTORY) end -= 1;
  if (end < 0) throw new Error('this is no zip archive');
  const count = zip.readUInt16LE(end + 10);
  let at = zip.readUInt32LE(end + 16);
  for (let index = 0; index < count; index += 1) {
    if (zip.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error('the zip archive is damaged');
    const method = zip.readUInt16LE(at + 10);
    const size = zip.readUInt32LE(at + 20);
    const nameLength = zip.readUInt16LE(at + 28);
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    const mode = zip.readUInt32LE(at + 38) >>> 16;
    const header = zip.readUInt32LE(at + 42);
    yield {
      name,
      mode,
      bytes: () => {
        const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
        const body = zip.subarray(start, start + size);
        if (method === 0) return body;
        if (method === 8) return inflateRawSync(body);
        throw new Error(`the zip archive packs ${name} in an unknown way (${method})`);
      },
    };
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
}

/** Unpacks the entries that `wanted` answers a relative path for; a path that would leave `folder` is refused. */
export function unzip(/** @type {Buffer} */ zip, folder, wanted = (name) => name) {
  for (const entry of zipEntries(zip)) {
    const to = entry.name.endsWith('/') ? undefined : wanted(entry.name);
    if (to === undefined) continue;
    const path = normalize(join(folder, to));
    if (!path.startsWith(normalize(folder) + sep))
      throw new Error(`the archive wants to write outside its folder: ${entry.name}`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, entry.bytes());
    chmodSync(path, entry.mode & 0o111 ? 0o755 : 0o644);
  }
}

/** The bytes of one file in a .tgz, or undefined. Names up to 255 bytes (ustar), which is all npm writes for us. */
export function fileInTgz(/** @type {Buffer} */ tgz, name) {
  const tar = gunzipSync(tgz);
  const text = (from, length) => tar.toString('utf8', from, from + length).replace(/\0.*$/s, '');
  for (let at = 0; at + 512 <= tar.length; ) {
    const prefix = text(at + 345, 155);
    const path = prefix ? `${prefix}/${text(at, 100)}` : text(at, 100);
    if (path === '') return undefined;
    const size = Number.parseInt(text(at + 124, 12).trim() || '0', 8);
    if (path === name) return tar.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return undefined;
}
