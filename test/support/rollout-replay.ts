/** Serin beside a recorded rollout: its own reconcile loop, the recorded verdicts and requests, and what came of it. */
import { TYPES } from '../../src/api/meta.ts';
import type { Release } from '../../src/api/release.ts';
import { SerinError } from '../../src/errors.ts';
import type { KubeClient } from '../../src/kube/port.ts';
import { createMemoryKube, type MemoryKube } from './memory-kube.ts';
import { type RecordedEntry, type Recording, recordedCluster } from './recorded-rollout.ts';
import { clusterObjects, dyingClient, type ReleaseCluster, releaseCluster } from './release-cluster.ts';

export interface Replay {
  /** Absent once it was deleted. */
  readonly release: Release | undefined;
  /** `Promoted Promoted`, or `gone`. */
  readonly end: string;
  /** The Rollout's spec at the end, and what it were without Serin. */
  readonly spec: unknown;
  readonly specOfOthers: unknown;
  /** `remove /status/pauseConditions`, one for each patch, in order. */
  readonly writes: readonly string[];
  /** Every phase with its reason on the way, without repetitions. */
  readonly course: readonly string[];
  readonly hasDied: boolean;
}

export interface ReplayOptions {
  /** Dies at this write of Serin, whatever its target; another instance goes on. */
  readonly death?: { readonly at: number; readonly when: 'before' | 'after' };
  /** Called after each look, with the Release as it is then. */
  readonly seen?: (release: Release, kube: KubeClient) => Promise<void>;
}

/** A recording's times were taken a little after what happened. */
const SLACK_MS = 50;

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

  const present = async (): Promise<Release | undefined> => {
    const release = await memory.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
    const isGone =
      release?.metadata.deletionTimestamp !== undefined && (release.metadata.finalizers ?? []).length === 0;
    return isGone ? undefined : (release as Release | undefined); // as Serin wrote it
  };
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
    const release = await present();
    if (release !== undefined) await options.seen?.(release, cluster.kube);
    const line = lineOf(release);
    if (course.at(-1) !== line) course.push(line);
  };

  for (let entry = cluster.next(); entry !== undefined; entry = cluster.next()) {
    nowMs = Math.max(nowMs + 1, startMs + entry.t);
    // What was there when the recording began is seen at once.
    if (entry.t === 0 && entry.object !== undefined) continue;
    await act(heir, entry, nowMs);
    if (entry.isReleaseDeleted === true) await askForDeletion(memory);
    await look();
    // What it does because time passed.
    const dueAt = cluster.dueAt();
    if (dueAt !== undefined) {
      nowMs = Math.max(nowMs + 1, startMs + dueAt + SLACK_MS);
      await look();
    }
  }
  const writes = cluster.patches.map(({ operations }) =>
    operations
      .filter(({ op }) => op !== 'test')
      .map(({ op, path }) => `${op} ${path}`)
      .join(', '),
  );
  const release = await present();
  const { spec, specOfOthers } = cluster.rollout();
  return { spec, specOfOthers, release, end: lineOf(release), writes, course, hasDied };
}

const lineOf = (release: Release | undefined): string =>
  release === undefined ? 'gone' : `${release.status?.phase} ${release.status?.reason}`;

async function askForDeletion(memory: MemoryKube): Promise<void> {
  const release = await memory.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
  if (release === undefined) throw new Error('there is no Release');
  memory.put({ ...release, metadata: { ...release.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } });
}

async function act(worker: ReleaseCluster, { verdict, request, abort }: RecordedEntry, nowMs: number): Promise<void> {
  if (verdict === 'Blind')
    return worker.judge('Inconclusive', { reason: 'NoData', hadEnoughData: false, blindSinceMs: nowMs });
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
