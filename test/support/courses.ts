/**
 * The same situations on every kind of workload: what happens to a release, told once, and how each kind of world plays it. For
 * `argoRollout` and `kruiseRollout` the world is what their real controllers once did.
 */
import { listAt } from '../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import type { Release, ReleaseStatus } from '../../src/api/release.ts';
import { fetchObjects, freshReader } from '../../src/controller/object-set.ts';
import type { KubeClient } from '../../src/kube/port.ts';
import type { WorkloadState } from '../../src/release/observed.ts';
import { workloadAdapterOf } from '../../src/workloads/registry.ts';
import { inPlaceObjects, settleInPlace } from './deployment-cluster.ts';
import { createMemoryKube, type MemoryKube } from './memory-kube.ts';
import { recordingOf } from './recorded-rollout.ts';
import { clusterObjects, type Settle, settleAtOnce } from './release-cluster.ts';
import { type Act, judged, play, playDying, type Stage, stageOn } from './release-stories.ts';
import { replayed } from './rollout-replay.ts';

export const SITUATIONS = [
  'every judgement passes',
  'the evidence is against it',
  'a person gives it up',
  'a person sends it to 100 %',
  'a newer revision comes on the way',
  'it is taken back on the way',
  'its pods crash again and again',
  'the workload is deleted on the way',
] as const;
export type SituationName = (typeof SITUATIONS)[number];

export interface Death {
  readonly at: number;
  readonly when: 'before' | 'after';
}

/** What came of it. */
export interface Played {
  readonly status: ReleaseStatus;
  /** The workload as its adapter read it whenever a release was being judged. */
  readonly judgedArms: readonly Pick<WorkloadState, 'stable' | 'canary'>[];
  readonly hasDied: boolean;
}

export interface Course {
  readonly name: string;
  play(situation: SituationName, death?: Death): Promise<Played>;
}

type Seen = (release: Release, kube: KubeClient) => Promise<void>;

/** Collects the arms while somebody judges. */
function watchArms(): { readonly arms: Pick<WorkloadState, 'stable' | 'canary'>[]; readonly seen: Seen } {
  const arms: Pick<WorkloadState, 'stable' | 'canary'>[] = [];
  const seen: Seen = async ({ spec, status, metadata }, kube) => {
    if (status?.phase !== 'Progressing' || status.step?.waitingFor !== 'judge') return;
    const adapter = workloadAdapterOf(spec);
    if (!('read' in adapter)) throw new Error(adapter.message);
    const { namespace } = metadata;
    const reader = freshReader(kube, undefined, new AbortController().signal);
    const objects = await fetchObjects(reader, adapter.queries({ namespace, spec, status }));
    if ('reason' in objects) throw new Error(objects.message);
    const { name, uid } = metadata;
    const nowMs = Date.parse('2026-01-01T01:00:00Z');
    const state = adapter.read({ namespace, spec, status, release: { name, uid }, objects, nowMs });
    if ('stable' in state) arms.push(state);
  };
  return { arms, seen };
}

interface MemoryStage extends Stage {
  readonly memory: MemoryKube;
}

/** A cluster in memory with a Deployment controller that settles at once. */
function inMemory(
  name: string,
  world: {
    readonly objects: readonly KubeObject[];
    readonly settle: (memory: MemoryKube) => Settle;
    /** The Deployment that gets new versions. */
    readonly changed: string;
    readonly canary: string;
  },
): Course {
  const { changed, canary } = world;
  const stage = async (): Promise<MemoryStage> => {
    const memory = createMemoryKube();
    for (const object of world.objects) memory.put(object);
    const settle = world.settle(memory);
    await settle(memory);
    return { ...stageOn(memory, settle, async () => undefined), memory };
  };
  const deploy =
    (image: string): Act =>
    (_stage, worker) =>
      worker.deploy(changed, image);
  const back: Act = async (_stage, worker) => {
    const before = world.objects.find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.name === changed,
    ) as KubeObject;
    const [container] = listAt(before, 'spec', 'template', 'spec', 'containers');
    await worker.deploy(changed, String((container as { readonly image: string }).image));
  };
  const pass = judged('Pass');
  const acts = (memory: MemoryKube): Readonly<Record<SituationName, readonly Act[]>> => ({
    'every judgement passes': [deploy('web:2'), pass, pass],
    'the evidence is against it': [deploy('web:2'), pass, judged('Fail')],
    'a person gives it up': [deploy('web:2'), pass, annotated((revision) => ({ 'serin.dev/abort': revision }))],
    'a person sends it to 100 %': [
      deploy('web:2'),
      annotated((revision) => ({ 'serin.dev/request': `promote-full/${revision}/1` })),
    ],
    'a newer revision comes on the way': [deploy('web:2'), pass, deploy('web:3'), pass, pass],
    'it is taken back on the way': [deploy('web:2'), pass, back],
    'its pods crash again and again': [deploy('web:2'), () => crash(memory, canary)],
    'the workload is deleted on the way': [
      deploy('web:2'),
      async () => memory.drop({ type: TYPES.deployment, namespace: 'shop', name: changed }),
    ],
  });
  return {
    name,
    play: async (situation, death) => {
      const here = await stage();
      const { arms, seen } = watchArms();
      const look = async (): Promise<void> => seen(await here.worker().release(), here.kube);
      const story = acts(here.memory)[situation].flatMap((act): readonly Act[] => [act, look]);
      const hasDied = death !== undefined && (await playDying(here, story, death.at, death.when));
      if (death === undefined) await play(here, story, here.worker());
      const { status } = await here.worker().release();
      return { status: status as ReleaseStatus, judgedArms: arms, hasDied };
    },
  };
}

const annotated =
  (annotations: (revision: string) => Readonly<Record<string, string>>): Act =>
  async (_stage, worker) => {
    const { status, metadata } = await worker.release();
    const value = { ...metadata.annotations, ...annotations(status?.revision.canary ?? '') };
    await worker.edit(TYPES.release, 'web', [{ op: 'add', path: '/metadata/annotations', value }]);
  };

/** As a kubelet says it. */
async function crash(memory: MemoryKube, workload: string): Promise<void> {
  const pods = (await memory.list(TYPES.pod, { namespace: 'shop' })).items;
  for (const pod of pods.filter(({ metadata }) => metadata.name.startsWith(`${workload}-`))) {
    const status = {
      phase: 'Running',
      conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2026-01-01T00:00:00Z' }],
      containerStatuses: [{ name: 'web', restartCount: 4, state: { waiting: { reason: 'CrashLoopBackOff' } } }],
    };
    memory.put({ ...pod, status });
  }
}

const SCENARIOS: Readonly<Record<SituationName, string>> = {
  'every judgement passes': 'happy-path',
  'the evidence is against it': 'abort',
  'a person gives it up': 'given-up',
  'a person sends it to 100 %': 'promote-full',
  'a newer revision comes on the way': 'superseding-revision',
  'it is taken back on the way': 'taken-back',
  'its pods crash again and again': 'broken-pods',
  'the workload is deleted on the way': 'rollout-deleted',
};

const recorded = (name: string, controller: string): Course => ({
  name,
  play: async (situation, death) => {
    const { arms, seen } = watchArms();
    const options = { seen, ...(death === undefined ? {} : { death }) };
    const { release, hasDied } = await replayed(recordingOf(controller, SCENARIOS[situation]), options);
    return { status: release?.status as ReleaseStatus, judgedArms: arms, hasDied };
  },
});

export const COURSES: readonly Course[] = [
  inMemory('pair', {
    objects: clusterObjects(),
    settle: settleAtOnce,
    changed: 'web-v2',
    canary: 'web-v2',
  }),
  inMemory('deployment', {
    objects: inPlaceObjects(),
    settle: settleInPlace,
    changed: 'web',
    canary: 'web-canary',
  }),
  recorded('argoRollout', 'argo-rollouts'),
  recorded('kruiseRollout', 'kruise-rollouts'),
];
