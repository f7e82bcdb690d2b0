/** The canary's Deployment, made by Serin beside the user's: the user's template with one more label, under a selector of its own. */
import { at, fieldsAt, labelsAt, sameJson } from '../../api/fields.ts';
import { API_VERSION, type KubeObject, type OwnerReference, TYPES } from '../../api/meta.ts';
import { canaryNameOf } from '../../release/in-place.ts';
import { revisionOf } from '../../release/revision.ts';
import { CANARY_ROLE, RELEASE_LABEL, ROLE_LABEL } from './marks.ts';

export interface Owner {
  readonly name: string;
  readonly uid: string;
}

/** Keeps the user's labels (network policies, monitors, Services), so that its pods are treated like the others. */
export function canaryOf(deployment: KubeObject, owner: Owner, replicas: number): KubeObject {
  const { namespace } = deployment.metadata;
  const template = fieldsAt(deployment, 'spec', 'template');
  const spec = fieldsAt(deployment, 'spec');
  return {
    apiVersion: deployment.apiVersion,
    kind: TYPES.deployment.kind,
    metadata: {
      name: canaryNameOf(deployment.metadata.name),
      ...(namespace === undefined ? {} : { namespace }),
      // None of the Deployment's own labels: GitOps tools take objects with theirs for their own, and prune them.
      labels: { 'app.kubernetes.io/managed-by': 'serin', [RELEASE_LABEL]: owner.name, [ROLE_LABEL]: CANARY_ROLE },
      ownerReferences: [ownerReference(owner)],
    },
    spec: {
      replicas,
      revisionHistoryLimit: 0,
      ...(spec['minReadySeconds'] === undefined ? {} : { minReadySeconds: spec['minReadySeconds'] }),
      ...(spec['progressDeadlineSeconds'] === undefined
        ? {}
        : { progressDeadlineSeconds: spec['progressDeadlineSeconds'] }),
      selector: selectorOf(deployment),
      template: withLabels(template, { ...labelsAt(template, 'metadata', 'labels'), [ROLE_LABEL]: CANARY_ROLE }),
    },
  };
}

/** The user's revision that this canary runs. Whoever edits the canary's template makes it another one. */
export function revisionOfCanary(canary: KubeObject): string {
  const template = fieldsAt(canary, 'spec', 'template');
  const { [ROLE_LABEL]: _role, ...labels } = labelsAt(template, 'metadata', 'labels');
  return revisionOf(withLabels(template, labels));
}

/** Made by Serin, for this Release; one of a Release of the same name that is gone counts as Serin's, but not as this one's. */
export function whoseCanary(canary: KubeObject, owner: Owner): 'ours' | 'left over' | 'foreign' {
  if (canary.metadata.labels?.[ROLE_LABEL] !== CANARY_ROLE) return 'foreign';
  const reference = canary.metadata.ownerReferences?.find(({ kind }) => kind === TYPES.release.kind);
  if (reference === undefined) return 'foreign';
  return reference.uid === owner.uid ? 'ours' : 'left over';
}

/** Selectors cannot be changed: a Deployment that was made anew with another one gets another canary. */
export const hasSelectorOf = (canary: KubeObject, deployment: KubeObject): boolean =>
  sameJson(at(canary, 'spec', 'selector'), selectorOf(deployment));

function selectorOf(deployment: KubeObject): unknown {
  const selector = fieldsAt(deployment, 'spec', 'selector');
  return { ...selector, matchLabels: { ...labelsAt(selector, 'matchLabels'), [ROLE_LABEL]: CANARY_ROLE } };
}

function withLabels(
  template: Readonly<Record<string, unknown>>,
  labels: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  return { ...template, metadata: { ...fieldsAt(template, 'metadata'), labels } };
}

function ownerReference({ name, uid }: Owner): OwnerReference {
  return { apiVersion: API_VERSION, kind: TYPES.release.kind, name, uid, controller: true };
}
