/** `serin test`: series in promtool's notation are read right, judged as in a release, and a failure says what was different. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import type { Fields } from '../../../src/api/fields.ts';
import type { MetricQuerySpec } from '../../../src/api/metric-query.ts';
import { hasPassed, type RanTest, renderGithub, renderJson, renderText } from '../../../src/cli/test/render.ts';
import { rowsOfSeries } from '../../../src/cli/test/rows-of-series.ts';
import { type Evaluator, runTest } from '../../../src/cli/test/run-test.ts';
import { readLabels, readSeries, readValues } from '../../../src/cli/test/series.ts';
import { specsFor } from '../../../src/cli/test/specs.ts';
import { looksLikeTests, readTestFile } from '../../../src/cli/test/test-file.ts';
import { SerinError } from '../../../src/errors.ts';
import type { Series } from '../../../src/metrics/port.ts';

const example = fileURLToPath(new URL('../../../deploy/examples/tests/checkout-test.yaml', import.meta.url));
const exampleText = readFileSync(example, 'utf8');

async function run(text: string, file = example): Promise<readonly RanTest[]> {
  const source = readTestFile(file, text);
  const specs = await specsFor(source);
  return Promise.all(
    source.tests.map(async (each, index) => ({
      source,
      index,
      name: each.name,
      result: await runTest(each, source.interval, specs),
    })),
  );
}

interface Draft {
  tests: {
    interval?: string;
    stable: unknown;
    canary: unknown;
    analysis: { templates: unknown[]; warmUp?: string };
    weights: unknown[];
    input_series: { series: string; values: string }[];
    verdict_test: { eval_time: string; outcome: string; metric?: string; reason?: string }[];
  }[];
}

/** The example with changes; only its first test, unless told. */
function changed(change: (draft: Draft['tests'][number]) => void, index = 0): string {
  const draft = parse(exampleText, { merge: true }) as Draft;
  const chosen = structuredClone(draft.tests[index]);
  if (chosen === undefined) throw new Error(`no test ${index}`);
  change(chosen);
  return stringify({ ...draft, tests: [chosen] });
}

describe('the notation of values', () => {
  test.each([
    { written: '1 2 3', is: [1, 2, 3] },
    { written: '-2+4x3', is: [-2, 2, 6, 10] },
    { written: '1-2x4', is: [1, -1, -3, -5, -7] },
    { written: '1x4', is: [1, 1, 1, 1, 1] },
    { written: '4 _ 7', is: [4, undefined, 7] },
    { written: '_x3 1', is: [undefined, undefined, undefined, 1] },
    { written: '1 stale', is: [1, undefined] },
    { written: ' 0.5+1e1x1\n  -Inf ', is: [0.5, 10.5, -Infinity] },
    { written: 'NaN', is: [Number.NaN] },
  ])('$written', ({ written, is }) => {
    expect(readValues(written)).toEqual(is);
  });

  test.each(['', 'x3', '1+x3', '1 2,3', '{{schema:0}}', '1+1x-3', '0+1x999999999'])(
    'refuses %j with a sentence',
    (written) => {
      expect(readValues(written)).toMatch(/^values .+\. .+\.$/);
    },
  );
});

describe('the notation of series', () => {
  test.each([
    { written: 'up', is: { __name__: 'up' } },
    { written: 'a{b="c", d="e\\"f"}', is: { __name__: 'a', b: 'c', d: 'e"f' } },
    { written: "a:b{c='d'}", is: { __name__: 'a:b', c: 'd' } },
    { written: 'a{le="+Inf",}', is: { __name__: 'a', le: '+Inf' } },
  ])('$written', ({ written, is }) => {
    expect(readLabels(written)).toEqual(is);
  });

  test.each(['', '{a="b"}', 'a{b=~"c"}', 'a{b="c"', 'a{b="c",b="d"}', 'a[5m]', 'sum(a)', 'a b'])(
    'refuses %j with a sentence',
    (written) => {
      expect(readLabels(written)).toMatch(/^series is .+\. Write .+\.$/);
    },
  );
});

describe('which series a query reads', () => {
  const query: MetricQuerySpec = {
    summary: 'x',
    labels: { namespace: 'ns', workload: 'app', pod: 'pod' },
    gauge: { metric: 'g', match: { a: 'x', b: { regex: 'y|z' }, c: { not: 'n' }, d: { notRegex: 'q.*' } } },
  };
  const labels = { __name__: 'g', ns: 'shop', app: 'web', pod: 'p', a: 'x', b: 'y', c: 'm', d: 'r' };
  const span = { firstMs: 10_000, lastMs: 10_000, intervalMs: 10_000, lookbackMs: 20_000 };
  const rowsWith = (over: Readonly<Record<string, string>>) => {
    const series: Series = {
      labels: { ...labels, ...over },
      samples: [
        { timeMs: 5000, value: 4 },
        { timeMs: 10_000, value: 6 },
      ],
    };
    const rows = rowsOfSeries(query, [series], [{ namespace: 'shop', workload: 'web' }], span);
    return rows?.get(10_000)?.get('shop/web')?.pods.get('p')?.increments.plain.get('total');
  };

  test('a gauge is the mean of what was sampled in the interval', () => {
    expect(rowsWith({})).toBe(5);
    expect(rowsWith({ b: 'z', c: '', d: 'rq' })).toBe(5);
  });

  test.each([{ a: 'xx' }, { b: 'yy' }, { c: 'n' }, { d: 'qq' }, { app: 'web2' }, { ns: 'other' }, { __name__: 'gg' }])(
    'not those with %j',
    (over: Readonly<Record<string, string>>) => {
      expect(rowsWith(over)).toBeUndefined();
    },
  );
});

describe('a test file', () => {
  test('the example is as it says', async () => {
    const ran = await run(exampleText);
    expect(renderText(ran)).toMatch(/4 tests, all passed$/);
    expect(ran.every(hasPassed)).toBe(true);
    expect(ran.flatMap(({ result }) => (result.kind === 'judged' ? result.notes : ['broken']))).toEqual([]);
    expect(renderGithub(ran)).toBe('');
  });

  test('a verdict that is not as expected fails, with what it is, why, and since when', async () => {
    const text = changed((draft) => {
      draft.verdict_test = [{ eval_time: '40m', outcome: 'Pass', metric: 'latency' }];
    });
    const ran = await run(text);
    expect(ran.every(hasPassed)).toBe(false);
    const said = renderText(ran);
    expect(said).toContain('expected  Pass of latency');
    expect(said).toContain('got       Fail of orders (ErrorsAboveStable)');
    expect(said).toMatch(/orders: Fail; canary .+ of .+, stable .+; odds .+, aborts at .+/);
    expect(said).toMatch(/Over time: Continue at 30m20s \(25 %\), Fail at 3\dm/);
    const line = text.split('\n').findIndex((each) => each.includes('eval_time')) + 1;
    expect(renderGithub(ran)).toContain(`::error file=${example},line=${line},title=serin test%3A a canary`);
    expect(JSON.parse(renderJson(ran))).toMatchObject({
      passed: false,
      tests: [{ checks: [{ passed: false, got: { outcome: 'Fail' } }] }],
    });
  });

  test.each([{ metric: 'latency' }, { reason: 'LatencyAboveStable' }])(
    'the right outcome for another cause fails: %j',
    async (cause) => {
      const ran = await run(
        changed((draft) => {
          draft.verdict_test = [{ eval_time: '40m', outcome: 'Fail', ...cause }];
        }),
      );
      expect(ran.every(hasPassed)).toBe(false);
    },
  );

  test('series that no metric reads are pointed at, with what would be read', async () => {
    const ran = await run(
      changed((draft) => {
        for (const each of draft.input_series) each.series = each.series.replace('workload=', 'app=');
      }),
    );
    const [first] = ran;
    const notes = first?.result.kind === 'judged' ? first.result.notes.join('\n') : '';
    expect(notes).toContain(
      'input_series[0], input_series[1], input_series[2] and 3 more (checkout_orders_total): no metric reads this.',
    );
    expect(notes).toContain('Metric orders reads checkout_orders_total{namespace="shop", workload="checkout-v1"}');
    expect(notes).toContain('http_request_duration_seconds_bucket{code!=""');
  });

  test('a pod whose counters fall has restarted, and what it counts goes on', async () => {
    const ran = await run(
      changed((draft) => {
        for (const each of draft.input_series) {
          each.values = each.values.replace(/^0\+(\S+)x240$/, '0+$1x140 0+$1x99');
        }
        draft.verdict_test = [{ eval_time: '60m', outcome: 'Pass' }];
      }, 1),
    );
    expect(renderText(ran)).toMatch(/^1 test, passed$/m);
  });

  test('sides that share a workload are told apart by their pods', async () => {
    const shared = (pods: boolean): string =>
      changed((draft) => {
        for (const each of draft.input_series) each.series = each.series.replace(/checkout-v\d"/, 'checkout"');
        draft.stable = 'checkout';
        draft.canary = { workload: 'checkout', ...(pods ? { pods: 'checkout-v2-.*' } : {}) };
        draft.verdict_test = [{ eval_time: '40m', outcome: 'Fail', metric: 'orders' }];
      });
    expect((await run(shared(true))).every(hasPassed)).toBe(true);
    expect((await run(shared(false))).every(hasPassed)).toBe(false);
  });

  test.each([
    {
      why: 'a template that is not there',
      change: (draft: Draft['tests'][number]) => void (draft.analysis.templates = [{ name: 'checkuot' }]),
      says: /analysis\.templates\[0\] names AnalysisTemplate checkuot, which does not exist/,
    },
    {
      why: 'a series that is none',
      change: (draft: Draft['tests'][number]) => void (draft.input_series = [{ series: 'a{', values: '1' }]),
      says: /input_series\[0\]: series is "a\{"/,
    },
    {
      why: 'values that are none',
      change: (draft: Draft['tests'][number]) => void (draft.input_series = [{ series: 'a', values: 'one' }]),
      says: /input_series\[0\]: values hold "one"/,
    },
    {
      why: 'weights out of order',
      change: (draft: Draft['tests'][number]) =>
        void (draft.weights = [
          { from: '5m', weight: 1 },
          { from: '4m', weight: 2 },
        ]),
      says: /weights\[1\]\.from is not after/,
    },
    {
      why: 'a verdict before the first interval',
      change: (draft: Draft['tests'][number]) =>
        void (draft.verdict_test = [
          { eval_time: '5m', outcome: 'Pass' },
          { eval_time: '40m', outcome: 'Fail' },
        ]),
      says: /verdict_test\[0\]\.eval_time is 5m, before the first interval ends \(30m20s\)/,
    },
    {
      why: 'an interval below a second',
      change: (draft: Draft['tests'][number]) => void (draft.interval = '10ms'),
      says: /interval is below 1s/,
    },
  ])('$why makes a test fail, with what to do', async ({ change, says }) => {
    const ran = await run(changed(change));
    expect(ran.every(hasPassed)).toBe(false);
    expect(renderText(ran)).toMatch(says);
    expect(renderGithub(ran)).toMatch(/^::error file=.*line=\d+/);
  });

  describe('metrics with a provider', () => {
    const template = (provider: unknown, more: Readonly<Record<string, unknown>> = {}) => ({
      metrics: [{ name: 'smoke', interval: '1m', count: 3, provider, ...more }],
    });
    const result = async (spec: unknown, values: readonly unknown[], evalTime = '10m') => {
      const text = stringify({
        tests: [
          {
            name: 'smoke',
            analysis: { templates: [{ name: 'smoke' }] },
            measured: [{ metric: 'smoke', values }],
            verdict_test: [{ eval_time: evalTime, outcome: 'Pass' }],
          },
        ],
      });
      const source = readTestFile('t.yaml', text);
      const library = await specsFor(source);
      const specs = { get: (key: string) => (key === 'AnalysisTemplate/smoke' ? (spec as Fields) : library.get(key)) };
      const [only] = source.tests;
      if (only === undefined) throw new Error('no test');
      return runTest(only, source.interval, specs);
    };
    const prometheus = { prometheus: { address: 'http://prometheus:9090', query: 'up' } };
    const condition = { successCondition: 'result[0] >= 0.9' };

    test.each([
      { why: 'good values', spec: template(prometheus, condition), values: [0.95], is: 'Pass' },
      { why: 'a bad value', spec: template(prometheus, condition), values: [0.95, 0.5], is: 'Fail' },
      {
        why: 'a bad value that is forgiven',
        spec: template(prometheus, { ...condition, failureLimit: 1 }),
        values: [0.95, 0.5, 0.95],
        is: 'Pass',
      },
      { why: 'NaN, which is no failure', spec: template(prometheus, condition), values: ['NaN'], is: 'Inconclusive' },
      {
        why: 'an empty answer',
        spec: template(prometheus, { successCondition: 'len(result) == 0 || result[0] > 0' }),
        values: [[]],
        is: 'Pass',
      },
      { why: 'Errors only', spec: template(prometheus, condition), values: [null], is: 'Inconclusive' },
      {
        why: 'JSON',
        spec: template({ web: { url: 'http://web/' } }, { successCondition: 'result.ok' }),
        values: [{ ok: true }],
        is: 'Pass',
      },
      {
        why: 'other JSON',
        spec: template({ web: { url: 'http://web/' } }, { successCondition: 'result.ok' }),
        values: [{ ok: false }],
        is: 'Fail',
      },
      {
        why: 'a job that fails',
        spec: template({ job: { spec: { template: { spec: { containers: [] } } } } }),
        values: ['Failed'],
        is: 'Fail',
      },
      {
        why: 'a job that succeeds',
        spec: template({ job: { spec: { template: { spec: { containers: [] } } } } }),
        values: ['Successful'],
        is: 'Pass',
      },
    ])('$why: $is', async ({ spec, values, is }) => {
      const judged = await result(spec, values);
      expect(judged.kind === 'judged' ? judged.checks[0]?.got.outcome : judged.message).toBe(is);
    });

    test('are measured at their interval, not before', async () => {
      const early = await result(template(prometheus, condition), [0.95], '1m');
      expect(early).toMatchObject({
        checks: [
          { got: { outcome: 'Continue', measures: [{ says: expect.stringMatching(/being measured, 1 of 1/) }] } },
        ],
      });
    });

    test.each([
      { provider: prometheus, values: ['many'], says: /measured\[0\]\.values hold "many"\. Prometheus gives a number/ },
      {
        provider: { job: { spec: { template: { spec: { containers: [] } } } } },
        values: [1],
        says: /A job is Successful or Failed/,
      },
    ])('$values are refused', async ({ provider, values, says }) => {
      const broken = await result(template(provider), values);
      expect(broken.kind === 'broken' ? broken.message : '').toMatch(says);
    });

    test('that do not exist are told', async () => {
      const { metrics } = template(prometheus);
      const broken = await result({ metrics: [{ ...metrics[0], name: 'other' }] }, [1]);
      expect(broken).toMatchObject({
        kind: 'broken',
        message: expect.stringContaining(
          'measured[0].metric is smoke, which asks no provider here. Those that do: other.',
        ),
      });
    });
  });

  test('rates and gauges are judged, too', async () => {
    const series = (name: string, pod: string, values: string) => ({
      series: `${name}{namespace="shop", workload="${pod.slice(0, 2)}", destination_workload_namespace="shop", destination_workload="${pod.slice(0, 2)}", reporter="destination", response_code="200", pod="${pod}", container="app"}`,
      values,
    });
    const text = stringify({
      tests: [
        {
          name: 'restarts',
          namespace: 'shop',
          stable: 'v1',
          canary: 'v2',
          analysis: {
            templates: ['restarts', 'saturation', 'success-rate'].map((name) => ({ name, clusterScope: true })),
          },
          weights: [{ from: '10m', weight: 25 }],
          input_series: [
            series('kube_pod_container_status_restarts_total', 'v1-a', '0x200'),
            series('kube_pod_container_status_restarts_total', 'v2-a', '_x40 0+0.5x160'),
            series('container_memory_working_set_bytes', 'v1-a', '100x200'),
            series('container_memory_working_set_bytes', 'v2-a', '_x40 250x160'),
            series('istio_requests_total', 'v1-a', '0+100x200'),
            series('istio_requests_total', 'v2-a', '_x40 0+100x160'),
          ],
          verdict_test: [
            { eval_time: '50m', outcome: 'Fail' },
            { eval_time: '50m', outcome: 'Pass' },
          ],
        },
      ],
    });
    const said = renderText(await run(text));
    expect(said).not.toContain('expected  Fail');
    expect(said).toMatch(/restarts: Fail; canary 2 restarts\/min, stable 0 restarts\/min; /);
    expect(said).toMatch(/memory: .+; canary 250 B, stable 100 B; /);
  });

  test.each([
    { text: 'tests: [', says: /is no YAML/ },
    { text: 'tests: []\n---\ntests: []', says: /t.yaml:2: .* one YAML document/ },
    { text: '5', says: /holds no tests/ },
    {
      text: 'tests:\n  - name: x\n    input_series: [{series: a, values: 0x5}]\n    verdict_test: [{eval_time: 5m, outcome: Pass}]',
      says: /values is 5\. Write a string, in quotes/,
    },
    { text: 'tests: []', says: /1: tests has too few items/ },
    { text: 'tests:\n  - name: x\n    series: []', says: /:3: tests\[0\] has no field series/ },
    {
      text: 'tests:\n  - name: x\n    input_series: [{series: a, values: "1"}]\n    verdict_test: [{eval_time: 5, outcome: Won}]',
      says: /:4: tests\[0\]\.verdict_test\[0\]\.outcome is "Won"\. Write one of Pass, Fail/,
    },
  ])('$text is refused with file and line', ({ text, says }) => {
    expect(() => readTestFile('t.yaml', text)).toThrow(says);
  });

  test('in a folder, files of other kinds are no tests', () => {
    expect(looksLikeTests(exampleText)).toBe(true);
    expect(looksLikeTests('apiVersion: serin.dev/v1alpha1\nspec:\n  tests: 1')).toBe(false);
    expect(looksLikeTests('rule_files: [a]\ntests:\n  - interval: 1m')).toBe(false);
  });

  test('a series begins at time 0 and has a sample for each interval', () => {
    const series = readSeries({ series: 'a', values: '1 _ 3' }, 1000, 15_000);
    expect(series).toEqual({
      labels: { __name__: 'a' },
      samples: [
        { timeMs: 1000, value: 1 },
        { timeMs: 31_000, value: 3 },
      ],
    });
  });
});

test.each([
  ['what it refuses', new SerinError('SERIN_E_QUERY', 'bad_data: parse error'), 'Metric orders: bad_data: parse error'],
  [
    'that it went away',
    new SerinError('SERIN_E_PROMETHEUS', 'it does not answer'),
    'Metric orders: it does not answer',
  ],
])('a Prometheus that comparisons ask is quoted: %s', async (_, thrown, says) => {
  const source = readTestFile(example, exampleText);
  const [first] = source.tests;
  if (first === undefined) throw new Error('no test');
  let closed = 0;
  const evaluator: Evaluator = {
    isForAll: true,
    open: async () => ({
      ask: () => Promise.reject(new Error('nothing is measured here')),
      source: { instant: () => Promise.reject(thrown), range: () => Promise.reject(thrown) },
      close: async () => void (closed += 1),
    }),
  };
  const result = await runTest(first, source.interval, await specsFor(source), evaluator);
  expect(result).toMatchObject({ kind: 'broken', message: says });
  expect(closed).toBe(1);
});
