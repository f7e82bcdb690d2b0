/**
 * A Rollout of Argo Rollouts may have its pod template in a Deployment (`spec.workloadRef`). Its pods are made from that template, under the
 * same selector, and with `scaleDown` it takes the Deployment's own pods away: nobody else may release that Deployment.
 */
import { stringAt } from '../../api/fields.ts';
import { type Finding, type KubeObject, TYPES } from '../../api/meta.ts';
import { quote } from '../../api/units.ts';
import { RELEASE_LABEL } from '../deployment/marks.ts';
import type { ObjectSet } from '../port.ts';

/** Name of the Deployment that holds the template, if one does. */
function templateOf(rollout: KubeObject): string | undefined {
  const [apiVersion = '', kind] = ['apiVersion', 'kind'].map((field) =>
    stringAt(rollout, 'spec', 'workloadRef', field),
  );
  const isDeployment = kind === TYPES.deployment.kind && apiVersion.split('/')[0] === TYPES.deployment.group;
  return isDeployment ? stringAt(rollout, 'spec', 'workloadRef', 'name') : undefined;
}

/** The Rollout that moves pods of this Deployment's template, as far as Rollouts were asked for. */
export const rolloutFrom = (
  { metadata: { name, namespace = '' } }: KubeObject,
  objects: ObjectSet,
): KubeObject | undefined => objects.all(TYPES.argoRollout, namespace).find((rollout) => templateOf(rollout) === name);

/** The Deployment with the Rollout's template is released in place already. */
export function heldTemplate(rollout: KubeObject, objects: ObjectSet): Finding | undefined {
  const { name, namespace = '' } = rollout.metadata;
  const template = templateOf(rollout);
  const found = template === undefined ? undefined : objects.find(TYPES.deployment, namespace, template);
  const release = found?.metadata.labels?.[RELEASE_LABEL];
  if (template === undefined || release === undefined) return undefined;
  return {
    reason: 'TargetConflict',
    message: `The template of Rollout ${quote(name)} is that of Deployment ${quote(template)} (spec.workloadRef), which Release ${quote(release)} releases in place. Delete that Release, or this one.`,
  };
}
