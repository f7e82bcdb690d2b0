/** What keeps a Deployment from being released in place, each with the field and the fix. Nothing is touched then. */
import { at, labelsAt, stringAt } from '../../api/fields.ts';
import { ANEW, type Finding, type KubeObject, TYPES } from '../../api/meta.ts';
import { quote } from '../../api/units.ts';
import { canaryNameOf } from '../../release/in-place.ts';
import { movedElsewhere } from '../movers.ts';
import type { WorkloadInput } from '../port.ts';
import { selects } from '../selectors.ts';
import { whoseCanary } from './canary.ts';
import { isClaimed, RELEASE_LABEL, ROLE_LABEL } from './marks.ts';

export type Refusal = Finding & { readonly kind?: undefined };

export function refusalOf(input: WorkloadInput): Refusal | undefined {
  const { objects, namespace, spec } = input;
  const name = spec.workload.deployment?.name ?? '';
  const found = objects.find(TYPES.deployment, namespace, name);
  if (found === undefined) {
    return {
      reason: 'WorkloadNotFound',
      message: `spec.workload.deployment.name is ${quote(name)}, but namespace ${namespace} has no Deployment of that name. Create it; to name another, ${ANEW}.`,
    };
  }
  return (
    replacesAllAtOnce(input, found) ??
    hasReservedLabel(found) ??
    movedBesides(input, found) ??
    foreignCanary(input, found) ??
    overlap(input, found)
  );
}

/** What stops all pods before it starts others has no shares to pause at. */
function replacesAllAtOnce({ spec }: WorkloadInput, deployment: KubeObject): Refusal | undefined {
  if (spec.strategy?.rollingUpdate === undefined) return undefined;
  if (stringAt(deployment, 'spec', 'strategy', 'type') !== 'Recreate') return undefined;
  return {
    reason: 'InvalidSpec',
    message: `spec.strategy is rollingUpdate, but Deployment ${quote(deployment.metadata.name)} has spec.strategy.type Recreate, which stops all pods before it starts new ones. Set RollingUpdate there.`,
  };
}

function hasReservedLabel(deployment: KubeObject): Refusal | undefined {
  const places = [
    ['spec', 'selector', 'matchLabels'],
    ['spec', 'template', 'metadata', 'labels'],
  ].filter((path) => labelsAt(deployment, ...path)[ROLE_LABEL] !== undefined);
  const [place] = places;
  if (place === undefined) return undefined;
  return {
    reason: 'InvalidSpec',
    message: `Deployment ${quote(deployment.metadata.name)} has the label ${ROLE_LABEL} in ${place.join('.')}, by which Serin tells canaries apart. Take it out.`,
  };
}

/** Both would pause it, and each would let go what the other holds. */
function movedBesides({ objects, release }: WorkloadInput, deployment: KubeObject): Refusal | undefined {
  return isClaimed(deployment, release?.name) ? undefined : movedElsewhere(deployment, objects);
}

function foreignCanary({ objects, namespace, release }: WorkloadInput, { metadata }: KubeObject): Refusal | undefined {
  const name = canaryNameOf(metadata.name);
  const found = objects.find(TYPES.deployment, namespace, name);
  if (found === undefined || release === undefined || whoseCanary(found, release) !== 'foreign') return undefined;
  return {
    reason: 'InvalidSpec',
    message: `The canary of spec.workload.deployment ${quote(metadata.name)} would be called ${quote(name)}, but a Deployment of that name exists and is not Serin's. Rename or delete that one.`,
  };
}

/** Two held Deployments whose pods each other's selectors find could not be pinned apart. The one that was claimed first goes on. */
function overlap({ objects, namespace, release }: WorkloadInput, deployment: KubeObject): Refusal | undefined {
  if (isClaimed(deployment, release?.name)) return undefined;
  const finds = (one: KubeObject, other: KubeObject): boolean =>
    selects(at(one, 'spec', 'selector'), labelsAt(other, 'spec', 'template', 'metadata', 'labels'));
  const other = objects
    .all(TYPES.deployment, namespace)
    .find(
      (each) =>
        each.metadata.name !== deployment.metadata.name &&
        each.metadata.labels?.[ROLE_LABEL] === undefined &&
        each.metadata.labels?.[RELEASE_LABEL] !== undefined &&
        each.metadata.labels?.[RELEASE_LABEL] !== release?.name &&
        (finds(each, deployment) || finds(deployment, each)),
    );
  if (other === undefined) return undefined;
  return {
    reason: 'TargetConflict',
    message: `The selectors of Deployment ${quote(deployment.metadata.name)} and ${quote(other.metadata.name)} (of Release ${other.metadata.labels?.[RELEASE_LABEL] ?? ''}) find each other's pods. Give their spec.selector and template a label that differs.`,
  };
}
