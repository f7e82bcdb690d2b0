/**
 * What a cluster would tell about the pods of a test, taken from its series: to which side each belongs, when it started, ended and
 * started again. A counter that falls is a restart: where no container restarts, no counter falls. Pure.
 */
import type { AnalysisRunSpec } from '../../api/analysis-run.ts';
import type { Series } from '../../metrics/port.ts';
import type { LedgerPod, PodLedger } from '../../metrics/ledger.ts';
import { anchored, seriesOf } from './rows-of-series.ts';

export interface TestSides {
  readonly namespace: string;
  readonly arms: AnalysisRunSpec['arms'];
  /** Which pods are the canary's where both sides have one workload. */
  readonly canaryPods?: string | undefined;
}

export interface TestClock {
  /** Time of the first sample. */
  readonly firstMs: number;
  /** Between two samples. */
  readonly scrapeMs: number;
}

/** Pods that are there from the first sample on have run for long. */
const LONG_MS = 86_400_000;

/** The ledger as it is at a moment; a function of it, because restarts and ends are news. */
export function podsOfSeries(
  metrics: AnalysisRunSpec['metrics'],
  series: readonly Series[],
  sides: TestSides,
  { firstMs, scrapeMs }: TestClock,
): (atMs: number) => PodLedger {
  const pods = new Map<string, Seen>();
  for (const { query, against } of metrics) {
    const { pod: label } = query.labels;
    if (label === undefined) continue;
    for (const arm of ['stable', 'canary'] as const) {
      const workload = (arm === 'stable' ? against?.workload : undefined) ?? sides.arms[arm].workload;
      const key = { namespace: sides.namespace, workload };
      for (const each of seriesOf(query, series, [key])) {
        const name = each.labels[label] ?? '';
        if (name === '' || !isOnSide(arm, name, sides)) continue;
        const seen = pods.get(name) ?? { arm, startMs: Infinity, lastMs: 0, restartsMs: [] };
        pods.set(name, see(seen, each, query.gauge === undefined));
      }
    }
  }
  return (atMs) => [...pods].map(([name, seen]) => ledgerPod(name, seen, atMs, { firstMs, scrapeMs }));
}

interface Seen {
  readonly arm: 'stable' | 'canary';
  readonly startMs: number;
  readonly lastMs: number;
  readonly restartsMs: readonly number[];
}

function isOnSide(arm: 'stable' | 'canary', pod: string, { arms, canaryPods }: TestSides): boolean {
  if (arms.stable.workload !== arms.canary.workload || canaryPods === undefined) return true;
  return anchored(canaryPods).test(pod) === (arm === 'canary');
}

function see(seen: Seen, { samples }: Series, isCounter: boolean): Seen {
  const [first] = samples;
  const last = samples.at(-1);
  const drops = isCounter
    ? samples.flatMap(({ timeMs, value }, index) => (value < (samples[index - 1]?.value ?? -Infinity) ? [timeMs] : []))
    : [];
  return {
    arm: seen.arm,
    startMs: Math.min(seen.startMs, first?.timeMs ?? Infinity),
    lastMs: Math.max(seen.lastMs, last?.timeMs ?? 0),
    restartsMs: [...seen.restartsMs, ...drops],
  };
}

function ledgerPod(
  name: string,
  { arm, startMs, lastMs, restartsMs }: Seen,
  atMs: number,
  { firstMs, scrapeMs }: TestClock,
): LedgerPod {
  const restartedAtMs = Math.max(...restartsMs.filter((restartMs) => restartMs <= atMs));
  const endedAtMs = lastMs + scrapeMs;
  return {
    name,
    uid: name,
    arm,
    startedAtMs: startMs <= firstMs ? firstMs - LONG_MS : startMs - scrapeMs,
    ...(Number.isFinite(restartedAtMs) ? { restartedAtMs } : {}),
    ...(endedAtMs < atMs ? { endedAtMs } : {}),
  };
}

/** Series that no metric reads: mostly a slip in a name or label. */
export function unreadSeries(
  metrics: AnalysisRunSpec['metrics'],
  series: readonly Series[],
  { namespace, arms }: TestSides,
): readonly Series[] {
  const read = new Set(
    metrics.flatMap(({ query, against }) => {
      const workloads = [arms.stable.workload, arms.canary.workload, against?.workload].filter(
        (name) => name !== undefined,
      );
      return seriesOf(
        query,
        series,
        workloads.map((workload) => ({ namespace, workload })),
      );
    }),
  );
  return series.filter((each) => !read.has(each));
}
