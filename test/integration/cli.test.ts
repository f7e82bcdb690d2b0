/** The program as people call it: from a shell that completes, as a plugin of kubectl, and without loading what it does not need. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith, requireTool } from '../support/tools.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

let folder: string;
let environment: Record<string, string | undefined>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serin-cli-'));
  for (const name of ['serin', 'kubectl-serin', 'kubectl_complete-serin']) await symlink(main, join(folder, name));
  const path = [folder, dirname(process.execPath), process.env['PATH']].join(':');
  environment = { ...process.env, PATH: path, HOME: folder, KUBECONFIG: join(folder, 'none') };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The command line as bash hands it over; `COMP_WORDS` splits at =. */
async function completedInBash(words: readonly string[]): Promise<readonly string[]> {
  const script = `source <(serin completion bash); COMP_WORDS=(serin "$@"); COMP_CWORD=$#; _serin; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await run('bash', ['-c', script, 'bash', ...words], { env: environment });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('in bash', () => {
  test.each([
    { words: ['li'], is: ['lint'] },
    { words: ['query', ''], is: ['list', 'show', 'try', 'help'] },
    { words: ['lint', '-o', 'j'], is: ['json'] },
    { words: ['lint', '--output', '=', 'j'], is: ['json'] },
    { words: ['lint', '--output', '='], is: ['text', 'json', 'github'] },
  ])('$words becomes $is', async ({ words, is }) => {
    expect(await completedInBash(words)).toEqual(is);
  });
});

test('help needs neither clients nor schemas nor YAML', async () => {
  const hook = `import { registerHooks } from 'node:module'; registerHooks({ load: (url, context, next) => { console.error(url); return next(url, context); } });`;
  const loader = `data:text/javascript,${encodeURIComponent(hook)}`;
  const { stderr } = await run(process.execPath, ['--import', loader, main, '--help'], { env: environment });
  const loaded = stderr.split('\n').filter((url) => url.startsWith('file:'));
  expect(loaded.length).toBeGreaterThan(10);
  const heavy = loaded.filter((url) =>
    /node_modules\/(?!commander\/)|\/src\/(?!cli\/|main\.ts|errors\.ts|package-files\.ts|user-cache\.ts|api\/meta\.ts)/.test(
      url,
    ),
  );
  expect(heavy).toEqual([]);
});

test.each(['--help', 'query list', 'explain --help'])(
  '%s into a pipe that nobody reads ends without a word',
  async (words) => {
    const { stderr } = await run('bash', ['-c', `serin ${words} | true; exit 0`], { env: environment });
    expect(stderr).toBe('');
  },
);

describeWith(['kubectl'], 'as a plugin of kubectl', () => {
  const kubectl = (...words: readonly string[]) => run(requireTool('kubectl'), [...words], { env: environment });

  test('commands run, and help speaks of kubectl serin', async () => {
    expect((await kubectl('serin', 'version')).stdout).toMatch(/^serin /i);
    expect((await kubectl('serin', '--help')).stdout).toMatch(/^Usage: kubectl serin /);
  });

  test('what they end with is what kubectl ends with', async () => {
    await expect(kubectl('serin', 'lint', '--nonsense')).rejects.toMatchObject({ code: 2 });
  });

  test('kubectl completes them', async () => {
    const { stdout } = await kubectl('__complete', 'serin', 'li');
    expect(stdout).toContain('lint\tfind mistakes');
  });
});
