/** What real requests meet: copies that no user sees the answer of, groups that are told apart by a cookie, and a check at a step. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { API_VERSION, type KubeObject } from '../../src/api/meta.ts';
import { BROKEN, HEALTHY, isAborted, isPromoted, type Stand, startApp, startStand, until } from '../support/e2e.ts';
import { describeWith } from '../support/tools.ts';

describeWith(['prometheus', 'kubectl'], 'beside weights, on the sandbox', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ seed: 'beside' });
    await stand.sandbox.apply([check('good', 'vector(1)'), check('bad', 'vector(0)')]);
    await stand.startService();
  });
  afterAll(() => stand?.stop());

  const answersOf = async (load: string): Promise<Readonly<Record<string, number>>> => {
    const counts = await stand.sandbox.loadCounts();
    return counts[load]?.byVersion ?? {};
  };

  test.concurrent('a version with errors is given up on copies alone: no user had an answer of it', async () => {
    const steps = [{ mirror: 50 }, { setWeight: 40 }];
    const app = await startApp(stand, 'copied', { spec: { strategy: { canary: { steps } } } });
    const before = await app.virtualService();
    await app.letOut('v2', '1', BROKEN);
    const status = await app.until('it is aborted', isAborted);
    expect(status).toMatchObject({ reason: 'ErrorsAboveStable', history: [{ outcome: 'Aborted', weight: 0 }] });
    const answers = await answersOf('copied');
    expect(answers['v1']).toBeGreaterThan(100);
    expect(answers['v2'] ?? 0).toBe(0);
    const after = await app.virtualService();
    expect(after['spec']).toEqual(before['spec']);
    expect(after.metadata.annotations).toEqual(before.metadata.annotations);
  });

  test.concurrent('an A/B test gives the new version to one group, and to everybody after its time', async () => {
    const abTest = { match: { cookies: { group: { exact: 'b' } }, share: 50 }, duration: '6s' };
    const app = await startApp(stand, 'tested', { spec: { strategy: { abTest } } });
    const before = await app.virtualService();
    const host = 'tested.shop.example';
    await stand.sandbox.startLoad({ name: 'group-b', rps: 60, host, headers: { cookie: 'lang=de; group=b' } });
    await app.letOut('v2', '1', HEALTHY);
    await until('group b meets the new version', async () => ((await answersOf('group-b'))['v2'] ?? 0) > 50);
    expect((await app.status()).weight).toBe(0);
    expect((await answersOf('tested'))['v2'] ?? 0).toBe(0);
    const status = await app.until('it is promoted', isPromoted);
    expect(status.beside).toBeUndefined();
    const { startedAt = '', endedAt = '' } = status;
    expect(Date.parse(endedAt) - Date.parse(startedAt)).toBeGreaterThanOrEqual(6_000);
    await until('everybody meets it', async () => ((await answersOf('tested'))['v2'] ?? 0) > 50);
    const names = (vs: KubeObject) => (vs['spec'] as { http: { name?: string }[] }).http.map(({ name }) => name);
    expect(names(await app.virtualService())).toEqual(names(before));
  });

  test.concurrent.each([
    ['good', isPromoted, 'Promoted'],
    ['bad', isAborted, 'MeasurementFailed'],
  ] as const)('a check at a step that is %s decides there', async (name, isOver, reason) => {
    const steps = [{ setWeight: 40 }, { analysis: { templates: [{ name }] } }, { setWeight: 60 }];
    const app = await startApp(stand, `step-${name}`, { spec: { strategy: { canary: { steps } } } });
    await app.letOut('v2', '1', HEALTHY);
    const status = await app.until('it is over', isOver);
    expect(status.reason).toBe(reason);
    const { stdout } = await stand.kubectl(
      'get',
      'analysisruns',
      '-l',
      `serin.dev/release=step-${name},serin.dev/step=2`,
      '-o',
      'jsonpath={.items[*].status.phase}',
    );
    await app.until('its run is ended', ({ stepRuns }) => stepRuns === undefined);
    expect(stdout).not.toBe('');
  });
});

/** One value, twice. */
function check(name: string, query: string): KubeObject {
  const metric = {
    name: 'check',
    interval: '1s',
    count: 2,
    successCondition: 'result[0] == 1',
    provider: { prometheus: { query } },
  };
  return {
    apiVersion: API_VERSION,
    kind: 'AnalysisTemplate',
    metadata: { name, namespace: 'shop' },
    spec: { metrics: [metric] },
  };
}
