/** A kind's definition as a CustomResourceDefinition (apiextensions.k8s.io/v1). */
import { isFields } from './fields.ts';
import type { KindDefinition } from './kind.ts';

/** The object that `deploy/crds/<group>_<plural>.yaml` holds; plain JSON. */
export function crdOf(kind: KindDefinition): Readonly<Record<string, unknown>> {
  const { type } = kind;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${type.plural}.${type.group}`,
      labels: { 'app.kubernetes.io/name': 'serin', 'app.kubernetes.io/part-of': 'serin' },
    },
    spec: {
      group: type.group,
      scope: type.namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind: type.kind,
        listKind: `${type.kind}List`,
        plural: type.plural,
        singular: type.kind.toLowerCase(),
        shortNames: kind.shortNames,
        categories: kind.categories,
      },
      versions: [
        {
          name: type.version,
          served: true,
          storage: true,
          ...(kind.status === undefined ? {} : { subresources: { status: {} } }),
          additionalPrinterColumns: kind.columns,
          schema: { openAPIV3Schema: openApiSchema(kind) },
        },
      ],
    },
  };
}

/** The root schema: `apiVersion`, `kind` and `metadata` are the server's; spec is required, status is Serin's. */
export function openApiSchema(kind: KindDefinition): Readonly<Record<string, unknown>> {
  return {
    type: 'object',
    description: kind.description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string', description: 'The version of this schema: serin.dev/v1alpha1.' },
      kind: { type: 'string', description: 'The kind of this object.' },
      metadata: { type: 'object' },
      spec: plain(kind.spec),
      ...(kind.status === undefined ? {} : { status: plain(kind.status) }),
    },
  };
}

/** Fields of a schema in the order in which people read them; what is not named here comes last. */
const READING_ORDER = ['type', 'format', 'description', 'default', 'enum', 'pattern', 'required'];

/** typebox schemas carry symbols and shared objects; the YAML wants neither, and `description` before long properties. */
function plain(schema: unknown): unknown {
  return ordered(JSON.parse(JSON.stringify(schema)), false);
}

/** `isMap`: the keys are names of fields that users write, so they keep the order of the code. */
function ordered(value: unknown, isMap: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => ordered(item, false));
  if (!isFields(value)) return value;
  const keys = Object.keys(value);
  const sorted = isMap
    ? keys
    : [...READING_ORDER.filter((key) => keys.includes(key)), ...keys.filter((key) => !READING_ORDER.includes(key))];
  return Object.fromEntries(sorted.map((key) => [key, ordered(value[key], !isMap && key === 'properties')]));
}
