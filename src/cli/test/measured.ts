/**
 * Metrics with a provider, whose answers stand in the test: conditions, counters and limits by the same code as in a release. One
 * measurement takes no time here; values are taken in their order, and the last one goes on.
 */
import { sameJson } from '../../api/fields.ts';
import type { ResolvedMeasure } from '../../api/measure.ts';
import { assessMeasured, type Measured } from '../../expression/condition.ts';
import type { Measurement, MetricResult } from '../../judge/argo/measure.ts';
import { recordMeasurement, type Taken } from '../../judge/argo/record.ts';
import { assessRun, isTerminating } from '../../judge/argo/run-phase.ts';
import { dueMeasurements, type MeasureTask } from '../../judge/argo/schedule.ts';

export interface WrittenMeasured {
  readonly metric: string;
  /** What each measurement gives; `null`: an Error. */
  readonly values: readonly unknown[];
}

/** How often it is looked whether a measurement is due. */
const TICK_MS = 1000;

/** Results as they were at a moment. */
export type ResultsAt = (atMs: number) => readonly MetricResult[];

/** Whoever can ask what the test does not write. */
export type Ask = (
  measure: ResolvedMeasure,
  task: MeasureTask,
  before: MetricResult | undefined,
  nowMs: number,
) => Promise<Taken>;

/** Every measurement up to `lastMs`: out of the test's `measured`, and what is not written there is asked for, where somebody can. */
export async function takeMeasures(
  measures: readonly ResolvedMeasure[],
  written: readonly WrittenMeasured[],
  { startedAtMs, lastMs }: { readonly startedAtMs: number; readonly lastMs: number },
  ask?: Ask,
): Promise<ResultsAt> {
  let results: readonly MetricResult[] = [];
  const taken = new Map<string, number>();
  const history: { readonly atMs: number; readonly results: readonly MetricResult[] }[] = [];
  for (let nowMs = startedAtMs; nowMs <= lastMs; nowMs += TICK_MS) {
    const earlier = results;
    const isEnding = isTerminating(results, false);
    for (const task of dueMeasurements({ measures, results, startedAtMs, nowMs, isTerminating: isEnding })) {
      const { name } = task.measure;
      const measure = measures.find((each) => each.name === name);
      const values = written.find(({ metric }) => metric === name)?.values;
      const before = results.find((each) => each.name === name);
      const number = taken.get(name) ?? 0;
      taken.set(name, number + 1);
      const answer =
        ask === undefined || measure === undefined || values !== undefined
          ? takenOf(values?.[Math.min(number, values.length - 1)], measure, task.measure, nowMs)
          : await ask(measure, task, before, nowMs);
      results = [...results.filter((each) => each !== before), recordMeasurement(task.measure, before, answer)];
    }
    const assessed = assessRun(measures, results, false).results;
    if (!sameJson(assessed, results)) results = assessed;
    if (results !== earlier) history.push({ atMs: nowMs, results });
  }
  return (atMs) => history.findLast((each) => each.atMs <= atMs)?.results ?? [];
}

type Conditions = Pick<ResolvedMeasure, 'successCondition' | 'failureCondition'>;

function takenOf(given: unknown, measure: ResolvedMeasure | undefined, conditions: Conditions, nowMs: number): Taken {
  const [provider = ''] = Object.keys(measure?.provider ?? {});
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
