import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { load } from './load.ts';

const { withLock } = await load<{
  withLock: <T>(
    root: string,
    onWait: () => void,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ) => Promise<T>;
}>('lock.mjs');
const { installFolder } = await load<{
  installFolder: (folder: string, fill: (draft: string) => Promise<void>) => Promise<void>;
}>('install-folder.mjs');

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'serin-lock-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

test('two set-ups in one folder run one after the other, and the second says that it waits', async () => {
  const order: string[] = [];
  const first = withLock(
    root,
    () => order.push('first waits'),
    undefined,
    async () => {
      order.push('first');
      await sleep(100);
      order.push('first done');
    },
  );
  const second = withLock(
    root,
    () => order.push('second waits'),
    undefined,
    async () => {
      order.push('second');
    },
  );
  await Promise.all([first, second]);
  expect(order).toEqual(['first', 'second waits', 'first done', 'second']);
});

test('a lock of a process that died is taken over', async () => {
  await mkdir(join(root, '.cache'));
  await writeFile(join(root, '.cache/setup.lock'), '999999999');
  expect(
    await withLock(
      root,
      () => undefined,
      undefined,
      () => Promise.resolve('done'),
    ),
  ).toBe('done');
  expect(existsSync(join(root, '.cache/setup.lock'))).toBe(false);
});

test('a failed set-up lets the next one in', async () => {
  await expect(
    withLock(
      root,
      () => undefined,
      undefined,
      () => Promise.reject(new Error('no network')),
    ),
  ).rejects.toThrow('no network');
  expect(
    await withLock(
      root,
      () => undefined,
      undefined,
      () => Promise.resolve('done'),
    ),
  ).toBe('done');
});

test('waiting ends when the process is asked to stop', async () => {
  const release = Promise.withResolvers<void>();
  const holding = withLock(
    root,
    () => undefined,
    undefined,
    () => release.promise,
  );
  await expect(
    withLock(
      root,
      () => undefined,
      AbortSignal.timeout(50),
      () => Promise.resolve(),
    ),
  ).rejects.toThrow();
  release.resolve();
  await holding;
});

test('a folder appears only when it is complete, and a failed try leaves nothing', async () => {
  const folder = join(root, 'tool/key');
  const half = installFolder(folder, async (draft) => {
    await writeFile(join(draft, 'half'), '');
    throw new Error('cut off');
  });
  await expect(half).rejects.toThrow('cut off');
  expect(existsSync(folder)).toBe(false);
  let fills = 0;
  const fill = async (draft: string): Promise<void> => {
    fills += 1;
    expect(existsSync(folder)).toBe(false);
    await writeFile(join(draft, 'whole'), '');
  };
  await installFolder(folder, fill);
  await installFolder(folder, fill);
  expect(fills).toBe(1);
  expect(existsSync(join(folder, 'whole'))).toBe(true);
});
