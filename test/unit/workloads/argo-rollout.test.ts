/**
 * argoRollout against what Argo Rollouts really did: recordings of its controller, played again. The table of situations is the
 * one that people read, deploy/docs/argo-rollouts.md.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { recordingOf } from '../../support/recorded-rollout.ts';
import { replayed } from '../../support/rollout-replay.ts';

const page = readFileSync(new URL('../../../deploy/docs/argo-rollouts.md', import.meta.url), 'utf8');
const recordings = readdirSync(new URL('../../support/fixtures/argo-rollouts', import.meta.url)).map((file) =>
  file.replace('.jsonl', ''),
);

interface Row {
  readonly situation: string;
  readonly writes: string;
  readonly end: string;
  readonly recording: string;
}

/** Rows of the table under `## Situations`. */
function rowsOf(text: string): readonly Row[] {
  const section = text.split('## Situations')[1]?.split('\n## ')[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  return lines.slice(1).map((line) => {
    const [situation = '', writes = '', end = '', recording = ''] = line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim());
    return { situation, writes, end, recording };
  });
}

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

const rows = rowsOf(page);

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
