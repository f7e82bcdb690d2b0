/** Pods that OpenKruise changes in place: the same pod is stable's at first and the canary's then, as recorded from its real controllers. */
import { expect, test } from 'vitest';
import { TYPES } from '../../../src/api/meta.ts';
import { type Arm, type PodLedger, podAt, updateLedger } from '../../../src/metrics/ledger.ts';
import { kruiseRollout } from '../../../src/workloads/kruise-rollout.ts';
import { WORKLOAD_KINDS } from '../../../src/workloads/kruise/workload.ts';
import { objectSet } from '../../support/objects.ts';
import { recordingOf } from '../../support/recorded-rollout.ts';
import { replayed } from '../../support/rollout-replay.ts';

const KINDS = [TYPES.kruiseRollout, ...WORKLOAD_KINDS, TYPES.controllerRevision, TYPES.replicaSet, TYPES.pod];

test.each(['clone-set-in-place-abort', 'advanced-stateful-set-in-place-abort'])(
  '%s: the ledger has each pod on the side whose template it runs',
  async (scenario) => {
    let ledger: PodLedger = [];
    let nowMs = Date.parse('2026-11-22T00:00:00Z');
    const sides = new Set<string>();
    const armsNow = (): readonly (Arm | undefined)[] => {
      const names = new Set(ledger.map(({ name }) => name));
      return [...names].map((name) => podAt(ledger, name, nowMs)?.arm);
    };
    await replayed(recordingOf('kruise-rollouts', scenario), {
      seen: async ({ spec, status, metadata }, kube) => {
        const lists = await Promise.all(KINDS.map((type) => kube.list(type, { namespace: 'shop' })));
        const objects = objectSet(lists.flatMap(({ items }) => items));
        nowMs += 10_000;
        const release = { name: metadata.name, uid: metadata.uid };
        const state = kruiseRollout.read({ namespace: 'shop', spec, status, release, objects, nowMs });
        if (!('stable' in state)) throw new Error(state.message);
        ledger = updateLedger(ledger, { stable: state.stable.pods, canary: state.canary?.pods ?? [] }, nowMs);
        const canaries = armsNow().filter((arm) => arm === 'canary').length;
        if (status?.step?.waitingFor === 'judge') sides.add(`${status.weight} %: ${canaries} of ${armsNow().length}`);
      },
    });
    expect([...sides]).toEqual(['20 %: 1 of 5', '50 %: 3 of 5']);
    expect(new Set(ledger.map(({ uid }) => uid)).size).toBe(5);
    expect(armsNow()).toEqual(['stable', 'stable', 'stable', 'stable', 'stable']);
  },
);
