/** Others change the same routes: people by hand, a GitOps tool, a second Release. Serin puts its weights back and touches nothing else. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FIELD_MANAGERS, type KubeObject, TYPES } from '../../src/api/meta.ts';
import type { ReleaseStatus } from '../../src/api/release.ts';
import {
  type App,
  HEALTHY,
  isPromoted,
  pause,
  releaseFor,
  request,
  type Stand,
  startApp,
  startStand,
  until,
  weightsOf,
} from '../support/e2e.ts';
import { describeWith } from '../support/tools.ts';

/** 40 %, and there it waits for a person. */
const WAITS_AT_40 = { canary: { steps: [{ setWeight: 40 }, { pause: {} }] } };

describeWith(['prometheus', 'kubectl'], 'a route that others change', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ seed: 'drift' });
    await stand.startService();
  });
  afterAll(() => stand.stop());

  const patchRoutes = async (app: App, operations: readonly unknown[]): Promise<void> => {
    const { code, stderr } = await stand.kubectl(
      'patch',
      'virtualservice',
      app.name,
      '--type=json',
      `-p=${JSON.stringify(operations)}`,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  };
  const setWeights = (v1: number, v2: number, rule = 0): readonly unknown[] =>
    [v1, v2].map((value, index) => ({ op: 'replace', path: `/spec/http/${rule}/route/${index}/weight`, value }));
  const carries = (app: App, v2: number): Promise<unknown> =>
    until(`${app.name} carries ${v2} %`, async () => weightsOf(await app.virtualService())['v2'] === v2);
  const restOf = ({ spec }: { readonly [field: string]: unknown }): string =>
    JSON.stringify(spec, (key, value: unknown) => (key === 'weight' ? undefined : value));

  test.concurrent('by hand gets its weights back, counted and said in an Event; everything else stays as it was written', async () => {
    const web = await startApp(stand, 'web', { spec: { strategy: WAITS_AT_40 } });
    await web.letOut('v2', '1', HEALTHY);
    await web.until('it waits at 40 %', ({ phase, reason }) => phase === 'Held' && reason === 'Paused');
    expect(weightsOf(await web.virtualService())).toEqual({ v1: 60, v2: 40 });

    await patchRoutes(web, [
      ...setWeights(10, 90),
      { op: 'add', path: '/spec/http/0/timeout', value: '7s' },
      { op: 'add', path: '/spec/http/0/x-mine', value: { deep: [{ a: null }, 1.5] } },
      { op: 'add', path: '/spec/http/0/route/1/headers', value: { request: { set: { 'x-arm': 'canary' } } } },
      {
        op: 'add',
        path: '/spec/http/-',
        value: { name: 'mine', match: [{ uri: { exact: '/mine' } }], redirect: { uri: '/' } },
      },
    ]);
    const written = restOf(await web.virtualService());
    await carries(web, 40);
    const status = await web.until('it is counted', ({ driftRepairs }) => driftRepairs === 1);
    expect(status).toMatchObject({ phase: 'Held', reason: 'Paused', weight: 40 });
    expect(restOf(await web.virtualService())).toBe(written);
    const event = await until('there is an Event', async () =>
      (await web.events()).find(({ reason }) => reason === 'TrafficDrift'),
    );
    expect(event.message).toContain('90 weight for subset "v2" of "web" instead of');
    expect(event.message).toMatch(/last changed by kubectl-patch at .*Z\); they are put back \(1 of 10 times\)\.$/);

    await patchRoutes(web, setWeights(100, 0));
    await carries(web, 40);
    await web.until('it is counted again', ({ driftRepairs }) => driftRepairs === 2);
    const { revision } = await web.status();
    await web.annotate(request('resume', revision.canary ?? '', 'go-on'));
    await web.until('promoted', isPromoted);
    expect(restOf(await web.virtualService())).toBe(written);

    await patchRoutes(web, setWeights(100, 0));
    await carries(web, 100);
    expect(await web.status()).toMatchObject({ phase: 'Promoted', pair: { live: 'web-v2' } });
  });

  test.concurrent('by a GitOps tool each second is put back ten times at most; then the release is held and says who', async () => {
    const cart = await startApp(stand, 'cart', { spec: { strategy: WAITS_AT_40 } });
    const { metadata, ...routes } = await cart.virtualService();
    const written: KubeObject = { ...routes, metadata: { name: metadata.name, namespace: stand.namespace } };
    await cart.letOut('v2', '1', HEALTHY);
    await cart.until('it waits at 40 %', ({ phase, reason }) => phase === 'Held' && reason === 'Paused');
    let isSyncing = true;
    let syncs = 0;
    const syncing = (async () => {
      for (; isSyncing; syncs += 1) {
        const target = { type: TYPES.virtualService, namespace: stand.namespace, name: 'cart' };
        await stand.sandbox.kube.patch({ kind: 'apply', target, object: written, fieldManager: 'argocd', force: true });
        await pause(1_000);
      }
    })();
    try {
      const contested = await cart.until('it is contested', ({ reason }) => reason === 'TrafficContested');
      expect(contested).toMatchObject({ phase: 'Held', weight: 40, driftRepairs: 10 });
      expect(contested.message).toContain('argocd');
      expect(contested.conditions).toContainEqual(expect.objectContaining({ type: 'Stalled', status: 'True' }));
      expect(contested.conditions).toContainEqual(
        expect.objectContaining({ type: 'TrafficRouted', status: 'Unknown', reason: 'TrafficContested' }),
      );
      const before = syncs;
      await until('the tool has its way', () => Promise.resolve(syncs > before + 3));
      expect(await cart.status()).toMatchObject({ phase: 'Held', driftRepairs: 10 });
      expect(weightsOf(await cart.virtualService())).toEqual({ v1: 100, v2: 0 });
    } finally {
      isSyncing = false;
      await syncing;
    }
    const drifts = (await cart.events()).filter(({ reason }) => reason === 'TrafficDrift');
    expect(drifts).toHaveLength(10);
    const { revision } = await cart.status();
    await cart.annotate(request('resume', revision.canary ?? '', 'settled'));
    await carries(cart, 40);
    await cart.annotate({ 'serin.dev/abort': revision.canary ?? '' });
    await cart.until('aborted', ({ phase }) => phase === 'Aborted');
    expect((await cart.virtualService())['spec']).toEqual(written['spec']);
  });

  test.concurrent('by another VirtualService that knows no weights: who passed is held until it gets its share, and goes on then', async () => {
    const shoe = await startApp(stand, 'shoe', {
      spec: { strategy: { canary: { stepWeights: [10] } } },
      analysis: { dwell: '8s' },
    });
    const { spec, metadata: _metadata, ...kind } = await shoe.virtualService();
    const past = { name: 'past', match: [{ method: { exact: 'GET' } }], route: [{ destination: { host: 'shoe' } }] };
    const routes = { ...(spec as object), gateways: ['public'], http: [past] };
    await stand.sandbox.apply([{ ...kind, metadata: { name: 'shoe-past', namespace: stand.namespace }, spec: routes }]);
    await shoe.letOut('v2', '1', HEALTHY);
    const held = await shoe.until('it is held', ({ reason }) => reason === 'UnintendedShare');
    expect(held).toMatchObject({ phase: 'Held', weight: 10, driftRepairs: 0 });
    expect(held.message).toMatch(/^The canary gets about \d+ % of the requests instead of 10 %\. /);
    const hasPassed = ({ conditions }: ReleaseStatus): boolean =>
      conditions.some(({ type, status }) => type === 'AnalysisSucceeded' && status === 'True');
    await shoe.until(
      'it is held although it passed',
      (status) => hasPassed(status) && status.phase === 'Held' && status.reason === 'UnintendedShare',
    );
    expect(weightsOf(await shoe.virtualService())).toEqual({ v1: 90, v2: 10 });
    const gone = await stand.kubectl('delete', 'virtualservice', 'shoe-past');
    expect(gone.code).toBe(0);
    await shoe.until('promoted', isPromoted);
  });

  test.concurrent('by two Releases belongs to the older one; the younger says so and takes over when it is gone', async () => {
    await stand.kubectl('delete', 'release', 'pay-too', '--ignore-not-found'); // of an earlier try
    const pay = await startApp(stand, 'pay', {
      spec: { strategy: WAITS_AT_40, traffic: { istio: { virtualService: { name: 'pay', routes: ['main'] } } } },
    });
    await pay.letOut('v2', '1', HEALTHY);
    await pay.until('it waits at 40 %', ({ phase, reason }) => phase === 'Held' && reason === 'Paused');
    // Creation times have whole seconds.
    await pause(1_100);
    const young = releaseFor('pay', stand.namespace, { spec: { strategy: WAITS_AT_40 } });
    await stand.sandbox.apply([{ ...young, metadata: { name: 'pay-too', namespace: stand.namespace } }]);
    const statusOf = async (name: string) =>
      (await stand.sandbox.kube.get({ type: TYPES.release, namespace: stand.namespace, name }))?.['status'] as
        | { readonly reason?: string; readonly message?: string; readonly phase: string; readonly conditions: unknown }
        | undefined;
    const refused = await until('the younger one is refused', async () => {
      const status = await statusOf('pay-too');
      return status?.reason === 'TargetConflict' && status;
    });
    expect(refused.message).toContain(
      `Deployment pay-v1 is already steered by the older Release ${stand.namespace}/pay`,
    );
    const waited = await stand.kubectl('wait', '--for=condition=Stalled', '--timeout=60s', 'release/pay-too');
    expect(waited.code).toBe(0);
    expect(await pay.status()).toMatchObject({ phase: 'Held', reason: 'Paused', weight: 40, driftRepairs: 0 });
    expect(weightsOf(await pay.virtualService())).toEqual({ v1: 60, v2: 40 });
    expect(JSON.stringify((await pay.virtualService()).metadata)).toContain(FIELD_MANAGERS.traffic);

    const gone = await stand.kubectl('delete', 'release', 'pay', '--timeout=120s');
    expect(gone).toMatchObject({ code: 0, stdout: expect.stringContaining('"pay" deleted') });
    expect(weightsOf(await pay.virtualService())).toEqual({ v1: 100, v2: 0 });
    await until('the younger one takes over', async () => (await statusOf('pay-too'))?.reason !== 'TargetConflict');
    expect(await statusOf('pay-too')).toMatchObject({ phase: 'Idle' });
  });
});
