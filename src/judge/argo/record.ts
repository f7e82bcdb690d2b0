/** A measurement becomes part of its metric's result: counters, the newest measurements, lengths that a status can bear. */
import { DEFAULT_RETENTION, isCompleted, type Measure, type Measurement, type MetricResult } from './measure.ts';

const LONGEST_VALUE = 512;
const LONGEST_MESSAGE = 1024;
const LONGEST_METADATA = 2048;
const MOST_RETAINED = 100;

const NOTHING_YET = {
  measurements: [],
  count: 0,
  successful: 0,
  failed: 0,
  inconclusive: 0,
  error: 0,
  consecutiveError: 0,
  consecutiveSuccess: 0,
  failedOnRealValue: 0,
} as const;

export interface Taken {
  readonly measurement: Measurement;
  /** The value was real: not NaN, not an empty answer. */
  readonly isReal: boolean;
  /** Of the metric, once: the query that was asked. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The result with a finished measurement, or one that has just begun or gone on (analysis.go: runMeasurements). */
export function recordMeasurement(measure: Measure, before: MetricResult | undefined, taken: Taken): MetricResult {
  const result: MetricResult = before ?? {
    ...NOTHING_YET,
    name: measure.name,
    phase: 'Running',
    ...(measure.isDryRun === true ? { dryRun: true } : {}),
    ...(taken.metadata === undefined ? {} : { metadata: shortened(taken.metadata) }),
  };
  const isUnderWay = result.measurements.at(-1)?.finishedAt === undefined && result.measurements.length > 0;
  const earlier = isUnderWay ? result.measurements.slice(0, -1) : result.measurements;
  const kept = Math.min(
    MOST_RETAINED,
    measure.retention !== undefined && measure.retention > 0 ? measure.retention : DEFAULT_RETENTION,
  );
  return {
    ...result,
    ...(isCompleted(taken.measurement.phase) ? counted(result, taken) : {}),
    measurements: [...earlier, bounded(taken.measurement)].slice(-kept),
  };
}

/** An Error is not counted as a measurement; anything but a success ends a row of successes. */
function counted(result: MetricResult, { measurement, isReal }: Taken): Partial<MetricResult> {
  const real = isReal ? { onRealValue: (result.onRealValue ?? 0) + 1 } : {};
  switch (measurement.phase) {
    case 'Successful':
      return {
        ...real,
        successful: result.successful + 1,
        count: result.count + 1,
        consecutiveError: 0,
        consecutiveSuccess: result.consecutiveSuccess + 1,
      };
    case 'Failed':
      return {
        ...real,
        failed: result.failed + 1,
        failedOnRealValue: result.failedOnRealValue + (isReal ? 1 : 0),
        count: result.count + 1,
        consecutiveError: 0,
        consecutiveSuccess: 0,
      };
    case 'Inconclusive':
      return {
        ...real,
        inconclusive: result.inconclusive + 1,
        count: result.count + 1,
        consecutiveError: 0,
        consecutiveSuccess: 0,
      };
    case 'Error':
    case 'Pending':
    case 'Running':
      return { error: result.error + 1, consecutiveError: result.consecutiveError + 1, consecutiveSuccess: 0 };
  }
}

function bounded(measurement: Measurement): Measurement {
  const { value, message, metadata } = measurement;
  return {
    ...measurement,
    ...(value === undefined ? {} : { value: cut(value, LONGEST_VALUE) }),
    ...(message === undefined ? {} : { message: cut(message, LONGEST_MESSAGE) }),
    ...(metadata === undefined ? {} : { metadata: shortened(metadata) }),
  };
}

function shortened(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, cut(value, LONGEST_METADATA)]));
}

/** Never through the middle of a surrogate pair. */
const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`.toWellFormed();
