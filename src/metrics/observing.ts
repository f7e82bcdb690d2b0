/** Answers → batches → evidence, for one run. Pure; the same answers give the same evidence in every process. */
import type { AnalysisRunSpec, ResolvedMetric } from '../api/analysis-run.ts';
import type { Finding } from '../api/meta.ts';
import type { ReleaseStatus } from '../api/release.ts';
import { type RunEvidence, observe } from '../judge/evidence.ts';
import type { Observation } from '../judge/observation.ts';
import { type Per, perOf } from '../judge/query-shape.ts';
import { readGauge } from './gauge.ts';
import { type Reading, type RunPods, type Span, readInterval } from './intervals.ts';
import { lateCounts, latenessOf, plus, type Receipt, type Receipts, withoutSeen } from './late.ts';
import { adoptByName, type PodLedger } from './ledger.ts';
import type { IntervalRows } from './rows.ts';
import { sidesOf } from './sides.ts';
import { checkSlo } from './slo.ts';

/** Rows of a metric at an interval end; `failed` where its query was not answered. */
export type RowsOf = (metric: string, endMs: number) => IntervalRows | undefined | 'failed';

/** Everything a run's metrics say about its intervals, before late scrapes are looked at. */
export interface RunReadings {
  readonly ledger: PodLedger;
  /** By interval end, oldest first; by metric name. `undefined`: the query was not answered. */
  readonly intervals: readonly {
    readonly endMs: number;
    readonly readings: ReadonlyMap<string, Reading | undefined>;
  }[];
}

export function readRun(
  spec: AnalysisRunSpec,
  pods: RunPods,
  ends: readonly number[],
  span: Omit<Span, 'endMs'>,
  rowsOf: RowsOf,
): RunReadings {
  const readAll = (ledger: PodLedger): RunReadings => ({
    ledger,
    intervals: ends.map((endMs) => ({
      endMs,
      readings: new Map(
        spec.metrics.map((metric) => {
          const rows = rowsOf(metric.name, endMs);
          const reading =
            rows === 'failed' ? undefined : readMetric(metric, rows, { ...pods, ledger }, { ...span, endMs });
          return [metric.name, reading];
        }),
      ),
    })),
  });
  const first = readAll(pods.ledger);
  const adopted = adoptAll(pods.ledger, first);
  return adopted === pods.ledger ? first : readAll(adopted);
}

/** One metric in one interval, whatever its shape and whatever it is compared with. */
export function readMetric(metric: ResolvedMetric, rows: IntervalRows | undefined, pods: RunPods, span: Span): Reading {
  const read = metric.query.gauge === undefined ? readInterval : readGauge;
  return read(metric.query, rows, sidesOf(metric, pods), span);
}

function adoptAll(ledger: PodLedger, { intervals }: RunReadings): PodLedger {
  let next = ledger;
  for (const { endMs, readings } of intervals) {
    const unknown = new Set([...readings.values()].flatMap((reading) => reading?.unknownPods ?? []));
    for (const name of unknown) next = adoptByName(next, name, endMs) ?? next;
  }
  return next;
}

/** Metrics whose last consumed interval has to be read again, because scrapes of it came late. */
export function lateMetrics(readings: RunReadings, receipts: Receipts, intervalMs: number): readonly string[] {
  const [first] = readings.intervals;
  return [...(first?.readings ?? [])].flatMap(([name, reading]) =>
    reading !== undefined && latenessOf(receipts[name], reading, intervalMs) !== 'none' ? [name] : [],
  );
}

export interface Measured {
  readonly endMs: number;
  readonly weight: number;
  readonly observations: ReadonlyMap<string, Observation>;
}

export interface RunObserved {
  readonly evidence: RunEvidence;
  readonly receipts: Receipts;
  readonly measured: readonly Measured[];
  /** Scrapes that came late and were counted after all. */
  readonly lateScrapes: number;
  readonly findings: readonly Finding[];
  /** Pods whose numbers were left out of the newest interval, and why. */
  readonly leftOut: { readonly unknown: readonly string[]; readonly implausible: readonly string[] };
}

export function observeRun(
  spec: AnalysisRunSpec,
  before: { readonly evidence: RunEvidence; readonly receipts: Receipts },
  readings: RunReadings,
  weights: ReleaseStatus['weights'],
  reread: (metric: string) => Reading | undefined,
): RunObserved {
  const { intervalMs } = before.evidence;
  const controlled = new Set(
    spec.metrics.filter(({ against, share }) => against?.constant === undefined && share > 0).map(({ name }) => name),
  );
  // Where all requests that match go to the canary, it can be held against a bound, and shown, but not against stable.
  // Where nothing else is to come before users do, testers and load generators are whom it is judged by.
  const isSeen = (name: string, requests: 'none' | 'canary' | 'both'): boolean =>
    spec.control !== undefined || requests === 'both' || (requests === 'canary' && !controlled.has(name));
  const perByName = new Map(spec.metrics.map(({ name, query }) => [name, perOf(query)]));
  let { evidence, receipts } = before;
  let lateScrapes = 0;
  const measured: Measured[] = [];
  for (const { endMs, readings: byMetric } of readings.intervals) {
    const { weight, step, requests } = weightAt(weights, endMs - intervalMs);
    const observations = new Map<string, Observation>();
    const nextReceipts: Record<string, Receipts[string]> = {};
    for (const [name, reading] of byMetric) {
      if (reading === undefined) {
        observations.set(name, { kind: 'skipped', endMs, reason: 'SourceUnavailable' });
        continue;
      }
      const now = { weight, intervalMs, per: perByName.get(name) ?? 'all' };
      const settled = settle(reading, receipts[name], now, () => reread(name));
      lateScrapes += settled.isLate ? 1 : 0;
      observations.set(name, isSeen(name, requests) ? settled.observation : withoutCanary(settled.observation));
      nextReceipts[name] = {
        endMs,
        weight,
        levels: reading.levels,
        taken: withoutPods(reading.pending ?? reading.observation),
        ...(settled.carried === undefined ? {} : { carried: withoutPods(settled.carried) }),
      };
    }
    evidence = observe(evidence, { endMs, weight, step, observations });
    receipts = nextReceipts;
    measured.push({ endMs, weight, observations });
  }
  const newest = [...(readings.intervals.at(-1)?.readings.values() ?? [])];
  return {
    evidence,
    receipts,
    measured,
    lateScrapes,
    findings: spec.metrics.flatMap((metric) => checkSlo(metric, boundariesOf(measured, metric.name)) ?? []),
    leftOut: {
      unknown: distinct(newest.flatMap((reading) => reading?.unknownPods ?? [])),
      implausible: distinct(newest.flatMap((reading) => reading?.implausiblePods ?? [])),
    },
  };
}

/** The weight and step in force at a moment, 0 before the first, and whose requests can be compared then. */
export function weightAt(
  weights: ReleaseStatus['weights'],
  atMs: number,
): { readonly weight: number; readonly step: number; readonly requests: 'none' | 'canary' | 'both' } {
  const last = (weights ?? []).findLast(({ since }) => Date.parse(since) <= atMs);
  const { weight = 0, step = 0, requests = weight > 0 ? 'both' : 'none' } = last ?? {};
  return { weight, step, requests };
}

interface Settled {
  readonly observation: Observation;
  /** Counted and still not judged. */
  readonly carried?: Observation;
  readonly isLate: boolean;
}

/**
 * The interval together with what earlier ones could not count. Only under the same weight: mixed shares would compare different
 * requests. What was carried before goes with the newest interval that is judged.
 */
function settle(
  reading: Reading,
  receipt: Receipt | undefined,
  { weight, intervalMs, per }: { readonly weight: number; readonly intervalMs: number; readonly per: Per },
  reread: () => Reading | undefined,
): Settled {
  const { endMs } = reading.observation;
  const isNext = receipt !== undefined && receipt.endMs === endMs - intervalMs && receipt.weight === weight;
  if (!isNext) return withCarried(reading, undefined, false);
  const lateness = latenessOf(receipt, reading, intervalMs);
  const again = lateness === 'none' ? undefined : reread();
  if (lateness === 'receded' && again?.hasRestarts !== true) {
    const rest = withoutSeen(reading.observation, receipt, reading.bases, per);
    const observation: Observation = rest ?? { kind: 'skipped', endMs, reason: 'ImplausibleCounter' };
    return { observation, isLate: true, ...(receipt.carried === undefined ? {} : { carried: receipt.carried }) };
  }
  const late = again === undefined ? undefined : lateCounts(receipt.taken, again.pending ?? again.observation, per);
  return withCarried(reading, plus(late, receipt.carried), lateness !== 'none');
}

function withCarried(reading: Reading, carried: Observation | undefined, isLate: boolean): Settled {
  const { observation, pending } = reading;
  if (observation.kind !== 'skipped') return { observation: plus(observation, carried) ?? observation, isLate };
  const rest = plus(pending, carried);
  return { observation, isLate, ...(rest === undefined ? {} : { carried: rest }) };
}

/** At weight 0 what reaches the canary are probes and people trying it out, not users. */
function withoutCanary(observation: Observation): Observation {
  const nothing = { bad: 0, total: 0 };
  if (observation.kind === 'proportion') {
    return { ...observation, counts: { ...observation.counts, canary: nothing } };
  }
  if (observation.kind === 'gauge') return { kind: 'skipped', endMs: observation.endMs, reason: 'NoCanaryRequests' };
  if (observation.kind !== 'histogram') return observation;
  return {
    ...observation,
    boundaries: observation.boundaries.map(({ boundaryMs, counts }) => ({
      boundaryMs,
      counts: { ...counts, canary: nothing },
    })),
  };
}

function withoutPods(observation: Observation): Observation {
  if (observation.kind === 'proportion') return { ...observation, counts: { ...observation.counts, stablePods: [] } };
  if (observation.kind !== 'histogram') return observation;
  return {
    ...observation,
    boundaries: observation.boundaries.map(({ boundaryMs, counts }) => ({
      boundaryMs,
      counts: { ...counts, stablePods: [] },
    })),
  };
}

function boundariesOf(measured: readonly Measured[], metric: string): readonly number[] {
  for (const { observations } of measured) {
    const observation = observations.get(metric);
    if (observation?.kind === 'histogram') return observation.boundaries.map(({ boundaryMs }) => boundaryMs);
  }
  return [];
}

const distinct = (names: readonly string[]): readonly string[] => [...new Set(names)].toSorted();
