/** How a run ends: what could not run here by name, then the one plain line that any CI reads. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serin-closing-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function runFixture(fixture: string, require?: string): Promise<{ code: number; lines: readonly string[] }> {
  const config = join(folder, 'vitest.config.mjs');
  const settings = {
    root,
    test: {
      include: [`test/support/fixtures/${fixture}.fixture.ts`],
      reporters: [join(root, 'test/support/plain-reporter.ts')],
    },
  };
  await writeFile(config, `export default ${JSON.stringify(settings)};`);
  const { SERIN_REQUIRE: _require, VITEST: _vitest, ...env } = process.env;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '-c', config],
      { cwd: root, env: { ...env, ...(require === undefined ? {} : { SERIN_REQUIRE: require }) } },
      (error, stdout) => resolve({ code: error === null ? 0 : Number(error.code), lines: stdout.trim().split('\n') }),
    );
  });
}

test('what a machine lacks is skipped, named once with what to install, and no failure', async () => {
  const { code, lines } = await runFixture('missing-tool');
  expect(code).toBe(0);
  expect(lines.slice(-2)).toEqual([
    'not run here: no-such-program (Install no-such-program and put it on PATH.)',
    '1 passed, 0 failed, 2 skipped',
  ]);
});

test('with SERIN_REQUIRE=all it is a failure', async () => {
  const { code, lines } = await runFixture('missing-tool', 'all');
  expect(code).toBe(1);
  expect(lines.at(-1)).toBe('1 passed, 2 failed');
});

test('a test that passed on its second try is named with what went wrong at first, and one that never passed fails', async () => {
  const { code, lines } = await runFixture('second-try');
  expect(code).toBe(1);
  const closing = lines.slice(-2);
  expect(closing[0]).toMatch(
    /^passed on its second try: test\/support\/fixtures\/second-try\.fixture\.ts > is in time at the second try \(.*expected 1 to be 2/,
  );
  expect(closing[1]).toBe('1 passed, 1 failed');
});
