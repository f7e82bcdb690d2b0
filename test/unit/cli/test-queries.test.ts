import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { ResolvedMeasure } from '../../../src/api/measure.ts';
import { takeMeasures } from '../../../src/cli/test/measured.ts';
import { openMetrics } from '../../../src/cli/test/open-metrics.ts';
import { findPrograms } from '../../../src/cli/test/throw-away.ts';

describe('series as OpenMetrics', () => {
  test('carry labels, times and every number, and end as the format wants', () => {
    const labels = { __name__: 'up', path: 'a"b\\c\nd' };
    const samples = [1, 0.1, NaN, Infinity, -Infinity].map((value, k) => ({ timeMs: 1000 + 15_500 * k, value }));
    expect(
      openMetrics([
        { labels, samples },
        { labels: { __name__: 'plain' }, samples: [{ timeMs: 0, value: 1e21 }] },
      ]),
    ).toBe(
      [
        'up{path="a\\"b\\\\c\\nd"} 1 1.000',
        'up{path="a\\"b\\\\c\\nd"} 0.1 16.500',
        'up{path="a\\"b\\\\c\\nd"} NaN 32.000',
        'up{path="a\\"b\\\\c\\nd"} +Inf 47.500',
        'up{path="a\\"b\\\\c\\nd"} -Inf 63.000',
        'plain 1e+21 0.000',
        '# EOF',
        '',
      ].join('\n'),
    );
  });
});

describe('the programs', () => {
  const dir = mkdtempSync(join(tmpdir(), 'programs-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const both = join(dir, 'both');
  const half = join(dir, 'half');
  for (const folder of [both, half]) mkdirSync(folder);
  for (const file of [join(both, 'prometheus'), join(both, 'promtool'), join(half, 'prometheus')])
    writeFileSync(file, '');
  const none = (): undefined => undefined;

  test('are those named, those of the set-up, or those on PATH; without both there are none', () => {
    const found = { prometheus: join(both, 'prometheus'), promtool: join(both, 'promtool') };
    expect(findPrograms(found.prometheus, '', none)).toEqual(found);
    expect(findPrograms(undefined, `${half}:${both}`, none)).toEqual({
      ...found,
      prometheus: join(half, 'prometheus'),
    });
    expect(findPrograms(undefined, half, none)).toBeUndefined();
    expect(findPrograms(undefined, both, (name) => `/set-up/${name}`)).toEqual({
      prometheus: '/set-up/prometheus',
      promtool: '/set-up/promtool',
    });
  });

  test.each([
    { named: join(dir, 'nothing'), says: /nothing does not exist/ },
    { named: join(half, 'prometheus'), says: /there is no promtool/ },
  ])('$named is refused', ({ named, says }) => expect(() => findPrograms(named, '', none)).toThrow(says));
});

test('what is asked is asked at the measurements’ times, and the results go on until the next', async () => {
  const measure: ResolvedMeasure = {
    name: 'm',
    intervalMs: 60_000,
    count: 3,
    successCondition: 'result[0] < 5',
    provider: { prometheus: { query: 'up' } },
  };
  const times: number[] = [];
  const resultsAt = await takeMeasures(
    [measure],
    [],
    { startedAtMs: 0, lastMs: 600_000 },
    async (_, task, before, nowMs) => {
      times.push(nowMs);
      const at = new Date(nowMs).toISOString();
      expect(task.measure.name).toBe('m');
      expect(before?.count ?? 0).toBe(times.length - 1);
      return { measurement: { phase: 'Successful', value: '[1]', startedAt: at, finishedAt: at }, isReal: true };
    },
  );
  expect(times).toEqual([0, 61_000, 122_000]);
  expect([0, 60_999, 61_000, 130_000].map((atMs) => resultsAt(atMs)[0]?.count)).toEqual([1, 1, 2, 3]);
  expect(resultsAt(130_000)[0]?.phase).toBe('Successful');
});
