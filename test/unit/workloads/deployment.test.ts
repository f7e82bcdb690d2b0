/** A Deployment released in place, told as stories on a cluster in memory: what users get, what stays of their objects, and death between any two writes. */
import { describe, expect, test } from 'vitest';
import { at } from '../../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../../src/api/meta.ts';
import type { ReleaseSpec } from '../../../src/api/release.ts';
import { inPlaceObjects, inPlaceSpec, podsByImage, routesOf, settleInPlace } from '../../support/deployment-cluster.ts';
import { createMemoryKube, type MemoryKube } from '../../support/memory-kube.ts';
import { type Act, judged, play, playDying, type Stage, stageOn } from '../../support/release-stories.ts';

interface MemoryStage extends Stage {
  readonly kube: MemoryKube;
}

async function aStage(spec?: ReleaseSpec, objects = inPlaceObjects(spec)): Promise<MemoryStage> {
  const kube = createMemoryKube();
  for (const object of objects) kube.put(object);
  const settle = settleInPlace(kube);
  await settle(kube);
  const remove = async (): Promise<void> => {
    const release = await kube.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
    if (release === undefined) throw new Error('no Release');
    kube.put({ ...release, metadata: { ...release.metadata, deletionTimestamp: new Date().toISOString() } });
  };
  return { ...stageOn(kube, settle, remove), kube };
}

const deploy =
  (image: string): Act =>
  (_stage, worker) =>
    worker.deploy('web', image);
const scaled =
  (replicas: number): Act =>
  async ({ kube, settle }, worker) => {
    await worker.edit(TYPES.deployment, 'web', [{ op: 'replace', path: '/spec/replicas', value: replicas }]);
    await settle(kube);
  };
const restarted: Act = async ({ kube, settle }, worker) => {
  const value = { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' };
  await worker.edit(TYPES.deployment, 'web', [{ op: 'add', path: '/spec/template/metadata/annotations', value }]);
  await settle(kube);
};
const aborted: Act = async (_stage, worker) => {
  const { status } = await worker.release();
  const value = { 'serin.dev/abort': status?.revision.canary };
  await worker.edit(TYPES.release, 'web', [{ op: 'add', path: '/metadata/annotations', value }]);
};
const canaryDeleted: Act = async ({ kube, settle }) => {
  await kube.delete({ type: TYPES.deployment, namespace: 'shop', name: 'web-canary' });
  await settle(kube);
};
const canaryEdited: Act = async ({ kube, settle }, worker) => {
  const path = '/spec/template/spec/containers/0/image';
  await worker.edit(TYPES.deployment, 'web-canary', [{ op: 'replace', path, value: 'web:evil' }]);
  await settle(kube);
};
const deleted: Act = (stage) => stage.remove();
const passed =
  (ms: number): Act =>
  async ({ clock }) =>
    clock.pass(ms);

const BY_REPLICAS: ReleaseSpec = {
  workload: inPlaceSpec.workload,
  strategy: { canary: { steps: [{ setWeight: 50 }, { pause: { duration: '1m' } }] } },
};

interface Story {
  readonly acts: readonly Act[];
  readonly spec?: ReleaseSpec;
  /** Phase of the Release, routes, pods by image. */
  readonly ends: string;
  /** The Deployment stays paused although another template waits. */
  readonly isHeld?: boolean;
}

const HELD = { isHeld: true };

/** situation → outcome */
const STORIES: Readonly<Record<string, Story>> = {
  'every step passes: the Deployment replaces its own pods': {
    acts: [deploy('web:2'), judged('Pass'), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
  },
  'three releases in a row': {
    acts: [deploy('web:2'), judged('Pass'), judged('Pass'), deploy('web:3'), judged('Pass'), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:3',
  },
  'the first step fails: the old pods stay as they were': {
    acts: [deploy('web:2'), judged('Fail')],
    ends: 'Aborted: stable 100; 4 × web:1',
    ...HELD,
  },
  'the second step fails': {
    acts: [deploy('web:2'), judged('Pass'), judged('Fail')],
    ends: 'Aborted: stable 100; 4 × web:1',
    ...HELD,
  },
  'a person aborts': { acts: [deploy('web:2'), aborted], ends: 'Aborted: stable 100; 4 × web:1', ...HELD },
  'a rejected template is replaced by a good one': {
    acts: [deploy('web:2'), judged('Fail'), deploy('web:3'), judged('Pass'), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:3',
  },
  'a rejected template is taken back': {
    acts: [deploy('web:2'), judged('Fail'), deploy('web:1')],
    ends: 'Aborted: stable 100; 4 × web:1',
  },
  'a second change in the middle': {
    acts: [deploy('web:2'), judged('Pass'), deploy('web:3'), judged('Pass'), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:3',
  },
  'the previous image comes back in the middle': {
    acts: [deploy('web:2'), judged('Pass'), deploy('web:1')],
    ends: 'Aborted: stable 100; 4 × web:1',
  },
  'the image of before a promotion comes back: not judged again': {
    acts: [deploy('web:2'), judged('Pass'), judged('Pass'), deploy('web:1')],
    ends: 'Promoted: stable 100; 4 × web:1',
  },
  'replicas change in the middle': {
    acts: [deploy('web:2'), scaled(10), judged('Pass'), judged('Pass')],
    ends: 'Promoted: stable 100; 10 × web:2',
  },
  'a restart between releases is let through': { acts: [restarted], ends: 'Idle: stable 100; 4 × web:1' },
  'a restart in the middle waits for the release': {
    acts: [deploy('web:2'), restarted, judged('Pass'), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
  },
  'the canary’s Deployment is deleted in the middle: it is made again': {
    acts: [deploy('web:2'), canaryDeleted, judged('Pass'), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
  },
  'the canary’s template is edited: it is made again': {
    acts: [deploy('web:2'), canaryEdited, judged('Pass'), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
  },
  'the Release is deleted between releases': { acts: [deleted], ends: 'gone: stable 100; 4 × web:1' },
  'the Release is deleted in the middle: what did not pass does not roll': {
    acts: [deploy('web:2'), judged('Pass'), deleted],
    ends: 'gone: stable 100; 4 × web:1',
    ...HELD,
  },
  'scaled to 0, a new template is let through': {
    acts: [scaled(0), deploy('web:2'), scaled(4)],
    ends: 'Idle: stable 100; 4 × web:2',
  },
  'without a router, the canary’s pods are the weight': {
    spec: BY_REPLICAS,
    acts: [deploy('web:2'), passed(61_000)],
    ends: 'Promoted: stable 100; 4 × web:2',
  },
  'without a router, a person aborts': {
    spec: BY_REPLICAS,
    acts: [deploy('web:2'), aborted],
    ends: 'Aborted: stable 100; 4 × web:1',
    ...HELD,
  },
};

async function endOf({ kube }: Stage): Promise<string> {
  const release = await kube.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
  const { deletionTimestamp, finalizers = [] } = release?.metadata ?? {};
  const isGone = release === undefined || (deletionTimestamp !== undefined && finalizers.length === 0);
  const phase = isGone ? 'gone' : String(at(release, 'status', 'phase'));
  return `${phase}: ${await routesOf(kube)}; ${await podsByImage(kube)}`;
}

/** The user's objects, without what the server counts. */
async function users({ kube }: Stage): Promise<readonly unknown[]> {
  const types = [TYPES.virtualService, TYPES.destinationRule, TYPES.service, TYPES.deployment];
  const all = (await Promise.all(types.map((type) => kube.list(type, { namespace: 'shop' })))).flatMap(
    ({ items }) => items,
  );
  return all.map(({ kind, metadata, ...rest }: KubeObject) => {
    const annotations = Object.keys(metadata.annotations ?? {}).length === 0 ? undefined : metadata.annotations;
    return { kind, name: metadata.name, labels: metadata.labels, annotations, spec: rest['spec'] };
  });
}

const TEMPLATE_OF_USER = 'template';
/** But for the template, which is the user's to change, and the marks of the hold, which last as long as the Release. */
function withoutHold(objects: readonly unknown[]): readonly unknown[] {
  return objects.map((object) => {
    if (at(object, 'kind') !== 'Deployment') return object;
    const {
      paused: _paused,
      replicas: _replicas,
      [TEMPLATE_OF_USER]: _template,
      ...spec
    } = at(object, 'spec') as Record<string, unknown>;
    const { 'serin.dev/release': _release, ...labels } = at(object, 'labels') as Record<string, string>;
    const { 'serin.dev/held': _held, ...annotations } = (at(object, 'annotations') ?? {}) as Record<string, string>;
    return { ...(object as object), labels, annotations, spec };
  });
}

describe.each(Object.entries(STORIES))('%s', (_name, { acts, spec, ends, isHeld = false }) => {
  test('ends as it should, with the users’ objects as they were', async () => {
    const stage = await aStage(spec);
    const before = withoutHold(await users(stage));
    await play(stage, acts, stage.worker());
    expect(await endOf(stage)).toBe(ends);
    expect(withoutHold(await users(stage))).toEqual(before);
    const { items } = await stage.kube.list(TYPES.deployment, { namespace: 'shop' });
    const web = items.find(({ metadata }) => metadata.name === 'web');
    if (isHeld || !ends.startsWith('gone')) expect(at(web, 'spec', 'paused')).toBe(true);
    if (ends.startsWith('gone')) expect(web?.metadata.labels).toEqual({ team: 'shop' });
  });
});

/** Each takes a second for every write. */
const DEADLY = [
  'every step passes: the Deployment replaces its own pods',
  'the second step fails',
  'a second change in the middle',
  'the previous image comes back in the middle',
  'the image of before a promotion comes back: not judged again',
  'the Release is deleted in the middle: what did not pass does not roll',
  'without a router, the canary’s pods are the weight',
];

describe.each(DEADLY.map((name) => ({ name, ...STORIES[name] })))(
  'killed at any write: $name',
  ({ acts = [], spec }) => {
    test.each(['after'] as const)('whoever dies %s it, the end is the same', { timeout: 60_000 }, async (when) => {
      const plain = await aStage(spec);
      await play(plain, acts, plain.worker());
      const expected = [await endOf(plain), await users(plain)];
      let deaths = 0;
      for (let write = 0; ; write++) {
        const stage = await aStage(spec);
        if (!(await playDying(stage, acts, write, when))) break;
        deaths++;
        expect([await endOf(stage), await users(stage)], `killed ${when} write ${write}`).toEqual(expected);
      }
      expect(deaths).toBeGreaterThan(3);
    });
  },
);

describe('on the way', () => {
  test('stable is pinned before the canary has a pod, and opened before the hold ends', async () => {
    const stage = await aStage();
    const seen: string[] = [];
    const settle = stage.settle;
    const watching: Stage = {
      ...stage,
      settle: async (kube) => {
        await settle(kube);
        const { items } = await stage.kube.list(TYPES.deployment, { namespace: 'shop' });
        const isHeld =
          at(
            items.find(({ metadata }) => metadata.name === 'web'),
            'spec',
            'paused',
          ) === true;
        const line = `${await routesOf(stage.kube)} | ${await podsByImage(stage.kube)} | ${isHeld ? 'held' : 'free'}`;
        if (seen.at(-1) !== line) seen.push(line);
      },
    };
    const { kube } = stage;
    const worker = stageOn(kube, watching.settle, async () => undefined).worker();
    await worker.reconcile();
    await worker.deploy('web', 'web:2');
    await worker.reconcile();
    for (const line of seen) if (line.includes('canary web:2')) expect(line).toMatch(/pinned/);
    expect(seen.at(-1)).toBe('stable 90, canary 10, pinned | 1 × canary web:2, 4 × web:1 | held');
  });

  test('a template that comes while a person’s pause is on waits for them', async () => {
    const stage = await aStage();
    stage.kube.put(policyMarked(await web(stage)));
    const worker = stage.worker();
    await worker.reconcile();
    await worker.edit(TYPES.deployment, 'web', [{ op: 'add', path: '/spec/paused', value: true }]);
    await worker.deploy('web', 'web:2');
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ phase: 'Idle', reason: 'WorkloadPaused' });
    expect(await podsByImage(stage.kube)).toBe('4 × web:1');
  });

  test('where a policy holds, the Deployment is free between releases', async () => {
    const stage = await aStage();
    stage.kube.put(policyMarked(await web(stage)));
    await stage.worker().reconcile();
    expect(at(await web(stage), 'spec', 'paused')).toBeUndefined();
  });

  test('a Deployment that is broken at the start is left alone until it stands', async () => {
    const stage = await aStage();
    const [pod] = (await stage.kube.list(TYPES.pod, { namespace: 'shop' })).items;
    if (pod === undefined) throw new Error('no pod');
    stage.kube.put({ ...pod, status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'False' }] } });
    const before = JSON.stringify(await users(stage));
    const worker = stage.worker();
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ phase: 'Idle', reason: 'NotSettled' });
    expect(JSON.stringify(await users(stage))).toBe(before);
    stage.kube.put({ ...pod, status: pod['status'] });
    await worker.reconcile();
    expect((await worker.release()).status).toMatchObject({ reason: 'Initial' });
  });
});

const web = async ({ kube }: Stage): Promise<KubeObject> => {
  const found = await kube.get({ type: TYPES.deployment, namespace: 'shop', name: 'web' });
  if (found === undefined) throw new Error('no Deployment');
  return found;
};

const policyMarked = (deployment: KubeObject): KubeObject => ({
  ...deployment,
  metadata: { ...deployment.metadata, annotations: { 'serin.dev/hold': 'policy' } },
});

describe('what cannot work is said with the field and the fix, and nothing is touched', () => {
  const deploymentNamed = (name: string, labels: Readonly<Record<string, string>>): KubeObject => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'shop', labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: {} },
    },
  });

  test.each([
    {
      name: 'no such Deployment',
      objects: inPlaceObjects().filter(({ kind }) => kind !== 'Deployment'),
      reason: 'WorkloadNotFound',
      says: 'spec.workload.deployment.name is "web"',
    },
    {
      name: 'a Deployment of somebody else under the canary’s name',
      objects: [...inPlaceObjects(), deploymentNamed('web-canary', {})],
      reason: 'InvalidSpec',
      says: "a Deployment of that name exists and is not Serin's",
    },
    {
      name: 'a selector that finds the pods of another release',
      objects: [...inPlaceObjects(), deploymentNamed('shop', { 'serin.dev/release': 'shop' })],
      reason: 'TargetConflict',
      says: "find each other's pods",
    },
    {
      name: 'a route without a subset for the canary',
      objects: inPlaceObjects().map((object) =>
        object.kind === 'DestinationRule'
          ? { ...object, spec: { host: 'web', subsets: [{ name: 'stable', labels: { app: 'web' } }] } }
          : object,
      ),
      reason: 'RouteNotUnderstood',
      says: 'serin.dev/role=canary',
    },
  ])('$name', async ({ objects, reason, says }) => {
    const stage = await aStage(inPlaceSpec, objects);
    const before = JSON.stringify(await users(stage));
    const worker = stage.worker();
    await worker.reconcile();
    const { status } = await worker.release();
    expect(status).toMatchObject({ reason, message: expect.stringContaining(says) });
    expect(JSON.stringify(await users(stage))).toBe(before);
  });
});
