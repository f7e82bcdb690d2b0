/**
 * Stories of a Release, played on any cluster: what happens, and what must remain of it whoever died or raced on the way.
 */
import { at, stringAt } from '../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import type { Release, ReleaseSpec, Step } from '../../src/api/release.ts';
import { SerinError } from '../../src/errors.ts';
import type { KubeClient } from '../../src/kube/port.ts';
import {
  blueGreenSpec,
  dyingClient,
  istioSpec,
  recreateSpec,
  type ReleaseCluster,
  releaseCluster,
  type Settle,
} from './release-cluster.ts';

export interface Stage {
  readonly kube: KubeClient;
  readonly settle: Settle;
  readonly clock: { nowMs(): number; pass(ms: number): void };
  /** A worker, on this client or another one for the same objects. */
  worker(kube?: KubeClient): ReleaseCluster;
  /** Asks for the Release's deletion, as `kubectl delete --wait=false` does. */
  remove(): Promise<void>;
}

/** A clock that moves by hand, and workers on the cluster. */
export function stageOn(
  kube: KubeClient,
  settle: Settle,
  remove: () => Promise<void>,
  startMs = Date.parse('2026-01-01T00:00:00Z'),
): Stage {
  let nowMs = startMs;
  const clock = { nowMs: () => nowMs, pass: (ms: number) => void (nowMs += ms) };
  return { kube, settle, clock, remove, worker: (client = kube) => releaseCluster(client, settle, { clock }) };
}

/** What remains of a run in the cluster, without the marks of time and versions. */
export async function endState({ kube }: Stage): Promise<unknown> {
  const get = (type: (typeof TYPES)[keyof typeof TYPES], name: string) => kube.get({ type, namespace: 'shop', name });
  const release = await get(TYPES.release, 'web');
  const isGone = release === undefined || isReleased(release);
  const status = isGone ? undefined : (release as unknown as Release).status;
  const runs = (await kube.list(TYPES.analysisRun, { namespace: 'shop' })).items;
  const events = (await kube.list(TYPES.event, { namespace: 'shop' })).items.filter(
    ({ involvedObject }) => stringAt(involvedObject, 'kind') === 'Release',
  );
  const virtualService = await get(TYPES.virtualService, 'web');
  return {
    isGone,
    phase: status?.phase,
    reason: status?.reason,
    revision: status?.revision,
    pair: status?.pair,
    weight: status?.weight,
    attempt: status?.attempt,
    taken: status?.taken,
    history: status?.history?.map(({ revision, outcome, attempt, weight }) => ({ revision, outcome, attempt, weight })),
    weights: status?.weights?.map(({ weight, step }) => ({ weight, step })),
    finalizers: isGone ? [] : (release.metadata.finalizers ?? []),
    routes: at(virtualService, 'spec'),
    marks: virtualService?.metadata.annotations ?? {},
    switches: [await selectorOf(get, 'shop'), await selectorOf(get, 'shop-preview')],
    members: [at(await get(TYPES.deployment, 'web-v1'), 'spec'), at(await get(TYPES.deployment, 'web-v2'), 'spec')],
    // A server with garbage collection takes the runs of a Release along.
    runs: isGone ? [] : runs.map((run) => [withoutTime(run.metadata.name), at(run, 'status', 'phase')]),
    events: events.map(({ reason, message }) => `${String(reason)}: ${String(message)}`).toSorted(),
  };
}

/** Runs of steps are named after the moment as well. */
const withoutTime = (run: string): string => run.replace(/(-\d+-\d+)-[a-z0-9]{5}$/, '$1');
const selectorOf = async (
  get: (type: (typeof TYPES)['service'], name: string) => Promise<KubeObject | undefined>,
  name: string,
): Promise<unknown> => at(await get(TYPES.service, name), 'spec', 'selector');

/** Without a server that removes it: deletion was asked for, and nothing holds it any more. */
function isReleased({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0;
}

/** `Promoted 0/100`: the phase, and the weights of v1 and v2. */
export async function endOf(stage: Stage): Promise<string> {
  const release = await stage.kube.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
  const phase = release === undefined || isReleased(release) ? 'gone' : String(at(release, 'status', 'phase'));
  return `${phase} ${(await stage.worker().weights()).join('/')}`;
}

/** What people wrote of the routes, marks of others included: before a story, and to be compared after it. */
export async function routesIn({ kube }: Stage): Promise<unknown> {
  const found = await kube.get({ type: TYPES.virtualService, namespace: 'shop', name: 'web' });
  return { spec: at(found, 'spec'), annotations: found?.metadata.annotations ?? {} };
}

export type Act = (stage: Stage, worker: ReleaseCluster) => Promise<void>;

export const deployNext: Act = (_stage, worker) => worker.deploy('web-v2', 'web:2');
export const judged =
  (outcome: 'Pass' | 'Fail'): Act =>
  async ({ clock }, worker) => {
    clock.pass(10_000);
    await worker.judge(outcome);
  };
export const judgedStep =
  (outcome: 'Pass' | 'Fail'): Act =>
  async ({ clock }, worker) => {
    clock.pass(10_000);
    await worker.judge(outcome, {}, 'step');
  };
export const requested =
  (verb: string): Act =>
  async (_stage, worker) => {
    const { status, metadata } = await worker.release();
    const annotations = {
      ...metadata.annotations,
      'serin.dev/request': `${verb}/${status?.revision.canary}/${verb}-1`,
    };
    await worker.edit(TYPES.release, 'web', [{ op: 'add', path: '/metadata/annotations', value: annotations }]);
  };
const deleted: Act = (stage) => stage.remove();

const SMOKE: Step = { analysis: { templates: [{ name: 'web' }] } };
const MATCH: Step = { match: { headers: { 'x-canary': { exact: '1' } } } };
const inSteps = (...steps: Step[]): ReleaseSpec => ({ ...istioSpec, strategy: { canary: { steps } } });

/** Each act is followed by looks until the Release rests. */
export const STORIES: Readonly<
  Record<
    string,
    {
      readonly spec?: ReleaseSpec;
      readonly acts: readonly Act[];
      readonly ends: string;
      /** The user's routes are, field by field, what they were. */
      readonly isAsBefore?: true;
      /** Told in memory alone: on a server it would cost seconds and show nothing more. */
      readonly isCostly?: true;
    }
  >
> = {
  'a release that is promoted': { ends: 'Promoted 0/100', acts: [deployNext, judged('Pass'), judged('Pass')] },
  'a release that is aborted on its evidence': {
    ends: 'Aborted 100/0',
    acts: [deployNext, judged('Pass'), judged('Fail')],
  },
  'a revision that is tried again after an abort': {
    ends: 'Promoted 0/100',
    acts: [deployNext, judged('Fail'), requested('retry'), judged('Pass'), judged('Pass')],
  },
  'a newer revision in the middle of a release': {
    ends: 'Promoted 0/100',
    acts: [
      deployNext,
      judged('Pass'),
      (_stage, worker) => worker.deploy('web-v2', 'web:3'),
      judged('Pass'),
      judged('Pass'),
    ],
  },
  'a deletion in the middle of a release': { ends: 'gone 100/0', acts: [deployNext, judged('Pass'), deleted] },
  'a person who promotes': { ends: 'Promoted 0/100', acts: [deployNext, requested('promote-full')] },
  'the member without requests is scaled down a while after the promotion': {
    ends: 'Promoted 0/100',
    spec: { ...istioSpec, workload: { pair: { members: ['web-v1', 'web-v2'], scaleDownAfter: '10m' } } },
    acts: [
      deployNext,
      judged('Pass'),
      judged('Pass'),
      async ({ clock }) => clock.pass(599_000),
      async ({ clock }) => clock.pass(1_000),
    ],
  },
  'a step with an analysis of its own': {
    ends: 'Promoted 0/100',
    spec: inSteps({ setWeight: 10 }, SMOKE, { setWeight: 50 }),
    acts: [deployNext, judgedStep('Pass'), judged('Pass'), judged('Pass')],
  },
  'an analysis of a step that fails': {
    ends: 'Aborted 100/0',
    isCostly: true,
    spec: inSteps({ setWeight: 10 }, { setWeight: 20 }, SMOKE),
    acts: [deployNext, judged('Pass'), judgedStep('Fail')],
  },
  'a switch that is promoted': {
    ends: 'Promoted 0/100',
    spec: blueGreenSpec,
    acts: [deployNext, judgedStep('Pass'), judgedStep('Pass')],
  },
  'a version that fails before its switch': {
    ends: 'Aborted 100/0',
    isCostly: true,
    spec: blueGreenSpec,
    acts: [deployNext, judgedStep('Fail')],
  },
  'a version that fails after its switch': {
    ends: 'Aborted 100/0',
    spec: blueGreenSpec,
    acts: [deployNext, judgedStep('Pass'), judgedStep('Fail')],
  },
  'a newer version after the switch': {
    ends: 'Promoted 0/100',
    isCostly: true,
    spec: blueGreenSpec,
    acts: [
      deployNext,
      judgedStep('Pass'),
      (_stage, worker) => worker.deploy('web-v2', 'web:3'),
      judgedStep('Pass'),
      judgedStep('Pass'),
    ],
  },
  'a deletion after the switch': {
    ends: 'gone 100/0',
    spec: blueGreenSpec,
    acts: [deployNext, judgedStep('Pass'), deleted],
  },
  'two switches in a row, the second one given up, and then deleted': {
    ends: 'gone 0/100',
    isCostly: true,
    spec: blueGreenSpec,
    acts: [
      deployNext,
      requested('promote-full'),
      (_stage, worker) => worker.deploy('web-v1', 'web:3'),
      judgedStep('Pass'),
      judgedStep('Fail'),
      deleted,
    ],
  },
  'an old manifest that is applied after the switch': {
    ends: 'Promoted 0/100',
    spec: blueGreenSpec,
    acts: [
      deployNext,
      judgedStep('Pass'),
      (_stage, worker) =>
        worker.edit(TYPES.service, 'shop', [
          { op: 'replace', path: '/spec/selector', value: { app: 'web', version: 'v1' } },
        ]),
      judgedStep('Pass'),
    ],
  },
  // The routes are nobody’s here; which member has pods is told by its replicas.
  'one version stopped, the other started, and kept': {
    ends: 'Promoted 100/0',
    spec: recreateSpec,
    acts: [deployNext, judgedStep('Pass')],
  },
  'one version stopped, the other started, and taken back': {
    ends: 'Aborted 100/0',
    spec: recreateSpec,
    acts: [deployNext, judgedStep('Fail')],
  },
  'one version stopped, the other started, and the Release deleted': {
    ends: 'gone 100/0',
    isCostly: true,
    spec: recreateSpec,
    acts: [deployNext, deleted],
  },
  'copies, requests that match, and weights': {
    ends: 'Promoted 0/100',
    spec: inSteps({ mirror: 10 }, { setWeight: 10 }, MATCH, { setWeight: 50 }),
    acts: [deployNext, judged('Pass'), judged('Pass'), judged('Pass'), judged('Pass')],
  },
  'requests that match, and copies, given up': {
    ends: 'Aborted 100/0',
    spec: inSteps({ mirror: 10 }, { setWeight: 10 }, MATCH, { setWeight: 50 }),
    acts: [deployNext, judged('Pass'), judged('Pass'), judged('Fail')],
    isAsBefore: true,
  },
  'a deletion while requests are told apart': {
    ends: 'gone 100/0',
    spec: inSteps(MATCH, { mirror: 10 }, { setWeight: 10 }),
    acts: [deployNext, deleted],
    isAsBefore: true,
  },
  'an A/B test': {
    ends: 'Promoted 0/100',
    spec: {
      ...istioSpec,
      strategy: { abTest: { match: { cookies: { group: { exact: 'b' } }, share: 50 }, duration: '2m' } },
    },
    acts: [deployNext, judged('Pass'), async ({ clock }) => clock.pass(110_000), judged('Pass')],
  },
  'replica counts as weights': {
    ends: 'Promoted 100/0',
    spec: {
      workload: istioSpec.workload,
      strategy: { canary: { steps: [{ setWeight: 50 }, { pause: { duration: '1m' } }] } },
    },
    acts: [deployNext, async ({ clock }) => clock.pass(61_000)],
  },
};

export async function play(stage: Stage, story: readonly Act[], worker: ReleaseCluster): Promise<void> {
  await worker.reconcile();
  for (const act of story) {
    await act(stage, worker);
    await worker.reconcile();
  }
}

/** The same story with a death at the `at`-th write of the service; whoever comes next goes on. Answers whether it died. */
export async function playDying(
  stage: Stage,
  story: readonly Act[],
  at: number,
  when: 'before' | 'after',
): Promise<boolean> {
  const { kube } = dyingClient(stage.kube, at, when);
  const doomed = stage.worker(kube);
  const heir = stage.worker();
  let hasDied = false;
  const look = async (): Promise<void> => {
    if (hasDied) return void (await heir.reconcile());
    try {
      await doomed.reconcile();
    } catch (thrown) {
      if (!(thrown instanceof SerinError) || thrown.code !== 'SERIN_E_ABORTED') throw thrown;
      hasDied = true;
      await stage.settle(stage.kube);
      await heir.reconcile();
    }
  };
  await look();
  for (const act of story) {
    await act(stage, heir);
    await look();
  }
  return hasDied;
}
