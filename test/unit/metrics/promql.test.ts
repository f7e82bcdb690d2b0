import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MetricQuerySpec } from '../../../src/api/metric-query.ts';
import { SerinError } from '../../../src/errors.ts';
import { intervalExpression, rowLabels, scrapesExpression } from '../../../src/metrics/promql.ts';
import { libraryQuery } from '../../support/library.ts';

const counts = libraryQuery('istio-requests');
const histogram = libraryQuery('istio-latency');
const options = { intervalMs: 10_000, lookbackMs: 60_000, workloads: [{ namespace: 'shop', workload: 'web-v1' }] };

/** The expression without the contents of its strings, and those. */
function dissect(expression: string): { readonly skeleton: string; readonly strings: readonly string[] } {
  const strings: string[] = [];
  const skeleton = expression.replace(/"(?:[^"\\\n]|\\.)*"/gu, (literal) => {
    strings.push(literal);
    return '""';
  });
  return { skeleton, strings };
}

const nasty = fc
  .array(fc.constantFrom('"', '\\', '{', '}', ')', ',', '=~', '|', '.*', ' or vector(1)', '#', '`', "'", 'x'), {
    minLength: 1,
    maxLength: 12,
  })
  .map((parts) => parts.join(''));

describe('the expression of an interval', () => {
  test('differences each series before it sums, and remembers counters over failed scrapes', () => {
    const expression = intervalExpression(counts, options);
    const selector =
      'istio_requests_total{reporter="destination",destination_workload_namespace="shop",destination_workload="web-v1"}';
    expect(expression).toContain(
      `sum by (destination_workload_namespace, destination_workload, pod) (clamp_min(last_over_time(${selector}[60000ms]) - last_over_time(${selector}[60000ms] offset 10000ms), 0))`,
    );
    expect(expression).not.toMatch(/\b(rate|increase|delta)\(/);
  });

  test('is the same whatever values it carries: nothing breaks out of its quotes', () => {
    const plain = dissect(
      intervalExpression(
        {
          ...counts,
          counts: {
            total: { metric: 'm', match: { a: 'x', b: { not: 'y', notRegex: 'z' } } },
            bad: { metric: 'm', match: { a: 'x' } },
          },
        },
        options,
      ),
    ).skeleton;
    fc.assert(
      fc.property(nasty, nasty, (one, two) => {
        const query: MetricQuerySpec = {
          ...counts,
          counts: {
            total: { metric: 'm', match: { a: one, b: { not: two, notRegex: 'z' } } },
            bad: { metric: 'm', match: { a: one } },
          },
        };
        const workloads = [{ namespace: two, workload: one }];
        expect(dissect(intervalExpression(query, { ...options, workloads })).skeleton).toBe(plain);
      }),
    );
  });

  test.each([
    ['a label name that is an expression', { ...counts, labels: { ...counts.labels, pod: 'pod) or vector(1' } }],
    [
      'a metric name that is an expression',
      { ...counts, counts: { total: { metric: 'm} or vector(1)' }, bad: { metric: 'm' } } },
    ],
    [
      'a matcher on the metric name',
      { ...counts, counts: { total: { metric: 'm', match: { __name__: 'x' } }, bad: { metric: 'm' } } },
    ],
    ['both shapes', { ...counts, histogram: { metric: 'h' } }],
    ['neither shape', { summary: '', labels: counts.labels }],
    ['no label for the workload', { ...counts, labels: { pod: 'pod' } }],
    ['one label twice', { ...counts, labels: { workload: 'pod', pod: 'pod' } }],
  ])('refuses %s', (_, query) => {
    expect(() => intervalExpression(query as MetricQuerySpec, options)).toThrow(SerinError);
  });

  test('names workloads while they are few, as text and not as expressions', () => {
    const two = [...options.workloads, { namespace: 'shop', workload: 'web.v2' }];
    expect(intervalExpression(counts, { ...options, workloads: two })).toContain(
      'destination_workload=~"web-v1|web\\\\.v2"'.replace('web-v1', 'web\\\\-v1'),
    );
    const many = Array.from({ length: 1000 }, (_, n) => ({ namespace: `n${n}`, workload: `w${n}` }));
    const expression = intervalExpression(counts, { ...options, workloads: many });
    expect(expression).not.toContain('w999');
    expect(expression.length).toBeLessThan(8192);
  });

  test('asks for chosen boundaries in every spelling, and always for all requests', () => {
    const expression = intervalExpression(histogram, { ...options, boundaries: [250, 0.5] });
    expect(expression).toContain('le=~"250|250\\\\.0|0\\\\.5"');
    expect(expression).toContain('istio_request_duration_milliseconds_bucket{');
    expect(intervalExpression(histogram, options)).not.toContain('le=~');
  });

  test('tells series apart by their target where there is no pod label', () => {
    const source = libraryQuery('istio-requests-source');
    expect(rowLabels(source)).toEqual([
      'destination_workload_namespace',
      'destination_workload',
      'destination_version',
    ]);
    expect(intervalExpression(source, options)).toContain('unless on (job, instance)');
  });

  test('the samples that tell how often a workload is scraped are those of one series per target', () => {
    expect(scrapesExpression(histogram, options.workloads, 300_000)).toBe(
      'istio_request_duration_milliseconds_bucket{reporter="destination",destination_workload_namespace="shop",destination_workload="web-v1",le="+Inf"}[300000ms]',
    );
  });
});
