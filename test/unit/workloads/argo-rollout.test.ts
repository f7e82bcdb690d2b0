/**
 * argoRollout against what Argo Rollouts really did: recordings of its controller, played again. The table of situations is the
 * one that people read, deploy/docs/argo-rollouts.md.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { recordingOf } from '../../support/recorded-rollout.ts';
import { replayed } from '../../support/rollout-replay.ts';
import { situationsOn } from '../../support/situations.ts';

const recordings = readdirSync(new URL('../../support/fixtures/argo-rollouts', import.meta.url)).map((file) =>
  file.replace('.jsonl', ''),
);

/** A patch's changes, in the words of the table. */
const WORDS: Readonly<Record<string, string>> = {
  'remove /status/pauseConditions': 'opens',
  'remove /status/pauseConditions, add /status/controllerPause, replace /status/currentStepIndex': 'moves',
  'replace /status/currentStepIndex': 'moves',
  'add /status/abort': 'aborts',
  'replace /status/abort': 'retries',
  'add /status/promoteFull': 'promotes fully',
  'add /spec/paused': 'holds',
  'remove /spec/paused': 'releases',
  'replace /spec/paused': 'releases',
};

const rows = situationsOn('argo-rollouts');

describe('beside the recorded controller', () => {
  test.each(rows)('$situation: $writes; $end', async ({ writes, end, recording }) => {
    const played = await replayed(recordingOf('argo-rollouts', recording));
    expect(played.end, played.course.join('\n')).toBe(end);
    const words = played.writes.map((write) => WORDS[write] ?? write).join(', ') || 'nothing';
    expect(words).toBe(writes.replace('skips', 'moves').replace('goes back', 'moves'));
    expect(played.spec).toEqual(played.specOfOthers);
  });

  test('every recording has its row', () => {
    expect(rows.map(({ recording }) => recording).toSorted()).toEqual(recordings.toSorted());
  });
});
