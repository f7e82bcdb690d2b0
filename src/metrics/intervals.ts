/**
 * Rows of one interval + pod ledger → the observation of one metric of one run, or the reason why there is none.
 * Events are neither invented nor lost: what cannot be explained skips the interval by name, what was not scraped yet falls into
 * a later one, an interval without any scrape is `NoData` and not zero requests.
 */
import type { AnalysisRunSpec } from '../api/analysis-run.ts';
import type { MetricQuerySpec } from '../api/metric-query.ts';
import type { Counts, Observation, PodCounts, ProportionCounts, SkipReason } from '../judge/observation.ts';
import { countersOf, perOf, unitMs } from '../judge/query-shape.ts';
import { type Explanation, hasEvents, incrementOf, sum } from './increments.ts';
import { type Arm, type LedgerPod, type PodLedger, podAt } from './ledger.ts';
import { type Columns, type IntervalRows, type PodRows, type WorkloadRows, workloadKey } from './rows.ts';

/** What is known about the run and its pods; the same for all its metrics. */
export interface RunPods {
  readonly namespace: string;
  readonly arms: AnalysisRunSpec['arms'];
  readonly ledger: PodLedger;
  readonly warmUpMs: number;
  /** The control is known by its workload alone, not by its place in the ledger: a baseline beside stable. */
  readonly isBaseline?: true;
  /** The canary is compared with a bound: nothing of stable is needed. */
  readonly isAlone?: true;
}

export interface Span {
  readonly endMs: number;
  readonly intervalMs: number;
  /** The expression's lookback. */
  readonly lookbackMs: number;
}

export interface Reading {
  readonly observation: Observation;
  /**
   * What was counted although the interval is `NoData`, because one side was not scraped in it: that side's events come with a
   * later scrape, and these belong beside them.
   */
  readonly pending?: Observation;
  /** Sums of all counters of each arm's workload at the end and at the start, to notice scrapes that came late. */
  readonly levels: Readonly<Partial<Record<Arm, number>>>;
  readonly bases: Readonly<Partial<Record<Arm, number>>>;
  /** A restart explains that counters began again in it or shortly before. */
  readonly hasRestarts: boolean;
  /** Pods with events that no arm claims. */
  readonly unknownPods: readonly string[];
  /** Pods whose counters did what nothing explains. */
  readonly implausiblePods: readonly string[];
}

/** Reads one interval; `rows` is `undefined` when the answer had nothing for its end. */
export function readInterval(
  query: MetricQuerySpec,
  rows: IntervalRows | undefined,
  run: RunPods,
  span: Span,
): Reading {
  const found = rows === undefined ? {} : findArms(query, rows, run);
  const tally = query.labels.pod === undefined ? tallyWhole(query, found, run, span) : tallyPods(found, run, span);
  const { endMs } = span;
  const reason = doubtOf(tally) ?? tooFew(tally, run);
  const counted = doubtOf(tally) === undefined ? countedOf(query, tally, endMs) : undefined;
  const isSkipped = reason !== undefined || counted === undefined;
  return {
    observation: isSkipped ? { kind: 'skipped', endMs, reason: reason ?? 'NoData' } : counted,
    ...(isSkipped && reason === 'NoData' && counted !== undefined ? { pending: counted } : {}),
    levels: armValues(found, 'level'),
    bases: armValues(found, 'base'),
    hasRestarts: tally.hasRestarts,
    unknownPods: tally.unknown,
    implausiblePods: tally.implausible,
  };
}

type FoundArms = Partial<Record<Arm, WorkloadRows>>;

interface ArmTally {
  hasRows: boolean;
  isFresh: boolean;
  young: number;
  counted: Counted[];
}

interface Counted {
  readonly pod: string;
  readonly columns: Columns;
  /** How long it ran in the interval. */
  readonly seconds: number;
}

interface Tally {
  readonly arms: Readonly<Record<Arm, ArmTally>>;
  readonly unknown: string[];
  readonly implausible: string[];
  isBroken: boolean;
  hasRestarts: boolean;
}

const ARMS = ['stable', 'canary'] as const;

function findArms(query: MetricQuerySpec, rows: IntervalRows, run: RunPods): FoundArms {
  const found: FoundArms = {};
  for (const arm of ARMS) {
    const workload = rows.get(workloadKey(query, run.namespace, run.arms[arm].workload));
    if (workload !== undefined) found[arm] = workload;
  }
  return found;
}

function emptyTally(): Tally {
  const arm = (): ArmTally => ({ hasRows: false, isFresh: false, young: 0, counted: [] });
  return { arms: { stable: arm(), canary: arm() }, unknown: [], implausible: [], isBroken: false, hasRestarts: false };
}

/** Pods tell the arms apart; the workload label only says where to look. */
function tallyPods(found: FoundArms, run: RunPods, span: Span): Tally {
  const tally = emptyTally();
  for (const workload of new Set(Object.values(found))) {
    for (const [name, rows] of workload.pods) {
      const pod = podAt(run.ledger, name, span.endMs);
      if (pod === undefined) {
        if (hasEvents(rows)) tally.unknown.push(name);
        continue;
      }
      if (run.isBaseline === true && pod.arm === 'stable' && workload !== found.stable) continue;
      const arm = tally.arms[pod.arm];
      arm.hasRows = true;
      if (isYoung(pod, run, span)) {
        arm.young++;
        continue;
      }
      addPod(tally, pod.arm, { name, rows, seconds: secondsOf(pod, span) }, explain(pod, span));
    }
  }
  return tally;
}

/** Without pods an arm is its workload (or version) as a whole, and young pods cannot be left out one by one. */
function tallyWhole(query: MetricQuerySpec, found: FoundArms, run: RunPods, span: Span): Tally {
  const tally = emptyTally();
  const { stable, canary } = run.arms;
  const areApart =
    stable.workload !== canary.workload || (query.labels.version !== undefined && stable.version !== canary.version);
  if (!areApart) tally.unknown.push(`${stable.workload} (no label tells the two sides apart)`);
  for (const arm of ARMS) {
    const pods = run.ledger.filter((pod) => pod.arm === arm && pod.endedAtMs === undefined);
    const explanation = { hasRestarted: pods.some((pod) => explain(pod, span).hasRestarted), isNew: false };
    const areYoung = pods.length > 0 && pods.every((pod) => isYoung(pod, run, span));
    for (const [version, rows] of found[arm]?.pods ?? []) {
      const wanted = run.arms[arm].version;
      if (query.labels.version !== undefined && wanted !== undefined && version !== wanted) continue;
      tally.arms[arm].hasRows = true;
      if (areYoung) tally.arms[arm].young++;
      else addPod(tally, arm, { name: version, rows, seconds: 0 }, explanation);
    }
  }
  return tally;
}

interface Found {
  readonly name: string;
  readonly rows: PodRows;
  readonly seconds: number;
}

function addPod(tally: Tally, arm: Arm, { name, rows, seconds }: Found, explanation: Explanation): void {
  const increment = incrementOf(rows, explanation);
  if (increment.kind === 'broken') tally.isBroken = true;
  else if (increment.kind === 'implausible') tally.implausible.push(name);
  else tally.arms[arm].counted.push({ pod: name, columns: increment.columns, seconds });
  if (rows.fresh > 0) tally.arms[arm].isFresh = true;
  if (explanation.hasRestarted) tally.hasRestarts = true;
}

/** How long a pod ran within the interval, s. Rows of a pod that is gone stay for a while, and nothing happens in it then. */
function secondsOf({ startedAtMs = 0, endedAtMs = Number.POSITIVE_INFINITY }: LedgerPod, span: Span): number {
  const fromMs = Math.max(span.endMs - span.intervalMs, startedAtMs);
  return Math.max(0, Math.min(span.endMs, endedAtMs) - fromMs) / 1000;
}

/** A pod counts from the first interval that lies wholly behind its warm-up. An unknown start counts as just now. */
function isYoung(pod: LedgerPod, run: RunPods, { endMs, intervalMs }: Span): boolean {
  if (run.warmUpMs === 0) return false;
  const startedAtMs = pod.startedAtMs ?? pod.adoptedAtMs ?? Number.POSITIVE_INFINITY;
  return startedAtMs + run.warmUpMs > endMs - intervalMs;
}

/**
 * Within the lookback before the interval no scrape of the pod was found, or its counters would be old. So a start after that
 * moment means that they were never counted.
 */
function explain(pod: LedgerPod, { endMs, intervalMs, lookbackMs }: Span): Explanation {
  const sinceMs = endMs - intervalMs - lookbackMs;
  return {
    hasRestarted: (pod.restartedAtMs ?? Number.NEGATIVE_INFINITY) >= sinceMs,
    isNew: (pod.startedAtMs ?? Number.NEGATIVE_INFINITY) >= sinceMs,
  };
}

function countedOf(query: MetricQuerySpec, tally: Tally, endMs: number): Observation | undefined {
  const { stable, canary } = tally.arms;
  const canaryPods = canary.counted.length;
  const hasPods = query.labels.pod !== undefined;
  if (countersOf(query) !== undefined) {
    const counts = proportion(canary, stable, hasPods, (columns, seconds) => readCounts(query, columns, seconds));
    return { kind: 'proportion', endMs, canaryPods, counts };
  }
  const boundaries = commonBoundaries([...stable.counted, ...canary.counted].map(({ columns }) => columns));
  if (boundaries.length === 0) return undefined;
  return {
    kind: 'histogram',
    endMs,
    canaryPods,
    boundaries: boundaries.map((boundary) => ({
      boundaryMs: Number((boundary * unitMs(query)).toPrecision(12)),
      counts: proportion(canary, stable, hasPods, (columns) => slowerThan(columns, boundary)),
    })),
  };
}

/** Events of a rate are no part of what they are counted per. */
function readCounts(query: MetricQuerySpec, columns: Columns, seconds: number): Counts {
  const [bad, total] = [columns.get('bad') ?? 0, columns.get('total') ?? 0];
  const per = perOf(query);
  if (per === 'all') return { bad: Math.min(bad, total), total };
  return per === 'time' ? { bad, total: seconds } : { bad, total };
}

/** What makes the numbers doubtful, whatever they are. */
function doubtOf({ isBroken, implausible, unknown }: Tally): SkipReason | undefined {
  if (isBroken) return 'NoData';
  if (implausible.length > 0) return 'ImplausibleCounter';
  return unknown.length > 0 ? 'UnknownPod' : undefined;
}

/** What is not there. No series of the canary at all means no requests yet: the first one makes them. */
function tooFew({ arms: { stable, canary } }: Tally, { isAlone }: RunPods): SkipReason | undefined {
  if (isAlone !== true) {
    if (!stable.hasRows) return 'NoData';
    if (stable.counted.length === 0 && stable.young > 0) return 'WarmingUp';
    if (!stable.isFresh) return 'NoData';
  } else if (!canary.hasRows && !stable.isFresh) return 'NoData';
  if (!canary.hasRows) return undefined;
  if (canary.counted.length === 0 && canary.young > 0) return 'WarmingUp';
  return canary.isFresh ? undefined : 'NoData';
}

function proportion(
  canary: ArmTally,
  stable: ArmTally,
  hasPods: boolean,
  read: (columns: Columns, seconds: number) => Counts,
): ProportionCounts {
  const stablePods: PodCounts[] = stable.counted.map(({ pod, columns, seconds }) => ({
    pod,
    ...read(columns, seconds),
  }));
  const whole = ({ counted }: ArmTally): Counts =>
    read(
      sum(counted.map(({ columns }) => columns)),
      counted.reduce((all, { seconds }) => all + seconds, 0),
    );
  return {
    canary: whole(canary),
    stable: whole(stable),
    stablePods: hasPods ? stablePods.toSorted((a, b) => (a.pod < b.pod ? -1 : 1)) : [],
  };
}

function slowerThan(columns: Columns, boundary: number): Counts {
  const total = columns.get(Number.POSITIVE_INFINITY) ?? 0;
  return { bad: Math.min(total, Math.max(0, total - (columns.get(boundary) ?? 0))), total };
}

/** Finite boundaries that every pod with requests has; two versions of an application may bring different ones. */
function commonBoundaries(pods: readonly Columns[]): readonly number[] {
  const busy = pods.filter((columns) => (columns.get(Number.POSITIVE_INFINITY) ?? 0) > 0);
  const [first = pods[0]] = busy;
  const candidates = [...(first?.keys() ?? [])].filter(
    (column) => typeof column === 'number' && Number.isFinite(column),
  );
  return candidates
    .filter((column): column is number => busy.every((columns) => columns.has(column)))
    .toSorted((a, b) => a - b);
}

function armValues(found: FoundArms, field: 'level' | 'base'): Readonly<Partial<Record<Arm, number>>> {
  const values: Partial<Record<Arm, number>> = {};
  for (const arm of ARMS) {
    const value = found[arm]?.[field];
    if (value !== undefined) values[arm] = value;
  }
  return values;
}
