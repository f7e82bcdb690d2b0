/** Rows of a gauge + pod ledger → the means of both sides in one interval. Nothing is carried on: a value missed is gone. */
import type { MetricQuerySpec } from '../api/metric-query.ts';
import type { SkipReason } from '../judge/observation.ts';
import type { Reading, RunPods, Span } from './intervals.ts';
import { type Arm, type LedgerPod, podAt } from './ledger.ts';
import { type IntervalRows, type PodRows, workloadKey } from './rows.ts';

interface Side {
  readonly values: number[];
  young: number;
}

/** Reads one interval; a pod that no side claims makes it doubtful, as it does with counters. */
export function readGauge(query: MetricQuerySpec, rows: IntervalRows | undefined, run: RunPods, span: Span): Reading {
  const sides: Record<Arm, Side> = { stable: { values: [], young: 0 }, canary: { values: [], young: 0 } };
  const unknown = new Set<string>();
  const { stable, canary } = run.arms;
  const hasVersions = query.labels.version !== undefined && stable.version !== canary.version;
  if (query.labels.pod === undefined && stable.workload === canary.workload && !hasVersions)
    unknown.add(`${stable.workload} (no label tells the two sides apart)`);
  for (const arm of ['stable', 'canary'] as const) {
    const { workload, version } = run.arms[arm];
    for (const [name, pod] of rows?.get(workloadKey(query, run.namespace, workload))?.pods ?? []) {
      const value = valueOf(pod);
      if (value === undefined) continue;
      if (query.labels.pod === undefined) {
        if (query.labels.version === undefined || version === undefined || version === name)
          sides[arm].values.push(value);
        continue;
      }
      const known = podAt(run.ledger, name, span.endMs);
      if (known === undefined) unknown.add(name);
      // Both sides may share a workload: each pod is read once, for the side it is on.
      else if (known.arm !== arm) continue;
      else if (isYoung(known, run, span)) sides[arm].young++;
      else sides[arm].values.push(value);
    }
  }
  const { endMs } = span;
  const reason = unknown.size > 0 ? 'UnknownPod' : reasonOf(sides, run);
  const means = { canary: mean(sides.canary.values), stable: mean(sides.stable.values) };
  return {
    observation:
      reason === undefined
        ? { kind: 'gauge', endMs, canaryPods: sides.canary.values.length, means }
        : { kind: 'skipped', endMs, reason },
    levels: {},
    bases: {},
    hasRestarts: false,
    unknownPods: [...unknown],
    implausiblePods: [],
  };
}

function reasonOf({ stable, canary }: Record<Arm, Side>, { isAlone }: RunPods): SkipReason | undefined {
  for (const side of isAlone === true ? [canary] : [canary, stable]) {
    if (side.values.length === 0) return side.young > 0 ? 'WarmingUp' : 'NoData';
    // NaN is an answer that means nothing.
    if (!side.values.every(Number.isFinite)) return 'NoData';
  }
  return undefined;
}

const valueOf = ({ increments }: PodRows): number | undefined => increments.plain.get('total');

function isYoung(pod: LedgerPod, { warmUpMs }: RunPods, { endMs, intervalMs }: Span): boolean {
  if (warmUpMs === 0) return false;
  return (pod.startedAtMs ?? pod.adoptedAtMs ?? Number.POSITIVE_INFINITY) + warmUpMs > endMs - intervalMs;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
