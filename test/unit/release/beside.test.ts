/** What a canary gets beside its weight: requests that match, and copies. Each is a raise like a weight, and goes the way a weight goes. */
import { describe, expect, test } from 'vitest';
import type { ReleaseSpec, Step } from '../../../src/api/release.ts';
import { nextAction } from '../../../src/release/decide.ts';
import { planOf } from '../../../src/release/plan.ts';
import {
  apply,
  ask,
  aSpec,
  canaryShare,
  observe,
  conditionOf,
  judge,
  pass,
  released,
  settle,
  type World,
} from './world.ts';

const MATCH = { headers: { 'x-canary': { exact: '1' } } } as const;
const { analysis: _judged, ...unjudged } = aSpec();
const inSteps = (...steps: Step[]): ReleaseSpec => aSpec({ strategy: { canary: { steps } } });
/** One pass. */
function settleOnce(world: World): void {
  const seen = observe(world);
  apply(world, seen, nextAction(seen));
}
const said = (world: World): string => `${world.status?.phase} ${world.status?.weight} ${world.status?.reason}`;
const at = (world: World): string => `${world.status?.step?.index}/${world.status?.step?.of}`;

const planned = (spec: ReleaseSpec): string => {
  const plan = planOf(spec);
  if (plan.kind !== 'plan') return plan.message;
  return plan.steps
    .map((step) => {
      if (step.kind === 'setWeight') return String(step.weight);
      if (step.kind === 'judge') return step.isImplied ? 'judge*' : `judge ${step.atLeastMs ?? ''}`.trim();
      if (step.kind === 'match') return step.match.share === undefined ? 'match' : `match ${step.match.share}`;
      return step.kind === 'mirror' ? `mirror ${step.percent}` : step.kind;
    })
    .join(', ');
};

describe('the plan', () => {
  test.each([
    ['copies are judged before users get anything', [{ mirror: 10 }, { setWeight: 5 }], 'mirror 10, judge*, 5, judge*'],
    [
      'all that match leave nothing to compare with before the first weight',
      [{ match: MATCH }, { setWeight: 5 }],
      'match, 5, judge*',
    ],
    ['a share of them does', [{ match: { ...MATCH, share: 50 } }, { setWeight: 5 }], 'match 50, judge*, 5, judge*'],
    [
      'a match is a raise from a weight',
      [{ setWeight: 5 }, { match: MATCH }, { setWeight: 20 }],
      '5, judge*, match, judge*, 20, judge*',
    ],
    ['fewer copies are none', [{ setWeight: 5 }, { mirror: 0 }], '5, mirror 0, judge*'],
    [
      'a judge at copies alone is one',
      [{ mirror: 10 }, { judge: {} }, { mirror: 0 }, { setWeight: 5 }],
      'mirror 10, judge, mirror 0, 5, judge*',
    ],
    [
      'a judge of all that match has no control',
      [{ match: MATCH }, { judge: {} }, { setWeight: 5 }],
      'spec.strategy.canary.steps has a judge at weight 0, where the canary gets all requests that match, and stable none of them to compare with. Give the match a share, or put the judge after a setWeight between 1 and 99.',
    ],
  ] as const)('%s', (_name, steps, expected) => {
    expect(planned(inSteps(...(structuredClone(steps) as unknown as Step[])))).toBe(expected);
  });

  test.each([
    [{ match: {} }, 'steps[0].match matches every request. Name at least one header or cookie.'],
    [
      { match: { headers: { 'X-Canary': { exact: '1' } } } },
      'steps[0].match.headers names "X-Canary", which cannot be matched. Use lower-case letters, digits and -.',
    ],
    [
      { match: { headers: { a: { regex: '(?=b)' } } } },
      'steps[0].match.headers.a.regex is "(?=b)", which looks ahead or behind, which RE2 cannot. Write an RE2 expression for the whole value.',
    ],
    [
      { match: { cookies: { a: { exact: '1' }, b: { exact: '2' } } } },
      'steps[0].match.cookies names a and b, and routers see all cookies as one header. Name one cookie, and the rest by headers.',
    ],
    [
      { match: { headers: { cookie: { exact: '1' } }, cookies: { b: { exact: '2' } } } },
      'steps[0].match names a cookie and the header cookie, which are the same header. Leave one of them.',
    ],
    [
      { match: { headers: { a: { exact: '1', prefix: '1' } } } },
      'steps[0].match.headers.a needs exactly one of exact, prefix and regex. Write one.',
    ],
    [
      { match: { headers: { a: { exact: 'ä' } } } },
      'steps[0].match.headers.a.exact is "ä". Write 1 to 256 printable ASCII characters.',
    ],
    [{ mirror: 101 }, 'steps[0].mirror is 101. Write a whole number from 0 to 100.'],
  ])('refuses %j', (step, message) => {
    expect(planned(inSteps(step as Step, { setWeight: 5 }))).toBe(`spec.strategy.canary.${message}`);
  });

  test.each([{ match: MATCH }, { mirror: 10 }])('refuses %j without a router', (step) => {
    const { traffic: _traffic, ...spec } = inSteps({ setWeight: 5 }, step);
    expect(planned(spec)).toMatch(
      /^spec\.strategy\.canary\.steps\[1\]\.(match|mirror) needs a router that tells requests apart: without/,
    );
  });
});

describe('a match step', () => {
  test('lets the requests that match follow its step, until another match or the end', () => {
    const other = { headers: { 'x-beta': { exact: '1' } } };
    const world = released({ spec: inSteps({ setWeight: 5 }, { match: MATCH }, { match: other }, { setWeight: 50 }) });
    expect(world.beside).toBeUndefined();
    judge(world, 'Pass');
    expect(at(world)).toBe('4/8');
    expect(world.beside).toEqual({ match: MATCH });
    expect(conditionOf(world, 'TrafficRouted')).toBe('True Routed');
    expect(world.status?.conditions.find(({ type }) => type === 'TrafficRouted')?.message).toBe(
      'The canary gets 5 % of the requests, and requests with x-canary: "1".',
    );
    judge(world, 'Pass');
    expect(world.beside).toEqual({ match: other });
    judge(world, 'Pass');
    expect(world).toMatchObject({ route: 50, beside: { match: other } });
    judge(world, 'Pass');
    expect(said(world)).toBe('Promoted 0 Promoted');
    expect(world.beside).toBeUndefined();
    expect(world.status?.beside).toBeUndefined();
  });

  test.each([
    ['a Fail', (world: World) => void judge(world, 'Fail')],
    [
      'an abort',
      (world: World) => {
        world.abortRevision = 'ccc';
        settle(world);
      },
    ],
    [
      'a newer revision',
      (world: World) => {
        world.members['web-v2'].revision = 'ddd';
        settle(world);
      },
    ],
    [
      'a deletion',
      (world: World) => {
        world.deletionTimestamp = new Date(world.nowMs).toISOString();
        world.resourceVersion++;
        settle(world);
      },
    ],
  ])('is taken back by %s', (_name, act) => {
    const world = released({ spec: inSteps({ match: MATCH }, { setWeight: 5 }, { judge: {} }) });
    expect(world.beside).toEqual({ match: MATCH });
    expect(world.status?.weight).toBe(5);
    act(world);
    if (world.members['web-v2'].revision === 'ccc') expect(world.beside).toBeUndefined();
    else expect(world.told.map(({ what }) => what)).toContain('superseded');
  });

  test('waits for pods, and gives up where its users find none', () => {
    const world = released({ spec: inSteps({ match: MATCH }, { pause: {} }, { setWeight: 5 }) });
    expect(at(world)).toBe('2/4');
    world.members['web-v2'].isReady = false;
    settle(world);
    pass(world, 61_000);
    settle(world);
    expect(said(world)).toBe('Aborted 0 CanaryNotReady');
    expect(world.beside).toBeUndefined();
  });

  test('of requests that nobody sees is taken back, to the weight that passed', () => {
    const world = released({ spec: inSteps({ setWeight: 5 }, { match: MATCH }, { setWeight: 50 }) });
    judge(world, 'Pass');
    expect(world).toMatchObject({ beside: { match: MATCH }, status: { weight: 5, passedWeight: 5 } });
    pass(world, 31 * 60_000);
    settle(world);
    expect(said(world)).toBe('Held 5 Blind');
    expect(world.beside).toBeUndefined();
    expect(world.status?.step?.index).toBe(2);
  });

  test('that is changed back is put back, and counted', () => {
    const world = released({ spec: inSteps({ setWeight: 5 }, { match: MATCH }) });
    judge(world, 'Pass');
    world.beside = undefined;
    settle(world);
    expect(world.beside).toEqual({ match: MATCH });
    expect(world.status?.driftRepairs).toBe(1);
  });

  test('that an edit puts before the present step begins the release again, and is not begun beside what it has', () => {
    const world = released({ spec: inSteps({ setWeight: 5 }, { pause: {} }) });
    world.spec = inSteps({ match: MATCH }, { setWeight: 5 }, { pause: {} });
    const seen: string[] = [];
    for (let look = 0; look < 12; look++) {
      settleOnce(world);
      seen.push(`${world.route} ${world.beside === undefined ? 'no match' : 'match'}`);
    }
    expect(seen.filter((each, k) => each !== seen[k - 1])).toEqual(['5 no match', '0 no match', '0 match', '5 match']);
  });
});

describe('copies', () => {
  test('are judged at weight 0, and end with the release', () => {
    const world = released({ spec: inSteps({ mirror: 10 }, { setWeight: 5 }) });
    expect(at(world)).toBe('2/4');
    expect(world).toMatchObject({ route: 0, beside: { mirror: 10 } });
    expect(world.status?.weights?.at(-1)).toMatchObject({ weight: 0, requests: 'both' });
    judge(world, 'Pass');
    expect(world).toMatchObject({ route: 5, beside: { mirror: 10 } });
    judge(world, 'Fail');
    expect(canaryShare(world)).toBe(0);
    expect(world.beside).toBeUndefined();
  });

  test.each([
    ['while they are made', inSteps({ mirror: 10 }, { setWeight: 5 }), 0],
    ['after they ended', inSteps({ mirror: 10 }, { judge: {} }, { mirror: 0 }, { pause: {} }, { setWeight: 5 }), 1],
  ])('are void once stable is another version, %s: a new attempt', (_name, spec, passes) => {
    const world = released({ spec });
    for (let pass = 0; pass < passes; pass++) judge(world, 'Pass');
    world.members['web-v1'].revision = 'fff';
    settle(world);
    expect(world.status).toMatchObject({
      attempt: 2,
      weight: 0,
      analysisRun: 'web-ccc-2',
      revision: { stable: 'fff', canary: 'ccc', rejected: [] },
      history: [{ outcome: 'Superseded', reason: 'StableChanged' }],
    });
  });

  test('hold where nothing is seen of them, and harm nobody', () => {
    const world = released({ spec: inSteps({ mirror: 10 }, { setWeight: 5 }) });
    pass(world, 31 * 60_000);
    settle(world);
    expect(said(world)).toBe('Held 0 NoData');
    expect(world.beside).toEqual({ mirror: 10 });
  });

  test('go on by a person', () => {
    const world = released({ spec: inSteps({ mirror: 10 }, { setWeight: 5 }) });
    ask(world, 'promote');
    expect(world).toMatchObject({ route: 5, beside: { mirror: 10 } });
    ask(world, 'promote-full');
    expect(said(world)).toBe('Promoted 0 PromotedByPerson');
    expect(world.beside).toBeUndefined();
  });
});

describe('an A/B test', () => {
  const abTest = (change: object = {}): ReleaseSpec => ({
    ...aSpec(),
    strategy: { abTest: { match: { cookies: { group: { exact: 'b' } } }, duration: '2h', ...change } },
  });
  const HOURS = 3_600_000;

  test('is a match and a judge that waits for its end; a timetable without analysis; with pods enough in place', () => {
    expect(planned(abTest())).toBe('match, judge 7200000');
    expect(planned({ ...unjudged, strategy: abTest().strategy ?? {} })).toBe('match, pause');
    expect(planned({ ...abTest(), workload: { deployment: { name: 'web' } } })).toBe(
      'setReplicas, match, judge 7200000',
    );
  });

  test.each([
    [{ duration: '0s' }, 'spec.strategy.abTest.duration is 0s, so nothing could be seen. Write e.g. 2h.'],
    [
      { match: { cookies: {} } },
      'spec.strategy.abTest.match matches every request. Name at least one header or cookie.',
    ],
    [{ duration: 'long' }, 'spec.strategy.abTest.duration is "long". Write a duration such as 90s, 5m or 1h30m.'],
  ])('refuses %j', (change, message) => {
    expect(planned(abTest(change))).toContain(message.slice(0, 45));
  });

  test('goes to everybody by a Pass at its end, and not before', () => {
    const world = released({ spec: abTest() });
    expect(world).toMatchObject({ route: 0, beside: { match: { cookies: { group: { exact: 'b' } } } } });
    judge(world, 'Pass');
    expect(said(world)).toBe('Progressing 0 WithinMargin');
    pass(world, 2 * HOURS);
    judge(world, 'Pass');
    expect(said(world)).toBe('Promoted 0 Promoted');
    expect(world).toMatchObject({ route: 100, beside: undefined });
  });

  test('is given up at once by a Fail, and held without a decision', () => {
    const bad = released({ spec: abTest() });
    judge(bad, 'Fail');
    expect(said(bad)).toBe('Aborted 0 ErrorsAboveStable');
    expect(bad.beside).toBeUndefined();
    const undecided = released({ spec: abTest() });
    pass(undecided, 2 * HOURS);
    judge(undecided, 'Inconclusive');
    expect(said(undecided)).toBe('Held 0 TooFewRequests');
    expect(undecided.beside).toBeDefined();
  });

  test('that nobody sees ends with the match', () => {
    const world = released({ spec: abTest() });
    pass(world, 31 * 60_000);
    settle(world);
    expect(said(world)).toBe('Held 0 Blind');
    expect(world.beside).toBeUndefined();
  });
});
