/**
 * Metrics with a provider, whose answers stand in the test: conditions, counters and limits by the same code as in a release. One
 * measurement takes no time here; values are taken in their order, and the last one goes on. Pure.
 */
import type { ResolvedMeasure } from '../../api/measure.ts';
import { assessMeasured, type Measured } from '../../expression/condition.ts';
import type { Measurement, MetricResult } from '../../judge/argo/measure.ts';
import { recordMeasurement, type Taken } from '../../judge/argo/record.ts';
import { assessRun, isTerminating } from '../../judge/argo/run-phase.ts';
import { dueMeasurements } from '../../judge/argo/schedule.ts';

export interface WrittenMeasured {
  readonly metric: string;
  /** What each measurement gives; `null`: an Error. */
  readonly values: readonly unknown[];
}

/** How often it is looked whether a measurement is due. */
const TICK_MS = 1000;

/** Results as they are at a moment, which must not go back. */
export function replayMeasures(
  measures: readonly ResolvedMeasure[],
  written: readonly WrittenMeasured[],
  startedAtMs: number,
): (atMs: number) => readonly MetricResult[] {
  let results: readonly MetricResult[] = [];
  let nextMs = startedAtMs;
  const taken = new Map<string, number>();
  const tick = (nowMs: number): void => {
    const due = dueMeasurements({
      measures,
      results,
      startedAtMs,
      nowMs,
      isTerminating: isTerminating(results, false),
    });
    for (const { measure } of due) {
      const number = taken.get(measure.name) ?? 0;
      taken.set(measure.name, number + 1);
      const values = written.find(({ metric }) => metric === measure.name)?.values ?? [];
      const given = values[Math.min(number, values.length - 1)];
      const before = results.find(({ name }) => name === measure.name);
      const provider = measures.find(({ name }) => name === measure.name)?.provider ?? {};
      const after = recordMeasurement(measure, before, takenOf(given, Object.keys(provider)[0] ?? '', measure, nowMs));
      results = [...results.filter((each) => each !== before), after];
    }
    results = assessRun(measures, results, false).results;
  };
  return (atMs) => {
    for (; nextMs <= atMs; nextMs += TICK_MS) tick(nextMs);
    return results;
  };
}

type Conditions = Pick<ResolvedMeasure, 'successCondition' | 'failureCondition'>;

function takenOf(given: unknown, provider: string, conditions: Conditions, nowMs: number): Taken {
  const time = new Date(nowMs).toISOString();
  const times = { startedAt: time, finishedAt: time };
  const ended = (rest: Pick<Measurement, 'phase' | 'message' | 'value'>): Measurement => ({ ...times, ...rest });
  if (given === null || given === undefined) {
    return { measurement: ended({ phase: 'Error', message: 'the test gives no value here' }), isReal: false };
  }
  if (provider === 'job') {
    const phase = given === 'Failed' ? 'Failed' : 'Successful';
    return { measurement: ended({ phase }), isReal: true };
  }
  const measured = measuredOf(given, provider);
  const { phase, message } = assessMeasured(measured, conditions, nowMs);
  const value = measured.kind === 'numbers' ? `[${measured.values.join(',')}]` : JSON.stringify(given);
  return {
    measurement: ended({ phase, value, ...(message === undefined ? {} : { message }) }),
    isReal: isReal(measured),
  };
}

/** A number of Prometheus is a vector with one element: `result[0]`. */
function measuredOf(given: unknown, provider: string): Measured {
  if (provider !== 'prometheus') return { kind: 'json', value: given };
  const values = (Array.isArray(given) ? (given as readonly unknown[]) : [given]).map(Number);
  return { kind: 'numbers', values };
}

const isReal = (measured: Measured): boolean =>
  measured.kind !== 'numbers' || (measured.values.length > 0 && !measured.values.some(Number.isNaN));

/** What cannot be an answer of this provider, as the end of a sentence; `undefined` when all can. */
export function valueProblem({ values }: WrittenMeasured, provider: string): string | undefined {
  if (provider === 'job') {
    const wrong = values.find((value) => value !== null && value !== 'Successful' && value !== 'Failed');
    return wrong === undefined
      ? undefined
      : `${JSON.stringify(wrong)}. A job is Successful or Failed, or null for an Error`;
  }
  if (provider !== 'prometheus') return undefined;
  const isNumber = (value: unknown): boolean => typeof value === 'number' || value === 'NaN' || value === 'Infinity';
  const wrong = values.find(
    (value) => value !== null && !(Array.isArray(value) ? value.every(isNumber) : isNumber(value)),
  );
  return wrong === undefined
    ? undefined
    : `${JSON.stringify(wrong)}. Prometheus gives a number or a list of numbers; null is an Error`;
}
