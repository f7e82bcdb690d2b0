/**
 * One annotation in a pod template says which configuration its pods started with. Serin writes it on the canary's template, and on the user's
 * when the new configuration has passed, as `kubectl rollout restart` writes its own: that is what makes a Deployment replace its pods.
 */
import { at, fieldsAt, labelsAt } from '../../api/fields.ts';
import type { JsonPatchOperation, KubeObject } from '../../api/meta.ts';
import type { ReleaseSpec, ReleaseStatus } from '../../api/release.ts';
import { pointer } from './marks.ts';

export const CONFIG_ANNOTATION = 'serin.dev/config';

const MAP = ['spec', 'template', 'metadata', 'annotations'] as const;
const PATH = `/${MAP.join('/')}`;

/**
 * The Deployment as it would be if it were let through now. Absent an annotation, pods are said to have started with the configuration that was
 * there when Serin first looked (`status.config.baseline`), so looking for the first time changes nothing. The very object, where
 * nothing is to be changed.
 */
export function asWanted(
  deployment: KubeObject,
  { workload }: Pick<ReleaseSpec, 'workload'>,
  status: Pick<ReleaseStatus, 'config'> | undefined,
): KubeObject {
  const { config } = status ?? {};
  if (workload.deployment?.configDigest !== true || config === undefined) return deployment;
  const annotations = labelsAt(deployment, ...MAP);
  if ((annotations[CONFIG_ANNOTATION] ?? config.baseline) === config.digest) return deployment;
  const { [CONFIG_ANNOTATION]: _former, ...rest } = annotations;
  const next = config.digest === config.baseline ? rest : { ...rest, [CONFIG_ANNOTATION]: config.digest };
  return withAnnotations(deployment, next);
}

function withAnnotations(deployment: KubeObject, annotations: Readonly<Record<string, string>>): KubeObject {
  const spec = fieldsAt(deployment, 'spec');
  const template = fieldsAt(spec, 'template');
  const { annotations: _former, ...metadata } = fieldsAt(template, 'metadata');
  // The API server keeps no empty map, and a template with one would be another revision.
  const kept = Object.keys(annotations).length === 0 ? metadata : { ...metadata, annotations };
  return { ...deployment, spec: { ...spec, template: { ...template, metadata: kept } } } as KubeObject;
}

/** From the template as it is to the one that is wanted; to be guarded by a test of the whole template. */
export function markOperations(deployment: KubeObject, wanted: KubeObject): readonly JsonPatchOperation[] {
  const before = at(deployment, ...MAP);
  const after = at(wanted, ...MAP);
  if (wanted === deployment) return [];
  if (after === undefined) return [{ op: 'remove', path: PATH }];
  if (before === undefined) return [{ op: 'add', path: PATH, value: after }];
  const path = `${PATH}/${pointer(CONFIG_ANNOTATION)}`;
  const value = labelsAt(after)[CONFIG_ANNOTATION];
  return [value === undefined ? { op: 'remove', path } : { op: 'add', path, value }];
}
