/**
 * Situations of a Deployment that is released in place, and how each must end: played in memory (also with a death at any write) and
 * on the real controllers.
 */
import { at } from '../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import type { ReleaseSpec } from '../../src/api/release.ts';
import { inPlaceObjects, inPlaceSpec, inPlaceSwitchSpec, podsByImage, routesOf } from './deployment-cluster.ts';
import { type Act, judged, judgedStep, requested, type Stage } from './release-stories.ts';

export const deploy =
  (image: string): Act =>
  (_stage, worker) =>
    worker.deploy('web', image);
const scaled =
  (replicas: number): Act =>
  async ({ kube, settle }, worker) => {
    await worker.edit(TYPES.deployment, 'web', [{ op: 'replace', path: '/spec/replicas', value: replicas }]);
    await settle(kube);
  };
export const restarted: Act = async ({ kube, settle }, worker) => {
  const value = { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' };
  await worker.edit(TYPES.deployment, 'web', [{ op: 'add', path: '/spec/template/metadata/annotations', value }]);
  await settle(kube);
};
export const aborted: Act = async (_stage, worker) => {
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
/** Somebody deletes an object, Serin looks, and GitOps makes it again as it was in Git. */
const madeAgain =
  (type: (typeof TYPES)['virtualService' | 'destinationRule' | 'deployment'], image?: string): Act =>
  async ({ kube, settle }, worker) => {
    const { metadata } = await worker.get(type, 'web');
    await kube.delete({ type, namespace: 'shop', name: 'web' }, { uid: metadata.uid ?? '' });
    await settle(kube);
    await worker.reconcile();
    const inGit = inPlaceObjects().find(({ kind }) => kind === type.kind);
    if (inGit === undefined) throw new Error('not in Git');
    const { name, namespace, labels } = inGit.metadata;
    const written = { name, ...(namespace && { namespace }), ...(labels && { labels }) };
    await kube.create({ ...inGit, metadata: written }, 'gitops');
    if (image !== undefined) await worker.deploy('web', image);
    await settle(kube);
  };
export const passed =
  (ms: number): Act =>
  async ({ clock }) =>
    clock.pass(ms);

const BY_REPLICAS: ReleaseSpec = {
  workload: inPlaceSpec.workload,
  strategy: { canary: { steps: [{ setWeight: 50 }, { pause: { duration: '1m' } }] } },
};

const ROLLING: ReleaseSpec = {
  workload: inPlaceSpec.workload,
  strategy: { rollingUpdate: { pauses: ['25%', '50%'] } },
  analysis: { templates: [{ name: 'web' }] },
};

const SWITCHED_LATER: ReleaseSpec = {
  ...inPlaceSwitchSpec,
  strategy: { blueGreen: { ...inPlaceSwitchSpec.strategy?.blueGreen, scaleDownAfter: '10m' } },
};
const SWITCHED_BY_ROUTE: ReleaseSpec = {
  workload: inPlaceSpec.workload,
  ...(inPlaceSpec.traffic && { traffic: inPlaceSpec.traffic }),
  strategy: { blueGreen: { analysis: { after: { templates: [{ name: 'bound' }] } } } },
};
/** GitOps that owns the whole selector. */
const serviceApplied: Act = (_stage, worker) =>
  worker.edit(TYPES.service, 'web', [{ op: 'replace', path: '/spec/selector', value: { app: 'web' } }]);

export interface Story {
  readonly acts: readonly Act[];
  readonly spec?: ReleaseSpec;
  /** Phase of the Release, routes, pods by image. */
  readonly ends: string;
  /** The Deployment stays paused although another template waits. */
  readonly isHeld?: boolean;
  /** Told in memory alone: on a server it would cost seconds and show nothing more. */
  readonly isCostly?: true;
}

const HELD = { isHeld: true };

/** situation → outcome */
export const IN_PLACE_STORIES: Readonly<Record<string, Story>> = {
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
  'the VirtualService is deleted in the middle and comes back as it is in Git': {
    acts: [deploy('web:2'), judged('Pass'), madeAgain(TYPES.virtualService), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
  },
  'the DestinationRule is deleted in the middle and comes back as it is in Git': {
    acts: [deploy('web:2'), judged('Pass'), madeAgain(TYPES.destinationRule), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
  },
  'the Deployment is deleted in the middle and comes back with the old image': {
    acts: [deploy('web:2'), judged('Pass'), madeAgain(TYPES.deployment)],
    ends: 'Aborted: stable 100; 4 × web:1',
  },
  'the Deployment is deleted in the middle and comes back with the new image': {
    acts: [deploy('web:2'), judged('Pass'), madeAgain(TYPES.deployment, 'web:2')],
    // Nothing else was there that could serve: what comes anew is let through.
    ends: 'Aborted: stable 100; 4 × web:2',
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
  'a rolling update with two pauses that pass': {
    spec: ROLLING,
    acts: [deploy('web:2'), judged('Pass'), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
  },
  'a rolling update that fails at its second pause: the old pods are all there': {
    spec: ROLLING,
    acts: [deploy('web:2'), judged('Pass'), judged('Fail')],
    ends: 'Aborted: stable 100; 4 × web:1',
    ...HELD,
  },
  'a switch: the Deployment replaces its own pods behind the canary, and gets users back': {
    spec: inPlaceSwitchSpec,
    acts: [deploy('web:2'), judgedStep('Pass'), judgedStep('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
  },
  'two switches in a row, the second one given up before users get it': {
    spec: inPlaceSwitchSpec,
    acts: [deploy('web:2'), judgedStep('Pass'), judgedStep('Pass'), deploy('web:3'), judgedStep('Fail')],
    ends: 'Aborted: stable 100; 4 × web:2',
    isCostly: true,
    ...HELD,
  },
  'a version that fails after its switch: users are back on the old pods': {
    spec: inPlaceSwitchSpec,
    acts: [deploy('web:2'), judgedStep('Pass'), judgedStep('Fail')],
    ends: 'Aborted: stable 100; 4 × web:1',
    ...HELD,
  },
  'a second change after the switch': {
    spec: inPlaceSwitchSpec,
    acts: [deploy('web:2'), judgedStep('Pass'), deploy('web:3'), judgedStep('Pass'), judgedStep('Pass')],
    ends: 'Promoted: stable 100; 4 × web:3',
  },
  'the previous image comes back after the switch': {
    spec: inPlaceSwitchSpec,
    acts: [deploy('web:2'), judgedStep('Pass'), deploy('web:1')],
    ends: 'Aborted: stable 100; 4 × web:1',
    isCostly: true,
  },
  'the image of before a switch comes back: not judged again': {
    spec: inPlaceSwitchSpec,
    acts: [deploy('web:2'), judgedStep('Pass'), judgedStep('Pass'), deploy('web:1')],
    ends: 'Promoted: stable 100; 4 × web:1',
    isCostly: true,
  },
  'replicas change after the switch': {
    spec: inPlaceSwitchSpec,
    acts: [deploy('web:2'), judgedStep('Pass'), scaled(6), judgedStep('Pass')],
    ends: 'Promoted: stable 100; 6 × web:2',
    isCostly: true,
  },
  'the Service is applied anew after the switch': {
    spec: inPlaceSwitchSpec,
    acts: [deploy('web:2'), judgedStep('Pass'), serviceApplied, judgedStep('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
    isCostly: true,
  },
  'a person promotes past the analysis before the switch': {
    spec: inPlaceSwitchSpec,
    acts: [deploy('web:2'), requested('promote-full')],
    ends: 'Promoted: stable 100; 4 × web:2',
    isCostly: true,
  },
  'the Release is deleted after the switch: what did not pass does not roll': {
    spec: inPlaceSwitchSpec,
    acts: [deploy('web:2'), judgedStep('Pass'), deleted],
    ends: 'gone: stable 100; 4 × web:1',
    isCostly: true,
    ...HELD,
  },
  'the canary’s Deployment is deleted after the switch: it is made again': {
    spec: inPlaceSwitchSpec,
    acts: [deploy('web:2'), judgedStep('Pass'), canaryDeleted, judgedStep('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
    isCostly: true,
  },
  'a person aborts while the old pods stay: they are the very ones': {
    spec: SWITCHED_LATER,
    acts: [deploy('web:2'), judgedStep('Pass'), judgedStep('Pass'), passed(599_000), aborted],
    ends: 'Aborted: stable 100; 4 × web:1',
    isCostly: true,
    ...HELD,
  },
  'the old pods go when their time is over': {
    spec: SWITCHED_LATER,
    acts: [deploy('web:2'), judgedStep('Pass'), judgedStep('Pass'), passed(600_000)],
    ends: 'Promoted: stable 100; 4 × web:2',
    isCostly: true,
  },
  'a switch by a route of the mesh': {
    spec: SWITCHED_BY_ROUTE,
    acts: [deploy('web:2'), judgedStep('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
  },
  'a switch by a route of the mesh that fails': {
    spec: SWITCHED_BY_ROUTE,
    acts: [deploy('web:2'), judgedStep('Fail')],
    ends: 'Aborted: stable 100; 4 × web:1',
    isCostly: true,
    ...HELD,
  },
  'without a router, a person aborts': {
    spec: BY_REPLICAS,
    acts: [deploy('web:2'), aborted],
    ends: 'Aborted: stable 100; 4 × web:1',
    ...HELD,
  },
};

/** What the user would say of the end: phase, routes, pods by image. */
export async function endOf({ kube }: Stage): Promise<string> {
  const release = await kube.get({ type: TYPES.release, namespace: 'shop', name: 'web' });
  const { deletionTimestamp, finalizers = [] } = release?.metadata ?? {};
  const isGone = release === undefined || (deletionTimestamp !== undefined && finalizers.length === 0);
  const phase = isGone ? 'gone' : String(at(release, 'status', 'phase'));
  return `${phase}: ${await routesOf(kube)}; ${await podsByImage(kube)}`;
}

/** The user's objects, without what the server counts. */
export async function users({ kube }: Stage): Promise<readonly unknown[]> {
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
export function withoutHold(objects: readonly unknown[]): readonly unknown[] {
  return objects.map((object) => {
    if (at(object, 'kind') !== 'Deployment') return object;
    const {
      paused: _paused,
      replicas: _replicas,
      [TEMPLATE_OF_USER]: _template,
      ...spec
    } = at(object, 'spec') as Record<string, unknown>;
    const { 'serin.dev/release': _release, ...labels } = at(object, 'labels') as Record<string, string>;
    const {
      'serin.dev/held': _held,
      'deployment.kubernetes.io/revision': _revision,
      ...annotations
    } = (at(object, 'annotations') ?? {}) as Record<string, string>;
    return { ...(object as object), labels, annotations, spec };
  });
}

/** Each takes a second for every write. */
export const DEADLY = [
  'every step passes: the Deployment replaces its own pods',
  'the second step fails',
  'a second change in the middle',
  'the previous image comes back in the middle',
  'the image of before a promotion comes back: not judged again',
  'the Release is deleted in the middle: what did not pass does not roll',
  'without a router, the canary’s pods are the weight',
  'a switch: the Deployment replaces its own pods behind the canary, and gets users back',
  'a version that fails after its switch: users are back on the old pods',
  'a second change after the switch',
  'a switch by a route of the mesh',
];
