/**
 * argoRollout: a Rollout of Argo Rollouts. Its controller owns steps, pods and traffic; Serin opens its pauses, gives it up, or
 * tries it again. Its own analysis goes on beside, and its verdicts stand.
 */
import { at } from '../api/fields.ts';
import { TYPES } from '../api/meta.ts';
import { isGateOrder } from '../release/gated/orders.ts';
import { patchesFor } from './argo/patches.ts';
import { findRollout, stateOf } from './argo/state.ts';
import type { WorkloadAdapter } from './port.ts';

export const argoRollout: WorkloadAdapter = {
  name: 'argoRollout',
  needs: [
    { type: TYPES.argoRollout, verbs: ['get', 'list', 'watch'], because: 'where a Rollout of Argo Rollouts stands' },
    {
      type: TYPES.argoRollout,
      subresource: 'status',
      verbs: ['patch'],
      because: 'opening its pauses, giving it up, trying it again: its status is its only interface',
    },
    { type: TYPES.argoRollout, verbs: ['patch'], because: 'spec.paused, for a pause on the way and holdTimedPauses' },
    {
      type: TYPES.deployment,
      verbs: ['get', 'list', 'watch'],
      because: 'whether the Deployment with its template (workloadRef) is released in place',
    },
    { type: TYPES.replicaSet, verbs: ['get', 'list', 'watch'], because: 'which pods run which template' },
    { type: TYPES.pod, verbs: ['get', 'list', 'watch'], because: 'readiness, crashes, and whose numbers are whose' },
  ],

  queries({ namespace, spec }) {
    const name = spec.workload.argoRollout?.name;
    if (name === undefined) return [];
    return [
      { kind: 'object', ref: { type: TYPES.argoRollout, namespace, name } },
      { kind: 'all', type: TYPES.deployment, namespace },
      { kind: 'all', type: TYPES.replicaSet, namespace },
      { kind: 'all', type: TYPES.pod, namespace },
    ];
  },

  read(input) {
    const found = findRollout(input);
    return found.kind === 'found' ? stateOf(input, found) : found;
  },

  snapshot(input) {
    const found = findRollout(input);
    if (found.kind !== 'found') return undefined;
    return { uid: found.rollout.metadata.uid ?? '', paused: at(found.rollout, 'spec', 'paused') ?? null };
  },

  write(input, intent) {
    if (!isGateOrder(intent)) return [];
    const found = findRollout(input);
    if (found.kind !== 'found') return [];
    const { gate, canary } = stateOf(input, found);
    // Another revision than the one the order is about: that is for the next look.
    if (gate === undefined || canary?.revision !== input.status?.revision.canary) return [];
    return patchesFor(found, gate, intent);
  },
};
