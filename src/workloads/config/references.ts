/** Which ConfigMaps and Secrets a pod template reads when its pods start, and which of their keys (core/v1 PodSpec). */
import { at, listAt, stringAt } from '../../api/fields.ts';

export interface ConfigReference {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly name: string;
  /** Absent: all of them. */
  readonly keys?: readonly string[];
  /** The environment takes `data` alone, a volume also `binaryData`. */
  readonly isMounted: boolean;
  /** Pods start without the object, and without the keys. */
  readonly isOptional: boolean;
  /** For people: `env LOG_LEVEL of container web`. */
  readonly where: string;
}

/**
 * References of containers, init containers and volumes, in the order of the template. Not those of ephemeral containers (they come and go
 * without a template), of images to pull, and of storage drivers: no container reads these.
 */
export function configReferencesOf(podTemplate: unknown): readonly ConfigReference[] {
  const containers = [
    ...listAt(podTemplate, 'spec', 'initContainers'),
    ...listAt(podTemplate, 'spec', 'containers'),
  ].flatMap(referencesOfContainer);
  return [...containers, ...listAt(podTemplate, 'spec', 'volumes').flatMap(referencesOfVolume)];
}

function referencesOfContainer(container: unknown): readonly ConfigReference[] {
  const of = `of container ${stringAt(container, 'name') ?? ''}`;
  const whole = listAt(container, 'envFrom').flatMap((source) => [
    ...reference('ConfigMap', at(source, 'configMapRef'), { where: `envFrom ${of}` }),
    ...reference('Secret', at(source, 'secretRef'), { where: `envFrom ${of}` }),
  ]);
  const single = listAt(container, 'env').flatMap((variable) => {
    const where = `env ${stringAt(variable, 'name') ?? ''} ${of}`;
    return [
      ...keyReference('ConfigMap', at(variable, 'valueFrom', 'configMapKeyRef'), where),
      ...keyReference('Secret', at(variable, 'valueFrom', 'secretKeyRef'), where),
    ];
  });
  return [...whole, ...single];
}

function referencesOfVolume(volume: unknown): readonly ConfigReference[] {
  const where = `volume ${stringAt(volume, 'name') ?? ''}`;
  const projected = listAt(volume, 'projected', 'sources').flatMap((source) => [
    ...mounted('ConfigMap', at(source, 'configMap'), 'name', where),
    ...mounted('Secret', at(source, 'secret'), 'name', where),
  ]);
  return [
    ...mounted('ConfigMap', at(volume, 'configMap'), 'name', where),
    ...mounted('Secret', at(volume, 'secret'), 'secretName', where),
    ...projected,
  ];
}

function keyReference(kind: ConfigReference['kind'], source: unknown, where: string): readonly ConfigReference[] {
  const key = stringAt(source, 'key');
  return key === undefined ? [] : reference(kind, source, { keys: [key], where });
}

function mounted(
  kind: ConfigReference['kind'],
  source: unknown,
  nameField: 'name' | 'secretName',
  where: string,
): readonly ConfigReference[] {
  const items = listAt(source, 'items').flatMap((item) => stringAt(item, 'key') ?? []);
  const keys = items.length === 0 ? {} : { keys: items };
  return reference(kind, source, { ...keys, where, nameField, isMounted: true });
}

function reference(
  kind: ConfigReference['kind'],
  source: unknown,
  how: {
    readonly where: string;
    readonly keys?: readonly string[];
    readonly nameField?: 'name' | 'secretName';
    readonly isMounted?: true;
  },
): readonly ConfigReference[] {
  const { where, keys, nameField = 'name', isMounted = false } = how;
  const name = stringAt(source, nameField);
  // The API server lets an empty name through; pods with it never start.
  if (name === undefined || name === '') return [];
  const isOptional = at(source, 'optional') === true;
  return [{ kind, name, ...(keys === undefined ? {} : { keys }), isMounted, isOptional, where }];
}
