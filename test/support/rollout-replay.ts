/** Serin beside a recorded rollout: its own reconcile loop, the recorded verdicts and requests, and what came of it. */
import { TYPES } from '../../src/api/meta.ts';
import type { Release } from '../../src/api/release.ts';
import { SerinError } from '../../src/errors.ts';
import { createMemoryKube } from './memory-kube.ts';
import { type RecordedEntry, type Recording, recordedCluster } from './recorded-rollout.ts';
import { clusterObjects, dyingClient, type ReleaseCluster, releaseCluster } from './release-cluster.ts';

export interface Replay {
  readonly release: Release;
  /** `remove /status/pauseConditions`, in order. */
  readonly writes: readonly string[];
  /** Every phase with its reason on the way, without repetitions. */
  readonly course: readonly string[];
  readonly hasDied: boolean;
}

export interface ReplayOptions {
  /** Dies at this write of Serin, whatever its target; another instance goes on. */
  readonly death?: { readonly at: number; readonly when: 'before' | 'after' };
}

export async function replayed(recording: Recording, options: ReplayOptions = {}): Promise<Replay> {
  const memory = createMemoryKube();
  for (const object of clusterObjects(recording.release))
    if (object.kind === 'Release' || object.kind === 'AnalysisTemplate') memory.put(object);
  const cluster = recordedCluster(recording, memory);
  const startMs = Date.parse('2026-01-01T00:00:00Z');
  let nowMs = startMs;
  const clock = { nowMs: () => nowMs };
  const settle = async (): Promise<void> => undefined;
  const heir = releaseCluster(cluster.kube, settle, { clock });
  const { death } = options;
  const doomed =
    death === undefined
      ? undefined
      : releaseCluster(dyingClient(cluster.kube, death.at, death.when).kube, settle, { clock });
  let hasDied = false;
  const course: string[] = [];

  const look = async (): Promise<void> => {
    if (doomed !== undefined && !hasDied) {
      try {
        await doomed.reconcile();
      } catch (thrown) {
        if (!(thrown instanceof SerinError) || thrown.code !== 'SERIN_E_ABORTED') throw thrown;
        hasDied = true;
      }
    }
    if (doomed === undefined || hasDied) await heir.reconcile();
    const { status } = await heir.release();
    const line = `${status?.phase} ${status?.reason}`;
    if (course.at(-1) !== line) course.push(line);
  };

  for (let entry = cluster.next(); entry !== undefined; entry = cluster.next()) {
    nowMs = Math.max(nowMs + 1, startMs + entry.t);
    // What was there when the recording began is seen at once.
    if (entry.t === 0 && entry.object !== undefined) continue;
    await act(heir, entry);
    await look();
  }
  const writes = cluster.patches.flatMap(({ operations }) =>
    operations.filter(({ op }) => op !== 'test').map(({ op, path }) => `${op} ${path}`),
  );
  return { release: await heir.release(), writes, course, hasDied };
}

async function act(worker: ReleaseCluster, { verdict, request, abort }: RecordedEntry): Promise<void> {
  if (verdict !== undefined) return worker.judge(verdict);
  if (request === undefined && abort === undefined) return;
  const { metadata, status } = await worker.release();
  const revision = status?.revision.canary ?? '';
  const asked =
    abort === true
      ? { 'serin.dev/abort': revision }
      : { 'serin.dev/request': `${request}/${revision}/${request}-${metadata.resourceVersion}` };
  const value = { ...metadata.annotations, ...asked };
  await worker.edit(TYPES.release, 'web', [{ op: 'add', path: '/metadata/annotations', value }]);
}
