import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnalysisRunSpec } from '../../../src/api/analysis-run.ts';
import type { AnalysisTemplateSpec } from '../../../src/api/analysis-template.ts';
import type { MetricQuerySpec } from '../../../src/api/metric-query.ts';
import type { AnalysisSpec } from '../../../src/api/release.ts';
import { resolveRun, type ResolveRunInput } from '../../../src/judge/resolve-run.ts';
import { shareEvidence } from '../../../src/judge/shares.ts';
import { labRelease, libraryQuery, libraryTemplate } from '../../support/library.ts';

const counts = libraryQuery('istio-requests');
const histogram = libraryQuery('istio-latency');

function resolve(
  analysis: Partial<AnalysisSpec> = {},
  change: Partial<ResolveRunInput> = {},
): ReturnType<typeof resolveRun> {
  return resolveRun({
    release: labRelease({ analysis }),
    revision: 'abc',
    attempt: 1,
    arms: { stable: { workload: 'web-v1' }, canary: { workload: 'web-v2' } },
    template: (name, clusterScope) =>
      clusterScope && name === 'success-and-latency' ? libraryTemplate(name) : undefined,
    query: (name) => (name.startsWith('istio-') ? libraryQuery(name) : undefined),
    startedAtMs: 1_700_000_000_000,
    gridMs: 10_000,
    ...change,
  });
}

function run(...args: Parameters<typeof resolve>): AnalysisRunSpec {
  const spec = resolve(...args);
  if ('reason' in spec) throw new Error(spec.message);
  return spec;
}

function refusal(...args: Parameters<typeof resolve>): string {
  const finding = resolve(...args);
  if (!('reason' in finding)) throw new Error('it was accepted');
  return `${finding.reason}: ${finding.message}`;
}

/** A Release with one template of its own. */
function withTemplate(template: AnalysisTemplateSpec): Parameters<typeof resolve> {
  return [{ templates: [{ name: 'own' }], args: [] }, { template: () => template }];
}

describe('the run of a release', () => {
  test('has every number resolved, and the queries in full', () => {
    const spec = run();
    expect(spec).toMatchObject({
      release: { name: 'web', uid: 'release-web' },
      revision: 'abc',
      attempt: 1,
      startedAt: '2023-11-14T22:13:20.000Z',
      rule: {
        preset: 'recommended',
        intervalMs: 10_000,
        warmUpMs: 90_000,
        dwellMs: 180_000,
        minRequests: 200,
        horizonMs: 21_600_000,
      },
      metrics: [
        {
          name: 'errors',
          critical: true,
          queryName: 'istio-requests',
          query: counts,
          fail: { ratio: 1.1, difference: 0 },
          pass: { ratio: 1.25, difference: 0.0002 },
        },
        {
          name: 'latency',
          critical: false,
          queryName: 'istio-latency',
          query: histogram,
          pass: { ratio: 1.5, difference: 0.0005 },
          sloMs: 100,
        },
      ],
    });
  });

  test('shares its evidence .5 to .3 between critical errors and latency, all of it', () => {
    const shares = run().metrics.map(({ share }) => share);
    expect(shares[0]).toBeCloseTo(5 / 8);
    expect(shares[1]).toBeCloseTo(3 / 8);
  });

  test('what the Release says beats the defaults', () => {
    const spec = run({
      interval: '30s',
      warmUp: '0s',
      dwell: '1m',
      atMost: '1.5h',
      history: '5m',
      minRequests: 7,
      preset: 'sharp',
      falseAbort: '1%',
    });
    expect(spec.rule).toMatchObject({
      intervalMs: 30_000,
      warmUpMs: 0,
      dwellMs: 60_000,
      atMostMs: 5_400_000,
      historyMs: 300_000,
      minRequests: 7,
    });
    expect(spec.metrics[0]?.fail.ratio).toBe(1);
  });

  test('attempts of one revision together stay within the false-abort probability', () => {
    const levels = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => run({ falseAbort: '5%' }, { attempt }).rule.falseAbort);
    expect(levels[0]).toBeCloseTo(0.05 * 0.63, 12);
    expect(levels.reduce((sum, level) => sum + level, 0)).toBeLessThan(0.05);
    expect(levels).toEqual(levels.toSorted((a, b) => b - a));
  });

  test('attempts of one revision together pass by mistake hardly oftener than the first one may', () => {
    const levels = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => run({}, { attempt }).rule.falsePass);
    expect(levels.slice(0, 2)).toEqual([0.05, 0.05 * 0.2]);
    expect(levels.reduce((sum, level) => sum + level, 0)).toBeLessThan(0.0625);
  });

  test('arguments of the Release are put in as text and never read again', () => {
    const template: AnalysisTemplateSpec = {
      args: [
        { name: 'code', value: '5..' },
        { name: 'name', value: 'x' },
      ],
      metrics: [{ name: 'errors', compare: { inline: { ...counts, summary: '{{args.name}} {{ args.code }}' } } }],
    };
    const args = [{ name: 'name', value: '{{args.code}} "}) or vector(1)' }];
    const spec = run({ templates: [{ name: 'own' }], args }, { template: () => template });
    expect(spec.metrics[0]?.query.summary).toBe('{{args.code}} "}) or vector(1) 5..');
  });

  test.each<{ name: string; call: Parameters<typeof resolve>; says: RegExp }>([
    {
      name: 'an unknown template',
      call: [{ templates: [{ name: 'nope' }] }],
      says: /TemplateNotFound: Release shop\/web: spec\.analysis\.templates\[0\] names AnalysisTemplate nope.*Create it/,
    },
    {
      name: 'a template of the other scope',
      call: [{ templates: [{ name: 'success-and-latency' }] }],
      says: /Set clusterScope: true/,
    },
    {
      name: 'metrics of the same name in two templates',
      call: [
        { templates: [{ name: 'one' }, { name: 'two' }], args: [] },
        { template: () => ({ metrics: [{ name: 'm', compare: { query: 'istio-requests' } }] }) },
      ],
      says: /AnalysisTemplate two: .*AnalysisTemplate one: .*same name 'm'.*Rename one/,
    },
    {
      name: 'an unknown query',
      call: withTemplate({ metrics: [{ name: 'm', compare: { query: 'nope' } }] }),
      says: /QueryNotFound: .*spec\.metrics\[0\] \(m\)\.compare\.query names MetricQuery nope/,
    },
    {
      name: 'an interval off the grid',
      call: [{ interval: '15s' }],
      says: /spec\.analysis\.interval is "15s".*multiple of the service's grid of 10s/,
    },
    { name: 'an interval of zero', call: [{ interval: '0s' }], says: /interval is "0s"/ },
    { name: 'a false-abort probability of zero', call: [{ falseAbort: '0%' }], says: /falseAbort is "0%"/ },
    { name: 'a duration that is none', call: [{ warmUp: 'soon' }], says: /spec\.analysis\.warmUp is "soon"/ },
    {
      name: 'a pass margin within the fail margin',
      call: withTemplate({ metrics: [{ name: 'm', compare: { query: 'istio-requests', fail: { ratio: 2 } } }] }),
      says: /pass margin.*wider than the fail margin.*Raise compare\.pass/,
    },
    {
      name: 'an SLO on counts',
      call: withTemplate({ metrics: [{ name: 'm', compare: { query: 'istio-requests', slo: { le: '250ms' } } }] }),
      says: /compare\.slo\.le is set, but the query counts events/,
    },
    {
      name: 'an argument without a value',
      call: withTemplate({
        args: [{ name: 'slo' }],
        metrics: [{ name: 'm', compare: { query: 'istio-latency', slo: { le: '{{args.slo}}' } } }],
      }),
      says: /args\.slo was not resolved: it has no value.*spec\.analysis\.args/,
    },
    {
      name: 'an argument that is not declared',
      call: withTemplate({ metrics: [{ name: 'm', compare: { query: '{{args.q}}' } }] }),
      says: /InvalidSpec: AnalysisTemplate own: /,
    },
    {
      name: 'a label that is an expression',
      call: withTemplate({
        metrics: [{ name: 'm', compare: { inline: { ...counts, labels: { workload: 'w"} or x{' } } } }],
      }),
      says: /InvalidSpec: AnalysisTemplate own: .*labels/,
    },
    {
      name: 'no analysis',
      call: [
        {},
        { release: { ...labRelease({}), spec: { workload: {}, strategy: {} } } as ResolveRunInput['release'] },
      ],
      says: /has no spec\.analysis/,
    },
  ])('refuses $name, naming object, field and fix', ({ call, says }) => {
    expect(refusal(...call)).toMatch(says);
  });

  test('never throws, whatever stands in templates and queries', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (template, query) => {
        const own = { templates: [{ name: 'own' }] };
        const metrics = { metrics: [{ name: 'm', compare: { query: 'q' } }] };
        resolve(own, { template: () => template as unknown as AnalysisTemplateSpec });
        resolve(own, { template: () => metrics, query: () => query as unknown as MetricQuerySpec });
      }),
    );
  });
});

describe('shares of the evidence', () => {
  test('add up to 1 for any metrics, and every metric has one', () => {
    const metric = fc.record({ critical: fc.boolean(), query: fc.constantFrom(counts, histogram) });
    fc.assert(
      fc.property(fc.array(metric, { minLength: 1, maxLength: 32 }), (metrics) => {
        const shares = shareEvidence(metrics);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
        expect(Math.min(...shares)).toBeGreaterThan(0);
      }),
    );
  });

  test.each([
    { metrics: [{ critical: true, query: counts }], shares: [1] },
    {
      metrics: [
        { critical: true, query: counts },
        { critical: false, query: histogram },
        { critical: false, query: counts },
        { critical: false, query: counts },
      ],
      shares: [0.5, 0.3, 0.1, 0.1],
    },
    {
      metrics: [
        { critical: false, query: counts },
        { critical: false, query: histogram },
      ],
      shares: [0.4, 0.6],
    },
  ])('$shares', ({ metrics, shares }) => {
    for (const [index, share] of shareEvidence(metrics).entries())
      expect(share).toBeCloseTo(shares[index] ?? Number.NaN, 12);
  });
});

describe('the run of an analysis step', () => {
  const measured: AnalysisTemplateSpec = {
    metrics: [
      {
        name: 'smoke',
        interval: '60s',
        count: 31,
        successCondition: 'result == "ok"',
        provider: { web: { url: 'http://web/selftest' } },
      },
    ],
  };
  const step = (requests: 'both' | 'canary' | 'none', templates = [{ name: 'own' }]): Partial<ResolveRunInput> => ({
    share: 0.1,
    step: { field: 'spec.strategy.canary.steps[2].analysis', templates, args: [], requests },
  });
  const own = (requests: 'both' | 'canary' | 'none', metrics: AnalysisTemplateSpec): Parameters<typeof resolve> => [
    {},
    { ...step(requests), template: () => metrics },
  ];
  const compared = (against?: { constant: string }): AnalysisTemplateSpec => ({
    metrics: [{ name: 'errors', compare: { query: 'istio-requests', ...(against === undefined ? {} : { against }) } }],
  });

  test('has its templates, the numbers of the release, and its share of the error probability', () => {
    const spec = run(...own('both', compared()));
    const whole = run();
    expect(spec.metrics.map(({ name }) => name)).toEqual(['errors']);
    expect(spec.rule).toEqual({ ...whole.rule, falseAbort: whole.rule.falseAbort * 0.1, share: 0.1 });
  });

  test('that only measures passes when all is measured, and has the time for it', () => {
    expect(run(...own('none', measured)).rule).toMatchObject({ dwellMs: 0, atMostMs: 1_800_000 });
  });

  test('has arguments of its own before those of the release', () => {
    const template: AnalysisTemplateSpec = {
      args: [{ name: 'path' }, { name: 'host' }],
      metrics: [
        {
          name: 'smoke',
          successCondition: 'result == "ok"',
          provider: { web: { url: 'http://{{args.host}}/{{args.path}}' } },
        },
      ],
    };
    const args = [
      { name: 'path', value: 'release' },
      { name: 'host', value: 'web' },
    ];
    const spec = run(
      { args },
      {
        step: {
          ...(step('both').step as NonNullable<ResolveRunInput['step']>),
          args: [{ name: 'path', value: 'step' }],
        },
        template: () => template,
      },
    );
    expect(spec.measures?.[0]?.provider).toEqual({ web: { url: 'http://web/step' } });
  });

  test('needs no analysis of the release', () => {
    const { analysis: _analysis, ...spec } = labRelease({}).spec;
    const found = resolve({}, { ...step('none'), release: { ...labRelease({}), spec }, template: () => measured });
    expect('reason' in found ? found.message : found.measures?.length).toBe(1);
  });

  test.each([
    ['none', undefined, /spec\.metrics\[0\] \(errors\) is compared, and at this step the canary has no requests\. Put/],
    ['canary', undefined, /stable has no requests of the same kind/],
    ['none', { constant: '1%' }, /the canary has no requests/],
  ] as const)('cannot compare where requests are %s', (requests, against, says) => {
    expect(refusal(...own(requests, compared(against)))).toMatch(says);
  });

  test('compares with a bound where only the canary has requests', () => {
    expect(run(...own('canary', compared({ constant: '1%' }))).metrics).toHaveLength(1);
  });

  test('names the step when a template is missing', () => {
    expect(refusal({}, step('both', [{ name: 'smoke' }]))).toMatch(
      /^TemplateNotFound: Release shop\/web: spec\.strategy\.canary\.steps\[2\]\.analysis\.templates\[0\] names AnalysisTemplate smoke/,
    );
  });
});

describe('a run without a control', () => {
  const inline = {
    summary: 'x',
    labels: { workload: 'w' },
    counts: counts.counts ?? { total: { metric: 'a' }, bad: { metric: 'b' } },
  };
  const bound = { name: 'bound', compare: { inline, against: { constant: '1%' } } };
  const compared = { name: 'compared', compare: { inline } };
  const switched = (metrics: AnalysisTemplateSpec['metrics']): Parameters<typeof resolve> => {
    const release = labRelease({});
    const { analysis: _none, ...spec } = release.spec;
    const field = 'spec.strategy.blueGreen.analysis.after';
    const templates = [{ name: 'own' }];
    return [
      {},
      {
        release: { ...release, spec: { ...spec, traffic: { service: { name: 'web' } }, strategy: { blueGreen: {} } } },
        template: () => ({ metrics }) as AnalysisTemplateSpec,
        share: 0.5,
        step: { field, templates, args: [], settings: { falseAbort: '4%', dwell: '1m' }, requests: 'canary' },
      },
    ];
  };

  test('lets bounds decide and shows what is compared', () => {
    const { control, metrics, rule } = run(...switched([bound, compared]));
    expect(control).toBe('none');
    expect(metrics.map(({ name, share, required }) => [name, share, required ?? true])).toEqual([
      ['bound', 1, true],
      ['compared', 0, false],
    ]);
    expect(rule.dwellMs).toBe(60_000);
    expect(rule.falseAbort).toBeCloseTo(run({ falseAbort: '4%' }).rule.falseAbort / 2, 12);
  });

  test('is refused where nothing could decide', () => {
    expect(refusal(...switched([compared]))).toMatch(
      /after\.templates compare with stable, which has no requests at the same time.* Add one with a bound/,
    );
  });

  test('is no other strategy’s', () => {
    expect(run().control).toBeUndefined();
  });
});

describe('the run of an A/B test', () => {
  const tested = (share?: number): Partial<ResolveRunInput> => {
    const release = labRelease({ analysis: {} });
    const match = { cookies: { group: { exact: 'b' } }, ...(share === undefined ? {} : { share }) };
    return { release: { ...release, spec: { ...release.spec, strategy: { abTest: { match, duration: '2h' } } } } };
  };

  test('decides by comparisons where stable gets a share of the same requests', () => {
    const spec = run({}, tested(50));
    expect(spec.control).toBeUndefined();
    expect(spec.metrics).toEqual(run().metrics);
  });

  test('shows them where all that match go to the new version, and needs something else that decides', () => {
    expect(refusal({}, tested())).toMatch(/compare with stable, which has no requests at the same time/);
    const template: AnalysisTemplateSpec = {
      metrics: [
        { name: 'errors', compare: { query: 'istio-requests' } },
        { name: 'bound', compare: { query: 'istio-requests', against: { constant: '1%' } } },
      ],
    };
    const spec = run({}, { ...tested(), template: () => template });
    expect(spec.control).toBe('none');
    expect(spec.metrics).toMatchObject([
      { name: 'errors', share: 0, required: false },
      { name: 'bound', share: 1 },
    ]);
  });
});
