import { describe, expect, test } from 'vitest';
import type { AnalysisRun } from '../../../src/api/analysis-run.ts';
import { openRuns } from '../../../src/controller/analysis/opening.ts';
import { SerinError } from '../../../src/errors.ts';
import type { MetricSource, Series } from '../../../src/metrics/port.ts';
import { labRun } from '../../support/library.ts';

const START = 1_700_000_000_000;
const never = new AbortController().signal;

const runOf = (name: string): AnalysisRun => ({
  apiVersion: 'serin.dev/v1alpha1',
  kind: 'AnalysisRun',
  metadata: { name, namespace: 'shop', uid: name, resourceVersion: '1' },
  spec: labRun({
    name,
    stable: `${name}-v1`,
    canary: `${name}-v2`,
    startedAtMs: START,
    gridMs: 10_000,
    analysis: { history: '5m' },
  }),
});
const opening = (name: string, failures = 0) => {
  const run = runOf(name);
  const ledger = [{ name: `${name}-v1-pod`, uid: 'u', arm: 'stable' as const, startedAtMs: 1 }];
  return { run, failures, pods: { namespace: 'shop', arms: run.spec.arms, ledger, warmUpMs: 0 } };
};

/** Stable workloads that are scraped every `scrapeMs` and serve 10 requests a second; `fault` breaks reading their history. */
function sourceOf(scrapeMs: number, fault?: SerinError) {
  const asked: string[] = [];
  const workloadsIn = (promql: string): string[] => [...new Set(promql.match(/web\d+(?=\\*-v1)/g) ?? [])];
  const source: MetricSource = {
    instant: (promql, timeMs) => {
      asked.push(promql);
      const windowMs = Number(/\[(\d+)ms\]$/.exec(promql)?.[1]);
      if (fault !== undefined && windowMs !== 300_000) return Promise.reject(fault);
      const newestMs = Math.floor(timeMs / scrapeMs) * scrapeMs;
      const samples = Array.from({ length: Math.floor(windowMs / scrapeMs) }, (_, k) => newestMs - k * scrapeMs)
        .toReversed()
        .map((at) => ({ timeMs: at, value: (at - START + 10_000_000) / 100 }));
      const series = workloadsIn(promql).map((name): Series => {
        const labels = { destination_workload_namespace: 'shop', destination_workload: `${name}-v1` };
        return { labels: { ...labels, pod: `${name}-v1-pod`, le: '+Inf' }, samples };
      });
      return Promise.resolve({ series: promql.includes('response_code') ? [] : series, warnings: [] });
    },
    range: () => Promise.reject(new Error('nothing is asked as a range')),
  };
  return { asked, source };
}

describe('opening the evidence of a run', () => {
  test.each([
    { scrapeMs: 1_000, intervalMs: 10_000 },
    { scrapeMs: 10_000, intervalMs: 10_000 },
    { scrapeMs: 10_100, intervalMs: 10_000 },
    { scrapeMs: 15_000, intervalMs: 20_000 },
    { scrapeMs: 30_000, intervalMs: 30_000 },
    { scrapeMs: 60_000, intervalMs: 60_000 },
  ])('scraped every $scrapeMs ms its interval is $intervalMs ms', async ({ scrapeMs, intervalMs }) => {
    const opened = await openRuns(sourceOf(scrapeMs).source, [opening('web1')], START + 60_000, 2, never);
    expect(opened.get('web1')?.trouble).toBeUndefined();
    expect(opened.get('web1')?.evidence.intervalMs).toBe(intervalMs);
  });

  test('learns stable from the intervals before the start, not from those after it', async () => {
    const opened = await openRuns(sourceOf(10_000).source, [opening('web1')], START + 60_000, 2, never);
    expect(opened.get('web1')?.evidence.metrics[0]).toMatchObject({ seenIntervals: 30, seenRequests: 3000 });
  });

  test('shares queries: 20 new runs cost as many as one', async () => {
    const one = sourceOf(10_000);
    await openRuns(one.source, [opening('web1')], START + 60_000, 2, never);
    const many = sourceOf(10_000);
    const openings = Array.from({ length: 20 }, (_, n) => opening(`web${n}`));
    const opened = await openRuns(many.source, openings, START + 60_000, 2, never);
    expect(many.asked).toHaveLength(one.asked.length);
    expect([...opened.values()].map(({ evidence }) => evidence.metrics[0]?.seenRequests)).toEqual(
      openings.map(() => 3000),
    );
  });

  test.each([
    { failures: 0, code: 'SERIN_E_PROMETHEUS' as const, trouble: { unavailable: 'Down. Check it.' } },
    { failures: 1, code: 'SERIN_E_PROMETHEUS' as const, trouble: { unavailable: 'Down. Check it.' } },
    { failures: 2, code: 'SERIN_E_PROMETHEUS' as const, trouble: undefined },
    {
      failures: 9,
      code: 'SERIN_E_QUERY' as const,
      trouble: { finding: { reason: 'InvalidSpec', message: 'Down. Check it.' } },
    },
  ])(
    'after $failures failures and then $code it waits, or starts without history',
    async ({ failures, code, trouble }) => {
      const { source } = sourceOf(10_000, new SerinError(code, 'Down. Check it.'));
      const opened = (await openRuns(source, [opening('web1', failures)], START + 60_000, 2, never)).get('web1');
      if (trouble === undefined) expect(opened?.trouble).toBeUndefined();
      else expect(opened?.trouble).toMatchObject(trouble);
      expect(opened?.evidence.endMs).toBe(0);
    },
  );
});
