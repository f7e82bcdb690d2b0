/** Runs under analysis in memory, judged by the real poll job from a real Prometheus: Releases, AnalysisRuns, and pods of a TrafficLab. */
import type { AnalysisRun } from '../../src/api/analysis-run.ts';
import { fieldsAt } from '../../src/api/fields.ts';
import { API_VERSION, type KubeObject, type ObjectRef, TYPES } from '../../src/api/meta.ts';
import type { Release } from '../../src/api/release.ts';
import { createPoll, type PollDeps, type PollMeasure, type PollSettings } from '../../src/controller/poll.ts';
import { ObjectStore } from '../../src/controller/store.ts';
import { systemClock } from '../../src/clock.ts';
import type { EvidenceStore } from '../../src/evidence/port.ts';
import { openMemoryEvidence } from '../../src/evidence/memory.ts';
import { parseVerdict } from '../../src/controller/run-state.ts';
import type { StepVerdict } from '../../src/judge/verdict.ts';
import { silentLog } from '../../src/logger.ts';
import type { MetricSource } from '../../src/metrics/port.ts';
import type { Arm } from '../../src/metrics/ledger.ts';
import type { ArmState, WorkloadState } from '../../src/release/observed.ts';
import type { WorkloadAdapter } from '../../src/workloads/port.ts';
import { type LabRelease, labRelease, labRun } from './library.ts';
import { createMemoryKube, type MemoryKube } from './memory-kube.ts';
import type { TrafficLab } from './traffic-lab.ts';

export interface PollLab {
  readonly kube: MemoryKube;
  readonly evidence: EvidenceStore;
  readonly enqueued: string[];
  readonly measures: PollMeasure[];
  /** A Release at weight 50 in its first judged step, and its run. */
  add(options: Omit<LabRelease, 'gridMs'>): Promise<void>;
  /** Somebody else writes fields of the status of a Release or of its run. */
  edit(kind: 'release' | 'analysisRun', name: string, status: Readonly<Record<string, unknown>>): void;
  run(name: string): AnalysisRun;
  verdict(name: string): StepVerdict | undefined;
  /** One more worker with a memory of its own; shares store, cluster and Prometheus. */
  worker(change?: Partial<PollDeps & PollSettings>): (instantMs: number) => Promise<void>;
}

const GRID_MS = 1000;
const never = new AbortController().signal;

export function createPollLab(source: MetricSource, traffic: TrafficLab): PollLab {
  const kube = createMemoryKube();
  const cache = new ObjectStore((thrown) => {
    throw thrown;
  });
  const evidence = openMemoryEvidence();
  const enqueued: string[] = [];
  const measures: PollMeasure[] = [];
  const put = (object: KubeObject): void => {
    const type = object.kind === 'Release' ? TYPES.release : TYPES.analysisRun;
    cache.put(type, kube.put(object));
  };
  const find = (ref: ObjectRef): KubeObject => {
    const found = cache.get(ref);
    if (found === undefined) throw new Error(`no ${ref.type.kind} ${ref.name}`);
    return found;
  };
  const runOf = (name: string): AnalysisRun =>
    find({ type: TYPES.analysisRun, namespace: 'shop', name: `${name}-abc-1` }) as unknown as AnalysisRun;

  return {
    kube,
    evidence,
    enqueued,
    measures,
    add: (options) => {
      const name = options.name ?? 'web';
      const release = labRelease(options);
      const since = new Date(options.startedAtMs).toISOString();
      const status: Release['status'] = {
        phase: 'Progressing',
        revision: { stable: 'old', canary: 'abc', rejected: [] },
        attempt: 1,
        weight: 50,
        weights: [{ since, weight: 50, step: 1 }],
        step: { index: 2, of: 4, since, waitingFor: 'judge' },
        analysisRun: `${name}-abc-1`,
        conditions: [],
      };
      put({ ...release, status } as unknown as KubeObject);
      const spec = labRun({ ...options, gridMs: GRID_MS });
      const stored = find({ type: TYPES.release, namespace: 'shop', name });
      put({
        apiVersion: API_VERSION,
        kind: 'AnalysisRun',
        metadata: { name: `${name}-abc-1`, namespace: 'shop' },
        spec: { ...spec, release: { name, uid: stored.metadata.uid ?? '' } },
      });
      return Promise.resolve();
    },
    edit: (kind, name, status) => {
      const object = find({ type: TYPES[kind], namespace: 'shop', name: kind === 'release' ? name : `${name}-abc-1` });
      put({ ...object, status: { ...fieldsAt(object, 'status'), ...status } });
    },
    run: runOf,
    verdict: (name) => parseVerdict(runOf(name).status?.verdict),
    worker: (change = {}) => {
      const poll = createPoll(
        {
          cache,
          kube: {
            ...kube,
            patch: async (patch, signal) => {
              const patched = await kube.patch(patch, signal);
              cache.put(TYPES.analysisRun, patched);
              return patched;
            },
          },
          source,
          evidence,
          workloadOf: () => labWorkload(traffic),
          enqueue: (key) => Promise.resolve(void enqueued.push(key)),
          clock: systemClock,
          log: silentLog,
          onPoll: (measure) => void measures.push(measure),
          ...change,
        },
        { gridMs: GRID_MS, shards: 1, ...change },
      );
      return async (instantMs) => void (await poll(`${instantMs}/0`, never));
    },
  };
}

/** Reads the arms from the lab instead of from Deployments. */
function labWorkload(traffic: TrafficLab): WorkloadAdapter {
  return {
    name: 'pair',
    needs: [],
    queries: () => [],
    read: ({ spec }) => {
      const [stable, canary] = spec.workload.pair?.members ?? [];
      return workloadState(traffic, stable ?? '', canary ?? '');
    },
    snapshot: () => undefined,
    write: () => [],
  };
}

function workloadState(traffic: TrafficLab, stable: string, canary: string): WorkloadState {
  const arm = (workload: string, kind: Arm): ArmState => {
    const pods = [...traffic.pods.values()].filter((pod) => pod.workload === workload && pod.endedAtMs === undefined);
    return {
      workload,
      revision: kind === 'canary' ? 'abc' : 'old',
      podLabels: {},
      desiredReplicas: pods.length,
      readyReplicas: pods.length,
      isSettled: true,
      pods: pods.map((pod) => ({
        name: pod.name,
        uid: `uid-${pod.name}`,
        startedAtMs: pod.startedAtMs,
        restartCount: 0,
        isCrashLooping: false,
      })),
    };
  };
  return { kind: 'workload', stable: arm(stable, 'stable'), canary: arm(canary, 'canary'), isAutoscaled: false };
}
