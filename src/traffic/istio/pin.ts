/**
 * One Deployment released in place: its stable pods differ from all others by their `pod-template-hash` alone, which no manifest
 * can name. While a release is under way, the subset that leads to them is pinned to it; afterwards it is as its author wrote it.
 */
import { labelsAt, listAt, stringAt } from '../../api/fields.ts';
import { FIELD_MANAGERS, type JsonPatchOperation, type KubeObject, type Patch, TYPES } from '../../api/meta.ts';
import { HASH_LABEL } from '../../workloads/deployment/replica-sets.ts';
import { hasLabels } from '../../workloads/selectors.ts';
import type { TrafficInput } from '../port.ts';
import { canonicalHost, selectorOf } from './destination.ts';

type Labels = Readonly<Record<string, string>>;

/** Stands for the hash where stable has no ReplicaSet. */
const NO_HASH = 'none';

export const isInPlace = ({ spec }: Pick<TrafficInput, 'spec'>): boolean => spec.workload.deployment !== undefined;

function unpinned(labels: Labels): Labels {
  const { [HASH_LABEL]: _hash, ...rest } = labels;
  return rest;
}

/** Stable's labels with a hash in any case, so that no canary has them all. */
export const stableLabels = (input: TrafficInput): Labels =>
  isInPlace(input) ? { [HASH_LABEL]: NO_HASH, ...input.stable.podLabels } : input.stable.podLabels;

/** A subset of the user's labels finds the canary's pods too: it is stable's, pinned or still to be pinned. */
function leadsToStable(labels: Labels, input: TrafficInput): boolean {
  const role = input.canary?.ownLabel;
  const isCanarys = role !== undefined && labels[role.key] === role.value;
  return !isCanarys && hasLabels(input.stable.podLabels, unpinned(labels));
}

/** Subsets of another workload's host may have the very same labels (`track: stable`). */
function isForStable(rule: KubeObject, { objects, namespace, stable }: TrafficInput): boolean {
  const host = stringAt(rule, 'spec', 'host') ?? '';
  const selector = selectorOf({ host }, { namespace, services: objects.all(TYPES.service, namespace) });
  return selector === undefined || hasLabels(stable.podLabels, selector);
}

/** The DestinationRules as they read while stable is pinned: what each subset is for does not depend on whether it is now. */
export function asPinned(rules: readonly KubeObject[], input: TrafficInput): readonly KubeObject[] {
  if (!isInPlace(input)) return rules;
  const hash = stableLabels(input)[HASH_LABEL] ?? NO_HASH;
  return rules.map((rule) => {
    const subsets = listAt(rule, 'spec', 'subsets').map((subset) => {
      const labels = labelsAt(subset, 'labels');
      if (!leadsToStable(labels, input)) return subset;
      return { ...(subset as object), labels: { ...unpinned(labels), [HASH_LABEL]: hash } };
    });
    return { ...rule, spec: { ...(rule['spec'] as object), subsets } };
  });
}

/**
 * Patches that pin the subsets of these hosts that lead to stable, or that take every pin away. `hosts` absent: nothing is pinned.
 * Without stable pods nothing is pinned either: users would be left without endpoints.
 */
export function pinPatches(
  input: TrafficInput,
  rules: readonly KubeObject[],
  hosts: readonly string[] | undefined,
): readonly Patch[] {
  if (!isInPlace(input)) return [];
  const pin = hosts === undefined ? undefined : input.stable.ownLabel;
  const wanted = new Set((hosts ?? []).map((host) => canonicalHost(host, input.namespace)));
  return rules.flatMap((rule) => {
    if (!isForStable(rule, input)) return [];
    const isSteered = wanted.has(canonicalHost(stringAt(rule, 'spec', 'host') ?? '', input.namespace));
    const operations = listAt(rule, 'spec', 'subsets').flatMap((subset, index) => {
      const labels = labelsAt(subset, 'labels');
      if (!leadsToStable(labels, input)) return [];
      const isPinned = labels[HASH_LABEL] !== undefined;
      if (pin !== undefined && isSteered) return operationsFor(subset, index, labels, pin.value);
      return isPinned ? operationsFor(subset, index, labels, undefined) : [];
    });
    if (operations.length === 0) return [];
    const { name, namespace = input.namespace } = rule.metadata;
    const target = { type: TYPES.destinationRule, namespace, name };
    return [{ kind: 'json' as const, target, operations, fieldManager: FIELD_MANAGERS.traffic }];
  });
}

function operationsFor(
  subset: unknown,
  index: number,
  labels: Labels,
  hash: string | undefined,
): readonly JsonPatchOperation[] {
  if (labels[HASH_LABEL] === hash) return [];
  const path = `/spec/subsets/${index}`;
  const guard: JsonPatchOperation = { op: 'test', path: `${path}/name`, value: stringAt(subset, 'name') };
  const rest = unpinned(labels);
  if (hash === undefined) {
    const before: JsonPatchOperation = { op: 'test', path: `${path}/labels/${HASH_LABEL}`, value: labels[HASH_LABEL] };
    // A subset without labels was written without the field.
    const isAlone = Object.keys(rest).length === 0;
    return [guard, before, { op: 'remove', path: isAlone ? `${path}/labels` : `${path}/labels/${HASH_LABEL}` }];
  }
  const isEmpty = Object.keys(labels).length === 0;
  return isEmpty
    ? [guard, { op: 'add', path: `${path}/labels`, value: { [HASH_LABEL]: hash } }]
    : [guard, { op: 'add', path: `${path}/labels/${HASH_LABEL}`, value: hash }];
}
