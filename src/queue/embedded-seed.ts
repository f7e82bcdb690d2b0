/**
 * A new database as an archive. To make one takes PGlite four seconds of a core, to unpack one less than a second: so only the first
 * start of a user makes one. Whatever is wrong with the archive, or with its folder, a database is made anew.
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { PGlite, type PGliteOptions } from '@electric-sql/pglite';

const unpack = promisify(gunzip);

/** A database in memory. `folder`: where the archive is kept; made when it is not there. */
export async function createFromSeed(options: PGliteOptions, folder: string): Promise<PGlite> {
  const file = await seedFile(folder).catch(() => undefined);
  if (file === undefined) return PGlite.create(options);
  try {
    // Unpacked here: PGlite would take the process down over an archive that is cut short.
    const seed = await unpack(await readFile(file));
    return await PGlite.create({ ...options, loadDataDir: new Blob([seed]) });
  } catch {
    await rm(file, { force: true }).catch(() => undefined);
  }
  const database = await PGlite.create(options);
  await keep(database, folder, file).catch(() => undefined);
  return database;
}

/** Another release of PGlite may write its files in another way. */
async function seedFile(folder: string): Promise<string> {
  const about = new URL('../package.json', import.meta.resolve('@electric-sql/pglite'));
  const { version } = JSON.parse(await readFile(about, 'utf8')) as { readonly version: string };
  return join(folder, `pglite-${version}.tar.gz`);
}

/** Whole or not at all: others may read it at the same moment. */
async function keep(database: PGlite, folder: string, file: string): Promise<void> {
  const archive = await database.dumpDataDir('gzip');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, Buffer.from(await archive.arrayBuffer()), { mode: 0o600 });
  await rename(unfinished, file);
}
