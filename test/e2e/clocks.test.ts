/** Clocks of API server and nodes that are wrong, or jump while a release is under way: the verdict is the same. */
import { expect, test } from 'vitest';
import { BROKEN, HEALTHY, isAborted, isJudging, isPromoted, startApp, startStand } from '../support/e2e.ts';
import { describeWith } from '../support/tools.ts';

const HOUR_MS = 3_600_000;

const SKEWS = [
  { title: 'an hour ahead', beforeMs: HOUR_MS, underWayMs: HOUR_MS },
  { title: 'an hour behind', beforeMs: -HOUR_MS, underWayMs: -HOUR_MS },
  { title: 'set right in the middle', beforeMs: -HOUR_MS, underWayMs: 0 },
] as const;

describeWith(['prometheus', 'kubectl'], 'with the clocks of the cluster', () => {
  test.concurrent.for(SKEWS)(
    '$title, a good version is promoted and a bad one aborted on its errors',
    async ({ title, beforeMs, underWayMs }) => {
      const stand = await startStand({ seed: title });
      try {
        await stand.sandbox.setClockSkew(beforeMs);
        await stand.startService();
        const good = await startApp(stand, 'good', { rps: 100 });
        const bad = await startApp(stand, 'bad', { rps: 100 });
        await good.letOut('v2', '1', { ...HEALTHY, 'ready-after': '2s' });
        await bad.letOut('v2', '1', { ...BROKEN, 'ready-after': '2s' });
        await good.until('it is judged', isJudging);
        await stand.sandbox.setClockSkew(underWayMs);
        expect(await good.until('promoted', isPromoted)).toMatchObject({
          history: [{ outcome: 'Promoted', attempt: 1 }],
        });
        expect(await bad.until('aborted', isAborted)).toMatchObject({ reason: 'ErrorsAboveStable', weight: 0 });
      } finally {
        await stand.stop();
      }
    },
  );
});
