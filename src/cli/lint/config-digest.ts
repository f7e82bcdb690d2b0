/** Releases with `configDigest` beside their Deployment: whether there is anything to look at, and what changes without a release all the same. */
import { at, listAt, stringAt } from '../../api/fields.ts';
import { GROUP } from '../../api/meta.ts';
import { configReferencesOf } from '../../workloads/config/references.ts';
import { type Check, findObject, groupOf } from './context.ts';
import { finding } from './finding.ts';

export const checkConfigDigest: Check = (object, context) => {
  if (object.kind !== 'Release' || groupOf(object.apiVersion) !== GROUP) return [];
  const workload = at(object.value, 'spec', 'workload', 'deployment');
  const name = stringAt(workload, 'name') ?? '';
  if (at(workload, 'configDigest') !== true) return [];
  const wanted = { kind: 'Deployment', name, group: 'apps', namespace: object.namespace };
  const deployment = findObject(context, wanted);
  if (deployment === undefined) return [];
  const place = object.place(['spec', 'workload', 'deployment', 'configDigest']);
  const template = at(deployment.value, 'spec', 'template');
  const references = configReferencesOf(template);
  if (references.length === 0) {
    const message = `configDigest is true, but the template of Deployment ${name} reads no ConfigMap and no Secret. Take it out, or name them there.`;
    return [finding('config-digest', place, message)];
  }
  const live = references.filter(({ isMounted, where }) => isMounted && isLive(template, where));
  return [...new Set(live.map(({ kind, name: source, where }) => `${kind} ${source} (${where})`))].map((source) =>
    finding(
      'live-config',
      place,
      `Files of ${source} change under running pods of Deployment ${name} about a minute after the object, before anything is judged. Mount single files with subPath, or give each content a name of its own, if old pods must keep what they have.`,
    ),
  );
};

/** A mount of the whole volume follows its source; one with `subPath` stays as it was when the pod started. */
function isLive(template: unknown, where: string): boolean {
  return ['initContainers', 'containers']
    .flatMap((list) => listAt(template, 'spec', list))
    .flatMap((container) => listAt(container, 'volumeMounts'))
    .some(
      (mount) =>
        where === `volume ${stringAt(mount, 'name') ?? ''}` &&
        !['subPath', 'subPathExpr'].some((key) => at(mount, key)),
    );
}
