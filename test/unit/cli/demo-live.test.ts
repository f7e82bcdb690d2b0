/** Which pods the demo shows beside which numbers. */
import { expect, test } from 'vitest';
import type { Release } from '../../../src/api/release.ts';
import { membersOf } from '../../../src/cli/demo/live.ts';

test.each([
  { phase: 'Idle', live: undefined, stable: 'web-v1', canary: 'web-v2' },
  { phase: 'Progressing', live: 'web-v1', stable: 'web-v1', canary: 'web-v2' },
  { phase: 'Aborted', live: 'web-v2', stable: 'web-v2', canary: 'web-v1' },
  { phase: 'Promoted', live: 'web-v2', stable: 'web-v1', canary: 'web-v2' },
])('$phase with $live live: the release compared $canary with $stable', ({ phase, live, stable, canary }) => {
  const status = { phase, ...(live === undefined ? {} : { pair: { live } }) } as unknown as NonNullable<
    Release['status']
  >;
  const spec = { workload: { pair: { members: ['web-v1', 'web-v2'] as [string, string] } } };
  expect(membersOf({ spec, status })).toEqual({ stable, canary });
});
