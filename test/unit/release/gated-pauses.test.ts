/** Pauses of a rollout whose own controller has the steps: what passed at them, and what the rollout goes back to when requests go unseen. */
import { describe, expect, test } from 'vitest';
import type { ReleaseSpec, ReleaseStatus } from '../../../src/api/release.ts';
import type { StepVerdict } from '../../../src/judge/verdict.ts';
import type { Action } from '../../../src/release/action.ts';
import { nextAction } from '../../../src/release/decide.ts';
import { gatedPlanOf } from '../../../src/release/gated/plan.ts';
import { aVerdict, aWorld, releaseWith } from './world.ts';
import type { ArmState, GateState, GateStep, Observed } from '../../../src/release/observed.ts';

const NOW_MS = Date.parse('2026-01-01T01:00:00Z');
const at = (agoMs: number): string => new Date(NOW_MS - agoMs).toISOString();
const MINUTE = 60_000;

const spec: ReleaseSpec = {
  workload: { argoRollout: { name: 'web', holdTimedPauses: true } },
  analysis: { templates: [{ name: 'web' }], retreatAfter: '10m' },
};

const open = (weight: number): GateStep => ({ weight, pause: 'open' });
const timed = (weight: number): GateStep => ({ weight, pause: 5 * MINUTE });
const SET = (weight: number): GateStep => ({ weight });
const EXPERIMENT = (weight: number): GateStep => ({ weight, isMore: true });

function arm(workload: string, revision: string): ArmState {
  return {
    workload,
    revision,
    podLabels: {},
    desiredReplicas: 2,
    readyReplicas: 2,
    isSettled: true,
    pods: [],
  };
}

interface Look {
  readonly steps: readonly GateStep[];
  /** From 1. */
  readonly step: number;
  readonly status?: Partial<ReleaseStatus>;
  readonly verdict?: Partial<StepVerdict>;
}

/** The rollout waits at this step since an hour ago; it is held if its pause ends by itself. */
function found({ steps, step, status, verdict }: Look): Observed {
  const { weight = 0, pause } = steps[step - 1] ?? {};
  const gate: GateState = {
    position: 'gate',
    isSeen: true,
    steps,
    step,
    weight,
    gate: { id: `pause-${step}`, ...(typeof pause === 'number' ? { endsAtMs: NOW_MS - MINUTE } : {}) },
    isHeld: typeof pause === 'number',
  };
  const plan = gatedPlanOf(spec, gate);
  if (plan.kind !== 'plan') throw new Error(plan.message);
  return {
    release: releaseWith(spec, {
      phase: 'Progressing',
      reason: 'Judging',
      revision: { stable: 'old', canary: 'new', rejected: [] },
      attempt: 1,
      startedAt: at(60 * MINUTE),
      weight,
      step: { index: step, of: steps.length, since: at(60 * MINUTE), waitingFor: 'judge' },
      weights: [{ since: at(60 * MINUTE), weight, step }],
      plan: plan.hash,
      analysisRun: 'web-new-1',
      taken: {},
      gate: { at: `pause-${step}`, ...(typeof pause === 'number' ? { isHeld: true } : {}) },
      conditions: [],
      ...status,
    }),
    workload: {
      kind: 'workload',
      gate,
      stable: arm('web-old', 'old'),
      canary: arm('web-new', 'new'),
      isAutoscaled: false,
    },
    traffic: { kind: 'traffic', canaryWeight: weight, drift: [] },
    isTrafficWritten: true,
    isTrafficRestored: true,
    isWorkloadRestored: true,
    canScale: false,
    snapshot: {},
    run: {
      name: 'web-new-1',
      isFinished: false,
      verdict: {
        ...aVerdict(aWorld({ nowMs: NOW_MS - 10_000 })),
        revision: 'new',
        attempt: 1,
        step,
        weight,
        ...verdict,
      },
    },
    nowMs: NOW_MS,
  };
}

/** The same with the conditions of its status as they would be. */
function look(given: Look): Observed {
  const seen = found(given);
  const action = nextAction(seen);
  const isSame = action.kind === 'writeStatus' && action.because === 'analysis run made';
  return isSame ? { ...seen, release: { ...seen.release, status: action.status } } : seen;
}

function statusIn(action: Action): ReleaseStatus {
  if (action.kind !== 'writeStatus') throw new Error(`${action.kind} is no status`);
  return action.status;
}

const PASS = { outcome: 'Pass', reason: 'WithinMargin' } as const;
const BLIND = { outcome: 'Inconclusive', reason: 'NoData', blindSinceMs: NOW_MS - 20 * MINUTE } as const;

describe('a pause that ends by itself and is held', () => {
  const steps = [SET(20), timed(20), SET(50), open(50)];

  test('has passed with its Pass, and is let go of then', () => {
    const seen = look({ steps, step: 2, verdict: PASS });
    const passed = statusIn(nextAction(seen));
    expect(passed).toMatchObject({ passedWeight: 20, verdict: { outcome: 'Pass' }, gate: { isHeld: true } });
    const then = statusIn(nextAction({ ...seen, release: { ...seen.release, status: passed } }));
    expect(then).toMatchObject({ passedWeight: 20, gate: { isHeld: false } });
  });

  test.each<[string, Partial<StepVerdict>]>([
    ['without one', {}],
    ['without a decision', { outcome: 'Inconclusive', reason: 'TooFewRequests' }],
    ['with one that nobody looked after since', { ...PASS, blindSinceMs: NOW_MS - 5 * MINUTE }],
  ])('has not passed %s', (_name, verdict) => {
    const action = nextAction(look({ steps, step: 2, verdict }));
    const status = action.kind === 'writeStatus' ? action.status : undefined;
    expect(status?.passedWeight).toBeUndefined();
    expect(status?.gate?.isHeld ?? true).toBe(true);
  });
});

describe('when requests go unseen, the rollout', () => {
  test.each<{ name: string; steps: readonly GateStep[]; step: number; passed?: number; becomes: object }>([
    {
      name: 'stays where that very weight passed at a pause before',
      steps: [SET(20), timed(20), open(20)],
      step: 3,
      passed: 20,
      becomes: { phase: 'Held', weight: 20, reason: 'NoData' },
    },
    {
      name: 'goes back to the pause that passed last',
      steps: [open(10), SET(20), open(20), SET(50), open(50)],
      step: 5,
      passed: 20,
      becomes: { phase: 'Held', weight: 20, reason: 'Blind', gate: { order: 'goBack' }, step: { index: 3 } },
    },
    {
      name: 'goes back to one that waits, below one that passed and would end by itself',
      steps: [open(10), SET(20), timed(20), SET(50), open(50)],
      step: 5,
      passed: 20,
      becomes: { phase: 'Held', weight: 10, reason: 'Blind', gate: { order: 'goBack' }, step: { index: 1 } },
    },
    {
      name: 'is given up where only such a pause passed',
      steps: [SET(20), timed(20), SET(50), open(50)],
      step: 4,
      passed: 20,
      becomes: {
        phase: 'Aborting',
        // Until its own controller takes that back.
        weight: 50,
        reason: 'Blind',
        message: expect.stringContaining('no earlier pause waits at 20 % or less (what passed there ends by itself)'),
        revision: { rejected: [] },
      },
    },
    {
      name: 'is given up where none passed',
      steps: [SET(20), open(20), SET(50), open(50)],
      step: 2,
      becomes: { phase: 'Aborting', reason: 'Blind', message: expect.stringContaining('no pause passed yet') },
    },
    {
      name: 'is held where what lies between cannot be taken back',
      steps: [open(10), EXPERIMENT(10), SET(50), open(50)],
      step: 4,
      passed: 10,
      becomes: { phase: 'Held', weight: 50, reason: 'NoData' },
    },
  ])('$name', ({ steps, step, passed, becomes }) => {
    const status = passed === undefined ? {} : { passedWeight: passed };
    expect(statusIn(nextAction(look({ steps, step, status, verdict: BLIND })))).toMatchObject(becomes);
  });
});
