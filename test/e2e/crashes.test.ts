/** Serin dies, doubles and forgets in the middle of releases; they end as if nothing had happened. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ReleaseStatus } from '../../src/api/release.ts';
import type { LoadCounts } from '../../src/sandbox/load/load.ts';
import {
  type App,
  BROKEN,
  endOf,
  HEALTHY,
  isAborted,
  isJudging,
  isPromoted,
  notRouted,
  pause,
  type Stand,
  startApp,
  startStand,
  until,
  weightsOf,
} from '../support/e2e.ts';
import { seeded } from '../support/random.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import type { ServeProcess } from '../support/serve.ts';
import { describeWith } from '../support/tools.ts';

const KILLS = 10;

/** As it comes out undisturbed: compared in the first test with a release that really is. */
const PROMOTED = {
  phase: 'Promoted',
  reason: 'Promoted',
  attempt: 1,
  weight: 0,
  course: ['0@0', '40@1', '40@2', '60@3', '60@4', '60@4', '100@4'],
  outcomes: [{ outcome: 'Promoted', attempt: 1, weight: 100 }],
  completed: 'True',
};
const ABORTED = {
  phase: 'Aborted',
  reason: 'ErrorsAboveStable',
  attempt: 1,
  weight: 0,
  course: ['0@0', '40@1', '40@2', '0@2'],
  outcomes: [{ outcome: 'Aborted', attempt: 1, weight: 40 }],
  completed: 'True',
};

describeWith(['prometheus', 'kubectl', 'redis'], 'a release comes to the same end', () => {
  let stand: Stand;
  let redis: TestRedis;
  const services = new Set<ServeProcess>();
  /** What each app's requests had come to before its release. */
  const early = new Map<string, LoadCounts>();
  const countsOf = async ({ name }: App): Promise<LoadCounts> => {
    const found = (await stand.sandbox.loadCounts())[name];
    if (found === undefined) throw new Error(`${name} has no load`);
    return found;
  };
  beforeAll(async () => {
    [stand, redis] = await Promise.all([startStand({ seed: 'crashes' }), startRedis()]);
  });
  afterEach(async () => {
    for (const service of services) await kill(service);
    for (const name of early.keys()) await stand.sandbox.stopLoad(name);
    early.clear();
  });
  afterAll(async () => {
    await stand.stop();
    await redis.stop();
  });

  const start = async (identity: string): Promise<ServeProcess> => {
    const service = await stand.startService({ redisUrl: redis.url, identity });
    services.add(service);
    return service;
  };
  const kill = async (service: ServeProcess): Promise<void> => {
    services.delete(service);
    service.signal('SIGKILL');
    await service.exit;
  };
  /** One that is fine and one with errors, both on their way. */
  const twoReleases = async (name: string, dwell: string): Promise<readonly [App, App]> => {
    const apps = await Promise.all([
      startApp(stand, `${name}-good`, { analysis: { dwell } }),
      startApp(stand, `${name}-bad`, { analysis: { dwell } }),
    ]);
    // The first requests may come before the mesh knows the pods; what counts is what a release does to users.
    for (const app of apps) {
      const isAnswered = async (): Promise<LoadCounts | undefined> => {
        const counts = await countsOf(app);
        return (counts.byStatus['200'] ?? 0) > 0 ? counts : undefined;
      };
      early.set(app.name, await until(`${app.name} answers`, isAnswered));
    }
    await apps[0].letOut('v2', '1', HEALTHY);
    await apps[1].letOut('v2', '1', BROKEN);
    return apps;
  };
  const bothEnd = async ([good, bad]: readonly [App, App]): Promise<readonly [ReleaseStatus, ReleaseStatus]> =>
    await Promise.all([good.until('promoted', isPromoted), bad.until('aborted', isAborted)]);
  /** Each transition was told once, each run made once, the routes are where they belong, and no request was lost. */
  const expectTidy = async ([good, bad]: readonly [App, App]): Promise<void> => {
    await until('the Events are there', async () => {
      const [promoted, aborted] = await Promise.all([good.events(), bad.events()]);
      return promoted.some(({ reason }) => reason === 'Promoted') && aborted.length >= 3;
    });
    const told = async (app: App): Promise<readonly string[]> =>
      (await app.events()).map(({ reason }) => reason).filter((reason) => reason !== 'Resumed' && reason !== 'NoData');
    expect(await told(good)).toEqual(['NewRevision', 'Advanced', 'Advanced', 'Promoted']);
    expect(await told(bad)).toEqual(['NewRevision', 'Advanced', 'ErrorsAboveStable']);
    expect(weightsOf(await good.virtualService())).toEqual({ v1: 0, v2: 100 });
    expect(weightsOf(await bad.virtualService())).toEqual({ v1: 100, v2: 0 });
    const { stdout } = await stand.kubectl('get', 'analysisruns', '-o', 'name');
    for (const app of [good, bad]) expect(stdout.split(`/${app.name}-`)).toHaveLength(2);
    for (const app of [good, bad]) {
      const after = await countsOf(app);
      expect(notRouted(after)).toEqual(notRouted(early.get(app.name) ?? { ...after, byStatus: {} }));
      // Connections that break are the machine's doing; Serin touches routes only. Few they must be all the same.
      expect(after.failed, JSON.stringify(after)).toBeLessThanOrEqual(after.sent / 100);
    }
  };

  test('undisturbed', async () => {
    await start('one');
    const apps = await twoReleases('calm', '3s');
    const [good, bad] = await bothEnd(apps);
    expect(endOf(good)).toEqual(PROMOTED);
    expect(endOf(bad)).toEqual(ABORTED);
    await expectTidy(apps);
  });

  test(`when serve is killed ${KILLS} times at random moments, half of them with what Redis held`, async () => {
    const random = seeded(20_261_121);
    const first = await start('one');
    const apps = await twoReleases('killed', '6s');
    await kill(first);
    let isOver = false;
    const ending = bothEnd(apps).finally(() => {
      isOver = true;
    });
    let kills = 1;
    for (; kills < KILLS || !isOver; kills += 1) {
      const service = await start('one');
      await pause(100 + 2_500 * random.next());
      await kill(service);
      if (kills % 2 === 0) await redis.flush();
    }
    const [good, bad] = await ending;
    expect(endOf(good)).toEqual(PROMOTED);
    expect(endOf(bad)).toEqual(ABORTED);
    await start('one');
    await expectTidy(apps);
  });

  test('when two instances run at once and the leader is killed', async () => {
    const pair = await Promise.all([start('a'), start('b')]);
    const apps = await twoReleases('two', '3s');
    const ending = bothEnd(apps);
    await apps[0].until('it is judged', isJudging);
    const holder = async (): Promise<string> =>
      (await stand.kubectl('-n', 'default', 'get', 'lease', 'serin', '-o', 'jsonpath={.spec.holderIdentity}')).stdout;
    const leader = await holder();
    expect(['a', 'b']).toContain(leader);
    await kill(pair[leader === 'a' ? 0 : 1]);
    const [good, bad] = await ending;
    expect(await holder()).toBe(leader === 'a' ? 'b' : 'a');
    expect(endOf(good)).toEqual(PROMOTED);
    expect(endOf(bad)).toEqual(ABORTED);
    await expectTidy(apps);
  });

  test('when Redis is away: a person is heard, and whole releases are judged without it', async () => {
    const service = await start('one');
    const told = await startApp(stand, 'told', { analysis: { dwell: '4m' } });
    await told.letOut('v2', '1', HEALTHY);
    await told.until('it is judged', isJudging);
    const { revision } = await told.status();
    await redis.kill();
    try {
      await told.annotate({ 'serin.dev/abort': revision.canary ?? '' });
      const [apps] = await Promise.all([twoReleases('away', '3s'), told.until('aborted by a person', isAborted)]);
      expect(weightsOf(await told.virtualService())).toEqual({ v1: 100, v2: 0 });
      const [good, bad] = await bothEnd(apps);
      expect(endOf(good)).toEqual(PROMOTED);
      expect(endOf(bad)).toEqual(ABORTED);
      await expectTidy(apps);
      const probe = await fetch(`${service.url}/readyz`);
      expect([probe.status, await probe.text()]).toEqual([503, expect.stringContaining('[-] queue')]);
      expect(await (await fetch(`${service.url}/metrics`)).text()).toContain('serin_queue_up 0');
    } finally {
      await redis.start();
    }
    await service.ready();
    expect(await (await fetch(`${service.url}/metrics`)).text()).toContain('serin_queue_up 1');
    await told.letOut('v2', '2', HEALTHY);
    await told.until('the next one is judged', isJudging);
  });

  test('when Redis is flushed again and again', async () => {
    await start('one');
    const apps = await twoReleases('flushed', '4s');
    let isOver = false;
    const ending = bothEnd(apps).finally(() => {
      isOver = true;
    });
    for (let flushes = 0; flushes < 3 || !isOver; flushes += 1) {
      await redis.flush();
      await pause(3_000);
    }
    const [good, bad] = await ending;
    expect(endOf(good)).toEqual(PROMOTED);
    expect(endOf(bad)).toEqual(ABORTED);
    await expectTidy(apps);
  });
});
