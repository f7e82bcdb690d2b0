/** Whether a configuration fits the schema well enough to be merged: fields that exist, of the right shape. */
import { isObject, type Json } from '../json.ts';
import { allowsAnyField, fieldSchema, type Schema } from '../schema/schema.ts';

/** One sentence for each misfit, `.spec.foo: field not declared in schema`. */
export function typedProblems(value: Json, schema: Schema | undefined, path = ''): string[] {
  if (schema === undefined || value === null) return [];
  const { type } = schema;
  if (type === 'object') {
    if (!isObject(value)) return [`${path}: expected map, got ${shown(value)}`];
    return Object.entries(value).flatMap(([key, member]) => {
      const known = fieldSchema(schema, key);
      if (known === undefined && !allowsAnyField(schema) && !isFree(schema)) {
        return [`${path}.${key}: field not declared in schema`];
      }
      return member === undefined ? [] : typedProblems(member, known, `${path}.${key}`);
    });
  }
  if (type === 'array') {
    if (!Array.isArray(value)) return [`${path}: expected list, got ${shown(value)}`];
    return value.flatMap((item, index) => typedProblems(item, schema.items, `${path}[${index}]`));
  }
  return fits(value, type) ? [] : [`${path}: expected ${wanted(type)}, got ${shown(value)}`];
}

/** An object schema without any structure holds anything. */
const isFree = (schema: Schema): boolean =>
  schema.properties === undefined && schema.additionalProperties === undefined;

function fits(value: Json, type: string | undefined): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
    case 'number':
      return typeof value === 'number';
    default:
      return true;
  }
}

const wanted = (type: string | undefined): string =>
  type === 'integer' || type === 'number' ? 'numeric (int or float)' : (type ?? 'scalar');

const shown = (value: Json): string => `&{${typeof value === 'object' ? JSON.stringify(value) : String(value)}}`;
