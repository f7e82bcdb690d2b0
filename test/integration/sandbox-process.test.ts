/** A sandbox leaves nothing behind, however its parent or itself ends; and its API server fails on command. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TYPES } from '../../src/api/meta.ts';
import { systemClock } from '../../src/clock.ts';
import { webApp, webDeployment } from '../../src/sandbox/apps/web.ts';
import { startSandbox } from '../../src/sandbox/cluster.ts';
import { describeWith, requireTool } from '../support/tools.ts';

const parent = fileURLToPath(new URL('../support/sandbox-parent.ts', import.meta.url));

describeWith(['prometheus'], 'a sandbox as a process', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'serin-test-'));
  });
  afterEach(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  test.each([
    { title: 'Ctrl-C', signal: 'SIGINT' },
    { title: 'kill -9', signal: 'SIGKILL' },
  ] as const)('is gone with its parent after $title', async ({ signal }) => {
    const program = spawn(process.execPath, [parent, requireTool('prometheus'), dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const line = await new Promise<string>((resolve, reject) => {
      program.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString('utf8')));
      program.once('exit', () => reject(new Error('the program ended')));
    });
    const found = JSON.parse(line) as { dir: string; prometheusPid: number; pid: number };
    expect(existsSync(found.dir)).toBe(true);
    expect([found.prometheusPid, found.pid].every(isAlive)).toBe(true);
    program.kill(signal);
    await eventually(async () => {
      expect([found.prometheusPid, found.pid].some(isAlive)).toBe(false);
      expect(await readdir(dir)).toEqual([]);
    });
  });

  test('that is killed takes Prometheus and its folder with it, and calls to it say so', async () => {
    const sandbox = await startSandbox({ seed: 'killed', prometheusBinary: requireTool('prometheus'), dir });
    process.kill(sandbox.pid, 'SIGKILL');
    await eventually(async () => {
      expect(isAlive(sandbox.prometheusPid ?? 0)).toBe(false);
      expect(await readdir(dir)).toEqual([]);
    });
    await expect(sandbox.loadCounts()).rejects.toMatchObject({ code: 'SERIN_E_ABORTED' });
    await sandbox.stop();
  });

  test('that cannot start says why and leaves nothing', async () => {
    const starting = startSandbox({ seed: 'x', prometheusBinary: join(dir, 'no-such-program'), dir });
    await expect(starting).rejects.toMatchObject({ code: 'SERIN_E_PROMETHEUS' });
    expect(await readdir(dir)).toEqual([]);
  });

  test.each([
    { title: 'errors', fault: { status: 500 } },
    { title: 'watches that were forgotten', fault: { gone: true, cutWatches: true } },
    { title: 'a partition', fault: { partition: true } },
  ])('traffic flows on through $title of the API server, and later changes are acted on', async ({ fault }) => {
    const sandbox = await startSandbox({ seed: 'outage', prometheusBinary: requireTool('prometheus'), dir });
    const names = { name: 'web', namespace: 'shop' };
    const readyReplicas = async (): Promise<unknown> => {
      const found = await sandbox.kube.get({ type: TYPES.deployment, namespace: 'shop', name: 'web-v1' });
      return (found?.['status'] as { readyReplicas?: number } | undefined)?.readyReplicas;
    };
    await sandbox.apply(webApp({ ...names, versions: { v1: { replicas: 2 } } }));
    await eventually(async () => expect(await readyReplicas()).toBe(2));
    await sandbox.startLoad({ name: 'web', rps: 100, host: 'web.shop.example' });
    await sandbox.setApiFault(fault);
    await systemClock.sleep(2_000);
    await sandbox.setApiFault();
    await sandbox.apply([webDeployment(names, 'v1', { replicas: 3 })]);
    await eventually(async () => expect(await readyReplicas()).toBe(3));
    const counts = await sandbox.stopLoad('web');
    expect(counts.sent).toBeGreaterThan(150);
    expect(counts).toMatchObject({ failed: 0, byStatus: { 200: counts.sent } });
    expect(await sandbox.troubles()).toEqual([]);
    await sandbox.stop();
  });

  test('its API server fails on command and recovers', async () => {
    const sandbox = await startSandbox({ seed: 'faults', prometheusBinary: requireTool('prometheus'), dir });
    const list = (): Promise<unknown> => sandbox.kube.list(TYPES.deployment, { namespace: 'default' });
    await list();
    await sandbox.setApiFault({ status: 500, path: '/deployments' });
    await expect(list()).rejects.toMatchObject({ code: 'SERIN_E_KUBERNETES' });
    await sandbox.setApiFault();
    await list();
    await expect(sandbox.stopLoad('nobody')).rejects.toMatchObject({ code: 'SERIN_E_NOT_FOUND' });
    await sandbox.stop();
    expect(await readdir(dir)).toEqual([]);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function eventually(check: () => Promise<void>): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await check();
      return;
    } catch (thrown) {
      if (tries > 400) throw thrown;
      await systemClock.sleep(100);
    }
  }
}
