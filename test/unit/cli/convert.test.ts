import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { listAt, stringAt } from '../../../src/api/fields.ts';
import { convert } from '../../../src/cli/convert/convert.ts';
import { thresholdOf } from '../../../src/cli/convert/compare.ts';
import { refusedOf } from '../../../src/cli/convert/refused.ts';
import type { Outcome } from '../../../src/cli/convert/outcome.ts';
import { recognise } from '../../../src/cli/convert/recognise.ts';
import { openLibrary } from '../../../src/cli/lint/library.ts';
import { lint } from '../../../src/cli/lint/lint.ts';

const library = openLibrary();

function convertText(file: string, text: string): Outcome {
  return convert(
    parseAllDocuments(text).map((document) => ({ file, value: document.toJS() as unknown })),
    library,
  );
}

const convertFile = (file: string): Outcome =>
  convertText(file, readFileSync(new URL(`convert/${file}`, import.meta.url), 'utf8'));

function printed({ objects, losses }: Outcome): string {
  const yaml = objects.map((object) => stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');
  return `${yaml}\n# not carried over\n${losses.map(({ where, message }) => `${where}: ${message}\n`).join('')}`;
}

describe('convert', () => {
  test.each(['kayenta.json', 'flagger.yaml', 'flagger-templates.yaml', 'flagger-ab.yaml', 'argo.yaml'])(
    '%s',
    (file) => {
      const text = printed(convertFile(file));
      const golden = new URL(`golden/convert-${file}.txt`, import.meta.url);
      if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(golden, text);
      expect(text).toBe(readFileSync(golden, 'utf8'));
    },
  );

  test.each(['kayenta.json', 'flagger-ab.yaml'])('what becomes of %s is right, as lint sees it', (file) => {
    const text = convertFile(file)
      .objects.map((object) => stringify(object))
      .join('---\n');
    const { findings } = lint({
      files: [{ file: 'made.yaml', text }],
      library,
      options: { scrapeMs: 15_000, badShare: 0.005 },
    });
    expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
  });

  test('what this version of Serin would refuse is said, with the field', () => {
    const { objects } = convertFile('kayenta.json');
    expect(refusedOf(objects, library)).toEqual([]);
    const [template] = objects;
    if (template === undefined) throw new Error('nothing was made');
    const broken = {
      ...template,
      spec: { metrics: [{ name: 'a', compare: { query: 'istio-requests' }, surprise: 1 }] },
    };
    const said = refusedOf([broken], library).map(({ where, message }) => `${where}: ${message}`);
    expect(said.join('\n')).toContain(
      'AnalysisTemplate checkout-canary, as made: spec.metrics[0] has no field surprise',
    );
  });

  test('every loss says where it was, what it was, and what to do', () => {
    for (const file of ['kayenta.json', 'flagger.yaml', 'flagger-ab.yaml', 'argo.yaml']) {
      for (const { where, message } of convertFile(file).losses) {
        expect(where).toContain(file);
        expect(message).toMatch(/^\S.*[.:] .*\.$/);
      }
    }
  });

  test('a metric of Kayenta is either made or listed', () => {
    const { objects, losses } = convertFile('kayenta.json');
    const made = listAt(objects[0], 'spec', 'metrics').map((metric) => stringAt(metric, 'name'));
    expect(made).toEqual(['error-rate', 'cpu', 'queue-depth']);
    expect(losses.map(({ message }) => message).join('\n')).toContain('payments');
  });

  test.each([
    5,
    'text',
    null,
    [],
    {},
    { kind: 'Canary', apiVersion: 'flagger.app/v1beta1' },
    { kind: 'AnalysisTemplate', apiVersion: 'argoproj.io/v1alpha1' },
    { metrics: [5, {}], judge: {} },
  ])('takes %j without an exception', (value) => {
    expect(() => convert([{ file: 'a', value }], library)).not.toThrow();
  });

  describe('arguments that nothing uses any more', () => {
    const saidOf = (args: string, metrics: string): readonly string[] =>
      convertText(
        'a.yaml',
        `apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: t}\nspec:\n  args: ${args}\n  metrics:\n${metrics}`,
      ).losses.flatMap(({ where, message }) => (where.endsWith('.args') ? [message] : []));
    const compared = `    - name: a
      interval: 1m
      successCondition: result[0] > 0.95
      provider:
        prometheus:
          query: sum(rate(istio_requests_total{reporter="destination",destination_service=~"{{args.service}}",response_code!~"5.*"}[5m])) / sum(rate(istio_requests_total{reporter="destination",destination_service=~"{{args.service}}"}[5m]))`;
    const lost = '    - name: b\n      provider: {datadog: {query: "{{args.key}}"}}';

    test.each([
      [
        'of a query that compares now',
        '[{name: service}]',
        compared,
        'service said which pods to look at; compare knows',
      ],
      [
        'of what is not carried over',
        '[{name: key}]',
        `${compared}\n${lost}`,
        'key is used only by what is not carried',
      ],
      ['of nothing', '[{name: secret}]', compared, 'secret was used by nothing. Leave it out.'],
    ])('say why: %s', (_, args, metrics, says) => {
      expect(saidOf(args, metrics)).toEqual([expect.stringContaining(says)]);
    });
  });

  test('how Prometheus was asked is the service’s business now, each of it', () => {
    const { losses } = convertText(
      'a.yaml',
      `apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: t}
spec:
  metrics:
    - name: a
      successCondition: result[0] > 0.95
      provider:
        prometheus:
          timeout: 40
          authentication: {oauth2: {}}
          query: sum(rate(istio_requests_total{reporter="destination",destination_service=~"{{args.s}}",response_code!~"5.*"}[5m])) / sum(rate(istio_requests_total{reporter="destination",destination_service=~"{{args.s}}"}[5m]))`,
    );
    expect(losses.map(({ where }) => where.replace(/.*prometheus\./, ''))).toEqual(['authentication', 'timeout']);
  });

  test('an object without a name is told as such', () => {
    const [template] = convertFile('argo.yaml').objects;
    if (template === undefined) throw new Error('nothing was made');
    const said = refusedOf([{ ...template, metadata: {} }], library);
    expect(said.map(({ where }) => where)).toContain('ClusterAnalysisTemplate without a name, as made');
  });

  test('says of other kinds that they are none', () => {
    expect(convertText('a.yaml', 'kind: Service\napiVersion: v1').losses[0]?.message).toMatch(
      /Service is nothing that can be converted/,
    );
  });
});

describe('a threshold in a condition', () => {
  test.each([
    { success: 'result[0] >= 0.95', failure: undefined, is: { kind: 'atLeast', value: 0.95 } },
    {
      success: 'len(result) == 0 || isNaN(result[0]) || result[0] > 0.9',
      failure: undefined,
      is: { kind: 'atLeast', value: 0.9 },
    },
    { success: 'result[0] < 500', failure: undefined, is: { kind: 'atMost', value: 500 } },
    { success: undefined, failure: 'result[0] > .05', is: { kind: 'atMost', value: 0.05 } },
    { success: undefined, failure: 'result[0] < 0.9', is: { kind: 'atLeast', value: 0.9 } },
    { success: 'default(result, 0) <= 5', failure: undefined, is: { kind: 'atMost', value: 5 } },
    { success: 'result[0] > 1 && result[0] < 5', failure: undefined, is: undefined },
    { success: 'result[0] > 1', failure: 'result[0] < 0.5', is: undefined },
    { success: 'all(result, # < 5)', failure: undefined, is: undefined },
  ])('$success / $failure', ({ success, failure, is }) => {
    expect(thresholdOf(success, failure)).toEqual(is);
  });
});

describe('what a query measures', () => {
  test.each([
    {
      query: 'sum(rate(a{c=~"5..",x="1"}[5m])) / sum(rate(a{x="1"}[5m]))',
      is: { kind: 'share', isGood: false, scale: 1 },
    },
    { query: 'sum(rate(a{c!~"5.."}[5m])) / sum(rate(a[5m])) * 100', is: { kind: 'share', isGood: true, scale: 100 } },
    {
      query: '100 * (sum(increase(a{c!~"5.."}[5m])) / sum(increase(a[5m])))',
      is: { kind: 'share', isGood: true, scale: 100 },
    },
    { query: '1 - sum(rate(a{c=~"5.."}[5m])) / sum(rate(a[5m]))', is: { kind: 'share', isGood: true, scale: 1 } },
    {
      query: '100 - sum(rate(a{c!="404"}[5m])) / sum(rate(a[5m])) * 100',
      is: { kind: 'share', isGood: false, scale: 100 },
    },
    {
      query: 'histogram_quantile(0.9, sum by (le) (rate(h_bucket{x="1"}[5m]))) * 1000',
      is: { kind: 'quantile', level: 0.9, scale: 1000 },
    },
    { query: 'avg(memory_bytes{pod="x"})', is: { kind: 'gauge' } },
    { query: 'sum(rate(a{c="5.."}[5m])) / sum(rate(b[5m]))', is: undefined },
    { query: 'sum(rate(a{c="x"}[5m])) / sum(rate(a{c="y"}[5m]))', is: undefined },
    { query: 'sum by (pod) (rate(a{c="x"}[5m])) / sum by (pod) (rate(a[5m]))', is: undefined },
    { query: 'sum(rate(a{c!~"5..",m!="HEAD"}[5m])) / sum(rate(a[5m]))', is: undefined },
    { query: 'sum(rate(a{c!~"5..",c!="429"}[5m])) / sum(rate(a[5m]))', is: undefined },
    { query: 'sum(rate(a{c=~"5..",m="GET"}[5m])) / sum(rate(a[5m]))', is: { kind: 'share', isGood: false } },
    { query: 'sum(rate(a[5m])', is: undefined },
    { query: 'a_total', is: undefined },
  ])('$query', ({ query, is }) => {
    const found = recognise(query);
    if (is === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject(is);
  });
});
