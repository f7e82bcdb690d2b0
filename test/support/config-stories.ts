/**
 * Situations of a Deployment in place whose pods read a ConfigMap and a Secret, and how each must end: played in memory (also with a death at
 * any write) and on the real controllers.
 */
import { type Fields, labelsAt } from '../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import type { ReleaseSpec } from '../../src/api/release.ts';
import type { KubeClient } from '../../src/kube/port.ts';
import { CONFIG_ANNOTATION } from '../../src/workloads/deployment/config-mark.ts';
import { inPlaceObjects, inPlaceSpec, inPlaceSwitchSpec } from './deployment-cluster.ts';
import { aborted, deploy, passed, restarted } from './in-place-stories.ts';
import { type Act, judged, judgedStep } from './release-stories.ts';

const OPTED_IN: ReleaseSpec['workload'] = { deployment: { name: 'web', configDigest: true } };
export const configSpec: ReleaseSpec = { ...inPlaceSpec, workload: OPTED_IN };
const SWITCHED: ReleaseSpec = { ...inPlaceSwitchSpec, workload: OPTED_IN };
const SWITCHED_LATER: ReleaseSpec = {
  ...SWITCHED,
  strategy: { blueGreen: { ...SWITCHED.strategy?.blueGreen, scaleDownAfter: '10m' } },
};
const OPTED_OUT: ReleaseSpec = inPlaceSpec;

/** The objects of a Release in place, with a ConfigMap in the environment and a Secret in a volume. */
export function configObjects(spec: ReleaseSpec = configSpec): readonly KubeObject[] {
  return [
    configMap(),
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'web-keys', namespace: 'shop' }, data: { key: 'b25l' } },
    ...inPlaceObjects(spec).map((object) =>
      object.kind === 'Deployment'
        ? { ...object, spec: { ...(object['spec'] as object), template: configTemplate() } }
        : object,
    ),
  ];
}

/** As its author wrote it. */
export function configTemplate(): Fields {
  return {
    metadata: { labels: { app: 'web' } },
    spec: {
      containers: [
        {
          name: 'web',
          image: 'web:1',
          envFrom: [{ configMapRef: { name: 'web-config' } }],
          volumeMounts: [{ name: 'keys', mountPath: '/keys' }],
        },
      ],
      volumes: [{ name: 'keys', secret: { secretName: 'web-keys' } }],
    },
  };
}

export const configMap = (mode = 'one'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'web-config', namespace: 'shop' },
  data: { MODE: mode },
});

export const configured =
  (mode: string): Act =>
  (_stage, worker) =>
    worker.edit(TYPES.configMap, 'web-config', [{ op: 'add', path: '/data/MODE', value: mode }]);
const rekeyed =
  (key: string): Act =>
  (_stage, worker) =>
    worker.edit(TYPES.secret, 'web-keys', [{ op: 'add', path: '/data/key', value: key }]);
const optedInto =
  ({ workload }: ReleaseSpec): Act =>
  (_stage, worker) =>
    worker.edit(TYPES.release, 'web', [{ op: 'add', path: '/spec/workload', value: workload }]);
const dropped: Act = ({ kube }) => kube.delete({ type: TYPES.configMap, namespace: 'shop', name: 'web-config' });
const madeAgain =
  (mode: string): Act =>
  async ({ kube }) =>
    void (await kube.create(configMap(mode), 'gitops'));
/** Several things before anybody looks. */
const together =
  (...acts: readonly Act[]): Act =>
  async (stage, worker) => {
    for (const act of acts) await act(stage, worker);
  };
/** As `kubectl replace` does, and tools that write whole objects: what others added to the template is gone. */
export const replaced: Act = async ({ kube, settle }, worker) => {
  await worker.edit(TYPES.deployment, 'web', [{ op: 'replace', path: '/spec/template', value: configTemplate() }]);
  await settle(kube);
};
/** As kustomize does: a new object, and a template that names it. */
const renamed: Act = async ({ kube, settle }, worker) => {
  await kube.create({ ...configMap('two'), metadata: { name: 'web-config-b', namespace: 'shop' } }, 'gitops');
  const path = '/spec/template/spec/containers/0/envFrom/0/configMapRef/name';
  await worker.edit(TYPES.deployment, 'web', [{ op: 'replace', path, value: 'web-config-b' }]);
  await settle(kube);
};
const released: Act = (stage) => stage.remove();

export interface ConfigStory {
  readonly acts: readonly Act[];
  readonly spec?: ReleaseSpec;
  /** Phase of the Release, routes, pods by image. */
  readonly ends: string;
  /** Of the pods that were there at the start. */
  readonly pods: 'the same' | 'others';
  /** In the status, at the end. */
  readonly says?: RegExp;
  /** Told on the real controllers, too. */
  readonly isReal?: true;
}

const UNTOUCHED = { ends: 'Aborted: stable 100; 4 × web:1', pods: 'the same' } as const;
const RESTARTED = { ends: 'Promoted: stable 100; 4 × web:1', pods: 'others' } as const;

/** situation → outcome */
export const CONFIG_STORIES: Readonly<Record<string, ConfigStory>> = {
  'nothing changes': { acts: [], ends: 'Idle: stable 100; 4 × web:1', pods: 'the same' },
  'a ConfigMap changes and passes: the Deployment replaces its pods': {
    acts: [configured('two'), judged('Pass'), judged('Pass')],
    ...RESTARTED,
  },
  'a Secret changes and passes': { acts: [rekeyed('dHdv'), judged('Pass'), judged('Pass')], ...RESTARTED },
  'a ConfigMap changes and fails: no pod is touched, and the status says what still waits': {
    acts: [configured('two'), judged('Pass'), judged('Fail')],
    ...UNTOUCHED,
    says: /ConfigMap web-config still has the new content, which any pod that starts again reads\. Put the former content back/,
    isReal: true,
  },
  'what failed is put back: nothing is restarted': {
    acts: [configured('two'), judged('Fail'), configured('one')],
    ...UNTOUCHED,
    says: /^ConfigMap web-config has the former content again\. Nothing was restarted\.$/,
  },
  'a person aborts': { acts: [configured('two'), aborted], ...UNTOUCHED },
  'the former content comes back in the middle: nothing is restarted': {
    acts: [configured('two'), judged('Pass'), configured('one')],
    ...UNTOUCHED,
    says: /was taken back before it was judged/,
    isReal: true,
  },
  'what failed is replaced by something good': {
    acts: [configured('two'), judged('Fail'), configured('three'), judged('Pass'), judged('Pass')],
    ...RESTARTED,
  },
  'image and ConfigMap change together: one release': {
    acts: [together(configured('two'), deploy('web:2')), judged('Pass'), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
    pods: 'others',
  },
  'another content in the middle, promoted, and back to the first, which is not judged again': {
    acts: [configured('two'), judged('Pass'), configured('three'), judged('Pass'), judged('Pass'), configured('one')],
    ...RESTARTED,
  },
  'a name of its own for each content: one release': {
    acts: [renamed, judged('Pass'), judged('Pass')],
    ...RESTARTED,
  },
  'an image after a ConfigMap': {
    acts: [configured('two'), judged('Pass'), judged('Pass'), deploy('web:2'), judged('Pass'), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
    pods: 'others',
  },
  'the mark is replaced away: it is put back, and no pod of the new content is replaced': {
    acts: [configured('two'), judged('Pass'), judged('Pass'), replaced],
    ...RESTARTED,
  },
  'a restart while a failed content waits: it waits, too': {
    acts: [configured('two'), judged('Fail'), restarted],
    ...UNTOUCHED,
  },
  'the ConfigMap is deleted: held, nothing is touched': {
    acts: [dropped],
    ends: 'Idle: stable 100; 4 × web:1',
    pods: 'the same',
    says: /^ConfigMap web-config in namespace shop does not exist, .*\(envFrom of container web\).* Create it, or mark the reference optional\.$/,
  },
  'the ConfigMap is deleted in the middle: held where it is': {
    acts: [configured('two'), judged('Pass'), dropped],
    ends: 'Held: stable 50, canary 50, pinned; 2 × canary web:1, 4 × web:1',
    pods: 'the same',
    says: /ConfigMap web-config in namespace shop does not exist/,
  },
  'the ConfigMap is deleted in the middle, and a person aborts: that needs no ConfigMap': {
    acts: [configured('two'), judged('Pass'), dropped, aborted],
    ...UNTOUCHED,
  },
  'the ConfigMap is deleted after the last Pass: nothing rolls that could not start': {
    spec: SWITCHED_LATER,
    acts: [configured('two'), judgedStep('Pass'), judgedStep('Pass'), dropped, passed(600_000)],
    ends: 'Promoting: stable 100, web to canary, web-preview to canary; 4 × canary web:1, 4 × web:1',
    pods: 'the same',
  },
  'the ConfigMap is deleted after the last Pass and comes back': {
    spec: SWITCHED_LATER,
    acts: [configured('two'), judgedStep('Pass'), judgedStep('Pass'), dropped, passed(600_000), madeAgain('two')],
    ...RESTARTED,
  },
  'the ConfigMap is deleted, and the Release, too': {
    acts: [configured('two'), judged('Pass'), dropped, released],
    ends: 'gone: stable 100; 4 × web:1',
    pods: 'the same',
  },
  'the ConfigMap is deleted and comes back as it was': {
    acts: [dropped, madeAgain('one')],
    ends: 'Idle: stable 100; 4 × web:1',
    pods: 'the same',
  },
  'nobody asked: a change of a ConfigMap is nothing': {
    spec: OPTED_OUT,
    acts: [configured('two')],
    ends: 'Idle: stable 100; 4 × web:1',
    pods: 'the same',
  },
  'asked for later: what is there then is where it begins': {
    spec: OPTED_OUT,
    acts: [configured('two'), optedInto(configSpec), configured('three'), judged('Pass'), judged('Pass')],
    ...RESTARTED,
  },
  'asked for in the middle of a release: that one goes on': {
    spec: OPTED_OUT,
    acts: [deploy('web:2'), judged('Pass'), optedInto(configSpec), judged('Pass')],
    ends: 'Promoted: stable 100; 4 × web:2',
    pods: 'others',
  },
  'not asked for any more, in the middle: its release ends': {
    acts: [configured('two'), judged('Pass'), optedInto(OPTED_OUT)],
    ...UNTOUCHED,
  },
  'not asked for any more after a promotion: nothing is restarted': {
    acts: [configured('two'), judged('Pass'), judged('Pass'), optedInto(OPTED_OUT), configured('three')],
    ...RESTARTED,
  },
  'asked for again: what changed meanwhile is judged now': {
    acts: [optedInto(OPTED_OUT), configured('two'), optedInto(configSpec), judged('Fail')],
    ...UNTOUCHED,
  },
  'the Release is deleted while a failed content waits: the Deployment is free, nothing rolls': {
    acts: [configured('two'), judged('Fail'), released],
    ends: 'gone: stable 100; 4 × web:1',
    pods: 'the same',
  },
  'a switch that passes': {
    spec: SWITCHED,
    acts: [configured('two'), judgedStep('Pass'), judgedStep('Pass')],
    ...RESTARTED,
  },
  'a switch that fails': {
    spec: SWITCHED,
    acts: [configured('two'), judgedStep('Pass'), judgedStep('Fail')],
    ...UNTOUCHED,
  },
};

/** Takes a second for every write. */
export const DEADLY_CONFIG =
  'another content in the middle, promoted, and back to the first, which is not judged again';

/** Uids of the pods that users get. */
export async function podsOf(kube: KubeClient): Promise<ReadonlySet<string>> {
  const { items } = await kube.list(TYPES.pod, { namespace: 'shop' });
  return new Set(items.flatMap(({ metadata }) => metadata.uid ?? []));
}

/** Whether all pods of the start are still there. */
export const remaining = (first: ReadonlySet<string>, last: ReadonlySet<string>): ConfigStory['pods'] =>
  [...first].every((uid) => last.has(uid)) ? 'the same' : 'others';

/** The mark in the template, if any. */
export async function markOf(kube: KubeClient): Promise<string | undefined> {
  const web = await kube.get({ type: TYPES.deployment, namespace: 'shop', name: 'web' });
  return labelsAt(web, 'spec', 'template', 'metadata', 'annotations')[CONFIG_ANNOTATION];
}
