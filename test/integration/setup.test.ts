/** Set-up as people start it, in this checkout, where all is there already. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const runner = fileURLToPath(new URL('../../src/setup/run.mjs', import.meta.url));

function start(...args: readonly string[]) {
  const child = spawn(process.execPath, [runner, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    said.out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said.err += chunk.toString();
  });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, said, ended };
}

describe('npm run …', () => {
  test('runs on the project’s own Node, passes arguments and the exit code on, and says nothing when nothing is to be done', async () => {
    const { said, ended } = start(
      'exec',
      'node',
      '-e',
      'console.log(process.argv.slice(1).join("|"), process.versions.node); process.exit(7)',
      'a b',
      '--flag',
    );
    expect(await ended).toBe(7);
    expect(said.out).toMatch(/^a b\|--flag 24\./);
    expect(said.err).toBe('');
  });

  test('adds less than a second (three on a machine that is busy with other tests)', async () => {
    const startedAt = performance.now();
    await start('exec', 'node', '-e', '0').ended;
    expect(performance.now() - startedAt).toBeLessThan(3_000);
  });

  test.each([
    ['SIGTERM', 3],
    ['SIGINT', 4],
  ] as const)('hands %s on and ends with what the program ends with', async (signal, code) => {
    const script = `process.on('${signal}', () => process.exit(${code})); setInterval(() => 0, 1000); console.log('ready');`;
    const { child, ended } = start('exec', 'node', '-e', script);
    await once(child.stdout, 'data');
    child.kill(signal);
    expect(await ended).toBe(code);
  });

  test('a program that a signal ends is told as shells tell it', async () => {
    expect(await start('exec', 'node', '-e', 'process.kill(process.pid, "SIGKILL")').ended).toBe(137);
  });

  test('an unknown command names those that exist', async () => {
    const { said, ended } = start('demoo');
    expect(await ended).toBe(1);
    expect(said.err).toMatch(/Unknown command "demoo"\. Use one of: demo, test, check/);
  });
});
