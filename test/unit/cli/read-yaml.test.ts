import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readYaml } from '../../../src/cli/analyze/flags.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serin-yaml-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(text: string): Promise<unknown> {
  const file = join(folder, 'file.yaml');
  await writeFile(file, text);
  return readYaml(file, '--filename', 'Release');
}

describe('the object of a file', () => {
  test.each([
    { name: 'alone, whatever it is', text: 'kind: Other', is: { kind: 'Other' } },
    {
      name: 'the only one of its kind',
      text: 'kind: Service\n---\nkind: Release\nn: 1\n',
      is: { kind: 'Release', n: 1 },
    },
    { name: 'beside empty documents', text: '---\n---\nkind: Release\n---\n', is: { kind: 'Release' } },
  ])('is found $name', async ({ text, is }) => {
    expect(await read(text)).toEqual(is);
  });

  test.each([
    { name: 'empty', text: '', says: /holds no object/ },
    { name: 'a list', text: '- a', says: /holds no object/ },
    { name: 'no YAML', text: 'a: [', says: /is no YAML: .+ Correct it there/ },
    { name: 'of other kinds', text: 'kind: A\n---\nkind: B', says: /holds 2 objects, and none is a Release/ },
    { name: 'of two of them', text: 'kind: Release\n---\nkind: Release', says: /holds 2 objects of kind Release/ },
  ])('of a file that is $name is refused in words', async ({ text, says }) => {
    await expect(read(text)).rejects.toThrow(says);
  });
});
