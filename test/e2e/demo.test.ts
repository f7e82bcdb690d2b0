/** The demo as a program: what it prints without a terminal, how it ends, and that nothing of it stays. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { scrapeConfig } from '../../src/cli/demo/scraped.ts';
import { systemClock } from '../../src/clock.ts';
import { createPrometheus } from '../../src/sandbox/prometheus/prometheus.ts';
import { until } from '../support/e2e.ts';
import { describeWith, requireTool } from '../support/tools.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

describeWith(['prometheus'], 'the demo', () => {
  test.concurrent('tells one story in plain lines, and ends with a summary and 0', async () => {
    const demo = await startDemo();
    expect(await demo.exit).toBe(0);
    const output = demo.output();
    expect(output).not.toContain('\u001b');
    expect(output).not.toMatch(/undefined|NaN|\[object/);
    expect(output).toMatch(/^Serin demo · seed 7 · profile "demo"/);
    expect(output).toMatch(/\d\d:\d\d:\d\d {2}shop\/web\s+Progressing\s+canary 10 %\s+step \d\/6/);
    expect(output).toContain('│ '); // the Slack message
    expect(output).toMatch(/RELEASE\s+VERDICT\s+AFTER\s+DECIDED ON\s+REASON\s+EXPECTED/);
    expect(output).toMatch(/\nweb\s+Aborted\s+\d+\S*.*\s+errors\s+ErrorsAboveStable\s+✓ as it should\n/);
    expect(output.trimEnd()).toMatch(/1 release in .* after set-up\.$/);
    await expectNothingLeft(demo.folder);
  });

  test.concurrent('plays on a Prometheus that runs already, takes it away from nobody else, and leaves it no targets', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'serin-prometheus-'));
    const targetsFile = join(folder, 'targets.json');
    await writeFile(join(folder, 'targets.yml'), scrapeConfig(targetsFile, 1_000));
    const prometheus = await createPrometheus({
      binary: requireTool('prometheus'),
      dir: folder,
      configFile: join(folder, 'targets.yml'),
      scrapeIntervalMs: 1_000,
      clock: systemClock,
      signal: AbortSignal.timeout(120_000),
    });
    try {
      await prometheus.start();
      const demo = await startDemo('outage', '--prometheus', prometheus.url, '--targets', targetsFile);
      expect(await demo.exit, demo.output()).toBe(0);
      expect(demo.output()).toMatch(/Prometheus starts again; pay is Held/);
      expect((await fetch(`${prometheus.url}/-/ready`)).ok).toBe(true);
      expect(existsSync(targetsFile)).toBe(false);
      await expectNothingLeft(demo.folder);
    } finally {
      await prometheus.kill();
      await rm(folder, { recursive: true, force: true });
    }
  });

  test.concurrent.for([
    { moment: 'while it sets the stage', text: '✓ sandbox' },
    { moment: 'while it runs', text: 'release A' },
  ])('leaves no process and no folder behind after Ctrl-C $moment', async ({ text }) => {
    const demo = await startDemo();
    await until(
      `it says "${text}"`,
      () => Promise.resolve(demo.output().includes(text)),
      () => demo.output(),
    );
    demo.interrupt();
    expect(await demo.exit).toBe(130);
    expect(demo.output()).toContain('Stopped.');
    await expectNothingLeft(demo.folder);
  });
});

interface Demo {
  readonly folder: string;
  output(): string;
  /** Ctrl-C in a terminal: the whole process group hears it. */
  interrupt(): void;
  readonly exit: Promise<number | NodeJS.Signals>;
}

async function startDemo(story = 'errors', ...words: readonly string[]): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), 'serin-demo-'));
  const child = spawn(process.execPath, [main, 'demo', '--only', story, '--seed', '7', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    // What makes the next start quicker is kept in the home folder, on purpose.
    env: { PATH: process.env['PATH'], HOME: homedir(), TMPDIR: folder },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  }
  return {
    folder,
    output: () => output,
    interrupt: () => process.kill(-(child.pid ?? 0), 'SIGINT'),
    exit: new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal ?? 1))),
  };
}

/** Everything that the demo starts inherits its temporary folder, so whoever still runs is found by that. */
async function expectNothingLeft(folder: string): Promise<void> {
  const stillRunning = async (): Promise<readonly string[]> => {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
        if (!environment.includes(`TMPDIR=${folder}`)) return [];
        return [(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')];
      }),
    );
    return found.flat().filter((command) => command !== '');
  };
  let left: readonly string[] = [];
  await until(
    'no process is left',
    async () => (left = await stillRunning()).length === 0,
    () => left.join('\n'),
    15_000,
  );
  expect(await readdir(folder)).toEqual([]);
  await rm(folder, { recursive: true });
}
