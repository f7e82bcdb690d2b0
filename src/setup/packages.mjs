/** Decides whether node_modules is what package-lock.json says, and makes it so with `npm ci` when it is not. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostEnvironment, run } from './shell.mjs';

const packagesIn = (path) => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages ?? {};
  } catch {
    return undefined;
  }
};

/**
 * Why node_modules differs from the lock file, or undefined when it does not.
 * npm leaves out optional packages made for other machines, so those may be absent.
 */
export function mismatch(root) {
  const wanted = packagesIn(join(root, 'package-lock.json'));
  const installed = packagesIn(join(root, 'node_modules', '.package-lock.json'));
  if (wanted === undefined) return 'package-lock.json cannot be read';
  if (installed === undefined) return 'nothing is installed yet';
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.link) continue;
    const has = installed[path];
    if (has === undefined && (entry.optional || entry.devOptional || entry.peer)) continue;
    if (has === undefined) return `${path.replace(/^node_modules\//, '')} is missing`;
    if (has.version !== entry.version || has.integrity !== entry.integrity)
      return `${path.replace(/^node_modules\//, '')} changed`;
  }
  for (const path of Object.keys(installed))
    if (!(path in wanted)) return `${path.replace(/^node_modules\//, '')} is no longer wanted`;
  // The runtime comes by an install script; `npm ci --ignore-scripts` leaves it out.
  if (!existsSync(join(root, 'node_modules', 'node', 'bin', 'node'))) return 'the Node runtime is missing';
  return undefined;
}

/**
 * Installs exactly what the lock file says. `npm ci` refuses a lock file that leaves out packages made for other machines, which
 * npm itself writes when a registry lacks them; `npm install --no-save` then installs the same versions and leaves the file alone.
 */
export async function install(root, { say, signal }) {
  let count = 0;
  const npm = (...args) =>
    run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=http'], {
      cwd: root,
      env: hostEnvironment(),
      signal,
      onLine: (line) => {
        if (/http fetch/.test(line)) say(`${(count += 1)} packages fetched`);
      },
    });
  try {
    await npm('ci');
  } catch (error) {
    const lines = (error.output ?? '').split('\n').filter((line) => !/http fetch|EBADENGINE/.test(line));
    const isOnlyIncomplete =
      lines.some((line) => line.includes('EUSAGE')) &&
      lines.some((line) => /Missing: .* from lock file/.test(line)) &&
      !lines.some((line) => /Invalid: /.test(line));
    if (!isOnlyIncomplete) throw Object.assign(error, { output: lines.join('\n') });
    await npm('install', '--no-save');
  }
}
