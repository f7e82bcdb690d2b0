/** Whether a CustomResourceDefinition can be served: names, versions, and a structural schema. */
import type { FieldCause } from '../failure.ts';
import { isObject, type Json, type JsonObject, listAt, objectAt, textAt, valueAt } from '../json.ts';
import type { StoredObject } from '../object.ts';
import { compileRules } from '../schema/cel.ts';
import type { Schema } from '../schema/schema.ts';
import { forbiddenField, invalidValue, required, unsupportedValue } from './causes.ts';
import { immutable } from './metadata-check.ts';

export function checkDefinition(object: StoredObject, before: StoredObject | undefined): FieldCause[] {
  const { spec } = object;
  const group = textAt(spec, 'group') ?? '';
  const plural = textAt(spec, 'names', 'plural') ?? '';
  const causes: FieldCause[] = [];
  if (object.metadata.name !== `${plural}.${group}`) {
    causes.push(invalidValue('metadata.name', object.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (group === '') causes.push(required('spec.group'));
  const scope = textAt(spec, 'scope');
  if (scope === undefined) causes.push(required('spec.scope'));
  else if (scope !== 'Namespaced' && scope !== 'Cluster') {
    causes.push(unsupportedValue('spec.scope', scope, ['Cluster', 'Namespaced']));
  }
  for (const name of ['plural', 'kind']) {
    if ((textAt(spec, 'names', name) ?? '') === '') causes.push(required(`spec.names.${name}`));
  }
  const versions = listAt(spec, 'versions');
  const storage = versions.filter((version) => valueAt(version, 'storage') === true).length;
  if (storage !== 1) {
    causes.push(invalidValue('spec.versions', versions, 'must have exactly one version marked as storage version'));
  }
  versions.forEach((version, index) => {
    // The real server moves the schema of a single version to the top before it checks it.
    const at = versions.length === 1 ? 'spec.validation' : `spec.versions[${index}].schema`;
    causes.push(...checkVersion(version, `spec.versions[${index}]`, at));
  });
  if (before !== undefined) {
    causes.push(...immutable('spec.group', group, valueAt(before.spec, 'group')));
    causes.push(...immutable('spec.scope', scope, valueAt(before.spec, 'scope')));
    causes.push(...immutable('spec.names.kind', valueAt(spec, 'names', 'kind'), valueAt(before.spec, 'names', 'kind')));
  }
  return causes;
}

function checkVersion(version: Json, at: string, schemaAt: string): FieldCause[] {
  const schema = objectAt(version, 'schema', 'openAPIV3Schema');
  if (schema === undefined) return [required(`${at}.schema.openAPIV3Schema`)];
  const root = `${schemaAt}.openAPIV3Schema`;
  const causes = checkStructure(schema, root, true);
  if (causes.length > 0) return causes;
  return compileRules(schema as Schema).problems.map((problem) =>
    invalidValue(`${schemaAt}.${problem.path}`, problem.rule, `compilation failed: ${problem.message}`),
  );
}

/** Every node has a type, and logic (`anyOf`, `not` …) only restricts what the structure already says. */
function checkStructure(schema: JsonObject, at: string, isRoot: boolean): FieldCause[] {
  const causes: FieldCause[] = [];
  const intOrString = schema['x-kubernetes-int-or-string'] === true;
  const preserves = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const type = textAt(schema, 'type') ?? '';
  if (type === '' && !intOrString && !preserves)
    causes.push(required(`${at}.type`, 'must not be empty for specified object fields'));
  if (isRoot && type !== 'object') causes.push(invalidValue(`${at}.type`, type, 'must be object at the root'));
  if (schema['$ref'] !== undefined) causes.push(forbiddenField(`${at}.$ref`, '$ref is not supported'));
  if (schema['uniqueItems'] === true)
    causes.push(
      forbiddenField(
        `${at}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  if (type === 'array' && objectAt(schema, 'items') === undefined)
    causes.push(required(`${at}.items`, 'must be specified'));
  for (const logic of ['anyOf', 'oneOf', 'allOf']) {
    listAt(schema, logic).forEach((part, index) =>
      causes.push(...checkLogic(part, `${at}.${logic}[${index}]`, intOrString)),
    );
  }
  causes.push(...checkLogic(schema['not'], `${at}.not`, intOrString));
  const { properties, items, additionalProperties } = schema;
  if (isObject(properties)) {
    if (isObject(additionalProperties)) {
      causes.push(
        forbiddenField(`${at}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'),
      );
    }
    for (const [name, child] of Object.entries(properties)) {
      if (isObject(child)) causes.push(...checkStructure(child, `${at}.properties[${name}]`, false));
    }
  }
  if (isObject(items)) causes.push(...checkStructure(items, `${at}.items`, false));
  if (isObject(additionalProperties))
    causes.push(...checkStructure(additionalProperties, `${at}.additionalProperties`, false));
  return [...causes, ...checkListType(schema, at)];
}

function checkListType(schema: JsonObject, at: string): FieldCause[] {
  if (textAt(schema, 'x-kubernetes-list-type') !== 'map') return [];
  const keys = listAt(schema, 'x-kubernetes-list-map-keys').map(String);
  if (keys.length === 0) {
    return [required(`${at}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map')];
  }
  return keys.flatMap((key) => {
    const property = objectAt(schema, 'items', 'properties', key);
    if (property === undefined) {
      return [invalidValue(`${at}.x-kubernetes-list-map-keys`, key, 'entries must all be names of item properties')];
    }
    const given = listAt(schema, 'items', 'required').includes(key) || property['default'] !== undefined;
    if (given) return [];
    return [
      required(
        `${at}.items.properties[${key}].default`,
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
      ),
    ];
  });
}

/** Inside logic, no field may be declared anew: no type (but for int-or-string), default, description or nullable. */
function checkLogic(part: Json | undefined, at: string, intOrString: boolean): FieldCause[] {
  if (!isObject(part)) return [];
  const causes: FieldCause[] = [];
  for (const word of ['description', 'default', 'nullable', 'additionalProperties', 'title']) {
    const value = part[word];
    if (value !== undefined && value !== '' && value !== false) {
      causes.push(forbiddenField(`${at}.${word}`, 'must be undefined to be structural'));
    }
  }
  if (part['type'] !== undefined && part['type'] !== '' && !intOrString) {
    causes.push(forbiddenField(`${at}.type`, 'must be empty to be structural'));
  }
  const properties = part['properties'];
  if (isObject(properties)) {
    for (const [name, child] of Object.entries(properties))
      causes.push(...checkLogic(child, `${at}.properties[${name}]`, intOrString));
  }
  return [...causes, ...checkLogic(part['items'], `${at}.items`, intOrString)];
}
