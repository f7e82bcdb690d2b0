/** What cannot be measured yet is refused by name, with what to write instead; what can be is let through. */
import { describe, expect, test } from 'vitest';
import { unreadFinding } from '../../../src/controller/analysis/unread.ts';
import { labRun } from '../../support/library.ts';

const run = labRun({ startedAtMs: 0, gridMs: 10_000 });
const [metric] = run.metrics;
const labels = { workload: 'w' };

describe('a run', () => {
  test.for([
    { what: 'a gauge', change: { query: { summary: 'x', labels, gauge: { metric: 'm', of: 'mean' } } } },
    { what: 'a rate', change: { query: { summary: 'x', labels, rate: { events: { metric: 'm' } } } } },
    {
      what: 'a native histogram',
      change: { query: { summary: 'x', labels, histogram: { metric: 'm', native: true } } },
    },
    { what: 'a comparison with another workload', change: { against: { workload: 'baseline' } } },
  ])('with $what is refused', ({ what, change }) => {
    const changed = { ...run, metrics: [{ ...metric, ...change, name: 'odd' }] } as unknown as typeof run; // only what is looked at
    expect(unreadFinding(changed)).toEqual({
      reason: 'InvalidSpec',
      message: expect.stringMatching(new RegExp(`^Metric odd is ${what}, which is not measured yet\\. Use .+\\.$`)),
    });
  });

  test.for([{ change: {} }, { change: { against: { constant: 0.01 } } }])('of counts is let through', ({ change }) => {
    const changed = { ...run, metrics: [{ ...metric, ...change }] } as unknown as typeof run;
    expect(unreadFinding(changed)).toBeUndefined();
  });
});
