/** A CustomResourceDefinition turned into the resources that it makes the server serve. */
import type { FieldCause } from '../failure.ts';
import { type Json, listAt, objectAt, textAt, valueAt } from '../json.ts';
import type { StoredObject } from '../object.ts';
import { type CompiledRules, checkRules, compileRules } from '../schema/cel.ts';
import { checkAgainstSchema } from '../schema/check.ts';
import { fillDefaults } from '../schema/fill.ts';
import type { Schema } from '../schema/schema.ts';
import { customColumns } from './custom-columns.ts';
import { CUSTOM_VERBS, type Resource, type ScalePaths, storageKey } from './resource.ts';

export interface CustomResource {
  readonly resource: Resource;
  readonly stored: boolean;
}

/** One resource for each served version. */
export function customResources(definition: StoredObject): CustomResource[] {
  const { spec } = definition;
  const group = textAt(spec, 'group') ?? '';
  const plural = textAt(spec, 'names', 'plural') ?? '';
  const kind = textAt(spec, 'names', 'kind') ?? '';
  return listAt(spec, 'versions')
    .filter((version) => valueAt(version, 'served') === true)
    .map((version) => ({
      stored: valueAt(version, 'storage') === true,
      resource: {
        group,
        version: textAt(version, 'name') ?? '',
        kind,
        listKind: textAt(spec, 'names', 'listKind') ?? `${kind}List`,
        plural,
        singular: textAt(spec, 'names', 'singular') ?? kind.toLowerCase(),
        shortNames: listAt(spec, 'names', 'shortNames').map(String),
        categories: listAt(spec, 'names', 'categories').map(String),
        namespaced: textAt(spec, 'scope') === 'Namespaced',
        custom: true,
        storage: storageKey(group, plural),
        verbs: CUSTOM_VERBS,
        generation: 'all',
        unconditionalUpdate: false,
        createOnUpdate: false,
        returnsDeleted: false,
        statusKeeps: [],
        columns: customColumns(listAt(version, 'additionalPrinterColumns')),
        selectableFields: listAt(version, 'selectableFields').map((field) =>
          (textAt(field, 'jsonPath') ?? '').replace(/^\./, ''),
        ),
        ...schemaPart(version),
      },
    }));
}

function schemaPart(version: Json) {
  const schema = schemaOf(version);
  const { rules } = compileRules(schema);
  return {
    schema,
    hasStatus: objectAt(version, 'subresources', 'status') !== undefined,
    scale: scaleOf(version),
    applyDefaults: (object: StoredObject) => fillDefaults(object as Json, withoutMetadata(schema)),
    check: (object: StoredObject, before: StoredObject | undefined) => checkCustom(object, before, schema, rules),
    decodeProblem: () => undefined,
    prepareCreate: () => undefined,
    prepareUpdate: () => undefined,
  };
}

const ANYTHING: Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };

function schemaOf(version: Json): Schema {
  const schema = objectAt(version, 'schema', 'openAPIV3Schema');
  return schema === undefined ? ANYTHING : (schema as Schema);
}

function withoutMetadata(schema: Schema): Schema {
  if (schema.properties?.['metadata'] === undefined) return schema;
  const { metadata: _, ...properties } = schema.properties;
  return { ...schema, properties };
}

function scaleOf(version: Json): ScalePaths | undefined {
  const scale = objectAt(version, 'subresources', 'scale');
  if (scale === undefined) return undefined;
  const path = (name: string): string[] => (textAt(scale, name) ?? '').split('.').filter((part) => part !== '');
  const selector = path('labelSelectorPath');
  return {
    specReplicas: path('specReplicasPath'),
    statusReplicas: path('statusReplicasPath'),
    selector: selector.length === 0 ? undefined : selector,
  };
}

const BLOCKING = new Set<FieldCause['reason']>([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

const RULES_SKIPPED: FieldCause = {
  field: '<nil>',
  reason: 'FieldValueInvalid',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
};

/** Structure first; CEL rules only speak about objects whose shape they can rely on. */
function checkCustom(
  object: StoredObject,
  before: StoredObject | undefined,
  schema: Schema,
  rules: CompiledRules,
): FieldCause[] {
  const value = object as Json;
  const structural = checkAgainstSchema(value, schema, '');
  if (rules.size === 0) return structural;
  if (structural.some((cause) => BLOCKING.has(cause.reason))) return [...structural, RULES_SKIPPED];
  return [...structural, ...checkRules(value, before as Json | undefined, schema, rules, '')];
}
