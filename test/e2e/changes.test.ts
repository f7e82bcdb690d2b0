/** Releases that are changed or taken away in the middle, on the sandbox; and API servers that fail. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type KubeObject, TYPES } from '../../src/api/meta.ts';
import {
  BROKEN,
  endOf,
  HEALTHY,
  isAborted,
  isJudging,
  isPromoted,
  pause,
  type Stand,
  startApp,
  startStand,
  until,
  weightsOf,
} from '../support/e2e.ts';
import { describeWith } from '../support/tools.ts';

const SLOW = { dwell: '4m' } as const;

describeWith(['prometheus', 'kubectl'], 'a release', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ seed: 'changes' });
    await stand.startService();
  });
  afterAll(() => stand.stop());

  const routesOf = async (name: string): Promise<KubeObject | undefined> =>
    await stand.sandbox.kube.get({ type: TYPES.virtualService, namespace: stand.namespace, name });

  describe.concurrent('that is changed under way', () => {
    test('by a newer version is superseded: traffic goes back first, and the newer one is judged from the start', async () => {
      const web = await startApp(stand, 'web', { rps: 100 });
      await web.letOut('v2', '1', HEALTHY);
      const first = await web.until('it is judged', isJudging);
      await web.letOut('v2', '2', HEALTHY);
      const status = await web.until('promoted', isPromoted);
      expect(status.history?.map(({ outcome, weight }) => ({ outcome, weight }))).toEqual([
        { outcome: 'Superseded', weight: 40 },
        { outcome: 'Promoted', weight: 100 },
      ]);
      expect(status.history?.[0]?.revision).toBe(first.revision.canary);
      expect(status.revision.rejected).toEqual([]);
      expect(status.weights?.map(({ weight }) => weight)).toEqual([0, 40, 40, 60, 60, 60, 100]);
      const reasons = (await web.events()).map(({ reason }) => reason);
      expect(reasons.filter((reason) => reason === 'Superseded')).toHaveLength(1);
    });

    test('by its own version being taken back ends, and nothing is released', async () => {
      const cart = await startApp(stand, 'cart', { rps: 40, analysis: SLOW });
      const before = JSON.stringify((await cart.virtualService())['spec']);
      await cart.letOut('v2', '1', HEALTHY);
      await cart.until('it is judged', isJudging);
      await cart.letOut('v2', '0', HEALTHY);
      const status = await cart.until('it ends', ({ history }) => history?.at(-1)?.outcome === 'Superseded');
      expect(status).toMatchObject({ weight: 0, revision: { rejected: [] } });
      expect(weightsOf(await cart.virtualService())).toEqual({ v1: 100, v2: 0 });
      await until(
        'routes are as they were',
        async () => JSON.stringify((await cart.virtualService())['spec']) === before,
      );
    });

    test('by being deleted gives traffic back before it goes', async () => {
      const pay = await startApp(stand, 'pay', { rps: 40, analysis: SLOW });
      const before = JSON.stringify((await pay.virtualService())['spec']);
      await pay.letOut('v2', '1', HEALTHY);
      await pay.until('it is judged', isJudging);
      expect((await pay.release()).metadata.finalizers).toEqual(['serin.dev/traffic']);
      const deleted = await stand.kubectl('delete', 'release', 'pay', '--timeout=120s');
      expect(deleted.code).toBe(0);
      expect(JSON.stringify((await routesOf('pay'))?.['spec'])).toBe(before);
      expect((await pay.events()).map(({ reason }) => reason)).toContain('Deleted');
      await until('its run goes with it', async () => {
        const { stdout } = await stand.kubectl('get', 'analysisruns', '-o', 'name');
        return !stdout.includes('/pay-');
      });
    });

    test('by its namespace being deleted does not hold that up', async () => {
      const namespace = 'doomed';
      await stand.sandbox.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }]);
      const there = { ...stand, namespace };
      const app = await startApp(there, 'ads', { rps: 20, analysis: SLOW, spec: { notify: undefined } });
      await app.letOut('v2', '1', HEALTHY);
      await app.until('it is judged', isJudging);
      await stand.sandbox.stopLoad('ads');
      const deleted = await stand.kubectl('delete', 'namespace', namespace, '--timeout=120s');
      expect(deleted).toMatchObject({ code: 0 });
    });

    test('by pods that take long to be ready, or are young, waits and holds nothing', async () => {
      const slow = await startApp(stand, 'slow', { rps: 100, analysis: { warmUp: '10s' } });
      await slow.letOut('v2', '1', { ...HEALTHY, 'ready-after': '4s' });
      const waiting = await slow.until('it waits for pods', ({ step }) => step?.waitingFor === 'pods');
      expect(waiting).toMatchObject({ phase: 'Waiting', weight: 0 });
      await slow.until('promoted', isPromoted);
      const reasons = (await slow.events()).map(({ reason }) => reason);
      expect(reasons.slice(0, 2)).toEqual(['NewRevision', 'Advanced']);
      expect(reasons).not.toContain('NoData');
    });
  });

  const FAULTS = [
    { title: 'answers 500', fault: { status: 500 } },
    { title: 'answers 429', fault: { status: 429 } },
    { title: 'is cut off', fault: { partition: true } },
    { title: 'forgets its watches (410)', fault: { gone: true, cutWatches: true } },
    { title: 'does what was written and drops the connection', fault: { dropAfterWrite: true, times: 6 } },
  ] as const;

  test('comes to its end although the API server fails in every way on the way', async () => {
    const [good, bad] = await Promise.all([
      startApp(stand, 'good', { rps: 100, analysis: { dwell: '4s' } }),
      startApp(stand, 'bad', { rps: 80 }),
    ]);
    await Promise.all([good.letOut('v2', '1', HEALTHY), bad.letOut('v2', '1', BROKEN)]);
    const ends = Promise.all([good.until('promoted', isPromoted), bad.until('aborted', isAborted)]);
    for (const { fault } of FAULTS) {
      await stand.sandbox.setApiFault(fault);
      await pause(1_500);
      await stand.sandbox.setApiFault();
      await pause(1_000);
    }
    const [promoted, aborted] = await ends;
    expect(endOf(promoted)).toMatchObject({
      phase: 'Promoted',
      attempt: 1,
      outcomes: [{ outcome: 'Promoted' }],
    });
    expect(promoted.weights?.map(({ weight }) => weight)).toEqual([0, 40, 40, 60, 60, 60, 100]);
    expect(endOf(aborted)).toMatchObject({
      phase: 'Aborted',
      attempt: 1,
      outcomes: [{ outcome: 'Aborted' }],
    });
    expect(weightsOf(await good.virtualService())).toEqual({ v1: 0, v2: 100 });
    expect(weightsOf(await bad.virtualService())).toEqual({ v1: 100, v2: 0 });
  });
});
