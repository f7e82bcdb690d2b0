/** argoRollout against what Argo Rollouts really did: recordings of its controller, played again (deploy/docs/real-controllers.md). */
import { describe, expect, test } from 'vitest';
import { recordingOf } from '../../support/recorded-rollout.ts';
import { replayed } from '../../support/rollout-replay.ts';

const CONTROLLER = 'argo-rollouts';
const OPEN = 'remove /status/pauseConditions';

/** Situation → what Serin writes to the Rollout, and how its Release ends. */
const TABLE: readonly (readonly [scenario: string, writes: readonly string[], end: string])[] = [
  ['happy-path', [OPEN, OPEN], 'Promoted Promoted'],
  ['pause', [OPEN, OPEN], 'Promoted Promoted'],
  ['pause-on-the-way', ['add /spec/paused', 'remove /spec/paused', OPEN], 'Promoted Promoted'],
  ['hold-timed-pause', ['add /spec/paused', 'remove /spec/paused', OPEN], 'Promoted Promoted'],
  ['promote', [OPEN, OPEN], 'Promoted Promoted'],
  ['promote-full', ['add /status/promoteFull'], 'Promoted PromotedByPerson'],
  ['abort', [OPEN, 'add /status/abort'], 'Aborted ErrorsAboveStable'],
  ['retry', ['add /status/abort', 'replace /status/abort', OPEN, OPEN], 'Promoted Promoted'],
  ['superseding-revision', [OPEN, OPEN, OPEN], 'Promoted Promoted'],
  ['taken-back', [], 'Aborted Superseded'],
  ['controller-restart', [OPEN, OPEN], 'Promoted Promoted'],
  ['lost-watch', [OPEN, 'add /status/abort'], 'Aborted ErrorsAboveStable'],
  ['approve-race', [OPEN, OPEN], 'Promoted Promoted'],
  ['aborted-by-hand', [OPEN], 'Progressing Judging'],
  ['promoted-by-hand', [], 'Promoted PromotedElsewhere'],
  ['paused-by-hand', [OPEN], 'Progressing Judging'],
  ['blue-green', [OPEN, 'add /status/abort'], 'Aborted AbortedByPerson'],
  ['basic-canary', [OPEN, 'add /status/abort'], 'Aborted ErrorsAboveStable'],
  ['dynamic-stable-scale', [OPEN, 'add /status/abort'], 'Aborted ErrorsAboveStable'],
  ['header-route', [OPEN, 'add /status/abort'], 'Aborted ErrorsAboveStable'],
  ['workload-ref', [OPEN, OPEN], 'Promoted Promoted'],
  ['steps-edited', [OPEN, OPEN], 'Progressing Judging'],
];

describe('beside the recorded controller', () => {
  test.each(TABLE)('%s: %j, %s', async (scenario, writes, end) => {
    const { release, writes: written, course } = await replayed(recordingOf(CONTROLLER, scenario));
    expect(`${release.status?.phase} ${release.status?.reason}`, course.join('\n')).toBe(end);
    expect(written).toEqual(writes);
  });
});
