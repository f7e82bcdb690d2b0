/**
 * External programs: which exist, where each one is, and getting those that are not there. `.cache/tools.json` maps a program's
 * name to its path; a path below `.cache/` counts only while it is of the version asked for now.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { chromium } from './tools/chromium.mjs';
import { controlplane } from './tools/controlplane.mjs';
import { kubectl } from './tools/kubectl.mjs';
import { prometheus } from './tools/prometheus.mjs';
import { redis } from './tools/redis.mjs';

/** @type {Record<string, {title: string, names: string[], missing: string, key: (root: string) => string, ensure: Function}>} */
export const toolbox = { prometheus, redis, kubectl, controlplane, chromium };

const recordPath = (root) => join(root, '.cache', 'tools.json');

export function readRecord(root) {
  try {
    return JSON.parse(readFileSync(recordPath(root), 'utf8'));
  } catch {
    return {};
  }
}

function writeRecord(root, record) {
  mkdirSync(join(root, '.cache'), { recursive: true });
  const draft = `${recordPath(root)}.tmp-${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(record, null, 2)}\n`);
  renameSync(draft, recordPath(root));
}

const folderOf = (root, tool) => join(root, '.cache', tool, toolbox[tool].key(root));

/** Whether a tool's programs are all recorded, there, and of the version that is asked for now. */
export function isReady(root, tool, record = readRecord(root)) {
  const cache = join(root, '.cache') + sep;
  return toolbox[tool].names.every((name) => {
    const path = record[name];
    if (typeof path !== 'string' || !existsSync(path)) return false;
    return !path.startsWith(cache) || path.startsWith(folderOf(root, tool) + sep);
  });
}

/**
 * Gets the tools that are not ready, side by side, and records them.
 * @returns {Promise<{tool: string, missing: string}[]>} those that cannot be had here, each with what to install
 */
export async function ensureTools(root, tools, progress, signal) {
  const wanted = tools.filter((tool) => !isReady(root, tool));
  const answers = await Promise.all(
    wanted.map(async (tool) => {
      const { title, missing } = toolbox[tool];
      const answer = await progress.task(
        title,
        async (say) => {
          try {
            return await toolbox[tool].ensure({
              root,
              cache: join(root, '.cache'),
              folder: folderOf(root, tool),
              say,
              signal,
            });
          } catch (error) {
            signal?.throwIfAborted();
            return {
              missing,
              because: [error.message, error.output?.split('\n').slice(-8).join('\n')].filter(Boolean).join('\n'),
            };
          }
        },
        (result) => (result.paths ? { ok: true } : { ok: false, note: `not available. ${result.missing}` }),
      );
      if (answer.because) progress.print(answer.because.replace(/^/gm, '    '));
      return { tool, ...answer };
    }),
  );
  const record = readRecord(root);
  for (const { tool, paths } of answers) {
    for (const name of toolbox[tool].names) delete record[name];
    Object.assign(record, paths ?? {});
  }
  if (wanted.length > 0) writeRecord(root, record);
  return answers.filter((answer) => !answer.paths);
}
