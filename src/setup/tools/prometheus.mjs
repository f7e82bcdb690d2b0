/** Prometheus and promtool 2.40 or newer: the machine's own, else Debian's package unpacked under `.cache/`. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { hasApt, unpackDebian } from '../debian.mjs';
import { installFolder } from '../install-folder.mjs';
import { atLeast, versionOf, which } from '../shell.mjs';

const missing =
  'Install Prometheus 2.40 or newer (Debian: apt-get install prometheus) and put prometheus and promtool on PATH.';

export const prometheus = {
  title: 'Prometheus',
  names: ['prometheus', 'promtool'],
  missing,
  key: () => `debian-${process.arch}`,
  async ensure({ folder, cache, say, signal }) {
    const own = { prometheus: which('prometheus'), promtool: which('promtool') };
    if (own.prometheus && own.promtool && atLeast(await versionOf(own.prometheus, ['--version'], signal), 2, 40))
      return { paths: own };
    if (!hasApt()) return { missing };
    await installFolder(folder, (draft) => unpackDebian(['prometheus'], draft, { cache, say, signal }));
    const bin = join(folder, 'usr', 'bin');
    if (!existsSync(join(bin, 'prometheus'))) return { missing };
    return { paths: { prometheus: join(bin, 'prometheus'), promtool: join(bin, 'promtool') } };
  },
};
