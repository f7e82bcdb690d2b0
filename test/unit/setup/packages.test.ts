import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { load } from './load.ts';

const { mismatch } = await load<{ mismatch: (root: string) => string | undefined }>('packages.mjs');

interface Entry {
  readonly version: string;
  readonly integrity?: string;
  readonly optional?: boolean;
}
type Packages = Readonly<Record<string, Entry>>;

const wanted: Packages = {
  '': { version: '0.1.0' },
  'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
  'node_modules/b': { version: '2.0.0', integrity: 'sha512-b' },
  'node_modules/only-mac': { version: '3.0.0', optional: true },
};
const { '': _root, 'node_modules/only-mac': _mac, ...installed } = wanted;

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'serin-packages-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function lay(packages: Packages | undefined, hasNode = true): Promise<void> {
  await writeFile(join(root, 'package-lock.json'), JSON.stringify({ packages: wanted }));
  if (packages === undefined) return;
  await mkdir(join(root, 'node_modules/node/bin'), { recursive: true });
  await writeFile(join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages }));
  if (hasNode) await writeFile(join(root, 'node_modules/node/bin/node'), '');
}

test.each<[string, Packages | undefined, boolean, string | undefined]>([
  ['all is there, but what is made for other machines', installed, true, undefined],
  ['nothing is there', undefined, true, 'nothing is installed yet'],
  ['one is missing', { 'node_modules/a': installed['node_modules/a'] as Entry }, true, 'b is missing'],
  ['one has another version', { ...installed, 'node_modules/b': { version: '2.0.1' } }, true, 'b changed'],
  [
    'one has other bytes',
    { ...installed, 'node_modules/b': { version: '2.0.0', integrity: 'sha512-x' } },
    true,
    'b changed',
  ],
  ['one is too many', { ...installed, 'node_modules/c': { version: '1.0.0' } }, true, 'c is no longer wanted'],
  ['the runtime was not installed', installed, false, 'the Node runtime is missing'],
])('packages are compared with the lock file: %s', async (_name, packages, hasNode, says) => {
  await lay(packages, hasNode);
  expect(mismatch(root)).toBe(says);
});
