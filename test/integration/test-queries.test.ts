/** `serin test` with a real Prometheus: queries of the provider are evaluated on the series of the test, and nothing is left behind. */
import { mkdtemp, readdir, readFile, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { Fields } from '../../src/api/fields.ts';
import { type Evaluator, runTest, type TestResult } from '../../src/cli/test/run-test.ts';
import { specsFor } from '../../src/cli/test/specs.ts';
import { readTestFile, type WrittenTest } from '../../src/cli/test/test-file.ts';
import { throwAwayPrometheus } from '../../src/cli/test/throw-away.ts';
import type { MetricSource } from '../../src/metrics/port.ts';
import { describeWith, requireTool } from '../support/tools.ts';

const RATE =
  'sum(rate(requests_total{workload="canary",code=~"5.."}[2m])) / sum(rate(requests_total{workload="canary"}[2m]))';

const aTest = (prometheus: Fields, over: Partial<WrittenTest> = {}, metric: Fields = {}): [WrittenTest, Fields] => [
  {
    name: 'a test',
    analysis: { templates: [{ name: 'share' }] },
    weights: [{ from: '2m', weight: 50 }],
    input_series: [
      { series: 'requests_total{workload="canary",code="200"}', values: '0+100x80' },
      { series: 'requests_total{workload="canary",code="500"}', values: '0x20 10+50x60' },
    ],
    verdict_test: [
      { eval_time: '5m', outcome: 'Continue' },
      { eval_time: '9m', outcome: 'Fail', metric: 'share' },
    ],
    ...over,
  } as WrittenTest,
  {
    metrics: [
      {
        name: 'share',
        interval: '1m',
        count: 8,
        successCondition: 'result[0] < 0.05',
        ...metric,
        provider: { prometheus },
      },
    ],
  },
];

describeWith(['prometheus', 'promtool'], 'queries of a test', () => {
  let programs = { prometheus: '', promtool: '' };
  let folder = '';
  const run = async ([written, template]: [WrittenTest, Fields], signal = new AbortController().signal) => {
    const specs = { get: (key: string) => (key === 'AnalysisTemplate/share' ? template : undefined) };
    return runTest(written, '15s', specs, throwAwayPrometheus(programs, signal));
  };
  const shown = (result: TestResult): unknown =>
    result.kind === 'broken' ? result.message : result.checks.map(({ isMet, got }) => (isMet ? 'met' : got.says));

  beforeAll(async () => {
    programs = { prometheus: requireTool('prometheus'), promtool: requireTool('promtool') };
    folder = await mkdtemp(join(tmpdir(), 'serin-queries-'));
    vi.stubEnv('TMPDIR', folder);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    expect(await readdir(folder)).toEqual([]);
    await rmdir(folder);
  });

  test('are evaluated at the time of each measurement, whatever address the template names', async () => {
    const result = await run(aTest({ address: 'http://nobody.example:9090', query: RATE }));
    expect(shown(result)).toEqual(['met', 'met']);
    expect(result).toMatchObject({ kind: 'judged', notes: [] });
  });

  test('may be range queries and scalars', async () => {
    const rangeQuery = { start: 'now() - duration("2m")', end: 'now()', step: '30s' };
    const range = aTest(
      { query: 'requests_total{code="200"}', rangeQuery },
      {},
      { successCondition: 'len(result) == 5 && result[4] - result[0] == 800' },
    );
    expect(
      shown(await run([{ ...range[0], verdict_test: [{ eval_time: '12m', outcome: 'Pass' }] }, range[1]])),
    ).toEqual(['met']);
    const scalar = aTest({ query: 'scalar(sum(requests_total))' }, {}, { count: 1, successCondition: 'result == 800' });
    expect(
      shown(await run([{ ...scalar[0], verdict_test: [{ eval_time: '8m', outcome: 'Pass' }] }, scalar[1]])),
    ).toEqual(['met']);
  });

  test('that Prometheus refuses are Errors with its words, and measured goes before', async () => {
    const wrong = aTest({ query: 'sum(rate(requests_total[5m]' });
    const refused = await run([{ ...wrong[0], verdict_test: [{ eval_time: '9m', outcome: 'Pass' }] }, wrong[1]]);
    expect(shown(refused)).toEqual([expect.stringMatching(/bad_data: .*parse error/)]);
    const written = { ...wrong[0], measured: [{ metric: 'share', values: [0.01] }] };
    expect(shown(await run([{ ...written, verdict_test: [{ eval_time: '12m', outcome: 'Pass' }] }, wrong[1]]))).toEqual(
      ['met'],
    );
  });

  test('of comparisons are asked as well where that is wanted, and say the same as the series themselves', async () => {
    const file = new URL('../../deploy/examples/tests/checkout-test.yaml', import.meta.url).pathname;
    const source = readTestFile(file, await readFile(file, 'utf8'));
    const specs = await specsFor(source);
    const signal = new AbortController().signal;
    const lag = (pod: string, values: string) => ({
      series: `nodejs_eventloop_lag_p99_seconds{namespace="default",workload="${pod.slice(0, -2)}",pod="${pod}"}`,
      values,
    });
    const gauge = {
      name: 'a gauge',
      analysis: { templates: [{ name: 'lag', clusterScope: true }] },
      weights: [{ from: '30m', weight: 50 }],
      input_series: [lag('stable-a', '0.010+0.00001x240'), lag('stable-b', '0.011x240'), lag('canary-a', '0.010x240')],
      verdict_test: [{ eval_time: '50m', outcome: 'Continue' }],
    } as unknown as WrittenTest;
    const withGauge = {
      get: (key: string) =>
        key === 'ClusterAnalysisTemplate/lag'
          ? { metrics: [{ name: 'lag', critical: true, compare: { query: 'express-event-loop-lag' } }] }
          : specs.get(key),
    };
    for (const written of [...source.tests.slice(0, 2), gauge]) {
      const asked: string[] = [];
      const real = throwAwayPrometheus(programs, signal, true);
      const watched: Evaluator = {
        isForAll: true,
        open: async (series) => {
          const opened = await real.open(series);
          const range: MetricSource['range'] = (query, ...rest) => {
            asked.push(query);
            return opened.source.range(query, ...rest);
          };
          const instant: MetricSource['instant'] = (query, ...rest) => {
            asked.push(query);
            return opened.source.instant(query, ...rest);
          };
          return { ...opened, source: { ...opened.source, range, instant } };
        },
      };
      const alone = await runTest(written, source.interval, withGauge);
      expect(alone.kind, written.name).toBe('judged');
      expect(await runTest(written, source.interval, withGauge, watched), written.name).toEqual(alone);
      expect(asked.length).toBeGreaterThan(0);
    }
  });

  test('interrupted, it leaves no process and no folder', async () => {
    const stop = new AbortController();
    const written = aTest({ query: RATE });
    const running = run(written, stop.signal);
    for (let found = 0; found === 0; found = (await readdir(folder)).length) await new Promise(setImmediate);
    stop.abort(new Error('stopped'));
    await expect(running).rejects.toThrow();
    expect(await readdir(folder)).toEqual([]);
  });

  test('a program that is no promtool is told by its name', async () => {
    programs = { ...programs, promtool: '/bin/false' };
    await expect(run(aTest({ query: RATE }))).rejects.toThrow(/promtool \(\/bin\/false\) could not load the series/);
    programs = { ...programs, promtool: requireTool('promtool') };
  });
});
