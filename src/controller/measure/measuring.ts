/**
 * The measuring job: takes what is due of one run's metrics with providers, and stores it. Keyed `<namespace>/<run>`; asks to be called
 * again when the next one is due. It writes `status.metricResults` and nothing else, over exactly what it had read: of two that measure
 * at once one loses and looks again. Killed anywhere, it measures again; a Job that was made has the same name and is taken up.
 */
import type { AnalysisRun } from '../../api/analysis-run.ts';
import { sameJson } from '../../api/fields.ts';
import { FIELD_MANAGERS, type JsonPatchOperation, type KubeObject, type ObjectRef, TYPES } from '../../api/meta.ts';
import { SerinError } from '../../errors.ts';
import { isCompleted, type MetricResult } from '../../judge/argo/measure.ts';
import { recordMeasurement } from '../../judge/argo/record.ts';
import { type AssessedRun, assessRun, isTerminating } from '../../judge/argo/run-phase.ts';
import { dueMeasurements, type MeasureTask, nextStartMs } from '../../judge/argo/schedule.ts';
import type { KubeClient } from '../../kube/port.ts';
import type { Log } from '../../logger.ts';
import { isUnderAnalysis } from '../analysis/status.ts';
import { secretReader } from './filling.ts';
import { take, type TakingDeps } from './taking.ts';

export interface MeasuringDeps extends TakingDeps {
  readonly kube: KubeClient;
  readonly log: Log;
}

/** Somebody else writes the same status at this moment. */
const MOST_CONFLICTS = 8;
/** Looks that follow at once upon another: what one failure ends, what a Job that was just made says. */
const MOST_LOOKS = 4;
const LEAST_WAIT_MS = 100;
/** An object may have 1.5 MB, and evidence and queries are in it too. */
const MOST_CHARACTERS = 400_000;

export function createMeasuring(
  deps: MeasuringDeps,
): (key: string, signal: AbortSignal) => Promise<number | undefined> {
  return async (key, signal) => {
    const [namespace = '', name = ''] = key.split('/');
    const ref: ObjectRef = { type: TYPES.analysisRun, namespace, name };
    let run = parseRun(await deps.kube.get(ref, signal));
    for (let looks = 0; run !== undefined && looks < MOST_LOOKS; looks++) {
      const next = await look(deps, ref, run, signal);
      if (next === 'done') return undefined;
      if (typeof next === 'number') return next;
      run = next;
    }
    return run === undefined ? undefined : LEAST_WAIT_MS;
  };
}

/** The run as it is after what was due; a number of ms until the next is due; or nothing to do ever again. */
async function look(
  deps: MeasuringDeps,
  ref: ObjectRef,
  run: AnalysisRun,
  signal: AbortSignal,
): Promise<AnalysisRun | number | 'done' | undefined> {
  const { measures = [] } = run.spec;
  if (measures.length === 0) return 'done';
  const isOver = !isUnderAnalysis(run);
  const before = resultsOf(run);
  const startedAtMs = Date.parse(run.spec.startedAt);
  const nowMs = deps.clock.nowMs();
  const tasks = dueMeasurements({
    measures,
    results: before,
    startedAtMs,
    nowMs,
    isTerminating: isTerminating(before, isOver),
  });
  if (isOver && tasks.length === 0) return 'done';
  const taken = tasks.length === 0 ? before : await takeAll(deps, run, tasks, before, signal);
  const assessed = assessRun(measures, taken, isOver);
  const results = fitted(assessed.results);
  if (!sameJson(results, before)) {
    const written = await write(deps, ref, run, { ...assessed, results }, signal);
    if (written === 'lost') return LEAST_WAIT_MS;
    if (written === undefined) return 'done';
    return written;
  }
  return waitMs(run, results, nowMs);
}

async function takeAll(
  deps: MeasuringDeps,
  run: AnalysisRun,
  tasks: readonly MeasureTask[],
  before: readonly MetricResult[],
  signal: AbortSignal,
): Promise<readonly MetricResult[]> {
  const { namespace, name, uid } = run.metadata;
  const taking = {
    ref: { namespace, name, uid },
    secrets: run.spec.secrets ?? [],
    readSecret: secretReader(deps.kube, namespace, signal),
  };
  const { measures = [] } = run.spec;
  const taken = new Map<string, MetricResult>();
  await Promise.all(
    tasks.map(async (task) => {
      const measure = measures.find((each) => each.name === task.measure.name);
      const known = before.find((each) => each.name === task.measure.name);
      if (measure === undefined) return;
      const measured = await take(deps, taking, measure, task, known, signal);
      taken.set(measure.name, recordMeasurement(task.measure, known, measured));
      const { phase } = measured.measurement;
      deps.log.debug({ namespace, run: name, metric: measure.name, phase }, 'A measurement was taken.');
    }),
  );
  return measures.flatMap(({ name: metric }) => taken.get(metric) ?? before.find((each) => each.name === metric) ?? []);
}

/** Older measurements go first where all together are too much for one object. */
function fitted(results: readonly MetricResult[]): readonly MetricResult[] {
  let kept = results;
  for (let most = 50; most >= 1 && JSON.stringify(kept).length > MOST_CHARACTERS; most = Math.floor(most / 2)) {
    kept = kept.map((result) => ({ ...result, measurements: result.measurements.slice(-most) }));
  }
  return kept;
}

/** `lost`: somebody else measured meanwhile. `undefined`: the run is gone. */
async function write(
  { kube }: MeasuringDeps,
  ref: ObjectRef,
  first: AnalysisRun,
  assessed: AssessedRun,
  signal: AbortSignal,
): Promise<AnalysisRun | 'lost' | undefined> {
  let run = first;
  for (let conflicts = 0; ; conflicts++) {
    try {
      const operations = operationsOf(run, assessed);
      const patch = { kind: 'json', target: ref, subresource: 'status', operations } as const;
      return parseRun(await kube.patch({ ...patch, fieldManager: FIELD_MANAGERS.measurements }, signal));
    } catch (thrown) {
      const code = thrown instanceof SerinError ? thrown.code : undefined;
      if (code === 'SERIN_E_NOT_FOUND') return undefined;
      if (code !== 'SERIN_E_CONFLICT' || conflicts === MOST_CONFLICTS) throw thrown;
    }
    const fresh = parseRun(await kube.get(ref, signal));
    if (fresh === undefined || fresh.metadata.uid !== first.metadata.uid) return undefined;
    if (!sameJson(fresh.status?.metricResults, first.status?.metricResults)) return 'lost';
    run = fresh;
  }
}

/** Where nothing was measured before there is nothing to hold it against but the version. */
function operationsOf(
  { metadata, status }: AnalysisRun,
  { results, runSummary, dryRunSummary }: AssessedRun,
): readonly JsonPatchOperation[] {
  // As in Argo, without metrics that run dry there is no summary of them.
  const summaries = { runSummary, ...(dryRunSummary.count === 0 ? {} : { dryRunSummary }) };
  const version = { op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion } as const;
  const uid = { op: 'test', path: '/metadata/uid', value: metadata.uid } as const;
  if (status === undefined) {
    return [
      version,
      uid,
      { op: 'add', path: '/status', value: { phase: 'Running', metricResults: results, ...summaries } },
    ];
  }
  const path = '/status/metricResults';
  const sums = Object.entries(summaries).map(
    ([name, value]) => ({ op: 'add', path: `/status/${name}`, value: { ...value } }) as const,
  );
  if (status.metricResults === undefined) return [version, uid, { op: 'add', path, value: results }, ...sums];
  return [uid, { op: 'test', path, value: status.metricResults }, { op: 'replace', path, value: results }, ...sums];
}

/** Until the next measurement; `undefined` when none will follow. */
function waitMs(run: AnalysisRun, results: readonly MetricResult[], nowMs: number): number | 'done' {
  const dueMs = nextDueMs(run, results);
  return dueMs === undefined ? 'done' : Math.max(LEAST_WAIT_MS, dueMs - nowMs + 1);
}

/** When something is due next, ms since the epoch; also used by the leader, from the cache. */
export function nextDueMs(run: AnalysisRun, results: readonly MetricResult[] = resultsOf(run)): number | undefined {
  const isOver = isTerminating(results, !isUnderAnalysis(run));
  const times = (run.spec.measures ?? []).flatMap((measure) => {
    const result = results.find(({ name }) => name === measure.name);
    if (result !== undefined && isCompleted(result.phase)) return [];
    const last = result?.measurements.at(-1);
    if (last !== undefined && last.finishedAt === undefined) {
      return isOver ? [0] : [Date.parse(last.resumeAt ?? last.startedAt)];
    }
    return isOver ? [] : (nextStartMs(measure, result, Date.parse(run.spec.startedAt)) ?? []);
  });
  return times.length === 0 ? undefined : Math.min(...times);
}

/** The API server checked runs against their schema, which is made from the same words. */
const parseRun = (object: KubeObject | undefined): AnalysisRun | undefined =>
  object as unknown as AnalysisRun | undefined;

export const resultsOf = ({ status }: Pick<AnalysisRun, 'status'>): readonly MetricResult[] =>
  (status?.metricResults ?? []) as readonly MetricResult[];
