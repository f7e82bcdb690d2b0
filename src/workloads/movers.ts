/** Another controller that moves a Deployment's pods: both would, and each would undo what the other does. */
import { ANEW, type Finding, type KubeObject } from '../api/meta.ts';
import { quote } from '../api/units.ts';
import { rolloutFrom } from './argo/template.ts';
import type { ObjectSet } from './port.ts';

/** Put on a workload by OpenKruise's manager once a Rollout is about it, for its webhook to select by (as recorded). */
const KRUISE_LABEL = 'rollouts.kruise.io/workload-type';

/** A Rollout of OpenKruise or of Argo Rollouts that is about this Deployment; `undefined` where none is known. */
export const movedElsewhere = (deployment: KubeObject, objects: ObjectSet): Finding | undefined =>
  movedByKruise(deployment) ?? movedByArgo(deployment, objects);

function movedByKruise({ metadata }: KubeObject): Finding | undefined {
  if (metadata.labels?.[KRUISE_LABEL] === undefined) return undefined;
  return {
    reason: 'TargetConflict',
    message: `Deployment ${quote(metadata.name)} is moved by a Rollout of OpenKruise (label ${KRUISE_LABEL}). Delete that Rollout and take the label off; to name it in spec.workload.kruiseRollout, ${ANEW}.`,
  };
}

/** It makes pods of every new template at once, and may take the Deployment's own away. */
function movedByArgo(deployment: KubeObject, objects: ObjectSet): Finding | undefined {
  const rollout = rolloutFrom(deployment, objects);
  if (rollout === undefined) return undefined;
  return {
    reason: 'TargetConflict',
    message: `Deployment ${quote(deployment.metadata.name)} holds the template of Rollout ${quote(rollout.metadata.name)} of Argo Rollouts (its spec.workloadRef), which moves the pods. Take its workloadRef out; to name that Rollout in spec.workload.argoRollout, ${ANEW}.`,
  };
}
