import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { wholeScrapes } from '../../../src/cli/analyze/from-prometheus.ts';
import { analyseRecording, type Rule } from '../../../src/cli/analyze/judge-recording.ts';
import { readMeasurements } from '../../../src/cli/analyze/measurements.ts';
import { refuseImplausible } from '../../../src/cli/analyze/plausible.ts';
import { type Recording, recordingOf } from '../../../src/cli/analyze/recording.ts';
import { EXIT_CODES, renderReport } from '../../../src/cli/analyze/report.ts';
import { summarise } from '../../../src/cli/analyze/summary.ts';
import { readCsv, readJson } from '../../../src/cli/analyze/table-file.ts';
import { widthOf } from '../../../src/cli/screen/style.ts';
import { renderSvg } from '../../../src/judge/render-svg.ts';
import { seeded } from '../../support/random.ts';

const START_MS = Date.parse('2026-01-05T12:00:00Z');
const RULE: Rule = { metric: 'errors', preset: 'recommended', isCritical: false, falseAbort: 0.05 };

function fromCsv(text: string, intervalMs?: number): Recording {
  const recording = recordingOf(readMeasurements(readCsv(text, 'a.csv')), 'a.csv', intervalMs);
  refuseImplausible(recording, 'a.csv');
  return recording;
}

const at = (k: number): string => new Date(START_MS + k * 10_000).toISOString();

/** `pods` stable pods and one canary, ten seconds a row. */
function longCsv(rate: { canary: number; stable: number }, intervals: number, seed = 1): string {
  const random = seeded(seed);
  const rows = ['time,arm,pod,total,bad,weight'];
  for (let k = 0; k < intervals; k++) {
    for (let pod = 0; pod < 4; pod++) rows.push(`${at(k)},stable,s${pod},200,${random.poisson(200 * rate.stable)},20`);
    // The canary begins after 40 intervals of stable alone.
    if (k >= 40) rows.push(`${at(k)},canary,c0,200,${random.poisson(200 * rate.canary)},20`);
  }
  return rows.join('\n');
}

const header = 'time,arm,total,bad';
const wide = 'time,canary_total,canary_bad,stable_total,stable_bad';

describe('a file that cannot be judged is refused, with the place and what to do', () => {
  test.each([
    ['an empty file', '', 'a.csv is empty. Write a header line'],
    ['a header alone', header, 'a.csv has no rows. Add one for each interval below the header.'],
    ['no header', `${at(0)},1,2\n1,2,3`, 'a.csv line 1 has numbers where the names'],
    ['a missing column', 'time,arm,total\n1,canary,2', 'a.csv lacks the column bad (it has time, arm, total).'],
    ['a missing wide column', 'time,canary_total,canary_bad,stable_total\n1,2,3,4', 'lacks the column stable_bad'],
    ['a column twice', 'time,arm,total,total,bad\n1,canary,1,1,1', 'a.csv line 1 names column total twice.'],
    ['too few cells', `${header}\n${at(0)},canary,5`, 'a.csv line 2 has 3 cells, the header has 4.'],
    ['an open quote', `${header}\n${at(0)},"canary,5,1`, 'a.csv line 2 opens a quote that is never closed.'],
    [
      'another arm',
      `${header}\n${at(0)},baseline,5,1`,
      'a.csv line 2 column arm is "baseline". Write canary or stable.',
    ],
    ['no time', `${header}\nyesterday,canary,5,1`, 'a.csv line 2 column time is "yesterday". Write a time such as'],
    ['a date that does not exist', `${header}\n2026-13-45,canary,5,1`, 'a.csv line 2 column time is "2026-13-45".'],
    [
      'a negative count',
      `${header}\n${at(0)},canary,5,-1`,
      'a.csv line 2 column bad is "-1". Counts cannot be negative',
    ],
    ['a count in words', `${header}\n${at(0)},canary,many,1`, 'a.csv line 2 column total is "many". Write a count'],
    ['an infinite count', `${header}\n${at(0)},canary,+Inf,1`, 'a.csv line 2 column total is "+Inf". Write a count'],
    ['a hexadecimal count', `${header}\n${at(0)},canary,0x10,1`, 'a.csv line 2 column total is "0x10".'],
    ['more bad than all', `${header}\n${at(0)},canary,5,6`, 'a.csv line 2 column bad is 6, more than total, 5.'],
    ['a weight beyond 100', `${header},weight\n${at(0)},canary,5,1,101`, 'a.csv line 2 column weight is "101".'],
    [
      'times out of order',
      `${wide}\n${at(1)},5,1,5,1\n${at(0)},5,1,5,1`,
      'a.csv line 3 column time is earlier than a.csv line 2 for canary. Sort the rows by time.',
    ],
    [
      'a time twice',
      `${wide}\n${at(0)},5,1,5,1\n${at(0)},5,1,5,1`,
      'a.csv line 3 column time repeats the time of a.csv line 2 for canary.',
    ],
    ['one side only', `${header}\n${at(0)},canary,5,1`, 'a.csv has no rows of the stable.'],
    ['one time only', `${wide}\n${at(0)},5,1,5,1`, 'a.csv has one time only'],
    [
      'a start before the end of the row before',
      `${wide},start\n${at(2)},5,1,5,1,${at(0)}\n${at(3)},5,1,5,1,${at(1)}`,
      'a.csv line 3 column start is before the end of the interval before it',
    ],
    ['a start after its end', `${wide},start\n${at(1)},5,1,5,1,${at(2)}`, 'a.csv line 2 column start is not before'],
  ])('%s', (_, text, says) => expect(() => fromCsv(text)).toThrow(says));

  test('rows closer than the windows are long', () => {
    const rows = Array.from({ length: 5 }, (_, k) => `${at(k)},5,1,5,1`);
    expect(() => fromCsv([wide, ...rows].join('\n'), 60_000)).toThrow(
      'a.csv line 3 column time is 10s after the one before, but the windows are 1m long: they overlap',
    );
  });

  test.each([
    ['no JSON', '{', 'a.json is no JSON'],
    ['nothing', ' ', 'a.json is empty.'],
    ['no list', '{"a": 1}', 'a.json is no list of objects.'],
    ['no object in it', '[1]', 'a.json row 1 is no object.'],
    [
      'a count in words',
      '[{"time": 1, "arm": "canary", "total": "many", "bad": 1}]',
      'a.json row 1 column total is "many". Write a count such as 1200 or 12.5; write null where there is no data.',
    ],
    ['a nested value', '[{"time": {}}]', 'a.json row 1 column time is a list or an object.'],
  ])('JSON: %s', (_, text, says) => expect(() => readMeasurements(readJson(text, 'a.json'))).toThrow(says));

  test('running totals instead of increments', () => {
    const rows = Array.from({ length: 20 }, (_, k) => `${at(k)},${(k + 1) * 10},${k},${(k + 1) * 100},${k}`);
    expect(() => fromCsv([wide, ...rows].join('\n'))).toThrow('only ever grow, like running totals');
  });

  test('sums over windows that overlap, and no healthy recording', () => {
    const random = seeded(7);
    const events = Array.from({ length: 400 }, () => random.poisson(20));
    const row = (bad: number, k: number): string => `${at(k)},2000,${bad},2000,20`;
    const sums = events.slice(5).map((_, k) => events.slice(k, k + 6).reduce((sum, bad) => sum + bad, 0));
    expect(() => fromCsv([wide, ...sums.map(row)].join('\n'))).toThrow('windows overlap, or the numbers are averages');
    expect(fromCsv([wide, ...events.map(row)].join('\n')).intervals).toHaveLength(400);
    const bursts = events.map((bad, k) => (Math.floor(k / 30) % 2 === 0 ? bad : 3 * bad));
    expect(fromCsv([wide, ...bursts.map(row)].join('\n')).intervals).toHaveLength(400);
  });
});

describe('what a file holds', () => {
  test('comments, blank lines, quotes, semicolons, CRLF and a byte order mark are read', () => {
    const text = `\uFEFF# made by hand\r\n"Time";ARM;total;bad\r\n\r\n${at(0)};"canary";5;1\r\n${at(0)};stable;5;1\r\n${at(1)};stable;5;1\r\n`;
    expect(readMeasurements(readCsv(text, 'a.csv')).map(({ where, arm }) => [where, arm])).toEqual([
      ['a.csv line 4', 'canary'],
      ['a.csv line 5', 'stable'],
      ['a.csv line 6', 'stable'],
    ]);
  });

  test.each([
    ['seconds', '1767614400'],
    ['milliseconds', '1767614400000'],
    ['UTC', '2026-01-05T12:00:00Z'],
    ['an offset', '2026-01-05T14:00:00+02:00'],
    ['no zone, which is UTC', '2026-01-05 12:00:00'],
  ])('times as %s', (_, time) => {
    expect(readMeasurements(readCsv(`${header}\n${time},canary,5,1`, 'a.csv'))[0]?.endMs).toBe(START_MS);
  });

  test('CSV and JSON of the same numbers give the same verdict', () => {
    const csv = longCsv({ canary: 0.03, stable: 0.01 }, 160);
    const [names = '', ...rows] = csv.split('\n');
    const objects = rows.map((row) =>
      Object.fromEntries(
        row.split(',').map((cell, k) => [names.split(',')[k], /^\d+$/.test(cell) ? Number(cell) : cell]),
      ),
    );
    const json = recordingOf(readMeasurements(readJson(JSON.stringify({ rows: objects }), 'a.csv')), 'a.csv');
    expect(analyseRecording(json, RULE)).toEqual(analyseRecording(fromCsv(csv), RULE));
  });

  test('intervals without data are left out and said', () => {
    const rows = Array.from({ length: 30 }, (_, k) => (k === 4 ? `${at(k)},NaN,,5,1` : `${at(k)},50,1,50,1`)).toSpliced(
      10,
      2,
    );
    const recording = fromCsv([wide, ...rows].join('\n'));
    expect(recording.intervals[4]?.observation).toMatchObject({ kind: 'skipped', reason: 'NoData' });
    expect(recording.notes.slice(0, 2)).toEqual([
      '1 interval has no data on one side and is left out (first: a.csv line 6).',
      '2 intervals of 10s between the first and the last are not in a.csv; they count as missing.',
    ]);
    expect(analyseRecording(recording, RULE)?.metric.skippedIntervals).toEqual({ NoData: 3 });
  });

  test('any text is judged or refused with a sentence, never anything else', () => {
    const cell = fc.oneof(
      fc.string(),
      fc.double().map(String),
      fc.constantFrom('canary', 'stable', '', 'NaN', at(0), at(1), '5', '"'),
    );
    const text = fc.array(
      fc.array(cell, { minLength: 1, maxLength: 5 }).map((cells) => cells.join(',')),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(text, fc.constantFrom(header, wide, ''), (rows, first) => {
        try {
          const recording = fromCsv([first, ...rows].join('\n'));
          expect(analyseRecording(recording, RULE)?.verdict.outcome).not.toBe('Pass');
        } catch (thrown) {
          expect(thrown).toMatchObject({ code: 'SERIN_E_USAGE', exitCode: 2 });
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('the verdict on a recording', () => {
  test('fails a canary that is three times as bad, and says when a release would have', () => {
    const analysis = analyseRecording(fromCsv(longCsv({ canary: 0.03, stable: 0.01 }, 160)), RULE);
    expect(analysis).toMatchObject({ historyIntervals: 40, verdict: { outcome: 'Fail', reason: 'ErrorsAboveStable' } });
    expect(analysis?.decidedAtMs).toBe(analysis?.verdict.failedAtMs);
    expect(analysis?.metric.uncalibrated).toBeUndefined();
    expect(analysis?.metric.dispersionSource).toBe('stable pods');
  });

  test('passes one that equals stable', () => {
    expect(analyseRecording(fromCsv(longCsv({ canary: 0.01, stable: 0.01 }, 400)), RULE)?.verdict.outcome).toBe('Pass');
  });

  test('stays undecided on little data', () => {
    const analysis = analyseRecording(fromCsv(longCsv({ canary: 0.01, stable: 0.01 }, 44)), RULE);
    expect(analysis?.verdict.outcome).toBe('Continue');
    // A recording has no steps that could be too short.
    expect(analysis?.verdict.says).not.toContain('step');
    expect(EXIT_CODES).toEqual({ Pass: 0, Fail: 3, Inconclusive: 4, Continue: 4 });
  });

  test('is none where the canary has no request', () => {
    expect(analyseRecording(fromCsv(`${wide}\n${at(0)},0,0,5,1\n${at(1)},0,0,5,1`), RULE)).toBeUndefined();
  });

  test('is told as text and as a picture', async () => {
    const recording = fromCsv(longCsv({ canary: 0.03, stable: 0.01 }, 160));
    const analysis = analyseRecording(recording, RULE);
    if (analysis === undefined) throw new Error('There is something to compare.');
    await expect(renderReport(analysis, recording, summarise(recording))).toMatchFileSnapshot(
      'golden/analyze-fail.txt',
    );
    await expect(renderSvg(analysis.picture)).toMatchFileSnapshot('golden/analyze-fail.svg');
  });

  test('is no wider than the terminal: columns go from the right, and sentences are broken', async () => {
    const recording = fromCsv(longCsv({ canary: 0.03, stable: 0.01 }, 160));
    const analysis = analyseRecording(recording, RULE);
    if (analysis === undefined) throw new Error('There is something to compare.');
    const told = (columns: number): string => renderReport(analysis, recording, summarise(recording), columns);
    await expect(`${told(60)}\n\n${told(100)}`).toMatchFileSnapshot('golden/analyze-narrow.txt');
    for (const columns of [40, 53, 60, 80, 100, 120]) {
      expect(Math.max(...told(columns).split('\n').map(widthOf)), String(columns)).toBeLessThanOrEqual(columns);
    }
  });

  test('without anything bad is drawn by the difference, which is known', async () => {
    const recording = fromCsv(longCsv({ canary: 0, stable: 0 }, 160));
    const analysis = analyseRecording(recording, RULE);
    if (analysis === undefined) throw new Error('There is something to compare.');
    const text = renderReport(analysis, recording, summarise(recording));
    expect(text).not.toContain('nothing known');
    expect(text).toContain('canary − stable from');
    expect(renderSvg(analysis.picture)).toContain('class="band"');
  });

  test('time before the canary is time at weight 0, and has its own usual traffic', () => {
    const rows = Array.from({ length: 60 }, (_, k) => {
      const [canary, stable] = k < 30 ? [0, 800 + (k % 5)] : [400 + (k % 5), 400 + (k % 7)];
      return `${at(k)},${canary},0,${stable},0`;
    });
    const recording = fromCsv([wide, ...rows].join('\n'));
    expect([recording.intervals[29]?.weight, recording.intervals[30]?.weight]).toEqual([0, expect.closeTo(50, 0)]);
    expect(summarise(recording).stable?.outliers).toEqual([]);
    expect(recording.notes).toContainEqual(expect.stringContaining('50 % of the requests from its first one on'));
  });

  test.each([
    ['scraped as often', 10_000, 10_000, 10_000],
    ['scraped more often', 10_000, 5000, 10_000],
    ['scraped more rarely', 10_000, 15_000, 15_000],
    ['no multiple of the scrapes', 20_000, 15_000, 30_000],
    ['scrapes that jitter', 10_000, 14_980, 15_000],
    ['scraped every half second', 10_000, 500, 10_000],
    ['nobody knows how often', 10_000, 0, 10_000],
  ])('intervals hold whole scrapes: %s', (_, asked, scraped, taken) => {
    expect(wholeScrapes(asked, scraped)).toBe(taken);
  });

  test('intervals with traffic far from the usual are named', () => {
    const rows = Array.from({ length: 30 }, (_, k) => `${at(k)},${k === 7 ? 5000 : 50 + (k % 5)},1,50,1`);
    expect(summarise(fromCsv([wide, ...rows].join('\n'))).canary).toMatchObject({
      intervals: 30,
      requests: { median: 52 },
      outliers: [START_MS + 70_000],
    });
  });
});
