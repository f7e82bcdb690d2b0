/**
 * Debian packages without root and without touching the system: `apt-get download` and `dpkg -x` into a folder of our own.
 * When the machine's package lists are missing or name versions that are gone, a private copy of the lists is fetched.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run, which } from './shell.mjs';

/** True where Debian's (or Ubuntu's) package tools are at hand. */
export const hasApt = () => which('apt-get') !== undefined && which('dpkg') !== undefined;

/** Options that keep everything apt writes inside `cache`. The sandbox user of root's apt may not write there. */
function privateOptions(cache) {
  const home = join(cache, 'apt');
  for (const folder of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(home, folder), { recursive: true });
  const settings = {
    'Dir::State::lists': join(home, 'lists'),
    'Dir::Cache': join(home, 'cache'),
    'APT::Sandbox::User': process.getuid?.() === 0 ? 'root' : '',
    'Acquire::Retries': '2',
    'Acquire::http::Timeout': '20',
    'Acquire::https::Timeout': '20',
    'Acquire::Languages': 'none',
  };
  return Object.entries(settings).flatMap(([key, value]) => (value ? ['-o', `${key}=${value}`] : []));
}

let privateLists;
/** Fetches private lists at most once per run; several tools may ask at the same time. */
function updatePrivateLists(cache, signal) {
  // A source of the machine that does not answer is none of our business; what is missing shows at the download.
  privateLists ??= run('apt-get', ['update', '-q', ...privateOptions(cache)], { signal, timeoutMs: 180_000 }).catch(
    () => '',
  );
  return privateLists;
}

/** All libraries that `packages` need, found through their dependencies; the C library is always there. */
async function withLibraries(packages, options, signal) {
  const all = new Set(packages);
  let frontier = [...packages];
  while (frontier.length > 0) {
    const said = await run('apt-cache', ['depends', '--important', ...options, ...frontier], { signal });
    const named = [...said.matchAll(/^ {1,2}\|?(?:Pre)?Depends: (\S+)$/gm)].map((match) => match[1]);
    frontier = named.filter(
      (name) => /^(lib|lua)/.test(name) && !/^(libc6|libgcc-s1|libcrypt1)$/.test(name) && !all.has(name),
    );
    for (const name of frontier) all.add(name);
  }
  return [...all];
}

async function download(packages, folder, options, { libraries, signal }) {
  const all = libraries ? await withLibraries(packages, options, signal) : packages;
  await run('apt-get', ['download', '-q', ...options, ...all], { cwd: folder, signal, timeoutMs: 300_000 });
}

/**
 * Unpacks Debian packages into `folder`.
 * @param {readonly string[]} packages
 * @param {string} folder
 * @param {{cache: string, say: (note: string) => void, signal?: AbortSignal, libraries?: boolean}} options `libraries`: with every library they need
 */
export async function unpackDebian(packages, folder, { cache, say, signal, libraries = false }) {
  const debs = join(folder, '.debs');
  mkdirSync(debs, { recursive: true });
  say('downloading');
  const asRoot = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
  try {
    await download(packages, debs, asRoot, { libraries, signal });
  } catch {
    signal?.throwIfAborted();
    say('fetching package lists');
    await updatePrivateLists(cache, signal);
    say('downloading');
    await download(packages, debs, privateOptions(cache), { libraries, signal });
  }
  say('unpacking');
  for (const deb of readdirSync(debs).filter((name) => name.endsWith('.deb'))) {
    await run('dpkg', ['-x', join(debs, deb), folder], { signal });
  }
  rmSync(debs, { recursive: true, force: true });
}
