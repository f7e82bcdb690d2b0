/** What nobody measures yet is refused by name, with what to write instead; what can be judged is let through. */
import { expect, test } from 'vitest';
import { unreadFinding } from '../../../src/controller/analysis/unread.ts';
import { labRun } from '../../support/library.ts';

const run = labRun({ startedAtMs: 0, gridMs: 10_000 });

test('a run with a metric that a provider measures is refused, one that compares is not', () => {
  const measures = [{ name: 'smoke', provider: { web: { url: 'http://web' } } }];
  expect(unreadFinding({ ...run, measures })?.message).toBe(
    'Metric smoke has a provider, which is not asked yet. Use compare.',
  );
  expect(unreadFinding(run)).toBeUndefined();
});
