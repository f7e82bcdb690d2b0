/**
 * Metrics with a provider, whose answers stand in the test: conditions, counters and limits by the same code as in a release. One
 * measurement takes no time here; values are taken in their order, and the last one goes on. Pure.
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

/** Results as they are at a moment, which must not go back. */
export type ResultsAt = (atMs: number) => readonly MetricResult[];

/** Answers out of the test's `measured`. */
export function replayMeasures(
  measures: readonly ResolvedMeasure[],
  written: readonly WrittenMeasured[],
  startedAtMs: number,
): ResultsAt {
  const replay = openReplay(measures, startedAtMs);
  let nextMs = startedAtMs;
  return (atMs) => {
    for (; nextMs <= atMs; nextMs += TICK_MS) {
      for (const due of replay.due(nextMs)) replay.record(due, writtenAnswer(measures, written, due, nextMs));
      replay.assess();
    }
    return replay.results();
  };
}

/** Whoever can ask what the test does not write; `undefined` for what it cannot. */
export type Ask = (
  measure: ResolvedMeasure,
  task: MeasureTask,
  before: MetricResult | undefined,
  nowMs: number,
) => Promise<Taken>;

/** The same with answers that are asked for, up to `lastMs`; `measured` of the test goes before. */
export async function askMeasures(
  measures: readonly ResolvedMeasure[],
  written: readonly WrittenMeasured[],
  { startedAtMs, lastMs }: { readonly startedAtMs: number; readonly lastMs: number },
  ask: Ask,
): Promise<ResultsAt> {
  const replay = openReplay(measures, startedAtMs);
  const history: { readonly atMs: number; readonly results: readonly MetricResult[] }[] = [];
  for (let nowMs = startedAtMs; nowMs <= lastMs; nowMs += TICK_MS) {
    const before = replay.results();
    for (const due of replay.due(nowMs)) {
      const measure = measures.find(({ name }) => name === due.task.measure.name);
      const isWritten = written.some(({ metric }) => metric === measure?.name);
      const taken =
        measure === undefined || isWritten
          ? writtenAnswer(measures, written, due, nowMs)
          : await ask(measure, due.task, due.before, nowMs);
      replay.record(due, taken);
    }
    replay.assess();
    if (replay.results() !== before) history.push({ atMs: nowMs, results: replay.results() });
  }
  return (atMs) => history.findLast((each) => each.atMs <= atMs)?.results ?? [];
}

interface Due {
  readonly task: MeasureTask;
  readonly before: MetricResult | undefined;
  /** From 0. */
  readonly number: number;
}

function openReplay(measures: readonly ResolvedMeasure[], startedAtMs: number) {
  let results: readonly MetricResult[] = [];
  const taken = new Map<string, number>();
  return {
    results: () => results,
    due: (nowMs: number): readonly Due[] =>
      dueMeasurements({ measures, results, startedAtMs, nowMs, isTerminating: isTerminating(results, false) }).map(
        (task) => {
          const { name } = task.measure;
          return { task, before: results.find((each) => each.name === name), number: taken.get(name) ?? 0 };
        },
      ),
    record: ({ task, before, number }: Due, answer: Taken): void => {
      taken.set(task.measure.name, number + 1);
      results = [...results.filter((each) => each !== before), recordMeasurement(task.measure, before, answer)];
    },
    assess: (): void => {
      const assessed = assessRun(measures, results, false).results;
      if (!sameJson(assessed, results)) results = assessed;
    },
  };
}

function writtenAnswer(
  measures: readonly ResolvedMeasure[],
  written: readonly WrittenMeasured[],
  { task, number }: Due,
  nowMs: number,
): Taken {
  const { measure } = task;
  const values = written.find(({ metric }) => metric === measure.name)?.values ?? [];
  const given = values[Math.min(number, values.length - 1)];
  const provider = measures.find(({ name }) => name === measure.name)?.provider ?? {};
  return takenOf(given, Object.keys(provider)[0] ?? '', measure, nowMs);
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
