/** redis-server and redis-cli 7 or newer: the machine's own, else Debian's packages with their libraries under `.cache/`. */
import { chmodSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasApt, unpackDebian } from '../debian.mjs';
import { installFolder } from '../install-folder.mjs';
import { atLeast, versionOf, which } from '../shell.mjs';

const missing =
  'Install Redis 7 or newer (Debian: apt-get install redis-server) and put redis-server and redis-cli on PATH.';

/** Folders of shared libraries below an unpacked root, e.g. `usr/lib/x86_64-linux-gnu`. */
const libraryFolders = (root) =>
  ['usr/lib', 'lib'].flatMap((parent) => {
    const folder = join(root, parent);
    return existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => name.includes('-linux-gnu'))
          .map((name) => join(parent, name))
      : [];
  });

/** Shell scripts that start the unpacked programs with their libraries, wherever the checkout is moved to. */
function writeStarters(root) {
  const libraries = libraryFolders(root)
    .map((folder) => `$here/${folder}`)
    .join(':');
  for (const name of ['redis-server', 'redis-cli']) {
    const script = `#!/bin/sh\nhere=$(dirname -- "$(readlink -f -- "$0")")\nLD_LIBRARY_PATH="${libraries}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" exec "$here/usr/bin/${name}" "$@"\n`;
    writeFileSync(join(root, name), script);
    chmodSync(join(root, name), 0o755);
  }
}

export const redis = {
  title: 'Redis',
  names: ['redis-server', 'redis-cli'],
  missing,
  key: () => `debian-${process.arch}`,
  async ensure({ folder, cache, say, signal }) {
    const own = { 'redis-server': which('redis-server'), 'redis-cli': which('redis-cli') };
    if (
      own['redis-server'] &&
      own['redis-cli'] &&
      atLeast(await versionOf(own['redis-server'], ['--version'], signal), 7, 0)
    )
      return { paths: own };
    if (!hasApt()) return { missing };
    await installFolder(folder, async (draft) => {
      await unpackDebian(['redis-server', 'redis-tools'], draft, { cache, say, signal, libraries: true });
      writeStarters(draft);
    });
    const paths = { 'redis-server': join(folder, 'redis-server'), 'redis-cli': join(folder, 'redis-cli') };
    return atLeast(await versionOf(paths['redis-server'], ['--version'], signal), 7, 0) ? { paths } : { missing };
  },
};
