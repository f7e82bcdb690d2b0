import { describe, expect, test } from 'vitest';
import type { Release } from '../../../src/api/release.ts';
import { planRequest } from '../../../src/cli/act.ts';
import { SerinError } from '../../../src/errors.ts';

type Status = NonNullable<Release['status']>;

function aRelease(status: Partial<Status> = {}, annotations: Record<string, string> = {}): Release {
  return {
    apiVersion: 'serin.dev/v1alpha1',
    kind: 'Release',
    metadata: { name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '1', generation: 1, annotations },
    spec: { workload: { pair: { members: ['web-v1', 'web-v2'] } }, strategy: { canary: { stepWeights: [10] } } },
    status: {
      phase: 'Progressing',
      weight: 10,
      conditions: [],
      revision: { stable: 'old', canary: 'new', rejected: [] },
      ...status,
    },
  };
}

const idle = { phase: 'Idle', revision: { stable: 'old', previousStable: 'older', rejected: ['bad'] } } as const;

describe('what a request writes', () => {
  test.each([
    {
      verb: 'promote',
      release: aRelease(),
      asked: undefined,
      wrote: { 'serin.dev/request': 'promote/new/id1', 'serin.dev/actor': 'ann' },
    },
    { verb: 'abort', release: aRelease(), asked: 'new', wrote: { 'serin.dev/abort': 'new', 'serin.dev/actor': 'ann' } },
    {
      verb: 'retry',
      release: aRelease({ ...idle, phase: 'Aborted', revision: { ...idle.revision, rejected: ['bad'] } }),
      asked: undefined,
      wrote: { 'serin.dev/request': 'retry/bad/id1', 'serin.dev/actor': 'ann' },
    },
    {
      verb: 'promote',
      release: aRelease({ ...idle, revision: { ...idle.revision, rejected: [] } }),
      asked: 'older',
      wrote: { 'serin.dev/request': 'promote/older/id1', 'serin.dev/actor': 'ann' },
    },
  ] as const)('$verb of $asked', ({ verb, release, asked, wrote }) => {
    expect(planRequest(release, verb, asked, 'id1', 'ann')).toMatchObject({ kind: 'write', annotations: wrote });
  });

  test.each([
    { verb: 'abort', given: 'it is asked for already', release: aRelease({}, { 'serin.dev/abort': 'new' }) },
    {
      verb: 'abort',
      given: 'it is done already',
      release: aRelease({ phase: 'Aborted' }, { 'serin.dev/abort': 'new' }),
    },
    {
      verb: 'promote',
      given: 'it is asked for and not answered yet',
      release: aRelease({}, { 'serin.dev/request': 'promote/new/x' }),
    },
    { verb: 'pause', given: 'it is paused', release: aRelease({ paused: true }) },
    { verb: 'resume', given: 'it is not paused', release: aRelease() },
  ] as const)('$verb changes nothing when $given', ({ verb, release }) => {
    expect(planRequest(release, verb, undefined, 'id1', 'ann').kind).toBe('already');
  });

  test('a request that was answered may be made again', () => {
    const answered = aRelease(
      { handledRequest: { id: 'x', action: 'promote', result: 'done' } },
      { 'serin.dev/request': 'promote/new/x' },
    );
    expect(planRequest(answered, 'promote', undefined, 'id1', 'ann').kind).toBe('write');
  });
});

test.each([
  { verb: 'pause', kept: { 'serin.dev/abort': 'new' } },
  { verb: 'retry', kept: {} },
] as const)('$verb after an abort keeps $kept', ({ verb, kept }) => {
  const asked = aRelease({ phase: 'Aborting' }, { 'serin.dev/abort': 'new' });
  const annotations = { ...kept, 'serin.dev/request': `${verb}/new/id1`, 'serin.dev/actor': 'ann' };
  expect(planRequest(asked, verb, undefined, 'id1', 'ann')).toMatchObject({ kind: 'write' });
  expect(planRequest(asked, verb, undefined, 'id1', 'ann')).toHaveProperty('annotations', annotations);
});

describe('what is refused, in words', () => {
  test.each([
    { verb: 'promote', asked: 'old', release: aRelease(), says: 'is at revision new, not old' },
    {
      verb: 'promote',
      asked: undefined,
      release: aRelease({ ...idle, revision: { ...idle.revision, rejected: [] } }),
      says: 'no release under way',
    },
    {
      verb: 'retry',
      asked: undefined,
      release: aRelease({ ...idle, revision: { stable: 'old', rejected: [] } }),
      says: 'no revision that was rejected',
    },
    {
      verb: 'abort',
      asked: undefined,
      release: aRelease({ phase: 'Promoting', rolling: true, pastReturn: true }, { 'serin.dev/abort': 'new' }),
      says: 'it is too late to abort new; the Deployment has replaced most of its own pods',
    },
    ...(['promote', 'pause', 'abort', 'skip-step'] as const).map((verb) => ({
      verb,
      asked: undefined,
      // Its revision stays in the status.
      release: aRelease({ phase: 'Aborted', revision: { stable: 'old', canary: 'new', rejected: ['new'] } }),
      says: `no release under way (it was aborted), so there is nothing to ${verb}`,
    })),
  ] as const)('$verb of $asked', ({ verb, asked, release, says }) => {
    expect(() => planRequest(release, verb, asked, 'id1', 'ann')).toThrow(SerinError);
    expect(() => planRequest(release, verb, asked, 'id1', 'ann')).toThrow(says);
  });
});
