import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readFiles } from '../../../src/cli/lint/files.ts';
import { openLibrary } from '../../../src/cli/lint/library.ts';
import { lint, type LintReport } from '../../../src/cli/lint/lint.ts';
import { KINDS } from '../../../src/api/kinds.ts';
import { parseQuery } from '../../../src/cli/lint/promql.ts';
import { readSource } from '../../../src/cli/lint/source.ts';
import { PLANTED, type Planted } from './lint/planted.ts';

const folder = new URL('lint/', import.meta.url);
const NAMES = ['argo', 'kruise', 'query', 'template', 'release'] as const;
const good = new Map(NAMES.map((name) => [name, readFileSync(new URL(`${name}.yaml`, folder), 'utf8')]));
const library = openLibrary();
const options = { scrapeMs: 15_000, badShare: 0.005 };

const lintAll = (texts: ReadonlyMap<string, string>): LintReport =>
  lint({ files: [...texts].map(([file, text]) => ({ file: `${file}.yaml`, text })), library, options });

const lintOne = (text: string): LintReport => lint({ files: [{ file: 'a.yaml', text }], library, options });

function plant({ file, instead: [from, to] }: Planted): {
  readonly texts: ReadonlyMap<string, string>;
  readonly line: number;
} {
  const before = good.get(file) ?? '';
  const at = before.indexOf(from);
  if (at < 0) throw new Error(`${file}.yaml does not hold ${from}`);
  let same = 0;
  while (same < from.length && from[same] === to[same]) same += 1;
  const text = before.slice(0, at) + to + before.slice(at + from.length);
  // What is put in behind a line stands on the next one.
  const changedAt = at + same + (to[same] === '\n' ? 1 : 0);
  return { texts: new Map([...good, [file, text]]), line: text.slice(0, changedAt).split('\n').length };
}

describe('lint', () => {
  test('finds nothing in files that are right', () => {
    expect(lintAll(good).findings).toEqual([]);
  });

  test('has a hundred mistakes to find', () => {
    expect(PLANTED.length).toBeGreaterThanOrEqual(100);
    expect(new Set(PLANTED.map(({ instead }) => instead.join(' → '))).size).toBe(PLANTED.length);
  });

  test.each(
    PLANTED.map((planted) => ({
      ...planted,
      title: `${planted.instead[0]} → ${planted.instead[1]}`.replaceAll('\n', '⏎'),
    })),
  )('$file: $title ($rule)', (planted) => {
    const { texts, line } = plant(planted);
    const { findings } = lintAll(texts);
    const found = findings.filter(({ rule, message }) => rule === planted.rule && planted.says.test(message));
    expect(
      found,
      JSON.stringify(findings.map(({ rule, message, place }) => `${place.line}: ${rule}: ${message}`)),
    ).not.toEqual([]);
    if (planted.line !== 'another') expect(found.map(({ place }) => place.line)).toContain(line);
    for (const { message } of findings) expect(message).toMatch(/^\S.*[.?:] .*[.?]$/);
  });

  test('steps of a Rollout beside its Release are judged, and without it what the Release itself says', () => {
    const release = `apiVersion: serin.dev/v1alpha1
kind: Release
metadata: {name: web, namespace: shop}
spec:
  workload: {argoRollout: {name: web}}
  analysis: {templates: [{name: success-and-latency, clusterScope: true}], args: [{name: nobody, value: "1"}]}
`;
    const rollout = `---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec: {strategy: {canary: {steps: [{setWeight: 20}, {pause: {}}]}}}
`;
    const rulesOf = (text: string) =>
      lint({ files: [{ file: 'a.yaml', text }], library, options: { ...options, requestsPerSecond: 1 } }).findings.map(
        ({ rule, place }) => `${place.line} ${rule}`,
      );
    expect(rulesOf(release)).toEqual(['6 argument']);
    expect(rulesOf(release + rollout)).toEqual(['5 undecidable-step', '6 argument']);
  });

  test('an interval fits the grid of the service, which may be another one', () => {
    const text = (good.get('release') ?? '').replace('interval: 10s', 'interval: 15s');
    const found = (gridMs?: number) =>
      lint({
        files: [...new Map([...good, ['release', text]])].map(([file, content]) => ({ file, text: content })),
        library,
        options: gridMs === undefined ? options : { ...options, gridMs },
      }).findings.map(({ message }) => message);
    const refused = expect.stringContaining("a multiple of the service's grid of 10s");
    expect(found()).toEqual([refused, refused]);
    expect(found(5000)).toEqual([]);
  });

  test.each([
    [
      'a missing workload',
      'apiVersion: serin.dev/v1alpha1\nkind: Release\nmetadata: {name: web}\nspec:\n  strategy: {canary: {stepWeights: [5]}}',
      ['spec lacks workload. Write it.'],
    ],
    [
      'a number where a duration belongs',
      'apiVersion: serin.dev/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec:\n  metrics:\n    - {name: a, initialDelay: 10, provider: {prometheus: {query: up}}, successCondition: "result[0] > 0"}',
      ['spec.metrics[0].initialDelay is 10. Write a duration such as 30s, 5m or 1h30m.'],
    ],
    [
      'an empty query',
      'apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec:\n  metrics:\n    - {name: a, provider: {prometheus: {query: ""}}, successCondition: "result[0] > 0"}',
      ['The query is empty. Write PromQL.'],
    ],
    [
      'a number where a percentage belongs',
      'apiVersion: serin.dev/v1alpha1\nkind: Release\nmetadata: {name: web}\nspec:\n  workload: {pair: {members: [a, b]}}\n  strategy: {canary: {stepWeights: [50]}}\n  analysis: {templates: [{name: success-and-latency, clusterScope: true}], falseAbort: 5}',
      ['spec.analysis.falseAbort is 5. Write a string such as 5%.'],
    ],
  ])('one mistake is one finding: %s', (_, text, says) => {
    expect(
      lintOne(text)
        .findings.filter(({ severity }) => severity === 'error')
        .map(({ message }) => message),
    ).toEqual(says);
  });

  test('every YAML of the repository is clean', async () => {
    const root = new URL('../../../', import.meta.url).pathname;
    const files = await readFiles(['analyses', 'queries', 'deploy', 'test'].map((name) => `${root}${name}`));
    const report = lint({ files, library, options });
    expect(report.objects).toBeGreaterThan(20);
    expect(report.findings).toEqual([]);
    // Each example stands for itself, too.
    for (const one of files.filter(({ file }) => file.includes('/deploy/examples/'))) {
      expect(lint({ files: [one], library, options }).findings, one.file).toEqual([]);
    }
  });

  test('the same name in several files is a choice (overlays, examples), and twice in one file a mistake', () => {
    const query = (unit: string): string => (good.get('query') ?? '').replace('summary: ', `summary: ${unit} `);
    const rulesOf = (files: readonly string[]) =>
      lint({ files: files.map((text, k) => ({ file: `${k}.yaml`, text })), library, options }).findings.map(
        ({ rule, place }) => `${place.file} ${rule}`,
      );
    expect(rulesOf([query('dev'), query('prod')])).toEqual([]);
    expect(rulesOf([`${query('dev')}\n---\n${query('prod')}`])).toEqual(['0.yaml duplicate']);
  });

  test('a bound is not forecast from what stable would need: how near a service is to it no file tells', () => {
    const bound = (compare: string): LintReport => {
      const template = `apiVersion: serin.dev/v1alpha1
kind: AnalysisTemplate
metadata: {name: orders, namespace: shop}
spec:
  metrics:
    - name: orders
      compare: {query: istio-requests, ${compare}}`;
      return lintAll(new Map([...good, ['template', template]]));
    };
    const undecidable = ({ findings }: LintReport) => findings.filter(({ rule }) => rule === 'undecidable-step');
    expect(undecidable(bound('against: {constant: 1%}'))).toEqual([]);
    expect(undecidable(bound('fail: {ratio: 1.001}, pass: {ratio: 1.002}'))).not.toEqual([]);
  });

  test.each(KINDS.map((kind) => ({ kind: kind.type.kind, example: kind.example })))(
    'the example of $kind is clean',
    ({ example }) => {
      expect(lintOne(example).findings).toEqual([]);
    },
  );

  test.each(['README.md', 'deploy/docs/api.md'])('every YAML in %s is clean', (page) => {
    const text = readFileSync(new URL(`../../../${page}`, import.meta.url), 'utf8');
    const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) expect(lintOne(block).findings, block).toEqual([]);
  });
});

test('each file of the library is called like the one object in it, for only files that are asked for are read', async () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const files = await readFiles([`${root}queries`, `${root}analyses`]);
  const objects = files.flatMap(({ file, text }) => readSource(file, text).objects);
  expect(objects.map(({ kind, name }) => `${kind}/${name}`).toSorted()).toEqual([...library.keys()].toSorted());
  for (const { kind, name, value } of objects) expect(library.get(`${kind}/${name}`)).toEqual(value['spec']);
  expect(library.get('MetricQuery/no-such')).toBeUndefined();
});

test('a placeholder is no number that is too long to be one', () => {
  const metric = (condition: string): string => `apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: long}
spec:
  args: [{name: the-limit-of-errors-per-second, value: "5"}]
  metrics:
    - name: errors
      successCondition: ${condition}
      provider:
        prometheus: {address: http://prometheus:9090, query: "sum(rate(x_total[5m]))"}`;
  const messages = (condition: string) =>
    lintOne(metric(condition)).findings.flatMap(({ rule, message }) => (rule === 'expression' ? [message] : []));
  expect(messages('result[0] < {{args.the-limit-of-errors-per-second}}')).toEqual([]);
  expect(messages('default(result[0], 0) < {{ args.the-limit-of-errors-per-second }} + 1')).toEqual([]);
  expect(messages('result[0] < {{args.the-limit-of-errors-per-second}}000')).toEqual([]);
});

test.each([
  { query: 'rate(sum(x_total)[5m])', says: 'stands behind a metric' },
  { query: 'rate((x_total)[5m])' },
  { query: 'max_over_time(sum(rate(x_total[5m]))[5m:1m])' },
  { query: 'sum(rate(x_total[5m])) + "a"', says: 'calculate with a string' },
  { query: 'topk(sum(rate(x_total[5m])))', says: 'takes two arguments, not 1' },
  { query: 'topk by (pod) (5, rate(x_total[5m]))' },
  { query: 'quantile(0.9, rate(x_total[5m]))' },
  { query: 'count_values("code", x)' },
  { query: 'sum(5, rate(x_total[5m]))', says: 'takes one argument, not 2' },
])('$query is what Prometheus takes it for', ({ query, says }) => {
  const messages = parseQuery(query).problems.map(({ message }) => message);
  expect(messages).toEqual(says === undefined ? [] : [expect.stringContaining(says)]);
});
