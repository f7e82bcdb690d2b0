/** Runs made of several templates, arguments from several places, and metrics with providers: as Argo Rollouts puts them together. */
import { describe, expect, test } from 'vitest';
import type { AnalysisRunSpec } from '../../../../src/api/analysis-run.ts';
import type { AnalysisTemplateSpec } from '../../../../src/api/analysis-template.ts';
import type { AnalysisSpec } from '../../../../src/api/release.ts';
import { resolveRun } from '../../../../src/judge/resolve-run.ts';
import { labRelease, libraryQuery } from '../../../support/library.ts';

type Metric = NonNullable<AnalysisTemplateSpec['metrics']>[number];
type Templates = Readonly<Record<string, AnalysisTemplateSpec>>;

const web = (name: string, more: Partial<Metric> = {}): Metric => ({
  name,
  successCondition: 'result.ok',
  provider: { web: { url: 'http://web/selftest' } },
  ...more,
});

/** Templates by `name`, `cluster/name` or `argoproj.io/name`; the Release names those of `names`. */
function resolve(templates: Templates, names: readonly string[], analysis: Partial<AnalysisSpec> = {}) {
  const release = labRelease({ analysis: { args: [], templates: names.map(referenceOf), ...analysis } });
  return resolveRun({
    release: { ...release, metadata: { ...release.metadata, labels: { team: 'shop', 'app.io/part': 'a' } } },
    revision: 'abc',
    attempt: 1,
    arms: { stable: { workload: 'web-v1' }, canary: { workload: 'web-v2' } },
    template: (name, isCluster, group) =>
      templates[`${group === undefined ? '' : `${group}/`}${isCluster ? 'cluster/' : ''}${name}`],
    query: (name) => (name === 'istio-requests' ? libraryQuery(name) : undefined),
    podTemplateHash: { stable: '5449b8c487' },
    startedAtMs: 1_700_000_000_000,
    gridMs: 10_000,
  });
}

function referenceOf(name: string): AnalysisSpec['templates'][number] {
  const last = name.split('/').at(-1) ?? '';
  return {
    name: last,
    ...(name.includes('cluster/') ? { clusterScope: true } : {}),
    ...(name.startsWith('argoproj.io/') ? { group: 'argoproj.io' as const } : {}),
  };
}

function run(...args: Parameters<typeof resolve>): AnalysisRunSpec {
  const spec = resolve(...args);
  if ('reason' in spec) throw new Error(spec.message);
  return spec;
}

function refusal(...args: Parameters<typeof resolve>): string {
  const spec = resolve(...args);
  if (!('reason' in spec)) throw new Error('it was accepted');
  return spec.message;
}

const names = (spec: AnalysisRunSpec): readonly string[] => (spec.measures ?? []).map(({ name }) => name);

describe('metrics with a provider', () => {
  test('are resolved: durations in ms, limits as numbers, conditions and provider as written', () => {
    const template: AnalysisTemplateSpec = {
      args: [
        { name: 'n', value: '5' },
        { name: 'host', value: 'web-canary' },
      ],
      metrics: [
        web('smoke', {
          interval: '1.5m',
          initialDelay: '30s',
          count: '{{args.n}}',
          failureLimit: 1,
          inconclusiveLimit: '2',
          consecutiveErrorLimit: 3,
          provider: { web: { url: 'http://{{ args.host }}/x', timeoutSeconds: 20, unknown: [{ deep: '{{args.n}}' }] } },
        }),
      ],
    };
    expect(run({ own: template }, ['own']).measures).toEqual([
      {
        name: 'smoke',
        intervalMs: 90_000,
        initialDelayMs: 30_000,
        count: 5,
        failureLimit: 1,
        inconclusiveLimit: 2,
        consecutiveErrorLimit: 3,
        successCondition: 'result.ok',
        provider: { web: { url: 'http://web-canary/x', timeoutSeconds: 20, unknown: [{ deep: '5' }] } },
      },
    ]);
  });

  test('stand beside comparisons in one run, and alone in another', () => {
    const both = { metrics: [{ name: 'errors', compare: { query: 'istio-requests' } }, web('smoke')] };
    const mixed = run({ both }, ['both']);
    expect(mixed.metrics.map(({ name, share }) => [name, share])).toEqual([['errors', 1]]);
    expect(names(mixed)).toEqual(['smoke']);
    expect(run({ own: { metrics: [web('smoke')] } }, ['own'])).toMatchObject({ metrics: [], measures: [{}] });
  });

  test('a count that is a word is 0, as Go reads it, and so is one measurement', () => {
    expect(run({ own: { metrics: [web('smoke', { count: 'many' })] } }, ['own']).measures?.[0]?.count).toBe(0);
  });

  const refused: readonly { readonly what: string; readonly metric: Metric; readonly says: RegExp }[] = [
    {
      what: 'no provider that it knows',
      metric: web('m', { provider: { nagios: {} } }),
      says: /nagios is no provider/,
    },
    { what: 'two providers', metric: web('m', { provider: { web: {}, job: {} } }), says: /has web and job. Keep one/ },
    { what: 'an empty one', metric: web('m', { provider: {} }), says: /provider is empty/ },
    ...'kayenta datadog wavefront newRelic cloudWatch graphite influxdb skywalking plugin'.split(' ').map((name) => ({
      what: `provider ${name}, and says what to use instead`,
      metric: web('m', { provider: { [name]: {} } }),
      says: new RegExp(
        `provider\\.${name} is a provider that Serin does not ask\\. Use (compare|web|prometheus|job)`,
        'i',
      ),
    })),
    { what: 'no query', metric: web('m', { provider: { prometheus: {} } }), says: /prometheus\.query is missing/ },
    { what: 'no url', metric: web('m', { provider: { web: {} } }), says: /web\.url is missing/ },
    { what: 'no job', metric: web('m', { provider: { job: {} } }), says: /job\.spec is missing/ },
    {
      what: 'sigv4',
      metric: web('m', {
        provider: { prometheus: { query: 'up', authentication: { sigv4: { region: 'eu' } } } },
      }),
      says: /sigv4 is not supported\. Put an aws-sigv4-proxy/,
    },
    {
      what: 'a body with GET',
      metric: web('m', { provider: { web: { url: 'http://x', jsonBody: {} } } }),
      says: /GET does not send/,
    },
    {
      what: 'a jsonPath without braces',
      metric: web('m', { provider: { web: { url: 'http://x', jsonPath: '$.status' } } }),
      says: /web\.jsonPath is "\$\.status", without braces\. Write "\{\$\.status\}"/,
    },
    { what: 'a bad interval', metric: web('m', { interval: 'soon' }), says: /interval is "soon"/ },
    { what: 'a count without interval', metric: web('m', { count: 3 }), says: /count is 3, but there is no interval/ },
    { what: 'nothing that ends it', metric: web('m', { failureLimit: -1 }), says: /nothing could end it/ },
    {
      what: 'more failures than measurements',
      metric: web('m', { interval: '1m', count: 2, failureLimit: 3 }),
      says: /count is 2, below failureLimit/,
    },
    {
      what: 'a condition that cannot be read, with a caret',
      metric: web('m', { successCondition: 'result[0 > 5' }),
      says: /successCondition cannot be read: .*\n {2}result\[0 > 5\n +\^/,
    },
  ];
  test.for(refused)('$what', ({ metric, says }) => {
    expect(refusal({ own: { metrics: [metric] } }, ['own'])).toMatch(says);
    expect(refusal({ own: { metrics: [metric] } }, ['own'])).toMatch(/^AnalysisTemplate own: spec\.metrics\[0\]/);
  });
});

describe('templates made of templates', () => {
  test('each is added once, those of the namespace first; a ring ends', () => {
    const templates = {
      a: { metrics: [web('a')], templates: [{ templateName: 'b' }, { templateName: 'c', clusterScope: true }] },
      b: { metrics: [web('b')], templates: [{ templateName: 'a' }] },
      'cluster/c': { metrics: [web('c')], templates: [{ templateName: 'b' }] },
    };
    expect(names(run(templates, ['cluster/c', 'a']))).toEqual(['b', 'a', 'c']);
  });

  test('one without metrics of its own lends its name to others', () => {
    const templates = { all: { templates: [{ templateName: 'a' }] }, a: { metrics: [web('a')] } };
    expect(names(run(templates, ['all']))).toEqual(['a']);
  });

  test('those of Argo Rollouts name others of their group', () => {
    const templates = {
      'argoproj.io/a': { templates: [{ templateName: 'b' }] },
      'argoproj.io/b': { metrics: [web('b')] },
      b: { metrics: [web('other')] },
    };
    expect(names(run(templates, ['argoproj.io/a']))).toEqual(['b']);
  });

  test.for([
    {
      what: 'a template that is not there, by the place that names it',
      templates: { a: { metrics: [web('a')], templates: [{ templateName: 'b' }] } },
      names: ['a'],
      says: /^AnalysisTemplate a: spec\.templates\[0\] names AnalysisTemplate b, which does not exist\. Create it/,
    },
    {
      what: 'one of the other scope',
      templates: { a: { templates: [{ templateName: 'b', clusterScope: true }] }, b: { metrics: [web('b')] } },
      names: ['a'],
      says: /Set clusterScope: false/,
    },
    {
      what: 'one of Argo Rollouts that is not there, with the way around',
      templates: {},
      names: ['argoproj.io/a'],
      says: /names argoproj\.io AnalysisTemplate a, .*where Argo Rollouts is not installed, apply the template with apiVersion serin\.dev/,
    },
    {
      what: 'two metrics of one name',
      templates: { a: { metrics: [web('x')] }, b: { metrics: [web('x')] } },
      names: ['a', 'b'],
      says: /have the same name 'x'/,
    },
    {
      what: 'an argument with two defaults',
      templates: {
        a: { args: [{ name: 'x', value: '1' }], metrics: [web('a')] },
        b: { args: [{ name: 'x', value: '2' }], metrics: [web('b')] },
      },
      names: ['a', 'b'],
      says: /Argument x is specified by several templates with different values: '1' and '2'/,
    },
    {
      what: 'no metrics at all',
      templates: { a: { templates: [{ templateName: 'a' }] } },
      names: ['a'],
      says: /hold 0 metrics together/,
    },
  ])('are refused for $what', ({ templates, names: named, says }) => {
    expect(refusal(templates as Templates, named)).toMatch(says);
  });
});

describe('arguments', () => {
  const urlOf = (spec: AnalysisRunSpec): unknown => spec.measures?.[0]?.provider['web'];
  const asking = (args: AnalysisTemplateSpec['args'] = [{ name: 'x' }]): Templates => ({
    own: { args, metrics: [web('m', { provider: { web: { url: 'http://{{args.x}}' } } })] },
  });

  test.for<{ what: string; templates: Templates; given: NonNullable<AnalysisSpec['args']>; url: string }>([
    { what: 'a default', templates: asking([{ name: 'x', value: 'a' }]), given: [], url: 'http://a' },
    {
      what: 'what the Release gives, over the default',
      templates: asking([{ name: 'x', value: 'a' }]),
      given: [{ name: 'x', value: 'b' }],
      url: 'http://b',
    },
    {
      what: 'a field of the Release',
      templates: asking(),
      given: [{ name: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.labels["team"]' } } }],
      url: 'http://shop',
    },
    {
      what: 'a label with dots',
      templates: asking(),
      given: [{ name: 'x', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app.io/part']" } } }],
      url: 'http://a',
    },
    {
      what: 'a number deep in the spec',
      templates: asking(),
      given: [{ name: 'x', valueFrom: { fieldRef: { fieldPath: 'spec.strategy.canary.stepWeights[1]' } } }],
      url: 'http://50',
    },
    {
      what: 'the pod-template-hash of a side',
      templates: asking(),
      given: [{ name: 'x', valueFrom: { podTemplateHashValue: 'Stable' } }],
      url: 'http://5449b8c487',
    },
  ])('come from $what', ({ templates, given, url }) => {
    expect(urlOf(run(templates, ['own'], { args: given }))).toEqual({ url });
  });

  test('that are secrets stay where they are, and the run says where to read those it uses', () => {
    const secretKeyRef = { name: 'api', key: 'token' };
    const args = [
      { name: 'x', valueFrom: { secretKeyRef } },
      { name: 'unused', valueFrom: { secretKeyRef: { name: 'b', key: 'c' } } },
    ];
    const spec = run(asking(args), ['own']);
    expect(urlOf(spec)).toEqual({ url: 'http://{{args.x}}' });
    expect(spec.secrets).toEqual([{ name: 'x', secretKeyRef }]);
  });

  test('that no template declares are left out in silence, as in Argo', () => {
    const given = [{ name: 'y', value: 'b' }];
    expect(urlOf(run(asking([{ name: 'x', value: 'a' }]), ['own'], { args: given }))).toEqual({ url: 'http://a' });
  });

  test('of one template are those of all', () => {
    const templates: Templates = {
      a: { args: [{ name: 'x', value: 'v' }], metrics: [web('a')] },
      b: { metrics: [web('b', { provider: { web: { url: '{{args.x}}' } } })] },
    };
    expect(run(templates, ['a', 'b']).measures?.[1]?.provider).toEqual({ web: { url: 'v' } });
  });

  test.for<{ what: string; templates: Templates; given?: AnalysisSpec['args']; says: RegExp }>([
    { what: 'without a value', templates: asking(), says: /args\.x was not resolved: it has no value/ },
    {
      what: 'from a field that is not there',
      templates: asking(),
      given: [{ name: 'x', valueFrom: { fieldRef: { fieldPath: 'spec.nope' } } }],
      says: /args\.x reads spec\.nope of the Release, where there is no single value/,
    },
    {
      what: 'from a field that is an object',
      templates: asking(),
      given: [{ name: 'x', valueFrom: { fieldRef: { fieldPath: 'spec' } } }],
      says: /no single value/,
    },
    {
      what: 'from a prototype',
      templates: asking(),
      given: [{ name: 'x', valueFrom: { fieldRef: { fieldPath: 'spec.constructor.name' } } }],
      says: /no single value/,
    },
    {
      what: 'from a hash that pods do not have',
      templates: asking(),
      given: [{ name: 'x', valueFrom: { podTemplateHashValue: 'Latest' } }],
      says: /pod-template-hash of Latest, which is not known/,
    },
    {
      what: 'that are secrets, in a comparison',
      templates: {
        own: {
          args: [{ name: 'x', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }],
          metrics: [{ name: 'm', compare: { query: 'istio-requests', slo: { le: '{{args.x}}' } } }],
        },
      },
      says: /uses the secret \{\{args\.x\}\}, which only providers may/,
    },
  ])('are refused $what', ({ templates, given = [], says }) => {
    expect(refusal(templates, ['own'], { args: given })).toMatch(says);
  });
});

describe('rules by name', () => {
  const metrics = [web('smoke-a'), web('smoke-b'), web('rate')];
  const ruled = (more: Partial<AnalysisTemplateSpec>): Templates => ({ own: { metrics, ...more } });

  test('match any part of a name; the last one that matches says what is kept', () => {
    const spec = run(
      ruled({
        dryRun: [{ metricName: 'smoke-.' }],
        measurementRetention: [
          { metricName: '.*', limit: 3 },
          { metricName: '^rate$', limit: 50 },
        ],
      }),
      ['own'],
    );
    const seen = spec.measures?.map(({ name, isDryRun, retention }) => [name, isDryRun === true, retention]);
    expect(seen).toEqual([
      ['smoke-a', true, 3],
      ['smoke-b', true, 3],
      ['rate', false, 50],
    ]);
  });

  test('a comparison in dry run has no part of the evidence', () => {
    const both = [{ name: 'errors', compare: { query: 'istio-requests' } }, ...metrics];
    const spec = run({ own: { metrics: both, dryRun: [{ metricName: 'errors' }] } }, ['own']);
    expect(spec.metrics).toMatchObject([{ name: 'errors', share: 0, required: false }]);
  });

  test.for<{ what: string; more: Partial<AnalysisTemplateSpec>; says: RegExp }>([
    {
      what: 'the wildcard of Argo’s documentation',
      more: { dryRun: [{ metricName: '*' }] },
      says: /spec\.dryRun\[0\]\.metricName is "\*", which .*Write \.\* for all metrics/,
    },
    {
      what: 'one that matches nothing',
      more: { measurementRetention: [{ metricName: 'nope', limit: 1 }] },
      says: /matches no metric\. Correct it; the metrics are smoke-a, smoke-b, rate/,
    },
    {
      what: 'one that is there twice',
      more: { dryRun: [{ metricName: 'rate' }, { metricName: 'rate' }] },
      says: /so is another rule of dryRun/,
    },
  ])('refuse $what', ({ more, says }) => {
    expect(refusal(ruled(more), ['own'])).toMatch(says);
  });
});
