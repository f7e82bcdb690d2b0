/** Fills a folder of `.cache/` in one go: what is half done is never seen under the final name, and a failed try leaves nothing. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * @param {string} folder final place; when it exists nothing is done
 * @param {(draft: string) => Promise<void>} fill
 */
export async function installFolder(folder, fill) {
  if (existsSync(folder)) return;
  const draft = `${folder}.tmp-${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  mkdirSync(dirname(folder), { recursive: true });
  try {
    await fill(draft);
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
