/**
 * kruiseRollout against what Kruise Rollouts really did: recordings of its controller, played again. The table of situations is the
 * one that people read, deploy/docs/kruise-rollouts.md.
 */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fieldsAt } from '../../../src/api/fields.ts';
import { type Recording, recordingOf } from '../../support/recorded-rollout.ts';
import { replayed } from '../../support/rollout-replay.ts';
import { situationsOn } from '../../support/situations.ts';

const recordings = readdirSync(new URL('../../support/fixtures/kruise-rollouts', import.meta.url)).map((file) =>
  file.replace('.jsonl', ''),
);

/** A patch's changes, in the words of the table. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/^replace \/status\/\w+Status\/currentStepState$/, 'approves'],
  [/^replace \/status\/\w+Status\/nextStepIndex$/, 'jumps'],
  [/^replace \/spec\/template$/, 'takes back'],
  [/^add \/spec\/strategy\/paused$/, 'holds'],
  [/^(remove|replace) \/spec\/strategy\/paused$/, 'releases'],
];

const wordOf = (write: string): string => WORDS.find(([pattern]) => pattern.test(write))?.[1] ?? write;

const rows = situationsOn('kruise-rollouts');

/** Spec of the workload before the first write of anybody, and at the end. */
function workloadSpecs({ entries }: Recording): readonly [unknown, unknown] {
  const kinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'CloneSet'];
  const specs = entries.flatMap(({ object }) =>
    object !== undefined && kinds.includes(object.kind) && object.metadata.name === 'web' ? [object['spec']] : [],
  );
  return [specs[0], specs.at(-1)];
}

/** Kruise leaves `paused: false` in an Advanced DaemonSet, where there was nothing. */
function withoutUnpaused(spec: unknown): unknown {
  const strategy = fieldsAt(spec, 'updateStrategy');
  const { paused, ...rollingUpdate } = fieldsAt(strategy, 'rollingUpdate');
  return paused === false ? { ...fieldsAt(spec), updateStrategy: { ...strategy, rollingUpdate } } : spec;
}

/** An abort ends the pause of a whole Rollout, whoever made it. */
function withoutPause(spec: unknown): unknown {
  const { paused: _paused, ...strategy } = fieldsAt(spec, 'strategy');
  return { ...fieldsAt(spec), strategy };
}

describe('beside the recorded controller', () => {
  test.each(rows)('$situation: $writes; $end', async ({ writes, end, recording }) => {
    const recorded = recordingOf('kruise-rollouts', recording);
    const played = await replayed(recorded);
    expect(played.end, played.course.join('\n')).toBe(end);
    expect(played.writes.map(wordOf).join(', ') || 'nothing').toBe(writes);
    const isResumed = writes.includes('releases') && !writes.includes('holds');
    if (isResumed) expect(withoutPause(played.spec)).toEqual(withoutPause(played.specOfOthers));
    else if (!writes.endsWith('holds')) expect(played.spec).toEqual(played.specOfOthers);
    if (!writes.includes('takes back') || !end.startsWith('Aborted')) return;
    const [before, after] = workloadSpecs(recorded);
    expect(withoutUnpaused(after)).toEqual(before);
  });

  test('every recording has its row', () => {
    expect(rows.map(({ recording }) => recording).toSorted()).toEqual(recordings.toSorted());
  });

  // The one in which its controller overwrites an approval has it twice, on purpose.
  test.each(recordings.filter((name) => name !== 'approval-overwritten'))('%s: no approval is sent twice', (name) => {
    const approvals = recordingOf('kruise-rollouts', name).entries.flatMap(({ patch }) =>
      patch?.by === 'serin' && patch.subresource === 'status' && patch.isRefused !== true
        ? [JSON.stringify(patch.operations)]
        : [],
    );
    expect(new Set(approvals).size).toBe(approvals.length);
  });
});
