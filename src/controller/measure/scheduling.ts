/** What only the leader does for metrics with providers: runs that are new, that ended, or that nobody looks at any more become jobs. */
import type { AnalysisRun } from '../../api/analysis-run.ts';
import { type KubeObject, TYPES } from '../../api/meta.ts';
import type { Clock } from '../../clock.ts';
import type { ObjectCache } from '../../kube/cache.ts';
import type { Log } from '../../logger.ts';
import type { WorkQueue } from '../../queue/port.ts';
import { nextDueMs } from './measuring.ts';

export interface MeasureScheduleDeps {
  readonly cache: ObjectCache;
  /** Keys are `<namespace>/<name>` of AnalysisRuns. */
  readonly measure: WorkQueue;
  readonly clock: Clock;
  readonly log: Log;
}

/** Timers of a queue that lost them come back this often. */
const LOOK_EVERY_MS = 10_000;
/** A job that is only late comes by itself. */
const LATE_MS = 5_000;

/** Runs until the signal aborts; never rejects. */
export async function runMeasureSchedule(deps: MeasureScheduleDeps, signal: AbortSignal): Promise<void> {
  const { cache, clock, log, measure } = deps;
  const enqueue = (run: KubeObject): Promise<void> =>
    measure.enqueue(`${run.metadata.namespace ?? ''}/${run.metadata.name}`, { orHere: true }).catch((err: unknown) => {
      log.error({ err }, 'A run could not be enqueued for measuring; it is tried again.');
    });
  const unsubscribe = cache.subscribe((event, object, previous) => {
    if (object.kind !== TYPES.analysisRun.kind || event === 'deleted' || !hasMeasures(object)) return;
    if (previous === undefined || phaseOf(previous) !== phaseOf(object)) void enqueue(object);
  });
  try {
    while (!signal.aborted) {
      const nowMs = clock.nowMs();
      const late = cache.list(TYPES.analysisRun).filter((run) => {
        const dueMs = hasMeasures(run) ? nextDueMs(asRun(run)) : undefined;
        return dueMs !== undefined && dueMs + LATE_MS <= nowMs;
      });
      for (const run of late) await enqueue(run);
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    }
  } finally {
    unsubscribe();
  }
}

/** The API server checked it against its schema. */
const asRun = (object: KubeObject): AnalysisRun => object as unknown as AnalysisRun;
const hasMeasures = (run: KubeObject): boolean => (asRun(run).spec.measures ?? []).length > 0;
const phaseOf = (run: KubeObject): string | undefined => asRun(run).status?.phase;
