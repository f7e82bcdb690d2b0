/**
 * What people and tools do to a Deployment in place while it is held, with the real kubectl on the real control plane, without the
 * admission policy of the chart and with it: GitOps in its two ways, restarts, pauses, autoscalers, disruption budgets.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { at, type Fields, fieldsAt, listAt, numberAt } from '../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import { configObjects, configTemplate, markOf, podsOf } from '../support/config-stories.ts';
import { inPlaceObjects, inPlaceSpec, podsByImage, routesOf, shareOfNew } from '../support/deployment-cluster.ts';
import { run, until } from '../support/e2e.ts';
import { type InPlaceCluster, NAMESPACE, startInPlaceCluster } from '../support/in-place-cluster.ts';
import { endOf } from '../support/in-place-stories.ts';
import { type ReleaseCluster, releaseCluster } from '../support/release-cluster.ts';
import { judged, type Stage } from '../support/release-stories.ts';
import { describeWith, requireTool } from '../support/tools.ts';

const CHART = fileURLToPath(new URL('../../deploy/charts/serin', import.meta.url));

/** The policy as `helm install --set holdPolicy.enabled=true` would bring it. */
async function policyOfChart(): Promise<readonly KubeObject[]> {
  const { code, stdout, stderr } = await run(requireTool('helm'), [
    'template',
    'serin',
    CHART,
    '--set=prometheus.url=http://prometheus:9090,holdPolicy.enabled=true',
    '--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy',
    '--show-only=templates/hold-policy.yaml',
  ]);
  if (code !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as KubeObject);
}

/** An API server takes a new policy into account a moment after it has stored it. */
async function inForce(cluster: InPlaceCluster): Promise<void> {
  const name = 'probe';
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name, image: 'probe:1' }] } };
  await cluster.kube.create(
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace: NAMESPACE, labels: { 'serin.dev/release': name } },
      spec: { replicas: 0, selector: { matchLabels: labels }, template },
    },
    'test',
  );
  await until('the policy is in force', async () => {
    await cluster.kubectl('annotate', '--overwrite', 'deployment', name, `probe=${Date.now()}`);
    const found = await cluster.kube.get({ type: TYPES.deployment, namespace: NAMESPACE, name });
    return found?.metadata.annotations?.['serin.dev/hold'] === 'policy';
  });
}

/** Pods are processes, and a busy machine takes its time. */
vi.setConfig({ testTimeout: 300_000 });

/** Pods end at once. */
const withoutGrace = (template: Fields): Fields => ({
  ...template,
  spec: { ...fieldsAt(template, 'spec'), terminationGracePeriodSeconds: 0 },
});

const POLICY_TYPES = ['mutatingadmissionpolicies', 'mutatingadmissionpolicybindings'] as const;

for (const hold of ['always', 'by policy'] as const) {
  describeWith(['controlplane', 'kubectl', 'helm'], `people and tools, held ${hold}`, () => {
    let cluster: InPlaceCluster;
    let home: string;
    beforeAll(async () => {
      home = await mkdtemp(join(tmpdir(), 'serin-in-place-'));
      cluster = await startInPlaceCluster({ moreControllers: ['disruption-controller'] });
      if (hold === 'always') return;
      for (const [index, object] of (await policyOfChart()).entries()) {
        const [group = '', version = ''] = object.apiVersion.split('/');
        const type = { group, version, kind: object.kind, plural: POLICY_TYPES[index] ?? '', namespaced: false };
        await cluster.kube.patch({
          kind: 'apply',
          target: { type, name: object.metadata.name },
          object,
          fieldManager: 'helm',
          force: true,
        });
      }
      await inForce(cluster);
    });
    afterAll(async () => {
      await cluster?.stop();
      await rm(home, { recursive: true, force: true });
    });

    const web = async (): Promise<KubeObject> => {
      const found = await cluster.kube.get({ type: TYPES.deployment, namespace: NAMESPACE, name: 'web' });
      if (found === undefined) throw new Error('no Deployment');
      return found;
    };
    const isPaused = async (): Promise<boolean> => at(await web(), 'spec', 'paused') === true;

    /** As it stands in Git. */
    const inGit = (image: string, more: Readonly<Record<string, unknown>> = {}): KubeObject => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: NAMESPACE, labels: { team: 'shop' } },
      spec: {
        replicas: 4,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'web', image }] },
        },
        ...more,
      },
    });
    const WAYS = {
      'applies on the client': ['apply'],
      'applies on the server': ['apply', '--server-side', '--field-manager=argocd-controller'],
    } as const;
    const sync = async (way: keyof typeof WAYS, object: KubeObject, ...flags: readonly string[]): Promise<void> => {
      const file = join(home, 'web.json');
      await writeFile(file, JSON.stringify(object));
      await cluster.kubectl(...WAYS[way], ...flags, '-f', file);
    };

    interface Scene {
      readonly stage: Stage;
      readonly worker: ReleaseCluster;
      /** What people see, e.g. `Progressing: stable 90, canary 10, pinned; 1 × canary web:2, 4 × web:1`. */
      readonly seen: () => Promise<string>;
      readonly settled: () => Promise<void>;
    }
    async function scene(objects = inPlaceObjects(inPlaceSpec)): Promise<Scene> {
      const stage = await cluster.stage(inPlaceSpec, objects);
      const worker = stage.worker();
      await worker.reconcile();
      const settled = async (): Promise<void> => {
        await stage.settle(stage.kube);
        await worker.reconcile();
        await stage.settle(stage.kube);
      };
      return { stage, worker, settled, seen: () => endOf(stage) };
    }
    const judge = async ({ stage, worker, settled }: Scene, outcome: 'Pass' | 'Fail'): Promise<void> => {
      await judged(outcome)(stage, worker);
      await worker.reconcile();
      await settled();
    };
    /** A Deployment that came from Git, and the rest. */
    async function fromGit(
      way: keyof typeof WAYS,
      objects = inPlaceObjects(inPlaceSpec),
      deployment = inGit('web:1'),
    ): Promise<Scene> {
      const stage = await cluster.stage(
        inPlaceSpec,
        objects.filter(({ kind }) => kind !== 'Deployment' && kind !== 'Release'),
      );
      await sync(way, deployment);
      await stage.settle(stage.kube);
      const release = objects.find(({ kind }) => kind === 'Release');
      if (release === undefined) throw new Error('no Release');
      const { creationTimestamp: _created, ...metadata } = release.metadata;
      await cluster.kube.create({ ...release, metadata }, 'test');
      const worker = stage.worker();
      await worker.reconcile();
      const settled = async (): Promise<void> => {
        await stage.settle(stage.kube);
        await worker.reconcile();
        await stage.settle(stage.kube);
      };
      return { stage, worker, settled, seen: () => endOf(stage) };
    }

    test(`between releases the Deployment is ${hold === 'always' ? 'paused' : 'not paused'}`, async () => {
      await scene();
      expect(await isPaused()).toBe(hold === 'always');
      expect((await web()).metadata.annotations?.['serin.dev/hold']).toBe(hold === 'always' ? undefined : 'policy');
    });

    test('a new image waits although Serin is down, and is released when it is back', async () => {
      const { seen, settled, stage } = await scene();
      await cluster.kubectl('set', 'image', 'deployment/web', 'web=web:2');
      await stage.settle(stage.kube);
      expect(await podsByImage(stage.kube)).toBe('4 × web:1');
      expect(await isPaused()).toBe(true);
      await settled();
      expect(await seen()).toBe('Progressing: stable 90, canary 10, pinned; 1 × canary web:2, 4 × web:1');
    });

    test.each(Object.keys(WAYS) as (keyof typeof WAYS)[])(
      'GitOps that %s again and again neither ends the hold nor changes anything',
      async (way) => {
        const now = await fromGit(way);
        const again = async (image: string): Promise<void> => {
          const before = (await web()).metadata.resourceVersion;
          await sync(way, inGit(image));
          await sync(way, inGit(image));
          expect((await web()).metadata.resourceVersion).toBe(before);
          await now.settled();
        };
        await again('web:1');
        await sync(way, inGit('web:2'));
        await now.settled();
        expect(await now.seen()).toBe('Progressing: stable 90, canary 10, pinned; 1 × canary web:2, 4 × web:1');
        await again('web:2');
        await judge(now, 'Pass');
        await again('web:2');
        expect(await now.seen()).toBe('Progressing: stable 50, canary 50, pinned; 2 × canary web:2, 4 × web:1');
        await judge(now, 'Pass');
        await again('web:2');
        expect(await now.seen()).toBe('Promoted: stable 100; 4 × web:2');
        await sync(way, inGit('web:3'));
        await now.settled();
        await judge(now, 'Fail');
        await again('web:3');
        expect(await now.seen()).toBe('Aborted: stable 100; 4 × web:2');
        expect(at(listAt(await web(), 'spec', 'template', 'spec', 'containers')[0], 'image')).toBe('web:3');
        // Git goes back: nothing is released, and nothing rolls.
        await sync(way, inGit('web:2'));
        await now.settled();
        expect(await now.seen()).toBe('Aborted: stable 100; 4 × web:2');
        expect(await isPaused()).toBe(hold === 'always');
      },
      300_000,
    );

    test.runIf(hold === 'by policy')(
      'a ConfigMap that changes is released like an image, and its mark stays in the template whoever applies',
      async () => {
        const template = withoutGrace(configTemplate());
        const manifest = inGit('web:1', { template });
        const now = await fromGit('applies on the client', configObjects(), manifest);
        await cluster.kubectl('patch', 'configmap', 'web-config', '--patch', '{"data": {"MODE": "two"}}');
        await now.settled();
        expect(await now.seen()).toBe('Progressing: stable 90, canary 10, pinned; 1 × canary web:1, 4 × web:1');
        await judge(now, 'Pass');
        await judge(now, 'Pass');
        expect(await now.seen()).toBe('Promoted: stable 100; 4 × web:1');
        const [mark, pods] = [await markOf(cluster.kube), await podsOf(cluster.kube)];
        expect(mark).toMatch(/^[0-9a-f]{16}$/);
        const isAsBefore = async (): Promise<void> => {
          await now.settled();
          expect(await markOf(cluster.kube)).toBe(mark);
          expect(await podsOf(cluster.kube)).toEqual(pods);
          expect(await now.seen()).toBe('Promoted: stable 100; 4 × web:1');
          expect(await isPaused()).toBe(false);
        };
        for (const way of Object.keys(WAYS) as (keyof typeof WAYS)[]) {
          await sync(way, manifest);
          await isAsBefore();
        }
        // Where nothing but `paused` holds, a whole object without it would end the hold.
        await cluster.kubectl('replace', '-f', join(home, 'web.json'));
        expect(await markOf(cluster.kube)).toBeUndefined();
        await now.settled();
        await isAsBefore();
      },
    );

    test('kubectl rollout restart replaces the pods between releases, without a release', async () => {
      const { seen, settled, stage } = await scene();
      const before = (await stage.kube.list(TYPES.pod, { namespace: NAMESPACE })).items.map(
        ({ metadata }) => metadata.uid,
      );
      const restart = cluster.kubectl('rollout', 'restart', 'deployment/web');
      if (hold === 'by policy') await restart;
      else {
        // kubectl refuses to restart what is paused; other clients write the same annotation without asking.
        await expect(restart).rejects.toThrow("can't restart paused deployment");
        const annotations = { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' };
        const patch = JSON.stringify({ spec: { template: { metadata: { annotations } } } });
        await cluster.kubectl('patch', 'deployment', 'web', '--patch', patch);
      }
      await settled();
      await settled();
      const after = (await stage.kube.list(TYPES.pod, { namespace: NAMESPACE })).items.map(
        ({ metadata }) => metadata.uid,
      );
      expect(await seen()).toBe('Idle: stable 100; 4 × web:1');
      expect(after.filter((uid) => before.includes(uid))).toEqual([]);
    });

    test.runIf(hold === 'by policy')(
      'a person’s pause is theirs: the new image waits for them, and resuming begins the release',
      async () => {
        const { seen, settled, worker } = await scene();
        await cluster.kubectl('rollout', 'pause', 'deployment/web');
        await cluster.kubectl('set', 'image', 'deployment/web', 'web=web:2');
        await settled();
        expect((await worker.release()).status).toMatchObject({ reason: 'WorkloadPaused' });
        expect(await seen()).toBe('Idle: stable 100; 4 × web:1');
        await cluster.kubectl('rollout', 'resume', 'deployment/web');
        await settled();
        expect(await seen()).toBe('Progressing: stable 90, canary 10, pinned; 1 × canary web:2, 4 × web:1');
      },
    );

    test('kubectl rollout resume in the middle does not promote', async () => {
      const { seen, settled, stage } = await scene();
      await cluster.kubectl('set', 'image', 'deployment/web', 'web=web:2');
      await settled();
      await cluster.kubectl('rollout', 'resume', 'deployment/web');
      if (hold === 'by policy') {
        expect(await isPaused()).toBe(true);
        await settled();
        expect(await seen()).toBe('Progressing: stable 90, canary 10, pinned; 1 × canary web:2, 4 × web:1');
        return;
      }
      // Without the policy the rollout begins, until Serin has looked; the pods that came meanwhile get no requests.
      await stage.worker().reconcile();
      expect(await isPaused()).toBe(true);
      expect(await routesOf(stage.kube)).toBe('stable 90, canary 10, pinned');
    });

    test.runIf(hold === 'by policy')(
      'a manifest that says paused: false rolls nothing past Serin where the policy is',
      async () => {
        const { seen, settled } = await fromGit('applies on the server');
        for (let times = 0; times < 3; times++) {
          await sync('applies on the server', inGit('web:2', { paused: false }), '--force-conflicts');
          await settled();
          expect(await seen()).toBe('Progressing: stable 90, canary 10, pinned; 1 × canary web:2, 4 × web:1');
        }
      },
    );

    test('a second template while the first one rolls out: no request meets it unjudged, and it is released from the start', async () => {
      const slow = (object: KubeObject): KubeObject =>
        object.kind === 'Deployment'
          ? { ...object, spec: { ...(object['spec'] as object), minReadySeconds: 2 } }
          : object;
      const spec = { ...inPlaceSpec, strategy: { canary: { stepWeights: [25] } } };
      const now = await scene(inPlaceObjects(spec).map(slow));
      const { stage, settled } = now;
      await cluster.kubectl('set', 'image', 'deployment/web', 'web=web:2');
      await settled();
      await judged('Pass')(stage, now.worker);
      // From here on nobody waits until the controllers are done.
      const worker = releaseCluster(stage.kube, async () => undefined, { clock: stage.clock });
      const becomes = (what: string, isSo: () => Promise<boolean>): Promise<unknown> =>
        until(what, async () => {
          await worker.reconcile();
          return isSo();
        });
      const rolled = async (image: string): Promise<boolean> =>
        (await podsByImage(stage.kube))
          .split(', ')
          .some((each) => each.endsWith(`× ${image}`) && !each.includes('canary'));
      await becomes('web:2 rolls out', () => rolled('web:2'));
      await cluster.kubectl('set', 'image', 'deployment/web', 'web=web:3');
      if (hold === 'always') await until('web:3 rolls past Serin', () => rolled('web:3'));
      await worker.reconcile();
      expect(await isPaused()).toBe(true);
      expect(await routesOf(stage.kube)).toMatch(/^stable 100.*, pinned$/);
      expect(await shareOfNew(stage.kube, 'web:3')).toBe(0);
      if (hold === 'by policy') expect(await rolled('web:3')).toBe(false);
      const status = async () => (await worker.release()).status;
      expect((await status())?.history).toMatchObject([{ outcome: expect.stringMatching(/Superseded|Promoted/) }]);
      await becomes('it is judged at 25 %', async () => {
        const { weight, step } = (await status()) ?? {};
        return weight === 25 && step?.waitingFor === 'judge';
      });
      expect(await shareOfNew(stage.kube, 'web:3')).toBeCloseTo(0.25);
      await judged('Pass')(stage, worker);
      await becomes('all is web:3', async () => (await endOf(stage)) === 'Promoted: stable 100; 4 × web:3');
    });

    test('an autoscaler scales the Deployment while it is held, and the canary follows its share', async () => {
      const { seen, settled, ...rest } = await scene([...inPlaceObjects(inPlaceSpec), AUTOSCALER]);
      await cluster.kubectl('set', 'image', 'deployment/web', 'web=web:2');
      await settled();
      await judge({ seen, settled, ...rest }, 'Pass');
      expect(await seen()).toBe('Progressing: stable 50, canary 50, pinned; 2 × canary web:2, 4 × web:1');
      // What the HorizontalPodAutoscaler controller writes: the scale subresource.
      await cluster.kubectl('scale', 'deployment/web', '--replicas=8');
      await settled();
      expect(await seen()).toBe('Progressing: stable 50, canary 50, pinned; 4 × canary web:2, 8 × web:1');
      await cluster.kubectl('scale', 'deployment/web', '--replicas=6');
      await settled();
      await judge({ seen, settled, ...rest }, 'Pass');
      expect(await seen()).toBe('Promoted: stable 100; 6 × web:2');
      expect(numberAt(await web(), 'spec', 'replicas')).toBe(6);
    });

    test('a disruption budget counts the canary’s pods as long as they are there', async () => {
      const { seen, settled, ...rest } = await scene([...inPlaceObjects(inPlaceSpec), BUDGET]);
      const budget = async (): Promise<unknown> => {
        const found = await cluster.kube.get({ type: BUDGET_TYPE, namespace: NAMESPACE, name: 'web' });
        const status = (field: string) => numberAt(found, 'status', field);
        return {
          expected: status('expectedPods'),
          healthy: status('currentHealthy'),
          allowed: status('disruptionsAllowed'),
        };
      };
      const becomes = (wanted: object): Promise<unknown> =>
        until(
          `the budget is ${JSON.stringify(wanted)}`,
          async () => JSON.stringify(await budget()) === JSON.stringify(wanted),
        );
      await becomes({ expected: 4, healthy: 4, allowed: 1 });
      await cluster.kubectl('set', 'image', 'deployment/web', 'web=web:2');
      await settled();
      await becomes({ expected: 5, healthy: 5, allowed: 2 });
      await judge({ seen, settled, ...rest }, 'Fail');
      await becomes({ expected: 4, healthy: 4, allowed: 1 });
      expect(await seen()).toBe('Aborted: stable 100; 4 × web:1');
    });

    test('a Release that is deleted hands everything back, and Serin can be taken out of the cluster', async () => {
      const { stage, worker } = await scene();
      await cluster.kubectl('delete', 'release', 'web', '--wait=false');
      await worker.reconcile();
      const after = await web();
      expect(at(after, 'spec', 'paused')).toBeUndefined();
      expect(after.metadata.labels).toEqual({ team: 'shop' });
      expect(Object.keys(after.metadata.annotations ?? {})).toEqual(['deployment.kubernetes.io/revision']);
      await cluster.kubectl('set', 'image', 'deployment/web', 'web=web:2');
      await stage.settle(stage.kube);
      expect(await podsByImage(stage.kube)).toBe('4 × web:2');
      expect(await routesOf(stage.kube)).toBe('stable 100');
    });
  });
}

const AUTOSCALER: KubeObject = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web', namespace: NAMESPACE },
  spec: { minReplicas: 2, maxReplicas: 10, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' } },
};

const BUDGET_TYPE = {
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  namespaced: true,
} as const;
const BUDGET: KubeObject = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'web', namespace: NAMESPACE },
  spec: { minAvailable: 3, selector: { matchLabels: { app: 'web' } } },
};
