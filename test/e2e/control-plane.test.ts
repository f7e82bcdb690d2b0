/** The same on the real kube-apiserver and kube-controller-manager: their admission, ownership, watches and garbage collection. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FIELD_MANAGERS, TYPES } from '../../src/api/meta.ts';
import { type ControlPlane, startControlPlane } from '../support/control-plane.ts';
import {
  BROKEN,
  endOf,
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
import type { ServeProcess } from '../support/serve.ts';
import { describeWith } from '../support/tools.ts';

describeWith(['controlplane', 'prometheus', 'kubectl'], 'a release, on the real control plane', () => {
  let controlPlane: ControlPlane;
  let stand: Stand;
  let service: ServeProcess;
  beforeAll(async () => {
    controlPlane = await startControlPlane();
    stand = await startStand({ seed: 'control plane', kubeconfig: controlPlane.kubeconfig });
    service = await stand.startService({ identity: 'one' });
  });
  afterAll(async () => {
    await stand.stop();
    await controlPlane.stop();
  });

  test.concurrent('of a version with errors is aborted, and kubectl says so', async () => {
    const web = await startApp(stand, 'web', { rps: 60 });
    const before = JSON.stringify((await web.virtualService())['spec']);
    await web.letOut('v2', '1', BROKEN);
    const waited = await stand.kubectl('wait', '--for=condition=Completed', '--timeout=150s', 'release/web');
    expect(waited).toMatchObject({ code: 0, stdout: 'release.serin.dev/web condition met\n' });
    expect(await web.status()).toMatchObject({ phase: 'Aborted', reason: 'ErrorsAboveStable' });
    expect(JSON.stringify((await web.virtualService())['spec'])).toBe(before);
    const { stdout } = await stand.kubectl('get', 'releases', 'web');
    expect(stdout).toMatch(
      /^NAME\s+PHASE\s+WEIGHT\s+STEP\s+VERDICT\s+REASON\s+AGE\nweb\s+Aborted\s+0\s+2\/4\s+Fail\s+/,
    );
    await until('the Event is there', async () => {
      const described = await stand.kubectl('describe', 'release', 'web');
      return /Warning\s+ErrorsAboveStable\s+\S+\s+serin/.test(described.stdout);
    });
  });

  test.concurrent('that is healthy is promoted, and the next one with errors is not', async () => {
    const cart = await startApp(stand, 'cart', { rps: 100 });
    await cart.letOut('v2', '1', HEALTHY);
    const promoted = await cart.until('promoted', isPromoted);
    expect(endOf(promoted)).toMatchObject({
      course: ['0@0', '40@1', '40@2', '60@3', '60@4', '60@4', '100@4'],
      outcomes: [{ outcome: 'Promoted', attempt: 1, weight: 100 }],
    });
    expect(weightsOf(await cart.virtualService())).toEqual({ v1: 0, v2: 100 });
    await cart.letOut('v1', '2', BROKEN);
    await cart.until('aborted', isAborted);
    expect(weightsOf(await cart.virtualService())).toEqual({ v1: 0, v2: 100 });
    const { metadata } = await cart.virtualService();
    const managers = (metadata as { managedFields?: readonly { manager: string }[] }).managedFields ?? [];
    expect(managers.map(({ manager }) => manager).sort()).toEqual(['sandbox', FIELD_MANAGERS.traffic]);
  });

  test.concurrent('that is deleted under way gives traffic back, and its run is collected', async () => {
    const pay = await startApp(stand, 'pay', { rps: 20, analysis: { dwell: '4m' } });
    await pay.letOut('v2', '1', HEALTHY);
    await pay.until('it is judged', isJudging);
    const refused = await stand.kubectl(
      'patch',
      'release',
      'pay',
      '--type=merge',
      '-p={"spec":{"progressDeadline":"soon"}}',
    );
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('spec.progressDeadline') });
    const deleted = await stand.kubectl('delete', 'release', 'pay', '--timeout=120s');
    expect(deleted.code).toBe(0);
    expect(weightsOf(await pay.virtualService())).toEqual({ v1: 100, v2: 0 });
    await until('its run is collected', async () => {
      const { stdout } = await stand.kubectl('get', 'analysisruns', '-o', 'name');
      return !stdout.includes('/pay-');
    });
  });

  test('without a router, and with a new process in the middle, moves by replica counts', async () => {
    const jobs = await startApp(stand, 'jobs', {
      rps: 60,
      replicas: { v1: 3, v2: 0 },
      edit: (object) =>
        object.kind === 'VirtualService'
          ? {
              ...object,
              spec: { ...(object['spec'] as object), http: [{ route: [{ destination: { host: 'jobs' } }] }] },
            }
          : object,
      spec: { traffic: undefined, strategy: { canary: { stepWeights: [50] } } },
    });
    await jobs.letOut('v2', '1', HEALTHY);
    await jobs.until('it is judged', isJudging);
    service.signal('SIGKILL');
    await service.exit;
    await stand.startService({ identity: 'one' });
    await jobs.until('promoted', isPromoted);
    const replicas = async (name: string): Promise<unknown> => {
      const found = await stand.sandbox.kube.get({ type: TYPES.deployment, namespace: stand.namespace, name });
      return (found?.['spec'] as { readonly replicas: number } | undefined)?.replicas;
    };
    await until('the old version is gone', async () => (await replicas('jobs-v1')) === 0);
    expect(await replicas('jobs-v2')).toBe(3);
  });
});
