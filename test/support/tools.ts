/**
 * External programs that tests start. Set-up records where they are; a suite whose program is not there is skipped by name,
 * or fails when `SERIN_REQUIRE=all` asks for everything.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';
import { readRecord, toolbox } from '../../src/setup/tools.mjs';
import { NOT_RUN } from './not-run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A tool of the table by its own name (`redis`) or by a program it brings (`redis-server`). */
const toolOf = (name: string): (typeof toolbox)[string] | undefined =>
  toolbox[name] ?? Object.values(toolbox).find((tool) => tool.names.includes(name));

/** Where a program is, e.g. `toolPath('redis-server')`; a tool's name stands for its first program. `undefined`: not on this machine. */
export function toolPath(name: string): string | undefined {
  const program = toolbox[name]?.names[0] ?? name;
  const path = readRecord(root)[program];
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** Like `toolPath`, for use inside `describeWith`, where it is known to be there. */
export function requireTool(name: string): string {
  const path = toolPath(name);
  if (path === undefined) throw new Error(`${name} is not set up. Run \`npm test\` once, or: ${adviceFor(name)}`);
  return path;
}

function adviceFor(name: string): string {
  return toolOf(name)?.missing ?? `Install ${name} and put it on PATH.`;
}

/** A suite that needs programs: `describeWith(['redis'], 'the queue on Redis', () => { … requireTool('redis') … })`. */
export function describeWith(names: readonly string[], title: string, body: () => void): void {
  const missing = names.filter((name) => toolPath(name) === undefined);
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  const advice = missing.map((name) => `${name} (${adviceFor(name)})`).join(', ');
  describe(title, () => {
    if (process.env['SERIN_REQUIRE'] === 'all') {
      test(`needs ${missing.join(', ')}`, () => {
        throw new Error(`SERIN_REQUIRE=all, but this machine lacks ${advice}`);
      });
      return;
    }
    test.skip(`${NOT_RUN}${advice}`, () => undefined);
  });
}
