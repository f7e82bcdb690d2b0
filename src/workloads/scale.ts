/** Changing a replica count through the `scale` subresource: Serin needs no right to change the rest of a Deployment for it. */
import { numberAt } from '../api/fields.ts';
import { type KubeObject, type Patch, TYPES } from '../api/meta.ts';

/** Desired replicas of a Deployment; the API server's default is 1. */
export function replicasOf(deployment: KubeObject): number {
  return numberAt(deployment, 'spec', 'replicas') ?? 1;
}

/**
 * A guarded patch from the replica count that was read to another; `undefined` when it is there already.
 * Scale leaves `spec.replicas: 0` out of its JSON (`omitempty`), so from 0 the guard is the resourceVersion.
 */
export function scalePatch(deployment: KubeObject, replicas: number, fieldManager: string): Patch | undefined {
  const current = replicasOf(deployment);
  if (current === replicas) return undefined;
  const { name, namespace, resourceVersion } = deployment.metadata;
  return {
    kind: 'json',
    target: { type: TYPES.deployment, name, ...(namespace === undefined ? {} : { namespace }) },
    subresource: 'scale',
    operations:
      current === 0
        ? [
            { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
            { op: 'add', path: '/spec/replicas', value: replicas },
          ]
        : [
            { op: 'test', path: '/spec/replicas', value: current },
            { op: 'replace', path: '/spec/replicas', value: replicas },
          ],
    fieldManager,
  };
}

/** The HorizontalPodAutoscaler that targets this Deployment, if any (KEDA makes one too). */
export function autoscalerOf(deploymentName: string, autoscalers: readonly KubeObject[]): KubeObject | undefined {
  return autoscalers.find((autoscaler) => {
    const target = (autoscaler['spec'] as { scaleTargetRef?: { kind?: unknown; name?: unknown } } | undefined)
      ?.scaleTargetRef;
    return target?.kind === 'Deployment' && target.name === deploymentName;
  });
}
