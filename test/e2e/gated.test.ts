/**
 * Rollouts of Argo Rollouts and of OpenKruise with real requests, a real Prometheus and the service as a process of its own. Stand-ins
 * that are held to recordings of the real controllers move pods and routes.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { at, fieldsAt, listAt, numberAt, stringAt } from '../../src/api/fields.ts';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import { BROKEN, HEALTHY, isAborted, isJudging, isPromoted, type Stand, startStand, until } from '../support/e2e.ts';
import { runArgo } from '../support/stand-ins/argo.ts';
import { definitions, type GatedApp, startGated } from '../support/stand-ins/gated-app.ts';
import { runKruise } from '../support/stand-ins/kruise.ts';
import { describeWith } from '../support/tools.ts';

describeWith(['prometheus', 'kubectl'], 'a Rollout, on the sandbox', () => {
  let stand: Stand;
  const life = new AbortController();
  const controllers: Promise<void>[] = [];
  beforeAll(async () => {
    stand = await startStand({ seed: 'gated' });
    await stand.sandbox.apply(definitions());
    const { kube } = stand.sandbox;
    controllers.push(runArgo(kube, stand.namespace, life.signal), runKruise(kube, stand.namespace, life.signal));
    await stand.startService();
  });
  afterAll(async () => {
    life.abort();
    await Promise.all(controllers);
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
    expect(status).toMatchObject({
      reason: 'ErrorsAboveStable',
      weight: 0,
      verdict: { outcome: 'Fail', metric: 'errors' },
      history: [{ outcome: 'Aborted', weight: 40 }],
    });
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
    const counts = (await stand.sandbox.loadCounts())['pay'];
    expect(Object.keys(counts?.byVersion ?? {})).toEqual(['0']);
  });

  test.concurrent('of Kruise Rollouts: a good version is approved twice, and the Deployment is the user’s again', async () => {
    const jobs = await startGated(stand, 'kruise canary', 'jobs');
    const before = await usersOf(jobs);
    await jobs.deploy('1', HEALTHY);
    await jobs.until('it is judged', isJudging);
    expect(sharesOf(await jobs.virtualService())).toEqual({ jobs: 60, 'jobs-canary': 40 });
    const status = await jobs.until('promoted', isPromoted);
    expect(status.history).toMatchObject([{ outcome: 'Promoted', reason: 'Promoted', attempt: 1 }]);
    await pods('jobs', '1', '1', '1');
    expect(await usersOf(jobs)).toEqual(before);
  });

  test.concurrent('of Kruise Rollouts: a version with errors is taken back by its template, and everything is as before', async () => {
    const ads = await startGated(stand, 'kruise canary', 'ads');
    const before = await usersOf(ads);
    const template = JSON.stringify(at(await ads.get(TYPES.deployment), 'spec', 'template'));
    await ads.deploy('1', BROKEN);
    const status = await ads.until('aborted', isAborted);
    expect(status).toMatchObject({
      reason: 'ErrorsAboveStable',
      weight: 0,
      verdict: { outcome: 'Fail', metric: 'errors' },
      history: [{ outcome: 'Aborted', weight: 40 }],
    });
    await pods('ads', '0', '0', '0');
    expect(JSON.stringify(at(await ads.get(TYPES.deployment), 'spec', 'template'))).toBe(template);
    expect(await usersOf(ads)).toEqual(before);
  });
});

/** Percent of the requests by host. */
function sharesOf(routes: KubeObject): Readonly<Record<string, number>> {
  const entries = listAt(listAt(routes, 'spec', 'http')[0], 'route');
  return Object.fromEntries(
    entries.map((entry) => [stringAt(entry, 'destination', 'host') ?? '', numberAt(entry, 'weight') ?? 0]),
  );
}

/** What people own around a Kruise Rollout, but for the pod template. */
async function usersOf(app: GatedApp): Promise<unknown> {
  const deployment = await app.get(TYPES.deployment);
  const { template: _template, ...spec } = fieldsAt(deployment, 'spec');
  return {
    deployment: spec,
    service: (await app.get(TYPES.service))['spec'],
    routes: (await app.virtualService())['spec'],
    rollout: (await app.rollout())['spec'],
  };
}
