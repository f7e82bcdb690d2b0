/** The embedded database by itself: parallel clients, transactions, and staying small. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EmbeddedDatabase } from '../../src/queue/embedded-database.ts';

const opened: EmbeddedDatabase[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.stop()));
});

async function start(tendEveryMs?: number, seedFolder?: string): Promise<EmbeddedDatabase> {
  const prepare = async (database: EmbeddedDatabase): Promise<void> => {
    await database.query('CREATE TABLE counter (id int PRIMARY KEY, value int NOT NULL)');
  };
  const database = await EmbeddedDatabase.start(undefined, prepare, tendEveryMs, seedFolder);
  opened.push(database);
  return database;
}

test('statements of parallel clients do not mix, errors reach the one that asked', async () => {
  const database = await start();
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      if (index % 10 === 3)
        return database.query('SELECT no_such_column', []).then(
          () => 'ok',
          (error: Error) => error.message,
        );
      const { rows } = await database.query<{ n: number }>('SELECT $1::int AS n', [index]);
      return rows[0]?.n;
    }),
  );
  for (const [index, answer] of answers.entries()) {
    if (index % 10 === 3) expect(answer).toMatch(/no_such_column/);
    else expect(answer).toBe(index);
  }
});

test('a transaction keeps the others waiting, also when it is rolled back or its client is let go', async () => {
  const database = await start();
  await database.query('INSERT INTO counter VALUES (1, 0)');
  const client = await database.connect();
  await client.query('BEGIN');
  await client.query('UPDATE counter SET value = 41');
  const seen = database.query<{ value: number }>('SELECT value FROM counter').then(({ rows }) => rows[0]?.value);
  await client.query('ROLLBACK');
  expect(await seen).toBe(0);

  const bank = async (): Promise<void> => {
    const own = await database.connect();
    await own.query('BEGIN');
    const { rows } = await own.query<{ value: number }>('SELECT value FROM counter');
    await own.query('UPDATE counter SET value = $1', [(rows[0]?.value ?? 0) + 1]);
    await own.query('COMMIT');
    own.release();
  };
  await Promise.all(Array.from({ length: 20 }, bank));
  expect((await database.query<{ value: number }>('SELECT value FROM counter')).rows[0]?.value).toBe(20);

  const forgetful = await database.connect();
  await forgetful.query('BEGIN');
  await forgetful.query('DELETE FROM counter');
  forgetful.release();
  expect((await database.query('SELECT value FROM counter')).rows).toHaveLength(1);
});

test('stays small however often rows change', async () => {
  const sizeAfter = async (database: EmbeddedDatabase): Promise<number> => {
    await database.query('INSERT INTO counter SELECT n, 0 FROM generate_series(1, 500) n');
    for (let round = 1; round <= 25; round += 1) {
      await database.query('DELETE FROM counter');
      await database.query('INSERT INTO counter SELECT n + $1::int * 1000, 0 FROM generate_series(1, 500) n', [round]);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const { rows } = await database.query<{ size: number }>(`SELECT pg_total_relation_size('counter')::int AS size`);
    return rows[0]?.size ?? 0;
  };
  const untended = await sizeAfter(await start(600_000));
  const tended = await sizeAfter(await start(20));
  expect(tended).toBeLessThan(untended / 3);
});

describe('the archive of a new database', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'serin-seed-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const works = async (seedFolder: string): Promise<void> => {
    const database = await start(undefined, seedFolder);
    await database.query('INSERT INTO counter VALUES (1, 7)');
    expect((await database.query<{ value: number }>('SELECT value FROM counter')).rows).toEqual([{ value: 7 }]);
  };
  const kept = async (): Promise<readonly string[]> => (await readdir(folder)).map((name) => join(folder, name));

  test('is kept by the first start, and starts a database of its own for each later one', async () => {
    await works(folder);
    const [file = '', ...others] = await kept();
    expect(others).toEqual([]);
    const { mtimeMs } = await stat(file);
    await works(folder);
    expect((await stat(file)).mtimeMs).toBe(mtimeMs);
  });

  test('that is broken is made anew', async () => {
    await works(folder);
    const [file = ''] = await kept();
    const whole = await readFile(file);
    await writeFile(file, whole.subarray(0, whole.length / 2));
    await works(folder);
    expect((await readFile(file)).length).toBeGreaterThan(whole.length * 0.9);
  });

  test('that cannot be kept is done without', async () => {
    const file = join(folder, 'no-folder');
    await writeFile(file, '');
    await works(join(file, 'below'));
  });
});
