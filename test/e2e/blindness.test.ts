/** Prometheus away, silent, broken or without data: nothing advances, nothing aborts, the status says so, and it goes on afterwards. */
import { expect, test } from 'vitest';
import type { ReleaseStatus } from '../../src/api/release.ts';
import {
  type App,
  HEALTHY,
  isJudging,
  isPromoted,
  pause,
  type Stand,
  startApp,
  startStand,
  until,
  weightsOf,
} from '../support/e2e.ts';
import { type Answer, type PrometheusFront, startPrometheusFront } from '../support/e2e-prometheus.ts';
import { describeWith } from '../support/tools.ts';

const SINCE = /since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d/;

const WANT_OF_DATA = ['SourceUnavailable', 'NoData', 'ImplausibleCounter'];

interface Trouble {
  readonly what: string;
  readonly begin: (stand: Stand, front: PrometheusFront) => Promise<void> | void;
  readonly end: (stand: Stand, front: PrometheusFront) => Promise<void> | void;
}

const answering = (answer: Answer): Pick<Trouble, 'begin' | 'end'> => ({
  begin: (_, front) => front.answerWith(answer),
  end: (_, front) => front.answerWith('as it is'),
});

/** Side by side, each with a Prometheus of its own: one trouble for each step of a release. */
const LANES: readonly { readonly title: string; readonly troubles: readonly Trouble[] }[] = [
  {
    title: 'hangs, answers 503 or a sign-in page',
    troubles: [
      {
        what: 'hangs',
        begin: ({ sandbox }) => sandbox.hangPrometheus(),
        end: ({ sandbox }) => sandbox.unhangPrometheus(),
      },
      { what: '503', ...answering('503') },
      { what: 'a sign-in page', ...answering('html') },
    ],
  },
  {
    title: 'knows nothing, or says NaN',
    troubles: [
      { what: 'no series', ...answering('empty') },
      { what: 'NaN', ...answering('NaN') },
    ],
  },
  {
    title: 'cannot scrape',
    troubles: [
      {
        what: 'scrapes',
        begin: ({ sandbox }) => sandbox.breakScrapes(true),
        end: ({ sandbox }) => sandbox.breakScrapes(false),
      },
    ],
  },
];

describeWith(['prometheus', 'kubectl'], 'while Prometheus', () => {
  test.concurrent.for(LANES)(
    '$title, a release stays where it is, says since when, and goes on afterwards',
    async ({ title, troubles }) => {
      await onStage(title, async (stand, front) => {
        const stepWeights = troubles.map((_, index) => 40 + 10 * index);
        const web = await startApp(stand, 'web', {
          rps: 100,
          spec: { strategy: { canary: { stepWeights } } },
          analysis: { dwell: '4s' },
        });
        await web.letOut('v2', '1', HEALTHY);
        for (const trouble of troubles) {
          await web.until(`it is judged before ${trouble.what}`, isJudging);
          await trouble.begin(stand, front);
          await expectHeld(web, trouble.what);
          const { weight } = await web.status();
          await trouble.end(stand, front);
          await web.until(`it goes on after ${trouble.what}`, (now) => now.weight > weight || isPromoted(now));
        }
        const status = await web.until('promoted', isPromoted);
        expect(courseOf(status)).toEqual([0, ...stepWeights, 100]);
        expect(status.history).toMatchObject([{ outcome: 'Promoted', attempt: 1 }]);
      });
    },
  );

  test.concurrent('is away for long, traffic goes back to the last passed weight, and it is judged there again', async () => {
    await onStage('away', async (stand) => {
      const shy = await startApp(stand, 'shy', { rps: 100, analysis: { retreatAfter: '8s', dwell: '4s' } });
      await shy.letOut('v2', '1', HEALTHY);
      await shy.until('the second step is judged', (status) => isJudging(status) && status.weight === 60);
      await stand.sandbox.killPrometheus();
      const status = await shy.until('it retreats', ({ weight }) => weight < 60);
      expect(status).toMatchObject({ phase: 'Held', reason: 'Blind', weight: 40, passedWeight: 40 });
      expect(status.message).toMatch(SINCE);
      expect(status.message).toContain('from 60 to 40 %');
      await until('the routes follow', async () => weightsOf(await shy.virtualService())['v2'] === 40);
      await stand.sandbox.startPrometheus();
      const promoted = await shy.until('promoted', isPromoted);
      // A slow machine may want for data on the way as well; that, too, goes back and is judged again.
      expect(courseOf(promoted).slice(-4)).toEqual([60, 40, 60, 100]);
      expect(promoted.history).toHaveLength(1);
      expect((await shy.events()).map(({ reason }) => reason)).toContain('Blind');
    });
  });
});

/** A stand with a service that asks Prometheus through a front. */
async function onStage(seed: string, play: (stand: Stand, front: PrometheusFront) => Promise<void>): Promise<void> {
  const stand = await startStand({ seed });
  const front = await startPrometheusFront(stand.sandbox.prometheusUrl);
  try {
    await stand.startService({ prometheusUrl: front.url, prometheusTimeout: '1s' });
    await play(stand, front);
  } finally {
    await stand.stop();
    await front.close();
  }
}

/** Held where it is, with the time since when; and so it stays. */
async function expectHeld(app: App, what: string): Promise<void> {
  const isTold = ({ phase, message }: ReleaseStatus): boolean => phase === 'Held' && SINCE.test(message ?? '');
  const held = await app.until(`it is held while ${what}`, isTold);
  expect(WANT_OF_DATA).toContain(held.reason);
  expect(held.conditions).toContainEqual(expect.objectContaining({ type: 'Stalled', status: 'False' }));
  await pause(2_500);
  expect(await app.status()).toMatchObject({ phase: 'Held', weight: held.weight, attempt: 1 });
}

/** Weights without the repetitions of steps that only wait. */
function courseOf({ weights = [] }: ReleaseStatus): readonly number[] {
  return weights.map(({ weight }) => weight).filter((weight, index, all) => weight !== all[index - 1]);
}
