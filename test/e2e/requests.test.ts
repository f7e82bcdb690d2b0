/** What people ask for, with `serin` or plain kubectl, on releases that are under way. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { ANNOTATIONS } from '../../src/api/meta.ts';
import type { Release } from '../../src/api/release.ts';
import {
  type App,
  type AppOptions,
  HEALTHY,
  isAborted,
  isJudging,
  isPromoted,
  request,
  type Stand,
  startApp,
  startStand,
  until,
  weightsOf,
} from '../support/e2e.ts';
import { describeWith } from '../support/tools.ts';

/** Never passes by itself. */
const SLOW = { analysis: { dwell: '4m' } } as const satisfies AppOptions;

describeWith(['prometheus', 'kubectl'], 'a person', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await startStand({ seed: 'requests' });
    await stand.startService();
  });
  afterAll(() => stand.stop());

  /** A release whose canary has 40 % and is judged for long. */
  const underWay = async (name: string, options: AppOptions = SLOW): Promise<App> => {
    const app = await startApp(stand, name, { rps: 40, ...options });
    await app.letOut('v2', '1', HEALTHY);
    await app.until('it is judged', isJudging);
    return app;
  };
  const says = async (...words: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await stand.serin(...words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout.trim();
  };
  const annotationsOf = async (app: App): Promise<unknown> => (await app.release()).metadata.annotations;

  describe.concurrent('with serin', () => {
    test('sees where a release is, in every form, with exit codes for scripts', async () => {
      const web = await underWay('seen');
      const { revision } = await web.status();
      const table = await says('status', 'seen');
      expect(table).toMatch(
        /^NAME\s+PHASE\s+WEIGHT\s+STEP\s+VERDICT\s+REASON\s+AGE\nseen\s+Progressing\s+40\s+2\/4\s+Continue\s+/,
      );
      const wide = await says('status', 'seen', '-o', 'wide');
      expect(wide).toContain(revision.stable ?? 'no stable');
      expect(wide).toContain(revision.canary ?? 'no canary');
      expect(await says('status', 'seen', '-o', 'name')).toBe('release.serin.dev/seen');
      const json = JSON.parse(await says('status', 'seen', '-o', 'json')) as Release;
      const yaml = parseYaml(await says('status', 'seen', '-o', 'yaml')) as Release;
      for (const read of [json, yaml]) {
        expect(read).toMatchObject({ kind: 'Release', metadata: { name: 'seen' }, status: { weight: 40, revision } });
      }
      const list = JSON.parse(await says('status', '-A', '-o', 'json')) as { kind: string; items: readonly Release[] };
      expect(list.kind).toBe('List');
      expect(list.items.map(({ metadata }) => metadata.name)).toContain('seen');
      expect(await stand.serin('status', 'seen', '--exit-code')).toMatchObject({ code: 4 });
      expect(await stand.serin('status', 'nobody')).toMatchObject({
        code: 1,
        stdout: '',
        stderr: 'Release shop/nobody does not exist. `serin status -A` lists all there are.\n',
      });
      expect(await stand.serin('status', 'seen', '-o', 'xml')).toMatchObject({ code: 2, stdout: '' });
      await says('abort', 'seen');
      await web.until('aborted', isAborted);
      expect(await stand.serin('status', 'seen', '--exit-code')).toMatchObject({ code: 3 });
    });

    test('pauses and resumes: nothing passes meanwhile, and asking twice changes nothing', async () => {
      const cart = await underWay('cart', { analysis: { dwell: '6s' }, rps: 80 });
      const { revision } = await cart.status();
      const { canary = '' } = revision;
      expect(await says('pause', 'cart')).toBe(`shop/cart: pause of ${canary} asked for`);
      await cart.until('it is paused', ({ phase, reason }) => phase === 'Held' && reason === 'PausedByPerson');
      const before = await annotationsOf(cart);
      expect(await says('pause', 'cart')).toBe('shop/cart is already paused');
      expect(await annotationsOf(cart)).toEqual(before);
      await until('the verdict is Pass', async () => (await cart.run())?.status?.verdict?.['outcome'] === 'Pass');
      expect(await cart.status()).toMatchObject({ phase: 'Held', weight: 40, paused: true });
      await says('resume', 'cart');
      const { handledRequest, history } = await cart.until('promoted', isPromoted);
      expect(handledRequest).toMatchObject({ action: 'resume', result: 'done' });
      expect(history).toHaveLength(1);
      expect(await stand.serin('status', 'cart', '--exit-code')).toMatchObject({ code: 0 });
      expect(await stand.serin('resume', 'cart')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('has no release under way'),
      });
    });

    test('promotes by a step, skips one, and goes all the way past the analysis', async () => {
      const pay = await underWay('pay', {
        analysis: { dwell: '4m' },
        spec: { strategy: { canary: { stepWeights: [20, 40, 60] } } },
      });
      const { canary = '' } = (await pay.status()).revision;
      expect(await stand.serin('promote', 'pay', '--revision', 'older')).toMatchObject({
        code: 1,
        stdout: '',
        stderr: `Release shop/pay is at revision ${canary}, not older. Leave --revision out to mean the current one.\n`,
      });
      expect(await says('promote', 'pay', '--dry-run')).toContain('(dry run: nothing written)');
      expect(await annotationsOf(pay)).toBeUndefined();
      await says('promote', 'pay', '--revision', canary);
      await pay.until('it has 40 %', (status) => isJudging(status) && status.weight === 40);
      await says('skip-step', 'pay');
      await pay.until('it has 60 %', (status) => isJudging(status) && status.weight === 60);
      await says('promote', 'pay', '--full');
      const status = await pay.until('promoted', isPromoted);
      expect(status).toMatchObject({
        reason: 'PromotedByPerson',
        handledRequest: { action: 'promote-full', result: 'done', actor: expect.stringMatching(/./) },
      });
      expect(weightsOf(await pay.virtualService())).toEqual({ v1: 0, v2: 100 });
    });

    test('aborts, and tries the same version again with a fresh attempt', async () => {
      const ads = await underWay('ads');
      const { canary = '' } = (await ads.status()).revision;
      expect(await says('abort', 'ads')).toBe(`shop/ads: abort of ${canary} asked for`);
      await ads.until('aborted', isAborted);
      expect(await ads.status()).toMatchObject({
        reason: 'AbortedByPerson',
        attempt: 1,
        revision: { rejected: [canary] },
      });
      const before = await annotationsOf(ads);
      expect(await says('abort', 'ads')).toBe(`shop/ads: abort of ${canary} is already asked for`);
      expect(await annotationsOf(ads)).toEqual(before);
      await says('retry', 'ads');
      const again = await ads.until('it is judged again', (status) => isJudging(status) && status.attempt === 2);
      expect(again.revision).toMatchObject({ canary, rejected: [] });
      expect((await ads.run())?.metadata.name).toBe(`ads-${canary}-2`);
      await says('abort', 'ads');
      await ads.until('aborted again', isAborted);
      expect((await ads.status()).history?.map(({ attempt }) => attempt)).toEqual([1, 2]);
    });
  });

  test('does the same with plain kubectl; what does not fit is refused and said', async () => {
    const jobs = await underWay('jobs');
    const { canary = '', stable = '' } = (await jobs.status()).revision;
    await jobs.annotate(request('promote', stable, 'k-1'));
    const refused = await jobs.until('it is answered', ({ handledRequest }) => handledRequest?.id === 'k-1');
    expect(refused.handledRequest).toMatchObject({ result: 'refused', message: expect.stringContaining(canary) });
    expect(refused.weight).toBe(40);
    await jobs.annotate({ [ANNOTATIONS.request]: 'promte now' });
    const unclear = await jobs.until('it is answered', ({ handledRequest }) => handledRequest?.id === 'promte now');
    expect(unclear.handledRequest?.message).toContain('Write <verb>/<revision>/<unique id>');
    await jobs.annotate(request('pause', canary, 'k-2'));
    await jobs.until('it is paused', ({ reason }) => reason === 'PausedByPerson');
    await jobs.annotate(request('promote', canary, 'k-3'));
    const promoted = await jobs.until('it goes on', ({ weight }) => weight === 60);
    expect(promoted.handledRequest).toMatchObject({ id: 'k-3', result: 'done' });
    await jobs.annotate({ [ANNOTATIONS.abort]: stable });
    await jobs.annotate(request('pause', canary, 'k-4'));
    await jobs.until('an abort of another revision is none', ({ handledRequest }) => handledRequest?.id === 'k-4');
    await jobs.annotate({ [ANNOTATIONS.abort]: canary });
    await jobs.until('aborted', isAborted);
  });

  test('aborts while Prometheus is away, paused or not', async () => {
    const [one, two] = await Promise.all([underWay('one'), underWay('two')]);
    await says('pause', 'two');
    await two.until('it is paused', ({ reason }) => reason === 'PausedByPerson');
    await stand.sandbox.stopPrometheus();
    await one.until('it is blind', ({ phase }) => phase === 'Held');
    await Promise.all([says('abort', 'one'), says('abort', 'two')]);
    for (const app of [one, two]) {
      expect(await app.until('aborted', isAborted)).toMatchObject({ reason: 'AbortedByPerson' });
      expect(weightsOf(await app.virtualService())).toEqual({ v1: 100, v2: 0 });
    }
    await stand.sandbox.startPrometheus();
  });
});
