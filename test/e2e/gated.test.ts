/**
 * Rollouts of Argo Rollouts and of OpenKruise with real requests, a real Prometheus and the service as a process of its own. Stand-ins
 * that are held to recordings of the real controllers move pods and routes.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { at, fieldsAt, listAt, numberAt, stringAt } from '../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import type { ReleaseStatus } from '../../src/api/release.ts';
import {
  BROKEN,
  HEALTHY,
  isAborted,
  isJudging,
  isPromoted,
  request,
  type Stand,
  startStand,
  until,
} from '../support/e2e.ts';
import { runArgo } from '../support/stand-ins/argo.ts';
import { definitions, type GatedApp, type Kind, startGated } from '../support/stand-ins/gated-app.ts';
import { runCloneSets } from '../support/stand-ins/clone-set.ts';
import { runKruise } from '../support/stand-ins/kruise.ts';
import type { ServeProcess } from '../support/serve.ts';
import { describeWith } from '../support/tools.ts';
import { argoStories } from './gated-argo.ts';

/** A status after errors at the judged 40 %. */
const ABORTED_ON_ERRORS = {
  reason: 'ErrorsAboveStable',
  weight: 0,
  verdict: { outcome: 'Fail', metric: 'errors' },
  history: [{ outcome: 'Aborted', weight: 40 }],
};

describeWith(['prometheus', 'kubectl'], 'a Rollout, on the sandbox', () => {
  let stand: Stand;
  let service: ServeProcess;
  let controllers: Controllers;
  beforeAll(async () => {
    stand = await startStand({ seed: 'gated' });
    await stand.sandbox.apply(definitions());
    controllers = startControllers(stand);
    service = await stand.startService();
  });
  afterAll(async () => {
    await controllers?.stop();
    await stand?.stop();
  });

  const versionsOf = async (name: string): Promise<readonly string[]> => {
    const { items } = await stand.sandbox.kube.list(TYPES.pod, { namespace: stand.namespace });
    const own = items.filter(
      ({ metadata }) => metadata.labels?.['app'] === name && metadata.deletionTimestamp === undefined,
    );
    return own.map(({ metadata }) => metadata.annotations?.['sandbox.serin.dev/version'] ?? '').toSorted();
  };
  const pods = (name: string, ...versions: readonly string[]): Promise<unknown> =>
    until(
      `${name} has pods of ${versions.join(', ')}`,
      async () => JSON.stringify(await versionsOf(name)) === JSON.stringify(versions),
    );

  argoStories(() => stand, pods);

  test.concurrent('of Argo Rollouts: a good version goes through both pauses, and its spec is as people wrote it', async () => {
    const web = await startGated(stand, 'argo canary', 'web');
    await web.deploy('1', HEALTHY);
    const spec = JSON.stringify((await web.rollout())['spec']);
    await web.until('it is judged', isJudging);
    expect(sharesOf(await web.virtualService())).toEqual({ 'web-stable': 60, 'web-canary': 40 });
    const status = await web.until('promoted', isPromoted);
    expect(status.history).toMatchObject([{ outcome: 'Promoted', reason: 'Promoted', attempt: 1 }]);
    expect(status.weights?.map(({ weight }) => weight)).toEqual(expect.arrayContaining([0, 40, 60]));
    await pods('web', '1', '1', '1');
    const after = await web.rollout();
    expect(JSON.stringify(after['spec'])).toBe(spec);
    expect(at(after, 'status')).toMatchObject({ phase: 'Healthy', stableRS: status.revision.stable });
    expect(sharesOf(await web.virtualService())).toEqual({ 'web-stable': 100, 'web-canary': 0 });
  });

  test.concurrent('of Argo Rollouts: a version with errors is aborted on its numbers, and requests go back', async () => {
    const cart = await startGated(stand, 'argo canary', 'cart');
    await cart.deploy('1', BROKEN);
    const spec = JSON.stringify((await cart.rollout())['spec']);
    const status = await cart.until('aborted', isAborted);
    expect(status).toMatchObject(ABORTED_ON_ERRORS);
    await pods('cart', '0', '0', '0');
    const after = await cart.rollout();
    expect(JSON.stringify(after['spec'])).toBe(spec);
    expect(at(after, 'status')).toMatchObject({
      phase: 'Degraded',
      abort: true,
      currentPodHash: status.revision.canary,
    });
    expect(sharesOf(await cart.virtualService())).toEqual({ 'cart-stable': 100, 'cart-canary': 0 });
  });

  test.concurrent('of Argo Rollouts, blue-green: a version whose pods crash is given up before users see it', async () => {
    const pay = await startGated(stand, 'argo blue-green', 'pay');
    await pay.deploy('1', { ...HEALTHY, 'crash-after': '100ms' });
    const status = await pay.until('aborted', isAborted);
    expect(status).toMatchObject({ reason: 'CanaryCrashLooping', history: [{ outcome: 'Aborted', weight: 0 }] });
    await pods('pay', '0', '0', '0');
    expect(at(await pay.rollout(), 'status', 'blueGreen', 'activeSelector')).toBe(status.revision.stable);
    const byVersion = async (): Promise<Readonly<Record<string, number>>> =>
      (await stand.sandbox.loadCounts())['pay']?.byVersion ?? {};
    await until('users are served', async () => ((await byVersion())['0'] ?? 0) > 20);
    expect(Object.keys(await byVersion())).toEqual(['0']);
  });

  /** All its pods are there and no user sees one, until a person sends it its first requests. */
  const previewed = async (app: GatedApp): Promise<void> => {
    const isPreviewed = ({ phase, reason }: ReleaseStatus): boolean =>
      phase === 'Held' && reason === 'NothingToCompare';
    const { revision } = await app.until('there, and without requests', isPreviewed);
    expect(await versionsOf(app.name)).toEqual(['0', '0', '0', '1', '1', '1']);
    expect(Object.keys((await stand.sandbox.loadCounts())[app.name]?.byVersion ?? {})).not.toContain('1');
    await app.annotate(request('promote', revision.canary ?? '', 'preview'));
  };
  /** A person lets it have the rest. */
  const switched = async (app: GatedApp): Promise<void> => {
    const isThrough = ({ phase, weight }: ReleaseStatus): boolean => phase === 'Held' && weight === 100;
    const { revision } = await app.until('it has all requests', isThrough);
    await app.annotate(request('promote', revision.canary ?? '', 'all'));
  };

  /** `pods`: at the first step that is judged. */
  const KRUISE: readonly {
    readonly kind: Kind;
    readonly good: string;
    readonly bad: string;
    readonly pods: readonly string[];
    readonly shown?: (app: GatedApp) => Promise<void>;
    readonly closed?: (app: GatedApp) => Promise<void>;
  }[] = [
    { kind: 'kruise canary', good: 'jobs', bad: 'ads', pods: ['0', '0', '0', '1', '1'] },
    { kind: 'kruise partition', good: 'stock', bad: 'tax', pods: ['0', '0', '1'] },
    { kind: 'kruise clone-set', good: 'menu', bad: 'dish', pods: ['0', '0', '1'] },
    {
      kind: 'kruise blue-green',
      good: 'search',
      bad: 'chat',
      pods: ['0', '0', '0', '1', '1', '1'],
      shown: previewed,
      closed: switched,
    },
  ];

  test.concurrent.each(KRUISE)(
    'of $kind: a good version is approved, and the workload is the user’s again',
    async (row) => {
      const app = await startGated(stand, row.kind, row.good);
      const before = await usersOf(app);
      await app.deploy('1', HEALTHY);
      await row.shown?.(app);
      await app.until('it is judged', isJudging);
      expect(sharesOf(await app.virtualService())).toEqual({ [app.name]: 60, [`${app.name}-canary`]: 40 });
      expect(await versionsOf(app.name)).toEqual(row.pods);
      await row.closed?.(app);
      const status = await app.until('promoted', isPromoted);
      expect(status.history).toMatchObject([{ outcome: 'Promoted', attempt: 1 }]);
      expect(status.weights?.map(({ weight }) => weight)).toEqual(expect.arrayContaining([0, 40]));
      await pods(app.name, '1', '1', '1');
      expect(await usersOf(app)).toEqual(before);
    },
  );

  test.concurrent.each(KRUISE)(
    'of $kind: a version with errors is taken back by its template, and everything is as before',
    async (row) => {
      const app = await startGated(stand, row.kind, row.bad);
      const before = await usersOf(app);
      const template = await templateOf(app);
      await app.deploy('1', BROKEN);
      await row.shown?.(app);
      const status = await app.until('aborted', isAborted);
      expect(status).toMatchObject(ABORTED_ON_ERRORS);
      await pods(app.name, '0', '0', '0');
      expect(await templateOf(app)).toBe(template);
      expect(await usersOf(app)).toEqual(before);
    },
  );

  test('comes to the same end when Prometheus, its controller and Serin are away one after the other', async () => {
    // Where an earlier try left them away.
    await stand.sandbox.startPrometheus();
    await controllers.stop();
    controllers = startControllers(stand);
    service.signal('SIGKILL');
    await service.exit;
    service = await stand.startService();
    // What the other stories leave running.
    for (const name of Object.keys(await stand.sandbox.loadCounts())) await stand.sandbox.stopLoad(name);
    const [shop, mail] = await Promise.all([
      startGated(stand, 'argo canary', 'shop'),
      startGated(stand, 'kruise canary', 'mail'),
    ]);
    const both = [shop, mail] as const;
    await stand.sandbox.stopPrometheus();
    await Promise.all(both.map((app) => app.deploy('1', HEALTHY)));
    const isBlind = ({ phase, weight }: ReleaseStatus): boolean => phase === 'Held' && weight === 40;
    await Promise.all(both.map((app) => app.until('held for want of data', isBlind)));
    const whileBlind = await Promise.all(both.map(waitsOf));
    expect(whileBlind).toEqual(['1 CanaryPauseStep', '1 StepPaused']);
    await controllers.stop();
    await stand.sandbox.startPrometheus();
    await Promise.all(
      both.map((app, index) =>
        until(`${app.name}: its pause is opened`, async () => (await waitsOf(app)) !== whileBlind[index]),
      ),
    );
    // Opened once, and nobody there to see it.
    expect(await Promise.all(both.map(waitsOf))).toEqual(['1 opened', '1 StepReady']);
    service.signal('SIGKILL');
    await service.exit;
    service = await stand.startService();
    await Promise.all(both.map((app) => app.until('followed again', ({ phase }) => phase === 'Progressing')));
    expect(await Promise.all(both.map(waitsOf))).toEqual(['1 opened', '1 StepReady']);

    controllers = startControllers(stand);
    for (const app of both) {
      const { history, attempt } = await app.until('promoted', isPromoted);
      expect(history).toMatchObject([{ outcome: 'Promoted', reason: 'Promoted', attempt: 1 }]);
      expect(attempt).toBe(1);
      await pods(app.name, '1', '1', '1');
    }
  });
});

interface Controllers {
  stop(): Promise<void>;
}

function startControllers({ sandbox: { kube }, namespace }: Stand): Controllers {
  const life = new AbortController();
  const running = [runArgo, runKruise, runCloneSets].map((controller) => controller(kube, namespace, life.signal));
  return {
    stop: async () => {
      life.abort();
      await Promise.all(running);
    },
  };
}

/** The step that it is at, and what it waits for there. */
async function waitsOf(app: GatedApp): Promise<string> {
  const status = (await app.rollout())['status'];
  const kruise = at(status, 'canaryStatus');
  if (kruise !== undefined) return `${numberAt(kruise, 'currentStepIndex')} ${stringAt(kruise, 'currentStepState')}`;
  const reasons = listAt(status, 'pauseConditions').map((each) => stringAt(each, 'reason') ?? '');
  return `${numberAt(status, 'currentStepIndex')} ${reasons.join('+') || 'opened'}`;
}

/** Percent of the requests by host. */
function sharesOf(routes: KubeObject): Readonly<Record<string, number>> {
  const entries = listAt(listAt(routes, 'spec', 'http')[0], 'route');
  return Object.fromEntries(
    entries.map((entry) => [stringAt(entry, 'destination', 'host') ?? '', numberAt(entry, 'weight') ?? 0]),
  );
}

const templateOf = async (app: GatedApp): Promise<string> =>
  JSON.stringify(at(await app.workload(), 'spec', 'template'));

/** What people own around a Kruise Rollout, but for the pod template and what the controllers note on the workload. */
async function usersOf(app: GatedApp): Promise<unknown> {
  const workload = await app.workload();
  const { template: _template, ...spec } = fieldsAt(workload, 'spec');
  const { 'rollouts.kruise.io/stable-revision': _stable, ...labels } = fieldsAt(workload, 'metadata', 'labels');
  const { 'deployment.kubernetes.io/revision': _count, ...annotations } = fieldsAt(workload, 'metadata', 'annotations');
  return {
    workload: { labels, annotations, spec },
    service: (await app.get(TYPES.service))['spec'],
    routes: (await app.virtualService())['spec'],
    rollout: (await app.rollout())['spec'],
  };
}
