/** One Deployment released in place on the real control plane, with real requests, a real Prometheus and the service as it is installed. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { at, fieldsAt, labelsAt, listAt, sameJson } from '../../src/api/fields.ts';
import { API_VERSION, type KubeObject, TYPES } from '../../src/api/meta.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import {
  type App,
  type AppOptions,
  BROKEN,
  HEALTHY,
  isAborted,
  isJudging,
  isPromoted,
  notAnswered,
  QUICK_ANALYSIS,
  run,
  type Stand,
  startApp,
  startStand,
  until,
} from '../support/e2e.ts';
import { describeWith, requireTool } from '../support/tools.ts';

const FAULTLESS = { ...HEALTHY, 'error-rate': '0' };
const { templates: _quick, history: _history, ...QUICK } = QUICK_ANALYSIS;
/** By the selector of their Service, and judged after the switch, by a bound. */
const SWITCHED = {
  analysis: undefined,
  strategy: {
    blueGreen: { analysis: { after: { ...QUICK, templates: [{ name: 'few-errors', clusterScope: true }] } } },
  },
};

describeWith(
  ['controlplane', 'prometheus', 'kubectl', 'helm'],
  'a Deployment in place, on the real control plane',
  () => {
    let plane: ControlPlane;
    let stand: Stand;
    let home: string;
    beforeAll(async () => {
      plane = await startControlPlane();
      stand = await startStand({ seed: 'in place', kubeconfig: plane.kubeconfig });
      await stand.sandbox.apply([FEW_ERRORS]);
      home = await mkdtemp(join(tmpdir(), 'serin-in-place-'));
      // With no more rights than the chart gives.
      await stand.startService({ kubeconfig: await asInstalled(stand, home) });
    });
    afterAll(async () => {
      await stand?.stop();
      await plane?.stop();
      await rm(home, { recursive: true, force: true });
    });

    const get = async (type: (typeof TYPES)[keyof typeof TYPES], name: string): Promise<KubeObject> => {
      const found = await stand.sandbox.kube.get({ type, namespace: stand.namespace, name });
      if (found === undefined) throw new Error(`${type.kind} ${name} is gone`);
      return found;
    };
    const aliveOf = async (name: string): Promise<readonly KubeObject[]> =>
      (await stand.sandbox.kube.list(TYPES.pod, { namespace: stand.namespace })).items.filter(
        ({ metadata }) => metadata.labels?.['app'] === name && metadata.deletionTimestamp === undefined,
      );
    const buildsOf = async (name: string): Promise<readonly string[]> =>
      (await aliveOf(name)).map(({ metadata }) => metadata.annotations?.['sandbox.serin.dev/version'] ?? '').sort();
    /** What people wrote; the template is theirs to change, and its revision is counted. */
    const usersOf = async (name: string): Promise<unknown> => {
      const { metadata, spec } = (await get(TYPES.deployment, `${name}-v1`)) as KubeObject & { readonly spec: object };
      const { template: _template, ...others } = fieldsAt(spec);
      const { 'deployment.kubernetes.io/revision': _revision, ...annotations } = metadata.annotations ?? {};
      return {
        deployment: { labels: metadata.labels, annotations, spec: others },
        service: (await get(TYPES.service, name))['spec'],
        routes: (await get(TYPES.virtualService, name))['spec'],
        rule: (await get(TYPES.destinationRule, name))['spec'],
      };
    };
    const areAsBefore = (name: string, before: unknown): Promise<unknown> =>
      until(`all of ${name} is as it was`, async () => sameJson(await usersOf(name), before));
    const uidsOf = async (name: string): Promise<readonly string[]> =>
      (await aliveOf(name)).map(({ metadata }) => metadata.uid ?? '').sort();
    const isPinned = async (name: string): Promise<boolean> =>
      labelsAt(listAt(await get(TYPES.destinationRule, name), 'spec', 'subsets')[0], 'labels')['pod-template-hash'] !==
      undefined;
    const start = async (name: string, options: AppOptions = {}): Promise<App> => {
      const app = await startApp(stand, name, {
        isInPlace: true,
        replicas: { v1: 3, v2: 0 },
        edit: routed({ host: name, subset: 'stable' }),
        ...options,
      });
      await until('it is held', async () => at(await get(TYPES.deployment, `${name}-v1`), 'spec', 'paused') === true);
      return app;
    };
    const counts = async (name: string) => {
      const found = (await stand.sandbox.loadCounts())[name];
      if (found === undefined) throw new Error(`no load ${name}`);
      return found;
    };

    test.concurrent('a version with errors is aborted on its numbers, and the old pods are the very ones that were there', async () => {
      const web = await start('web', { rps: 80 });
      const [pods, before] = [await uidsOf('web'), await usersOf('web')];
      await web.letOut('v1', '1', { ...BROKEN, version: 'two' });
      const template = JSON.stringify(at(await get(TYPES.deployment, 'web-v1'), 'spec', 'template'));
      const status = await web.until('aborted', isAborted);
      expect(status).toMatchObject({ reason: 'ErrorsAboveStable', weight: 0 });
      await until('the canary is gone', async () => (await aliveOf('web')).length === 3);
      expect(await uidsOf('web')).toEqual(pods);
      await areAsBefore('web', before);
      const after = await get(TYPES.deployment, 'web-v1');
      expect(JSON.stringify(at(after, 'spec', 'template'))).toBe(template);
      expect(at(after, 'spec', 'paused')).toBe(true);
      const { byVersion } = await counts('web');
      expect(byVersion['two']).toBeGreaterThan(20);
      const waited = await stand.kubectl('wait', '--for=condition=Completed', '--timeout=1s', 'release/web');
      expect(waited).toMatchObject({ code: 0 });
    });

    test.concurrent('a good version is promoted without a failed request, and then the Deployment runs it with pods of its own', async () => {
      const cart = await start('cart', {
        rps: 100,
        edit: (object) => faultless(routed({ host: 'cart', subset: 'stable' })(object)),
      });
      const before = await usersOf('cart');
      // The first requests may come before the mesh knows the pods; what counts is what a release does to users.
      const early = notAnswered(await counts('cart'));
      await cart.letOut('v1', '1', { ...FAULTLESS, version: 'two' });
      const judging = await cart.until('it is judged', isJudging);
      expect(judging.weight).toBe(40);
      expect(await isPinned('cart')).toBe(true);
      expect(await buildsOf('cart')).toEqual(['one', 'one', 'one', 'two', 'two']);
      const promoted = await cart.until('promoted', isPromoted);
      expect(promoted.history?.at(-1)).toMatchObject({ outcome: 'Promoted', attempt: 1 });
      await until('the canary is gone', async () => (await aliveOf('cart')).length === 3);
      expect(await buildsOf('cart')).toEqual(['two', 'two', 'two']);
      expect((await aliveOf('cart')).every(({ metadata }) => metadata.labels?.['serin.dev/role'] === undefined)).toBe(
        true,
      );
      await areAsBefore('cart', before);
      const after = await counts('cart');
      expect(notAnswered(after)).toEqual(early);
      expect(after.byStatus['200']).toBeGreaterThan(500);
    });

    test.concurrent('users are switched by their Service to a good version and back to the Deployment, and no request fails', async () => {
      const shop = await start('shop', {
        rps: 60,
        edit: (object) => faultless(routed({ host: 'shop' })(object)),
        spec: { ...SWITCHED, traffic: { service: { name: 'shop' } } },
      });
      const before = await usersOf('shop');
      const early = notAnswered(await counts('shop'));
      await shop.letOut('v1', '1', { ...FAULTLESS, version: 'two' });
      await shop.until('it is judged after the switch', (status) => status.weight === 100 && isJudging(status));
      const led = at(await get(TYPES.service, 'shop'), 'spec', 'selector');
      expect(led).toEqual({ app: 'shop', 'serin.dev/role': 'canary' });
      expect(await shop.until('promoted', isPromoted)).toMatchObject({ verdict: { outcome: 'Pass' } });
      await areAsBefore('shop', before);
      await until('the canary is gone', async () => (await aliveOf('shop')).length === 3);
      expect(await buildsOf('shop')).toEqual(['two', 'two', 'two']);
      const after = await counts('shop');
      expect(notAnswered(after)).toEqual(early);
      expect(after.byVersion['two']).toBeGreaterThan(100);
    });

    test.concurrent('users who meet errors after their switch are back on the very pods that were there', async () => {
      const mail = await start('mail', {
        rps: 60,
        edit: routed({ host: 'mail' }),
        spec: { ...SWITCHED, traffic: { service: { name: 'mail' } } },
      });
      const [pods, before] = [await uidsOf('mail'), await usersOf('mail')];
      await mail.letOut('v1', '1', { ...BROKEN, version: 'two' });
      const status = await mail.until('aborted', isAborted);
      expect(status).toMatchObject({ reason: 'AboveBound', history: [{ outcome: 'Aborted', weight: 100 }] });
      await areAsBefore('mail', before);
      await until('the canary is gone', async () => (await aliveOf('mail')).length === 3);
      expect(await uidsOf('mail')).toEqual(pods);
      const { byVersion } = await counts('mail');
      expect(byVersion['two']).toBeGreaterThan(20);
      const answers = async () => (await counts('mail')).byVersion;
      await until('users are served', async () => ((await answers())['v1'] ?? 0) > (byVersion['v1'] ?? 0) + 50);
      expect((await answers())['two']).toBe(byVersion['two']);
    });

    test.concurrent('a ConfigMap that changes is judged by real requests, once Serin may read it, and the Deployment replaces its pods', async () => {
      const name = 'conf-config';
      const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: stand.namespace } };
      // An earlier try was allowed to read it.
      await stand.kubectl('delete', 'role,rolebinding', `serin-read-configmap-${name}`, '--ignore-not-found');
      await stand.sandbox.apply([{ ...config, data: { MODE: 'one' } }]);
      const conf = await startApp(stand, 'conf', {
        isInPlace: true,
        replicas: { v1: 3, v2: 0 },
        rps: 60,
        edit: (object) => reading(name)(routed({ host: 'conf', subset: 'stable' })(object)),
        spec: { workload: { deployment: { name: 'conf-v1', configDigest: true } } },
      });
      const denied = await conf.until('it says what is missing', ({ reason }) => reason === 'PermissionMissing');
      expect(at(await get(TYPES.deployment, 'conf-v1'), 'spec', 'paused')).toBeUndefined();
      const [, commands = ''] = /Allow it: (.*) — or/.exec(denied.message ?? '') ?? [];
      for (const command of commands.split(' && ')) {
        const [kubectl, ...words] = command.split(' ');
        expect([kubectl, (await stand.kubectl(...words)).stderr]).toEqual(['kubectl', '']);
      }
      await until('it is held', async () => at(await get(TYPES.deployment, 'conf-v1'), 'spec', 'paused') === true);
      const pods = await uidsOf('conf');
      await stand.kubectl('patch', 'configmap', name, '--patch', '{"data": {"MODE": "two"}}');
      expect(await conf.until('promoted', isPromoted)).toMatchObject({ verdict: { outcome: 'Pass' } });
      await until('the canary is gone', async () => (await aliveOf('conf')).length === 3);
      expect((await uidsOf('conf')).filter((uid) => pods.includes(uid))).toEqual([]);
    });

    test.concurrent('three releases in a row: good, bad, good', async () => {
      const pay = await start('pay', { rps: 60 });
      for (const [build, behaviour, outcome] of [
        ['1', HEALTHY, 'Promoted'],
        ['2', BROKEN, 'Aborted'],
        ['3', HEALTHY, 'Promoted'],
      ] as const) {
        await pay.letOut('v1', build, { ...behaviour, version: `build ${build}` });
        await pay.until(`build ${build} is ${outcome}`, ({ history = [] }) => history.length === Number(build));
        expect((await pay.status()).history?.at(-1)).toMatchObject({ outcome });
      }
      await until('the canary is gone', async () => (await aliveOf('pay')).length === 3);
      expect(await buildsOf('pay')).toEqual(['build 3', 'build 3', 'build 3']);
    });
  },
);

/** A kubeconfig of the service account of the chart, bound to the roles of the chart. */
async function asInstalled(stand: Stand, home: string): Promise<string> {
  const rendered = await run(requireTool('helm'), [
    'template',
    'serin',
    fileURLToPath(new URL('../../deploy/charts/serin', import.meta.url)),
    '--namespace=default',
    '--set=prometheus.url=http://prometheus:9090',
    `--set=secretNamespaces={${stand.namespace}}`,
    '--show-only=templates/rbac.yaml',
    '--show-only=templates/serviceaccount.yaml',
  ]);
  const roles = join(home, 'roles.yaml');
  await writeFile(roles, rendered.stdout);
  const applied = await stand.kubectl('apply', '--namespace=', '-f', roles);
  if (applied.code !== 0) throw new Error(applied.stderr);
  const token = await stand.kubectl('create', 'token', 'serin', '--namespace=default');
  if (token.code !== 0) throw new Error(token.stderr);
  const config = parse(stand.sandbox.kubeconfig) as { users: { user: unknown }[] };
  for (const user of config.users) user.user = { token: token.stdout.trim() };
  const path = join(home, 'kubeconfig');
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}

const FEW_ERRORS: KubeObject = {
  apiVersion: API_VERSION,
  kind: 'ClusterAnalysisTemplate',
  metadata: { name: 'few-errors' },
  spec: {
    metrics: [
      { name: 'errors', compare: { query: 'istio-requests', against: { constant: '5%' }, pass: { ratio: 1.5 } } },
    ],
  },
};

/** One route for all requests. */
const routed =
  (destination: { readonly host: string; readonly subset?: string }) =>
  (object: KubeObject): KubeObject =>
    object.kind === 'VirtualService'
      ? { ...object, spec: { ...fieldsAt(object, 'spec'), http: [{ name: 'main', route: [{ destination }] }] } }
      : object;

/** Its pods have the environment of a ConfigMap. */
const reading =
  (configMap: string) =>
  (object: KubeObject): KubeObject => {
    if (object.kind !== 'Deployment') return object;
    const spec = object['spec'] as { readonly template: { readonly spec: { readonly containers: readonly object[] } } };
    const containers = spec.template.spec.containers.map((container) => ({
      ...container,
      envFrom: [{ configMapRef: { name: configMap } }],
    }));
    const template = { ...spec.template, spec: { ...spec.template.spec, containers } };
    return { ...object, spec: { ...spec, template } };
  };

/** No request of its own fails. */
function faultless(object: KubeObject): KubeObject {
  if (object.kind !== 'Deployment') return object;
  const annotations = { ...FAULTLESS, build: '0', version: 'one' };
  const prefixed = Object.fromEntries(
    Object.entries(annotations).map(([key, value]) => [`sandbox.serin.dev/${key}`, value]),
  );
  const spec = object['spec'] as { readonly template: { readonly metadata: object } };
  return {
    ...object,
    spec: { ...spec, template: { ...spec.template, metadata: { ...spec.template.metadata, annotations: prefixed } } },
  };
}
