/** A story read through the same queries and readers as in a release, without a cluster. */
import type { AnalysisRunSpec } from '../../../src/api/analysis-run.ts';
import type { MetricQuerySpec } from '../../../src/api/metric-query.ts';
import { openEvidence } from '../../../src/judge/evidence.ts';
import type { Observation } from '../../../src/judge/observation.ts';
import { askAll, lookbackMs } from '../../../src/metrics/asking.ts';
import { observeRun, readRun } from '../../../src/metrics/observing.ts';
import type { MetricSource } from '../../../src/metrics/port.ts';
import { INTERVAL_MS, type Story } from './scenario.ts';

const METRIC = 'calls';

/** One observation for each interval of the story. */
export async function observeStory(
  source: MetricSource,
  query: MetricQuerySpec,
  story: Story,
  signal: AbortSignal,
): Promise<readonly Observation[]> {
  const { namespace, workloads, ends, ledger } = story;
  const run = specOf(query, story);
  const question = {
    query,
    intervalMs: INTERVAL_MS,
    firstMs: ends[0] ?? 0,
    lastMs: ends.at(-1) ?? 0,
    workloads: [workloads.stable, workloads.canary].map((workload) => ({ namespace, workload })),
  };
  const answer = (await askAll(source, [question], 1, signal)).answer(question);
  if (answer.kind !== 'rows') throw new Error(answer.message);
  const span = { intervalMs: INTERVAL_MS, lookbackMs: lookbackMs(INTERVAL_MS) };
  const pods = { namespace, arms: run.arms, ledger, warmUpMs: 0 };
  const readings = readRun(run, pods, ends, span, (_, endMs) => answer.byEnd.get(endMs));
  const weights = [{ since: run.startedAt, weight: 50, step: 1 }];
  const before = { evidence: openEvidence(run, new Map()), receipts: {} };
  const { measured } = observeRun(run, before, readings, weights, () => undefined);
  return measured.map(
    ({ endMs, observations }) => observations.get(METRIC) ?? { kind: 'skipped', endMs, reason: 'NoData' },
  );
}

function specOf(query: MetricQuerySpec, { workloads, startMs, ends }: Story): AnalysisRunSpec {
  return {
    release: { name: METRIC, uid: METRIC },
    revision: METRIC,
    attempt: 1,
    arms: { stable: { workload: workloads.stable }, canary: { workload: workloads.canary } },
    metrics: [
      {
        name: METRIC,
        critical: false,
        share: 1,
        query,
        fail: { ratio: 1, difference: 0 },
        pass: { ratio: 2, difference: 0 },
      },
    ],
    rule: {
      preset: 'recommended',
      falseAbort: 0.05,
      falsePass: 0.05,
      intervalMs: INTERVAL_MS,
      warmUpMs: 0,
      dwellMs: 0,
      atMostMs: (ends.at(-1) ?? 0) - startMs,
      minRequests: 0,
      historyMs: 0,
      horizonMs: (ends.at(-1) ?? 0) - startMs,
    },
    startedAt: new Date(startMs).toISOString(),
  };
}
