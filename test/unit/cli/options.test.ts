/** Options that mean nothing in a call, and values of options that several commands have. */
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { readQuery } from '../../../src/cli/analyze/flags.ts';
import { refuseIdle } from '../../../src/cli/idle-options.ts';
import { columnsWithin, formatTable } from '../../../src/cli/table.ts';

describe('an option without effect is refused', () => {
  const called = (...words: readonly string[]): Command =>
    new Command('plan')
      .option('--query <name>', 'what is counted')
      .option('--warm-up <duration>', 'pods are left out this long')
      .option('--from <time>', 'since when', '1h')
      .parse(words, { from: 'user' });
  const idle = ['query', 'warmUp', 'from'];

  test.each([
    [['--query', 'a'], '--query has no effect without --prometheus. Leave it out.'],
    [['--warm-up', '1s', '--from', '2h'], '--warm-up, --from have no effect without --prometheus. Leave them out.'],
  ])('%j', (words, says) => {
    expect(() => refuseIdle(called(...words), idle, 'without --prometheus')).toThrow(says);
  });

  test('unless nobody wrote it, or it has one', () => {
    expect(() => refuseIdle(called(), idle, 'without --prometheus')).not.toThrow();
    expect(() => refuseIdle(called('--query', 'a'), ['warmUp'], 'without --prometheus')).not.toThrow();
  });
});

describe('--query', () => {
  test('is a file, or the name of a query of the library', async () => {
    const named = await readQuery('istio-requests');
    expect(named.source).toBe('istio');
    const file = new URL('../../../queries/istio-requests.yaml', import.meta.url).pathname;
    expect(await readQuery(file)).toEqual(named);
  });

  test.each([
    ['istio-reqests', 'is neither a file nor a query of the library. Did you mean istio-requests?'],
    ['something', 'is neither a file nor a query of the library. `serin query list` shows what is there.'],
    ['missing.yaml', '--query missing.yaml cannot be read'],
  ])('%s is told', async (name, says) => {
    await expect(readQuery(name)).rejects.toThrow(says);
  });
});

describe('a table on a narrow terminal', () => {
  test('loses columns from the right, never the first', () => {
    const table = (columns?: number) => formatTable(['NAME', 'PHASE', 'AGE'], [['web', 'Held', '3m']], columns);
    expect(table()).toBe('NAME   PHASE   AGE\nweb    Held    3m');
    expect(table(17)).toBe('NAME   PHASE\nweb    Held');
    expect(table(3)).toBe('NAME\nweb');
  });

  test.each([
    [18, 3],
    [17, 2],
    [12, 2],
    [11, 1],
    [0, 1],
  ])('of %i columns %i fit', (columns, count) => {
    expect(columnsWithin([4, 5, 3], columns)).toBe(count);
  });
});
