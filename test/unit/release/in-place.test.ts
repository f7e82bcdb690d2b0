/** One Deployment in the middle of its own rollout, when another template comes: whose release it is then, and what users get. */
import { describe, expect, test } from 'vitest';
import type { ReleaseSpec, ReleaseStatus } from '../../../src/api/release.ts';
import { nextAction } from '../../../src/release/decide.ts';
import { NO_STATUS } from '../../../src/release/situation.ts';
import type { ArmState, Observed } from '../../../src/release/observed.ts';
import { inPlaceSpec, inPlaceSwitchSpec } from '../../support/deployment-cluster.ts';
import { releaseWith } from './world.ts';

const NOW = '2026-01-01T00:00:00.000Z';

function arm(workload: string, revision: string): ArmState {
  return { workload, revision, podLabels: {}, desiredReplicas: 4, readyReplicas: 3, isSettled: false, pods: [] };
}

/** `old` was stable, `passed` rolls out, and now the Deployment's template is `next`. */
function rolling(spec: ReleaseSpec, most: string, next: string): Observed {
  const status: ReleaseStatus = {
    phase: 'Promoting',
    reason: 'RollingOut',
    rolling: true,
    revision: { stable: 'old', canary: 'passed', rejected: [] },
    attempt: 1,
    weight: spec.strategy?.blueGreen === undefined ? 50 : 100,
    step: { index: 4, of: 4, since: NOW, waitingFor: 'pods' },
    taken: { workload: { deployment: 'web' }, traffic: { router: 'istio' } },
    conditions: [],
  };
  const stable = arm('web', most);
  const canary = arm('web-canary', next);
  return {
    release: releaseWith(spec, status),
    workload: {
      kind: 'workload',
      stable,
      ...(next === most ? {} : { canary }),
      isAutoscaled: false,
      inPlace: {
        idleCanary: canary,
        revision: next,
        isClaimed: true,
        isHeldByPolicy: false,
        isHeld: false,
        isPausedByPerson: false,
        isMarked: true,
        isUniform: false,
        isRolledOut: false,
        canaryPods: 0,
        strayPods: 2,
        isHandedBack: false,
      },
    },
    traffic: { kind: 'traffic', canaryWeight: 0, drift: [] },
    isTrafficWritten: true,
    isTrafficRestored: false,
    isWorkloadRestored: true,
    canScale: false,
    snapshot: { workload: { deployment: 'web' }, traffic: { router: 'istio' } },
    nowMs: Date.parse(NOW),
  };
}

test.each<{ name: string; most: string; next: string; becomes: object }>([
  {
    name: 'users get the old pods still: it is given up, and no fault of the one that passed',
    most: 'old',
    next: 'next',
    becomes: { phase: 'Aborting', reason: 'Superseded', weight: 0, revision: { stable: 'old', rejected: [] } },
  },
  {
    name: 'users get what passed: that is promoted, and the next one is compared with it',
    most: 'passed',
    next: 'next',
    becomes: { phase: 'Promoted', weight: 0, revision: { stable: 'passed', previousStable: 'old' } },
  },
  {
    name: 'the old image comes back while users get it: nothing is left to release',
    most: 'old',
    next: 'old',
    becomes: { phase: 'Aborting', reason: 'Superseded', weight: 0 },
  },
  {
    name: 'the old image comes back while users get what passed: promoted, and then it goes back',
    most: 'passed',
    next: 'old',
    becomes: { phase: 'Promoted', revision: { stable: 'passed', previousStable: 'old' } },
  },
  {
    name: 'it rolled past Serin: given up, as nobody judged what users get',
    most: 'next',
    next: 'next',
    becomes: { phase: 'Aborting', reason: 'Superseded', weight: 0 },
  },
])('$name', ({ most, next, becomes }) => {
  for (const spec of [inPlaceSpec, inPlaceSwitchSpec]) {
    const action = nextAction(rolling(spec, most, next));
    expect(action).toMatchObject({ kind: 'writeStatus', status: becomes });
    if (action.kind !== 'writeStatus') continue;
    expect(action.status.rolling).toBeUndefined();
    expect(action.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'TrafficRouted', status: 'False' }),
    );
  }
});

test('a configuration that passed is marked only when the routes admit its pods: whoever ends the pause before is held again', () => {
  const observed = rolling(inPlaceSpec, 'old', 'passed');
  if (observed.workload.kind !== 'workload' || observed.workload.inPlace === undefined) throw new Error('no workload');
  const inPlace = { ...observed.workload.inPlace, isMarked: false, isUniform: true };
  const workload = { ...observed.workload, inPlace };
  expect(nextAction({ ...observed, workload })).toMatchObject({
    kind: 'writeWorkload',
    intent: { kind: 'inPlace', order: 'hold' },
  });
});

test('the canary stays until its requests are gone, also where the routes are not understood any more', () => {
  const seen = rolling(inPlaceSpec, 'old', 'passed');
  const { status } = seen.release;
  if (status === undefined || seen.workload.kind === undefined) throw new Error('no status');
  const { inPlace } = seen.workload;
  const { rolling: _rolling, ...before } = status;
  const traffic = { reason: 'RouteNotUnderstood', message: 'Subset "v2" of "web" is defined nowhere. Add it.' };
  const aborting: Observed = {
    ...seen,
    release: {
      ...seen.release,
      status: { ...before, phase: 'Aborting', weight: 0, revision: { ...before.revision, rejected: ['passed'] } },
    },
    workload: { ...seen.workload, ...(inPlace === undefined ? {} : { inPlace: { ...inPlace, isHeld: true } }) },
    traffic,
    isTrafficWritten: false,
    isTrafficRestored: false,
    isWorkloadRestored: false,
  };
  expect(nextAction(aborting)).toMatchObject({ kind: 'writeTraffic', intent: { kind: 'restore' } });
  const stuck = nextAction({ ...aborting, notRestored: traffic });
  expect(stuck).toMatchObject({ kind: 'writeStatus', status: { phase: 'Aborting' } });
  const deleted = { ...aborting.release.metadata, deletionTimestamp: NOW };
  const going: Observed = { ...aborting, release: { ...aborting.release, metadata: deleted }, notRestored: traffic };
  expect(nextAction(going)).toMatchObject({ kind: 'wait' });
});

describe('most of its own pods are replaced by what passed', () => {
  /** What the status becomes, with nothing else changed. */
  const statusAfter = (most: string, status?: ReleaseStatus, abortRevision?: string): ReleaseStatus => {
    let seen = rolling(inPlaceSpec, most, 'passed');
    const { workload, release } = seen;
    if (workload.kind !== 'workload') throw new Error('no workload');
    seen = {
      ...seen,
      release: { ...release, ...(status === undefined ? {} : { status }) },
      workload: { ...workload, canary: arm('web-canary', 'passed') },
      ...(abortRevision === undefined ? {} : { abortRevision }),
    };
    for (let looks = 0; looks < 5; looks++) {
      const action = nextAction(seen);
      if (action.kind === 'wait') return seen.release.status ?? NO_STATUS;
      if (action.kind !== 'writeStatus') throw new Error(action.kind);
      seen = { ...seen, release: { ...seen.release, status: action.status } };
    }
    throw new Error('never settles');
  };

  test('that an abort comes too late is said, with the way back, and an abort changes nothing', () => {
    const status = statusAfter('passed');
    expect(status).toMatchObject({
      phase: 'Promoting',
      pastReturn: true,
      message:
        'web has replaced most of its own pods by passed, so an abort comes too late. Write the former template to go back: it is not judged again.',
    });
    expect(statusAfter('passed', status, 'passed')).toEqual(status);
  });

  test('and no longer where the old pods are the most again, or another release begins', () => {
    const status = statusAfter('passed');
    const back = statusAfter('old', status);
    expect(back).toMatchObject({ phase: 'Promoting', message: 'web replaces its own pods by passed.' });
    const seen = rolling(inPlaceSpec, 'passed', 'next');
    const over = nextAction({ ...seen, release: { ...seen.release, status } });
    expect(over).toMatchObject({ kind: 'writeStatus', status: { phase: 'Promoted' } });
    for (const each of [back, over.kind === 'writeStatus' ? over.status : NO_STATUS])
      expect(each.pastReturn).toBeUndefined();
  });
});
