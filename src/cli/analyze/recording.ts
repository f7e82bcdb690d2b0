/**
 * Measurements as a recording: intervals of one length, both sides side by side, ready for the judge. What would be counted twice
 * (duplicates, windows that overlap, running totals) is refused; what is missing is left out and said. Pure.
 */
import { median } from 'simple-statistics';
import { formatDuration } from '../../api/units.ts';
import type { Counts, Observation, PodCounts } from '../../judge/observation.ts';
import type { Measurement } from './measurements.ts';
import { wrongInput } from './table-file.ts';

export interface RecordedInterval {
  readonly endMs: number;
  /** Percent of requests for the canary. */
  readonly weight: number;
  readonly observation: Observation;
}

export interface Recording {
  readonly intervalMs: number;
  /** Oldest first; ends rise strictly. */
  readonly intervals: readonly RecordedInterval[];
  /** What was left out or assumed, as sentences. */
  readonly notes: readonly string[];
}

/** `intervalMs`: the windows' length; absent: the usual distance of the times. */
export function recordingOf(measurements: readonly Measurement[], file: string, intervalMs?: number): Recording {
  refuseDisorder(measurements);
  const byEnd = Map.groupBy(measurements, ({ endMs }) => endMs);
  const ends = [...byEnd.keys()].toSorted((a, b) => a - b);
  const lengthMs = intervalMs ?? statedLength(measurements) ?? usualGap(ends, file);
  refuseOverlap(ends, byEnd, lengthMs, intervalMs !== undefined);
  const weights = weightsOf(measurements);
  const missing: string[] = [];
  const intervals = ends.map((endMs): RecordedInterval => {
    const here = byEnd.get(endMs) ?? [];
    const observation = observationOf(endMs, here);
    if (observation.kind === 'skipped')
      missing.push(here.find(({ counts }) => counts === undefined)?.where ?? here[0]?.where ?? '');
    return { endMs, weight: weights(here), observation };
  });
  const gaps = ends.reduce(
    (sum, endMs, k) => sum + (k === 0 ? 0 : Math.max(0, Math.round((endMs - (ends[k - 1] ?? 0)) / lengthMs) - 1)),
    0,
  );
  return {
    intervalMs: lengthMs,
    intervals,
    notes: [
      ...(missing.length === 0
        ? []
        : [
            `${missing.length} interval${missing.length === 1 ? ' has' : 's have'} no data on one side and ${missing.length === 1 ? 'is' : 'are'} left out (first: ${missing[0] ?? ''}).`,
          ]),
      ...(gaps === 0
        ? []
        : [
            `${gaps} interval${gaps === 1 ? '' : 's'} of ${formatDuration(lengthMs)} between the first and the last ${gaps === 1 ? 'is' : 'are'} not in ${file}; ${gaps === 1 ? 'it counts' : 'they count'} as missing.`,
          ]),
      ...(measurements.some(({ weight }) => weight !== undefined)
        ? []
        : [
            `No weights are given; the canary is taken to have ${weights([]).toFixed(0)} % of the requests from its first one on.`,
          ]),
    ],
  };
}

/** Within one side (and pod) times rise, each once. */
function refuseDisorder(measurements: readonly Measurement[]): void {
  const last = new Map<string, Measurement>();
  for (const measurement of measurements) {
    const { arm, pod, endMs, where } = measurement;
    const before = last.get(`${arm}/${pod}`);
    const who = pod === '' ? arm : `${arm} pod ${pod}`;
    if (before?.endMs === endMs) {
      throw wrongInput(
        `${where} column time repeats the time of ${before.where} for ${who}. Keep one row per interval and side; add the column pod where there are several pods.`,
      );
    }
    if (before !== undefined && before.endMs > endMs) {
      throw wrongInput(`${where} column time is earlier than ${before.where} for ${who}. Sort the rows by time.`);
    }
    last.set(`${arm}/${pod}`, measurement);
  }
  for (const arm of ['canary', 'stable'] as const) {
    if (!measurements.some((measurement) => measurement.arm === arm)) {
      throw wrongInput(
        `${measurements[0]?.where.replace(/ (line|row) \d+$/, '') ?? 'The file'} has no rows of the ${arm}. Column arm must name both sides, canary and stable.`,
      );
    }
  }
}

function statedLength(measurements: readonly Measurement[]): number | undefined {
  const lengths = measurements.flatMap(({ startMs, endMs }) => (startMs === undefined ? [] : [endMs - startMs]));
  return lengths.length === 0 ? undefined : median(lengths);
}

function usualGap(ends: readonly number[], file: string): number {
  const gaps = ends.slice(1).map((endMs, k) => endMs - (ends[k] ?? 0));
  if (gaps.length === 0)
    throw wrongInput(
      `${file} has one time only, so the length of its interval is unknown. Say it, e.g. --interval 10s.`,
    );
  return median(gaps);
}

/** Two windows that share time count the same requests twice. Jitter of a tenth is usual, half where the length is a guess. */
function refuseOverlap(
  ends: readonly number[],
  byEnd: ReadonlyMap<number, readonly Measurement[]>,
  lengthMs: number,
  isGiven: boolean,
): void {
  const least = (isGiven ? 0.9 : 0.5) * lengthMs;
  for (const [k, endMs] of ends.entries()) {
    const before = ends[k - 1];
    const [here] = byEnd.get(endMs) ?? [];
    if (before === undefined || here === undefined) continue;
    const startMs = here.startMs ?? Number.POSITIVE_INFINITY;
    if (startMs < before - 0.1 * lengthMs) {
      throw wrongInput(
        `${here.where} column start is before the end of the interval before it: its requests would count twice. Write windows that do not overlap.`,
      );
    }
    if (endMs - before < least) {
      throw wrongInput(
        `${here.where} column time is ${formatDuration(endMs - before)} after the one before, but the windows are ${formatDuration(lengthMs)} long: they overlap, and requests would count twice. ` +
          `Write one row per ${formatDuration(lengthMs)}${isGiven ? ', or correct --interval' : ', or say the windows’ length with --interval'}.`,
      );
    }
  }
}

/**
 * The weight of an interval: as written, else the last one written, else the canary's part of all requests; none before its first
 * request.
 */
function weightsOf(measurements: readonly Measurement[]): (here: readonly Measurement[]) => number {
  const totals = { canary: 0, stable: 0 };
  const both = Map.groupBy(measurements, ({ endMs }) => endMs);
  let beginsMs = Infinity;
  for (const [endMs, here] of both) {
    const [canary, stable] = [sumOf(here, 'canary'), sumOf(here, 'stable')];
    if (canary === undefined || canary.total === 0) continue;
    beginsMs = Math.min(beginsMs, endMs);
    if (stable === undefined) continue;
    totals.canary += canary.total;
    totals.stable += stable.total;
  }
  const share = totals.canary > 0 ? (100 * totals.canary) / (totals.canary + totals.stable) : 0;
  let last: number | undefined;
  return (here) => {
    last = here.find(({ weight }) => weight !== undefined)?.weight ?? last;
    return last ?? ((here[0]?.endMs ?? beginsMs) < beginsMs ? 0 : share);
  };
}

function observationOf(endMs: number, here: readonly Measurement[]): Observation {
  const [canary, stable] = [sumOf(here, 'canary'), sumOf(here, 'stable')];
  // No rows of the canary at all: nobody sent it requests yet. Stable is always there.
  const isBefore = !here.some(({ arm }) => arm === 'canary');
  if (stable === undefined || (canary === undefined && !isBefore)) return { kind: 'skipped', endMs, reason: 'NoData' };
  const pods = here.flatMap(({ arm, pod, counts }): PodCounts[] =>
    arm === 'stable' && pod !== '' && counts !== undefined ? [{ pod, ...counts }] : [],
  );
  return {
    kind: 'proportion',
    endMs,
    canaryPods: Math.max(1, here.filter(({ arm }) => arm === 'canary').length),
    counts: {
      canary: canary ?? { bad: 0, total: 0 },
      stable,
      stablePods: pods.toSorted((a, b) => (a.pod < b.pod ? -1 : 1)),
    },
  };
}

/** `undefined` where the side has no row, or one without data: a part of its pods would be another mix. */
function sumOf(here: readonly Measurement[], arm: Measurement['arm']): Counts | undefined {
  const rows = here.filter((measurement) => measurement.arm === arm);
  let [bad, total] = [0, 0];
  for (const { counts } of rows) {
    if (counts === undefined) return undefined;
    bad += counts.bad;
    total += counts.total;
  }
  return rows.length === 0 ? undefined : { bad, total };
}
