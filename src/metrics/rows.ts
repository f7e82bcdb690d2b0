/** An answer to `intervalExpression`, sorted: per interval end and workload, what each pod's counters did. */
import type { MetricQuerySpec } from '../api/metric-query.ts';
import { readBoundary } from './escape.ts';
import type { QueryAnswer } from './port.ts';
import { PART, type Part, PARTS, SIDE } from './promql.ts';

/** `total` and `bad` of counts; the boundary, as a number in the metric's unit, of histograms. */
export type Column = 'total' | 'bad' | number;
export type Columns = ReadonlyMap<Column, number>;

type Increments = 'plain' | 'reset' | 'born' | 'strange';

export interface PodRows {
  readonly increments: Readonly<Record<Increments, Columns>>;
  /** Number of its series with a scrape inside the interval. */
  readonly fresh: number;
  /** Old value of its series that are missing from its newest scrape. */
  readonly silent: number;
}

export interface WorkloadRows {
  /** By pod name; without a pod label by version, without either under the empty name. */
  readonly pods: ReadonlyMap<string, PodRows>;
  /** Sum of all its counters at the end and at the beginning of the interval. */
  readonly level?: number;
  readonly base?: number;
}

/** By `workloadKey`. */
export type IntervalRows = ReadonlyMap<string, WorkloadRows>;

/** Whether something only a restart or a new pod can explain happened to the workload in the interval. */
export function hasSurprises(workload: WorkloadRows): boolean {
  return [...workload.pods.values()].some(({ increments: { reset, born, strange } }) =>
    [reset, born, strange].some((columns) => columns.size > 0),
  );
}

interface MutablePod {
  increments: Record<Increments, Map<Column, number>>;
  fresh: number;
  silent: number;
}
interface MutableWorkload {
  pods: Map<string, MutablePod>;
  level?: number;
  base?: number;
}

const KNOWN: ReadonlySet<string> = new Set(PARTS);

/** How rows of a workload are found; a query without a namespace label sees one namespace only. */
export function workloadKey(query: MetricQuerySpec, namespace: string, workload: string): string {
  return `${query.labels.namespace === undefined ? '' : namespace}/${workload}`;
}

/** Rows by interval end (ms). Series that are not an expression's own are ignored. */
export function readRows(query: MetricQuerySpec, answer: QueryAnswer): ReadonlyMap<number, IntervalRows> {
  const builder = createRows();
  const { labels } = query;
  const finest = labels.pod ?? labels.version;
  for (const series of answer.series) {
    const part = series.labels[PART];
    if (part === undefined || !KNOWN.has(part)) continue;
    const column = columnOf(series.labels);
    if (column === undefined) continue;
    const key = workloadKey(query, at(series.labels, labels.namespace), at(series.labels, labels.workload));
    const pod = at(series.labels, finest);
    for (const sample of series.samples) {
      // `PARTS` was just checked, the label is a plain string.
      builder.place(sample.timeMs, key, pod, part as Part, column, sample.value);
    }
  }
  return builder.byEnd;
}

export interface RowsBuilder {
  readonly byEnd: ReadonlyMap<number, IntervalRows>;
  /** Adds to what is there; `key` is a `workloadKey`. */
  place(endMs: number, key: string, pod: string, part: Part, column: Column, value: number): void;
}

export function createRows(): RowsBuilder {
  const byEnd = new Map<number, Map<string, MutableWorkload>>();
  return {
    byEnd,
    place: (endMs, key, pod, part, column, value) => {
      const rows = upsert(byEnd, endMs, () => new Map<string, MutableWorkload>());
      const workload = upsert(rows, key, () => ({ pods: new Map<string, MutablePod>() }));
      place(workload, pod, part, column, value);
    },
  };
}

function place(workload: MutableWorkload, name: string, part: Part, column: Column, value: number): void {
  if (part === 'level' || part === 'base') {
    workload[part] = (workload[part] ?? 0) + value;
    return;
  }
  const pod = upsert(workload.pods, name, emptyPod);
  if (part === 'fresh' || part === 'silent') {
    pod[part] += value;
    return;
  }
  const columns = pod.increments[part];
  // Two spellings of one boundary (an upgrade of Prometheus in between) are two series of one counter.
  columns.set(column, (columns.get(column) ?? 0) + value);
}

function emptyPod(): MutablePod {
  return {
    increments: { plain: new Map(), reset: new Map(), born: new Map(), strange: new Map() },
    fresh: 0,
    silent: 0,
  };
}

function columnOf(labels: Readonly<Record<string, string>>): Column | undefined {
  const side = labels[SIDE];
  if (side === 'total' || side === 'bad') return side;
  // Only increments are per boundary; the others speak of the whole histogram.
  return labels['le'] === undefined ? Number.POSITIVE_INFINITY : readBoundary(labels['le']);
}

function at(labels: Readonly<Record<string, string>>, name: string | undefined): string {
  return name === undefined ? '' : (labels[name] ?? '');
}

function upsert<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
