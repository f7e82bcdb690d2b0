/** Stories of one release each: what is decided, in which order, and what the status says. One row or test per rule. */
import { describe, expect, test } from 'vitest';
import {
  anAnalysis,
  apply,
  ask,
  aSpec,
  aWorld,
  canaryShare,
  conditionOf,
  idleOf,
  judge,
  observe,
  pass,
  released,
  settle,
  type World,
} from './world.ts';
import { nextAction } from '../../../src/release/decide.ts';

const MINUTE = 60_000;
const said = (world: World): string => `${world.status?.phase} ${world.status?.weight} ${world.status?.reason}`;
const toldOf = (world: World): readonly string[] => world.told.map(({ what }) => what);
const step = (world: World): string =>
  `${world.status?.step?.index}/${world.status?.step?.of} ${world.status?.step?.waitingFor}`;

describe('the first look', () => {
  test.each([
    ['all requests go to v1', 0, 'web-v1', 'aaa', 'bbb'],
    ['all requests go to v2', 100, 'web-v2', 'bbb', 'aaa'],
    ['most requests go to v2', 90, 'web-v2', 'bbb', 'aaa'],
  ])('adopts the member with the traffic: %s', (_name, route, live, stable, idleRevision) => {
    const world = aWorld({ route });
    const actions = settle(world);
    expect(world.status).toMatchObject({
      phase: 'Idle',
      reason: 'Initial',
      pair: { live, idleRevision },
      revision: { stable },
    });
    expect(actions.map(({ kind }) => kind)).toEqual(['writeStatus']);
    expect(world.route).toBe(route);
  });

  test('does not adopt routes that say nothing', () => {
    const world = aWorld({ isRouteMissing: true });
    settle(world);
    expect(said(world)).toBe('Idle 0 RouteNotFound');
    expect(conditionOf(world, 'Stalled')).toBe('True RouteNotFound');
    world.isRouteMissing = false;
    settle(world);
    expect(said(world)).toBe('Idle 0 Initial');
  });
});

describe('a release', () => {
  test('prepares before it touches anything: status, finalizer, what is taken, the run', () => {
    const world = aWorld();
    settle(world);
    world.members['web-v2'].revision = 'ccc';
    const kinds = settle(world).map((action) =>
      'because' in action ? `${action.kind} ${action.because}` : action.kind,
    );
    expect(kinds).toEqual([
      'writeStatus new revision',
      'addFinalizer',
      'writeStatus taken',
      'writeStatus routed',
      'announce',
      'createRun',
      'writeStatus analysis run made',
      'writeStatus step 1',
      'writeTraffic Advanced',
      'writeStatus routed',
      'announce',
    ]);
  });

  test('goes up step by step on a Pass each, is promoted, and the pair swaps', () => {
    const world = released();
    const seen = [said(world), ...[1, 2, 3].map(() => (judge(world, 'Pass'), said(world)))];
    expect(seen).toEqual([
      'Progressing 10 Judging',
      'Progressing 25 Judging',
      'Progressing 50 Judging',
      'Promoted 0 Promoted',
    ]);
    expect(world.status).toMatchObject({
      pair: { live: 'web-v2', idleRevision: 'aaa' },
      revision: { stable: 'ccc', previousStable: 'aaa', rejected: [] },
      history: [{ revision: 'ccc', outcome: 'Promoted', weight: 100, attempt: 1 }],
    });
    expect(world.status?.revision.canary).toBeUndefined();
    expect(world.route).toBe(100);
    expect(toldOf(world)).toEqual(['started', 'advanced', 'advanced', 'advanced', 'promoted']);
    expect([...world.runs.values()].every(({ isFinished }) => isFinished)).toBe(true);
  });

  test('three in a row swap each time', () => {
    const world = released();
    for (const revision of ['ddd', 'eee', undefined]) {
      for (let i = 0; i < 3; i++) judge(world, 'Pass');
      expect(world.status?.phase).toBe('Promoted');
      if (revision === undefined) continue;
      world.members[idleOf(world)].revision = revision;
      settle(world);
    }
    expect(world.status).toMatchObject({
      pair: { live: 'web-v2' },
      revision: { stable: 'eee', previousStable: 'ddd' },
    });
    expect(world.route).toBe(100);
  });

  test('is aborted on a Fail: traffic first, then people', () => {
    const world = released();
    judge(world, 'Pass');
    const actions = judge(world, 'Fail').map(({ kind }) => kind);
    expect(actions).toEqual(['writeStatus', 'writeTraffic', 'finishRun', 'writeStatus', 'announce']);
    expect(said(world)).toBe('Aborted 0 ErrorsAboveStable');
    expect(world.status).toMatchObject({
      revision: { stable: 'aaa', canary: 'ccc', rejected: ['ccc'] },
      verdict: { outcome: 'Fail', metric: 'errors', odds: expect.stringMatching(/^3\s100 : 1$/) },
      history: [{ outcome: 'Aborted', reason: 'ErrorsAboveStable', metric: 'errors', weight: 25 }],
    });
    expect(world.status?.message).toBe(
      'Aborted at 25 %: errors: canary 5.06 % against stable 0.50 %. Traffic is at 100 % stable.',
    );
    expect(canaryShare(world)).toBe(0);
    expect(toldOf(world).at(-1)).toBe('aborted');
  });

  test('a step that is too short for a decision is told of once, however long it lasts', () => {
    const world = released();
    const says = 'At this traffic it cannot pass.';
    for (let k = 0; k < 5; k++) judge(world, 'Continue', { reason: 'TooShort', says });
    judge(world, 'Continue');
    judge(world, 'Continue', { reason: 'TooShort', says });
    expect(said(world)).toBe('Progressing 10 TooShort');
    expect(world.status?.message).toBe(says);
    expect(new Set(world.told.filter(({ what }) => what === 'warned').map(({ id }) => id)).size).toBe(1);
    judge(world, 'Pass');
    expect(said(world)).toBe('Progressing 25 Judging');
  });

  test('does not start again with a rejected revision, but does with another', () => {
    const world = released();
    judge(world, 'Fail');
    expect(settle(world)).toEqual([]);
    world.members['web-v2'].revision = 'ddd';
    settle(world);
    expect(said(world)).toBe('Progressing 10 Judging');
  });

  test('waits for pods before the first request, scaling an idle member up and back', () => {
    const world = aWorld();
    settle(world);
    Object.assign(world.members['web-v2'], { revision: 'ccc', replicas: 0, isReady: false });
    settle(world);
    expect(world.members['web-v2'].replicas).toBe(4);
    expect(`${said(world)}, ${step(world)}`).toBe('Waiting 0 WaitingForPods, 0/6 pods');
    world.members['web-v2'].isReady = true;
    settle(world);
    expect(said(world)).toBe('Progressing 10 Judging');
    judge(world, 'Fail');
    expect(world.members['web-v2'].replicas).toBe(0);
    expect(world.status?.taken).not.toHaveProperty('workload');
    pass(world, 5 * MINUTE);
    settle(world);
    expect(world.status?.taken).toBeUndefined();
    expect(world.finalizers).toEqual([]);
  });

  test('without analysis follows its timetable and says so', () => {
    const { analysis: _analysis, ...spec } = aSpec();
    const world = released({ spec });
    expect(`${said(world)} ${world.status?.verdict?.outcome}`).toBe('Progressing 10 Paused Unjudged');
    for (const weight of [25, 50]) {
      pass(world, 3 * MINUTE - 1);
      settle(world);
      expect(world.status?.weight).toBeLessThan(weight);
      pass(world, 1);
      settle(world);
      expect(world.status?.weight).toBe(weight);
    }
    pass(world, 3 * MINUTE);
    settle(world);
    expect(world.status?.phase).toBe('Promoted');
    expect(world.runs.size).toBe(0);
  });
});

describe('a verdict counts only for what it judged', () => {
  test.each([
    ['another revision', { revision: 'ddd' }],
    ['another attempt', { attempt: 2 }],
    ['another step', { step: 1 }],
    ['another weight', { weight: 50 }],
    ['an interval from before the step', { intervalEndMs: 0 }],
  ])('%s', (_name, change) => {
    const world = released();
    judge(world, 'Pass', change);
    if (!('intervalEndMs' in change)) judge(world, 'Fail', change);
    expect(said(world)).toBe('Progressing 10 Judging');
  });

  test('but a Fail needs no time: what was found of the canary before the step is true in it', () => {
    const world = released();
    judge(world, 'Fail', { intervalEndMs: 0 });
    expect(said(world)).toBe('Aborted 0 ErrorsAboveStable');
  });

  test('a Pass that is too old raises nothing', () => {
    const world = released();
    pass(world, 10_000);
    const run = world.runs.get('web-ccc-1');
    if (run === undefined) throw new Error('no run');
    run.verdict = {
      ...run.verdict,
      outcome: 'Pass',
      revision: 'ccc',
      attempt: 1,
      step: 2,
      weight: 10,
      intervalEndMs: world.nowMs,
      reason: 'WithinMargin',
      says: '',
      odds: 1,
      abortAtOdds: 20,
      hadEnoughData: true,
      metrics: [],
    };
    pass(world, 4 * MINUTE);
    settle(world);
    expect(said(world)).toBe('Held 10 NoData');
    judge(world, 'Pass');
    expect(said(world)).toBe('Progressing 25 Judging');
  });

  test('a Pass before atLeast has to hold until then', () => {
    const world = released({
      spec: aSpec({ strategy: { canary: { steps: [{ setWeight: 10 }, { judge: { atLeast: '5m' } }] } } }),
    });
    judge(world, 'Pass');
    expect(world.status?.weight).toBe(10);
    pass(world, 5 * MINUTE);
    judge(world, 'Continue');
    expect(world.status?.weight).toBe(10);
    judge(world, 'Pass');
    expect(world.status?.phase).toBe('Promoted');
  });
});

describe('no decision', () => {
  test.each([
    ['hold', true, 'Held 10 TooFewRequests'],
    ['advance', true, 'Progressing 25 Judging'],
    ['advance', false, 'Held 10 TooFewRequests'],
    ['abort', true, 'Aborted 0 TooFewRequests'],
  ] as const)('onInconclusive: %s, enough data: %s', (onInconclusive, hadEnoughData, expected) => {
    const world = released({ spec: aSpec({ analysis: { ...anAnalysis, onInconclusive } }) });
    judge(world, 'Inconclusive', { hadEnoughData });
    expect(said(world)).toBe(expected);
  });

  test.each(['NoData', 'SourceUnavailable', 'ImplausibleCounter', 'InvalidSpec'])(
    'missing data (%s) aborts nothing, whatever the policy',
    (reason) => {
      const world = released({ spec: aSpec({ analysis: { ...anAnalysis, onInconclusive: 'abort' } }) });
      judge(world, 'Inconclusive', { hadEnoughData: false, reason });
      expect(said(world)).toBe(`Held 10 ${reason}`);
    },
  );

  test('a hold is told once, and ends when the evidence comes', () => {
    const world = released();
    for (let i = 0; i < 5; i++) judge(world, 'Inconclusive');
    expect(toldOf(world).filter((what) => what === 'held')).toHaveLength(1);
    expect(conditionOf(world, 'Stalled')).toBe('True TooFewRequests');
    judge(world, 'Pass');
    expect(said(world)).toBe('Progressing 25 Judging');
  });

  test.each([
    { reasons: ['TooFewRequests', 'TimeIsUp', 'SourceUnavailable', 'NoData'], told: 1 },
    { reasons: ['SourceUnavailable', 'NoData', 'SourceUnavailable'], told: 1 },
    { reasons: ['NoData', 'TooFewRequests'], told: 2 },
  ])(
    'held on $reasons is told $told times: data that comes and goes is no news, a person being needed is',
    ({ reasons, told }) => {
      const world = released();
      for (const reason of reasons) judge(world, 'Inconclusive', { reason, hadEnoughData: false });
      expect(said(world)).toBe(`Held 10 ${reasons.at(-1)}`);
      expect(toldOf(world).filter((what) => what === 'held')).toHaveLength(told);
    },
  );

  test('a missed poll is no hold; blindness is, and it ends by itself', () => {
    const world = released();
    const blind = { reason: 'SourceUnavailable', says: 'Prometheus does not answer.' };
    judge(world, 'Continue', { ...blind, blindSinceMs: world.nowMs });
    expect(world.status?.phase).toBe('Progressing');
    judge(world, 'Continue', { ...blind, blindSinceMs: world.nowMs - 30_000 });
    expect(said(world)).toBe('Held 10 SourceUnavailable');
    expect(world.status?.message).toContain('No usable data since 2025-12-31T23:59:40');
    expect(conditionOf(world, 'Stalled')).toBe('False SourceUnavailable');
    judge(world, 'Continue');
    expect(said(world)).toBe('Progressing 10 Judging');
    expect(toldOf(world).slice(-2)).toEqual(['held', 'resumed']);
  });

  test.each(['Judging', 'TooFewRequests'])('blindness while the last word was %s needs no person', (reason) => {
    const world = released();
    judge(world, 'Continue', { reason, blindSinceMs: world.nowMs - 30_000 });
    expect(said(world)).toBe('Held 10 NoData');
    expect(conditionOf(world, 'Stalled')).toBe('False NoData');
  });

  test('blindness from the first moment of a step is no less blindness', () => {
    const world = released();
    const beforeStepMs = Date.parse(world.status?.step?.since ?? '') - 1;
    const blind = { reason: 'SourceUnavailable', blindSinceMs: beforeStepMs, intervalEndMs: beforeStepMs };
    pass(world, MINUTE);
    judge(world, 'Continue', blind);
    expect(said(world)).toBe('Held 10 SourceUnavailable');
    judge(world, 'Pass', blind);
    expect(world.status).toMatchObject({ phase: 'Progressing', weight: 10 });
  });

  test('a judge that is silent is blindness too', () => {
    const world = released();
    pass(world, 4 * MINUTE);
    settle(world);
    expect(said(world)).toBe('Held 10 NoData');
  });

  describe('in a step that was entered by a clock an hour ahead, which was then set right', () => {
    const enteredAhead = (): World => {
      const world = released();
      pass(world, 60 * MINUTE);
      judge(world, 'Pass');
      pass(world, -60 * MINUTE);
      expect(said(world)).toBe('Progressing 25 Judging');
      return world;
    };

    test('a Fail aborts', () => {
      const world = enteredAhead();
      judge(world, 'Fail');
      expect(said(world)).toBe('Aborted 0 ErrorsAboveStable');
    });

    test('silence holds, and then goes back', () => {
      const world = enteredAhead();
      pass(world, 4 * MINUTE);
      settle(world);
      expect(said(world)).toBe('Held 25 NoData');
      pass(world, 30 * MINUTE);
      settle(world);
      expect(said(world)).toBe('Held 10 Blind');
    });

    test('a clock that is ahead by less than a verdict may be old holds nothing', () => {
      const world = released();
      pass(world, MINUTE);
      judge(world, 'Pass');
      pass(world, -MINUTE);
      settle(world);
      expect(said(world)).toBe('Progressing 25 Judging');
    });
  });

  test('long blindness takes traffic back to the last passed weight, and a new Pass is needed there', () => {
    const world = released();
    judge(world, 'Pass');
    const blindSinceMs = world.nowMs;
    pass(world, 30 * MINUTE);
    judge(world, 'Continue', { blindSinceMs, reason: 'SourceUnavailable' });
    expect(`${said(world)}, ${step(world)}`).toBe('Held 10 Blind, 2/6 judge');
    expect(canaryShare(world)).toBe(10);
    expect(world.status?.revision.rejected).toEqual([]);
    expect(toldOf(world).at(-1)).toBe('retreated');
    judge(world, 'Continue');
    expect(said(world)).toBe('Progressing 10 Judging');
    judge(world, 'Pass');
    expect(said(world)).toBe('Progressing 25 Judging');
  });

  test('blindness at the first weight goes back to 0 and waits for a person', () => {
    const world = released();
    pass(world, 31 * MINUTE);
    settle(world);
    expect(said(world)).toBe('Held 0 Blind');
    expect(canaryShare(world)).toBe(0);
    pass(world, 60 * MINUTE);
    settle(world);
    expect(said(world)).toBe('Held 0 Blind');
    ask(world, 'resume');
    expect(said(world)).toBe('Progressing 10 Judging');
  });
});

describe('the canary’s pods', () => {
  test('a crash loop aborts at once, even before the first request and while paused', () => {
    const world = released();
    ask(world, 'pause');
    Object.assign(world.members['web-v2'], { isReady: false, isCrashLooping: true });
    settle(world);
    expect(said(world)).toBe('Aborted 0 CanaryCrashLooping');
    expect(canaryShare(world)).toBe(0);
  });

  test.each([
    ['before its first requests: ten minutes', false, 10 * MINUTE],
    ['while it has requests: one minute', true, MINUTE],
  ])('no ready pod, %s', (_name, hasRequests, limitMs) => {
    const world = hasRequests ? released() : aWorld();
    if (!hasRequests) {
      settle(world);
      Object.assign(world.members['web-v2'], { revision: 'ccc', isReady: false });
    }
    world.members['web-v2'].isReady = false;
    settle(world);
    pass(world, limitMs - 1_000);
    settle(world);
    expect(world.status?.phase).not.toBe('Aborted');
    pass(world, 1_000);
    settle(world);
    expect(said(world)).toBe('Aborted 0 CanaryNotReady');
  });

  test('a Pass does not raise the weight of pods that are not ready', () => {
    const world = released();
    world.members['web-v2'].isReady = false;
    judge(world, 'Pass');
    expect(world.status?.weight).toBe(10);
    world.members['web-v2'].isReady = true;
    judge(world, 'Pass');
    expect(world.status?.weight).toBe(25);
  });
});

describe('people', () => {
  test('a request is answered once and leaves who and what', () => {
    const world = released();
    ask(world, 'promote', 'ccc', 'r1');
    expect(said(world)).toBe('Progressing 25 Judging');
    expect(world.status?.handledRequest).toEqual({ id: 'r1', action: 'promote', actor: 'ada', result: 'done' });
    expect(settle(world)).toEqual([]);
  });

  test('a request for an older revision is refused and changes nothing else', () => {
    const world = released();
    ask(world, 'promote-full', 'bbb');
    expect(world.status?.handledRequest).toMatchObject({
      result: 'refused',
      message: 'The revision under way is ccc, not bbb. Ask for that one.',
    });
    expect(said(world)).toBe('Progressing 10 Judging');
  });

  test('a request that cannot be read is answered once', () => {
    const world = released();
    const seen = observe(world);
    const action = nextAction({
      ...seen,
      request: { id: 'nonsense', reason: 'RequestRefused', message: 'Write it otherwise.' },
    });
    expect(action).toMatchObject({
      kind: 'writeStatus',
      status: { handledRequest: { id: 'nonsense', result: 'refused', message: 'Write it otherwise.' } },
    });
  });

  test('promote-full goes straight to 100 %, past the analysis', () => {
    const world = released();
    judge(world, 'Inconclusive');
    ask(world, 'promote-full');
    expect(said(world)).toBe('Promoted 0 PromotedByPerson');
    expect(world.route).toBe(100);
  });

  test('promote-full still waits for pods, and a crash loop still calls it back', () => {
    const world = released();
    world.members['web-v2'].isReady = false;
    ask(world, 'promote-full');
    expect(said(world)).toBe('Promoting 10 PromotedByPerson');
    world.members['web-v2'].isCrashLooping = true;
    settle(world);
    expect(said(world)).toBe('Aborted 0 CanaryCrashLooping');
  });

  test.each(['promote', 'skip-step'] as const)('%s leaves the present step', (verb) => {
    const world = released({
      spec: aSpec({ strategy: { canary: { steps: [{ setWeight: 10 }, { pause: {} }, { setWeight: 30 }] } } }),
    });
    expect(`${said(world)}, ${step(world)}`).toBe('Held 10 Paused, 2/5 person');
    ask(world, verb);
    expect(`${said(world)}, ${step(world)}`).toBe('Progressing 10 Judging, 3/5 judge');
    world.members['web-v2'].isReady = false;
    ask(world, verb, 'ccc', 'again');
    expect(world.status?.handledRequest).toMatchObject({
      result: 'refused',
      message: 'The canary’s pods are not all ready. Ask again when they are.',
    });
  });

  test('pause and resume', () => {
    const world = released();
    ask(world, 'pause');
    expect(said(world)).toBe('Held 10 PausedByPerson');
    judge(world, 'Pass');
    expect(said(world)).toBe('Held 10 PausedByPerson');
    expect(conditionOf(world, 'Stalled')).toBe('False PausedByPerson');
    ask(world, 'resume');
    expect(world.status?.weight).toBe(25);
    expect(toldOf(world)).toEqual(['started', 'advanced', 'held', 'resumed', 'advanced']);
  });

  test('resume leaves a step without a decision, but not one without data', () => {
    const world = released();
    judge(world, 'Continue', { blindSinceMs: world.nowMs - MINUTE, reason: 'NoData' });
    ask(world, 'resume', 'ccc', 'r1');
    expect(said(world)).toBe('Held 10 NoData');
    expect(world.status?.handledRequest).toMatchObject({ id: 'r1', result: 'refused' });
    judge(world, 'Inconclusive');
    ask(world, 'resume', 'ccc', 'r2');
    expect(said(world)).toBe('Progressing 25 Judging');
  });

  test('spec.paused holds everything but an abort', () => {
    const world = released();
    world.spec = { ...world.spec, paused: true };
    judge(world, 'Pass');
    expect(said(world)).toBe('Held 10 Paused');
    ask(world, 'resume');
    expect(world.status?.handledRequest).toMatchObject({ result: 'refused' });
    judge(world, 'Fail');
    expect(said(world)).toBe('Aborted 0 ErrorsAboveStable');
  });

  test('an abort beats every other request and stays while its annotation does', () => {
    const world = released();
    world.abortRevision = 'ccc';
    ask(world, 'promote-full');
    expect(said(world)).toBe('Aborted 0 AbortedByPerson');
    ask(world, 'retry', 'ccc', 'r2');
    expect(world.status?.handledRequest).toMatchObject({
      result: 'refused',
      message: 'The annotation serin.dev/abort still gives up ccc. Remove it first.',
    });
    world.abortRevision = undefined;
    ask(world, 'retry', 'ccc', 'r3');
    expect(said(world)).toBe('Progressing 10 Judging');
  });

  test('an abort asked for in advance keeps the revision from starting', () => {
    const world = aWorld({ abortRevision: 'ccc' });
    settle(world);
    world.members['web-v2'].revision = 'ccc';
    settle(world);
    expect(said(world)).toBe('Idle 0 Initial');
  });

  test('each retry is an attempt with its own run, up to the limit', () => {
    const world = released({ spec: aSpec({ analysis: { ...anAnalysis, retryLimit: 2 } }) });
    for (const attempt of [2, 3]) {
      judge(world, 'Fail');
      ask(world, 'retry', 'ccc', `r${attempt}`);
      expect(world.status).toMatchObject({
        attempt,
        analysisRun: `web-ccc-${attempt}`,
        weight: 10,
        revision: { rejected: [] },
      });
    }
    judge(world, 'Fail');
    ask(world, 'retry', 'ccc', 'r4');
    expect(world.status?.handledRequest).toMatchObject({
      result: 'refused',
      message: 'ccc was tried 3 times; spec.analysis.retryLimit allows 2 retries.',
    });
    expect([...world.runs.keys()]).toEqual(['web-ccc-1', 'web-ccc-2', 'web-ccc-3']);
  });

  test('going back to what was stable before is not judged again', () => {
    const world = released();
    for (let i = 0; i < 3; i++) judge(world, 'Pass');
    ask(world, 'promote', 'aaa');
    expect(said(world)).toBe('Promoted 0 RolledBackToPrevious');
    expect(world.status).toMatchObject({
      pair: { live: 'web-v1' },
      revision: { stable: 'aaa', previousStable: 'ccc' },
      verdict: { outcome: 'Unjudged' },
    });
    expect(world.route).toBe(0);
  });
});

describe('the ground moves', () => {
  test('a newer revision takes over: traffic to 0 first, nothing is rejected', () => {
    const world = released();
    judge(world, 'Pass');
    world.members['web-v2'].revision = 'ddd';
    const actions = settle(world).flatMap((action) =>
      action.kind === 'writeTraffic' ? [JSON.stringify(action.intent)] : [],
    );
    expect(actions).toEqual(['{"kind":"weight","canaryWeight":0}', '{"kind":"weight","canaryWeight":10}']);
    expect(said(world)).toBe('Progressing 10 Judging');
    expect(world.status).toMatchObject({
      revision: { canary: 'ddd', rejected: [] },
      history: [{ revision: 'ccc', outcome: 'Superseded', weight: 25 }],
    });
    expect(toldOf(world).slice(-3)).toEqual(['superseded', 'started', 'advanced']);
  });

  test.each([
    ['routes that nobody understands', { traffic: { reason: 'RouteNotUnderstood', message: 'No subset.' } }],
    ['an older Release that claims the same', { conflict: { reason: 'TargetConflict', message: 'Taken.' } }],
  ])('a newer revision waits for %s without the requests of the one before', (_name, change) => {
    const world = released();
    judge(world, 'Pass');
    world.members['web-v2'].revision = 'ddd';
    settle(world, change);
    expect(canaryShare(world)).toBe(0);
    expect(world.status).toMatchObject({ phase: 'Aborted', weight: 0, history: [{ outcome: 'Superseded' }] });
    expect(conditionOf(world, 'Stalled')).toBe(`True ${Object.values(change)[0]?.reason}`);
    settle(world);
    expect(world.status).toMatchObject({ phase: 'Progressing', weight: 10, revision: { canary: 'ddd' } });
  });

  test('a revision that is taken back ends the release and gives everything back', () => {
    const world = released();
    world.members['web-v2'].revision = 'bbb';
    settle(world);
    expect(said(world)).toBe('Aborted 0 Superseded');
    expect(conditionOf(world, 'Completed')).toBe('True Superseded');
    expect(canaryShare(world)).toBe(0);
    pass(world, 5 * MINUTE);
    settle(world);
    expect(world.finalizers).toEqual([]);
  });

  test('a stable version that changes makes the evidence void: again from 0, as a new attempt', () => {
    const world = released();
    judge(world, 'Pass');
    world.members['web-v1'].revision = 'fff';
    settle(world);
    expect(world.status).toMatchObject({ weight: 10, attempt: 2, revision: { stable: 'fff', canary: 'ccc' } });
  });

  test('between releases a changed stable version is followed and said to be unjudged', () => {
    const world = aWorld();
    settle(world);
    world.members['web-v1'].revision = 'fff';
    settle(world);
    expect(`${said(world)} ${world.status?.revision.stable}`).toBe('Idle 0 StableChanged fff');
  });

  test('a run that is deleted takes its evidence along: a new attempt at the same weight', () => {
    const world = released();
    judge(world, 'Pass');
    world.runs.delete('web-ccc-1');
    settle(world);
    expect(world.status).toMatchObject({ weight: 25, attempt: 2, analysisRun: 'web-ccc-2' });
    expect(world.status?.passedWeight).toBeUndefined();
  });

  test('so does a run that somebody ends', () => {
    const world = released();
    const run = world.runs.get('web-ccc-1');
    if (run !== undefined) run.isFinished = true;
    settle(world);
    expect(world.status).toMatchObject({ weight: 10, attempt: 2, analysisRun: 'web-ccc-2' });
  });

  test('past its deadline it is held, but a Fail still aborts', () => {
    const world = released({ spec: aSpec({ progressDeadline: '1h' }) });
    pass(world, 60 * MINUTE);
    judge(world, 'Pass');
    expect(said(world)).toBe('Held 10 DeadlineExceeded');
    ask(world, 'resume');
    expect(world.status?.handledRequest?.result).toBe('refused');
    judge(world, 'Fail');
    expect(said(world)).toBe('Aborted 0 ErrorsAboveStable');
  });

  test.each([
    ['a finer plan', [5, 20, 40], 'Progressing 20 PlanChanged', '4/6'],
    ['the same weight at another place', [1, 25, 60], 'Progressing 25 PlanChanged', '4/6'],
    ['only higher weights', [30, 60], 'Waiting 0 PlanChanged', '0/4'],
  ])('edited steps never raise the weight: %s', (_name, stepWeights, expected, at) => {
    const world = released();
    judge(world, 'Pass');
    world.spec = { ...world.spec, strategy: { canary: { stepWeights } } };
    const seen = observe(world);
    const action = nextAction(seen);
    if (action.kind !== 'writeStatus') throw new Error(action.kind);
    expect(`${action.status.phase} ${action.status.weight} ${action.status.reason}`).toBe(expected);
    expect(`${action.status.step?.index}/${action.status.step?.of}`).toBe(at);
  });

  test('a spec that becomes invalid holds the release, keeps its routes, and still aborts', () => {
    const world = released();
    world.spec = { ...world.spec, strategy: { canary: { stepWeights: [50, 10] } } };
    settle(world);
    expect(said(world)).toBe('Held 10 InvalidSpec');
    world.route = 70;
    settle(world);
    expect(world.route).toBe(10);
    world.abortRevision = 'ccc';
    settle(world);
    expect(said(world)).toBe('Aborted 0 InvalidSpec');
    expect(world.status?.history).toMatchObject([{ outcome: 'Aborted', reason: 'AbortedByPerson' }]);
    expect(world.route).toBe(0);
  });
});

describe('routes', () => {
  test('what somebody changed is put back, counted and told', () => {
    const world = released();
    world.route = 80;
    settle(world);
    expect(world.route).toBe(10);
    expect(world.status?.driftRepairs).toBe(1);
    expect(toldOf(world).at(-1)).toBe('driftRepaired');
  });

  test('a contest is given up after ten repairs, but never in the canary’s favour', () => {
    const world = released();
    for (let i = 0; i < 10; i++) {
      world.route = 0;
      pass(world, 1_000);
      settle(world);
    }
    expect(said(world)).toBe('Held 10 TrafficContested');
    expect(world.status?.driftRepairs).toBe(10);
    pass(world, MINUTE);
    world.route = 0;
    settle(world);
    expect(world.route).toBe(0);
    world.route = 90;
    settle(world);
    expect(world.route).toBe(10);
    world.route = 90;
    pass(world, 5_000);
    settle(world);
    expect(world.route).toBe(90);
    pass(world, 6_000);
    settle(world);
    expect(world.route).toBe(10);
    judge(world, 'Pass');
    expect(world.status?.weight).toBe(10);
    ask(world, 'resume');
    expect(world.status).toMatchObject({ driftRepairs: 0, weight: 25 });
  });

  test('an old manifest that is applied again after a promotion does not roll back', () => {
    const world = released();
    for (let i = 0; i < 3; i++) judge(world, 'Pass');
    world.route = 0;
    settle(world);
    expect(world.route).toBe(100);
    expect(world.status).toMatchObject({ phase: 'Promoted', driftRepairs: 1 });
  });

  test('after an abort the routes are kept while a delayed raise may still arrive; then they are their owner’s again', () => {
    const world = released();
    judge(world, 'Fail');
    world.route = 30;
    settle(world);
    expect(world.route).toBe(0);
    expect(nextAction(observe(world))).toEqual({ kind: 'wait', requeueAfterMs: 5 * MINUTE });
    pass(world, 5 * MINUTE);
    settle(world);
    expect(world.status?.taken).toBeUndefined();
    world.route = 30;
    expect(settle(world)).toEqual([]);
  });

  test('what was taken is forgotten in time, also where the routes cannot be steered any more', () => {
    const world = released();
    judge(world, 'Fail');
    world.isRouteMissing = true;
    pass(world, 5 * MINUTE);
    settle(world);
    expect(world.status?.taken).toBeUndefined();
  });

  test('a missing route holds the release; when it is back it goes on', () => {
    const world = released();
    world.isRouteMissing = true;
    settle(world);
    expect(said(world)).toBe('Held 10 RouteNotFound');
    expect(conditionOf(world, 'TrafficRouted')).toBe('Unknown RouteNotFound');
    world.isRouteMissing = false;
    settle(world);
    expect(said(world)).toBe('Progressing 10 Judging');
    expect(conditionOf(world, 'TrafficRouted')).toBe('True Routed');
  });
});

describe('deletion', () => {
  const remove = (world: World): void => {
    world.deletionTimestamp = new Date(world.nowMs).toISOString();
    world.resourceVersion++;
  };

  test('in the middle of a release gives traffic back, tells people, and then lets go', () => {
    const world = released();
    judge(world, 'Pass');
    remove(world);
    expect(settle(world).map(({ kind }) => kind)).toEqual([
      'writeStatus',
      'writeTraffic',
      'announce',
      'removeFinalizer',
    ]);
    expect(canaryShare(world)).toBe(0);
    expect(world.isGone).toBe(true);
  });

  test('without anything taken there is no finalizer to wait for', () => {
    const world = aWorld();
    settle(world);
    expect(world.finalizers).toEqual([]);
    remove(world);
    expect(settle(world)).toEqual([]);
  });

  test('never holds a namespace up for more than ten minutes', () => {
    const world = released();
    remove(world);
    apply(world, observe(world), nextAction(observe(world)));
    expect(said(world)).toBe('Aborting 0 Deleted');
    const stuck = { ...observe(world), workload: { reason: 'PermissionMissing', message: 'No.' } };
    expect(nextAction({ ...stuck, nowMs: world.nowMs + 9 * MINUTE }).kind).not.toBe('removeFinalizer');
    const late = nextAction({ ...stuck, nowMs: world.nowMs + 10 * MINUTE });
    if (late.kind !== 'writeStatus') throw new Error(late.kind);
    expect(late.status.unannounced?.at(-1)).toMatchObject({ what: 'invalid', reason: 'NotGivenBack' });
    const { unannounced: _told, ...status } = late.status;
    const release = { ...stuck.release, status };
    expect(nextAction({ ...stuck, release, nowMs: world.nowMs + 10 * MINUTE })).toEqual({ kind: 'removeFinalizer' });
  });

  test.each([
    ['Serin was away for an hour', (world: World) => pass(world, 60 * MINUTE)],
    [
      'the clock of the API server is an hour behind',
      (world: World) => void (world.deletionTimestamp = new Date(world.nowMs - 60 * MINUTE).toISOString()),
    ],
  ])('gives everything back all the same when %s', (_name, act) => {
    const world = released();
    judge(world, 'Pass');
    remove(world);
    act(world);
    settle(world);
    expect(world.isGone).toBe(true);
    expect(canaryShare(world)).toBe(0);
    expect(world.told.map(({ reason }) => reason)).not.toContain('NotGivenBack');
  });

  test('late, what is refused is left as it is, and said', () => {
    const world = released();
    for (let i = 0; i < 3; i++) judge(world, 'Pass');
    remove(world);
    pass(world, 10 * MINUTE);
    world.route = 30;
    expect(nextAction(observe(world)).kind).toBe('writeTraffic');
    settle(world, { obstacle: { reason: 'PermissionMissing', message: 'No.' } });
    expect(world.isGone).toBe(true);
    expect(world.route).toBe(30);
    expect(world.told.at(-1)).toMatchObject({ what: 'invalid', reason: 'NotGivenBack' });
  });

  test.each([
    ['is resumed, however late', undefined, 'writeWorkload'],
    [
      'is left paused where that is refused, and that is said',
      { reason: 'PermissionMissing', message: 'No.' },
      'writeStatus',
    ],
  ])('a rollout of another controller that Serin paused %s', (_name, obstacle, expected) => {
    const world = released();
    remove(world);
    const seen = observe(world);
    if (world.status === undefined) throw new Error('no status');
    const status = { ...world.status, gate: { isHeld: false } };
    const spec = { workload: { argoRollout: { name: 'web' } } };
    const late = {
      ...seen,
      release: { ...seen.release, spec, status },
      order: { kind: 'hold', isHeld: false, taken: undefined },
      ...(obstacle === undefined ? {} : { obstacle }),
      nowMs: world.nowMs + 60 * MINUTE,
    } as const;
    const action = nextAction(late);
    if (expected === 'writeWorkload') expect(action.kind).toBe(expected);
    else expect(action).toMatchObject({ kind: 'writeStatus', status: { reason: 'NotGivenBack' } });
  });

  test('gives back what was taken although an older Release claims it by now', () => {
    const world = released();
    judge(world, 'Pass');
    remove(world);
    settle(world, { conflict: { reason: 'TargetConflict', message: 'Taken.' } });
    expect(world.isGone).toBe(true);
    expect(canaryShare(world)).toBe(0);
  });
});

describe('mode: observe', () => {
  const spec = aSpec({ mode: 'observe' });

  test('follows the weights that others set, judges, and writes nothing but status and the run', () => {
    const world = released({ spec });
    world.route = 20;
    const kinds = new Set(settle(world).map(({ kind }) => kind));
    judge(world, 'Pass');
    expect(said(world)).toBe('Progressing 20 Observing');
    expect(world.status?.message).toContain('It would go on');
    judge(world, 'Fail');
    expect(said(world)).toBe('Progressing 20 ErrorsAboveStable');
    expect(world.status?.message).toContain('It would be aborted');
    expect(world.route).toBe(20);
    expect([...kinds].toSorted()).toEqual(['writeStatus']);
    expect(world.finalizers).toEqual([]);
    world.route = 100;
    settle(world);
    expect(world.status).toMatchObject({ phase: 'Promoted', pair: { live: 'web-v2' } });
  });

  test('switched on in the middle of a release gives back what was taken, once', () => {
    const world = released();
    judge(world, 'Pass');
    world.spec = spec;
    settle(world);
    expect(canaryShare(world)).toBe(0);
    expect(world.status?.history).toMatchObject([{ outcome: 'Superseded', reason: 'Observing' }]);
  });
});

describe('obstacles', () => {
  test('a refused write is said, and the write is tried again', () => {
    const world = released();
    judge(world, 'Pass');
    world.route = 10;
    settle(world);
    const obstacle = {
      reason: 'PermissionMissing',
      message: 'The API server refused to patch VirtualService shop/web.',
    };
    const action = nextAction({ ...observe(world), obstacle });
    expect(action).toMatchObject({ kind: 'writeStatus', status: { phase: 'Held', reason: 'PermissionMissing' } });
  });

  test('an abort that cannot reach the routes says so at once, and once', () => {
    const world = released();
    world.abortRevision = 'ccc';
    apply(world, observe(world), nextAction(observe(world)));
    expect(said(world)).toBe('Aborting 0 AbortedByPerson');
    const obstacle = { reason: 'PermissionMissing', message: 'No.' };
    for (const kind of ['writeStatus', 'announce', 'wait']) {
      const seen = { ...observe(world), obstacle };
      const action = nextAction(seen);
      expect(action.kind).toBe(kind);
      apply(world, seen, action);
    }
    expect(said(world)).toBe('Aborting 0 AbortedByPerson');
    expect(conditionOf(world, 'Stalled')).toBe('True AbortedByPerson');
    expect(world.told.at(-1)).toMatchObject({ reason: 'PermissionMissing', message: 'Aborting is stuck: No.' });
  });

  test('the younger of two claimants waits, and starts nothing', () => {
    const world = aWorld();
    settle(world);
    world.members['web-v2'].revision = 'ccc';
    const conflict = { reason: 'TargetConflict', message: 'Deployment web-v1 is already steered.' };
    const action = nextAction({ ...observe(world), conflict });
    expect(action).toMatchObject({ kind: 'writeStatus', status: { phase: 'Idle', reason: 'TargetConflict' } });
  });
});
