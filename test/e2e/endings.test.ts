/** How a release ends, as its users see it: in the routes, in kubectl, in Events and in messages. */
import { userInfo } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FIELD_MANAGERS, type KubeObject, TYPES } from '../../src/api/meta.ts';
import {
  BROKEN,
  HEALTHY,
  isAborted,
  isJudging,
  isPromoted,
  type Stand,
  startApp,
  startStand,
  until,
  weightsOf,
} from '../support/e2e.ts';
import { describeWith } from '../support/tools.ts';

describeWith(['prometheus', 'kubectl'], 'a release, on the sandbox', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ seed: 'endings' });
    await stand.startService();
  });
  afterAll(() => stand.stop());

  const replicasOf = async (name: string): Promise<number> => {
    const found = await stand.sandbox.kube.get({ type: TYPES.deployment, namespace: stand.namespace, name });
    return (found?.['spec'] as { replicas: number } | undefined)?.replicas ?? -1;
  };

  test.concurrent('of a version with errors is aborted: routes are as they were, and everybody is told', async () => {
    const web = await startApp(stand, 'web', {
      edit: withMoreRules,
      spec: { traffic: { istio: { virtualService: { name: 'web', routes: ['main'] } } } },
    });
    expect(await web.status()).toMatchObject({ phase: 'Idle', reason: 'Initial', verdict: { outcome: 'Initial' } });
    const before = JSON.stringify((await web.virtualService())['spec']);
    await web.letOut('v2', '1', BROKEN);
    await web.until('the canary has requests', isJudging);
    expect(weightsOf(await web.virtualService())).toEqual({ v1: 60, v2: 40 });

    const waited = await stand.kubectl('wait', '--for=condition=Completed', '--timeout=150s', 'release/web');
    expect(waited).toMatchObject({ code: 0, stdout: 'release.serin.dev/web condition met\n' });
    const status = await web.status();
    expect(status).toMatchObject({
      phase: 'Aborted',
      reason: 'ErrorsAboveStable',
      weight: 0,
      attempt: 1,
      verdict: { outcome: 'Fail', metric: 'errors' },
      history: [{ outcome: 'Aborted', metric: 'errors', weight: 40, attempt: 1 }],
    });
    expect(JSON.stringify((await web.virtualService())['spec'])).toBe(before);

    const events = await until('the Event is there', async () => {
      const found = await web.events();
      return found.some(({ reason }) => reason === 'ErrorsAboveStable') && found;
    });
    // A machine that is too slow for its scrapes may hold it for want of data on the way.
    const told = events.map(({ reason }) => reason).filter((reason) => reason !== 'NoData' && reason !== 'Resumed');
    expect(told).toEqual(['NewRevision', 'Advanced', 'ErrorsAboveStable']);
    expect(events.at(-1)).toMatchObject({ type: 'Warning', message: expect.stringContaining('Aborted at 40 %') });
    const message = await until('Slack is told', async () => {
      const messages = await stand.sandbox.messages();
      return messages.find(({ path, body }) => path === '/slack' && body.includes('shop/web aborted at 40 %'));
    });
    expect(message.body).toContain('errors: canary');

    const { stdout: table } = await stand.kubectl('get', 'releases', 'web');
    const [header = '', row = ''] = table.trimEnd().split('\n');
    expect(header.split(/\s{2,}/).map((each) => each.trim())).toEqual([
      'NAME',
      'PHASE',
      'WEIGHT',
      'STEP',
      'VERDICT',
      'REASON',
      'AGE',
    ]);
    expect(row).toMatch(/^web\s+Aborted\s+0\s+2\/4\s+Fail\s+ErrorsAboveStable\s+\d+/);
    const { stdout: wide } = await stand.kubectl('get', 'rel', 'web', '-o', 'wide');
    expect(wide).toContain('["web-v1","web-v2"]');
    const { stdout: described } = await stand.kubectl('describe', 'release', 'web');
    expect(described).toMatch(/Message:\s+Aborted at 40 %: errors: canary \d+(\.\d)? % against stable/);
    expect(described).toMatch(/Warning\s+ErrorsAboveStable\s+.*serin/);
    expect(described).not.toMatch(/undefined|NaN|\[object/);
  });

  test.concurrent('after another: promoted, aborted, promoted, and the two Deployments swap roles each time', async () => {
    const cart = await startApp(stand, 'cart', { spec: { strategy: { canary: { stepWeights: [50] } } }, rps: 80 });
    const live = async (): Promise<unknown> => (await cart.status()).pair?.live;
    expect(await live()).toBe('cart-v1');

    await cart.letOut('v2', '1', HEALTHY);
    await cart.until('promoted', isPromoted);
    expect(await live()).toBe('cart-v2');
    expect(weightsOf(await cart.virtualService())).toEqual({ v1: 0, v2: 100 });

    await cart.letOut('v1', '2', BROKEN);
    await cart.until('aborted', isAborted);
    expect(await live()).toBe('cart-v2');
    expect(weightsOf(await cart.virtualService())).toEqual({ v1: 0, v2: 100 });

    await cart.letOut('v1', '3', HEALTHY);
    const { history, revision } = await cart.until('promoted again', isPromoted);
    expect(await live()).toBe('cart-v1');
    expect(weightsOf(await cart.virtualService())).toEqual({ v1: 100, v2: 0 });
    expect(history?.map(({ outcome }) => outcome)).toEqual(['Promoted', 'Aborted', 'Promoted']);
    expect(revision.stable).toBe(history?.[2]?.revision);
    expect(revision.previousStable).toBe(history?.[0]?.revision);
    const { stdout } = await stand.kubectl('get', 'analysisruns', '-o', 'name');
    expect(stdout.split('\n').filter((name) => name.includes('/cart-'))).toHaveLength(3);
  });

  test.concurrent('that goes back to the version before is not judged again', async () => {
    const pay = await startApp(stand, 'pay', { spec: { strategy: { canary: { stepWeights: [50] } } } });
    await pay.letOut('v2', '1', HEALTHY);
    const { revision } = await pay.until('promoted', isPromoted);
    const before = revision.previousStable ?? '';
    expect(await stand.serin('promote', 'pay', '--revision', before)).toMatchObject({ code: 0, stderr: '' });
    const status = await pay.until('back', ({ pair, phase }) => phase === 'Promoted' && pair?.live === 'pay-v1');
    expect(status).toMatchObject({
      handledRequest: { action: 'promote', actor: userInfo().username, result: 'done' },
      revision: { stable: before, previousStable: revision.stable },
    });
    expect(status.history?.map(({ outcome, reason }) => [outcome, reason])).toEqual([
      ['Promoted', 'Promoted'],
      ['Promoted', 'RolledBackToPrevious'],
    ]);
    expect(weightsOf(await pay.virtualService())).toEqual({ v1: 100, v2: 0 });
    const { stdout } = await stand.kubectl('get', 'analysisruns', '-o', 'name');
    expect(stdout.split('\n').filter((name) => name.includes('/pay-'))).toHaveLength(1);
  });

  test.concurrent('without a router moves by replica counts, and an abort gives them back', async () => {
    const jobs = await startApp(stand, 'jobs', {
      edit: withoutSubsets,
      replicas: { v1: 4, v2: 0 },
      rps: 80,
      spec: { traffic: undefined, strategy: { canary: { stepWeights: [20, 50] } } },
    });
    await jobs.letOut('v2', '1', HEALTHY);
    await jobs.until('the canary has its share', isJudging);
    expect(await Promise.all(jobs.members.map(replicasOf))).toEqual([4, 1]);
    await jobs.until('half', ({ weight, step }) => weight === 50 && step?.waitingFor === 'judge');
    expect(await Promise.all(jobs.members.map(replicasOf))).toEqual([4, 4]);
    await jobs.letOut('v2', '2', BROKEN);
    const { history } = await jobs.until('aborted', ({ history: past }) => past?.at(-1)?.outcome === 'Aborted');
    expect(history?.map(({ outcome }) => outcome)).toEqual(['Superseded', 'Aborted']);
    await until('replicas are given back', async () => {
      const [v1, v2] = await Promise.all(jobs.members.map(replicasOf));
      return v1 === 4 && v2 === 0;
    });
  });

  test.concurrent('that is only observed is reported, and its routes stay the user’s', async () => {
    const ads = await startApp(stand, 'ads', { spec: { mode: 'observe' } });
    await ads.letOut('v2', '1', BROKEN);
    await ads.until('it is seen', ({ phase }) => phase === 'Progressing' || phase === 'Waiting');
    const weights = ['70', '30'].map(
      (value, index) => `{"op":"add","path":"/spec/http/0/route/${index}/weight","value":${value}}`,
    );
    const patched = await stand.kubectl('patch', 'virtualservice', 'ads', '--type=json', `-p=[${weights.join(',')}]`);
    expect(patched.code).toBe(0);
    const status = await ads.until('it is found bad', ({ reason }) => reason === 'ErrorsAboveStable');
    expect(status).toMatchObject({
      phase: 'Progressing',
      weight: 30,
      message: expect.stringContaining('It would be aborted'),
    });
    const routes = await ads.virtualService();
    expect(weightsOf(routes)).toEqual({ v1: 70, v2: 30 });
    expect(JSON.stringify(routes.metadata)).not.toContain(FIELD_MANAGERS.traffic);
    expect((await ads.release()).metadata.finalizers ?? []).toEqual([]);
  });
});

/** A VirtualService as people write them: other rules, other fields, and no weight of the steered rule is a default. */
function withMoreRules(object: KubeObject): KubeObject {
  if (object.kind !== 'VirtualService') return object;
  const spec = object['spec'] as { readonly http: readonly object[] };
  const http = [
    { name: 'old', match: [{ uri: { prefix: '/old' } }], redirect: { uri: '/' } },
    ...spec.http.map((rule) => ({ ...rule, timeout: '3s', retries: { attempts: 0 }, 'x-note': { kept: [1, 'two'] } })),
    { name: 'admin', match: [{ uri: { exact: '/admin' } }], route: [{ destination: { host: 'web', subset: 'v1' } }] },
  ];
  return { ...object, spec: { ...spec, exportTo: ['*'], http } };
}

/** One Service, no weights: requests spread over its pods. */
function withoutSubsets(object: KubeObject): KubeObject {
  if (object.kind !== 'VirtualService') return object;
  const { name } = object.metadata;
  return {
    ...object,
    spec: { ...(object['spec'] as object), http: [{ name: 'main', route: [{ destination: { host: name } }] }] },
  };
}
