/**
 * kruiseRollout: a Rollout of OpenKruise Rollouts. Its controller owns steps, pods and traffic; Serin approves its pauses, and gives
 * a version up by the only way back there is: the workload gets its previous pod template again.
 */
import { at } from '../api/fields.ts';
import { type ResourceNeed, TYPES } from '../api/meta.ts';
import { isGateOrder } from '../release/gated/orders.ts';
import { patchesFor } from './kruise/patches.ts';
import { findRollout, stateOf } from './kruise/state.ts';
import { ownersOf, WORKLOAD_KINDS } from './kruise/workload.ts';
import type { WorkloadAdapter } from './port.ts';

/** A new version is taken back by the workload's own template. */
const workloadNeed = (type: ResourceNeed['type']): ResourceNeed => ({
  type,
  verbs: ['get', 'list', 'watch', 'patch'],
  because: 'the workload of a Rollout of Kruise Rollouts: an abort gives it its previous pod template back',
});

export const kruiseRollout: WorkloadAdapter = {
  name: 'kruiseRollout',
  needs: [
    {
      type: TYPES.kruiseRollout,
      verbs: ['get', 'list', 'watch'],
      because: 'where a Rollout of Kruise Rollouts stands',
    },
    {
      type: TYPES.kruiseRollout,
      subresource: 'status',
      verbs: ['patch'],
      because: 'approving its pauses and going to another step: its status is its only interface',
    },
    {
      type: TYPES.kruiseRollout,
      verbs: ['patch'],
      because: 'spec.strategy.paused, for a pause on the way, holdTimedPauses and onAbort: pause',
    },
    { type: TYPES.kruiseTrafficRouting, verbs: ['get', 'list', 'watch'], because: 'the weight that a Rollout shares' },
    ...WORKLOAD_KINDS.map(workloadNeed),
    { type: TYPES.controllerRevision, verbs: ['get', 'list', 'watch'], because: 'the previous pod template' },
    { type: TYPES.replicaSet, verbs: ['get', 'list', 'watch'], because: 'which pods run which template' },
    { type: TYPES.pod, verbs: ['get', 'list', 'watch'], because: 'readiness, crashes, and whose numbers are whose' },
  ],

  queries({ namespace, spec }) {
    const name = spec.workload.kruiseRollout?.name;
    if (name === undefined) return [];
    return [
      { kind: 'object', ref: { type: TYPES.kruiseRollout, namespace, name } },
      ...KINDS.map((type) => ({ kind: 'all' as const, type, namespace })),
    ];
  },

  owners({ namespace, spec, objects }) {
    const rollout = objects.find(TYPES.kruiseRollout, namespace, spec.workload.kruiseRollout?.name ?? '');
    return rollout === undefined ? [] : ownersOf(rollout, objects).flatMap(({ metadata }) => metadata.uid ?? []);
  },

  read(input) {
    const found = findRollout(input);
    return found.kind === 'found' ? stateOf(input, found) : found;
  },

  snapshot(input) {
    const found = findRollout(input);
    if (found.kind !== 'found') return undefined;
    const { rollout, versions } = found;
    return {
      uid: rollout.metadata.uid ?? '',
      paused: at(rollout, 'spec', 'strategy', 'paused') ?? null,
      stable: versions.stable.revision,
    };
  },

  write(input, intent) {
    if (!isGateOrder(intent)) return [];
    const found = findRollout(input);
    if (found.kind !== 'found') return [];
    const { gate, canary } = stateOf(input, found);
    const { revision, taken } = input.status ?? {};
    // Another revision than the one the order is about: that is for the next look. Going back has none, and ends all the same.
    const isGone = canary === undefined && (intent.kind === 'giveUp' || intent.kind === 'hold');
    const isEnd = intent.kind === 'hold' && !intent.isHeld;
    if (gate === undefined || (canary?.revision !== revision?.canary && !isGone && !isEnd)) return [];
    const onAbort = input.spec.workload.kruiseRollout?.onAbort ?? 'restore';
    return patchesFor({ found, gate, onAbort, taken: taken?.workload }, intent);
  },
};

/** Which of them it is about stands in the Rollout. */
const KINDS = [TYPES.kruiseTrafficRouting, ...WORKLOAD_KINDS, TYPES.controllerRevision, TYPES.replicaSet, TYPES.pod];
