/** The small parts of the reconcile loop: requests, verdicts as they come over the wire, Events, messages, specs that nobody validated. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../../src/api/meta.ts';
import type { Release } from '../../../src/api/release.ts';
import { messageOf } from '../../../src/controller/announce.ts';
import { eventOf, recordEvent } from '../../../src/controller/events.ts';
import { abortRevisionOf, requestOf } from '../../../src/controller/requests.ts';
import { parseVerdict, runStateOf } from '../../../src/controller/run-state.ts';
import { parseRelease, wellFormed } from '../../../src/controller/spec.ts';
import type { MetricVerdict } from '../../../src/judge/verdict.ts';
import { SerinError } from '../../../src/errors.ts';
import { situationOf } from '../../../src/release/situation.ts';
import { nextAction } from '../../../src/release/decide.ts';
import { ask, aVerdict, judge, observe, released } from '../release/world.ts';

const withAnnotations = (annotations: Record<string, string>): Release => {
  const { release } = observe(released());
  return { ...release, metadata: { ...release.metadata, annotations } };
};
const signal = new AbortController().signal;

describe('requests', () => {
  test.each([
    ['promote/ccc/7f3c', { verb: 'promote', revision: 'ccc', id: '7f3c', actor: 'ada' }],
    [' skip-step/ccc/1 ', { verb: 'skip-step', revision: 'ccc', id: '1', actor: 'ada' }],
    ['', undefined],
  ])('%j is read', (text, expected) => {
    expect(requestOf(withAnnotations({ 'serin.dev/request': text, 'serin.dev/actor': 'ada' }))).toEqual(expected);
  });

  test.each(['promote', 'promote/ccc', 'promote/ccc/', 'destroy/ccc/1', 'promote/ccc/1/2', 'PROMOTE/ccc/1', '//'])(
    '%j is refused with the form it should have',
    (text) => {
      expect(requestOf(withAnnotations({ 'serin.dev/request': text }))).toMatchObject({
        id: text,
        reason: 'RequestRefused',
        message: expect.stringContaining('<verb>/<revision>/<unique id>'),
      });
    },
  );

  test('an abort names a revision', () => {
    expect(abortRevisionOf(withAnnotations({ 'serin.dev/abort': ' ccc ' }))).toBe('ccc');
    expect(abortRevisionOf(withAnnotations({ 'serin.dev/abort': '' }))).toBeUndefined();
  });
});

describe('a run', () => {
  const { release } = observe(released());
  const run = (
    change: Record<string, unknown> = {},
    uid = release.metadata.uid,
    startedAt = '2026-01-01T00:00:00Z',
  ): KubeObject => ({
    apiVersion: 'serin.dev/v1alpha1',
    kind: 'AnalysisRun',
    metadata: { name: 'web-ccc-1' },
    spec: { release: { uid }, startedAt },
    status: { phase: 'Running', ...change },
  });

  test('counts while it runs', () => {
    const verdict = aVerdict(released(), { outcome: 'Pass', split: { canary: 10, stable: 90 } });
    expect(runStateOf(run({ verdict: JSON.parse(JSON.stringify(verdict)) }), release)).toEqual({
      name: 'web-ccc-1',
      isFinished: false,
      verdict,
    });
    expect(runStateOf(run({ phase: undefined }), release)).toEqual({ name: 'web-ccc-1', isFinished: false });
  });

  test.each([
    ['that was terminated is finished', run({ phase: 'Terminated' }), true],
    ['from before this release is finished', run({}, release.metadata.uid, '2025-12-31T00:00:00Z'), true],
    ['of a deleted Release of the same name is none', run({}, 'other'), undefined],
    ['that is not there is none', undefined, undefined],
  ])('%s', (_name, object, isFinished) => {
    expect(runStateOf(object, release)?.isFinished).toBe(isFinished);
  });

  test.each(['outcome', 'revision', 'attempt', 'step', 'weight', 'intervalEndMs'])(
    'a verdict without %s decides nothing',
    (field) => {
      const whole: Record<string, unknown> = { ...aVerdict(released()) };
      const { [field]: _left, ...rest } = whole;
      expect(parseVerdict(rest)).toBeUndefined();
      expect(parseVerdict({ ...whole, [field]: {} })).toBeUndefined();
    },
  );

  test('whatever stands in a verdict, parsing never throws and never invents a Pass', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const verdict = parseVerdict(value);
        expect(verdict === undefined || (value as { outcome?: unknown }).outcome === verdict.outcome).toBe(true);
      }),
    );
  });
});

describe('events', () => {
  const { release } = observe(released());
  const announcement = {
    id: 'uid/ccc/1/aborted',
    what: 'aborted',
    severity: 'Warning',
    reason: 'ErrorsAboveStable',
    message: 'm'.repeat(3_000),
  } as const;

  test('one transition has one name and a message that the API server accepts', () => {
    const [one, other] = [
      eventOf(release, announcement, 1_000, 'pod-1'),
      eventOf(release, announcement, 99_000, 'pod-2'),
    ];
    expect(one.metadata.name).toBe(other.metadata.name);
    expect(one.metadata.name).toMatch(/^web\.[a-z0-9]+$/);
    expect(one['message']).toHaveLength(1024);
    expect(one['eventTime']).toBe('1970-01-01T00:00:01.000000Z');
    expect(eventOf(release, { ...announcement, id: 'x' }, 0, '').metadata.name).not.toBe(one.metadata.name);
  });

  test.each([
    ['SERIN_E_CONFLICT', true],
    ['SERIN_E_FORBIDDEN', false],
    ['SERIN_E_NOT_FOUND', false],
  ] as const)('%s does not hold a release up', async (code, expected) => {
    const create = (): Promise<never> => Promise.reject(new SerinError(code, 'No. Nothing to do.'));
    expect(await recordEvent({ create }, eventOf(release, announcement, 0, 'x'), signal)).toBe(expected);
  });

  test('an API server that does not answer is tried again', async () => {
    const create = (): Promise<never> => Promise.reject(new SerinError('SERIN_E_KUBERNETES', 'Away. Wait.'));
    await expect(recordEvent({ create }, eventOf(release, announcement, 0, 'x'), signal)).rejects.toThrow('Away');
  });
});

describe('messages', () => {
  const metric = {
    name: 'errors',
    outcome: 'Fail',
    reason: 'ErrorsAboveStable',
    says: '',
    critical: true,
    odds: 3_100,
    abortAtOdds: 20,
    failRatio: 1.1,
    canary: { bad: 304, total: 6_011 },
    stable: { bad: 91, total: 18_204 },
    ratio: { estimate: 10.1, interval: { low: 8, high: 12.8 } },
    dispersion: 1,
    dispersionSource: 'stable pods',
    usedIntervals: 10,
    skippedIntervals: {},
    tippedBy: [],
  } as const;

  test('an abort shows what it reached, how long it took, what stays, and the numbers', () => {
    const world = released();
    judge(world, 'Pass');
    judge(world, 'Fail', { metrics: [metric as unknown as MetricVerdict] });
    const { release, run } = observe(world);
    const announcement = world.told.at(-1);
    if (announcement === undefined) throw new Error('nothing was told');
    expect(messageOf(release, announcement, run?.verdict, world.nowMs)).toEqual({
      announcement,
      namespace: 'shop',
      release: 'web',
      revision: { stable: 'aaa', canary: 'ccc' },
      weight: 25,
      elapsedMs: 20_000,
      timeMs: world.nowMs,
      // Groups of three may be set apart by a space that does not break.
      facts: [
        expect.stringMatching(
          /^errors: canary 5\.06 % against stable 0\.50 % \(10\.1×, at least 8\.00×\) · odds 3\s100 : 1$/,
        ),
      ],
    });
  });

  test('a promotion names what was replaced', () => {
    const world = released();
    ask(world, 'promote-full');
    const { release } = observe(world);
    const announcement = world.told.at(-1);
    if (announcement === undefined) throw new Error('nothing was told');
    expect(messageOf(release, announcement, undefined, world.nowMs)).toMatchObject({
      revision: { stable: 'aaa', canary: 'ccc' },
      weight: 100,
      facts: [],
    });
  });

  test('a verdict of another version is left out rather than trusted', () => {
    const world = released();
    const { release } = observe(world);
    const announcement = { id: '1', what: 'held', severity: 'Warning', reason: 'NoData', message: '' } as const;
    const verdict = aVerdict(world, { metrics: [{ name: 'x' }, 5, null].filter((each) => each !== null) as never });
    expect(messageOf(release, announcement, verdict, 0).facts).toEqual([]);
  });
});

describe('a spec that nobody validated', () => {
  test('is named by field and reduced to what is well-formed', () => {
    const { release } = observe(released());
    const object = {
      ...release,
      spec: {
        workload: { pair: { members: ['a', 'b'] } },
        traffic: { istio: { virtualService: { name: 'web', routes: [1, 'main'] } } },
        strategy: 'fast',
        paused: 'yes',
        mode: 'observe',
      },
    } as unknown as KubeObject;
    const parsed = parseRelease(object);
    expect(parsed.invalid?.message).toContain('spec.strategy');
    expect(parsed.release.spec).toEqual({
      workload: { pair: { members: ['a', 'b'] } },
      traffic: { istio: { virtualService: { name: 'web', routes: ['main'] } } },
      strategy: {},
      mode: 'observe',
    });
  });

  test('whatever it is, a decision is made and nothing of the user’s is touched', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.boolean(), (spec, isUnderWay) => {
        const seen = observe(released());
        const object = { ...seen.release, spec, ...(isUnderWay ? {} : { status: undefined }) } as unknown as KubeObject;
        const { release, invalid } = parseRelease(object);
        if (invalid === undefined) return;
        const action = nextAction({ ...seen, release, invalid });
        expect(['writeStatus', 'announce', 'wait']).toContain(action.kind);
        expect(situationOf({ ...seen, release, invalid }).plan).toBeUndefined();
        expect(wellFormed(spec).strategy).toEqual({});
      }),
      { numRuns: 300 },
    );
  });
});
