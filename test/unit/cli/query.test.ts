/** The query library on the command line: PromQL keeps its structure whatever people write, and what is proposed fits. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { validateQuery } from '../../../src/api/validate-query.ts';
import { findQueries, fittingTemplates, probeOf, propose } from '../../../src/cli/query/find.ts';
import { formsOf } from '../../../src/cli/query/forms.ts';
import { libraryFolder, readLibrary } from '../../../src/cli/query/library.ts';
import { NEEDS, needOf } from '../../../src/cli/query/needs.ts';
import { describeQuery, renderFound, renderQuery } from '../../../src/cli/query/render.ts';
import { readTemplates } from '../../../src/cli/query/templates.ts';
import { generatedPages } from '../../../src/generate/pages.ts';
import type { MetricSource } from '../../../src/metrics/port.ts';

const library = readLibrary(libraryFolder());
const never = new AbortController().signal;

/** Names of all nodes of the syntax tree, and `⚠` where it does not parse. */
function structureOf(promql: string): string {
  const names: string[] = [];
  parser.parse(promql).iterate({ enter: ({ name }) => void names.push(name) });
  return names.join(' ');
}

/** A Prometheus in which only these queries have series, of shop/web. */
function sourceWith(names: readonly string[]): MetricSource {
  return {
    instant: async (promql) => {
      const query = library.find((each) => probeOf(each) === promql);
      const { namespace = '', workload = '', pod } = query?.spec.labels ?? {};
      if (query === undefined || !names.includes(query.name)) return { series: [], warnings: [] };
      const samples = [{ timeMs: 0, value: 1 }];
      return {
        series: [
          { labels: { serin_probe: 'workload', [namespace]: 'shop', [workload]: 'web' }, samples },
          { labels: { serin_probe: 'any' }, samples },
          ...(pod === undefined ? [] : [{ labels: { serin_probe: 'pod' }, samples }]),
        ],
        warnings: [],
      };
    },
    range: () => Promise.reject(new Error('not asked')),
  };
}

describe.each(library)('$name', (query) => {
  test('is PromQL, and stays the same PromQL whatever namespace and workload are called', () => {
    const forms = formsOf(query.spec, { namespace: 'shop', workload: 'web' });
    for (const promql of [forms.whole, forms.perPod ?? forms.whole, probeOf(query)]) {
      expect(structureOf(promql)).not.toContain('⚠');
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), (namespace, workload) => {
        const odd = formsOf(query.spec, { namespace, workload });
        expect(structureOf(odd.whole)).toBe(structureOf(forms.whole));
        expect(structureOf(odd.perPod ?? '')).toBe(structureOf(forms.perPod ?? ''));
      }),
      { numRuns: 50 },
    );
  });

  test('says where its names come from, when to use it, and which labels it needs', () => {
    expect(query.names).not.toBe('');
    expect(query.advice).not.toBe('');
    if (query.needs !== undefined) expect(needOf(query.needs)).toBeDefined();
    const text = renderQuery(query, { namespace: 'shop', stable: 'web-v1', canary: 'web-v2' });
    expect(text).toContain('web-v2');
    expect(text).toContain(query.names);
  });
});

test('the library is read without a check because it passes it', () => {
  expect(readLibrary(libraryFolder(), validateQuery)).toEqual(library);
});

test('a folder of others is checked', () => {
  const folder = mkdtempSync(join(tmpdir(), 'serin-library-'));
  try {
    const head = 'apiVersion: serin.dev/v1alpha1\nkind: MetricQuery\nmetadata: {name: x}\n';
    writeFileSync(join(folder, 'x.yaml'), `${head}spec: {summary: x, labels: {workload: w}, gauge: {metric: "a b"}}`);
    expect(() => readLibrary(folder, validateQuery)).toThrow(/x\.yaml: spec\.gauge\.metric is "a b"/);
    writeFileSync(join(folder, 'x.yaml'), 'kind: Service');
    expect(() => readLibrary(folder, validateQuery)).toThrow(/holds no MetricQuery/);
    expect(() => readLibrary(join(folder, 'none'), validateQuery)).toThrow(/--library .* cannot be read/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a query that needs no labels can be shown as JSON', () => {
  const query = library.find(({ name }) => name === 'istio-requests');
  expect(query).toBeDefined();
  if (query === undefined) return;
  const shown = describeQuery(query, { namespace: 'shop', stable: 'web-v1', canary: 'web-v2' });
  expect(shown.promql.canary).toContain('destination_workload="web-v2"');
  expect(shown.promql.canary).not.toContain('web-v1');
});

test('every relabelling is used by some query', () => {
  const used = new Set(library.flatMap(({ needs }) => needs ?? []));
  expect(Object.keys(NEEDS).filter((name) => !used.has(name))).toEqual([]);
});

describe('what is proposed', () => {
  const wanted = { namespace: 'shop', workloads: ['web'] };

  test('knows pods before it does not, and comes with a template', async () => {
    const names = [
      'nginx-ingress-requests',
      'nginx-ingress-latency',
      'spring-requests',
      'spring-latency',
      'spring-volume',
    ];
    const found = await findQueries(sourceWith(names), library, wanted, 0, never);
    const proposed = Object.fromEntries(Object.entries(propose(found)).map(([key, { query }]) => [key, query.name]));
    expect(proposed).toEqual({ 'success-rate': 'spring-requests', latency: 'spring-latency', volume: 'spring-volume' });
    const templates = fittingTemplates(readTemplates(), found);
    expect(templates.map(({ name }) => name)).toEqual([
      'success-and-latency-spring',
      'success-and-latency-nginx-ingress',
    ]);
    expect(renderFound(found, templates, true)).toContain('Template: success-and-latency-spring');
  });

  test.each([
    { why: 'another workload', asked: { namespace: 'shop', workloads: ['web', 'web-v2'] } },
    { why: 'another namespace', asked: { namespace: 'pay', workloads: ['web'] } },
  ])('is nothing for $why', async ({ asked }) => {
    const found = await findQueries(sourceWith(['istio-requests']), library, asked, 0, never);
    expect(found.find(({ query }) => query.name === 'istio-requests')?.state).toBe('others');
    expect(propose(found)).toEqual({});
    expect(renderFound(found, [], true)).toContain('Nothing fits');
  });

  test('says so when there is nothing at all', async () => {
    const found = await findQueries(sourceWith([]), library, wanted, 0, never);
    expect(renderFound(found, [], true)).toMatch(/^No query of the library has data there/);
  });
});

test('the page of queries has every query and every relabelling', () => {
  const page = generatedPages().get('deploy/docs/queries.md') ?? '';
  for (const { name } of library) expect(page).toContain(`### ${name}\n`);
  for (const name of Object.keys(NEEDS)) expect(page).toContain(`### ${name}\n`);
});
