/** What a Rollout of Argo Rollouts may be beside a canary with open pauses, as stories for the stand of gated.test.ts: timed pauses, and a template in a Deployment. */
import { expect, test } from 'vitest';
import { at, fieldsAt, listAt, numberAt, stringAt } from '../../src/api/fields.ts';
import { TYPES } from '../../src/api/meta.ts';
import { BROKEN, HEALTHY, isAborted, isPromoted, type Stand, until } from '../support/e2e.ts';
import { type GatedApp, startGated } from '../support/stand-ins/gated-app.ts';

/** Enough for a verdict within seconds. */
const RPS = 40;

/** `pods`: waits until the app has pods of these versions. */
export function argoStories(
  stand: () => Stand,
  pods: (name: string, ...versions: readonly string[]) => Promise<unknown>,
): void {
  test.concurrent('of Argo Rollouts, timed pauses that are held: one waits for its Pass past its time, one that passed early lasts its time', async () => {
    // Too few requests for a verdict.
    const rank = await startGated(stand(), 'argo canary', 'rank', {
      rps: 1,
      pauses: ['6s', '12s'],
      holdTimedPauses: true,
    });
    await rank.deploy('1', HEALTHY);
    const spec = await specOf(rank);
    const first = await pauseAt(rank, 1, ({ isHeld, startedMs }) => isHeld && Date.now() > startedMs + 7_000);
    expect(first.weight).toBe(40);
    await stand().sandbox.setLoad('rank', RPS);
    const second = await pauseAt(rank, 3, ({ isHeld }) => isHeld);
    expect(second.weight).toBe(60);
    const promoted = await rank.until('promoted', isPromoted);
    expect(promoted.history).toMatchObject([{ outcome: 'Promoted', reason: 'Promoted', attempt: 1 }]);
    expect(Date.parse(promoted.history?.at(-1)?.endedAt ?? '')).toBeGreaterThanOrEqual(second.startedMs + 12_000);
    await pods('rank', '1', '1', '1');
    expect(await specOf(rank)).toEqual(spec);
    await stand().sandbox.stopLoad('rank');
  });

  test.concurrent('of Argo Rollouts, its template in a Deployment: a good version is promoted, pod by pod', async () => {
    const news = await startGated(stand(), 'argo reference', 'news', { rps: RPS });
    const before = await usersOf(news);
    await news.deploy('1', HEALTHY);
    const status = await news.until('promoted', isPromoted);
    expect(status.history).toMatchObject([{ outcome: 'Promoted', reason: 'Promoted', attempt: 1 }]);
    expect(status.weights?.map(({ weight }) => weight)).toEqual(expect.arrayContaining([0, 40, 60]));
    await pods('news', '1', '1', '1', '1', '1');
    expect(await usersOf(news)).toEqual(before);
    await stand().sandbox.stopLoad('news');
  });

  test.concurrent('of Argo Rollouts, its template in a Deployment: a version with errors is given up, and stable’s pods come back', async () => {
    const blog = await startGated(stand(), 'argo reference', 'blog', { rps: RPS });
    const before = await usersOf(blog);
    await blog.deploy('1', BROKEN);
    const template = await templateOf(blog);
    expect(await blog.until('aborted', isAborted)).toMatchObject({
      reason: 'ErrorsAboveStable',
      verdict: { outcome: 'Fail', metric: 'errors' },
      history: [{ outcome: 'Aborted', weight: 40 }],
    });
    await pods('blog', '0', '0', '0', '0', '0');
    expect(at(await blog.rollout(), 'status')).toMatchObject({ phase: 'Degraded', abort: true });
    expect(await usersOf(blog)).toEqual(before);
    expect(await templateOf(blog)).toEqual(template);
    await stand().sandbox.stopLoad('blog');
  });

  test.concurrent('of Argo Rollouts, timed pauses that are not held: they end by themselves while the verdict is open', async () => {
    const maps = await startGated(stand(), 'argo canary', 'maps', { rps: RPS, pauses: ['1s', '1s'] });
    await maps.deploy('1', HEALTHY);
    const spec = await specOf(maps);
    const status = await maps.until('promoted', isPromoted);
    expect(status.history).toMatchObject([{ outcome: 'Promoted', attempt: 1 }]);
    await pods('maps', '1', '1', '1');
    expect(await specOf(maps)).toEqual(spec);
    await stand().sandbox.stopLoad('maps');
  });

  test.concurrent('of Argo Rollouts, timed pauses that are not held: errors end the Rollout before the pause ends', async () => {
    const feed = await startGated(stand(), 'argo canary', 'feed', { rps: RPS, pauses: ['10m', '10m'] });
    await feed.deploy('1', BROKEN);
    const spec = await specOf(feed);
    expect(await feed.until('aborted', isAborted)).toMatchObject({
      reason: 'ErrorsAboveStable',
      history: [{ outcome: 'Aborted', weight: 40 }],
    });
    await pods('feed', '0', '0', '0');
    expect(await specOf(feed)).toEqual(spec);
    await stand().sandbox.stopLoad('feed');
  });
}

interface TimedPause {
  readonly weight: number;
  readonly startedMs: number;
  /** By Serin, with the whole Rollout. */
  readonly isHeld: boolean;
}

/** Waits for a pause of this step that is as wanted. */
function pauseAt(app: GatedApp, step: number, isWanted: (pause: TimedPause) => boolean): Promise<TimedPause> {
  return until(`${app.name} is at the pause of step ${step}`, async () => {
    const rollout = await app.rollout();
    const start = stringAt(listAt(rollout, 'status', 'pauseConditions')[0], 'startTime');
    if (numberAt(rollout, 'status', 'currentStepIndex') !== step || start === undefined) return undefined;
    const pause = {
      weight: numberAt(rollout, 'status', 'canary', 'weights', 'canary', 'weight') ?? 0,
      startedMs: Date.parse(start),
      isHeld: at(rollout, 'spec', 'paused') === true,
    };
    return isWanted(pause) ? pause : undefined;
  });
}

const specOf = async (app: GatedApp): Promise<unknown> => (await app.rollout())['spec'];
const templateOf = async (app: GatedApp): Promise<unknown> => at(await app.get(TYPES.deployment), 'spec', 'template');

/** What people own around a Rollout whose template is in a Deployment, but for that template. */
async function usersOf(app: GatedApp): Promise<unknown> {
  const { metadata, ...rest } = await app.get(TYPES.deployment);
  const { template: _template, ...deployment } = fieldsAt(rest, 'spec');
  return {
    deployment,
    labels: metadata.labels,
    service: (await app.get(TYPES.service))['spec'],
    routes: (await app.virtualService())['spec'],
    rollout: await specOf(app),
  };
}
