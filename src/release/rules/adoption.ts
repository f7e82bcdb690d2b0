/** The first look at a workload: what runs now is stable, let through as `Initial`, with nothing to compare it with. */
import type { Rule } from '../situation.ts';
import { adoptedConfig } from './configuration.ts';
import { isAdoptable, waitUntilSettled } from './in-place.ts';
import { draftOf, write } from '../transitions.ts';

/** Of a pair, the member with the greater share of requests is live. */
export const adopt: Rule = (s) => {
  if (s.status.revision.stable !== undefined || s.workload === undefined || s.traffic === undefined) return undefined;
  if (!isAdoptable(s)) return waitUntilSettled(s);
  const { stable, canary } = s.workload;
  const weight = s.traffic.canaryWeight ?? 0;
  const isSwapped = s.spec.workload.pair !== undefined && canary !== undefined && weight > 50;
  const live = isSwapped ? canary : stable;
  const idle = isSwapped ? stable : canary;
  const pair =
    s.spec.workload.pair === undefined
      ? {}
      : { pair: { live: live.workload, ...(idle === undefined ? {} : { idleRevision: idle.revision }) } };
  return write(
    s,
    {
      ...draftOf(s),
      phase: 'Idle',
      reason: 'Initial',
      message: `${live.workload} is live; its revision ${live.revision} is let through, there is nothing to compare it with.`,
      revision: { stable: live.revision, rejected: [] },
      ...pair,
      ...adoptedConfig(s),
      weight: 0,
      verdict: { outcome: 'Initial', reason: 'Initial' },
    },
    'adoption',
  );
};
