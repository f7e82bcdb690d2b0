/** Random histories of one Deployment that is switched in place: users meet one version at a time, never an unjudged one, never none. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { at, labelsAt, listAt, stringAt } from '../../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import { SerinError } from '../../../src/errors.ts';
import type { KubeClient } from '../../../src/kube/port.ts';
import {
  inPlaceObjects,
  inPlaceSwitchSpec,
  podsByImage,
  routesOf,
  settleInPlace,
} from '../../support/deployment-cluster.ts';
import { createMemoryKube } from '../../support/memory-kube.ts';
import { dyingClient } from '../../support/release-cluster.ts';
import { requested, type Stage, stageOn } from '../../support/release-stories.ts';

/** What is done next; the number chooses an image, or the write at which the service dies. */
const ACTS = ['deploy', 'pass', 'pass', 'pass', 'fail', 'abort', 'promote', 'scale', 'unmake', 'time', 'die'] as const;
interface Happening {
  readonly act: (typeof ACTS)[number];
  readonly which: number;
}

const SPECS: readonly ReleaseSpec[] = [
  inPlaceSwitchSpec,
  {
    ...inPlaceSwitchSpec,
    strategy: { blueGreen: { ...inPlaceSwitchSpec.strategy?.blueGreen, scaleDownAfter: '10m' } },
  },
];

interface Play {
  readonly stage: Stage;
  /** Images that users may meet. */
  readonly allowed: Set<string>;
}

async function begin(spec: ReleaseSpec): Promise<Play> {
  const kube = createMemoryKube();
  for (const object of inPlaceObjects(spec)) kube.put(object);
  const controllers = settleInPlace(kube);
  await controllers(kube);
  const allowed = new Set(['web:1']);
  const check = async (): Promise<void> => {
    const met = await imagesMet(stage);
    expect(met.length, `${await routesOf(kube)}; ${await podsByImage(kube)}`).toBe(1);
    expect([...allowed]).toContain(met[0]);
  };
  // The controllers have done their part before the next write, and users meet what there is then.
  const then = async <T>(write: Promise<T>): Promise<T> => {
    const done = await write;
    await controllers(kube);
    await check();
    return done;
  };
  const watched: KubeClient = {
    get: (ref) => kube.get(ref),
    list: (type, options) => kube.list(type, options),
    watch: (type, options, signal) => kube.watch(type, options, signal),
    create: (object, manager) => then(kube.create(object, manager)),
    patch: (patch) => then(kube.patch(patch)),
    delete: (ref, preconditions) => then(kube.delete(ref, preconditions)),
  };
  const stage = stageOn(
    watched,
    async () => undefined,
    async () => undefined,
  );
  await stage.worker().reconcile();
  return { stage, allowed };
}

/** Images of the pods that the users' Service selects. */
async function imagesMet({ kube }: Stage): Promise<readonly string[]> {
  const items = async (type: (typeof TYPES)['pod' | 'replicaSet']): Promise<readonly KubeObject[]> =>
    (await kube.list(type, { namespace: 'shop' })).items;
  const [pods, sets] = [await items(TYPES.pod), await items(TYPES.replicaSet)];
  const found = await kube.get({ type: TYPES.service, namespace: 'shop', name: 'web' });
  const selector = Object.entries(labelsAt(found, 'spec', 'selector'));
  const images = pods
    .filter(({ metadata }) => selector.every(([key, value]) => metadata.labels?.[key] === value))
    .map(({ metadata }) => {
      const set = sets.find((each) => each.metadata.uid === metadata.ownerReferences?.[0]?.uid);
      return stringAt(listAt(set, 'spec', 'template', 'spec', 'containers')[0], 'image') ?? '';
    });
  return [...new Set(images)];
}

async function happens({ stage, allowed }: Play, { act, which }: Happening): Promise<void> {
  const worker = stage.worker();
  const { status } = await worker.release();
  const web = await worker.get(TYPES.deployment, 'web');
  const image = stringAt(listAt(web, 'spec', 'template', 'spec', 'containers')[0], 'image') ?? '';
  const isAtStep = status?.phase === 'Progressing' && (status.stepRuns ?? []).length > 0;
  stage.clock.pass(10_000);
  if (act === 'deploy') await worker.deploy('web', `web:${which % 4}`);
  if (act === 'scale')
    await worker.edit(TYPES.deployment, 'web', [{ op: 'replace', path: '/spec/replicas', value: 1 + (which % 5) }]);
  if (act === 'time') stage.clock.pass(700_000);
  if ((act === 'pass' || act === 'fail') && isAtStep) {
    await worker.judge(act === 'pass' ? 'Pass' : 'Fail', {}, 'step');
    if (act === 'pass') allowed.add(image);
  }
  if (act === 'promote' && status?.phase === 'Progressing') {
    allowed.add(image);
    await requested('promote-full')(stage, worker);
  }
  if (act === 'abort' && status?.revision.canary !== undefined)
    await worker.edit(TYPES.release, 'web', [
      { op: 'add', path: '/metadata/annotations', value: { 'serin.dev/abort': status.revision.canary } },
    ]);
  if (act === 'unmake' && status?.weight !== 100)
    await stage.kube.delete({ type: TYPES.deployment, namespace: 'shop', name: 'web-canary' }).catch(() => undefined);
  if (act !== 'die') return void (await worker.reconcile());
  const { kube } = dyingClient(stage.kube, which, 'after');
  await stage
    .worker(kube)
    .reconcile()
    .catch((thrown: unknown) => {
      if (!(thrown instanceof SerinError) || thrown.code !== 'SERIN_E_ABORTED') throw thrown;
    });
}

const happenings = fc.array(fc.record({ act: fc.constantFrom(...ACTS), which: fc.nat(11) }), {
  minLength: 4,
  maxLength: 16,
});

test('whatever happens, users meet exactly one version, which is stable or has passed; in the end nothing is left behind', async () => {
  await fc.assert(
    fc.asyncProperty(happenings, fc.constantFrom(...SPECS), async (acts, spec) => {
      const play = await begin(spec);
      // Every history has a release.
      for (const each of [{ act: 'deploy', which: 2 } as const, ...acts]) await happens(play, each);
      const { stage } = play;
      const worker = stage.worker();
      await worker.reconcile();
      const { status } = await worker.release();
      if (['Waiting', 'Progressing', 'Held', 'Promoting'].includes(status?.phase ?? ''))
        await happens(play, { act: 'abort', which: 0 });
      await worker.reconcile();
      expect(['Idle', 'Promoted', 'Aborted']).toContain((await worker.release()).status?.phase);
      expect([await routesOf(stage.kube), await podsByImage(stage.kube)]).toEqual([
        'stable 100',
        expect.not.stringContaining('canary'),
      ]);
      for (const name of ['web', 'web-preview']) {
        const service = await stage.kube.get({ type: TYPES.service, namespace: 'shop', name });
        expect(at(service, 'spec', 'selector')).toEqual({ app: 'web' });
      }
      const runs = (await stage.kube.list(TYPES.analysisRun, { namespace: 'shop' })).items;
      expect(
        runs.filter((run) => at(run, 'spec', 'terminate') !== true && at(run, 'status', 'phase') === 'Running'),
      ).toEqual([]);
    }),
    { numRuns: Number(process.env['SERIN_FC_RUNS'] ?? 40) },
  );
}, 300_000);
