/** Files that belong to the program, wherever its code runs: from `src/` as it is written, or from the bundle in `dist/` (see `bundle.ts`). */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Absolute path of a file or folder of the package, e.g. `queries`; the package's own folder for the empty path. */
export function packageFile(path: string): string {
  let folder = new URL('.', import.meta.url);
  while (!existsSync(new URL('package.json', folder)) && folder.pathname !== '/') folder = new URL('..', folder);
  return fileURLToPath(new URL(path, folder));
}

/** Absolute path of a program of its own, e.g. `queue/embedded-process`, to be started by Node; one of `ENTRIES` of `bundle.ts`. */
export function entryFile(name: string): string {
  return packageFile(import.meta.url.endsWith('.ts') ? `src/${name}.ts` : `dist/${name}.js`);
}
